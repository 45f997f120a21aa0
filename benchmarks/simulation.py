"""Noise and features with the autocorrelation of recordings, in runs, for calibration of inference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from bids_app.records import Array

SETTLE = 200  # samples before a series is taken to have forgotten its start
BURST = 0.5  # log deviation of the slow envelope that noise and features share


@dataclass(frozen=True)
class Setting:
    """Runs of samples a period apart, and the least block of the modality."""

    n_runs: int
    n_samples: int
    period_s: float
    least_s: float

    @property
    def runs(self) -> Array:
        """(n_times,) the run of each sample, which is its outer fold too."""
        return np.repeat(np.arange(self.n_runs), self.n_samples)

    @property
    def times_s(self) -> Array:
        """(n_times,) within run."""
        return np.tile(np.arange(self.n_samples) * self.period_s, self.n_runs)


FMRI = Setting(n_runs=5, n_samples=200, period_s=2.0, least_s=60.0)  # 33 minutes
WORDS = Setting(n_runs=5, n_samples=600, period_s=0.4, least_s=20.0)  # 20 minutes of speech, a row a word


def series(kind: str, setting: Setting, count: int, rng: np.random.Generator, envelope: Array | None = None) -> Array:
    """(n_times, count) z-scored within run: `white`, `1/f`, or `ar.9` with that coefficient; times an `envelope`."""
    n_runs, n = setting.n_runs, setting.n_samples
    if kind == "1/f":
        frequency = np.fft.rfftfreq(4 * n)
        frequency[0] = frequency[1]
        spectrum = np.fft.rfft(rng.standard_normal((n_runs, 4 * n, count)), axis=1) / np.sqrt(frequency)[:, None]
        values = np.fft.irfft(spectrum, 4 * n, axis=1)[:, :n]
    else:
        rho = 0.0 if kind == "white" else float(kind.removeprefix("ar"))
        values = lfilter([1], [1, -rho], rng.standard_normal((n_runs, SETTLE + n, count)), axis=1)[:, SETTLE:]
    if envelope is not None:
        values = values * envelope.reshape(n_runs, n, 1)
    return standardized(values.reshape(n_runs * n, count), setting)


def bursts(setting: Setting, rng: np.random.Generator) -> Array:
    """(n_times, 1) an envelope that rises and falls over a minute."""
    return np.asarray(np.exp(BURST * series("ar.97", setting, 1, rng)))


def standardized(values: Array, setting: Setting) -> Array:
    """(n_times, n) z-scored within run."""
    by_run = values.reshape(setting.n_runs, setting.n_samples, -1)
    scaled = (by_run - by_run.mean(axis=1, keepdims=True)) / by_run.std(axis=1, keepdims=True)
    return np.asarray(scaled.reshape(values.shape))


def with_weights(X: Array, n_targets: int, rng: np.random.Generator, setting: Setting = FMRI) -> Array:
    """(n_times, n_targets) random combinations of the columns, z-scored within run."""
    return standardized(X @ rng.standard_normal((X.shape[1], n_targets)), setting)


def mixed(signal: Array, noise: Array, share: float | Array, setting: Setting = FMRI) -> Array:
    """(n_times, n_targets) with the signal's share of the variance, z-scored within run."""
    signal = standardized(signal, setting)
    return standardized(np.sqrt(share) * signal + np.sqrt(1 - share) * noise, setting)
