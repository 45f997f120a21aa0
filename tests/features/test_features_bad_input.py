"""Every kind on bad sound and bad tables, as files of a data set: handled, or one clear line."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_models import noise, spaced_words, stimulus

from bids_app import features
from bids_app.dataset.stimuli.load import load_stimulus
from bids_app.errors import DataError
from bids_app.records import FeatureSpec, Intervals, Recording, StimulusEvent

SPEECH = {"layer": 1, "window_s": 1, "stride_s": 0.1}
SOUND = {
    "mel": ("melspectrogram", {"n_mels": 20}),
    "envelope": ("envelope", {}),
    "pitch": ("pitch", {}),
    "wav2vec2": ("speech_model", {"model": "tiny-w2v", **SPEECH}),
    "hubert": ("speech_model", {"model": "org/tiny-hubert", **SPEECH}),
    "wavlm": ("speech_model", {"model": "tiny-wavlm", **SPEECH}),
    "data2vec": ("speech_model", {"model": "tiny-data2vec", **SPEECH}),
    "w2v-bert": ("speech_model", {"model": "tiny-w2v-bert", **SPEECH}),
    "whisper": ("speech_model", {"model": "short-whisper", **SPEECH}),
    "decoder": ("speech_model", {"model": "short-whisper", "part": "decoder", "layer": 1, "window_s": 1}),
    "utterance": ("speech_model", {"model": "tiny-w2v", **SPEECH, "mode": "utterance"}),
    "refreshed": ("speech_model", {"model": "tiny-w2v", **SPEECH, "refresh_s": 0.2}),
}
WORDS = {
    "rate": ("word_rate", {}),
    "length": ("word_length", {}),
    "frequency": ("log_frequency", {}),
    "position": ("position", {}),
    "embedding": ("word_embedding", {"model": "tiny-gpt2"}),
    "vectors": ("word_embedding", {"model": "vectors.txt"}),
    "language": ("language_model", {"model": "tiny-gpt2", "layer": 1}),
    "masked": ("language_model", {"model": "tiny-bert", "layer": 1}),
    "surprisal": ("surprisal", {"model": "tiny-gpt2"}),
    "entropy": ("entropy", {"model": "tiny-gpt2"}),
    "articulatory": ("articulatory", {}),
    "phones": ("phone_rate", {}),
}
EVENT = StimulusEvent(0.0, "story.wav")
RECORDING = Recording("01", "fmri", "volume", "MNI", {}, (Path("sub-01_bold.nii.gz"),), 0.5, 0.0, (EVENT,))


def words_within(seconds):
    """A table of three words that lie within a sound, a second of it or less."""
    times = min(seconds, 1.0) * np.array([0.0, 0.2, 0.25, 0.5, 0.5, 0.9])
    rows = zip(("the", "quick", "fox"), times[::2], times[1::2], strict=True)
    return "word\tstart\tend\n" + "".join(f"{word}\t{start:g}\t{end:g}\n" for word, start, end in rows)


def test_every_kind_is_here():
    known = {kind for kind, _ in (*SOUND.values(), *WORDS.values())} | {"file"}
    assert known >= set(features.KINDS) - {"contextual_residual"}


def loaded(folder, audio, rate, table=None):
    """The stimulus as a data set gives it; floats are written as they are."""
    (folder / "stimuli").mkdir(exist_ok=True)
    soundfile.write(folder / "stimuli/story.wav", audio, rate, subtype="FLOAT")
    (folder / "stimuli/story.tsv").write_text(table or words_within(len(audio) / rate), encoding="utf-8")
    return load_stimulus(RECORDING, EVENT, folder, None, need_audio=True)


def rows(case, heard, source):
    kind, options = case
    got = features.extract(heard, FeatureSpec("x", kind, options), source)
    assert np.isfinite(got.values).all()
    assert len(got.values)
    return got


@pytest.mark.parametrize("name", SOUND)
def test_silence_clipping_and_8_khz_are_handled(name, tmp_path, source):
    loud = np.clip(30 * noise(1.0), -1, 1)
    assert (np.abs(loud) == 1).mean() > 0.5
    for audio, rate in ((np.zeros(16000), 16000), (loud, 16000), (2 * loud, 16000), (noise(1.0, 8000), 8000)):
        rows(SOUND[name], loaded(tmp_path, audio, rate), source)


@pytest.mark.parametrize("name", SOUND)
def test_stereo_is_the_mean_of_its_channels(name, tmp_path, source):
    left = noise(1.0, seed=1)
    right = left + 0.3 * noise(1.0, seed=2)  # channels that differ more are not averaged
    both = rows(SOUND[name], loaded(tmp_path, np.stack([left, right], axis=1), 16000), source)
    mean = rows(SOUND[name], loaded(tmp_path, (left + right) / 2, 16000), source)
    np.testing.assert_allclose(both.values, mean.values, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", SOUND)
def test_a_file_of_a_fifth_of_a_second(name, tmp_path, source):
    got = rows(SOUND[name], loaded(tmp_path, noise(0.2), 16000), source)
    if got.sampling == "continuous":
        assert got.times_s[-1] <= 0.2 + 1e-9


@pytest.mark.parametrize("name", SOUND)
def test_a_file_of_a_hundredth_is_handled_or_one_line(name, tmp_path, source):
    heard = loaded(tmp_path, noise(0.01), 16000)
    if name == "decoder":  # a row a word, whatever the sound
        assert len(rows(SOUND[name], heard, source).values) == 3
        return
    with pytest.raises(DataError, match=r"short.*story\.wav") as caught:
        rows(SOUND[name], heard, source)
    assert "\n" not in str(caught.value)


MESSY = """word\tstart\tend
lazy\t0.1\t0.6
the\t0.0\t0.2
\t0.3\t0.4
quick\t0.25\t0.5
fox\t0.5\t0.9
dog\tn/a\t0.8
dog\t0.7\tnan
jump\t0.8\t0.7
"""


@pytest.mark.parametrize("name", [*WORDS, "decoder"])
def test_a_messy_table_of_words(name, tmp_path, source):
    """Unsorted, overlapping, without text or times, ending before they begin: four words are left."""
    heard = loaded(tmp_path, noise(1.0), 16000, MESSY)
    assert sorted(heard.words.text) == ["fox", "lazy", "quick", "the"]
    got = rows({**WORDS, **SOUND}[name], heard, source)
    assert got.sampling == "events"
    assert (np.diff(got.times_s) >= 0).all()
    if name not in ("articulatory", "phones"):
        assert got.times_s == pytest.approx([0.2, 0.5, 0.6, 0.9])
        assert got.onsets_s == pytest.approx([0.0, 0.25, 0.1, 0.5])


@pytest.mark.parametrize("name", [*WORDS, "decoder"])
@pytest.mark.parametrize(("bad", "line"), [("nan", "NaN or infinity"), ("negative", "a negative duration")])
def test_unusable_times_are_one_line(name, bad, line, source):
    words = spaced_words("the quick fox")
    if bad == "nan":
        broken = Intervals(np.array([0, np.nan, 1]), words.duration_s, words.text)
    else:
        broken = Intervals(words.onset_s, np.array([0.2, -0.1, 0.2]), words.text)
    with pytest.raises(DataError, match=rf"1 word times with {line}.*word 2 \('quick'\) of story\.wav") as caught:
        rows({**WORDS, **SOUND}[name], stimulus(noise(1.0), words=broken), source)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [*WORDS, "decoder"])
def test_words_without_text_have_no_row(name, source):
    words = Intervals(np.array([0.5, 0.0, 0.2]), np.full(3, 0.1), ("fox", " ", "the"))
    got = rows({**WORDS, **SOUND}[name], stimulus(noise(1.0), words=words), source)
    assert got.onsets_s.min() >= 0.2
    assert any("1 of 3 words have no text" in note for note in got.provenance.notes)
