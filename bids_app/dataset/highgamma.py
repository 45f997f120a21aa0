"""High gamma from voltages: the envelopes of eight bands, averaged, with nothing of the power line."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from bids_app.dataset.candidates import HIGH_GAMMA
from bids_app.records import Array, Recording, ResponseSpec

N_BANDS = 8
TRANSITION_HZ = (
    5.0  # of each band's filter: 60 Hz lies in the stop band of 70 Hz, where the usual 17.5 Hz would not do
)
EDGE_S = (
    3.3 / TRANSITION_HZ / 2
)  # half the filter's length: at the ends, and next to bad spans, it sees what is not there
NOTCH_HZ = 2.0  # width of each notch


def computes_high_gamma(recording: Recording, spec: ResponseSpec) -> bool:
    """Whether the recording holds voltages: `desc` does not name an envelope, and its rate can hold the band."""
    if recording.modality != "ieeg" or spec.band_hz is None or HIGH_GAMMA.search(recording.entities.get("desc", "")):
        return False
    return recording.rate_hz > 2 * (spec.band_hz[1] + TRANSITION_HZ)


def told(recording: Recording, spec: ResponseSpec) -> tuple[str, ...]:
    """What a reader must know of a recording whose `desc` does not name an envelope."""
    if spec.band_hz is None or HIGH_GAMMA.search(recording.entities.get("desc", "")):
        return ()
    low, high = spec.band_hz
    if computes_high_gamma(recording, spec):
        return (
            f"high gamma ({low:g}–{high:g} Hz) was computed: if these are envelopes, set response.ieeg.band_hz: null",
        )
    return (f"signals at {recording.rate_hz:g} Hz cannot hold {low:g}–{high:g} Hz: taken for envelopes",)


def high_gamma(signal: Array, rate_hz: float, band_hz: tuple[float, float], line_hz: float | None) -> Array:
    """signal (n_times,) → its envelope (n_times,), without delay.

    The band is cut in `N_BANDS` equal ones by zero-phase FIR filters; each one's Hilbert envelope is divided by its
    median, so that low frequencies, which are stronger, do not decide alone, and they are averaged. Harmonics of
    `line_hz` inside the band are notched. The first and last `EDGE_S` seconds rest partly on the signal mirrored at
    its ends.
    """
    from mne.filter import filter_data, next_fast_len, notch_filter
    from scipy.signal import hilbert

    signal = np.asarray(signal, dtype=np.float64)
    inside = [] if line_hz is None else _harmonics(line_hz, band_hz)
    if inside:
        signal = notch_filter(signal, rate_hz, inside, notch_widths=NOTCH_HZ, verbose="ERROR")
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
        envelope = np.abs(hilbert(filtered, next_fast_len(len(filtered)))[: len(filtered)])
        usual = float(np.median(envelope))
        total += envelope / usual if usual > 0 else 0.0
    return np.asarray(total / N_BANDS)


def _harmonics(line_hz: float, band_hz: tuple[float, float]) -> list[float]:
    low, high = band_hz
    first, last = np.ceil(low / line_hz), np.floor(high / line_hz)
    return [float(line_hz * number) for number in np.arange(first, last + 1)]


def near_edges(bad: Array, rate_hz: float) -> Array:
    """(n_times,) True within `EDGE_S` of an end or of a sample that is bad."""
    reach = int(np.ceil(EDGE_S * rate_hz))
    padded = np.concatenate([[True], bad, [True]])
    counts = np.concatenate([[0], np.cumsum(padded)])
    first = np.maximum(np.arange(1, len(bad) + 1) - reach, 0)
    last = np.minimum(np.arange(1, len(bad) + 1) + reach + 1, len(padded))
    return np.asarray(counts[last] > counts[first])
