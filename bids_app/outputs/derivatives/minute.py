"""The minute of a recording that a report draws: a table of what was heard and one response, and back."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import get_args

import numpy as np

from bids_app.errors import ReadWriteError
from bids_app.outputs.files import names
from bids_app.outputs.files.file_set import File
from bids_app.outputs.files.files import json_text, numbers, read_json, read_tsv, tsv_text
from bids_app.records import Course, CourseKind, Minute, Span, UnitResult, UnitSummary

COLUMNS = {
    "kind": "playing: a stimulus; word; envelope: loudness of the sound; feature: the first dimension of a feature "
    "space; response: of the target with the highest R² of the full model, as it was fitted",
    "name": "Of the stimulus, the feature space or the target; a word's text",
    "onset": "On the recording's clock. A feature stands at the instant at which it is available",
    "duration": "Of a playing or a word; n/a of a value",
    "value": "Of a feature in its own unit; of a response in standard deviations of its run, unless the analysis "
    "leaves it as it is",
}


def minute_files(unit: UnitResult) -> Iterator[File]:
    """The table and its JSON; nothing where there is none."""
    minute = unit.minute
    if minute is None:
        return
    rows: list[tuple[object, ...]] = [
        (span.kind, span.name, span.onset_s, span.duration_s, None) for span in minute.spans
    ]
    for course in minute.courses:
        for time_s, value in zip(course.times_s, course.values, strict=True):
            rows.append((course.kind, course.name, float(time_s), None, float(value)))
    file = names.own_table(unit.stem, unit.targets.kind, "minute")
    yield file, tsv_text(dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))).encode()
    sidecar = {
        "Description": "One minute of a recording, for its picture in the report.",
        "Recording": minute.recording,
        "Sources": sorted({s for one in unit.recordings if one.label == minute.recording for s in one.sources}),
        "From": minute.from_s,
        "Target": minute.target,
        "Events": [course.name for course in minute.courses if course.is_events],
        **{
            name: {"Description": words, **({"Units": "s"} if name in ("onset", "duration") else {})}
            for name, words in COLUMNS.items()
        },
    }
    yield names.sidecar_of(file), json_text(sidecar).encode()


def read_minute(out_dir: Path, summary: UnitSummary) -> Minute | None:
    """The minute of a unit; None where it has none, as those of earlier versions.

    Parameters
    ----------
    out_dir : where results lie.
    summary : of the unit.

    Raises
    ------
    ReadWriteError : where its files are gone or broken.
    """
    file = names.own_table(summary.stem, summary.targets.kind, "minute")
    if str(file) not in summary.files:
        return None
    columns, sidecar = read_tsv(out_dir / file), read_json(out_dir / names.sidecar_of(file))
    try:
        cells = zip(*(columns[name] for name in COLUMNS), strict=True)
        rows = [dict(zip(COLUMNS, each, strict=True)) for each in cells]
        events, spans, courses = {*sidecar["Events"]}, [], []
        for (kind, name), each in groupby(rows, key=lambda row: (row["kind"], row["name"])):
            members = list(each)
            onsets_s = numbers(row["onset"] for row in members).astype(float)
            if kind in get_args(CourseKind):
                values = numbers(row["value"] for row in members).astype(float)
                courses.append(Course(kind, name, onsets_s, values, name in events))
            else:
                lengths = numbers(row["duration"] for row in members).astype(float)
                spans += [Span(kind, name, *times) for times in np.column_stack([onsets_s, lengths]).tolist()]
        return Minute(
            str(sidecar["Recording"]), float(sidecar["From"]), str(sidecar["Target"]), tuple(spans), tuple(courses)
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ReadWriteError("not a minute as concord writes it", out_dir / file, str(error)) from None
