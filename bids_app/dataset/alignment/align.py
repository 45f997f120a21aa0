"""One account of a recording's time, from headers, sidecars and tables alone."""

from __future__ import annotations

from collections.abc import Sequence

from bids_app.dataset.alignment.judge_playings import playing_lines
from bids_app.dataset.alignment.playings import play, table_lines
from bids_app.dataset.responses.load import count_samples
from bids_app.records import (
    Alignment,
    AlignmentLine,
    Extent,
    Recording,
    StartAccount,
    StatedInterval,
    Stimulus,
    StimulusEvent,
)

Heard = Sequence[tuple[StimulusEvent, Stimulus]]


def align(recording: Recording, heard: Heard, window_s: float | None = None) -> Alignment:
    """How the times of one recording agree, before anything is fitted.

    Parameters
    ----------
    recording : whose files, sidecars and tables are looked at; no response is read.
    heard : every playing with its stimulus.
    window_s : iEEG: length of the analysis window, in seconds (`EpochSpec.window_s`, or the period of the responses);
        None: `thresholds.WINDOW_S`.

    Returns
    -------
    What each source says, and a line for each finding; a line of severity 'refusal' costs the recording.

    Raises
    ------
    DataError : a header or a table cannot be read.
    """
    n_samples = count_samples(recording)
    recording_s = n_samples / recording.rate_hz
    playings = tuple(play(recording, recording_s, event, stimulus) for event, stimulus in heard)
    lines = [line for playing in playings for line in playing_lines(playing)]
    lines += [line for _, stimulus in heard for line in table_lines(stimulus)]
    return Alignment(
        recording=recording.label,
        extents=(Extent("derivative", n_samples, recording_s),),
        intervals=(StatedInterval("sidecar", 1 / recording.rate_hz, 0.0),),
        start=StartAccount(recording.start_s, "sidecar"),
        playings=playings,
        lines=(_summary(n_samples, recording), *lines),
    )


def _summary(n_samples: int, recording: Recording) -> AlignmentLine:
    text = f"{n_samples} samples every {1 / recording.rate_hz:g} s, the first at {recording.start_s:g} s"
    return AlignmentLine("fine", "samples", text)
