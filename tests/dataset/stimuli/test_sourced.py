"""Sound and times where a recipe says they lie; and the one sound of a task's name."""

import numpy as np
import pytest
import soundfile
from bids_trees import fmri_dataset, write

from bids_app.dataset import find_recordings, load_stimulus
from bids_app.dataset.stimuli.load import joiner_of
from bids_app.dataset.stimuli.sourced import source_annotation
from bids_app.errors import DataError
from bids_app.records import RecordingQuery, StatedStimuli, StimulusRecipe, StimulusRule, StimulusSource, TimedFile

TEXTGRID = """\
File type = "ooTextFile"
Object class = "TextGrid"
0
10
<exists>
2
"IntervalTier" "Sentences" 0 10 1 0 10 "hello big world"
"IntervalTier" "Words" 0 10 4 0 1 "" 1 2 "hello" 2 3 "big" 3 10 "world"
"""


def words_of(root, file, sound=None):
    return source_annotation(StimulusSource(sound=sound, words=file), root).words


@pytest.mark.parametrize(
    ("name", "content", "file"),
    [
        ("w.csv", "x,word,on,off\n1,hello,1,2\n1,big,2,3\n2,other,3,4\n",
         {"text": "word", "onset": "on", "offset": "off", "where": (("x", "1"),)}),
        ("w.csv", "word,on,dur\nhello,1000,1000\nbig,2000,1000\n",
         {"text": "word", "onset": "on", "duration": "dur", "unit": "ms"}),
        ("w.csv", "Word (text);on set;off-set\nhello;6;7\nbig;7;8\n",
         {"text": "Word (text)", "onset": "on set", "offset": "off-set", "shift_s": -5.0}),
        ("w.csv", "hello,hello,1,2\nlost,lost,,\nbig,big,2,3\n", {"text": "1", "onset": "3", "offset": "4"}),
        ("w.csv", "lost,lost,,\nhello,hello,1,2\nbig,big,2,3\n", {"text": "1", "onset": "3", "offset": "4"}),
        ("w.tsv", "onset\toffset\titem\n1\t2\thello\n2\t3\tbig\n", {}),
        ("w.TextGrid", TEXTGRID.replace("4 0 1", "3 0 1").replace(' 3 10 "world"', ""), {"tier": "words"}),
        ("w.TextGrid", TEXTGRID.replace("4 0 1", "3 0 1").replace(' 3 10 "world"', ""), {}),
        ("w.ctm", "a 1 1.0 1.0 hello\na 1 2.0 1.0 big\n", {}),
        ("w.json", '{"words": [{"word": "hello", "start": 1, "end": 2}, {"word": "big", "start": 2, "end": 3}]}', {}),
    ],
)  # fmt: skip
def test_words_of_every_kind_of_file_are_in_seconds_of_the_sound(tmp_path, name, content, file):
    write(tmp_path / "any" / name, content)
    words = words_of(tmp_path, TimedFile(f"any/{name}", **file))
    assert words.text == ("hello", "big")
    np.testing.assert_allclose(words.onset_s, [1.0, 2.0])
    np.testing.assert_allclose(words.duration_s, [1.0, 1.0])


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (TimedFile("none.csv"), "file is not there.*none.csv"),
        (TimedFile("../w.csv"), "leaves BIDS_DIR: '../w.csv'"),
        (TimedFile("/etc/passwd"), "leaves BIDS_DIR"),
        (TimedFile("out/w.csv"), r"leads out of the data set, to .*elsewhere: .*bids/out "),
        (TimedFile("w.csv", text="wrod"), "the column 'wrod', which is not there.*there are word, on, off"),
        (TimedFile("w.csv", text="word"), "no column is called start or onset"),
        (TimedFile("w.csv", text="9", onset="2", offset="3"), "the column '9'"),
        (TimedFile("w.csv", text="word", onset="on", offset="off", where=(("run", "1"),)), "the column 'run'"),
        (TimedFile("w.TextGrid", tier="Wrods"), "0 tiers are called 'Wrods'.*'Sentences', 'Words'"),
        (TimedFile("w.csv", text="word", onset="on", offset="off", through=("b.wav",)), "none of the sounds"),
    ],
)
def test_what_is_not_there_is_one_line(tmp_path, file, said):
    root = tmp_path / "bids"
    write(root / "w.csv", "word,on,off\nhello,1,2\n")
    write(root / "w.TextGrid", TEXTGRID)
    write(tmp_path / "elsewhere/w.csv", "word,on,off\nhello,1,2\n")
    (root / "out").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=said):
        words_of(root, file, sound="a.wav")


def test_times_that_run_through_several_sounds_are_those_of_this_one(tmp_path):
    for name, seconds in (("a", 10), ("b", 20), ("c", 5)):
        soundfile.write(tmp_path / f"{name}.wav", np.zeros(seconds * 100), 100)
    write(tmp_path / "w.csv", "word,on,off,s\none,9,9.5,1\ntwo,12,12.5,2\nthree,31,32,3\n")
    file = TimedFile("w.csv", text="word", onset="on", offset="off", through=("a.wav", "b.wav", "c.wav"))
    for sound, number, onset in (("a", "1", 9.0), ("b", "2", 2.0), ("c", "3", 1.0)):
        of_one = TimedFile(**{**vars(file), "where": (("s", number),)})
        words = words_of(tmp_path, of_one, sound=f"{sound}.wav")
        np.testing.assert_allclose(words.onset_s, [onset])
    (tmp_path / "a.wav").write_text("/annex/objects/x")
    with pytest.raises(DataError, match=r"comes before.*a\.wav.*datalad get|not fetched"):
        words_of(tmp_path, of_one, sound="c.wav")


# ------------------------------------------------------------------------------------------------ in a data set
def data_set(root, **settings):
    fmri_dataset(root, people=("01",))
    soundfile.write(root / "stimuli/story.wav", np.random.default_rng(0).normal(size=3000) * 0.1, 100)
    return find_recordings(RecordingQuery(root, root.parent / "out", **settings))


@pytest.mark.parametrize(
    ("stated", "language", "joiner"),
    [
        (None, None, "script"),
        (None, "en", "script"),
        (None, "ko", "script"),
        (None, "zh", ""),
        (None, "zh-TW", ""),
        (None, "yue", ""),
        (None, "ja_JP", ""),
        (None, "tha", ""),
        (None, "fr", "elisions"),
        (None, "FR-ca", "elisions"),
        (None, "it", "elisions"),
        (" ", "zh", " "),
        ("clitics", "fr", "clitics"),
        ("", None, ""),
    ],
)
def test_what_stands_between_words_is_stated_or_of_the_language(stated, language, joiner):
    assert joiner_of(stated, language) == joiner


def test_a_stimulus_is_joined_as_the_analysiss_language_is_written_and_known_by_it(tmp_path):
    root = tmp_path / "bids"
    found = data_set(root)
    write(root / "stimuli/story.tsv", "word\tstart\tend\nl'\t1\t2\nhomme\t2\t3\n")
    (recording,) = found.recordings
    (event,) = recording.stimuli
    plain, english, french = (
        load_stimulus(recording, event, root, None, False, StatedStimuli(language=language))
        for language in (None, "en", "fr")
    )
    assert (plain.joiner, english.joiner, french.joiner) == ("script", "script", "elisions")
    assert plain.sha256 == english.sha256 != french.sha256


def test_a_stimulus_is_what_the_recipe_says_and_not_what_lies_beside_it(tmp_path):
    root = tmp_path / "bids"
    write(root / "words/here.csv", "word,start,end\nhere,3,4\n")
    rule = StimulusRule(
        sound="stimuli/{task}.wav", onset=2.5, words=TimedFile("words/here.csv"), language="nl", joiner=""
    )
    found = data_set(root, recipe=StimulusRecipe("mine", (rule,), (), "`stimuli: words: x` of the analysis"))
    write(root / "stimuli/story.tsv", "word\tstart\tend\nbeside\t1\t2\n")
    (recording,) = found.recordings
    (event,) = recording.stimuli
    assert (event.onset_s, event.stimulus_id) == (2.5, "story.wav")
    assert "the recipe 'mine' counts in place of `stimuli: words: x` of the analysis" in recording.warnings
    stimulus = load_stimulus(recording, event, root, "never/{stem}.csv", True)
    assert (stimulus.words.text, stimulus.language, stimulus.joiner) == (("here",), "nl", "")
    assert len(stimulus.audio) == 3000
    joined = load_stimulus(recording, event, root, None, False)
    apart = load_stimulus(recording, event.__class__(0.0, "story.wav"), root, None, False)
    assert joined.label != apart.label
    assert apart.words.text == ("beside",)


def test_without_a_sound_audio_is_asked_of_nobody(tmp_path):
    root = tmp_path / "bids"
    write(root / "w.csv", "word,start,end\nhere,3,4\n")
    found = data_set(root, recipe=StimulusRecipe("mine", (StimulusRule(words=TimedFile("w.csv"), onset=0.0),)))
    (recording,) = found.recordings
    assert load_stimulus(recording, recording.stimuli[0], root, None, False).words.text == ("here",)
    with pytest.raises(DataError, match=r"audio of the stimulus is missing.*the recipe names no sound"):
        load_stimulus(recording, recording.stimuli[0], root, None, True)


@pytest.mark.parametrize("name", ["story.wav", "story_audio.wav", "Story.flac", "task-story.wav", "deep/story.wav"])
@pytest.mark.parametrize(
    "events", [None, "onset\tduration\ttrial_type\n0\t5\trest\n", "onset\tduration\tstim_file\n0\t5\tn/a\n"]
)
def test_without_a_name_in_the_events_the_sound_of_the_tasks_name_is_taken_and_told(tmp_path, name, events):
    root = fmri_dataset(tmp_path / "bids", people=("01",))
    file = root / "sub-01/func/sub-01_task-story_events.tsv"
    file.write_text(events) if events else file.unlink()
    write(root / "stimuli" / name, "sound")
    write(root / "stimuli/storyline.wav", "another")
    (recording,) = find_recordings(RecordingQuery(root, tmp_path / "out")).recordings
    assert [(event.stimulus_id, event.onset_s) for event in recording.stimuli] == [(name, 0.0)]
    assert f"no event names a sound: {name} taken, by the task's name, from second 0 on" in recording.warnings


def test_of_two_sounds_of_the_tasks_name_none_is_taken(tmp_path):
    root = fmri_dataset(tmp_path / "bids", people=("01",))
    (root / "sub-01/func/sub-01_task-story_events.tsv").unlink()
    write(root / "stimuli/story.wav", "sound")
    write(root / "stimuli/task-story_audio.wav", "sound")
    (one,) = find_recordings(RecordingQuery(root, tmp_path / "out")).excluded
    assert "several go by the task's name: story.wav, task-story_audio.wav" in one.reason


def test_with_no_sound_of_the_tasks_name_the_reason_stays(tmp_path):
    root = fmri_dataset(tmp_path / "bids", people=("01",))
    (root / "sub-01/func/sub-01_task-story_events.tsv").unlink()
    write(root / "stimuli/task-story_run-1.wav", "of a run that this is not")
    (one,) = find_recordings(RecordingQuery(root, tmp_path / "out")).excluded
    assert "no events.tsv matches this recording" in one.reason
    assert "--stimuli" in one.reason
