"""Bands that say nothing beside one that may: false positives of their unique parts, and the power of bands that add;
run by `python -m benchmarks.calibration --only empty`."""

from __future__ import annotations

import numpy as np

from benchmarks.bars import Bar
from benchmarks.calibration_parts import BANDED
from benchmarks.conditions import LEVEL, RIDGE, bar
from benchmarks.nulls import design_of
from benchmarks.simulation import Setting, series, standardized, with_weights
from bids_app import encoding
from bids_app.records import Array, InferenceSpec

SETTING = Setting(n_runs=4, n_samples=100, period_s=2.0, least_s=60.0)  # 13 minutes
SOLVERS = {"banded": BANDED, "ridge": RIDGE}
KINDS = ("zeros", "constant", "copy", "almost-empty", "noise")
COLUMNS, FLIPS, N_TARGETS = 10, 200, 100
FAMILY_LIMIT = 0.07
LEAST_POWER = {  # eight tenths of that of searches drawn apart for each union: (columns, share of the variance)
    (1, 0.05): 0.42,
    (10, 0.05): 0.15,
    (1, 0.1): 0.70,
    (10, 0.1): 0.48,
}


def empty(quick: bool) -> list[Bar]:
    """Unique parts of idle bands of 1, 2 and 10 columns beside a band that carries 0, .1 or .3 of the variance."""
    print("| solver-band-columns-share of the other | value | per target | family-wise |")
    print("|---|---|---|---|")
    bars = []
    for solver in SOLVERS:
        for kind in KINDS:
            for n_columns in (1, 2, 10):
                for share in (0.0, 0.1, 0.3):
                    bars += _idle(solver, kind, n_columns, share, draws=4 if quick else 400)
    return bars + [_power(*which, least, draws=4 if quick else 40) for which, least in LEAST_POWER.items()]


def _idle(solver: str, kind: str, n_columns: int, share: float, draws: int) -> list[Bar]:
    name = f"{solver}-{kind}-{n_columns}-{share}"
    found = [_unique(solver, kind, n_columns, (share, 0.0), seed) for seed in range(draws)]
    values, p, families = (np.array(each) for each in zip(*found, strict=True))
    targets, family = (p <= LEVEL).ravel(), float((families <= LEVEL).any(axis=1).mean())
    print(f"| {name} | {values.mean():+.5f} | {targets.mean():.3f} | {family:.3f} |", flush=True)
    return [bar(f"empty-{name}", targets), Bar(f"empty-family-{name}", family, FAMILY_LIMIT, "of sets")]


def _power(n_columns: int, share: float, least: float, draws: int) -> Bar:
    found = [_unique("banded", "noise", n_columns, (0.1, share), seed) for seed in range(draws)]
    power = float((np.array([p for _, p, _ in found]) <= LEVEL).mean())
    return Bar(f"power-unique-{n_columns}-{share}", power, least, "found", False)


def _unique(solver: str, kind: str, n_columns: int, shares: tuple[float, float], seed: int) -> tuple[Array, ...]:
    """uniqueB of one set: its values, p and family-wise p, (N_TARGETS,) each; shares of the variance: of a, of b."""
    rng = np.random.default_rng((seed, n_columns, round(10 * shares[0])))
    a = series("ar.5", SETTING, n_columns if kind == "copy" else COLUMNS, rng)
    b = band(kind, n_columns, a, rng)
    parts = [with_weights(a, N_TARGETS, rng, SETTING), series("ar.5", SETTING, N_TARGETS, rng)]
    Y = np.sqrt(shares[0]) * parts[0] + np.sqrt(1 - sum(shares)) * parts[1]
    if shares[1]:
        Y += np.sqrt(shares[1]) * with_weights(b, N_TARGETS, rng, SETTING)
    design = design_of({"a": a, "b": b}, standardized(Y, SETTING), SETTING.runs, SETTING.times_s)
    groups = {"a": ("a",), "b": ("b",)}
    tested = InferenceSpec(FLIPS, SETTING.least_s, seed)
    fitted, tests = encoding.fit_and_infer(design, groups, SOLVERS[solver], tested)
    unique = tests.components["uniqueB"]
    return fitted.rsquared[2] - fitted.rsquared[0], unique.p, unique.p_family


def band(kind: str, n_columns: int, other: Array, rng: np.random.Generator) -> Array:
    """(n_times, n_columns) of a kind; `almost-empty` varies in four samples of one run."""
    n_times = len(other)
    if kind == "zeros":
        return np.zeros((n_times, n_columns))
    if kind == "constant":
        return np.full((n_times, n_columns), 3.7)
    if kind == "copy":
        return other
    if kind == "almost-empty":
        values = np.zeros((n_times, n_columns))
        values[10:14] = rng.standard_normal((4, n_columns))
        return values
    return series("ar.5", SETTING, n_columns, rng)
