"""A signal file of any format, opened: mne reads the samples, the file's own header says when they were taken."""

from __future__ import annotations

import math
import warnings as python_warnings
from collections.abc import Collection, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.dataset.signals import brainvision, edf
from bids_app.dataset.signals.mef import open_mef
from bids_app.dataset.signals.names import require_distinct
from bids_app.dataset.signals.nwb import open_nwb
from bids_app.dataset.signals.records import LEAST_PAUSE_S, Note, Segment, Signals, between, usual_rate
from bids_app.errors import DataError
from bids_app.inputs.hdf5 import is_hdf5, require_own_content
from bids_app.inputs.opening import check_input, reading
from bids_app.pointers import require_parts
from bids_app.records import Array

RECORDS_DRIFT_S = 0.02  # as of the clocks of iEEG
JOIN = {"boundary", "bad boundary", "edge boundary", "new segment/"}  # where parts of a recording were put together


def open_signals(path: Path, wanted: Collection[str] = ()) -> Signals:
    """A signal file, none of its samples read.

    Parameters
    ----------
    path : of the file or, for MEF3, folder.
    wanted : channels whose rate counts; the file's own where none of them is there.

    Raises
    ------
    DataError : it cannot be read, has no samples or no rate, or two of its channels have one name.
    """
    signals = _opened(path, wanted)
    rates_hz = {signals.rate_hz, *signals.rates_hz.values()}
    if signals.n_samples < 1 or not all(0 < rate < math.inf for rate in rates_hz):
        what = f"{signals.n_samples} samples at {', '.join(f'{rate:g}' for rate in sorted(rates_hz)[:5])} Hz"
        raise DataError(f"the file holds no signals: {what}", path)
    return signals


def _opened(path: Path, wanted: Collection[str]) -> Signals:
    """By the reader of its format."""
    extension = path.suffix.lower()
    require_parts(path, check_input)
    own = {".edf": _open_edf, ".bdf": _open_edf, ".nwb": open_nwb, ".mefd": open_mef}.get(extension)
    if own is not None:
        return own(path, wanted)
    if extension == ".set" and is_hdf5(path):
        require_own_content(path)
    if extension == ".vhdr":
        brainvision.require_own_files(path)
        require_distinct(brainvision.channel_labels(path), path, wanted)
    raw, warnings = _open_with_mne(path)
    rate_hz, names = float(raw.info["sfreq"]), list(raw.ch_names)
    notes = _notes(raw)
    segments = _segments_of_vhdr(path, raw) if extension == ".vhdr" else _joined(notes, int(raw.n_times), rate_hz)
    _require_order(segments, rate_hz, path)
    return Signals(
        path=path,
        types=dict(zip(names, raw.get_channel_types(), strict=True)),
        rates_hz=dict.fromkeys(names, rate_hz),
        units={name: unit for name, unit in (raw._orig_units or {}).items() if unit},
        rate_hz=rate_hz,
        n_samples=int(raw.n_times),
        segments=segments,
        bads=frozenset(raw.info["bads"]),
        read=lambda picks: _read(raw, picks, path),
        warnings=warnings,
    ).with_counted_notes([note for note in notes if note.text.lower() not in JOIN])


def _open_with_mne(path: Path, **options: Any) -> tuple[Any, tuple[str, ...]]:
    """mne's Raw, nothing loaded, and what mne warned of."""
    import mne

    with reading(path), python_warnings.catch_warnings(record=True) as caught:
        python_warnings.simplefilter("always")
        raw = mne.io.read_raw(path, preload=False, verbose="ERROR", **options)
    for part in {Path(name) for name in raw.filenames if name is not None} - {path}:
        if part.parent != path.parent:
            raise DataError(
                f"the file takes its samples from another folder: {part}", path, "keep its parts beside it"
            )
        check_input(part)
    messages = list(dict.fromkeys(" ".join(str(warning.message).split()) for warning in caught))
    repeated = [line for line in messages if "names are not unique" in line]
    if repeated:
        raise DataError(f"channels have one name: {repeated[0]}", path, "give each channel a name of its own")
    return raw, tuple(f"mne: {line}" for line in messages)


# --------------------------------------------------------------------------------------------------- EDF and BDF
def _open_edf(path: Path, wanted: Collection[str]) -> Signals:
    """Channels keep the rate that they were recorded at: mne would bring all to the highest one, unsaid."""
    header = edf.read_header(path)
    require_distinct([header.labels[at] for at in header.channels], path, wanted)
    raw, warnings = _open_with_mne(path)
    by_label = {header.labels[at]: at for at in header.channels}
    rates_hz = {name: header.rate_hz(by_label[name]) for name in raw.ch_names if name in by_label}
    rate_hz = usual_rate(rates_hz, wanted)
    n_samples = header.n_records * round(header.record_s * rate_hz)
    notes = _notes(raw)
    segments: tuple[Segment, ...] = (Segment(0, n_samples, 0.0),)
    if header.is_plus:
        starts_s, notes = edf.record_starts(path, header)
        segments = tuple(Segment(*part) for part in edf.segments_of(starts_s, header, rate_hz))
        warnings += _slow_records(starts_s, segments, header.record_s)
        _require_order(segments, rate_hz, path)
    return Signals(
        path=path,
        types=dict(zip(raw.ch_names, raw.get_channel_types(), strict=True)),
        rates_hz=rates_hz,
        units={label: header.units[at] for label, at in by_label.items() if header.units[at]},
        rate_hz=rate_hz,
        n_samples=n_samples,
        segments=segments,
        bads=frozenset(),
        read=lambda picks: _read(_open_with_mne(path, include=list(picks))[0], picks, path),
        notes=notes,
        warnings=warnings,
    )


def _slow_records(starts_s: Array, segments: Sequence[Segment], record_s: float) -> tuple[str, ...]:
    """By how much the records' own times run away from their lengths, within stretches."""
    before = [segment.start_s or 0.0 for segment in segments]
    last = np.searchsorted(starts_s, [*before[1:], np.inf]) - 1
    first = np.searchsorted(starts_s, before)
    drift_s = float(np.sum(starts_s[last] - starts_s[first] - (last - first) * record_s))
    if abs(drift_s) <= RECORDS_DRIFT_S:
        return ()
    return (f"records of the file lie {drift_s:+.3f} s from where their lengths put them: samples are spaced evenly",)


# --------------------------------------------------------------------------------------------------- pauses
def _segments_of_vhdr(path: Path, raw: Any) -> tuple[Segment, ...]:
    """Stretches between 'New Segment' markers; their dates say how long pauses were."""
    n_samples, rate_hz = int(raw.n_times), float(raw.info["sfreq"])
    markers = [(place, date) for place, date in brainvision.new_segments(path) if 0 <= place < n_samples]
    begun = next((date for place, date in markers if place == 0), None)
    starts: dict[int, float | None] = {0: 0.0}
    for place, date in markers:
        if place > 0:
            starts[place] = (date - begun).total_seconds() if date and begun else None
    return between(starts, n_samples, rate_hz)


def _joined(notes: Sequence[Note], n_samples: int, rate_hz: float) -> tuple[Segment, ...]:
    """Stretches between the places where a program joined parts; EEGLAB says how much it cut out between them."""
    starts: dict[int, float | None] = {0: 0.0}
    cut_s: float | None = 0.0
    for note in sorted(notes, key=lambda note: note.start_s):
        place = int(np.ceil(round(note.start_s * rate_hz, 3)))
        if note.text.lower() not in JOIN or not 0 < place < n_samples or place in starts:
            continue
        cut_s = cut_s + note.duration_s if cut_s is not None and note.duration_s > 0 else None
        starts[place] = None if cut_s is None else place / rate_hz + cut_s
    return between(starts, n_samples, rate_hz)


def _require_order(segments: Sequence[Segment], rate_hz: float, path: Path) -> None:
    """Raises DataError where a stretch begins before the one before it has ended."""
    for before, after in pairwise(segments):
        if before.start_s is None or after.start_s is None:
            continue
        early_s = before.start_s + before.n_samples / rate_hz - after.start_s
        if early_s > LEAST_PAUSE_S:
            raise DataError(
                f"the stretch from sample {after.first} on was taken {early_s:.3f} s before the one before it ended",
                path,
                "its clock was set back: cut the file there",
            )


# --------------------------------------------------------------------------------------------------- mne's Raw
def _notes(raw: Any) -> tuple[Note, ...]:
    """Annotations, from the first sample on."""
    return tuple(
        Note(
            float(one["onset"]) - float(raw.first_time),
            float(one["duration"]),
            str(one["description"]),
            tuple(map(str, one.get("ch_names", ()))),
        )
        for one in raw.annotations
    )


def _read(raw: Any, picks: Sequence[str], path: Path) -> Array:
    """(n_channels, n_samples) float64, all samples of some channels."""
    with reading(path):
        block = raw.get_data(picks=list(picks), verbose="ERROR")
    if block.shape[1] != int(raw.n_times):
        raise DataError(f"{block.shape[1]} of {int(raw.n_times)} samples could be read", path)
    return np.asarray(block)
