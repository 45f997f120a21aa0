"""Features onto the response's grid: Lanczos resampling, delays, and the samples that are used (docs/design.md,
Grid)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy import sparse

from bids_app.records import Array, Features

LOBES = 3  # of the Lanczos kernel
SAME_S = 1e-6  # two times nearer than this are one
LEAST_SHARE = 0.5  # of Σ|h| that Σh must exceed: 0.77 amid dense rows, 0.5 a quarter of a period beyond their end


def lanczos(t: Array, period_s: float) -> Array:
    """The kernel of Huth et al. (2016, Nature 532:453): h(t) = sinc(t/P)·sinc(t/3P) for |t| < 3P, else 0.

    Parameters
    ----------
    t : distances in seconds, any shape.
    period_s : P in seconds.
    """
    x = np.asarray(t) / period_s
    return np.asarray(np.where(np.abs(x) < LOBES, np.sinc(x) * np.sinc(x / LOBES), 0.0))


def resample(
    values: Array, rows_s: Array, at_s: Array, period_s: float, sampling: Literal["continuous", "events"]
) -> Array:
    """Feature rows at other instants.

    Events are summed with the kernel as weight, P = `period_s`. Continuous features are averaged with it, P = the
    longer of `period_s` and the rows' median step (so that slow rows are interpolated).

    Parameters
    ----------
    values : (n_rows, n_dims).
    rows_s : (n_rows,) the rows' instants in seconds, ascending.
    at_s : (n_at,) instants asked for, in seconds.
    period_s : of the grid, in seconds.
    sampling : what the rows are.

    Returns
    -------
    (n_at, n_dims) float64. Of continuous features NaN where no rows are near: beyond their ends or in a gap the
    kernel's lobes cancel, and a mean of weights that sum to little would be noise made large.
    """
    rows_s, at_s = np.asarray(rows_s, float), np.asarray(at_s, float)
    width = period_s
    if sampling == "continuous" and len(rows_s) > 1:
        width = max(period_s, float(np.median(np.diff(rows_s))))
    weights = _weights(rows_s, at_s, width)
    summed = np.asarray(weights @ np.asarray(values, float))
    if sampling == "events":
        return summed
    total, size = np.asarray(weights.sum(axis=1)), np.asarray(abs(weights).sum(axis=1))
    # two to three periods off, the outer lobe alone is of one sign: a row within the central lobe is needed too
    # one at its edge, where the kernel is zero but for rounding, is none
    reach_s = width - SAME_S
    near = np.searchsorted(rows_s, at_s + reach_s) > np.searchsorted(rows_s, at_s - reach_s, side="right")
    covered = near & (total > LEAST_SHARE * size)
    return np.asarray(summed / np.where(covered, total, np.nan)[:, None])


def _weights(rows_s: Array, at_s: Array, period_s: float) -> sparse.csr_array:
    """(n_at, n_rows) kernel values, non-zero within three periods."""
    first = np.searchsorted(rows_s, at_s - LOBES * period_s, side="left")
    stop = np.searchsorted(rows_s, at_s + LOBES * period_s, side="right")
    counts = stop - first
    pointers = np.concatenate([[0], np.cumsum(counts)])
    # row i of the sparse matrix holds the columns first[i] … stop[i] − 1, one row after another
    columns = np.arange(pointers[-1]) - np.repeat(pointers[:-1] - first, counts)
    data = lanczos(np.repeat(at_s, counts) - rows_s[columns], period_s)
    return sparse.csr_array((data, columns, pointers), shape=(len(at_s), len(rows_s)))


def make_band(
    parts: Sequence[tuple[Features, float]],
    times_s: Array,
    delays_s: Sequence[float],
    period_s: float,
    stamp: Literal["onset", "offset"],
) -> Array:
    """One feature space's columns: the feature at each instant less each delay, exact in seconds.

    Where no stimulus covers an instant, events count zero, and a continuous feature takes its mean over the
    recording's covered instants, which carries no information.

    Parameters
    ----------
    parts : features of each stimulus, and its onset in seconds on the recording's clock.
    times_s : (n_times,) instants of the responses in seconds.
    delays_s : (n_delays,) in seconds.
    period_s : of the responses, in seconds.
    stamp : whether rows of words and phones stand at their onset or offset.

    Returns
    -------
    (n_times, n_delays, n_dims) float32.
    """
    columns = [_at(parts, np.asarray(times_s) - delay, period_s, stamp) for delay in delays_s]
    return np.stack([column.astype(np.float32) for column in columns], axis=1)


def _at(parts: Sequence[tuple[Features, float]], at_s: Array, period_s: float, stamp: str) -> Array:
    """(n_at, n_dims) float64 of all stimuli together."""
    resampled = []
    for features, onset_s in parts:
        onsets_s = features.onsets_s if stamp == "onset" else None
        rows_s = (features.times_s if onsets_s is None else onsets_s) + onset_s
        order = np.argsort(rows_s, kind="stable")
        resampled.append(resample(features.values[order], rows_s[order], at_s, period_s, features.sampling))
    if parts[0][0].sampling == "events":
        return np.asarray(np.sum(resampled, axis=0))
    # where stimuli overlap, the earlier one in `parts` counts
    merged = resampled[0]
    for values in resampled[1:]:
        merged = np.where(np.isnan(merged), values, merged)
    covered = ~np.isnan(merged[:, 0])
    mean = merged[covered].mean(axis=0) if covered.any() else np.zeros(merged.shape[1])
    return np.asarray(np.where(covered[:, None], merged, mean))


def used_samples(times_s: Array, spans: Sequence[tuple[float, float]], valid: Array) -> Array:
    """Which samples are used: valid ones within a span.

    Parameters
    ----------
    times_s : (n_times,) in seconds.
    spans : first and last second of each, both included.
    valid : (n_times,) bool.

    Returns
    -------
    (n_times,) bool.
    """
    times_s = np.asarray(times_s)
    inside = np.zeros(len(times_s), dtype=bool)
    for first_s, last_s in spans:
        inside |= (times_s >= first_s - SAME_S) & (times_s <= last_s + SAME_S)
    return np.asarray(inside & np.asarray(valid, dtype=bool))
