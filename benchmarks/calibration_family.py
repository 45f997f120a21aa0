"""Unique and shared parts over families of targets, where runs, noise and features are not alike; run by
`python -m benchmarks.calibration --only family`.

A set is one draw of features and noise for a family of targets. Rates: of targets with p below .05, and of sets in
which any target's family-wise p is. Where a part is truly there, the same rates are power.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.signal import lfilter

from benchmarks.bars import Bar
from benchmarks.conditions import LEVEL, RIDGE, infer
from benchmarks.nulls import design_of
from benchmarks.simulation import SETTLE
from bids_app.records import Array, Design

BANDED = replace(RIDGE, solver="banded_ridge", candidates=8)
PERIOD_S = 2.0
COLUMNS = 10
LIMIT = 0.07  # of sets with any family-wise error
EQUAL = (105,) * 4
IDLE = ("uniqueB", "sharedAB")
BURST_S = 30.0


@dataclass(frozen=True)
class Scene:
    """What is drawn: two bands of ten columns, noise and features AR .5 unless said otherwise.

    Parameters
    ----------
    name : of the row.
    null : components of which nothing is there.
    a, b : shares of the variance that each band explains, before `deviations`.
    samples : of each run, TR 2 s.
    deviations : of each run's noise.
    correlation : of each column of b with that of a.
    noise : 'normal', 't2' (Student's t with two degrees of freedom), 'skewed' (a gamma of shape .5), or 'spike' (one
        sample 15 deviations away in one run).
    bursts : whether features are silent in every other stretch of 30 s, where noise is a third as strong.
    least_s : shortest block, in seconds.
    """

    name: str
    null: Sequence[str] = IDLE
    a: float = 0.3
    b: float = 0.0
    samples: Sequence[int] = EQUAL
    deviations: Sequence[float] = field(default=(1.0,) * 4)
    correlation: float = 0.0
    noise: str = "normal"
    bursts: bool = False
    least_s: float = 60.0

    def draw(self, n_targets: int, rng: np.random.Generator) -> Design:
        """A design; responses centred within run, features z-scored."""
        weights = rng.standard_normal((2, COLUMNS, n_targets))
        weights /= np.linalg.norm(weights, axis=1, keepdims=True)
        drawn = [
            self._run(number, length, deviation, weights, rng)
            for number, (length, deviation) in enumerate(zip(self.samples, self.deviations, strict=True))
        ]
        a, b, Y = (np.concatenate(values) for values in zip(*drawn, strict=True))
        runs = np.repeat(np.arange(len(self.samples)), self.samples)
        times_s = np.concatenate([np.arange(length) * PERIOD_S for length in self.samples])
        return design_of({"a": a, "b": b}, Y, runs, times_s)

    def _run(
        self, number: int, length: int, deviation: float, weights: Array, rng: np.random.Generator
    ) -> tuple[Array, Array, Array]:
        a = _smooth(rng.standard_normal((SETTLE + length, COLUMNS)))
        b = self.correlation * a + np.sqrt(1 - self.correlation**2) * _smooth(
            rng.standard_normal((SETTLE + length, COLUMNS))
        )
        noise = deviation * self._noise(number, length, weights.shape[2], rng)
        if self.bursts:
            speech = (np.arange(length) * PERIOD_S // BURST_S % 2 == 0)[:, None]
            a, b, noise = a * speech, b * speech, noise * np.where(speech, 1.5, 0.5)
        rest = np.sqrt(1 - self.a - self.b)
        Y = np.sqrt(self.a) * a @ weights[0] + np.sqrt(self.b) * b @ weights[1] + rest * noise
        return _scaled(a), _scaled(b), Y - Y.mean(axis=0)

    def _noise(self, number: int, length: int, n_targets: int, rng: np.random.Generator) -> Array:
        size = SETTLE + length, n_targets
        if self.noise == "t2":  # its variance is infinite: the middle half is that of a normal
            return _smooth(rng.standard_t(2, size)) / 1.2
        if self.noise == "skewed":
            return _smooth((rng.gamma(0.5, 1.0, size) - 0.5) / np.sqrt(0.5))
        values = _smooth(rng.standard_normal(size))
        if self.noise == "spike" and number == 1:
            values[rng.integers(length, size=n_targets), np.arange(n_targets)] += 15
        return values


SCENES = (
    Scene("equal runs, b idle"),
    Scene("equal runs, both real", null=("sharedAB",), a=0.15, b=0.15),
    Scene("equal runs, b weak", null=("sharedAB",), a=0.2, b=0.05),
    Scene("equal runs, much shared", null=(), a=0.3, correlation=0.8),
    Scene("runs of 300, 40, 40, 40, both real", null=("sharedAB",), a=0.15, b=0.15, samples=(300, 40, 40, 40)),
    Scene("runs of 300, 40, 40, 40, b idle", samples=(300, 40, 40, 40)),
    Scene("noise of .3, 1, 2, 5 by run, b idle", deviations=(0.3, 1, 2, 5)),
    Scene("noise of .3, 1, 2, 5, both real", null=("sharedAB",), a=0.15, b=0.15, deviations=(0.3, 1, 2, 5)),
    Scene("one run three times as noisy, b idle", deviations=(1, 1, 1, 3)),
    Scene("hearings averaged to another depth, b idle", deviations=(1, 1, 1, 10**0.5)),
    Scene("bands of r .99, noise alone", null=("uniqueA", *IDLE), a=0.0, correlation=0.99),
    Scene("bands of r .99, a real", null=(), correlation=0.99),  # b is a noisy copy of a, which adds at this size
    Scene("speech and music by 30 s, blocks of 20 s, b idle", bursts=True, least_s=20.0),
    Scene("two runs, b idle", samples=(210, 210), deviations=(1, 1)),
    Scene("noise of t(2), b idle", noise="t2"),
    Scene("skewed noise, b idle", noise="skewed"),
    Scene("a spike, b idle", noise="spike"),
)


def family(quick: bool) -> list[Bar]:
    """Every scene: rates of targets and of families, and how many blocks."""
    n_sets, n_targets = (40, 100) if quick else (400, 100)
    print("| scene | component | there | per target | family-wise |")
    print("|---|---|---|---|---|")
    return [bar for scene in SCENES for bar in _rates(scene, n_sets, n_targets)]


def _rates(scene: Scene, n_sets: int, n_targets: int) -> list[Bar]:
    rng = np.random.default_rng(0)
    found: dict[str, list[tuple[float, bool]]] = {}
    for number in range(n_sets):
        _, tests = infer(scene.draw(n_targets, rng), BANDED, scene.least_s, seed=number)
        for label in ("uniqueA", *IDLE):
            p, family_p = tests[label].p, tests[label].p_family
            found.setdefault(label, []).append((float((p <= LEVEL).mean()), bool(family_p.min() <= LEVEL)))
    return [bar for label, rates in found.items() for bar in _row(scene, label, np.array(rates, dtype=float))]


def _row(scene: Scene, label: str, rates: Array) -> list[Bar]:
    per_target, of_sets = rates.mean(axis=0)
    there = "no" if label in scene.null else "yes"
    print(f"| {scene.name} | {label} | {there} | {per_target:.3f} | {of_sets:.3f} |", flush=True)
    if there == "yes":
        return []
    error = 2.33 * np.sqrt(LIMIT * (1 - LIMIT) / len(rates))
    return [
        Bar(f"family-{scene.name}-{label}-targets", float(per_target), LEVEL, "of targets"),
        Bar(f"family-{scene.name}-{label}-sets", float(of_sets), round(LIMIT + error, 3), "of sets"),
    ]


def _smooth(values: Array) -> Array:
    """AR .5 of unit variance where the input has it, without the samples in which it settles."""
    return np.asarray(lfilter([np.sqrt(0.75)], [1, -0.5], values, axis=0)[SETTLE:])


def _scaled(values: Array) -> Array:
    return np.asarray((values - values.mean(axis=0)) / values.std(axis=0))
