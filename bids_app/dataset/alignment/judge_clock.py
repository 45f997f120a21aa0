"""Judgement of the events' clock: onsets in seconds, within the recording, and at the recording's own rate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bids_app.dataset.alignment.drift import Markers, drift_of
from bids_app.dataset.alignment.evidence import EventTimes
from bids_app.dataset.alignment.judge_playings import length_drift
from bids_app.dataset.alignment.thresholds import LEAST_EVENTS, STANDARD_ERRORS, Limits
from bids_app.dataset.files.written import number_of
from bids_app.records import AlignmentLine, Drift, PlayingAlignment, Recording, Severity

BEYOND = 10.0  # times the recording's length: such onsets are in another unit
ALIKE = 0.1  # a rate that fits `sample` this well is the one that was meant


def onset_lines(events: EventTimes, start_s: float, recording_s: float) -> list[AlignmentLine]:
    """Whether onsets can be seconds of this recording.

    Parameters
    ----------
    events : rows of events.tsv.
    start_s, recording_s : time of the first sample, and how long the recording lasts.
    """
    end_s = start_s + recording_s
    late = int((events.onset_s > end_s).sum())
    if not late:
        return []
    last = float(events.onset_s.max())
    reach = f"onsets of events reach {last:g}, the recording lasts {recording_s:g} s"
    if last > BEYOND * end_s:
        return [AlignmentLine("refusal", "playing", f"{reach}: they are not in seconds (BIDS asks for seconds)")]
    return [
        AlignmentLine("warning", "playing", f"{late} of {len(events.onset_s)} events begin after its end: {reach}")
    ]


def sample_markers(events: EventTimes, rates_hz: Sequence[float]) -> Markers | AlignmentLine | None:
    """Onsets beside the column `sample` as seconds, by the rate that it was counted at.

    Parameters
    ----------
    events : rows of events.tsv.
    rates_hz : of the raw recording and of the response, those that are known.

    Returns
    -------
    None where too few rows have a sample; a refusal where onsets are samples themselves.
    """
    known = np.isfinite(events.sample) & (events.sample > 0)
    if known.sum() < LEAST_EVENTS or not rates_hz:
        return None
    onset, sample = events.onset_s[known], events.sample[known]
    if np.array_equal(onset, sample) and min(rates_hz) > 2:
        return AlignmentLine(
            "refusal", "playing", "onsets of events equal their column `sample`: they are not seconds"
        )
    counted = (sample.max() - sample.min()) / max(onset.max() - onset.min(), 1e-9)
    rate = min(rates_hz, key=lambda rate_hz: abs(np.log(counted / rate_hz)) if counted > 0 else np.inf)
    if not counted or abs(counted / rate - 1) > ALIKE:
        return None
    return Markers(sample / rate, onset, tuple(f"the event at {time:g} s" for time in onset), 1 / rate)


def drift_severity(drift: Drift, limits: Limits) -> Severity:
    """Of a slope: what is within three of its standard errors is noise.

    Parameters
    ----------
    drift : of the recording.
    limits : of the error over the recording.
    """
    noise = abs(drift.seconds) <= STANDARD_ERRORS * drift.standard_error
    return "fine" if noise else limits.severity(drift.seconds)


def drift_lines(drift: Drift, what: str, limits: Limits) -> list[AlignmentLine]:
    """A line for the slope and one for the markers off it.

    Parameters
    ----------
    drift : of the recording.
    what : it rests on, for the line.
    limits : of the error over the recording.
    """
    severity = drift_severity(drift, limits)
    basis = f"standard error {drift.standard_error:.3f}, {drift.n_events} {what}"
    size = f"{drift.seconds:+.3f} s over the recording ({basis})"
    remedy = " (correct the rate of the recording, or the events)" if severity == "refusal" else ""
    lines = [AlignmentLine(severity, "sampling interval", f"the events' clock drifts by {size}{remedy}")]
    if drift.deviant:
        named = ", ".join(drift.deviant[:5])
        lines.append(
            AlignmentLine("warning", "playing", f"{len(drift.deviant)} off the others' line, not fitted: {named}")
        )
    return lines


def event_drift(
    recording: Recording, recording_s: float, seen: tuple[EventTimes, Sequence[PlayingAlignment]], limits: Limits
) -> tuple[Drift | None, list[AlignmentLine]]:
    """The drift of the events' clock, by the events' sample numbers and by the lengths of playings.

    Parameters
    ----------
    recording : of electrodes.
    recording_s : how long it lasts.
    seen : rows of its events.tsv, and its playings.
    limits : of the error over the recording.

    Returns
    -------
    The larger one, None where neither is known; and lines.
    """
    stated = [number_of(one.get("SamplingFrequency")) for one in (recording.clock.raw, recording.clock.own)]
    markers = sample_markers(seen[0], [rate for rate in (*stated, recording.rate_hz) if rate])
    if isinstance(markers, AlignmentLine):
        return None, [markers]
    found = {"events with a sample": None if markers is None else drift_of(markers, recording_s)}
    found["playings"] = length_drift(seen[1], recording_s)
    known = {what: drift for what, drift in found.items() if drift is not None}
    lines = [line for what, drift in known.items() for line in drift_lines(drift, what, limits)]
    return max(known.values(), key=lambda drift: abs(drift.seconds), default=None), lines
