"""Pauses, bad spans and the power line stand in the account of a recording before anything is read."""

from dataclasses import replace

import numpy as np
import pytest
from bids_trees import write
from edf_files import write_edf
from test_dataset_signals import STARTS_S, brainvision, channels, click, recording_of, study

from bids_app.dataset import align
from bids_app.records import Intervals, ResponseSpec, Stimulus, StimulusEvent

SPEC = ResponseSpec(rate_hz=100.0, band_hz=(70.0, 150.0))


def account(root, onset_s=1.0, event_s=5.0):
    recording = recording_of(root)
    event = StimulusEvent(onset_s, "story.wav", event_s)
    words = Intervals(np.array([0.5]), np.array([0.2]), ("a",))
    stimulus = Stimulus("story.wav", "story", root / "stimuli/story.wav", None, None, event_s, words, None, "")
    return align(replace(recording, stimuli=(event,)), [(event, stimulus)], None, SPEC)


def test_pauses_and_bad_spans_of_an_edf(tmp_path):
    root = tmp_path / "bids"
    stem = study(root, sidecar={"PowerLineFrequency": "60"})
    wave = click(6.25)
    write_edf(stem.with_suffix(".edf"), channels(wave, wave, wave), "EDF+D", STARTS_S, [(11.5, 0.5, "BAD_x")])
    write(
        root / "sub-01/ieeg/sub-01_task-story_events.tsv",
        "onset\tduration\ttrial_type\tstim_file\n1\t5\tstory\tstory.wav\n5\t0.5\tartifact\tn/a\n",
    )
    found = account(root)
    assert [(one.source, one.spans_s) for one in found.gaps] == [("pauses of the file", ((2.0, 2.5), (7.5, 2.5)))]
    assert {one.source: one.spans_s for one in found.bad_spans} == {
        "file": ((11.5, 0.5),),
        "events.tsv": ((5.0, 0.5),),
    }
    assert found.line_hz == 60
    assert any("2 pauses, the first of 2.500 s after 2.000 s" in text for text in found.of("warning"))
    assert any("1 bad spans by events.tsv, 0.5 s" in text for text in found.of("warning"))
    assert not found.of("refusal")


@pytest.mark.parametrize(("onset_s", "refused"), [(1.0, True), (4.0, False), (-2.0, False)])
def test_a_playing_across_a_pause_of_unknown_length_is_refused(tmp_path, onset_s, refused):
    brainvision(study(tmp_path / "bids").with_suffix(".vhdr"), click(6.25), [(1024, "")])  # after 4 s
    found = account(tmp_path / "bids", onset_s, 4.0)
    assert bool(found.of("refusal")) == refused
    assert any("a pause of unknown length after 4.000 s" in text for text in found.of("warning"))


@pytest.mark.parametrize("counted", [False, True])
def test_sample_numbers_of_a_file_with_a_pause_are_no_drift(tmp_path, counted):
    """Onsets with the pauses, or without: sample numbers leave them out either way."""
    root = tmp_path / "bids"
    stem = study(root)
    wave, starts_s = click(6.25, seconds=100), [*range(40), *range(42, 102)]
    write_edf(stem.with_suffix(".edf"), channels(wave, wave, wave), "EDF+D", starts_s)
    samples_s = np.arange(2.5, 100, 2)
    onsets = samples_s if counted else samples_s + 2 * (samples_s > 40)
    rows = "".join(f"{onset}\t0.1\t{round(s * 256)}\tn/a\n" for onset, s in zip(onsets, samples_s, strict=True))
    header = "onset\tduration\tsample\tstim_file\n0.1\t1.0\t26\tstory.wav\n"
    write(root / "sub-01/ieeg/sub-01_task-story_events.tsv", header + rows)
    found = account(root, 0.1, 1.0)
    assert not found.of("refusal"), found.of("refusal")
    assert found.drift is None or abs(found.drift.seconds) < 0.01, found.drift
    assert not [text for text in found.of("warning") if "drift" in text or "off the" in text], found.of("warning")
    said = "leave pauses out" if counted else "include pauses"
    assert any(said in text for text in found.of("warning"))


@pytest.mark.parametrize(("kind", "told"), [("discontinuous", True), ("epoched", True), ("continuous", False)])
def test_pauses_that_a_conversion_lost_are_told(tmp_path, kind, told):
    brainvision(study(tmp_path / "bids", sidecar={"RecordingType": kind}).with_suffix(".vhdr"), click(6.25))
    lines = account(tmp_path / "bids").of("warning")
    assert any("the file shows no pause" in text for text in lines) == told
