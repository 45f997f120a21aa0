"""High gamma from voltages: the envelopes of eight bands, averaged, with nothing of the power line."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from bids_app.dataset.files.candidates import HIGH_GAMMA
from bids_app.records import Array, Recording, ResponseSpec

N_BANDS = 8
TRANSITION_HZ = 5.0  # of each band's filter: 60 Hz is then well outside 70 Hz, which mne's own 17.5 Hz would not do
NOTCH_HZ, NOTCH_TRANSITION_HZ = 2.0, 2.0  # width of each notch's stop band, and of the slope on either side
FILTER_PERIODS = 3.3  # length of mne's FIR filters (Hamming window), in periods of the transition


def computes_high_gamma(recording: Recording, spec: ResponseSpec) -> bool:
    """Whether a recording holds voltages: `desc` does not name an envelope, and its rate can hold the band.

    Parameters
    ----------
    recording : of either modality.
    spec : `band_hz` None: all signals are envelopes.
    """
    if recording.modality != "ieeg" or spec.band_hz is None or HIGH_GAMMA.search(recording.entities.get("desc", "")):
        return False
    return recording.rate_hz > 2 * (spec.band_hz[1] + TRANSITION_HZ)


def high_gamma(signal: Array, rate_hz: float, band_hz: tuple[float, float], line_hz: float | None) -> Array:
    """The envelope of a band, without delay.

    The band is cut in `N_BANDS` equal ones by zero-phase FIR filters, and their Hilbert envelopes are averaged.
    Harmonics of `line_hz` inside the band are notched. The first and last `edge_s` seconds rest partly on the signal
    mirrored at its ends.

    Parameters
    ----------
    signal : (n_times,) of one channel.
    rate_hz : its samples a second.
    band_hz : lowest and highest frequency.
    line_hz : of the power line; None: nothing is notched.

    Returns
    -------
    (n_times,).
    """
    from mne.filter import filter_data, next_fast_len, notch_filter
    from scipy.signal import hilbert

    signal = np.asarray(signal, dtype=np.float64)
    inside = harmonics(line_hz, band_hz)
    if inside:
        slopes_hz = 2 * NOTCH_TRANSITION_HZ  # mne counts both
        signal = notch_filter(
            signal, rate_hz, inside, notch_widths=NOTCH_HZ, trans_bandwidth=slopes_hz, verbose="ERROR"
        )
    edges = np.linspace(*band_hz, N_BANDS + 1)
    total = np.zeros(len(signal))
    for low, high in pairwise(edges.tolist()):
        filtered = filter_data(
            signal,
            rate_hz,
            low,
            high,
            l_trans_bandwidth=TRANSITION_HZ,
            h_trans_bandwidth=TRANSITION_HZ,
            phase="zero",
            verbose="ERROR",
        )
        total += np.abs(hilbert(filtered, next_fast_len(len(filtered)))[: len(filtered)])
    return np.asarray(total / N_BANDS)


def harmonics(line_hz: float | None, band_hz: tuple[float, float]) -> list[float]:
    """Multiples of the line's frequency that the band's filters let through.

    Parameters
    ----------
    line_hz : of the power line; None: nothing is notched.
    band_hz : lowest and highest frequency.
    """
    if line_hz is None:
        return []
    first = np.ceil((band_hz[0] - TRANSITION_HZ) / line_hz)
    last = np.floor((band_hz[1] + TRANSITION_HZ) / line_hz)
    return [float(line_hz * number) for number in np.arange(first, last + 1)]


def edge_s(band_hz: tuple[float, float], line_hz: float | None) -> float:
    """Half the filters' length: nearer than this to the ends, or to bad spans, they see what is not there.

    Parameters
    ----------
    band_hz : lowest and highest frequency.
    line_hz : of the power line, or None.
    """
    slowest = 1 / NOTCH_TRANSITION_HZ if harmonics(line_hz, band_hz) else 0.0
    return FILTER_PERIODS / 2 * (1 / TRANSITION_HZ + slowest)


def near_edges(bad: Array, reach: int, breaks: Sequence[int] = ()) -> Array:
    """Samples within `reach` samples of an end, of a pause, or of a sample that is bad.

    Parameters
    ----------
    bad : (n_times,) bool.
    reach : samples.
    breaks : numbers of samples before which recording was paused.

    Returns
    -------
    (n_times,) bool.
    """
    # the ends count as bad samples; counts[k] is how many of the first k are bad, so that a difference of two of them
    # says whether any lies between
    padded = np.concatenate([[True], bad, [True]])
    counts = np.concatenate([[0], np.cumsum(padded)])
    first = np.maximum(np.arange(1, len(bad) + 1) - reach, 0)
    last = np.minimum(np.arange(1, len(bad) + 1) + reach + 1, len(padded))
    near = np.asarray(counts[last] > counts[first])
    for place in breaks:
        near[max(place - reach, 0) : place + reach] = True
    return near
