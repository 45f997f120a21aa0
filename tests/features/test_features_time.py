"""Every family: what happens at a known instant comes out at that instant, and nothing comes out before it."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from tiny_models import noise, spaced_words, stimulus, words_at

from bids_app import features
from bids_app.records import FeatureSpec, Intervals, ModelSource


def speech(model, **options):
    given = {"model": model, "layer": 2, "window_s": 1, "stride_s": 0.1, **options}
    return FeatureSpec("speech", "speech_model", given)


CONTINUOUS = {
    "mel": FeatureSpec("mel", "melspectrogram", {"n_mels": 20}),
    "mel-coarse": FeatureSpec("mel", "melspectrogram", {"n_mels": 20, "hop_s": 0.0137, "window_s": 0.031}),
    "envelope": FeatureSpec("envelope", "envelope"),
    "pitch": FeatureSpec("pitch", "pitch", {"hop_s": 0.02}),
    "speech": speech("tiny-w2v"),
    "layer-norm": speech("org/tiny-hubert", layer=1, window_s=0.5, stride_s=0.05),
    "all-layers": speech("tiny-wavlm", layer=["cnn", "projection", 0, 2]),
    "data2vec": speech("tiny-data2vec"),
    "filter-bank": speech("tiny-w2v-bert"),
    "whisper": speech("short-whisper"),
    "refreshed": speech("tiny-w2v", refresh_s=0.5),
    "refreshed-layer-norm": speech("org/tiny-hubert", layer=1, refresh_s=0.3),
    "refreshed-data2vec": speech("tiny-data2vec", layer=[0, 1], refresh_s=0.4),
}
UTTERANCE = speech("tiny-w2v", mode="utterance")
STEP = {"mel": 0.01, "mel-coarse": 0.0137, "envelope": 0.01, "pitch": 0.02, "layer-norm": 0.05}
MOVED = {
    "refreshed": 5,
    "refreshed-layer-norm": 3,
    "refreshed-data2vec": 4,
}  # rows from one refreshed window to the next
WORDS = {
    "rate": FeatureSpec("rate", "word_rate"),
    "length": FeatureSpec("length", "word_length"),
    "frequency": FeatureSpec("frequency", "log_frequency"),
    "position": FeatureSpec("position", "position"),
    "embedding": FeatureSpec("embedding", "word_embedding", {"model": "tiny-gpt2"}),
    "language": FeatureSpec("language", "language_model", {"model": "tiny-gpt2", "layer": 2, "context_words": 4}),
    "rolling": FeatureSpec(
        "language", "language_model", {"model": "tiny-gpt2", "layer": 2, "context": {"tokens": 16, "stride": 8}}
    ),
    "masked": FeatureSpec("language", "language_model", {"model": "tiny-bert", "layer": 2, "context_words": 4}),
    "summed": FeatureSpec(
        "language", "language_model", {"model": "tiny-gpt2", "layer": [0, 1], "context_words": 2, "subtokens": "sum"}
    ),
    "vectors": FeatureSpec("embedding", "word_embedding", {"model": "vectors.txt"}),
    "surprisal": FeatureSpec("surprisal", "surprisal", {"model": "tiny-gpt2"}),
    "entropy": FeatureSpec("entropy", "entropy", {"model": "tiny-gpt2"}),
    "rolling-surprisal": FeatureSpec(
        "surprisal", "surprisal", {"model": "tiny-gpt2", "context": {"tokens": 16, "stride": 8}}
    ),
}


@pytest.mark.parametrize("name", CONTINUOUS)
@pytest.mark.parametrize("rate", [16000.0, 22050.0, 11025.0])
def test_a_click_appears_at_the_first_row_stamped_after_it(name, rate, source):
    click_s, silence = 1.2345, np.zeros(round(2 * rate), np.float32)
    clicked = silence.copy()
    clicked[round(click_s * rate) : round(click_s * rate) + 8] = 0.9
    quiet, loud = (features.extract(stimulus(a, rate), CONTINUOUS[name], source) for a in (silence, clicked))
    changed = np.abs(loud.values - quiet.values).max(axis=1) > 1e-4
    first = loud.times_s[changed][0]
    assert click_s < first <= click_s + STEP.get(name, 0.1) + 0.026  # 26 ms: a speech model's frames are 20 ms apart
    assert not changed[loud.times_s <= click_s].any()


@pytest.mark.parametrize("name", CONTINUOUS)
@pytest.mark.parametrize("rate", [16000.0, 22050.0])
def test_the_future_changes_no_row(name, rate, source):
    audio = 0.05 * noise(2.5, rate) + 0.01 * np.sin(2 * np.pi * 150 * np.arange(round(2.5 * rate)) / rate)
    end = int(np.ceil(1.425 * rate))  # at a row's time, so that a look ahead of a single sample would show
    audio[end:] *= 50  # whatever is normalised over all of it would show
    audio = audio.astype(np.float32)
    whole = features.extract(stimulus(audio, rate), CONTINUOUS[name], source)
    cut = features.extract(stimulus(audio[:end], rate), CONTINUOUS[name], source)
    assert len(cut.times_s) == (whole.times_s <= 1.425 + 1e-9).sum()
    np.testing.assert_array_equal(whole.times_s[: len(cut.times_s)], cut.times_s)
    np.testing.assert_allclose(whole.values[: len(cut.values)], cut.values, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_a_shift_by_one_stride_shifts_rows_by_one(name, source):
    rate = 20000.0  # every step is a whole number of samples
    moved = MOVED.get(name, 1)
    step_s = moved * STEP.get(name, 0.1)
    audio, step = noise(2.5, rate), round(step_s * rate)
    assert step == pytest.approx(step_s * rate)
    plain = features.extract(stimulus(audio[step:], rate), CONTINUOUS[name], source)
    later = features.extract(stimulus(audio, rate), CONTINUOUS[name], source)
    whole = 1.05 + step_s * (moved > 1)  # from here on windows are full
    rows = plain.times_s > whole
    np.testing.assert_allclose(later.values[moved:][rows], plain.values[rows], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_a_step_is_seen_at_once_and_not_before(name, source):
    audio = noise(2.0)
    stepped = np.where(np.arange(len(audio)) < 16000, 0.01 * audio, audio)
    quiet, loud = (
        features.extract(stimulus(a.astype(np.float32)), CONTINUOUS[name], source) for a in (0.01 * audio, stepped)
    )
    changed = np.abs(loud.values - quiet.values).max(axis=1) > 1e-4
    assert not changed[loud.times_s <= 1].any()
    assert 1 < loud.times_s[changed][0] <= 1 + STEP.get(name, 0.1) + 0.026


def test_whispers_padding_of_30_s_is_never_taken_and_tells_no_future(source):
    import torch
    from transformers import AutoFeatureExtractor, AutoModel

    spec = speech("whisper", stride_s=0.7, window_s=30)
    audio = noise(3.0)
    whole = features.extract(stimulus(audio), spec, source)
    cut = features.extract(stimulus(audio[: round(1.5 * 16000)]), spec, source)
    np.testing.assert_allclose(whole.values[:2], cut.values, rtol=1e-5, atol=1e-5)
    folder = source.model_dir / "whisper"
    extractor, model = AutoFeatureExtractor.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        heard = extractor(audio[:22400], sampling_rate=16000, return_tensors="pt")["input_features"]
        frames = model.encoder(heard, output_hidden_states=True).hidden_states[2][0].numpy()
    assert len(frames) == 1500
    np.testing.assert_allclose(whole.values[1], frames[69], rtol=1e-4, atol=1e-5)  # centred at 1.38 of 1.4 s


def test_a_click_in_30_s_of_whispers_padding_is_at_its_time(source):
    spec = speech("whisper", stride_s=0.1, window_s=30, layer=1)
    silence = np.zeros(16000, np.float32)
    clicked = silence.copy()
    clicked[round(0.4345 * 16000) :][:8] = 0.9
    quiet, loud = (features.extract(stimulus(audio), spec, source) for audio in (silence, clicked))
    changed = np.abs(loud.values - quiet.values).max(axis=1) > 1e-4
    assert loud.times_s[changed][0] == pytest.approx(0.5)
    assert not changed[loud.times_s <= 0.4345].any()


KINDS = ["tiny-w2v", "org/tiny-hubert", "tiny-wavlm", "tiny-data2vec", "tiny-w2v-bert", "short-whisper"]


@pytest.mark.parametrize("model", KINDS)
def test_every_models_utterance_hears_what_follows_and_is_labelled(model, source):
    spec = speech(model, mode="utterance", window_s=2)
    audio = noise(1.9)
    changed = audio.copy()
    changed[16000:] *= 3
    one, other = (features.extract(stimulus(heard), spec, source) for heard in (audio, changed))
    assert one.provenance.causal is False
    assert np.abs(one.values - other.values)[one.times_s < 0.95].max() > 1e-4
    np.testing.assert_allclose(one.times_s, 0.1 * np.arange(1, 20))
    windowed = features.extract(stimulus(audio), speech(model, window_s=2), source)
    assert windowed.provenance.causal is True
    np.testing.assert_allclose(one.values[-1], windowed.values[-1], rtol=1e-3, atol=1e-3)  # all of it is heard


def test_a_click_and_a_step_in_an_utterance_are_at_their_times(source, tmp_path):
    """Where no norm looks over the piece, the convolutions' frames show when they hear it."""
    folder = tmp_path / "plain"
    shutil.copytree(source.model_dir / "org/tiny-hubert", folder)
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps({**settings, "do_normalize": False}))
    spec = speech("plain", layer="cnn", mode="utterance", window_s=2, stride_s=0.02)
    silence = np.zeros(48000, np.float32)
    click, step = silence.copy(), silence.copy()
    click[round(1.2345 * 16000) :][:8] = 0.9
    step[round(1.2345 * 16000) :] = 0.5
    quiet, clicked, stepped = (
        features.extract(stimulus(audio), spec, ModelSource(tmp_path, True)) for audio in (silence, click, step)
    )
    for heard in (clicked, stepped):
        changed = np.abs(heard.values - quiet.values).max(axis=1) > 1e-4
        assert heard.times_s[changed][0] == pytest.approx(1.24, abs=0.021)
        assert heard.times_s[changed][0] > 1.2345
    late = features.extract(stimulus(np.roll(click, 320)), spec, ModelSource(tmp_path, True))
    np.testing.assert_allclose(late.values[1:], clicked.values[:-1], rtol=1e-4, atol=1e-5)  # a stride later


def test_an_utterance_is_bidirectional_and_says_so(source):
    audio = noise(2.5)
    whole = features.extract(stimulus(audio), UTTERANCE, source)
    assert whole.provenance.causal is False
    assert "goes on after it" in whole.provenance.description
    changed = audio.copy()
    changed[16000:17000] += 0.5
    later = features.extract(stimulus(changed), UTTERANCE, source)
    moved = later.times_s[np.abs(later.values - whole.values).max(axis=1) > 1e-4]
    assert moved[0] < 1  # the piece that holds the change, from its middle half on
    assert moved.min() >= 0.25
    assert features.extract(stimulus(audio), CONTINUOUS["speech"], source).provenance.causal is True


def test_an_utterances_rows_are_its_frames_at_their_times(source):
    import torch
    from transformers import AutoFeatureExtractor, AutoModel

    audio = noise(1.9)
    spec = speech("tiny-w2v", mode="utterance", stride_s=0.02, window_s=2)
    got = features.extract(stimulus(audio), spec, source)
    folder = source.model_dir / "tiny-w2v"
    extractor, model = AutoFeatureExtractor.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        waves = extractor(audio, sampling_rate=16000, return_tensors="pt")["input_values"]
        frames = model(waves, output_hidden_states=True).hidden_states[2][0].numpy()
    ends = (400 + 320 * np.arange(len(frames))) / 16000  # a frame is heard when its last sample is
    last = np.searchsorted(ends, got.times_s + 1e-9, side="right") - 1
    np.testing.assert_allclose(got.values, frames[last], rtol=1e-4, atol=1e-5)


def test_rows_do_not_drift_over_an_hour():
    from bids_app.features.acoustic.frames import frame_grid
    from bids_app.features.speech.speech_windows import row_times

    rate = 11025.0  # neither step is a whole number of samples
    times, stops = frame_grid(int(3600 * rate), rate, 0.01, 0.025)
    assert np.abs(stops / rate - times).max() <= 0.5 / rate + 1e-9
    times, stops = row_times(int(3600 * rate), rate, 0.1)
    assert np.abs(stops / rate - times).max() <= 0.5 / rate + 1e-9
    assert times[-1] == pytest.approx(3600)


@pytest.mark.parametrize("name", WORDS)
def test_a_single_word_is_one_row_at_its_own_time(name, source):
    rows = features.extract(stimulus(words=words_at([3.25], ["fox"], 0.31)), WORDS[name], source)
    assert rows.times_s == pytest.approx([3.56])
    assert rows.onsets_s == pytest.approx([3.25])
    assert rows.values.shape[0] == 1
    assert np.abs(rows.values).max() > 0


@pytest.mark.parametrize("kind", ["articulatory", "phone_rate"])
def test_a_single_phone_is_one_row_at_its_own_time(kind, source):
    phones = Intervals(np.array([1.5]), np.array([0.08]), ("AH0",))
    rows = features.extract(stimulus(phones=phones), FeatureSpec("p", kind), source)
    assert rows.times_s == pytest.approx([1.58])
    assert rows.onsets_s == pytest.approx([1.5])


@pytest.mark.parametrize("name", WORDS)
def test_later_words_change_no_row(name, source):
    words = spaced_words()
    first = Intervals(words.onset_s[:6], words.duration_s[:6], words.text[:6])
    whole, cut = (features.extract(stimulus(words=part), WORDS[name], source) for part in (words, first))
    np.testing.assert_allclose(whole.values[:6], cut.values, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(whole.times_s[:6], cut.times_s)


@pytest.mark.parametrize("name", WORDS)
def test_rows_follow_word_offsets_also_where_words_overlap(name, source):
    words = Intervals(np.array([1.0, 0.0, 0.5]), np.array([0.2, 2.0, 0.3]), ("dog", "the", "lazy"))
    rows = features.extract(stimulus(words=words), WORDS[name], source)
    assert rows.times_s == pytest.approx([0.8, 1.2, 2.0])
    assert rows.onsets_s == pytest.approx([0.5, 1.0, 0.0])


@pytest.mark.parametrize("name", WORDS)
def test_words_that_end_later_change_no_row_also_where_words_overlap(name, source):
    words = Intervals(
        np.array([0.0, 0.5, 0.9, 1.4, 1.4]),
        np.array([2.0, 0.3, 0.4, 0.2, 0.2]),
        ("the", "lazy", "dog", "fox", "jump"),
    )
    whole = features.extract(stimulus(words=words), WORDS[name], source)
    for end in (0.8, 1.3, 1.6, 2.0):
        kept = np.flatnonzero(words.offset_s <= end + 1e-9)
        part = Intervals(words.onset_s[kept], words.duration_s[kept], tuple(words.text[row] for row in kept))
        cut = features.extract(stimulus(words=part), WORDS[name], source)
        np.testing.assert_array_equal(cut.times_s, whole.times_s[: len(kept)])
        np.testing.assert_allclose(cut.values, whole.values[: len(kept)], rtol=1e-5, atol=1e-5)


def test_a_word_moves_with_its_time_and_keeps_its_values(source):
    words = spaced_words()
    moved = replace(words, onset_s=words.onset_s + 1.7)
    here, there = (features.extract(stimulus(words=w), WORDS["language"], source) for w in (words, moved))
    np.testing.assert_allclose(there.times_s - here.times_s, 1.7)
    np.testing.assert_array_equal(here.values, there.values)
