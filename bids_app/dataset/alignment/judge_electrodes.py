"""What only recordings of electrodes have: pauses, bad spans, mains, and a drift that several events show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bids_app.dataset.alignment.bad_spans import bad_lines
from bids_app.dataset.alignment.evidence import EventTimes
from bids_app.dataset.alignment.judge_clock import event_drift
from bids_app.dataset.alignment.thresholds import Limits
from bids_app.dataset.electrodes.mains import stated_line_hz
from bids_app.dataset.electrodes.response import electrode_lines
from bids_app.dataset.signals.recording import PAUSES, pause_lines, span_accounts
from bids_app.records import Alignment, Recording, ResponseSpec


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
    recording_s = account.extents[0].seconds or 0.0
    drift, lines = event_drift(recording, recording_s, (numbered, account.playings), allowed)
    lines += pause_lines(recording, account.playings)
    lines += bad_lines(bad)
    lines += electrode_lines(recording, spec) if spec is not None else ()
    every = tuple(dict.fromkeys((*account.lines, *lines)))
    line_hz = stated_line_hz(recording.metadata)
    return replace(account, lines=every, gaps=gaps, bad_spans=bad, line_hz=line_hz, drift=drift)
