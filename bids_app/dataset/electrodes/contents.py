"""Whether what a signal file holds looks like what it is taken for."""

from __future__ import annotations

import numpy as np

from bids_app.dataset.electrodes.high_gamma import TRANSITION_HZ
from bids_app.records import Array

MOST = 0.5  # of a signal's power: it lies where most of it lies
SLOWEST_HZ = 0.5


def doubts(signal: Array, rate_hz: float, band_hz: tuple[float, float] | None, computes: bool) -> tuple[str, ...]:
    """What speaks against it: a voltage that is never negative, an envelope that swings as fast as the band.

    Parameters
    ----------
    signal : (n_times,) of one channel, as it is in the file.
    rate_hz : its samples a second.
    band_hz : of the high gamma; None: nothing is judged.
    computes : whether signals are taken for voltages; else for envelopes.
    """
    from scipy.signal import welch

    finite = signal[np.isfinite(signal)]
    if band_hz is None or len(finite) < 2 * rate_hz or not finite.std():
        return ()
    if computes:
        alike = bool(finite.min() >= 0)
        return ("signals are never negative, as envelopes are: set response.ieeg.band_hz: null",) if alike else ()
    if rate_hz <= 2 * (band_hz[1] + TRANSITION_HZ):
        return ()
    frequencies, power = welch(finite, rate_hz, nperseg=int(2 * rate_hz))
    inside = (frequencies >= band_hz[0]) & (frequencies <= band_hz[1])
    share = power[inside].sum() / power[frequencies >= SLOWEST_HZ].sum()
    if share <= MOST:
        return ()
    text = f"{share:.0%} of the power lies in {band_hz[0]:g}–{band_hz[1]:g} Hz: filtered voltages, no envelopes"
    return (f"{text}; name the file without desc-highgamma",)
