"""Windows of audio for a speech model: where each begins and ends, and which rows are read off it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

import numpy as np

from bids_app.records import Array


@dataclass(frozen=True)
class Window:
    """Samples [start, stop) of one forward pass; its rows: a number, and the sample at which the row's time is.

    Parameters
    ----------
    start, stop : first sample, and the one after the last.
    rows : of each row its number, and the sample at which its time is.
    """

    start: int
    stop: int
    rows: tuple[tuple[int, int], ...]


def row_times(n_samples: int, rate: float, stride_s: float) -> tuple[Array, Array]:
    """When rows are: stride_s·(1…n).

    Parameters
    ----------
    n_samples, rate : length of the audio, and its samples a second.
    stride_s : seconds from row to row.

    Returns
    -------
    times : (n,) seconds.
    stops : (n,) the sample before which each is, rounded once, so errors do not add up.
    """
    count = int(np.floor(n_samples / rate / stride_s + 1e-9))
    times = np.arange(1, count + 1) * stride_s
    return times, np.minimum(np.rint(times * rate).astype(np.int64), n_samples)


def planned_windows(options: Mapping[str, Any], rate: float, stops: Array, n_samples: int) -> Iterator[Window]:
    """The windows that a resolved spec asks for.

    Parameters
    ----------
    options : `mode`, and `window_s`, `stride_s` and `refresh_s` in seconds.
    rate : samples a second.
    stops : (n,) the sample before which each row's time is.
    n_samples : of the audio.
    """
    window_s, stride_s, mode, refresh_s = (options[key] for key in ("window_s", "stride_s", "mode", "refresh_s"))
    length = round(window_s * rate)
    if mode == "utterance":
        return utterance_windows(stops, length, n_samples)
    if refresh_s is None:
        return causal_windows(stops, length)
    return refreshed_windows(stops, length, round(refresh_s / stride_s))


def refreshed_windows(stops: Array, length: int, n_rows: int) -> Iterator[Window]:
    """Windows for several rows each: the last `length` samples before the first row's time, up to the last row's.

    At the audio's beginning, where that are fewer samples, a window has as much fewer rows: what comes after its
    first row is never a larger part of it than later on.

    Parameters
    ----------
    stops : (n,) the sample before which each row's time is.
    length : samples of a window.
    n_rows : rows of a full window.
    """
    at = 0
    while at < len(stops):
        heard = min(int(stops[at]), length)
        block = stops[at : at + max(1, n_rows * heard // length)].tolist()
        yield Window(block[0] - heard, block[-1], tuple(enumerate(block, start=at)))
        at += len(block)


def causal_windows(stops: Array, length: int) -> Iterator[Window]:
    """One window a row: the last `length` samples before its time, fewer at the audio's beginning.

    Parameters
    ----------
    stops : (n,) the sample before which each row's time is.
    length : samples of a window.
    """
    for row, stop in enumerate(stops.tolist()):
        yield Window(max(stop - length, 0), stop, ((row, stop),))


def utterance_windows(stops: Array, length: int, n_samples: int) -> Iterator[Window]:
    """Pieces that overlap by half, the last one ending with the audio; each row is read off the piece whose middle is
    nearest to its time.

    Parameters
    ----------
    stops : (n,) the sample before which each row's time is.
    length : samples of a piece.
    n_samples : of the audio.
    """
    step = max(length // 2, 1)
    starts = [*range(0, max(n_samples - length, 0), step), max(n_samples - length, 0)]
    between = [(start + following + length) / 2 for start, following in pairwise(starts)]

    def nearest(row: tuple[int, int]) -> int:
        return int(starts[int(np.searchsorted(between, row[1]))])

    for start, group in groupby(enumerate(stops.tolist()), key=nearest):
        yield Window(start, min(start + length, n_samples), tuple(group))


def equal_batches(windows: Iterable[Window], n_samples: int, padded: int = 0) -> Iterator[list[Window]]:
    """Neighbouring windows of one length.

    Parameters
    ----------
    windows : in order.
    n_samples : the most in a batch; at least one window is taken.
    padded : samples that each window is padded to.
    """
    for length, group in groupby(windows, key=lambda window: window.stop - window.start):
        size, batch = max(1, n_samples // max(length, padded)), list[Window]()
        for window in group:
            batch.append(window)
            if len(batch) == size:
                yield batch
                batch = []
        if batch:
            yield batch
