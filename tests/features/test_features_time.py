"""Every family: what happens at a known instant comes out at that instant, and nothing comes out before it."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_models import noise, spaced_words, stimulus, words_at

from bids_app import features
from bids_app.records import FeatureSpec, Intervals

CONTINUOUS = {
    "mel": FeatureSpec("mel", "melspectrogram", {"n_mels": 20}),
    "mel-coarse": FeatureSpec("mel", "melspectrogram", {"n_mels": 20, "hop_s": 0.0137, "window_s": 0.031}),
    "envelope": FeatureSpec("envelope", "envelope"),
    "pitch": FeatureSpec("pitch", "pitch", {"hop_s": 0.02}),
    "speech": FeatureSpec(
        "speech", "speech_model", {"model": "tiny-w2v", "layer": 2, "window_s": 1, "stride_s": 0.1}
    ),
    "speech-layer-norm": FeatureSpec(
        "speech", "speech_model", {"model": "org/tiny-hubert", "layer": 1, "window_s": 0.5, "stride_s": 0.05}
    ),
}
STEP = {"mel": 0.01, "mel-coarse": 0.0137, "envelope": 0.01, "pitch": 0.02, "speech": 0.1, "speech-layer-norm": 0.05}
WORDS = {
    "rate": FeatureSpec("rate", "word_rate"),
    "length": FeatureSpec("length", "word_length"),
    "frequency": FeatureSpec("frequency", "log_frequency"),
    "position": FeatureSpec("position", "position"),
    "embedding": FeatureSpec("embedding", "word_embedding", {"model": "tiny-gpt2"}),
    "language": FeatureSpec("language", "language_model", {"model": "tiny-gpt2", "layer": 2, "context_words": 4}),
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
    assert click_s < first <= click_s + STEP[name] + 0.026  # 26 ms: a speech model's frames are 20 ms apart
    assert not changed[loud.times_s <= click_s].any()


@pytest.mark.parametrize("name", CONTINUOUS)
@pytest.mark.parametrize("rate", [16000.0, 22050.0])
def test_the_future_changes_no_row(name, rate, source):
    audio = noise(2.5, rate)
    whole = features.extract(stimulus(audio, rate), CONTINUOUS[name], source)
    cut = features.extract(stimulus(audio[: round(1.63 * rate)], rate), CONTINUOUS[name], source)
    assert len(cut.times_s) == (whole.times_s <= 1.63 + 1e-9).sum()
    np.testing.assert_array_equal(whole.times_s[: len(cut.times_s)], cut.times_s)
    np.testing.assert_allclose(whole.values[: len(cut.values)], cut.values, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_a_shift_by_one_stride_shifts_rows_by_one(name, source):
    rate = 20000.0  # every step is a whole number of samples
    audio, step = noise(2.5, rate), round(STEP[name] * rate)
    assert step == pytest.approx(STEP[name] * rate)
    plain = features.extract(stimulus(audio[step:], rate), CONTINUOUS[name], source)
    later = features.extract(stimulus(audio, rate), CONTINUOUS[name], source)
    whole = 1.05  # from here on windows are full
    rows = plain.times_s > whole
    np.testing.assert_allclose(later.values[1:][rows], plain.values[rows], rtol=1e-4, atol=1e-5)


def test_rows_do_not_drift_over_an_hour():
    from bids_app.features.frames import frame_grid
    from bids_app.features.speech_model import causal_windows

    rate = 11025.0  # neither step is a whole number of samples
    times, stops = frame_grid(int(3600 * rate), rate, 0.01, 0.025)
    assert np.abs(stops / rate - times).max() <= 0.5 / rate + 1e-9
    times, spans = causal_windows(int(3600 * rate), rate, 16.0, 0.1)
    assert np.abs(spans[:, 1] / rate - times).max() <= 0.5 / rate + 1e-9
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


def test_a_word_moves_with_its_time_and_keeps_its_values(source):
    words = spaced_words()
    moved = replace(words, onset_s=words.onset_s + 1.7)
    here, there = (features.extract(stimulus(words=w), WORDS["language"], source) for w in (words, moved))
    np.testing.assert_allclose(there.times_s - here.times_s, 1.7)
    np.testing.assert_array_equal(here.values, there.values)
