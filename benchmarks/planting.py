"""Data planted with known shared, unique and null parts: what they are in the population, and what models are worth.

Features are Gaussian with one autocorrelation and a known covariance between columns; a response is a weighted sum of
delayed columns plus Gaussian noise. All of it is centred within run, as the pipeline's responses are, and covariances
are those within runs. Then the rsquared of the best linear model of a union is a quadratic form, and so is what any
fitted model reaches on an endless independent sample of such runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy.linalg import solve
from scipy.signal import lfilter

from benchmarks.nulls import design_of
from benchmarks.simulation import SETTLE
from bids_app.encoding.ridge.fit import unions_of
from bids_app.encoding.ridge.fitted import Fitted, Observer
from bids_app.records import Array, Design, partition_components

Rows = Literal["fmri", "words"]
FIR = {"fmri": (0.3, 1.0, 0.7, 0.2), "words": (1.0,)}  # the response, one weight a delay of one row
PERIOD_S = {"fmri": 2.0, "words": 0.4}  # between rows; words: on average
LEAST_S = {"fmri": 60.0, "words": 20.0}
FEATURE_AR = {"fmri": 0.5, "words": 0.2}  # from one row to the next
NOISES = {  # shares of the variance, and time constants in s of the autocorrelations that add up
    "white": ((1.0, 1e-3),),
    "fast": ((1.0, 2.0),),  # from one row to the next .37 at a TR of 2 s
    "slow": ((0.6, 2.0), (0.4, 20.0)),
}


@dataclass(frozen=True)
class Planting:
    """What is planted. columns {band: count}; `correlation`: of each band's i-th column with that of every other;
    carriers: the bands whose columns have weights; share: the signal's share of the variance."""

    rows: Rows
    n: int
    columns: Mapping[str, int]
    correlation: float
    carriers: tuple[str, ...]
    share: float
    noise: str = "fast"
    n_runs: int = 5

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """A feature group a band."""
        return {name: (name,) for name in self.columns}

    @property
    def n_delays(self) -> int:
        """Of one row each."""
        return len(FIR[self.rows])

    @cached_property
    def at(self) -> dict[str, Array]:
        """{band: (n_delays · count,)} its places among all delayed columns, band by band and delay by delay."""
        ends = self.n_delays * np.cumsum(list(self.columns.values()))
        return dict(zip(self.columns, np.split(np.arange(ends[-1]), ends[:-1]), strict=True))

    @cached_property
    def covariance(self) -> Array:
        """(n_columns, n_columns) of all delayed columns, within runs of this length."""
        counts = list(self.columns.values())
        band = np.repeat(np.arange(len(counts)), [self.n_delays * count for count in counts])
        delay = np.concatenate([np.repeat(np.arange(self.n_delays), count) for count in counts])
        dim = np.concatenate([np.tile(np.arange(count), self.n_delays) for count in counts])
        between = np.where(band[:, None] == band, 1.0, self.correlation) * (dim[:, None] == dim)
        n, rho = self.n // self.n_runs, FEATURE_AR[self.rows]
        gaps = np.arange(-n + 1, n)
        apart = np.arange(self.n_delays)[:, None] - np.arange(self.n_delays)
        of_means = [((n - np.abs(gaps)) * rho ** np.abs(gaps + gap)).sum() / n**2 for gap in range(self.n_delays)]
        by_delay = rho ** np.abs(apart) - np.array(of_means)[np.abs(apart)]
        return np.asarray(between * by_delay[delay[:, None], delay])

    def draw(self, n_targets: int, rng: np.random.Generator) -> Planted:
        """Fresh features, weights and noise."""
        runs = np.repeat(np.arange(self.n_runs), self.n // self.n_runs)
        times_s = np.concatenate([self._times_s(rng) for _ in range(self.n_runs)])
        X = np.concatenate([_centred(self._features(rng)) for _ in range(self.n_runs)])
        weights = self._weights(n_targets, rng)
        noise = [self._noise(times_s[runs == run], n_targets, rng) for run in range(self.n_runs)]
        within = np.mean([self._noise_within(times_s[runs == run]) for run in range(self.n_runs)])
        scale = np.sqrt(1 - self.share)
        Y = X @ weights + scale * np.concatenate([_centred(one) for one in noise])
        bands = {name: X[:, at] for name, at in self.at.items()}
        return Planted(self, design_of(bands, Y, runs, times_s), weights, float(scale**2 * within))

    def _times_s(self, rng: np.random.Generator) -> Array:
        count, period_s = self.n // self.n_runs, PERIOD_S[self.rows]
        return np.arange(count) * period_s if self.rows == "fmri" else np.cumsum(rng.gamma(4.0, period_s / 4, count))

    def _features(self, rng: np.random.Generator) -> Array:
        """(n_times, n_columns) of one run, delayed."""
        count, rho, shared = self.n // self.n_runs, FEATURE_AR[self.rows], self.correlation
        size = SETTLE + count, max(self.columns.values())
        common = rng.standard_normal(size)
        delayed = []
        for n_columns in self.columns.values():
            own = np.sqrt(shared) * common[:, :n_columns]
            own = own + np.sqrt(1 - shared) * rng.standard_normal((size[0], n_columns))
            values = np.sqrt(1 - rho**2) * lfilter([1], [1, -rho], own, axis=0)
            delayed += [values[SETTLE - delay : SETTLE - delay + count] for delay in range(self.n_delays)]
        return np.concatenate(delayed, axis=1)

    def _weights(self, n_targets: int, rng: np.random.Generator) -> Array:
        """(n_columns, n_targets) for a signal of variance `share`."""
        weights = np.zeros((len(self.covariance), n_targets))
        for name in self.carriers:
            drawn = rng.standard_normal((self.columns[name], n_targets))
            drawn /= np.sqrt(len(drawn))  # bands carry alike, whatever their size
            weights[self.at[name]] = np.concatenate([weight * drawn for weight in FIR[self.rows]])
        power = (weights * (self.covariance @ weights)).sum(axis=0)
        return np.asarray(weights * np.sqrt(self.share / np.where(power > 0, power, 1.0)))

    def _noise(self, times_s: Array, n_targets: int, rng: np.random.Generator) -> Array:
        """(n_times, n_targets) of unit variance before centring, at any times."""
        total = np.zeros((len(times_s), n_targets))
        for share, constant_s in NOISES[self.noise]:
            kept = np.exp(-np.diff(times_s, prepend=-np.inf) / constant_s)
            values = np.sqrt(share * (1 - kept**2))[:, None] * rng.standard_normal(total.shape)
            for row in range(1, len(values)):
                values[row] += kept[row] * values[row - 1]
            total += values
        return total

    def _noise_within(self, times_s: Array) -> float:
        gaps = np.abs(times_s[:, None] - times_s)
        return 1.0 - float(np.mean(sum(share * np.exp(-gaps / constant) for share, constant in NOISES[self.noise])))


@dataclass(frozen=True)
class Planted:
    """A design and the truth: weights (n_columns, n_targets) of all delayed columns; the noise's variance."""

    planting: Planting
    design: Design
    weights: Array
    noise: float

    @property
    def variance(self) -> Array:
        """(n_targets,) of responses within runs."""
        return np.asarray((self.weights * (self.planting.covariance @ self.weights)).sum(axis=0) + self.noise)

    def population(self) -> dict[str, Array]:
        """Every component, (n_targets,): of the best linear models."""
        covariance = self.planting.covariance
        cross = covariance @ self.weights
        rsquared = []
        for union in unions_of(tuple(self.planting.columns)):
            mine = np.concatenate([self.planting.at[name] for name in union])
            known = covariance[np.ix_(mine, mine)]
            rsquared.append((cross[mine] * solve(known, cross[mine], assume_a="pos")).sum(axis=0) / self.variance)
        return in_components(np.array(rsquared), self.planting)


class Reached(Observer):
    """What fold models reach on an endless independent sample, pooled over folds as rsquared is."""

    def __init__(self, planted: Planted) -> None:
        self._planted = planted
        count = len(unions_of(tuple(planted.planting.columns)))
        self._loss = np.zeros((count, planted.weights.shape[1]))

    def fitted(self, models: Fitted) -> None:
        """See Observer."""
        planted, planting = self._planted, self._planted.planting
        weights = np.zeros((len(planted.weights), len(models.targets)))
        for number, found in models.band_weights().items():
            name = tuple(planting.columns)[number]
            train = planted.design.bands[name][models.split.train, 0]
            weights[planting.at[name]] = found.numpy() / train.std(axis=0)[:, None]
        missed = planted.weights[:, models.targets] - weights
        loss = (missed * (planting.covariance @ missed)).sum(axis=0) + planted.noise
        share = len(models.split.evaluate) / len(planted.design.runs)
        for union, mine in models.unions.items():
            self._loss[union, models.targets[mine]] += share * loss[mine]

    def values(self) -> dict[str, Array]:
        """Every component, (n_targets,)."""
        return in_components(1 - self._loss / self._planted.variance, self._planted.planting)


def in_components(rsquared: Array, planting: Planting) -> dict[str, Array]:
    """(n_unions, n_targets) of all unions → every component of the partition."""
    groups = tuple(planting.columns)
    values = {frozenset(union): row for union, row in zip(unions_of(groups), rsquared, strict=True)}
    return {component.label: component.of(values) for component in partition_components(groups)}


def _centred(values: Array) -> Array:
    return np.asarray(values - values.mean(axis=0))
