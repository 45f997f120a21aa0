"""EDF and BDF headers: labels, rates and units of each channel, and when each data record was taken (EDF+)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np

from bids_app.dataset.signals.records import Note
from bids_app.errors import DataError
from bids_app.inputs.opening import open_input
from bids_app.records import Array

LEAST_PAUSE_S = 0.01  # less is a record's clock, not a pause
ANNOTATIONS = ("EDF Annotations", "BDF Annotations")
STAMP = re.compile(rb"([+-]\d+(?:\.\d*)?)(?:\x15(\d+(?:\.\d*)?))?\x14(.*)", re.DOTALL)  # onset, duration, texts


@dataclass(frozen=True)
class EdfHeader:
    """What the header of an EDF or BDF file says.

    Parameters
    ----------
    labels, units, per_record : of each signal: its label, unit and samples a record, annotations among them.
    n_records, record_s : records in the file, and seconds of each.
    data_at, sample_bytes : where records begin, and bytes a sample.
    is_discontinuous : EDF+D or BDF+D: records may have pauses between them.
    is_plus : records say when they were taken.
    """

    labels: tuple[str, ...]
    units: tuple[str, ...]
    per_record: tuple[int, ...]
    n_records: int
    record_s: float
    data_at: int
    sample_bytes: int
    is_discontinuous: bool
    is_plus: bool

    @property
    def channels(self) -> tuple[int, ...]:
        """Numbers of the signals that are no annotations."""
        return tuple(at for at, label in enumerate(self.labels) if label not in ANNOTATIONS)

    def rate_hz(self, at: int) -> float:
        """Samples a second of a signal."""
        return self.per_record[at] / self.record_s


def read_header(path: Path) -> EdfHeader:
    """The header of an EDF or BDF file. Raises DataError."""
    with open_input(path) as file:
        fixed = file.read(256)
        n_signals = int(fixed[252:256])
        labels, units, per_record = (
            _fields(file, n_signals, at, width) for at, width in ((0, 16), (96, 8), (216, 8))
        )  # fmt: skip
        sample_bytes = 3 if fixed[:1] == b"\xff" else 2
        data_at, record_s, kind = int(fixed[184:192]), float(fixed[244:252]), fixed[192:236].decode("latin-1")
        record_bytes = sample_bytes * sum(map(int, per_record))
        n_records = (path.stat().st_size - data_at) // record_bytes
        if n_records < 1 or not 0 < record_s < math.inf or min(map(int, per_record)) < 0:
            raise DataError(f"{n_records} records of {record_s:g} s", path, "the file is cut off or damaged")
        return EdfHeader(
            labels, units, tuple(map(int, per_record)), n_records, record_s, data_at, sample_bytes,
            kind[:5] in ("EDF+D", "BDF+D"), kind[:4] in ("EDF+", "BDF+"),
        )  # fmt: skip


def _fields(file: BinaryIO, n_signals: int, at: int, width: int) -> tuple[str, ...]:
    """A header field of each signal, `at` bytes (for one signal) behind the fixed part."""
    file.seek(256 + at * n_signals)
    return tuple(file.read(width).decode("latin-1").strip() for _ in range(n_signals))


def record_starts(path: Path, header: EdfHeader) -> tuple[Array, tuple[Note, ...]]:
    """When each data record was taken, and the annotations of the file.

    Parameters
    ----------
    path : of an EDF+ or BDF+ file.
    header : of it.

    Returns
    -------
    (n_records,) seconds from the first record; annotations on the same clock.

    Raises
    ------
    DataError : a record does not say when it was taken.
    """
    starts: list[float] = []
    notes: list[tuple[float, float, str]] = []
    for number, stamps in enumerate(_stamps(path, header)):
        times = [onset for onset, _, texts in stamps if texts and not texts[0]]
        if not times:
            raise DataError(f"record {number + 1} of an EDF+ file does not say when it was taken", path, "convert it")
        starts.append(times[0])
        notes += [(onset, duration, text) for onset, duration, texts in stamps for text in texts if text]
    first = starts[0]
    return np.array(starts) - first, tuple(Note(onset - first, duration, text) for onset, duration, text in notes)


def _stamps(path: Path, header: EdfHeader) -> Iterator[list[tuple[float, float, tuple[str, ...]]]]:
    """Of each record: (onset, duration, texts) of its time-stamped annotation lists; the first text of the record's
    own time is empty."""
    ends = np.cumsum(header.per_record) * header.sample_bytes
    places = [at for at, label in enumerate(header.labels) if label in ANNOTATIONS]
    with open_input(path) as file:
        for number in range(header.n_records):
            lists: list[bytes] = []
            for at in places:
                n_bytes = header.per_record[at] * header.sample_bytes
                file.seek(header.data_at + number * int(ends[-1]) + int(ends[at]) - n_bytes)
                lists += file.read(n_bytes).split(b"\x00")
            yield [stamp for text in lists if text and (stamp := _stamp(text)) is not None]


def _stamp(text: bytes) -> tuple[float, float, tuple[str, ...]] | None:
    found = STAMP.fullmatch(text)
    if found is None:
        return None
    onset, duration, rest = found.groups()
    texts = rest.removesuffix(b"\x14").split(b"\x14")
    return float(onset), float(duration or 0), tuple(part.decode("utf-8", "replace") for part in texts)


def segments_of(starts_s: Array, header: EdfHeader, rate_hz: float) -> list[tuple[int, int, float]]:
    """(first sample, number of samples, start in seconds) of each stretch of records without a pause.

    Parameters
    ----------
    starts_s : (n_records,) of each record.
    header : of the file.
    rate_hz : of the channels whose samples are counted.
    """
    per_record = round(header.record_s * rate_hz)
    slack_s = max(0.5 / rate_hz, LEAST_PAUSE_S)
    breaks = [
        number for number in range(1, len(starts_s))
        if abs(starts_s[number] - starts_s[number - 1] - header.record_s) > slack_s
    ]  # fmt: skip
    edges = [0, *breaks, len(starts_s)]
    return [
        (first * per_record, (last - first) * per_record, float(starts_s[first])) for first, last in pairwise(edges)
    ]
