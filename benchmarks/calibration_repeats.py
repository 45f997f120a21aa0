"""Stimuli that are heard again: false positives where noise is locked to the stimulus, and power, for
`python -m benchmarks.calibration --only repeats`.

What a brain does at a second of a stimulus and no feature tells of is the same in every hearing. A set is one draw of
features and noise; family-wise rates count sets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.bars import Bar
from benchmarks.calibration_parts import BANDED
from benchmarks.conditions import LEVEL, PERMUTATIONS, SPECS, bar
from benchmarks.simulation import Setting, mixed, series, standardized, with_weights
from bids_app import encoding
from bids_app.records import Array, Design, FitSpec, InferenceSpec, Run

FAMILY_LIMIT = 0.07  # of sets
N_TARGETS = 100
HEAD = "| stimuli x hearings-noise-features-locked-signal | each hearing flips alone | hearings flip together "


@dataclass(frozen=True)
class Repeats:
    """So many stimuli, each heard so often, one a run.

    Parameters
    ----------
    n_stimuli, n_hearings : of each.
    noise, features : kinds of `simulation.series`.
    locked : share of the noise that is locked to the stimulus. Of a mean response over many participants it is most.
    signal : share of the variance that the features explain.
    idle : columns of a second band, which says nothing; its unique part is tested then, else the full model.
    """

    n_stimuli: int
    n_hearings: int
    noise: str = "ar.5"
    features: str = "ar.5"
    locked: float = 0.3
    signal: float = 0.0
    idle: int = 0

    @property
    def name(self) -> str:
        """For the table and the bars."""
        kind = f"{self.n_stimuli}x{self.n_hearings}-{self.noise}-{self.features}"
        return f"{kind}-{self.locked}-{self.signal}{'-unique of an idle band' if self.idle else ''}"

    @property
    def tested(self) -> tuple[dict[str, tuple[str, ...]], FitSpec, str]:
        """Feature groups, how they are fitted, and the component."""
        if self.idle:
            return {"x": ("x",), "idle": ("idle",)}, BANDED, "uniqueIdle"
        return {"x": ("x",)}, SPECS["selected"], "full"

    @property
    def once(self) -> Setting:
        """Every stimulus once."""
        return Setting(self.n_stimuli, 200, 2.0, 60.0)

    @property
    def all(self) -> Setting:
        """Every hearing, stimulus after stimulus."""
        return Setting(self.n_stimuli * self.n_hearings, 200, 2.0, 60.0)

    def draw(self, rng: np.random.Generator) -> Design:
        """Features alike in every hearing, and responses."""
        once, heard = self.once, self.all
        X = series(self.features, once, 20, rng)
        bands = {"x": X} | ({"idle": series(self.features, once, self.idle, rng)} if self.idle else {})
        again = np.tile(np.arange(len(X)), self.n_hearings)  # row of the stimulus that each row hears
        locked = series(self.noise, once, N_TARGETS, rng)[again]
        noise = mixed(locked, series(self.noise, heard, N_TARGETS, rng), self.locked, heard)
        Y = mixed(with_weights(X, N_TARGETS, rng, once)[again], noise, self.signal, heard)
        return self._design({name: band[again] for name, band in bands.items()}, standardized(Y, heard))

    def _design(self, bands: Mapping[str, Array], Y: Array) -> Design:
        n = self.once.n_samples
        runs = [
            Run(
                f"run-{run}",
                {name: band[run * n : (run + 1) * n, None] for name, band in bands.items()},
                Y[run * n : (run + 1) * n],
                np.arange(n) * 2.0,
                (str(run % self.n_stimuli),),
            )
            for run in range(self.all.n_runs)
        ]
        return encoding.build_design(runs, "by_run", (0.0,), {}, 6.0)


NULLS = (  # and how many sets of each
    (Repeats(2, 5, "white"), 400),
    (Repeats(1, 10, "white"), 60),
    (Repeats(5, 2, "white"), 60),
    (Repeats(2, 5), 60),
    (Repeats(2, 5, "ar.9", "ar.9"), 60),
    (Repeats(2, 5, "white", locked=0.9), 60),
    (Repeats(2, 5, "white", signal=0.2, idle=10), 400),
    (Repeats(2, 5, "ar.5", signal=0.2, idle=10), 60),
)


@dataclass(frozen=True)
class Found:
    """hits (n_sets, N_TARGETS) p ≤ .05; families (n_sets,) whether any family-wise p is; `blocks` in words."""

    hits: Array
    families: Array
    blocks: str

    @property
    def error(self) -> float:
        """Standard error of the rate over sets, whose targets share features."""
        return float(self.hits.mean(axis=1).std() / np.sqrt(len(self.hits)))

    @property
    def in_words(self) -> str:
        """Per target, and family-wise."""
        return f"{self.hits.mean():.3f} ± {self.error:.3f}, {self.families.mean():.3f}"


def infer(condition: Repeats, sets: int, seed: int, together: bool = True) -> Found:
    """Tests of so many draws; hearings flip together, as they are reported, or each alone."""
    rng, hits, families, blocks = np.random.default_rng(seed), [], [], ""
    for number in range(sets):
        design = condition.draw(rng)
        if not together:
            design = replace(design, first_runs=design.runs, first_times_s=design.times_s)
        plan = InferenceSpec(PERMUTATIONS, condition.all.least_s, number)
        groups, spec, label = condition.tested
        _, tests = encoding.fit_and_infer(design, groups, spec, plan)
        found = tests.components[label]
        hits.append(found.p <= LEVEL)
        families.append(bool((found.p_family <= LEVEL).any()))
        blocks = f"{tests.n_blocks} of {tests.block_s:.0f} s{', frequencies too' if tests.frequencies else ''}"
    return Found(np.array(hits), np.array(families), blocks)


def repeats(quick: bool) -> list[Bar]:
    """Noise locked to stimuli that are heard again, unrelated to the features; and the power beside it."""
    print(f"{HEAD}| blocks |\n|---|---|---|---|")
    bars = []
    for condition, sets in NULLS[:1] if quick else NULLS:
        sets = 20 if quick else sets
        alone, found = infer(condition, min(sets, 60), 0, together=False), infer(condition, sets, 1)
        print(f"| {condition.name} | {alone.in_words} | {found.in_words} | {found.blocks} |", flush=True)
        limit = round(LEVEL + 2.6 * found.error, 4)
        bars.append(Bar(f"repeats-{condition.name}", float(found.hits.mean()), limit, "of nulls"))
        family = bar(f"repeats-family-{condition.name}", found.families)
        bars.append(replace(family, limit=FAMILY_LIMIT) if sets >= 400 else family)
    for share in (0.03,) if quick else (0.01, 0.03):
        condition = Repeats(2, 5, "white", signal=share)
        alone, found = (infer(condition, 5 if quick else 15, 0, together) for together in (False, True))
        print(f"| {condition.name} | {alone.in_words} | {found.in_words} | {found.blocks} |", flush=True)
        kept = float(found.hits.mean() / alone.hits.mean())
        bars.append(Bar(f"repeats-power-{condition.name}", kept, 0.8, "of each alone", False))
    return bars
