"""A recording's own audio channel: found by type or name, its playing reported or moved, or said to be none."""

import re
from dataclasses import replace
from pathlib import Path

import mne
import numpy as np
import pytest
from bids_trees import describe, ieeg_tables, write_tsv
from pydantic import ValidationError
from test_audio_match import RATE as SOUND_HZ
from test_audio_match import SOUND, recorded

from bids_app.dataset import find_recordings, limits, place_by_audio
from bids_app.dataset.alignment.audio_channel import audio_channels
from bids_app.dataset.signals.open import open_signals
from bids_app.records import AudioSpec, Intervals, RecordingQuery, Stimulus
from bids_app.settings.sections import AlignmentSettings

RATE, ALLOWED = 1000.0, limits("ieeg", 0.01, 0.1)
STIMULUS = Stimulus("story.wav", "story", Path("story.wav"), SOUND, SOUND_HZ, len(SOUND) / SOUND_HZ, None, None, "")


def study(root, channel, name="DC1", kind="AUDIO", onset_s=0.0):
    describe(root)
    (root / "stimuli").mkdir()
    folder = root / "derivatives/raw/sub-01/ieeg"
    folder.mkdir(parents=True)
    describe(root / "derivatives/raw", derivative=True, maker="raw")
    columns = {"onset": [onset_s], "duration": [90.0], "stim_file": ["story.wav"]}
    write_tsv(root / "sub-01/ieeg/sub-01_task-story_events.tsv", columns)
    ieeg_tables(root)
    names = ["A1", "A2", "A3", name]
    table = {"name": names, "type": ["SEEG"] * 3 + [kind], "status": ["good"] * 4}
    write_tsv(root / "sub-01/ieeg/sub-01_task-story_channels.tsv", table)
    values = np.vstack([1e-5 * np.random.default_rng(0).normal(size=(3, len(channel))), channel])
    raw = mne.io.RawArray(values, mne.create_info(names, RATE, ["seeg"] * 3 + ["misc"]), verbose="ERROR")
    raw.save(folder / "sub-01_task-story_ieeg.fif", verbose="ERROR")
    (recording,) = find_recordings(RecordingQuery(root, root.parent / "out")).recordings
    return recording


def placed(recording, channel="auto", applies=False):
    found = place_by_audio(recording, lambda event: STIMULUS, AudioSpec(channel, applies), ALLOWED)
    (line,) = found.lines
    return found.stimuli[0], line


def test_a_late_and_slow_playing_is_refused_or_moved(tmp_path):
    recording = study(tmp_path / "bids", recorded(1.234, 200e-6))
    event, line = placed(recording)
    assert (event, line.severity) == (recording.stimuli[0], "refusal")
    assert re.search(r"DC1 it begins at 1\.23\d s, \+1\.23\d s from its event, and drifts by \+0\.01\d s", line.text)
    event, line = placed(recording, applies=True)
    assert line.severity == "warning"
    assert line.text.endswith("applied")
    assert event.onset_s == pytest.approx(1.234, abs=0.002)
    assert (event.stretch - 1) * 90 == pytest.approx(200e-6 * 90, abs=0.002)


@pytest.mark.parametrize(("at_s", "severity"), [(1.0, "fine"), (1.05, "warning"), (1.2, "refusal")])
def test_thresholds_are_those_of_the_clock(tmp_path, at_s, severity):
    assert placed(study(tmp_path / "bids", recorded(at_s, 0), onset_s=1.0))[1].severity == severity


def test_noise_is_no_match_and_never_applied(tmp_path):
    recording = study(tmp_path / "bids", np.random.default_rng(3).normal(size=130_000))
    event, line = placed(recording, applies=True)
    assert event == recording.stimuli[0]
    assert (line.severity, "no match in audio channel DC1" in line.text) == ("warning", True)


def test_no_such_channel_is_one_line(tmp_path):
    recording = study(tmp_path / "bids", recorded(1, 0), "ECG", "ECG")
    assert "no audio channel" in placed(recording)[1].text
    assert "no channel 'DC9'" in placed(recording, "DC9")[1].text
    assert placed(recording, "ECG")[1].text.startswith("story.wav: by audio channel ECG")


@pytest.mark.parametrize(
    ("name", "kind", "found"),
    [("DC1", "AUDIO", True), ("Audio_L", "MISC", True), ("MIC1", "MISC", True), ("Mic", "TRIG", True),
     ("DC1", "MISC", False), ("MKR1", "MISC", False)],
)  # fmt: skip
def test_which_channel_is_the_sound(tmp_path, name, kind, found):
    recording = study(tmp_path / "bids", recorded(1, 0, seconds=2), name, kind)
    assert audio_channels(recording, open_signals(recording.paths[0]), "auto") == ([name] if found else [])


def test_words_of_the_events_themselves_are_not_moved(tmp_path):
    recording = study(tmp_path / "bids", recorded(1.2, 0))
    words = Intervals(np.array([1.0]), np.array([0.1]), ("a",))
    recording = replace(recording, own_words=words)
    found = place_by_audio(recording, lambda event: STIMULUS, AudioSpec("auto", True), ALLOWED)
    assert found.stimuli == recording.stimuli
    assert found.lines[-1].severity == "refusal"


def test_applying_needs_a_channel():
    with pytest.raises(ValidationError, match="needs an audio_channel"):
        AlignmentSettings(audio="apply")
    assert AlignmentSettings().spec() is None
