"""Stretches that are not used because somebody marked them as bad."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bids_app.dataset.signals.bad_spans import accounts, event_spans
from bids_app.records import Alignment, AlignmentLine, Recording, SpanAccount


def with_event_spans(account: Alignment, recording: Recording) -> Alignment:
    """An account of BOLD with the rows of events.tsv that mark a stretch as bad.

    Parameters
    ----------
    account : of the recording.
    recording : with its events.

    Raises
    ------
    DataError : events.tsv cannot be read.
    """
    spans, lost = event_spans(recording.companions.get("events"))
    bad = accounts(spans)
    lines = [*bad_lines(bad), *(AlignmentLine("warning", "bad spans", text) for text in lost)]
    return replace(account, bad_spans=bad, lines=(*account.lines, *lines))


def bad_lines(bad: Iterable[SpanAccount]) -> list[AlignmentLine]:
    """A line a source."""
    return [
        AlignmentLine(
            "warning", "bad spans", f"{len(one.spans_s)} bad spans by {one.source}, {one.seconds:g} s: not used"
        )
        for one in bad
    ]
