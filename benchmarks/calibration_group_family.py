"""Family-wise errors over participants: families of 100 targets, of which no feature tells anything, under max-T over
flips of participants alone, and beside the mean response: `python -m benchmarks.calibration --only group-family`.

`drawn` are Fisher's z as such, with the symmetry that flips take for granted or without (`skewed down` is what
happens where it is not there, and has no bar); `fitted` are those of simulated responses to one stimulus. But for
skewed z, half of the targets have half of their values in common. A set is a family.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks.bars import Bar
from benchmarks.calibration_participants import SETTING
from benchmarks.conditions import LEVEL, PERMUTATIONS, RIDGE, infer
from benchmarks.nulls import design_of
from benchmarks.simulation import series, standardized
from bids_app import encoding
from bids_app.group import ParticipantValues, participant_tests
from bids_app.records import Array, Inferred, partition_components

N_TARGETS, N_COLUMNS = 100, 20
LIMIT = 0.07
SPEC = replace(RIDGE, alphas=(1e1, 1e4, 4))
COMPONENTS = partition_components(("x",))
N_PEOPLE = 12  # of whom responses are simulated
N_WITH_SIGNAL = 10
LEAST_POWER = {0.0: 0.2, 0.7: 0.28}  # by spread; .125 and .323 with each target's own deviation
DRAWN = ("equal", "outlier", "skewed up", "skewed down")


def group_family(quick: bool) -> list[Bar]:
    """Rates of families in which any target is called significant, by participants and kind of values."""
    print("| z | participants-kind-in common | sets | participants | reported |\n|---|---|---|---|---|")
    people = (12,) if quick else (5, 12, 30)
    drawn = [_row("drawn", f"{n}-{kind}", 200 if quick else 1000, _drawn(n, kind)) for n in people for kind in DRAWN]
    scenes = [("equal", 0.3)] if quick else [("equal", 0.0), ("skewed", 0.0), ("outlier", 0.0), ("equal", 0.3)]
    fitted = [
        _row("fitted", f"12-{kind}-{common:g}", 20 if quick else 400, _fitted(kind, common))
        for kind, common in scenes
    ]
    found = [_power(spread, least, 40 if quick else 200) for spread, least in LEAST_POWER.items()]
    return [*(one for one in drawn if not one.name.endswith("down")), *fitted, *found]


def _power(spread: float, least: float, n_sets: int) -> Bar:
    """Of ten targets of 100 with a mean z of .8 of a deviation, which differs by `spread` (of logarithms)."""
    rng, found = np.random.default_rng(5), []
    for seed in range(n_sets):
        table = rng.standard_normal((N_PEOPLE, N_TARGETS)) * np.exp(spread * rng.standard_normal(N_TARGETS))
        table[:, :N_WITH_SIGNAL] += 0.8
        found.append((_families(np.tanh(0.05 * table), seed)[:N_WITH_SIGNAL] <= LEVEL).mean())
    print(f"| power, deviations differ by {spread} | {n_sets} sets | {np.mean(found):.3f} |", flush=True)
    return Bar(f"group-family-power-{spread}", float(np.mean(found)), least, "found", False)


def _row(z: str, title: str, n_sets: int, draw: Callable[[np.random.Generator, int], tuple[float, float]]) -> Bar:
    rng = np.random.default_rng(0)
    hits = np.array([draw(rng, seed) for seed in range(n_sets)]) <= LEVEL
    alone, reported = hits.mean(axis=0)
    print(f"| {z} | {title} | {n_sets} | {alone:.3f} | {reported:.3f} |", flush=True)
    return Bar(f"group-family-{z}-{title}", float(reported), LIMIT, "of families")


def _drawn(n_people: int, kind: str) -> Callable[[np.random.Generator, int], tuple[float, float]]:
    """Of z with a mean of zero: `outlier` is one participant with ten times the deviation of the others, `skewed` an
    exponential distribution less its mean, or the negative of that, which have no symmetry."""

    def draw(rng: np.random.Generator, seed: int) -> tuple[float, float]:
        table = _alike(rng.standard_normal((n_people, N_TARGETS)))
        if kind.startswith("skewed"):
            table = (rng.standard_exponential((n_people, N_TARGETS)) - 1) * (1 if kind.endswith("up") else -1)
        if kind == "outlier":
            table[0] *= 10
        smallest = _smallest(np.tanh(0.02 * table), seed)
        return smallest, smallest

    return draw


def _fitted(kind: str, common: float) -> Callable[[np.random.Generator, int], tuple[float, float]]:
    """Of responses: `outlier` is one participant with a spike of 100 deviations in every target, `skewed` are
    exponentials of normal noise; participants have the share `common` of their noise alike."""

    def draw(rng: np.random.Generator, seed: int) -> tuple[float, float]:
        bands = {"x": series("ar.5", SETTING, N_COLUMNS, rng)}
        alike = series("ar.5", SETTING, N_TARGETS, rng)
        people = []
        for number in range(N_PEOPLE):
            own = _alike(series("ar.5", SETTING, N_TARGETS, rng))
            Y = np.sqrt(common) * alike + np.sqrt(1 - common) * own
            if kind == "skewed":
                Y = np.exp(Y)
            if kind == "outlier" and number == 0:
                Y[rng.integers(len(Y))] += 100.0
            people.append(standardized(Y, SETTING))
        design = design_of(bands, np.concatenate(people, axis=1), SETTING.runs, SETTING.times_s)
        r = encoding.fit(design, {"x": ("x",)}, SPEC).r[0].reshape(N_PEOPLE, -1)
        mean = standardized(np.mean(people, axis=0), SETTING)
        _, inferred = infer(design_of(bands, mean, SETTING.runs, SETTING.times_s), SPEC, SETTING.least_s, seed)
        return _smallest(r, seed), _smallest(r, seed, inferred["full"])

    return draw


def _alike(values: Array) -> Array:
    """(n, n_targets) of which the second half has half of its variance in common."""
    half = values.shape[1] // 2
    values[:, half:] = np.sqrt(0.5) * values[:, :1] + np.sqrt(0.5) * values[:, half:]
    return values


def _smallest(r: Array, seed: int, mean: Inferred | None = None) -> float:
    """The smallest family-wise p over targets."""
    return float(_families(r, seed, mean).min())


def _families(r: Array, seed: int, mean: Inferred | None = None) -> Array:
    """(n_targets,) family-wise p of correlations (n_people, n_targets), beside that of the mean response."""
    labels = ("full", "x", "uniqueX")
    values = ParticipantValues(dict.fromkeys(labels, r), dict.fromkeys(labels, r))
    stimulus = None if mean is None else {"full": {"p": mean.p, "pfwe": mean.p_family}}
    return participant_tests(values, COMPONENTS, PERMUTATIONS, seed, stimulus)["full"]["pfwe"]
