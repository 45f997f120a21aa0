"""A recording's signal file on the clock of its events, with the channels that count, pauses and bad spans."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bids_app.dataset.files.tables import Table, number, read_table
from bids_app.dataset.signals.bad_spans import BadSpan, accounts, event_spans, file_spans, skipped_spans
from bids_app.dataset.signals.open import open_signals
from bids_app.dataset.signals.records import Signals
from bids_app.errors import DataError
from bids_app.records import AlignmentLine, PlayingAlignment, Recording, SpanAccount

INTRACRANIAL = {"SEEG", "ECOG", "DBS", "IEEG"}
PAUSES = "pauses of the file"
CLOCK_S = 0.02  # a sample number times the sampling interval is its onset, within this


def channels_of(path: Path | None) -> Table:
    """channels.tsv; without one, or where it names no channel, a table without columns.

    Raises
    ------
    DataError : it cannot be read, or names a channel twice.
    """
    table = read_table(path) if path else Table((), ())
    names = table.column("name")
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise DataError(f"channels.tsv names channels twice: {', '.join(repeated[:5])}", path, "keep one row each")
    return table if table.rows else Table((), ())


def good_channels(channels: Table) -> list[str]:
    """Intracranial ones whose status is not bad."""
    rows = zip(channels.column("name"), channels.column("type"), channels.column("status"), strict=True)
    return [name for name, kind, status in rows if kind.upper() in INTRACRANIAL and status.lower() != "bad"]


def signals_of(recording: Recording) -> Signals:
    """The recording's file on the clock of its events; none of its samples is read.

    By BIDS, onsets of events are seconds from the first sample, so pauses count. They do not where a pause has no
    length in the file, or where the events' column `sample` fits onsets without the pauses.

    Raises
    ------
    DataError : the file or a table cannot be read.
    """
    signals = open_signals(recording.paths[0], good_channels(channels_of(recording.companions.get("channels"))))
    return signals.counted() if counts_samples(signals, recording.companions.get("events")) else signals


def counts_samples(signals: Signals, events: Path | None) -> bool:
    """Whether onsets of events leave pauses out.

    Parameters
    ----------
    signals : the file, on its own clock.
    events : the events.tsv, if there is one.
    """
    if len(signals.segments) == 1:
        return False
    if any(segment.start_s is None for segment in signals.segments):
        return True
    table = read_table(events) if events else Table((), ())
    rows = zip(*([number(cell) for cell in table.column(name)] for name in ("onset", "sample")), strict=True)
    after = signals.segments[1].first / signals.rate_hz
    later = [
        abs(onset - sample / signals.rate_hz) <= CLOCK_S
        for onset, sample in rows
        if math.isfinite(onset + sample) and sample / signals.rate_hz >= after
    ]
    return bool(later) and all(later)


def pause_accounts(signals: Signals) -> tuple[SpanAccount, ...]:
    """Where nothing was recorded, by the file; a pause without a length has length 0."""
    pauses = tuple((start_s, length_s or 0.0) for start_s, length_s in signals.pauses_s)
    accounts = [SpanAccount(PAUSES, pauses)] if pauses else []
    skipped = skipped_spans(signals.notes)
    return (*accounts, *([skipped] if skipped else []))


def bad_spans_of(recording: Recording, signals: Signals) -> tuple[list[BadSpan], tuple[str, ...]]:
    """What the file and events.tsv mark as bad, and lines about rows that could not be used.

    Parameters
    ----------
    recording : with its events.
    signals : its file, on the clock of the events.

    Raises
    ------
    DataError : events.tsv cannot be read.
    """
    marked, lines = event_spans(recording.companions.get("events"))
    unknown = sorted({name for span in marked for name in span.channels} - signals.types.keys())
    if unknown:
        lines += (f"bad spans of channels that the file does not have: {', '.join(unknown[:5])}",)
    return [*file_spans(signals.notes), *marked], lines


def span_accounts(recording: Recording) -> tuple[tuple[SpanAccount, ...], tuple[SpanAccount, ...]]:
    """Pauses, and bad spans, of an iEEG recording by source; no signal is read.

    Raises
    ------
    DataError : the file's header or a table cannot be read.
    """
    signals = signals_of(recording)
    return pause_accounts(signals), accounts(bad_spans_of(recording, signals)[0])


def _lost_pauses(recording: Recording, signals: Signals) -> list[AlignmentLine]:
    """A sidecar may know of pauses that the file, perhaps converted, does not show."""
    kind = str(recording.metadata.get("RecordingType", "")).lower()
    if kind not in ("discontinuous", "epoched") or skipped_spans(signals.notes):
        return []
    text = f"the sidecar says that the recording is {kind}, the file shows no pause: times behind one may be wrong"
    return [AlignmentLine("warning", "gaps", text)]


def pause_lines(recording: Recording, playings: Sequence[PlayingAlignment]) -> list[AlignmentLine]:
    """What pauses mean for the times of a recording.

    Parameters
    ----------
    recording : iEEG.
    playings : of it.

    Returns
    -------
    One line for the pauses, and a refusal for each playing whose times a pause without a length makes unknowable.

    Raises
    ------
    DataError : the file's header or a table cannot be read.
    """
    signals = open_signals(recording.paths[0], good_channels(channels_of(recording.companions.get("channels"))))
    pauses = signals.pauses_s
    if not pauses:
        return _lost_pauses(recording, signals)
    counted = counts_samples(signals, recording.companions.get("events"))
    first, length = pauses[0]
    how = "of unknown length" if length is None else f"of {length:.3f} s"
    many = f"{len(pauses)} pauses, the first {how}" if len(pauses) > 1 else f"a pause {how}"
    said = (
        "onsets of events are taken to leave pauses out"
        if counted
        else "samples are placed by the file's own times, and onsets of events are taken to include pauses"
    )
    lines = [AlignmentLine("warning", "gaps", f"the file has {many} after {first:.3f} s: {said}")]
    if not counted:
        return lines
    breaks_s = [start_s for start_s, _ in signals.counted().pauses_s]
    for playing in playings:
        stop_s = playing.onset_s + (playing.event_s or playing.file_s or playing.transcript_s or 0.0)
        within = [at_s for at_s in breaks_s if playing.onset_s < at_s < stop_s]
        if within:
            text = (
                f"{playing.stimulus} plays across the pause after {within[0]:.3f} s of samples, and its later words "
                "have no known time: cut the recording there, a file for each part"
            )
            lines.append(AlignmentLine("refusal", "gaps", text))
    return lines
