"""What headers, sidecars and tables say of a recording's time."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.dataset.files.tables import number, read_table
from bids_app.dataset.files.written import half_unit, number_of
from bids_app.dataset.responses.readers import reader_of
from bids_app.dataset.signals.recording import signals_of
from bids_app.errors import DataError
from bids_app.records import Array, Recording, StatedInterval


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
    found = [header_interval(recording.paths[0], "header")]
    if recording.clock.raw_file is not None:
        with suppress(DataError):  # a raw file is a witness, not an input: one that cannot be read says nothing
            found.append(header_interval(recording.clock.raw_file, "raw header"))
    return [interval for interval in found if interval is not None]


def header_interval(path: Path, source: str) -> StatedInterval | None:
    """The sampling interval by a file's header, in single precision; None where it says nothing.

    Parameters
    ----------
    path : of the file.
    source : what to call it.

    Raises
    ------
    DataError : the file cannot be read.
    """
    period_s = reader_of(path).period_s
    seconds = period_s(path) if period_s else 0.0
    return StatedInterval(source, seconds, seconds * 1e-6) if seconds > 0 else None


def electrode_intervals(recording: Recording, n_samples: int) -> list[StatedInterval]:
    """By the signals' header, which is used; sidecars; channels.tsv; and durations over the number of samples.

    Parameters
    ----------
    recording : of electrodes.
    n_samples : of its file.
    """
    own, raw = recording.clock.own, recording.clock.raw
    paused = len(signals_of(recording).segments) > 1  # nothing says whether a duration counts pauses
    found = [StatedInterval("header", 1 / recording.rate_hz, 0.0)]
    for source, metadata in (("sidecar", own), ("raw sidecar", raw)):
        rate = number_of(metadata.get("SamplingFrequency"))
        if rate is not None and rate > 0 and not (metadata is raw and _is_resampled(recording.rate_hz, rate)):
            found.append(StatedInterval(f"{source} SamplingFrequency", 1 / rate, _precision_of_rate(rate)))
        lasts = number_of(metadata.get("RecordingDuration"))
        if lasts is not None and lasts > 0 and metadata is own and not paused:
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
