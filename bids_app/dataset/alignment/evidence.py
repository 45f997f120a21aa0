"""What headers, sidecars and tables say of a recording's time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.dataset.files.reading import reading
from bids_app.dataset.files.tables import number, read_table
from bids_app.dataset.files.written import half_unit, number_of
from bids_app.dataset.responses.surfaces import HEAD_BYTES
from bids_app.records import Array, Recording, StatedInterval

MILLISECONDS_FROM = 100.0  # as of `discovery.clock`
GIFTI_STEP = re.compile(rb"TimeStep(?:\]\]>)?\s*</Name>\s*<Value>\s*(?:<!\[CDATA\[)?\s*([0-9.eE+-]+)")
CIFTI = (".dtseries.nii", ".ptseries.nii")


@dataclass(frozen=True)
class EventTimes:
    """Rows of events.tsv whose onset is a number.

    Parameters
    ----------
    onset_s, duration_s : (n,) seconds; a duration that is none is 0.
    sample : (n,) of the column `sample`, NaN where there is none.
    """

    onset_s: Array
    duration_s: Array
    sample: Array

    @property
    def end_s(self) -> float | None:
        """The end of the last row."""
        return float((self.onset_s + self.duration_s).max()) if len(self.onset_s) else None


def read_event_times(path: Path | None) -> EventTimes:
    """Every row of an events file, whatever it names."""
    if path is None:
        return EventTimes(*(np.empty(0) for _ in range(3)))
    table = read_table(path)
    columns = [np.array([number(cell) for cell in table.column(name)]) for name in ("onset", "duration", "sample")]
    onset, duration, sample = (column[np.isfinite(columns[0])] for column in columns)
    return EventTimes(onset, np.nan_to_num(duration, posinf=0.0, neginf=0.0), sample)


def header_intervals(recording: Recording) -> list[StatedInterval]:
    """The sampling interval by the headers of the response and of the raw file; what says nothing is not there."""
    found = [nifti_interval(recording.paths[0], "header")] if recording.kind == "volume" else []
    if recording.kind == "surface":
        found.append(gifti_interval(recording.paths[0]))
    if recording.paths[0].name.endswith(CIFTI):
        found.append(cifti_interval(recording.paths[0]))
    if recording.clock.raw_file is not None and recording.modality == "fmri":
        found.append(raw_interval(recording.clock.raw_file))
    return [interval for interval in found if interval is not None]


def nifti_interval(path: Path, source: str) -> StatedInterval | None:
    """By a NIfTI header; 0 or 1, or a number without a unit, says nothing: it is what writers put there by default.

    Parameters
    ----------
    path : of the image.
    source : what to call it.
    """
    import nibabel

    if path.name.endswith(CIFTI):
        return None
    with reading(path):
        header = nibabel.load(path).header
    zooms = header.get_zooms()
    scale = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}.get(header.get_xyzt_units()[1])
    value = float(zooms[3]) if len(zooms) == 4 else 0.0
    if scale is None or value in (0.0, 1.0) or not np.isfinite(value):
        return None
    return _plausible(value * scale, source)


def _plausible(seconds: float, source: str) -> StatedInterval | None:
    """A number that is seconds or, where no volume takes so long, milliseconds; single precision."""
    seconds = seconds / 1000 if seconds >= MILLISECONDS_FROM else seconds
    return StatedInterval(source, seconds, seconds * 1e-6) if seconds > 0.05 else None


def raw_interval(path: Path) -> StatedInterval | None:
    """By the raw file's header. A raw file is a witness, not an input: one that cannot be read says nothing."""
    from bids_app.errors import DataError

    try:
        return nifti_interval(path, "raw header")
    except DataError:
        return None


def gifti_interval(path: Path) -> StatedInterval | None:
    """By a GIFTI file's metadata `TimeStep`, which is in milliseconds or seconds; 0 says nothing."""
    with reading(path), path.open("rb") as file:
        step = GIFTI_STEP.search(file.read(HEAD_BYTES))
    value = number(step[1].decode()) if step else 0.0
    return _plausible(value, "header") if value not in (0.0, 1.0) and np.isfinite(value) else None


def cifti_interval(path: Path) -> StatedInterval | None:
    """By a CIFTI file's series."""
    import nibabel

    with reading(path):
        axis = nibabel.load(path).header.get_axis(0)
    step = float(getattr(axis, "step", 0.0)) if str(getattr(axis, "unit", "")).upper() == "SECOND" else 0.0
    return _plausible(step, "header") if step not in (0.0, 1.0) else None


def electrode_intervals(recording: Recording, n_samples: int) -> list[StatedInterval]:
    """By the signals' header, which is used; sidecars; channels.tsv; and durations over the number of samples.

    Parameters
    ----------
    recording : of electrodes.
    n_samples : of its file.
    """
    own, raw = recording.clock.own, recording.clock.raw
    found = [StatedInterval("header", 1 / recording.rate_hz, 0.0)]
    for source, metadata in (("sidecar", own), ("raw sidecar", raw)):
        rate = number_of(metadata.get("SamplingFrequency"))
        if rate is not None and rate > 0 and not (metadata is raw and _is_resampled(recording.rate_hz, rate)):
            found.append(StatedInterval(f"{source} SamplingFrequency", 1 / rate, _precision_of_rate(rate)))
        lasts = number_of(metadata.get("RecordingDuration"))
        if lasts is not None and lasts > 0 and metadata is own:
            precision = max(half_unit(lasts), 1 / recording.rate_hz)
            found.append(StatedInterval(f"{source} RecordingDuration", lasts / n_samples, precision / n_samples))
    found += _of_channels(recording)
    return found


def _is_resampled(rate_hz: float, raw_hz: float) -> bool:
    """A derivative may have another rate than the raw file; one that is off by a little is the same, and wrong."""
    return abs(rate_hz / raw_hz - 1) > 0.1


def _precision_of_rate(rate_hz: float) -> float:
    """Whole rates are set, not rounded."""
    return 0.0 if float(rate_hz).is_integer() else half_unit(rate_hz) / rate_hz**2


def _of_channels(recording: Recording) -> list[StatedInterval]:
    """The commonest rate of channels.tsv, where it lies beside the response: a raw table has the raw file's rate."""
    path = recording.companions.get("channels")
    if path is None:
        return []
    rates = [number(cell) for cell in read_table(path).column("sampling_frequency")]
    known = [rate for rate in rates if np.isfinite(rate) and rate > 0]
    if not known or _is_resampled(recording.rate_hz, max(set(known), key=known.count)):
        return []
    rate = max(set(known), key=known.count)
    return [StatedInterval("channels.tsv", 1 / rate, _precision_of_rate(rate))]


def raw_seconds(metadata: Mapping[str, Any]) -> float | None:
    """RecordingDuration of a raw sidecar."""
    lasts = number_of(metadata.get("RecordingDuration"))
    return float(lasts) if lasts is not None and lasts > 0 else None
