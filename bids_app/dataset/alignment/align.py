"""One account of a recording's time, from headers, sidecars and tables alone."""

from __future__ import annotations

from collections.abc import Sequence

from bids_app.dataset.alignment.bad_spans import with_event_spans
from bids_app.dataset.alignment.evidence import (
    EventTimes,
    electrode_intervals,
    header_intervals,
    raw_seconds,
    read_event_times,
)
from bids_app.dataset.alignment.judge_clock import onset_lines
from bids_app.dataset.alignment.judge_electrodes import with_electrodes
from bids_app.dataset.alignment.judge_playings import all_lines
from bids_app.dataset.alignment.judge_sampling import (
    extent_lines,
    interval_lines,
    length_lines,
    start_lines,
    tr_lines,
)
from bids_app.dataset.alignment.playings import play, table_lines
from bids_app.dataset.alignment.thresholds import limits
from bids_app.dataset.responses.dropped import drop_evidence
from bids_app.dataset.responses.load import count_samples
from bids_app.dataset.responses.placement import DropEvidence, place, resampled
from bids_app.errors import DataError
from bids_app.records import (
    Alignment,
    AlignmentLine,
    DroppedSamples,
    Extent,
    Recording,
    ResponseSpec,
    StartAccount,
    StatedInterval,
    Stimulus,
    StimulusEvent,
)

Heard = Sequence[tuple[StimulusEvent, Stimulus]]


def align(
    recording: Recording,
    heard: Heard,
    window_s: float | None = None,
    spec: ResponseSpec | None = None,
) -> Alignment:
    """How the times of one recording agree, before anything is fitted.

    Parameters
    ----------
    recording : whose files, sidecars and tables are looked at; no response is read.
    heard : every playing with its stimulus, as fast as the analysis takes it to have been played.
    window_s : iEEG: length of the analysis window, in seconds (`EpochSpec.window_s`, or the period of the responses);
        None: `thresholds.WINDOW_S`.
    spec : iEEG: how its channels are read, which has lines of its own; None: nothing is said of them.

    Returns
    -------
    What each source says, and a line for each finding; a line of severity 'refusal' costs the recording.

    Raises
    ------
    DataError : a header or a table cannot be read.
    """
    n_samples = count_samples(recording)
    evidence = drop_evidence(recording) if recording.modality == "fmri" else None
    intervals = _intervals(recording, n_samples, evidence)
    dropped, refused = _dropped(n_samples, evidence)
    recording_s = (n_samples if dropped is None else dropped.n_scan) / recording.rate_hz
    events = read_event_times(recording.companions.get("events"))
    start = recording.clock.start or StartAccount(recording.start_s, "first sample")
    allowed = limits(recording.modality, intervals[0].seconds, window_s)
    playings = tuple(play(recording, recording_s, event, stimulus) for event, stimulus in heard)
    extents = _extents(recording, n_samples, evidence, events)
    lines = [
        *extent_lines(extents, dropped),
        *refused,
        *length_lines(extents, dropped is None or dropped.n_dropped > 0, allowed),
        *interval_lines(intervals, n_samples, allowed),
        *(tr_lines(intervals[0].seconds) if evidence is not None else ()),
        *start_lines(start, intervals[0].seconds, recording_s),
        *onset_lines(events, recording.start_s, recording_s),
        *all_lines(playings, allowed),
        *(line for _, stimulus in heard for line in table_lines(stimulus)),
    ]
    account = Alignment(
        recording=recording.label,
        extents=extents,
        intervals=intervals,
        start=start,
        playings=playings,
        lines=tuple(dict.fromkeys(lines)),
        dropped=dropped,
    )
    if evidence is not None:
        return with_event_spans(account, recording)
    return with_electrodes(account, recording, events, (allowed, spec))


def _intervals(recording: Recording, n_samples: int, evidence: DropEvidence | None) -> tuple[StatedInterval, ...]:
    """By every source, the one that is used first; of a response that was resampled, its own alone."""
    if evidence is None:
        return tuple(electrode_intervals(recording, n_samples))
    stated = recording.clock.intervals or (StatedInterval("sidecar", 1 / recording.rate_hz, 0.0),)
    headers = [one for one in header_intervals(recording) if one.source not in {other.source for other in stated}]
    n_scan = evidence.n_raw or evidence.n_confounds
    own_alone = n_scan is not None and resampled(n_samples, n_scan, evidence)
    others = [one for one in (*stated[1:], *headers) if not (own_alone and one.source.startswith("raw"))]
    return (stated[0], *others)


def _dropped(n_samples: int, evidence: DropEvidence | None) -> tuple[DroppedSamples | None, list[AlignmentLine]]:
    """Where the samples lie in the scan; a refusal where that is not known."""
    if evidence is None:
        return DroppedSamples(n_samples, 0, 0, ""), []
    try:
        placed = place(n_samples, evidence)
    except DataError as error:
        reason = f"{error.what} ({error.hint})" if error.hint else error.what
        return None, [AlignmentLine("refusal", "dropped samples", reason)]
    n_censored = int(placed.censored.sum())
    return DroppedSamples(placed.n_scan, placed.n_dropped, n_censored, placed.placed_by), []


def _extents(
    recording: Recording, n_samples: int, evidence: DropEvidence | None, events: EventTimes
) -> tuple[Extent, ...]:
    """One a source; what is not there is left out."""
    interval_s = 1 / recording.rate_hz
    found = [Extent("derivative", n_samples, n_samples * interval_s)]
    if evidence is not None:
        raw_s = evidence.raw_interval_s or interval_s
        if evidence.n_raw is not None:
            found.append(Extent("raw", evidence.n_raw, evidence.n_raw * raw_s))
        if evidence.n_confounds is not None:
            found.append(Extent("confounds", evidence.n_confounds, evidence.n_confounds * interval_s))
    elif (lasts := raw_seconds(recording.clock.raw)) is not None:
        found.append(Extent("raw", None, lasts))
    if events.end_s is not None:
        found.append(Extent("events", None, events.end_s))
    return tuple(found)
