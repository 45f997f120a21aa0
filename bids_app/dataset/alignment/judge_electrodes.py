"""What only recordings of electrodes have: pauses, bad spans, mains, and a drift that several events show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bids_app.dataset.alignment.evidence import EventTimes
from bids_app.dataset.alignment.judge_clock import drift_lines, marker_drift, sample_markers
from bids_app.dataset.alignment.judge_playings import length_drift
from bids_app.dataset.alignment.thresholds import Limits
from bids_app.dataset.electrodes.mains import stated_line_hz
from bids_app.dataset.electrodes.response import electrode_lines
from bids_app.dataset.files.written import number_of
from bids_app.dataset.signals.recording import PAUSES, pause_lines, span_accounts
from bids_app.records import Alignment, AlignmentLine, Drift, Recording, ResponseSpec


def with_electrodes(
    account: Alignment, recording: Recording, events: EventTimes, how: tuple[Limits, ResponseSpec | None]
) -> Alignment:
    """An account with what the signal file, its events and its channels add to it.

    Parameters
    ----------
    account : of the recording.
    recording : of electrodes.
    events : rows of its events.tsv.
    how : limits of the error over the recording, and how channels are read (None: nothing is said of them).

    Raises
    ------
    DataError : the file's header or a table cannot be read.
    """
    allowed, spec = how
    gaps, bad = span_accounts(recording)
    paused = any(one.source == PAUSES and one.seconds for one in gaps)  # sample numbers leave pauses out
    numbered = replace(events, sample=np.full(len(events.sample), np.nan)) if paused else events
    drift, lines = _drift(account, recording, numbered, allowed)
    lines += pause_lines(recording, account.playings)
    lines += [
        AlignmentLine(
            "warning", "bad spans", f"{len(one.spans_s)} bad spans by {one.source}, {one.seconds:g} s: not used"
        )
        for one in bad
    ]
    lines += electrode_lines(recording, spec) if spec is not None else ()
    every = tuple(dict.fromkeys((*account.lines, *lines)))
    line_hz = stated_line_hz(recording.metadata)
    return replace(account, lines=every, gaps=gaps, bad_spans=bad, line_hz=line_hz, drift=drift)


def _drift(
    account: Alignment, recording: Recording, events: EventTimes, allowed: Limits
) -> tuple[Drift | None, list[AlignmentLine]]:
    """By the events' sample numbers, and by the lengths of playings; the larger one stands in the record."""
    recording_s = account.extents[0].seconds or 0.0
    stated = [number_of(one.get("SamplingFrequency")) for one in (recording.clock.raw, recording.clock.own)]
    markers = sample_markers(events, [rate for rate in (*stated, recording.rate_hz) if rate])
    if isinstance(markers, AlignmentLine):
        return None, [markers]
    found = {"events with a sample": marker_drift(markers, recording_s)}
    found["playings"] = length_drift(account.playings, recording_s)
    known = {what: drift for what, drift in found.items() if drift is not None}
    lines = [line for what, drift in known.items() for line in drift_lines(drift, what, allowed)]
    return max(known.values(), key=lambda drift: abs(drift.seconds), default=None), lines
