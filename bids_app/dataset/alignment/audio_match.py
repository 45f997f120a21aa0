"""Where a sound lies in a recording of it: envelopes of stretches of it, looked for one by one, and a robust line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from bids_app.records import Array, Samples

FINE_HZ, COARSE_HZ = 500.0, 25.0  # of the envelopes that are compared
SMOOTH_S = 0.01  # of the fine envelopes: slower than any recording's rate blurs them
SEARCH_S = 120.0  # on either side of where the events put a stretch
NEAR_S = 0.25  # stretches that agree within this, drift included, have found the same playing
INLIER_S = 0.015  # from the line
STRETCHES, LEAST_STRETCH_S, MOST_STRETCH_S = 6, 4.0, 20.0
EQUAL = 0.9  # of the best correlation: a second playing of the same sound
LEAST_AGREEING, LEAST_SHARE, LEAST_R = 3, 0.5, 0.2
PIECE = 1 << 22  # samples that are made into an envelope at a time
STANDARD_ERRORS = 3.0  # from 0, beyond which a drift is one


@dataclass(frozen=True)
class Envelope:
    """Loudness (n,) at FINE_HZ, the first at `start_s`."""

    values: Array
    start_s: float = 0.0


@dataclass(frozen=True)
class AudioMatch:
    """Where a sound was found.

    onset_s : its first sample on the recording's clock. drift : seconds of the recording more than one, a second of
    the sound; 0 where none can be told from none. r : median correlation of stretches. n_agreeing, n_stretches : how
    many lie on the line, of those inside the recording.
    """

    onset_s: float
    drift: float
    r: float
    n_agreeing: int
    n_stretches: int


def envelope_of(sound: Samples | Array, rate_hz: float, start_s: float = 0.0) -> Envelope:
    """The loudness of a sound: its samples' size, smoothed by 10 ms and compressed.

    Parameters
    ----------
    sound : (n_samples,).
    rate_hz : its samples a second.
    start_s : time of its first sample.
    """
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import resample_poly

    ratio = Fraction(FINE_HZ / rate_hz).limit_denominator(2000)
    piece = max(ratio.denominator, PIECE // ratio.denominator * ratio.denominator)
    parts = [np.asarray(sound[at : at + piece], dtype=np.float64) for at in range(0, len(sound), piece)]
    mean = float(np.mean([part.mean() for part in parts]))
    made = [resample_poly(np.abs(part - mean), ratio.numerator, ratio.denominator, padtype="line") for part in parts]
    values = np.concatenate(made)
    times_s = np.arange(len(values)) / (rate_hz * float(ratio))
    even_s = np.arange(int(times_s[-1] * FINE_HZ) + 1) / FINE_HZ
    smooth = gaussian_filter1d(np.interp(even_s, times_s, values), SMOOTH_S * FINE_HZ)
    return Envelope(np.sqrt(np.maximum(smooth, 0.0)), start_s)


def match_audio(recorded: Envelope, sound: Envelope, expected_s: float) -> AudioMatch | None:
    """Where, and how fast, a sound plays in a recording.

    Stretches of the sound are each looked for within two minutes of where they are expected. Most must agree on one
    playing to a quarter of a second; there each is placed to the millisecond, and a line through them (Theil and Sen,
    then least squares on what lies within 15 ms) gives onset and drift.

    Parameters
    ----------
    recorded : the recording's audio channel.
    sound : the stimulus.
    expected_s : of its first sample, by the events.

    Returns
    -------
    The match; None where too few stretches agree.
    """
    found = [
        (middle_s, offset_s)
        for middle_s, piece in _stretches(sound)
        if (offset_s := _coarse(recorded, piece, middle_s, expected_s)) is not None
    ]
    if len(found) < LEAST_AGREEING:
        return None
    offsets = np.array([offset_s for _, offset_s in found])
    votes = (np.abs(offsets[:, None] - offsets) <= NEAR_S).sum(axis=1)
    best = votes == votes.max()
    near_s = float(offsets[best][np.argmin(np.abs(offsets[best] - expected_s))])
    rough = _on_a_line(recorded, sound, near_s, len(found))
    if rough is None:
        return None
    slowed = _slowed(sound, rough.drift)
    exact = _on_a_line(recorded, slowed, rough.onset_s, len(found))
    return None if exact is None else replace(exact, drift=(1 + rough.drift) * (1 + exact.drift) - 1)


def _slowed(sound: Envelope, drift: float) -> Envelope:
    """The sound as it plays with a drift, so that stretches of it are not blurred against the recording."""
    times_s = np.arange(int(len(sound.values) * (1 + drift))) / (1 + drift)
    return Envelope(np.interp(times_s, np.arange(len(sound.values)), sound.values))


def _stretches(sound: Envelope) -> Iterator[tuple[float, Array]]:
    """(middle in seconds of the sound, values) of stretches that overlap by half and are not silent."""
    length_s = len(sound.values) / FINE_HZ
    stretch_s = float(np.clip(length_s / STRETCHES, LEAST_STRETCH_S, MOST_STRETCH_S))
    size, quiet = round(stretch_s * FINE_HZ), 0.1 * sound.values.std()
    for first in range(0, len(sound.values) - size + 1, size // 2):
        piece = sound.values[first : first + size]
        if piece.std() > quiet:
            yield (first + (size - 1) / 2) / FINE_HZ, piece


def _coarse(recorded: Envelope, piece: Array, middle_s: float, expected_s: float) -> float | None:
    """The sound's onset by one stretch, to the nearest 40 ms: of playings as good as the best, the expected one.
    None where the stretch is not within the recording."""
    step = round(FINE_HZ / COARSE_HZ)
    track, wanted = _thinned(recorded.values, step), _thinned(piece, step)
    half_s = len(piece) / FINE_HZ / 2
    first = (expected_s + middle_s - half_s - SEARCH_S - recorded.start_s) * COARSE_HZ
    last = first + (2 * SEARCH_S + 2 * half_s) * COARSE_HZ
    low, high = max(0, int(first)), min(len(track), int(last) + 1)
    r = correlations(track[low:high], wanted)
    if not len(r):
        return None
    onsets_s = (low + np.flatnonzero(r >= EQUAL * r.max())) / COARSE_HZ + recorded.start_s + half_s - middle_s
    return float(onsets_s[np.argmin(np.abs(onsets_s - expected_s))])


def _fine(recorded: Envelope, piece: Array, middle_s: float, near_s: float) -> tuple[float, float] | None:
    """(the sound's onset by one stretch, its correlation), near where most stretches agree."""
    half = (len(piece) - 1) / 2
    first = round((near_s + middle_s - 2 * NEAR_S - recorded.start_s) * FINE_HZ - half)
    low, high = max(0, first), min(len(recorded.values), first + len(piece) + round(4 * NEAR_S * FINE_HZ))
    r = correlations(recorded.values[low:high], piece)
    if len(r) < 3:
        return None
    peak = int(np.argmax(r))
    if not 0 < peak < len(r) - 1:
        return None
    before, top, after = r[peak - 1 : peak + 2]
    shift = 0.5 * (before - after) / (before - 2 * top + after)
    return (low + peak + shift + half) / FINE_HZ + recorded.start_s - middle_s, float(top)


def _on_a_line(recorded: Envelope, sound: Envelope, near_s: float, n_stretches: int) -> AudioMatch | None:
    """Onset and drift from the places of stretches; None where too few lie on a line."""
    from scipy.stats import theilslopes

    found = [
        (middle_s, *fine)
        for middle_s, piece in _stretches(sound)
        if (fine := _fine(recorded, piece, middle_s, near_s)) is not None
    ]
    placed = np.array([place for place in found if place[2] >= LEAST_R]).reshape(-1, 3)
    if len(placed) < LEAST_AGREEING:
        return None
    middles, onsets, r = placed.T
    slope, intercept, *_ = theilslopes(onsets, middles)
    on_line = np.abs(onsets - intercept - slope * middles) <= INLIER_S
    if on_line.sum() < max(LEAST_AGREEING, LEAST_SHARE * n_stretches):
        return None
    middles, onsets, r = middles[on_line], onsets[on_line], r[on_line]
    spread = middles - middles.mean()
    drift = float(spread @ onsets / (spread @ spread))
    rest = onsets - onsets.mean() - drift * spread
    error = np.sqrt(rest @ rest / max(len(rest) - 2, 1) / (spread @ spread))
    drift = drift if abs(drift) > STANDARD_ERRORS * error else 0.0
    onset_s = float(onsets.mean() - drift * middles.mean())
    return AudioMatch(onset_s, drift, float(np.median(r)), len(r), n_stretches)


def _thinned(values: Array, step: int) -> Array:
    """Means of `step` values each."""
    n = len(values) // step
    return np.asarray(values[: n * step].reshape(n, step).mean(axis=1))


def correlations(track: Array, piece: Array) -> Array:
    """Pearson's correlation of a piece with every stretch of a track of its length.

    Parameters
    ----------
    track : (n,).
    piece : (m,).

    Returns
    -------
    (n − m + 1,), empty where the track is shorter; 0 where the track does not vary.
    """
    from scipy.signal import fftconvolve

    size = len(piece)
    if len(track) < size or size < 2:
        return np.empty(0)
    centred = track - track.mean()
    shape = (piece - piece.mean()) / (piece.std() * size)
    sums, squares = (np.concatenate([[0.0], np.cumsum(centred**power)]) for power in (1, 2))
    mean = (sums[size:] - sums[:-size]) / size
    variance = np.maximum((squares[size:] - squares[:-size]) / size - mean**2, 0.0)
    product = fftconvolve(centred, shape[::-1], mode="valid")
    flat = variance <= 1e-12 * max(float(centred.var()), 1e-300)
    return np.where(flat, 0.0, product / np.sqrt(np.where(flat, 1.0, variance)))
