"""Nothing is heard after its playing's end: words, features and samples, in continuous time and word by word."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from bids_trees import fmri_dataset, write, write_tsv
from hypothesis import given
from hypothesis import strategies as st

from bids_app import dataset
from bids_app.errors import DataError
from bids_app.pipeline.job.hearing import EDGE_S, hearing_of
from bids_app.pipeline.job.job import make_job
from bids_app.pipeline.job.stimulus_library import StimulusLibrary
from bids_app.pipeline.runs.continuous_rows import ContinuousRows
from bids_app.pipeline.runs.load_settings import ReadRecording, load_settings
from bids_app.records import (
    BaselineModel,
    Features,
    Intervals,
    ModelSource,
    RecordingQuery,
    Response,
    Stimulus,
    StimulusEvent,
    Targets,
)
from bids_app.settings.run_options import RunOptions

ANALYSIS = """\
name: tiny
features: {rate: {kind: word_rate}, loudness: {kind: envelope}}
baseline: {spaces: []}
design: {fmri: {delays_s: [0], skip_onset_s: 0}}
"""


def stimulus(file_s=None, transcript_s=20.0):
    words = Intervals(np.array([1.0]), np.array([transcript_s - 1]), ("a",))
    length_s = transcript_s if file_s is None else file_s
    return Stimulus("a.wav", "a", Path("a.wav"), None, None, length_s, words, None, "", file_s=file_s)


@pytest.mark.parametrize(
    ("event_s", "precision_s", "file_s", "lasts_s", "cut_s", "words_until_s"),
    [
        (None, 0.0, 30.0, 30.0, math.inf, 30.0),
        (None, 0.0, None, 20.0, math.inf, math.inf),  # to the transcript's end
        (10.0, 0.0, 30.0, 10.0, 10.0 + EDGE_S, 30.0),
        (10.0, 0.5, 30.0, 10.0, 10.5 + EDGE_S, 30.0),
        (10.0, 0.5, None, 10.0, 10.5 + EDGE_S, math.inf),
        (30.0, 0.0, 30.0, 30.0, math.inf, 30.0),
        (29.0, 1.0, 30.0, 30.0, math.inf, 30.0),  # a whole one, written in whole seconds
        (45.0, 0.0, 30.0, 30.0, math.inf, 30.0),
        (45.0, 0.0, None, 45.0, 45.0 + EDGE_S, math.inf),
    ],
)
def test_how_much_is_heard(event_s, precision_s, file_s, lasts_s, cut_s, words_until_s):
    hearing = hearing_of(StimulusEvent(0.0, "a.wav", event_s, precision_s=precision_s), stimulus(file_s))
    assert (hearing.lasts_s, hearing.cut_s, hearing.words_until_s) == (lasts_s, cut_s, words_until_s)


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0, 2)), max_size=20), st.floats(0.1, 60), st.floats(1, 60))
def test_words_and_the_rows_made_of_them_are_heard_alike(times, event_s, file_s):
    onsets, lengths = (np.array([time[at] for time in sorted(times)], float) for at in (0, 1))
    words = Intervals(onsets, lengths, tuple(f"w{number}" for number in range(len(onsets))))
    features = Features("rate", np.arange(len(onsets))[:, None], words.offset_s, "events", onsets)
    hearing = hearing_of(StimulusEvent(3.0, "a.wav", event_s), stimulus(file_s))
    heard, rows = hearing.words(words), hearing.features(features)
    assert [f"w{number}" for number in rows.values[:, 0]] == list(heard.text)
    assert (heard.offset_s <= event_s + EDGE_S).all() or event_s + EDGE_S >= file_s
    assert (heard.onset_s < file_s).all()
    again = hearing.features(rows)
    assert again.times_s.tolist() == rows.times_s.tolist()


# ------------------------------------------------------------------------------------------------ in the pipeline
def study(root, events, words, lengths=(60.0, 30.0)):
    """A person, 200 samples of half a second; sounds a and b with a click at each word."""
    bids = fmri_dataset(root / "bids", people=("01",))
    write_tsv(bids / "sub-01/func/sub-01_task-story_events.tsv", events)
    for name, length_s in zip("ab", lengths, strict=True):
        wave = np.zeros(int(1000 * length_s))
        for onset_s in words[name]:
            wave[int(1000 * onset_s) : int(1000 * onset_s) + 20] = 0.5
        soundfile.write(bids / f"stimuli/{name}.wav", wave, 1000)
        rows = "".join(f"w\t{onset_s}\t{onset_s + 0.2}\n" for onset_s in words[name])
        write(bids / f"stimuli/{name}.tsv", "word\tstart\tend\n" + rows)
    write(root / "tiny.yaml", ANALYSIS)
    query = RecordingQuery(bids, root / "out")
    job = make_job(RunOptions(query, ("participant",), str(root / "tiny.yaml"), ModelSource(None, True, "cpu")))
    recording = dataset.find_recordings(job.options.query).recordings[0]
    return recording, ContinuousRows(load_settings(job, StimulusLibrary(job), "fmri"))


def run_of(recording, rows):
    """Bands at every used sample, and whether each of the samples is used; the response is a count."""
    times_s = np.arange(200) / 2
    values = np.random.default_rng(0).normal(size=(200, 1)).astype(np.float32)
    targets = Targets("volume", "MNI", ("0,0,0",))
    response = Response(values, times_s, np.empty((200, 0)), np.ones(200, bool), targets)
    used = rows.used_samples(recording, response)
    library = rows.settings.library
    sounds = [(library.features(recording, event), event.onset_s) for event in recording.stimuli]
    run = rows.make_run(ReadRecording(recording, response, used), sounds, BaselineModel((), {}, {}))
    return run, times_s[used]


WORDS = {"a": [5.0, 20.0, 33.0, 48.5], "b": [3.0, 12.0]}  # a's event ends after 30 s, b begins at 40 s
STOPPED = {"onset": [2.0, 40.25], "duration": [30.25, 30.0], "stim_file": ["a.wav", "b.wav"]}


def test_a_word_after_the_end_of_its_event_adds_nothing_even_within_the_next_story(tmp_path):
    recording, rows = study(tmp_path / "long", STOPPED, WORDS)
    run, times_s = run_of(recording, rows)
    short, short_rows = study(tmp_path / "short", STOPPED, WORDS | {"a": [5.0, 20.0]})
    expected, _ = run_of(short, short_rows)
    assert np.array_equal(run.bands["rate"], expected.bands["rate"])
    rate = run.bands["rate"][:, 0, 0]
    heard_s = (7.2, 22.2, 43.45, 52.45)  # words' ends on the recording's clock
    assert all(rate[np.abs(times_s - at) < 1.0].max() > 0.5 for at in heard_s)
    assert rate[np.abs(times_s - 50.7) < 0.3].max() < 0.3  # a's word at 50 s, between two words of b
    assert times_s[times_s < 40].max() <= 32.25  # no sample is used after the playing
    assert rate.sum() == pytest.approx(expected.bands["rate"].sum())


def test_a_planted_response_is_lost_where_words_count_that_were_not_heard(tmp_path):
    """The response follows heard words alone: their band finds it, that of all words (as if heard) does not."""
    recording, rows = study(tmp_path, STOPPED, WORDS | {"a": [5.0, 20.0, 44.0, 51.0]})
    rate = run_of(recording, rows)[0].bands["rate"][:, 0, 0]
    whole = replace(recording, stimuli=tuple(replace(event, duration_s=None) for event in recording.stimuli))
    every, times_s = run_of(whole, rows)
    used = np.isin(times_s, run_of(recording, rows)[1])
    planted = rate + 0.05 * np.random.default_rng(1).normal(size=len(rate))
    assert np.corrcoef(planted, rate)[0, 1] > 0.95
    assert np.corrcoef(planted, every.bands["rate"][used][:, 0, 0])[0, 1] < 0.9


def test_two_rows_of_one_playing_count_its_words_once(tmp_path):
    """`0 13 music a.wav`, `15 45 story a.wav` and one row of 60 s are the same run."""
    two = {
        "onset": [2.0, 17.0],
        "duration": [13.0, 45.0],
        "trial_type": ["music", "story"],
        "stim_file": ["a.wav"] * 2,
    }
    one = {"onset": [2.0], "duration": [60.0], "stim_file": ["a.wav"]}
    runs = [run_of(*study(tmp_path / name, rows, WORDS))[0] for name, rows in (("two", two), ("one", one))]
    assert np.array_equal(runs[0].bands["rate"], runs[1].bands["rate"])
    assert runs[0].bands["rate"].sum() == pytest.approx(len(WORDS["a"]), abs=0.1)
    assert runs[0].stimuli == ("a.wav",)


def test_signals_end_with_their_event(tmp_path):
    recording, rows = study(tmp_path, {"onset": [2.0], "duration": [10.5], "stim_file": ["a.wav"]}, WORDS)
    features = rows.settings.library.features(recording, recording.stimuli[0])
    assert features["loudness"].times_s.max() <= 10.5 + recording.stimuli[0].precision_s + EDGE_S
    assert features["rate"].times_s.tolist() == [5.2]
    assert rows.settings.library.words(recording, recording.stimuli[0]).onset_s.tolist() == [5.0]


def test_facts_of_a_stimulus_hang_on_its_content_alone(tmp_path):
    """Without its sound, whoever is read first: two events of one stimulus say two lengths."""
    recording, _ = study(tmp_path, STOPPED, WORDS)
    (tmp_path / "bids/stimuli/b.wav").unlink()
    events = [StimulusEvent(0.0, "b.wav", length_s) for length_s in (8.0, 30.0, None)]
    seen = []
    for order in (events, events[::-1]):
        library = StimulusLibrary(make_job(RunOptions(
            RecordingQuery(tmp_path / "bids", tmp_path / "out"), ("participant",), str(silent(tmp_path)),
            ModelSource(None, True, "cpu"),
        )))  # fmt: skip
        found = {event: (library.stimulus(recording, event), library.hearing(recording, event).lasts_s)
                 for event in order}  # fmt: skip
        assert len({one.duration_s for one, _ in found.values()}) == 1
        assert {one.file_s for one, _ in found.values()} == {None}
        seen.append([found[event][1] for event in events])
    assert seen[0] == seen[1] == [8.0, 30.0, 12.2]


def silent(root):
    return write(root / "silent.yaml", ANALYSIS.replace(", loudness: {kind: envelope}", ""))


# ------------------------------------------------------------------------------------------------ players' speed
@pytest.mark.parametrize(("event_s", "stretch"), [(30.15, 1.005), (29.7, 0.99), (30.0, 1.0), (30.02, 1.0)])
def test_a_player_at_another_speed_stretches_words_and_signals_alike(event_s, stretch):
    hearing = hearing_of(StimulusEvent(3.0, "a.wav", event_s), stimulus(30.0), stretch_to_event=True)
    assert hearing.stretch == pytest.approx(stretch)
    words = Intervals(np.array([10.0, 29.9]), np.array([0.5, 0.05]), ("a", "b"))
    heard = hearing.words(words)
    assert heard.offset_s == pytest.approx(words.offset_s * stretch)
    rows = hearing.features(Features("rate", np.ones((2, 1)), words.offset_s, "events", words.onset_s))
    assert rows.times_s == pytest.approx(heard.offset_s)
    assert rows.onsets_s == pytest.approx(heard.onset_s)
    played = hearing.played(stimulus(30.0))
    assert played.file_s == pytest.approx(event_s if stretch != 1 else 30.0)
    assert bool(played.notes) is (stretch != 1)
    as_written = hearing_of(StimulusEvent(3.0, "a.wav", event_s), stimulus(30.0)).words(words)
    assert as_written.onset_s.tolist() == words.onset_s.tolist()[: len(as_written.text)]


@pytest.mark.parametrize(("event_s", "lasts_s", "heard"), [(None, 30.3, 2), (30.3, 30.3, 2), (15.0, 15.0, 1)])
def test_a_speed_that_the_recording_shows_is_that_of_the_playing(event_s, lasts_s, heard):
    """As an audio channel finds it; the event's own length then says only how much was heard."""
    hearing = hearing_of(StimulusEvent(3.0, "a.wav", event_s, stretch=1.01), stimulus(30.0))
    assert hearing.lasts_s == pytest.approx(lasts_s)
    words = hearing.words(Intervals(np.array([10.0, 20.0]), np.array([0.5, 0.5]), ("a", "b")))
    assert words.onset_s == pytest.approx([10.1, 20.2][:heard])


@pytest.mark.parametrize(("event_s", "file_s", "reason"), [(15.0, 30.0, "so wrong"), (30.0, None, "not there")])
def test_nothing_is_stretched_that_was_not_heard_whole_or_has_no_length(event_s, file_s, reason):
    with pytest.raises(DataError, match=reason):
        hearing_of(StimulusEvent(0.0, "a.wav", event_s), stimulus(file_s), stretch_to_event=True)
    whole_seconds = StimulusEvent(0.0, "a.wav", 30.0, precision_s=0.5)
    assert hearing_of(whole_seconds, stimulus(30.4), stretch_to_event=True).stretch == 1


def test_the_analysis_asks_for_it_and_its_hash_stays_without(tmp_path):
    recording, rows = study(tmp_path, STOPPED | {"duration": [60.6, 30.0]}, WORDS)
    event = recording.stimuli[0]
    assert rows.settings.library.words(recording, event).onset_s.tolist() == WORDS["a"]
    write(tmp_path / "tiny.yaml", ANALYSIS + "stimuli: {playing_clock: stretch_to_event}\n")
    query = RecordingQuery(tmp_path / "bids", tmp_path / "out")
    job = make_job(RunOptions(query, ("participant",), str(tmp_path / "tiny.yaml"), ModelSource(None, True, "cpu")))
    assert StimulusLibrary(job).words(recording, event).onset_s == pytest.approx(1.01 * np.array(WORDS["a"]))
    assert job.resolved["stimuli"] == {"words": None, "playing_clock": "stretch_to_event"}
