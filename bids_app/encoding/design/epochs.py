"""Words as rows: responses in windows around their onsets, features within them (docs/design.md, grid of the
response)."""

from __future__ import annotations

import numpy as np

from bids_app.encoding.design.align import SAME_S
from bids_app.encoding.design.words import word_means
from bids_app.records import Array, Epochs, EpochSpec, Features, Intervals

HALF_WAY = 3.1416e-4  # of a sample: far above float noise; no decimal time at a usual rate is so far from half-way


# ------------------------------------------------------------------------------------------------ responses
def place_epochs(onsets_s: Array, times_s: Array, spec: EpochSpec) -> Epochs:
    """Windows around words' onsets, in samples.

    A window has an odd number of samples: the one nearest to its middle, and as many on either side as lie within
    half its width. A middle that is half-way between two samples, within `HALF_WAY` of a sample, takes the later one.

    Parameters
    ----------
    onsets_s : (n_rows,) in seconds.
    times_s : (n_times,) instants of the samples in seconds, evenly apart.
    spec : the windows, in seconds around an onset.

    Returns
    -------
    Epochs
        Starts may lie outside the signal: see `epochs_inside_recording`.
    """
    period_s = (times_s[-1] - times_s[0]) / (len(times_s) - 1)
    middles_s, widths_s = np.array(spec.windows_s).T
    half = np.floor(widths_s / 2 / period_s + HALF_WAY).astype(np.int64)
    places = (np.asarray(onsets_s)[:, None] + middles_s - times_s[0]) / period_s
    middles = np.floor(places + 0.5 + HALF_WAY).astype(np.int64)
    return Epochs(middles - half, 2 * half + 1)


def epochs_inside_recording(epochs: Epochs, usable: Array) -> Array:
    """Rows of which every sample from the first window to the last is there and usable.

    Parameters
    ----------
    epochs : of n_rows.
    usable : (n_times,) bool.

    Returns
    -------
    (n_rows,) bool.
    """
    first, last = epochs.starts.min(axis=1), (epochs.starts + epochs.lengths).max(axis=1)
    inside = (first >= 0) & (last <= len(usable))
    # a stretch is usable where the count of unusable samples is the same at both its ends
    unusable = np.concatenate([[0], np.cumsum(~usable)])
    first, last = np.where(inside, first, 0), np.where(inside, last, 0)
    return np.asarray(inside & (unusable[first] == unusable[last]))


def covered(epochs: Epochs, n_times: int) -> Array:
    """Samples between the first and the last window of any row.

    Parameters
    ----------
    epochs : all inside the recording.
    n_times : samples of the recording.

    Returns
    -------
    (n_times,) bool.
    """
    # how many rows' spans cover a sample: +1 where one begins, −1 after it ends, summed up
    edges = np.zeros(n_times + 1, dtype=np.int64)
    np.add.at(edges, epochs.starts.min(axis=1), 1)
    np.add.at(edges, (epochs.starts + epochs.lengths).max(axis=1), -1)
    return np.asarray(np.cumsum(edges)[:-1] > 0)


def reindex_epochs(epochs: Epochs, keep: Array) -> Epochs:
    """The same windows counted in the samples kept.

    Parameters
    ----------
    epochs : counted in all samples.
    keep : (n_times,) bool; holds every sample of every window.
    """
    return Epochs((np.cumsum(keep) - 1)[epochs.starts], epochs.lengths)


def epoch_means(signals: Array, epochs: Epochs, out: Array) -> None:
    """Means over each window, written in place, one electrode at a time, so that nothing of the table's size is held
    beside it.

    Parameters
    ----------
    signals : (n_times, n_targets).
    epochs : of n_rows and n_windows.
    out : (n_rows, n_targets, n_windows), filled in.
    """
    stops = epochs.starts + epochs.lengths
    for target, signal in enumerate(signals.T):
        # a window's sum is the difference of two cumulative sums
        sums = np.concatenate([[0.0], np.cumsum(signal, dtype=np.float64)])
        out[:, target] = (sums[stops] - sums[epochs.starts]) / epochs.lengths


# ------------------------------------------------------------------------------------------------ features
def local_word_counts(onsets_s: Array, reach_s: int = 2) -> Array:
    """How many other words begin in each second about a word's onset: the word rate of rows that are words.

    Parameters
    ----------
    onsets_s : (n_words,) in seconds, in any order.
    reach_s : whole seconds before and after the onset.

    Returns
    -------
    (n_words, 2 · reach_s) float32.
    """
    ordered = np.sort(onsets_s)
    seconds_s = np.asarray(onsets_s)[:, None] + np.arange(-reach_s, reach_s + 1)
    edges = np.searchsorted(ordered, seconds_s - SAME_S)  # a word at the border belongs to the later second
    counts = np.diff(edges, axis=1)
    counts[:, reach_s] -= 1  # the word itself
    return np.asarray(counts, dtype=np.float32)


def within_words(features: Features, words: Intervals) -> Array:
    """Features of a stimulus's words, in its time.

    Features of words: the word's own row. Of phones: the sum over the phones that begin within the word. Of frames:
    as `words.word_means`.

    Parameters
    ----------
    features : of the stimulus.
    words : their onsets and offsets in seconds.

    Returns
    -------
    (n_words, n_dims) float32; NaN where the features say nothing of a word: no row of its own, no frame nearer than a
    step.
    """
    if features.sampling == "continuous":
        return _frames(features, words)
    onsets_s = np.asarray(features.onsets_s)
    own = _own_rows(onsets_s, features.times_s, words)
    return _phones(features.values, onsets_s, words) if own is None else _picked(features.values, own)


def _own_rows(onsets_s: Array, offsets_s: Array, words: Intervals) -> Array | None:
    """(n_words,) the row of each word, −1 for none; None where some row is no word's: these are phones."""
    # rows of one place in time are dealt out to such words in order: hence a stack, filled from the end
    waiting: dict[tuple[int, int], list[int]] = {}
    for row in range(len(onsets_s) - 1, -1, -1):
        waiting.setdefault(_key(onsets_s[row], offsets_s[row]), []).append(row)
    own = np.full(len(words.text), -1)
    for word, key in enumerate(map(_key, words.onset_s, words.offset_s)):
        if waiting.get(key):
            own[word] = waiting[key].pop()
    return None if any(waiting.values()) else own


def _key(onset_s: float, offset_s: float) -> tuple[int, int]:
    return round(float(onset_s) / SAME_S), round(float(offset_s) / SAME_S)


def _picked(values: Array, rows: Array) -> Array:
    picked = values[rows].astype(np.float32)
    picked[rows < 0] = np.nan
    return np.asarray(picked)


def _phones(values: Array, onsets_s: Array, words: Intervals) -> Array:
    order = np.argsort(onsets_s, kind="stable")
    first = np.searchsorted(onsets_s[order], words.onset_s - SAME_S)
    return _sums(values[order], first, np.searchsorted(onsets_s[order], words.offset_s - SAME_S)).astype(np.float32)


def _frames(features: Features, words: Intervals) -> Array:
    times_s, offsets_s = features.times_s, words.offset_s
    means = word_means(features.values.astype(np.float32), times_s, words.onset_s, offsets_s)
    step_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else np.inf
    after = np.searchsorted(times_s, words.onset_s + SAME_S)
    before_s = np.abs(offsets_s - times_s[np.maximum(after - 1, 0)])
    after_s = np.abs(times_s[np.minimum(after, len(times_s) - 1)] - offsets_s)
    inside = np.searchsorted(times_s, offsets_s + SAME_S) > after
    means[~inside & (np.minimum(before_s, after_s) > step_s + SAME_S)] = np.nan
    return means


def _sums(values: Array, first: Array, stop: Array) -> Array:
    """(n, n_dims) float64 sums of the rows first … stop − 1."""
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    return np.asarray(sums[np.maximum(stop, first)] - sums[first])
