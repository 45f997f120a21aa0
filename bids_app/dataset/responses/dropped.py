"""What sidecars, tables and headers say of samples that a response lacks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.dataset.files.tables import decode, number, read_table
from bids_app.dataset.files.written import number_of
from bids_app.dataset.responses.placement import DropEvidence, Placement, place
from bids_app.dataset.responses.readers import reader_of
from bids_app.errors import DataError
from bids_app.inputs.npy import read_npy
from bids_app.inputs.opening import MASK, reading
from bids_app.records import Array, Recording

DISCARDED = re.compile(r"NumberOfVolumesDiscarded.*|DummyScans|DummyVolumes|NumberOfDummy\w+", re.IGNORECASE)
BEFORE_THE_FILE = ("NumberOfVolumesDiscardedByScanner", "NumberOfVolumesDiscardedByUser")  # of a raw file
SAMPLE_MASK = re.compile(r"_?sample_?mask$", re.IGNORECASE)
OUTLIERS_COLUMN = "framewise_displacement"  # XCP-D's; further columns are of outputs with a fixed number of volumes


def placement_of(recording: Recording, n_rows: int) -> Placement:
    """The placement of a recording's rows, from its sidecars, tables and the raw file's header.

    Parameters
    ----------
    recording : fMRI.
    n_rows : samples of its response.

    Raises
    ------
    DataError : samples are missing and cannot be placed.
    """
    try:
        return place(n_rows, drop_evidence(recording))
    except DataError as error:
        raise (error if error.where else DataError(error.what, recording.label, error.hint)) from error


def drop_evidence(recording: Recording) -> DropEvidence:
    """What sidecars, tables and headers say of dropped samples. Raises DataError."""
    clock, companions = recording.clock, recording.companions
    interval_s = 1 / recording.rate_hz
    n_raw, raw_interval_s = raw_length(clock.raw_file)
    stated = next((one.seconds for one in clock.intervals if one.source.startswith("raw")), None)
    n_confounds, n_unsteady = table_length(companions.get("confounds"))
    outliers = companions.get("outliers")
    return DropEvidence(
        interval_s=interval_s,
        start_s=recording.start_s,
        n_raw=n_raw,
        n_confounds=n_confounds,
        raw_interval_s=raw_interval_s or stated,
        outliers=None if outliers is None else _outliers(outliers),
        kept=_kept(clock.own, companions.get("sample_mask")),
        counts=discarded(clock.own, clock.raw),
        n_unsteady=n_unsteady,
        numbers=_numbers(clock.own, interval_s),
        stated_onset=any(event.source is not None for event in recording.stimuli),
    )


def discarded(own: Mapping[str, Any], raw: Mapping[str, Any]) -> dict[str, int]:
    """Counts of dropped samples in the response's own sidecar, but what only repeats the raw one's.

    Parameters
    ----------
    own, raw : metadata of the response and of the raw recording.
    """
    counts = {}
    for key, value in own.items():
        count = number_of(value) if DISCARDED.fullmatch(key) else None
        if count is not None and count > 0 and key not in BEFORE_THE_FILE and raw.get(key) != value:
            counts[key] = round(count)
    return counts


def _numbers(own: Mapping[str, Any], interval_s: float) -> Array | None:
    stated = own.get("VolumeTiming")
    times = [number_of(time) for time in stated] if isinstance(stated, list) else []
    known = [time for time in times if time is not None]
    return (
        np.round((np.array(known) - known[0]) / interval_s).astype(int)
        if known and len(known) == len(times)
        else None
    )


def raw_length(path: Path | None) -> tuple[int | None, float | None]:
    """Volumes, and seconds from one to the next, by a raw NIfTI's header; None where it says nothing.

    A raw file is a witness, not an input: one that is damaged or was not fetched costs nothing.
    """
    if path is None:
        return None, None
    try:
        reader = reader_of(path)
        return reader.count(path), (reader.period_s(path) if reader.period_s else 0.0) or None
    except DataError:
        return None, None


def table_length(path: Path | None) -> tuple[int | None, int]:
    """Rows of a table of confounds, and its columns that mark unsteady samples, one a sample."""
    if path is None:
        return None, 0
    lines = [line for line in decode(path).splitlines() if line.strip()]
    header = lines[0].split("\t") if lines else []
    unsteady = sum(name.startswith("non_steady_state_outlier") for name in header)
    return (len(lines) - 1 if lines else None), unsteady


def _outliers(path: Path) -> Array:
    table = read_table(path)
    if not table.columns:
        raise DataError("table of outliers is empty", path)
    columns = [OUTLIERS_COLUMN] if OUTLIERS_COLUMN in table.columns else list(table.columns)
    marks = np.array([[_mark(cell) for cell in table.column(name)] for name in columns])
    if np.isnan(marks).any():
        raise DataError("table of outliers has cells that are neither 0 nor 1", path)
    return np.asarray((marks > 0).any(axis=0))


def _mark(cell: str) -> float:
    return {"true": 1.0, "false": 0.0}.get(cell.lower(), number(cell))


def _kept(own: Mapping[str, Any], path: Path | None) -> Array | None:
    """A sample mask by the sidecar, else by a file beside it."""
    stated = next((value for key, value in own.items() if SAMPLE_MASK.fullmatch(key)), None)
    if isinstance(stated, list):
        return _as_mask([_mark(str(value)) for value in stated], all(isinstance(value, bool) for value in stated))
    if path is None:
        return None
    if path.suffix == ".npy":
        with reading(path, MASK):
            array = read_npy(path, MASK).ravel()
            return _as_mask(array.astype(float).tolist(), array.dtype == bool)
    cells = re.split(r"[\s,\[\]]+", decode(path))
    marks = [_mark(cell) for cell in cells if cell]
    if marks and np.isnan(marks[0]):  # a header
        marks = marks[1:]
    if not marks or np.isnan(marks).any():
        raise DataError("sample mask cannot be read", path, "a column of 0 and 1, or of the numbers of samples kept")
    return _as_mask(marks, any(cell.lower() in ("true", "false") for cell in cells))


def _as_mask(marks: list[float], is_bool: bool) -> Array:
    """A column of 0 and 1 over the scan; what goes beyond, or is too short to be one, numbers the samples kept."""
    array = np.array(marks)
    if is_bool or (len(array) > 2 and set(marks) <= {0.0, 1.0}):
        return array > 0
    return array.astype(int)
