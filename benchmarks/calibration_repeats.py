"""Stimuli that are heard again: false positives where noise is locked to the stimulus, and power, for
`python -m benchmarks.calibration --only repeats`.

What a brain does at a second of a stimulus and no feature tells of is the same in every hearing. A set is one draw of
features and noise; family-wise rates count sets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from benchmarks.conditions import LEVEL, PERMUTATIONS, SPECS
from benchmarks.simulation import Setting, mixed, series, standardized, with_weights
from bids_app import encoding
from bids_app.records import Array, Design, InferenceSpec, Run

FAMILY_LIMIT = 0.07  # of sets
N_TARGETS = 100


@dataclass(frozen=True)
class Repeats:
    """So many stimuli, each heard so often, one a run; kinds of noise and features (`simulation.series`); the share
    of the noise that is locked to the stimulus, and of the signal."""

    n_stimuli: int
    n_hearings: int
    noise: str = "ar.5"
    features: str = "ar.5"
    locked: float = 0.3
    signal: float = 0.0

    @property
    def name(self) -> str:
        """For the table and the bars."""
        kind = f"{self.n_stimuli}x{self.n_hearings}-{self.noise}-{self.features}"
        return f"{kind}-{self.locked}-{self.signal}"

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
        again = np.tile(np.arange(len(X)), self.n_hearings)  # row of the stimulus that each row hears
        locked = series(self.noise, once, N_TARGETS, rng)[again]
        noise = mixed(locked, series(self.noise, heard, N_TARGETS, rng), self.locked, heard)
        Y = mixed(with_weights(X, N_TARGETS, rng, once)[again], noise, self.signal, heard)
        return self._design(X[again], standardized(Y, heard))

    def _design(self, X: Array, Y: Array) -> Design:
        n = self.once.n_samples
        runs = [
            Run(
                f"run-{run}",
                {"x": X[run * n : (run + 1) * n, None]},
                Y[run * n : (run + 1) * n],
                np.arange(n) * 2.0,
                (str(run % self.n_stimuli),),
            )
            for run in range(self.all.n_runs)
        ]
        return encoding.build_design(runs, "by_run", (0.0,), {}, 6.0)


def rates(condition: Repeats, sets: int, seed: int, apart: bool = False) -> tuple[Array, Array, str]:
    """(sets · N_TARGETS,) hits a target, (sets,) of families, and the blocks in words; `apart`: hearings flip each
    alone."""
    rng = np.random.default_rng(seed)
    hits, families, told = [], [], ""
    for number in range(sets):
        design = condition.draw(rng)
        if apart:
            design = replace(design, first_runs=design.runs, first_times_s=design.times_s)
        plan = InferenceSpec(PERMUTATIONS, condition.all.least_s, number)
        _, tests = encoding.fit_and_infer(design, {"x": ("x",)}, SPECS["selected"], plan)
        found = tests.components["full"]
        hits.append(found.p <= LEVEL)
        families.append(bool(found.p_family.min() <= LEVEL))
        told = f"{tests.n_blocks} of {tests.block_s:.0f} s{', frequencies' if tests.frequencies else ''}"
    return np.concatenate(hits), np.array(families), told
