"""NWB files, by pynwb: one electrical series with its electrodes, its clock and its invalid times."""

from __future__ import annotations

import warnings as python_warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.dataset.signals.names import require_distinct
from bids_app.dataset.signals.records import Note, Segment, Signals, between
from bids_app.errors import DataError
from bids_app.inputs.hdf5 import require_own_content
from bids_app.inputs.opening import reading
from bids_app.records import Array

NAMES = ("channel_name", "label", "name", "electrode_name", "ch_name")  # columns of the electrodes' table
IRREGULAR = 1.5  # a step between time stamps that is longer than so many samples is a pause


def open_nwb(path: Path, wanted: Collection[str]) -> Signals:
    """The electrical series of an NWB file that has the channels wanted, none of its samples read.

    Parameters
    ----------
    path : of the file.
    wanted : channels; where none is named, the file may have one series alone.

    Raises
    ------
    DataError : it cannot be read, has no such series or several, or pynwb is not installed.
    """
    with _opened(path) as content:
        series, names = _choose(content, path, wanted)
        require_distinct(names, path, wanted)
        n_samples = int(series.data.shape[0])
        rate_hz, segments = _clock(series, n_samples)
        table = series.electrodes.table
        bad = [bool(value) for value in table["bad"].data] if "bad" in table.colnames else []
        rows = [int(row) for row in series.electrodes.data]
        notes = _invalid(content, 0.0 if series.rate is None else float(series.starting_time or 0.0), series)
        identity = series.object_id
    return Signals(
        path=path,
        types=dict.fromkeys(names, "seeg"),
        rates_hz=dict.fromkeys(names, rate_hz),
        units=dict.fromkeys(names, "V"),
        rate_hz=rate_hz,
        n_samples=n_samples,
        segments=segments,
        bads=frozenset(name for name, row in zip(names, rows, strict=True) if bad and bad[row]),
        read=lambda picks: _read(path, identity, names, picks),
        notes=notes,
    )


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if find_spec("pynwb") is None:
        raise DataError("NWB needs pynwb, which is not installed", path, "pip install 'bids-concord[nwb]'")
    require_own_content(path)
    with reading(path), python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore")  # of schemas that the file brings along
        from pynwb import NWBHDF5IO

        with NWBHDF5IO(str(path), "r") as file:
            yield file.read()


def _choose(content: Any, path: Path, wanted: Collection[str]) -> tuple[Any, list[str]]:
    """The series with most of the channels wanted, and its channels. Raises DataError."""
    from pynwb.ecephys import ElectricalSeries, SpikeEventSeries

    found = [one for one in content.objects.values() if isinstance(one, ElectricalSeries)]
    found = [one for one in found if not isinstance(one, SpikeEventSeries)]
    named = [(one, _names(one, wanted)) for one in found]
    shared = [len(set(names) & set(wanted)) for _, names in named]
    best = [pair for pair, count in zip(named, shared, strict=True) if count == max(shared)]
    if not best:
        raise DataError("the NWB file has no electrical series", path)
    if len(best) > 1:
        titles = ", ".join(sorted(str(one.name) for one, _ in best))
        raise DataError(f"several electrical series fit: {titles}", path, "name its channels in channels.tsv")
    return best[0]


def _names(series: Any, wanted: Collection[str]) -> list[str]:
    """By the column of the electrodes' table that has most of the channels wanted; else the electrodes' numbers."""
    table, rows = series.electrodes.table, [int(row) for row in series.electrodes.data]
    columns = [[str(table[column].data[row]) for row in rows] for column in NAMES if column in table.colnames]
    columns.append([str(table.id.data[row]) for row in rows])
    return max(columns, key=lambda names: len(set(names) & set(wanted)))


def _clock(series: Any, n_samples: int) -> tuple[float, tuple[Segment, ...]]:
    """Rate in Hz, and stretches between pauses: by its rate, else by its time stamps."""
    if series.rate is not None:
        return float(series.rate), (Segment(0, n_samples, 0.0),)
    stamps = np.asarray(series.timestamps[:], dtype=float)
    steps = np.diff(stamps)
    usual = float(np.median(steps))
    breaks = [0, *(np.flatnonzero(steps > IRREGULAR * usual) + 1).tolist(), n_samples]
    first, last = max(pairwise(breaks), key=lambda part: part[1] - part[0])
    rate_hz = float((last - first - 1) / (stamps[last - 1] - stamps[first]))
    rounded = round(rate_hz, 3)
    rate_hz = rounded if abs(rate_hz - rounded) * (last - first) < 0.5 * rate_hz * 1e-3 else rate_hz
    starts = {at: float(stamps[at] - stamps[0]) for at in breaks[:-1]}
    return rate_hz, between(starts, n_samples, rate_hz)


def _invalid(content: Any, start_s: float, series: Any) -> tuple[Note, ...]:
    """Stretches that the file itself declares invalid, from the series' first sample."""
    if content.invalid_times is None:
        return ()
    zero = start_s if series.rate is not None else float(series.timestamps[0])
    times = zip(content.invalid_times["start_time"].data, content.invalid_times["stop_time"].data, strict=True)
    return tuple(Note(float(start) - zero, float(stop - start), "bad: invalid_times") for start, stop in times)


def _read(path: Path, identity: str, names: Sequence[str], picks: Sequence[str]) -> Array:
    """(n_channels, n_samples) volts."""
    with _opened(path) as content:
        series = content.objects[identity]
        columns = [names.index(name) for name in picks]
        order = np.argsort(columns)  # HDF5 wants columns in their order
        data = series.data if len(series.data.shape) == 2 else series.data[:][:, None]
        block = np.asarray(data[:, [columns[at] for at in order]], dtype=float).T[np.argsort(order)]
        own = 1.0 if series.channel_conversion is None else np.asarray(series.channel_conversion)[columns][:, None]
        return np.asarray(block * float(series.conversion) * own + float(series.offset))
