"""The same stimulus under two names is known by its sound, its words or its envelope, and others are not."""

import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from bids_app import encoding
from bids_app.pipeline.job.hearing import Hearing
from bids_app.pipeline.job.playings import playings_of, same_stimuli_warnings
from bids_app.pipeline.job.same_stimuli import fingerprint_of, same_stimuli
from bids_app.records import Heard, Intervals, Run, Stimulus, StimulusEvent

RATE_HZ = 8000


def sound(seed, seconds=70.0):
    """Noise whose level rises and falls as that of speech does."""
    rng = np.random.default_rng(seed)
    level = np.repeat(np.abs(rng.standard_normal(int(seconds * 5))), RATE_HZ // 5)
    return (0.05 * level * rng.standard_normal(len(level))).clip(-1, 1).astype("f4")


def transcript(seed, n=60):
    rng = np.random.default_rng(seed)
    onsets_s = np.cumsum(rng.uniform(0.2, 0.8, n))
    return Intervals(onsets_s, np.full(n, 0.2), tuple(f"w{word}" for word in rng.integers(0, 40, n)))


def stimulus(path=Path("absent"), words=None):
    return Stimulus(path.name, "x", path, None, None, 1.0, words, None, "")


def written(path, samples, rate_hz=RATE_HZ):
    soundfile.write(path, (32767 * samples).astype("i2"), rate_hz)
    return stimulus(path)


def found(**stimuli):
    return same_stimuli({name: fingerprint_of(one) for name, one in stimuli.items()})


def test_equal_samples_are_one_stimulus_whatever_holds_them(tmp_path):
    same = found(
        a=written(tmp_path / "a.wav", sound(0)),
        other=written(tmp_path / "other.wav", sound(1)),
        b=written(tmp_path / "b.flac", sound(0)),
    )
    assert {name: (one.other, one.offset_s) for name, one in same.items()} == {"b": ("a", 0.0)}
    assert same["b"].warning.startswith("a and b hold the same sound: they count as one stimulus")


@pytest.mark.parametrize("ending", [".mp3", ".ogg"])
def test_another_format_rate_or_length_is_known_by_its_envelope(tmp_path, ending):
    slower = sound(0).reshape(-1, 2).mean(axis=1)
    same = found(
        a=written(tmp_path / "a.wav", sound(0)),
        encoded=written(tmp_path / f"encoded{ending}", sound(0)),
        slow=written(tmp_path / "slow.wav", slower, RATE_HZ // 2),
        cut=written(tmp_path / "cut.wav", sound(0)[: 30 * RATE_HZ]),
        other=written(tmp_path / "other.mp3", sound(1)),
    )
    assert {name: one.other for name, one in same.items()} == dict.fromkeys(("encoded", "slow", "cut"), "a")


def test_silence_tones_and_short_sounds_are_not_taken_for_each_other(tmp_path):
    tone = np.sin(np.arange(30 * RATE_HZ) / 3).astype("f4")
    silences = [written(tmp_path / f"silence{number}.wav", np.zeros(30 * RATE_HZ)) for number in range(2)]
    tones = [written(tmp_path / f"tone{number}.wav", tone * (number + 1) / 3) for number in range(2)]
    short = [written(tmp_path / f"short{number}.wav", sound(number, 3.0)) for number in range(2)]
    named = {one.stimulus_id: one for one in (*silences, *tones, *short)}
    assert found(**named) == {}


def test_words_tell_a_cut_and_its_place_and_other_times_do_not():
    whole = transcript(0)
    cut = Intervals(whole.onset_s[20:50] - 7.0 + 0.02, whole.duration_s[20:50], whole.text[20:50])
    read_again = replace(whole, onset_s=np.cumsum(np.random.default_rng(5).uniform(0.2, 0.8, 60)))
    few = Intervals(whole.onset_s[:5], whole.duration_s[:5], whole.text[:5])
    same = found(
        a=stimulus(words=whole),
        b=stimulus(words=transcript(1)),
        cut=stimulus(words=cut),
        upper=stimulus(words=replace(whole, text=tuple(text.upper() for text in whole.text))),
        reader=stimulus(words=read_again),
        few=stimulus(words=few),
    )
    assert {name: one.other for name, one in same.items()} == {"cut": "a", "upper": "a"}
    assert same["cut"].offset_s == pytest.approx(6.98)
    assert "have the same words, 7.0 s earlier" in same["cut"].warning


def test_transcripts_that_differ_outweigh_a_level_that_is_alike(tmp_path):
    one = written(tmp_path / "a.wav", sound(0))
    other = written(tmp_path / "b.mp3", sound(0))
    assert set(found(a=one, b=other)) == {"b"}
    assert found(a=replace(one, words=transcript(0)), b=replace(other, words=transcript(1))) == {}


def test_a_hundred_stimuli_cost_seconds():
    many = {f"s{number}": stimulus(words=transcript(number, 1500)) for number in range(100)}
    began_s = time.process_time()
    assert found(**many) == {}
    assert time.process_time() - began_s < 10


class Library:
    """Stimuli by their transcripts, played at the speed of their events."""

    def __init__(self, **transcripts):
        self.transcripts = transcripts

    def same_stimuli(self, _recordings):
        return found(**{name: stimulus(words=words) for name, words in self.transcripts.items()})

    def hearing(self, _recording, event):
        return Hearing(60.0, stretch=event.stretch)


def test_runs_that_hear_one_stimulus_under_two_names_are_one_fold_and_share_blocks():
    whole = transcript(0)
    cut = Intervals(whole.onset_s[20:] - 7.0, whole.duration_s[20:], whole.text[20:])
    library = Library(a=whole, b=transcript(1), c=cut, d=transcript(2))
    recordings = [
        SimpleNamespace(stimuli=(StimulusEvent(3.0, "a"),)),
        SimpleNamespace(stimuli=(StimulusEvent(5.0, "b"),)),
        SimpleNamespace(stimuli=(StimulusEvent(1.0, "d"), StimulusEvent(40.0, "c", stretch=1.01))),
        SimpleNamespace(stimuli=(StimulusEvent(0.0, "b"),)),
    ]
    playings, warnings = playings_of(recordings, library), same_stimuli_warnings(recordings, library)
    assert playings[0] == (Heard(("a",), 3.0),)
    assert playings[2][1] == Heard(("c", "a"), 40.0, 1.01, pytest.approx(7.0))
    assert len(warnings) == 1
    assert warnings[0].startswith("a and c have the same words, 7.0 s earlier")
    times_s = np.arange(0.0, 90.0, 2.0)
    values = np.random.default_rng(0).standard_normal((len(times_s), 2))
    runs = [
        Run(str(number), {"x": values[:, None]}, values, times_s, ("as named",), heard=heard)
        for number, heard in enumerate(playings[:3])
    ]
    design = encoding.build_design(runs, "by_run", (0.0,), {}, 4.0)
    assert len(set(design.folds[design.runs != 1])) == 1  # linked through c
    at = int(np.flatnonzero((design.runs == 2) & (design.times_s == 50.0))[0])
    assert design.first_runs[at] == 0
    assert design.first_times_s[at] == pytest.approx(3.0 + 7.0 + 10.0 / 1.01)
