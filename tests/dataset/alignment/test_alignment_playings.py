"""Playings in an alignment record: lengths by each source, shares of words and sound, and what a reader is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bids_trees import fmri_dataset

from bids_app.dataset import align, find_recordings
from bids_app.records import Alignment, Intervals, Recording, RecordingQuery, Stimulus, StimulusEvent


def stimulus(*words: tuple[float, float, str], seconds: float = 30.0, left_out: tuple[str, ...] = ()) -> Stimulus:
    times = np.array([word[:2] for word in words], dtype=float).reshape(-1, 2)
    table = Intervals(times[:, 0], times[:, 1] - times[:, 0], tuple(word[2] for word in words), left_out)
    audio = np.zeros(round(seconds * 100), dtype=np.float32)
    return Stimulus("story.wav", "story", Path("story.wav"), audio, 100.0, seconds, table, None, "", file_s=seconds)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """20 volumes, TR 2 s, the first at 0.9 s."""
    root = fmri_dataset(tmp_path_factory.mktemp("bids") / "b", people=("01",))
    return find_recordings(RecordingQuery(bids_dir=root, out_dir=root.parent / "out")).recordings[0]


def told(alignment: Alignment) -> str:
    return " · ".join(alignment.of("warning"))


def test_the_record_of_a_recording_that_is_fine(recording: Recording) -> None:
    event = recording.stimuli[0]
    found = align(recording, [(event, stimulus((1, 2, "a"), (27, 28, "b")))])
    assert found.recording == recording.label
    assert (found.extents[0].source, found.extents[0].n_samples, found.extents[0].seconds) == ("derivative", 20, 40.0)
    assert found.intervals[0].seconds == 2.0
    assert found.start.seconds == 0.9
    playing = found.playings[0]
    assert (playing.stimulus, playing.onset_s, playing.n_rows) == ("story.wav", 0.0, 1)
    assert (playing.file_s, playing.event_s, playing.transcript_s, playing.ratio) == (30.0, 30.0, 28.0, 1.0)
    assert (playing.n_words, playing.words_in_sound, playing.words_in_event) == (2, 1.0, 1.0)
    assert (playing.empty_words, playing.times_heard) == (0, 1)
    assert playing.heard_share == pytest.approx(29.1 / 30)
    assert found.of("warning") == found.of("refusal") == ()
    assert found.of("fine") == (
        "derivative 20 samples, 40 s; confounds 20 samples, 40 s; events 30 s",
        "2 s by sidecar, raw sidecar, header",
        "the first sample is at 0.9 s (StartTime)",
    )


@pytest.mark.parametrize(
    ("onset", "share", "is_told"),
    [(0.0, 1.0, False), (-15.0, 0.5, True), (25.9, 0.5, True), (0.9, 1.0, False), (100.0, 0.0, True)],
)
def test_share_of_a_stimulus_that_was_heard(recording: Recording, onset: float, share: float, is_told: bool) -> None:
    found = align(recording, [(StimulusEvent(onset, "story.wav"), stimulus((1, 2, "a")))])
    assert found.playings[0].heard_share == pytest.approx(share, abs=0.031)
    assert ("within the recording" in told(found)) is is_told


def test_words_and_repeats_are_told(recording: Recording) -> None:
    words = [(1, 2, "in"), (29.5, 31, "out"), (3, 4, "--"), (5, 6, "x")]
    event = StimulusEvent(0.0, "story.wav", 10.0)
    twice = replace(recording, stimuli=(event, event))
    found = align(twice, [(event, stimulus(*words))])
    playing = found.playings[0]
    assert (playing.n_words, playing.words_in_sound, playing.words_in_event) == (4, 0.75, 0.75)
    assert (playing.empty_words, playing.times_heard) == (1, 2)
    for part in ("25.0% of the words end after the sound", "1 words have no letter", "heard 2 times", "lasts 10.0 s"):
        assert part in told(found)


def test_what_reading_left_out_and_an_empty_transcript_are_told(recording: Recording) -> None:
    found = align(recording, [(recording.stimuli[0], stimulus(left_out=("2 of 2 rows without times",)))])
    assert found.playings[0].words_in_sound is None
    assert "story: words left out: 2 of 2 rows without times" in told(found)
    assert "story: the transcript is empty" in told(found)
