"""Simulated conditions of the calibration: null data, the tests on them, and the limits on their false positives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.stats import binom

from benchmarks.bars import Bar
from benchmarks.nulls import design_of, models_of, null_of
from benchmarks.simulation import FMRI, WORDS, Setting, bursts, series
from bids_app import encoding
from bids_app.encoding.inference.blocks import Blocks
from bids_app.encoding.inference.fit_and_infer import data_blocks
from bids_app.encoding.inference.flips.flip_units import FlipUnits, frequency_flip_units, time_flip_units
from bids_app.encoding.inference.flips.signs import Signs
from bids_app.encoding.inference.multiple_testing import p_values
from bids_app.encoding.ridge.fitted import Fitted
from bids_app.records import Array, Design, FitSpec, InferenceSpec, Inferred

LEVEL = 0.05
PERMUTATIONS = 400
RIDGE = FitSpec(solver="ridge", alphas=(1e-1, 1e6, 15))
SPECS = {
    "selected": RIDGE,
    "lowest": replace(RIDGE, alphas=(1e-1, 1e-1, 1)),
    "highest": replace(RIDGE, alphas=(1e6, 1e6, 1)),
}
NOISES = (  # of noise and features; words are 1/f noise and smooth features at words' rate
    ("white", "ar.5", FMRI, False),
    ("ar.5", "ar.5", FMRI, False),
    ("ar.9", "ar.5", FMRI, False),
    ("ar.9", "ar.9", FMRI, False),
    ("1/f", "1/f", FMRI, False),
    ("ar.5", "ar.5", FMRI, True),
    ("1/f", "ar.9", WORDS, False),
)


@dataclass(frozen=True)
class Condition:
    """What is simulated: kinds of noise and features (`simulation.series`), in bursts or not; how alpha is set."""

    noise: str
    features: str
    setting: Setting
    in_bursts: bool
    columns: int
    alpha: str

    @property
    def name(self) -> str:
        """For the table and the bars."""
        kind = "-bursts" if self.in_bursts else "-words" if self.setting == WORDS else ""
        return f"{self.noise}-{self.features}{kind}-{self.columns}-{self.alpha}"

    @property
    def spec(self) -> FitSpec:
        """Plain ridge."""
        return SPECS[self.alpha]

    def draw(self, n_targets: int, rng: np.random.Generator) -> Design:
        """Features (one band) and unrelated responses, outer folds by run."""
        envelope = bursts(self.setting, rng) if self.in_bursts else None
        X = series(self.features, self.setting, self.columns, rng, envelope)
        Y = series(self.noise, self.setting, n_targets, rng, envelope)
        return design_of({"x": X}, Y, self.setting.runs, self.setting.times_s)


def conditions(columns: Sequence[int] = (20, 160)) -> list[Condition]:
    """All kinds of noise, numbers of columns and settings of alpha."""
    return [Condition(*kind, count, alpha) for kind in NOISES for count in columns for alpha in SPECS]


def blocks_of(design: Design, spec: FitSpec, least_s: float) -> Blocks:
    """Blocks as the data ask for them."""
    return data_blocks(design, {name: (name,) for name in design.bands}, spec, least_s)


def flips(models: Sequence[Fitted], flip_units: FlipUnits, n_targets: int, seed: int) -> torch.Tensor:
    """(n_vectors, n_targets) rsquared under refit sign flips, in float32."""
    signs = Signs.draw(flip_units.count, PERMUTATIONS, seed, torch.float32)
    return null_of(models, flip_units, n_targets, signs)


def total_nulls(design: Design, condition: Condition, seed: int) -> list[torch.Tensor]:
    """Of time blocks and, where the data are smooth, of frequencies: the test of totals takes the larger p."""
    blocks = blocks_of(design, condition.spec, condition.setting.least_s)
    kinds = [time_flip_units(blocks.labels)]
    if blocks.smooth:
        kinds.append(frequency_flip_units(design.runs, design.folds))
    models = models_of(design, condition.spec)
    return [flips(models, flip_units, design.Y.shape[1], seed) for flip_units in kinds]


def infer(design: Design, spec: FitSpec, least_s: float, seed: int) -> tuple[dict[str, Array], dict[str, Inferred]]:
    """All unions of the bands: components' values and what is inferred."""
    groups = {name: (name,) for name in design.bands}
    fitted, tests = encoding.fit_and_infer(design, groups, spec, InferenceSpec(PERMUTATIONS, least_s, seed))
    values = encoding.partition(fitted).values
    return {name: stats["rsquared"] for name, stats in values.items()}, dict(tests.components)


def largest(nulls: Sequence[torch.Tensor]) -> Array:
    """(n_targets,) p that all nulls allow."""
    return np.asarray(np.max([p_values(null).numpy() for null in nulls], axis=0))


def unsigned(null: torch.Tensor) -> Array:
    """(n_targets,) p where values below zero may be significant too."""
    return np.asarray((null >= null[0]).double().mean(dim=0).numpy())


def bar(name: str, hits: Array) -> Bar:
    """A false-positive rate against its binomial limit; hits (n_nulls,) bool."""
    limit = float(binom.ppf(0.995, hits.size, LEVEL) / hits.size)
    return Bar(name, float(hits.mean()), round(limit, 4), "of nulls")
