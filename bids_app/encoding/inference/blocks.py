"""Time blocks that the tests of inference flip or draw as wholes: how long, and which sample is in which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bids_app.encoding.errors import CannotFit
from bids_app.records import UNRELIABLE_P, Array

FEWEST = 12  # blocks, for p to be trusted: 2^12 sign vectors
MOST = 64  # blocks, as pairs of them cost time and memory; with more, no p is smaller and no interval narrower
LOST = 0.05  # share of the variance of Σ y·ŷ that flips of blocks may lose, else they are lengthened
SMOOTH = 0.01  # … from which on flips of blocks alone prove liberal (benchmarks/calibration.py)
STEP = 1.05  # ratio of the lengths that are tried


@dataclass(frozen=True)
class Blocks:
    """Blocks of time, which change their sign, or are left out, as wholes.

    Parameters
    ----------
    labels : (n_times,) int, each sample's block, 0 … count − 1.
    count : how many there are.
    length_s : their length in seconds.
    lost : share of the variance of Σ y·ŷ that their flips lose.
    warnings : what the reader should know before trusting p.
    """

    labels: Array
    count: int
    length_s: float
    lost: float
    warnings: tuple[str, ...]

    @property
    def smooth(self) -> bool:
        """Whether flips of these blocks are not enough, and flips of frequencies must agree with them."""
        return self.lost > SMOOTH


def make_blocks(runs: Array, times_s: Array, least_s: float, correlation: Array, period_s: float) -> Blocks:
    """Blocks of at least `least_s`, lengthened until they are at most `MOST`, or a run each, and until they lose at
    most `LOST`, though never to fewer than `FEWEST`.

    Parameters
    ----------
    runs, times_s : (n_times,) the run and the time, in seconds, in which each sample's second of its stimulus was
        first heard: all hearings of it are in one block.
    least_s : shortest length in seconds.
    correlation : (n_lags,) `product_autocorrelation` of responses and predictions.
    period_s : between two lags, in seconds.

    Raises
    ------
    CannotFit
        For no sample.
    """
    if not len(runs):
        raise CannotFit("no sample to put in blocks")
    length_s, labels, n_runs = least_s, block_labels(runs, times_s, least_s), len(np.unique(runs))
    # longer step by step, as long as enough blocks remain
    while lost_variance(correlation, length_s / period_s) > LOST or labels.max() + 1 > max(MOST, n_runs):
        longer = block_labels(runs, times_s, STEP * length_s)
        if longer.max() + 1 < FEWEST:
            break
        length_s, labels = STEP * length_s, longer
    lost, count = lost_variance(correlation, length_s / period_s), int(labels.max()) + 1
    return Blocks(labels, count, length_s, lost, tuple(_warnings(count, length_s, lost)))


def _warnings(count: int, length_s: float, lost: float) -> Iterator[str]:
    if count < FEWEST:
        yield (
            f"{UNRELIABLE_P}: {count} blocks of {length_s:.0f} s, fewer than {FEWEST}; do not conclude from p that a "
            "target is predicted, nor that it is not"
        )
    if lost > LOST:
        yield (
            f"{UNRELIABLE_P}: responses and predictions are so smooth that blocks of {length_s:.0f} s lose "
            f"{lost:.0%} of their covariance; p of totals holds only if the noise is equally strong throughout; do "
            "not conclude from p or intervals of parts that a part is above 0"
        )


def block_labels(runs: Array, times_s: Array, length_s: float) -> Array:
    """Contiguous blocks of equal length within each run, none shorter than asked for but where a whole run is.

    Parameters
    ----------
    runs, times_s : (n_times,) each sample's run, and its time in seconds; of what is heard again, those of the first
        hearing.
    length_s : least length in seconds.

    Returns
    -------
    (n_times,) int, numbered in order of appearance, none empty.
    """
    labels = np.zeros(len(runs), dtype=np.int64)
    made = 0
    for run in dict.fromkeys(np.asarray(runs).tolist()):
        own = np.flatnonzero(runs == run)
        since_s = times_s[own] - times_s[own].min()
        step_s = _step_s(since_s)
        span_s = float(since_s.max()) + step_s
        # a span that is a multiple of the length, but for rounding, holds that many blocks
        count = max(1, int(span_s / length_s * (1 + 1e-9)))
        place = np.minimum(since_s * count / span_s * (1 + 1e-9), count - 1).astype(int) if span_s else 0
        labels[own] = made + np.unique(np.broadcast_to(place, own.shape), return_inverse=True)[1]
        made = int(labels.max()) + 1
    return labels


def _step_s(times_s: Array) -> float:
    """Seconds from one instant to the next, in any order; several hearings have the same instants."""
    steps_s = np.diff(np.sort(times_s))
    middle_s = float(np.median(steps_s)) if len(steps_s) else 0.0
    return middle_s if middle_s or not steps_s.any() else float(np.median(steps_s[steps_s > 0]))


def product_autocorrelation(Y: Array, predictions: Array, runs: Array) -> Array:
    """Autocorrelation of responses times that of predictions, ρ_y(τ)·ρ_ŷ(τ), averaged over targets.

    The variance of Σ y·ŷ, were the two independent, is in proportion to 1 + 2 Σ ρ_y ρ_ŷ (Bartlett 1935). A few
    hundred targets are enough. Targets that do not vary, or are not finite, are passed over.

    Parameters
    ----------
    Y, predictions : (n_times, n_targets).
    runs : (n_times,).

    Returns
    -------
    (n_lags,) of the lags 0 … half of the longest run; from the first lag where the mean is not positive it is noise,
    and left out. [1] where no target is left.
    """
    longest = max(1, int(np.unique(runs, return_counts=True)[1].max()) // 2)
    product = _autocorrelation(Y, runs, longest) * _autocorrelation(predictions, runs, longest)
    fine = np.isfinite(product).all(axis=0)
    if not fine.any():
        return np.ones(1)
    mean = product[:, fine].mean(axis=1)
    # from there on it is noise
    ends = np.flatnonzero(mean <= 0)
    return np.asarray(mean[: ends[0]] if len(ends) else mean)


def _autocorrelation(values: Array, runs: Array, longest: int) -> Array:
    """(longest + 1, n_targets), products summed within runs, values centred by run; NaN where constant."""
    total = np.zeros((longest + 1, values.shape[1]))
    for run in np.unique(runs):
        rows = np.asarray(values[runs == run], dtype=np.float64)
        size = len(rows)
        # padded to twice the length, so that lags do not wrap around
        power = np.abs(np.fft.rfft(rows - rows.mean(axis=0), 2 * size, axis=0)) ** 2
        kept = min(size, longest + 1)
        total[:kept] += np.fft.irfft(power, 2 * size, axis=0)[:kept]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total / np.where(total[0] > 0, total[0], np.nan))


def lost_variance(correlation: Array, length: float) -> float:
    """Share of the variance of Σ y·ŷ that is between blocks, and so lost when they are flipped.

    It is 2 Σ min(τ/length, 1) ρ(τ) / (1 + 2 Σ ρ(τ)).

    Parameters
    ----------
    correlation : (n_lags,) ρ from lag 0 on.
    length : of blocks, in lags.
    """
    rho = correlation[1:]
    across = np.minimum(np.arange(1, len(correlation)) / length, 1.0)
    return float(2 * (across * rho).sum() / (1 + 2 * rho.sum()))
