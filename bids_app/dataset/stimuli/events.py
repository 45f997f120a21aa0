"""events.tsv → the stimuli of a recording, and the words and phones it annotates itself."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bids_app.dataset.files.intervals import MISSING
from bids_app.dataset.files.layout import Index
from bids_app.dataset.files.names import Entry
from bids_app.dataset.files.tables import (
    PHONE_KINDS,
    WORD_KINDS,
    Table,
    number,
    phone_rows,
    read_table,
    rows_of,
    word_rows,
)
from bids_app.dataset.stimuli.playings import FileRow, LengthOf, playings_of
from bids_app.dataset.transcripts.utterances import on_one_clock
from bids_app.errors import DataError
from bids_app.inputs.homes import require_inside
from bids_app.inputs.opening import naming
from bids_app.pointers import is_there
from bids_app.records import Intervals, StimulusEvent

IMAGES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".svg"}
AUDIO = (".wav", ".flac", ".ogg", ".mp3")


class NamesNoStimulus(DataError):
    """There are no events, or none of them names a stimulus."""


@dataclass(frozen=True)
class Events:
    """What an events file says; times in seconds on the recording's clock.

    Parameters
    ----------
    stimuli : presented, in order.
    words, phones : with onsets and offsets in seconds; None where there are none.
    warnings : lines that a person should read.
    """

    stimuli: tuple[StimulusEvent, ...]
    words: Intervals | None
    phones: Intervals | None
    warnings: tuple[str, ...] = ()


def find_events(indexes: tuple[Index, ...], entities: Mapping[str, str], datatype: str) -> tuple[Index, Path]:
    """The events file of a recording, of the first data set that has one.

    Parameters
    ----------
    indexes : files of the raw data set, then of the derivative.
    entities, datatype : of the recording.

    Raises
    ------
    DataError : none has one, or several match.
    """
    for index in indexes:
        files = index.inherited(entities, datatype, "events", ".tsv")
        nearest = [entry.path for entry in files if _as_near(entry, files[0])]
        if len(nearest) > 1:
            raise DataError(
                f"several events files match: {', '.join(path.name for path in nearest)}", nearest[0].parent
            )
        if nearest:
            return index, nearest[0]
    advice = "it says which stimulus was heard when, or a recipe does: --stimuli"
    raise NamesNoStimulus("no events.tsv matches this recording", indexes[0].root, advice)


def _as_near(entry: Entry, best: Entry) -> bool:
    return entry.path.parent == best.path.parent and len(entry.entities) == len(best.entities)


def read_events(path: Path, bids_dir: Path, length_of: LengthOf) -> Events:
    """Playings of stimuli in onset order, and word and phone rows.

    Parameters
    ----------
    path : an events.tsv.
    bids_dir : holds /stimuli.
    length_of : stimulus id → its length in seconds, None where nothing says it; see `playings_of`.

    Raises
    ------
    DataError : columns are missing, no row names a stimulus, one leaves /stimuli, or rows of one file are ambiguous.
    """
    table = read_table(path)
    if "onset" not in table.columns:
        raise DataError("events without a column 'onset'", path)
    with naming(path):
        words, phones = own_annotation(table)
        rows, unread = file_rows(table, path, bids_dir)
        playings = playings_of(rows, length_of)
    if not playings.events and rows:
        raise DataError("no row that names a stimulus (stim_file) has an onset that can be read", path)
    if not playings.events:
        advice = "say in stim_file, or by --stimuli, what was heard"
        raise NamesNoStimulus("no row of its events names a stimulus (stim_file)", path, advice)
    return Events(playings.events, words, phones, (*unread, *playings.warnings))


def own_annotation(table: Table) -> tuple[Intervals | None, Intervals | None]:
    """Rows whose trial_type is word or phoneme; None where there are none. Onsets may be negative.

    Raises
    ------
    DataError : they count from each utterance's beginning, and no column says when that was.
    """
    words, phones = (
        None if rows is None else on_one_clock(rows)[0]
        for rows in (rows_of(table, table.column("trial_type"), kinds) for kinds in (WORD_KINDS, PHONE_KINDS))
    )
    return word_rows(words, instants=True) if words else None, phone_rows(phones, instants=True) if phones else None


def file_rows(table: Table, path: object, bids_dir: Path) -> tuple[list[FileRow], tuple[str, ...]]:
    """Rows that name a sound, and a line for each whose duration cannot be read.

    Parameters
    ----------
    table : of events, with a column `onset`.
    path : of the table, for errors.
    bids_dir : holds /stimuli.

    Raises
    ------
    DataError : a file lies outside /stimuli.
    """
    identified = _files_of_ids(bids_dir / "stimuli") if "stim_id" in table.columns else {}
    onsets, durations = table.column("onset"), table.column("duration")
    precision_s = decimal_unit(durations) / 2
    named = cache(lambda name: stimulus_id(name, bids_dir, path))
    rows, unread = [], []
    for line, (onset, duration, file, label, kind) in enumerate(
        zip(onsets, durations, *(table.column(name) for name in ("stim_file", "stim_id", "trial_type")), strict=True),
        2,
    ):
        name = file if file.lower() not in MISSING else identified.get(label.removeprefix("stim-"), "")
        if not name or Path(name).suffix.lower() in IMAGES or kind.lower() in WORD_KINDS | PHONE_KINDS:
            continue
        start_s, length_s = number(onset), number(duration)
        if duration.lower() not in MISSING and not 0 <= length_s < math.inf:
            unread.append(f"line {line} of the events has the duration '{duration}': {name} is taken to its end")
        lasts_s = length_s if 0 < length_s < math.inf else None
        start_s = start_s if math.isfinite(start_s) else math.nan
        rows.append(FileRow(start_s, lasts_s, named(name), line, precision_s))
    return rows, tuple(unread)


def decimal_unit(cells: Iterable[str]) -> float:
    """The unit in which a column's numbers are written: 1.0 where all are whole, .1, .01, …; 0 without a number."""
    read = [value for value in map(number, cells) if math.isfinite(value)]
    if not read:
        return 0.0
    return next((10.0**-places for places in range(6) if _written_with(read, places)), 1e-6)


def _written_with(values: Iterable[float], places: int) -> bool:
    return all(math.isclose(value, round(value, places), abs_tol=1e-9) for value in values)


def _files_of_ids(stimuli: Path) -> dict[str, str]:
    """BEP044's `stim_id` → file: as named in stimuli.tsv, else the audio file whose name begins with the id."""
    files = sorted(path.name for path in stimuli.glob("stim-*") if path.suffix.lower() in AUDIO)
    named = {name.partition(".")[0].split("_")[0].removeprefix("stim-"): name for name in reversed(files)}
    listing = stimuli / "stimuli.tsv"
    table = read_table(listing) if is_there(listing) else Table((), ())
    identifiers = table.column("stimulus_id" if "stimulus_id" in table.columns else "stim_id")
    listed = zip(identifiers, table.column("stim_file"), strict=True)
    return named | {key.removeprefix("stim-"): file for key, file in listed if file.lower() not in MISSING}


def stimulus_id(name: str, bids_dir: Path, path: object) -> str:
    """A stimulus's path relative to /stimuli.

    A symbolic link may lead to where inputs may lie (`bids_app/inputs/homes.py`), but not elsewhere.

    Parameters
    ----------
    name : as a table or an analysis file has it.
    bids_dir : holds /stimuli.
    path : what names it, for the error.

    Raises
    ------
    DataError : it leaves that folder, by its name or by a link.
    """
    stimuli, told = bids_dir / "stimuli", repr(name)
    if "\0" in name:
        raise DataError(f"stim_file is no name of a file: {told}", path)
    plain = Path(os.path.normpath(name))
    if plain.parts[:1] == ("stimuli",) and not is_there(stimuli / plain):
        plain = Path(*plain.parts[1:])  # written with the folder, a common slip
    if plain.is_absolute() or ".." in plain.parts:
        raise DataError(f"stim_file leaves /stimuli: {told}", path, "stimuli lie in BIDS_DIR/stimuli")
    require_inside(stimuli / plain, bids_dir)
    return plain.as_posix()
