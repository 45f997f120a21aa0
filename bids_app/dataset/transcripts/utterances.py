"""Tables whose times count from each utterance's beginning: placed where a column says when that was."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bids_app.dataset.files.intervals import Row
from bids_app.dataset.files.one_clock import begins_anew, require_one_clock
from bids_app.dataset.files.tables import DURATION, END, KIND, START, Table, number

UNITS = ("utterance", "utt", "segment", "seg", "sentence", "sent", "phrase", "turn", "chunk", "clause", "line", "ipu")
BEGINNING = tuple(f"{unit}{what}" for unit in UNITS for what in ("start", "onset", "begin", "starttime", "starts"))
SPEAKER = ("speaker", "speakerid", "speakername", "voice", "talker", "character", "channel")


def on_one_clock(table: Table) -> tuple[Table, tuple[str, ...]]:
    """A table of words or phones whose times do not begin anew, but for each kind of row and each speaker.

    Parameters
    ----------
    table : with columns of times.

    Returns
    -------
    The table, its times shifted by the column of the utterances' beginnings where they count from there, and a note
    that says so; else as it is.

    Raises
    ------
    DataError : times begin anew, and no column says when.
    """
    start, end, beginning = (table.first(names) for names in (START, END, BEGINNING))
    if start is None or not any(map(begins_anew, _parts(table, start, end))):
        return table, ()
    shifts = [number(cell) for cell in table.column(beginning or "")]
    shifted = _shifted(table, [start, *([end] if end else [])], shifts)
    placed = beginning is not None and all(map(math.isfinite, shifts))
    if not placed or any(map(begins_anew, _parts(shifted, start, end))):
        for part in _parts(table, start, end):
            require_one_clock(part)
    return shifted, (f"times count from each utterance's beginning: the column '{beginning}' was added",)


def _parts(table: Table, start: str, end: str | None) -> list[list[Row]]:
    """(start, end, all cells) of the rows of each kind and speaker; without ends or durations they last no time."""
    starts, ends = ([number(cell) for cell in table.column(name)] for name in (start, end or start))
    if end is None:
        lengths = [number(cell) for cell in table.column(table.first(DURATION) or "")]
        ends = [first + length if length >= 0 else first for first, length in zip(starts, lengths, strict=True)]
    marks = zip(*(table.column(table.first(names) or "") for names in (KIND, SPEAKER)), strict=True)
    parts: dict[tuple[str, ...], list[Row]] = {}
    for mark, first, last, row in zip(marks, starts, ends, table.rows, strict=True):
        parts.setdefault(mark, []).append((first, last, " ".join(row)))
    return list(parts.values())


def _shifted(table: Table, columns: Sequence[str], shifts: Sequence[float]) -> Table:
    """With times later by a shift a row."""
    places = [table.columns.index(column) for column in columns]
    rows = [[*row, *[""] * (len(table.columns) - len(row))] for row in table.rows]
    for row, shift in zip(rows, shifts, strict=True):
        for at in places:
            row[at] = repr(number(row[at]) + shift)
    return Table(table.columns, tuple(map(tuple, rows)))
