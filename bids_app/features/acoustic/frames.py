"""Short windows of audio that end at a row's time: what the acoustic families have in common."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bids_app.errors import DataError
from bids_app.features.base.family import Option
from bids_app.features.base.needs import audio_of
from bids_app.records import Array, Samples, Stimulus

SAMPLES_AT_ONCE = 1 << 20
FRAMES = {"hop_s": Option(float, 0.01, least=0.001), "window_s": Option(float, 0.025, least=0.002)}


def frame_ends(stimulus: Stimulus, hop_s: float, window_s: float) -> tuple[Array, Array]:
    """When windows of a stimulus's audio end.

    Parameters
    ----------
    stimulus : with audio.
    hop_s, window_s : seconds from window to window, and of each.

    Returns
    -------
    times : (n,) seconds.
    stops : (n,) the sample before which each window ends.

    Raises
    ------
    DataError : the audio is shorter than a window.
    """
    audio, rate = audio_of(stimulus)
    times, stops = frame_grid(len(audio), rate, hop_s, window_s)
    if not len(times):
        raise DataError(f"the audio is shorter than a window of {window_s:g} s", stimulus.stimulus_id)
    return times, stops


def frame_grid(n_samples: int, rate: float, hop_s: float, window_s: float) -> tuple[Array, Array]:
    """When windows end: window_s + hop_s·(0…n−1).

    Parameters
    ----------
    n_samples, rate : length of the audio, and its samples a second.
    hop_s, window_s : seconds from window to window, and of each.

    Returns
    -------
    times : (n,) seconds.
    stops : (n,) the sample before which each window ends, rounded from its own time so that errors do not add up.
    """
    count = int(np.floor((n_samples / rate - window_s) / hop_s + 1e-9)) + 1
    times = window_s + np.arange(max(count, 0)) * hop_s
    stops = np.clip(np.rint(times * rate).astype(np.int64), round(window_s * rate), n_samples)
    return times, stops


def frames(audio: Samples, stops: Array, length: int) -> Iterator[Array]:
    """Cut windows, a bounded number at a time.

    Parameters
    ----------
    audio : (n_samples,).
    stops : (n,) the sample before which each window ends.
    length : samples of a window.

    Yields
    ------
    (some, length) windows, in order.
    """
    size = max(1, SAMPLES_AT_ONCE // length)
    for at in range(0, len(stops), size):
        some = stops[at : at + size]
        first = some[0] - length
        # every window of the stretch as a view, of which those that end at a stop are picked (and copied)
        views = np.lib.stride_tricks.sliding_window_view(audio[first : some[-1]], length)
        yield views[some - length - first]


def hann(length: int) -> Array:
    """(length,) float32: a symmetric Hann window without zeros at its ends."""
    return np.asarray(np.sin(np.pi * (np.arange(length) + 0.5) / length).astype(np.float32) ** 2)
