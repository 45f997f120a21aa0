"""A robust slope between two clocks, from markers or lengths; a marker far off the line is named, never fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bids_app.dataset.alignment.thresholds import LEAST_EVENTS
from bids_app.records import Array, Drift

MOST_MARKERS = 400  # all pairs of these are fitted; of more, evenly spread ones
TO_SIGMA = 1.4826  # of a normal distribution, from the median absolute deviation
FAR = 5.0  # standard deviations off the line
LEAST_FAR_S = 0.02


@dataclass(frozen=True)
class Markers:
    """Instants, or lengths, on two clocks.

    Parameters
    ----------
    file_s, recorded_s : (n,) seconds, on the file's clock and on the recording's.
    names : (n) of each.
    precision_s : by how much `recorded_s` may be rounded.
    """

    file_s: Array
    recorded_s: Array
    names: tuple[str, ...]
    precision_s: float = 0.0


def drift_of(markers: Markers, recording_s: float, through_zero: bool = False) -> Drift | None:
    """How far two clocks are apart at a recording's end.

    The median of the slopes between all pairs (Theil 1950, Sen 1968); of lengths, of their ratios. Its standard error
    is that of the slope by least squares of what lies near the line, its variance times π/2 for the median.

    Parameters
    ----------
    markers : on both clocks.
    recording_s : how long the recording lasts.
    through_zero : whether they are lengths, which are 0 on both clocks together.

    Returns
    -------
    None with fewer than `LEAST_EVENTS` that differ.
    """
    chosen = np.unique(np.linspace(0, len(markers.names) - 1, min(len(markers.names), MOST_MARKERS)).astype(int))
    x, off = markers.file_s[chosen], (markers.recorded_s - markers.file_s)[chosen]
    if len(np.unique(x)) < (1 if through_zero else LEAST_EVENTS) or len(x) < LEAST_EVENTS:
        return None
    if through_zero:
        slope, centred = float(np.median(off / x)), x
        residual = off - slope * x
    else:
        first, second = np.triu_indices(len(x), 1)
        differ = x[second] != x[first]
        slope = float(np.median((off[second] - off[first])[differ] / (x[second] - x[first])[differ]))
        residual = off - slope * x
        residual -= np.median(residual)
        centred = x - x.mean()
    sigma = TO_SIGMA * float(np.median(np.abs(residual - np.median(residual))))
    far = np.abs(residual) > max(FAR * sigma, LEAST_FAR_S + markers.precision_s)
    spread = float(np.sqrt((centred[~far] ** 2).sum())) or np.inf
    rounding = markers.precision_s / np.sqrt(3)
    error = float(np.sqrt(np.pi / 2 * (sigma**2 + rounding**2))) / spread
    deviant = tuple(f"{markers.names[at]} ({residual[k]:+.2f} s)" for k, at in enumerate(chosen) if far[k])
    return Drift(slope * recording_s, error * recording_s, int((~far).sum()), deviant)


def of_lengths(
    names: Sequence[str], file_s: Sequence[float], event_s: Sequence[float], precision_s: float
) -> Markers:
    """Markers of playings.

    Parameters
    ----------
    names : of each playing.
    file_s, event_s : its length by the sound and by the events.
    precision_s : of the latter.
    """
    return Markers(np.asarray(file_s, dtype=float), np.asarray(event_s, dtype=float), tuple(names), precision_s)
