"""Sound and times where a recipe says they lie: anywhere under BIDS_DIR, by tier or columns."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bids_app.dataset.files.intervals import Annotation, Row, are_utterances, tidy
from bids_app.dataset.files.one_clock import require_one_clock
from bids_app.dataset.files.tables import END, START, Table, decode, number, parse_table
from bids_app.dataset.stimuli.sound import sound_length_s
from bids_app.dataset.stimuli.word_clock import NO_SOUND, WordClock
from bids_app.dataset.transcripts.word_files import parse_textgrid, read_annotation, textgrid_extent
from bids_app.errors import DataError
from bids_app.inputs.homes import require_inside
from bids_app.inputs.opening import SOUND, TRANSCRIPT, check_input, naming
from bids_app.marks import What
from bids_app.records import Intervals, StimulusSource, TimedFile

NOTHING = Intervals(np.empty(0), np.empty(0), ())


def data_set_path(relative: str, bids_dir: Path) -> Path:
    """A file of the data set.

    A symbolic link may lead to where inputs may lie (`bids_app/inputs/homes.py`), but not elsewhere.

    Parameters
    ----------
    relative : its path, relative to BIDS_DIR, as a recipe has it.
    bids_dir : the data set.

    Raises
    ------
    DataError : it leaves the data set.
    """
    plain = Path(os.path.normpath(relative))
    inside = not plain.is_absolute() and ".." not in plain.parts and "\0" not in relative
    if not inside:
        raise DataError(
            f"the recipe's file leaves BIDS_DIR: '{relative}'", bids_dir, "paths are relative to BIDS_DIR"
        )
    require_inside(bids_dir / plain, bids_dir)
    return bids_dir / plain


def source_path(source: StimulusSource, bids_dir: Path) -> Path:
    """Where a stimulus's sound lies, or would, beside its words, where there is none.

    Parameters
    ----------
    source : with its sound, words or phones.
    bids_dir : the data set.

    Raises
    ------
    DataError : it leaves the data set.
    """
    named = (
        next(file.path for file in (source.words, source.phones) if file) if source.sound is None else source.sound
    )
    return data_set_path(named, bids_dir)


def source_annotation(source: StimulusSource, bids_dir: Path, clock: WordClock = NO_SOUND) -> Annotation:
    """Words and phones of the files that a recipe names; None for what it names none of.

    Parameters
    ----------
    source : where they lie.
    bids_dir : the data set.
    clock : what times are judged by, but for those of a file that runs through several sounds.

    Raises
    ------
    DataError : a file is not there, or has not what is asked of it, or its clock cannot be understood.
    """
    files: tuple[tuple[What, TimedFile | None], ...] = (("words", source.words), ("phones", source.phones))
    found = [_judged(what, file, source, bids_dir, clock) for what, file in files if file is not None]
    notes = (note for one in found for note in one.notes)
    return Annotation(
        next((one.words for one in found if one.words is not None), None),
        next((one.phones for one in found if one.phones is not None), None),
        tuple(dict.fromkeys(notes)),
        next((one.extent_s for one in found if one.extent_s is not None), None),
    )


def _judged(what: What, file: TimedFile, source: StimulusSource, bids_dir: Path, clock: WordClock) -> Annotation:
    """The words, or the phones, on the sound's clock; a recipe that shifts times says where they begin."""
    timed, path = _timed(what, file, source, bids_dir), data_set_path(file.path, bids_dir)
    words, phones = (timed.table, None) if what == "words" else (None, timed.table)
    found = Annotation(words, phones, timed.notes)
    if file.through:
        return found
    if path.suffix.lower() == ".textgrid" and not file.shift_s and file.unit == "s":
        found = found._replace(extent_s=textgrid_extent(decode(path, TRANSCRIPT)))
    with naming(path):
        return clock.judged(found)


class Timed(NamedTuple):
    """A table of words or phones, and notes on how it was read."""

    table: Intervals
    notes: tuple[str, ...] = ()


def _timed(what: What, file: TimedFile, source: StimulusSource, bids_dir: Path) -> Timed:
    path = data_set_path(file.path, bids_dir)
    shift_s = file.shift_s - _before_s(file, source, bids_dir)
    scale = 1e-3 if file.unit == "ms" else 1.0
    with naming(path):
        whole = Timed(NOTHING)
        if path.suffix.lower() in (".json", ".ctm") or (path.suffix.lower() == ".textgrid" and file.tier is None):
            # lines of a CTM are of the recording that is named, or that has the sound's name
            whole = _read_whole(what, path, file.tier or Path(source.sound or file.path).stem)
            rows = list(zip(whole.table.onset_s, whole.table.offset_s, whole.table.text, strict=True))
        else:
            rows = _of_tier(file, path) if file.tier else list(_of_columns(file, path))
            require_one_clock(rows)
        table = tidy([(start * scale + shift_s, end * scale + shift_s, text) for start, end, text in rows], what)
        if what == "words" and are_utterances(table.text):
            raise DataError(
                "most texts hold several words: utterances, not words", "", "name the tier or column of words"
            )
    left_out, marks = whole.table.left_out + table.left_out, whole.table.marks + table.marks
    return Timed(replace(table, left_out=left_out, marks=marks), whole.notes)


def _before_s(file: TimedFile, source: StimulusSource, bids_dir: Path) -> float:
    """Seconds of the sounds that stand before this one on the file's clock."""
    if not file.through:
        return 0.0
    if source.sound not in file.through:
        raise DataError(f"'{source.sound}' is none of the sounds that the times run through", file.path)
    before = file.through[: file.through.index(source.sound)]
    return sum(_seconds_of(data_set_path(sound, bids_dir)) for sound in before)


def _seconds_of(path: Path) -> float:
    """Raises DataError where the sound is not there, or not one."""
    check_input(path, SOUND)
    lasts_s = sound_length_s(path)
    if lasts_s is None:
        raise DataError("a sound that comes before cannot be read", path, "its length says when this one begins")
    return lasts_s


# --------------------------------------------------------------------------------------------------- rows of a file
def _of_tier(file: TimedFile, path: Path) -> list[Row]:
    """Intervals of the tier of that name."""
    tiers = parse_textgrid(decode(path, TRANSCRIPT))
    rows = [rows for name, rows in tiers if name.strip().lower() == str(file.tier).lower()]
    if len(rows) != 1:
        there = ", ".join(f"'{name}'" for name, _ in tiers) or "none"
        raise DataError(f"{len(rows)} tiers are called '{file.tier}'", path, f"there are {there}")
    return [row for row in rows[0] if row[2].strip()]


def _read_whole(what: What, path: Path, stem: str) -> Timed:
    found = read_annotation(path, stem)
    table = found.words if what == "words" else found.phones
    if table is None:
        advice = "; ".join((*found.notes, "the recipe may name a tier or columns"))
        raise DataError(f"no timed {what} in the file", path, advice)
    return Timed(table, tuple(f"{path.name}: {note}" for note in found.notes))


def _of_columns(file: TimedFile, path: Path) -> Iterator[Row]:
    """Rows of a table; columns go by name, or by number where the table has no header."""
    table = _table(file, path)
    wanted = [_column(table, column, path) for column, _ in file.where]
    patterns = [pattern for _, pattern in file.where]
    text = _column(table, file.text or _known(table, ("word", "text", "item", "phone", "phoneme"), path), path)
    starts = _column(table, file.onset or _known(table, START, path), path)
    last = file.offset or file.duration or _known(table, END, path)
    ends = _column(table, last, path)
    for row, (word, start, end) in enumerate(zip(text, starts, ends, strict=True)):
        if all(fnmatchcase(cells[row], pattern) for cells, pattern in zip(wanted, patterns, strict=True)):
            first_s, last_s = number(start), number(end)
            yield first_s, (last_s if file.offset or not file.duration else first_s + last_s), word


def _table(file: TimedFile, path: Path) -> Table:
    """The table; where columns are named by number, its first line is no header."""
    text, named = decode(path), [file.text, file.onset, file.offset, file.duration, *dict(file.where)]
    delimiter = "\t" if path.suffix.lower() == ".tsv" else None
    if not any(name is not None and name.isdecimal() for name in named):
        return parse_table(text, delimiter)
    lines = [line for line in re.split(r"\r\n|\r|\n", text) if line.strip()] or [""]
    delimiter = delimiter or max("\t,;", key=lines[0].count)
    width = max(line.count(delimiter) for line in lines) + 1
    header = delimiter.join(f"c{at}" for at in range(1, width + 1))
    return parse_table("\n".join((header, *lines)), delimiter)


def _known(table: Table, names: tuple[str, ...], path: Path) -> str:
    found = table.first(names)
    if found is None:
        raise DataError(f"no column is called {' or '.join(names[:3])}", path, _there(table))
    return found


def _column(table: Table, name: str, path: Path) -> list[str]:
    """Cells of a column, by its name or number."""
    plain = f"c{name}" if name.isdecimal() else re.sub(r"[^0-9a-z_]", "", name.lower())
    if plain not in table.columns:
        raise DataError(f"the recipe names the column '{name}', which is not there", path, _there(table))
    return table.column(plain)


def _there(table: Table) -> str:
    return f"there are {', '.join(name for name in table.columns if name) or 'none'}"
