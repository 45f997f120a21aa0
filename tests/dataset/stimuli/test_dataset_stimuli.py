from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from bids_trees import fmri_dataset, snapshot, write, write_tsv

from bids_app.dataset import align, find_recordings, load_stimulus
from bids_app.errors import DataError
from bids_app.records import (
    Intervals,
    Recording,
    RecordingQuery,
    StatedStimuli,
    Stimulus,
    StimulusEvent,
    StimulusSource,
)

RATE = 8000


def sound(path: Path, seconds: float = 30.0, channels: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = np.zeros((int(RATE * seconds), channels))
    wave[RATE] = np.linspace(0.5, 0.25, channels)  # a click at 1 s
    soundfile.write(path, wave, RATE)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = fmri_dataset(tmp_path / "bids", people=("01",))
    sound(root / "stimuli/story.wav")
    return root


@pytest.fixture
def recording(root: Path) -> Recording:
    return find_recordings(RecordingQuery(root, root.parent / "out")).recordings[0]


def load(recording: Recording, root: Path, name: str = "story.wav", **settings: object) -> Stimulus:
    event = StimulusEvent(0.0, name, settings.pop("duration_s", None))  # type: ignore[arg-type]
    arguments = {"words_template": None, "need_audio": True} | settings
    return load_stimulus(recording, event, root, **arguments)  # type: ignore[arg-type]


def words_table(*rows: tuple[float, float, str]) -> dict[str, list[object]]:
    return dict(zip(("start", "end", "word"), map(list, zip(*rows, strict=True)), strict=True))


# ------------------------------------------------------------------------------------------------ sound
@pytest.mark.parametrize("extension", ["wav", "flac", "ogg", "mp3"])
def test_formats_keep_their_rate_and_the_click_its_time(recording: Recording, root: Path, extension: str) -> None:
    sound(root / f"stimuli/new.{extension}")
    stimulus = load(recording, root, f"new.{extension}")
    assert stimulus.audio is not None
    assert stimulus.audio.dtype == np.float32
    assert stimulus.audio.ndim == 1
    assert stimulus.rate_hz == RATE
    assert stimulus.duration_s == pytest.approx(30.0, abs=0.2)
    assert abs(int(np.argmax(np.abs(stimulus.audio))) - RATE) <= (0 if extension in ("wav", "flac") else 8)


def test_mono_is_the_mean_of_channels(recording: Recording, root: Path) -> None:
    sound(root / "stimuli/two.wav", channels=2)
    audio = load(recording, root, "two.wav").audio
    assert audio is not None
    assert audio[RATE] == pytest.approx((0.5 + 0.25) / 2, abs=1e-4)


def test_audio_is_not_read_when_not_needed(recording: Recording, root: Path) -> None:
    stimulus = load(recording, root, need_audio=False)
    assert (stimulus.audio, stimulus.rate_hz) == (None, None)
    assert stimulus.duration_s == pytest.approx(30.0)


def test_missing_audio_is_named_only_where_needed(recording: Recording, root: Path) -> None:
    write_tsv(root / "stimuli/absent.tsv", words_table((1, 2.5, "hi")))
    with pytest.raises(DataError, match=r"missing.*absent\.wav"):
        load(recording, root, "absent.wav")
    assert load(recording, root, "absent.wav", need_audio=False).duration_s == 2.5
    told = load(recording, root, "absent.wav", need_audio=False, duration_s=9.0)
    assert (told.duration_s, told.file_s) == (2.5, None)  # of its content alone, whatever an event says


def test_unfetched_and_undecodable_audio(recording: Recording, root: Path) -> None:
    (root / "stimuli/annexed.wav").symlink_to("../.git/annex/objects/gone")
    with pytest.raises(DataError, match="datalad get"):
        load(recording, root, "annexed.wav")
    write(root / "stimuli/unlocked.wav", "/annex/objects/MD5E-s1--x")
    with pytest.raises(DataError, match=r"datalad get stimuli/unlocked\.wav"):
        load(recording, root, "unlocked.wav")
    write(root / "stimuli/bad.wav", "no sound")
    with pytest.raises(DataError, match=r"decoded.*bad\.wav"):
        load(recording, root, "bad.wav")


def test_audio_with_nan_is_refused(recording: Recording, root: Path) -> None:
    soundfile.write(root / "stimuli/nan.wav", np.array([0.0, np.nan]), RATE, subtype="FLOAT")
    with pytest.raises(DataError, match="not numbers"):
        load(recording, root, "nan.wav")


# ------------------------------------------------------------------------------------------------ words
def test_words_beside_the_sound_in_order_of_trust(recording: Recording, root: Path) -> None:
    assert load(recording, root).words is None
    write_tsv(root / "stimuli/story.tsv", words_table((1, 2, "from_tsv")))
    found = load(recording, root).words
    assert found is not None
    assert found.text == ("from_tsv",)
    grid = ["ooTextFile", "TextGrid"]
    lines = [f'"{line}"' for line in grid] + ["0", "9", "<exists>", "1", '"IntervalTier"', '"words"', "0", "9", "1"]
    write(root / "stimuli/story.TextGrid", "\n".join([*lines, "0", "1", '"from_grid"']))
    found = load(recording, root).words
    assert found is not None
    assert found.text == ("from_grid",)


def test_podcast_transcript_and_unrelated_tables(recording: Recording, root: Path) -> None:
    write_tsv(root / "stimuli/story.tsv", {"frame": [1], "luminance": [0.5]})
    write(root / "stimuli/story.json", '{"SamplingFrequency": 8000}')
    write(root / "stimuli/story_transcript.csv", "word,start,end\nAct,3.71,3.79\n")
    found = load(recording, root).words
    assert found is not None
    assert found.text == ("Act",)


UNFETCHED = "../.git/annex/objects/Kz/0x/k/k"


@pytest.mark.parametrize("other", [None, "story_transcript.csv"])
def test_an_unfetched_transcript_is_refused_and_no_other_is_taken(
    recording: Recording, root: Path, other: str | None
) -> None:
    if other:
        write(root / "stimuli" / other, "word,start,end\nAct,3.71,3.79\n")
    for name in ("story.TextGrid", "story.tsv", "story.csv", "story.json", "story.ctm", "story_transcript.tsv"):
        (root / "stimuli" / name).symlink_to(UNFETCHED)
        with pytest.raises(DataError, match=f"datalad get stimuli/{name}"):
            load(recording, root)
        with pytest.raises(DataError, match=f"datalad get stimuli/{name}"):
            load(recording, root, words_template=name)
        (root / "stimuli" / name).unlink()


def test_an_unfetched_twin_keeps_the_label(recording: Recording, root: Path) -> None:
    sound(root / "stimuli/story.flac")
    label = load(recording, root).label
    (root / "stimuli/story.flac").unlink()
    (root / "stimuli/story.flac").symlink_to(UNFETCHED)
    assert load(recording, root).label == label


def test_template(recording: Recording, root: Path) -> None:
    write_tsv(root / "stimuli/timings/story_words.tsv", words_table((1, 2, "hi")))
    found = load(recording, root, words_template="timings/{stem}_words.tsv").words
    assert found is not None
    assert found.text == ("hi",)
    with pytest.raises(DataError, match=r"nowhere/story\.csv"):
        load(recording, root, words_template="nowhere/{stem}.csv")
    with pytest.raises(DataError, match="leaves"):
        load(recording, root, words_template="../{stem}.csv")


def test_bep044_annotations(recording: Recording, root: Path) -> None:
    sound(root / "stimuli/stim-a_audio.wav", 5)
    columns = {"onset": [0.5], "duration": [0.25], "label": ["AH0"]}
    write_tsv(root / "stimuli/stim-a_annot-phonemes_events.tsv", columns)
    write_tsv(root / "stimuli/stim-a_annot-shots_events.tsv", columns | {"label": ["wide"]})
    write_tsv(root / "stimuli/stim-a_annot-words_events.tsv", columns | {"label": ["a"]})
    stimulus = load(recording, root, "stim-a_audio.wav")
    assert stimulus.words is not None
    assert stimulus.phones is not None
    assert (stimulus.words.text, stimulus.phones.text) == (("a",), ("AH0",))


def test_empty_transcript_is_an_empty_table(recording: Recording, root: Path) -> None:
    write(root / "stimuli/story.tsv", "word\tstart\tend\n")
    stimulus = load(recording, root)
    assert stimulus.words is not None
    assert stimulus.words.onset_s.shape == (0,)
    row = align(recording, [(StimulusEvent(0.0, "story.wav"), stimulus)])
    assert row.playings[0].words_in_sound is None
    assert any("the transcript is empty" in note for note in row.of("warning"))


def test_own_words_win_within_their_event_in_stimulus_time(recording: Recording, root: Path) -> None:
    write_tsv(root / "stimuli/story.tsv", words_table((1, 2, "file")))
    onsets, texts, missed = (
        np.array([-3.0, -2.0, 5.0, 13.0, 99.0]),
        ("early", "a", "b", "c", "late"),
        ("1 of 6 rows",),
    )
    own = Intervals(onsets, np.full(5, 0.5), texts, missed)
    events = (StimulusEvent(-2.0, "story.wav", 14.0), StimulusEvent(12.0, "story.wav", 30.0))
    heard = replace(recording, own_words=own, stimuli=events)
    first, second = (load_stimulus(heard, event, root, None, False) for event in events)
    assert first.words is not None
    assert first.words.text == ("a", "b")
    assert first.words.left_out == missed
    assert first.words.onset_s.tolist() == [0.0, 7.0]
    assert second.words is not None
    assert second.words.text == ("c",)
    assert second.words.onset_s.tolist() == [1.0]
    plain = load_stimulus(recording, events[0], root, None, False)
    assert plain.label == "story"
    assert len({plain.label, first.label, second.label}) == 3
    assert first.label.startswith("story")
    assert len(first.label) == len("story") + 6


# ------------------------------------------------------------------------------------------------ names and hashes
def test_labels(recording: Recording, root: Path) -> None:
    for name in ("a_b.wav", "ab.wav", "sub/ab.wav", "twin.wav", "twin.flac"):
        sound(root / "stimuli" / name, 2)
    names = ("story.wav", "ab.wav", "a_b.wav", "sub/ab.wav", "twin.wav", "twin.flac")
    labels = [load(recording, root, name).label for name in names]
    assert labels[:2] == ["story", "ab"]
    assert len(set(labels)) == len(labels)
    assert all(label.isalnum() for label in labels)


def test_hash_follows_content_alone(recording: Recording, root: Path) -> None:
    before = load(recording, root).sha256
    (root / "stimuli/copy.wav").write_bytes((root / "stimuli/story.wav").read_bytes())
    assert load(recording, root, "copy.wav").sha256 == before
    write_tsv(root / "stimuli/story.tsv", words_table((1, 2, "hi")))
    with_words = load(recording, root).sha256
    sound(root / "stimuli/story.wav", 29)
    assert len({before, with_words, load(recording, root).sha256}) == 3


def test_the_channel_decides_the_sound_and_the_hash(recording: Recording, root: Path) -> None:
    wave = np.random.default_rng(0).normal(scale=0.1, size=(RATE, 2))
    soundfile.write(root / "stimuli/two.wav", wave, RATE)
    with pytest.raises(DataError, match=r"channels hold different sounds.*two\.wav"):
        load(recording, root, "two.wav")
    heard = {
        c: load(recording, root, "two.wav", stated=StatedStimuli(channel=c)) for c in (1, "left", "right", "mean")
    }
    assert len({stimulus.sha256 for stimulus in heard.values()}) == 3
    assert heard[1].sha256 == heard["left"].sha256
    np.testing.assert_allclose(heard["right"].audio, wave[:, 1], atol=1e-4)
    soundfile.write(root / "stimuli/inverse.wav", wave[:, :1] * [1, -1], RATE)
    alone = load(recording, root, "inverse.wav")
    np.testing.assert_allclose(alone.audio, wave[:, 0], atol=1e-4)
    (note,) = alone.notes
    assert "not averaged" in note
    source = StimulusSource(sound="stimuli/two.wav", channel=2)
    event = StimulusEvent(0.0, "story", source=source)
    named = load_stimulus(recording, event, root, None, True, StatedStimuli(channel=1))
    np.testing.assert_allclose(named.audio, wave[:, 1], atol=1e-4)


def test_nothing_is_written(recording: Recording, root: Path) -> None:
    before = snapshot(root)
    load(recording, root)
    assert snapshot(root) == before


# ------------------------------------------------------------------------------------------------ preflight
@pytest.mark.parametrize(
    ("onset", "share", "told"),
    [(0.0, 1.0, False), (-15.0, 0.5, True), (25.9, 0.5, True), (0.9, 1.0, False), (100.0, 0.0, True)],
)
def test_share_of_a_stimulus_that_was_heard(
    recording: Recording, root: Path, onset: float, share: float, told: bool
) -> None:
    stimulus = load(recording, root)  # 30 s; the recording lasts 40 s from 0.9 s on
    row = align(recording, [(StimulusEvent(onset, "story.wav"), stimulus)])
    assert row.extents[0].seconds == 40.0
    assert row.playings[0].heard_share == pytest.approx(share, abs=0.031)
    assert any("within the recording" in note for note in row.of("warning")) is told


def test_rows_left_out_are_told(recording: Recording, root: Path) -> None:
    write(root / "stimuli/story.tsv", "word\tstart\tend\na\t1\t2\nb\tn/a\t3\nc\t4\t3\nd\tn/a\tn/a\n")
    row = align(recording, [(StimulusEvent(0.0, "story.wav"), load(recording, root))])
    assert row.playings[0].n_words == 1
    assert [note.partition(": ")[2] for note in row.of("warning") if "left out" in note] == [
        "words left out: 1 of 4 rows that end before they begin",
        "words left out: 2 of 4 rows without times",
    ]


def test_checks_of_words_and_repeats(recording: Recording, root: Path) -> None:
    write_tsv(root / "stimuli/story.tsv", words_table((1, 2, "in"), (29.5, 31, "out"), (3, 4, "--"), (5, 6, "x")))
    event = StimulusEvent(0.0, "story.wav", 10.0)
    row = align(replace(recording, stimuli=(event, event)), [(event, load(recording, root))] * 2)
    heard = row.playings[0]
    assert (heard.n_words, heard.words_in_sound, heard.empty_words, heard.times_heard) == (4, 0.75, 1, 2)
    told = " · ".join(row.of("warning"))
    assert all(
        part in told for part in ("25.0% of the words end after", "no letter", "heard 2 times", "lasts 10.0 s")
    )
