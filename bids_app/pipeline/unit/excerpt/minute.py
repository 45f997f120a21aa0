"""The first minute of a unit: what was heard, each space's first feature, and the best target's response."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bids_app.boundary import boundary
from bids_app.pipeline.runs.load_runs import LoadedRuns
from bids_app.pipeline.runs.load_settings import LoadSettings
from bids_app.pipeline.runs.rows import Rows
from bids_app.records import (
    BASELINE,
    MINUTE_S,
    Array,
    Course,
    CourseKind,
    Features,
    Minute,
    Partition,
    Recording,
    Run,
    Span,
    baseline_band,
)

ENVELOPE = baseline_band("envelope")
STEP_S = 0.1  # between values of a signal: what is sampled more densely is averaged


def minute_of(rows: Rows, loaded: LoadedRuns, partition: Partition) -> Minute | None:
    """What the report draws of the first run's first used minute; None where nothing is predicted, or it cannot be
    made: a picture costs no unit.

    Parameters
    ----------
    rows : what a row of the design is.
    loaded : the unit's runs.
    partition : each response's own results.
    """
    full = np.asarray(partition.values["full"]["rsquared"], dtype=float)
    if not np.isfinite(full).any():
        return None
    best = int(np.nanargmax(full))
    with boundary(lambda error: None):
        return _minute(rows.settings, loaded, best)
    return None


def _minute(settings: LoadSettings, loaded: LoadedRuns, best: int) -> Minute:
    run, recording, target = loaded.runs[0], loaded.recordings[0], loaded.targets.names[best]
    from_s = float(run.times_s[0])
    courses = (*_heard_courses(settings, recording, from_s), _response(run, best, target, from_s))
    return Minute(recording.label, from_s, target, tuple(_spans(settings, recording, from_s)), courses)


def _spans(settings: LoadSettings, recording: Recording, from_s: float) -> Iterator[Span]:
    """Playings, then words."""
    library, to_s = settings.library, from_s + MINUTE_S
    words = []
    for event in recording.stimuli:
        lasts_s = library.hearing(recording, event).lasts_s
        if event.onset_s < to_s and event.onset_s + lasts_s > from_s:
            yield Span("playing", event.stimulus_id, event.onset_s, lasts_s)
            if library.stimulus(recording, event).words is not None:
                with boundary(lambda error: None):  # no word has text and times
                    heard = library.words(recording, event)
                    onsets_s = event.onset_s + heard.onset_s
                    words += [
                        Span("word", text, float(onset_s), float(duration_s))
                        for text, onset_s, duration_s in zip(heard.text, onsets_s, heard.duration_s, strict=True)
                        if from_s <= onset_s < to_s
                    ]
    yield from words


def _heard_courses(settings: LoadSettings, recording: Recording, from_s: float) -> Iterator[Course]:
    """The envelope, where the baseline has it, and the first dimension of every space of the analysis."""
    sounds = [(settings.library.features(recording, event), event.onset_s) for event in recording.stimuli]
    for name in (ENVELOPE, *settings.spaces):
        heard = [(features[name], onset_s) for features, onset_s in sounds if name in features]
        kind: CourseKind = "envelope" if name == ENVELOPE else "feature"
        if heard:
            yield _course(kind, name.removeprefix(f"{BASELINE}_"), heard, from_s)


def _course(kind: CourseKind, name: str, heard: list[tuple[Features, float]], from_s: float) -> Course:
    """Of all playings, one after the other."""
    times_s = np.concatenate([onset_s + features.times_s for features, onset_s in heard])
    values = np.concatenate([features.values[:, 0] for features, _ in heard])
    is_events = heard[0][0].sampling == "events"
    times_s, values = _within(times_s, values, from_s)
    if not is_events:
        times_s, values = _thinned(times_s, values, from_s)
    return Course(kind, name, times_s, values, is_events)


def _response(run: Run, best: int, name: str, from_s: float) -> Course:
    """As it was cleaned; where rows are words, the mean over each word's own window."""
    if run.epochs is None:
        times_s, values = _within(run.times_s, np.asarray(run.Y)[:, best], from_s)
        return Course("response", name, *_thinned(times_s, values, from_s))
    course, length = np.asarray(run.Y)[:, best], int(run.epochs.lengths[0])
    means = np.array([course[start : start + length].mean() for start in run.epochs.starts[:, 0]])
    return Course("response", name, *_within(run.times_s, means, from_s), is_events=True)


def _within(times_s: Array, values: Array, from_s: float) -> tuple[Array, Array]:
    inside = (times_s >= from_s) & (times_s < from_s + MINUTE_S) & np.isfinite(values)
    return np.asarray(times_s)[inside], np.asarray(values)[inside]


def _thinned(times_s: Array, values: Array, from_s: float) -> tuple[Array, Array]:
    """Means over `STEP_S`, where there are several values in it."""
    step = np.floor((times_s - from_s) / STEP_S).astype(int)
    _, place, counts = np.unique(step, return_inverse=True, return_counts=True)
    return tuple(np.bincount(place, weights=each) / counts for each in (times_s, values))  # type: ignore[return-value]
