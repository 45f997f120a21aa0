"""Stretches that somebody marked as bad: in the signal file, or in events.tsv."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bids_app.dataset.files.intervals import MISSING
from bids_app.dataset.files.tables import PHONE_KINDS, WORD_KINDS, Table, number, read_table
from bids_app.dataset.signals.records import Note
from bids_app.records import Array, SpanAccount

IN_FILE = re.compile(r"bad", re.IGNORECASE)  # as mne's own functions leave samples out
IN_EVENTS = re.compile(r"(bad|art[ei]fact)(s|ual)?(?![a-z])", re.IGNORECASE)
NOT_RECORDED = re.compile(r"bad_acq_skip", re.IGNORECASE)
SPEECH = WORD_KINDS | PHONE_KINDS | {"sentence", "sentences", "phrase", "phrases", "utterance", "syllable"}


@dataclass(frozen=True)
class BadSpan:
    """A stretch in seconds on the recording's clock; no channels: bad in all of them; source: what marks it."""

    start_s: float
    duration_s: float
    source: str
    channels: tuple[str, ...] = ()


def file_spans(notes: Iterable[Note]) -> list[BadSpan]:
    """Annotations of the file that begin with 'bad'; what was not recorded is none."""
    return [
        BadSpan(note.start_s, note.duration_s, "file", note.channels)
        for note in notes
        if IN_FILE.match(note.text) and not NOT_RECORDED.match(note.text)
    ]


def skipped_spans(notes: Iterable[Note]) -> SpanAccount | None:
    """Stretches that a FIF file fills with zeros because nothing was recorded."""
    spans = tuple((note.start_s, note.duration_s) for note in notes if NOT_RECORDED.match(note.text))
    return SpanAccount("file", spans) if spans else None


def event_spans(path: Path | None) -> tuple[list[BadSpan], tuple[str, ...]]:
    """Rows of an events.tsv that mark a stretch as bad: their `trial_type` or `value` begins with 'bad' or
    'artifact', or their `status` is bad; a column `channel` or `channels` says of which channels.

    Returns
    -------
    The stretches; a line where such rows have no onset or duration.

    Raises
    ------
    DataError : the table cannot be read.
    """
    if path is None:
        return [], ()
    table = read_table(path)
    marked = [at for at, row in enumerate(_rows(table)) if _is_bad(*row)]
    onsets, durations = ([number(cell) for cell in table.column(name)] for name in ("onset", "duration"))
    channels = table.column("channels" if "channels" in table.columns else "channel")
    timed = [at for at in marked if math.isfinite(onsets[at]) and durations[at] > 0]
    spans = [BadSpan(onsets[at], durations[at], "events.tsv", _names(channels[at])) for at in timed]
    lost = len(marked) - len(timed)
    about = (
        f"{lost} of {len(marked)} rows of events.tsv that mark bad stretches have no onset or no duration: not used"
    )
    return spans, (about,) if lost else ()


def _rows(table: Table) -> Iterable[tuple[str, str, str]]:
    return zip(table.column("trial_type"), table.column("value"), table.column("status"), strict=True)


def _is_bad(kind: str, value: str, status: str) -> bool:
    """A word or sentence may be 'bad' without its stretch being so."""
    of_speech = kind.lower() in SPEECH
    by_value = not of_speech and bool(IN_EVENTS.match(value))
    return bool(IN_EVENTS.match(kind)) or by_value or status.lower() == "bad"


def _names(cell: str) -> tuple[str, ...]:
    """Channels of a cell: a JSON list, or names between commas, semicolons or bars; none where all are meant."""
    if cell.lower() in MISSING | {"all"}:
        return ()
    if cell.startswith("["):
        try:
            return tuple(str(name) for name in json.loads(cell.replace("'", '"')))
        except ValueError:
            cell = cell.strip("[]")
    return tuple(name.strip().strip("\"'") for name in re.split(r"[,;|]", cell) if name.strip())


def covered(spans: Iterable[tuple[float, float]], times_s: Array) -> Array:
    """Which instants lie in a stretch.

    Parameters
    ----------
    spans : (start, length) in seconds.
    times_s : (n_times,) seconds, on the same clock.

    Returns
    -------
    (n_times,) bool.
    """
    inside = np.zeros(len(times_s), dtype=bool)
    for start_s, length_s in spans:
        inside |= (times_s >= start_s) & (times_s < start_s + length_s)
    return inside


def accounts(spans: Iterable[BadSpan]) -> tuple[SpanAccount, ...]:
    """The stretches of each source; those of some channels alone apart, named by them."""
    by_source: dict[str, list[tuple[float, float]]] = {}
    for span in spans:
        source = span.source + (f", {', '.join(span.channels)}" if span.channels else "")
        by_source.setdefault(source, []).append((span.start_s, span.duration_s))
    return tuple(SpanAccount(source, tuple(stretches)) for source, stretches in by_source.items())
