"""Envelope and pitch against closed forms, and every acoustic family on audio of bad quality."""

import numpy as np
import pytest
from tiny_models import noise, stimulus

from bids_app import features
from bids_app.errors import DataError
from bids_app.records import FeatureSpec, ModelSource

KINDS = ("melspectrogram", "envelope", "pitch")


def rows(kind, audio, rate=16000.0, **options):
    return features.extract(stimulus(audio.astype(np.float32), rate), FeatureSpec("x", kind, options), ModelSource())


def sine(hz, rate=16000.0, seconds=1.0):
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)


@pytest.mark.parametrize("rate", [8000.0, 16000.0, 44100.0])
def test_the_envelope_of_a_sine_is_its_rms(rate):
    got = rows("envelope", 0.5 * sine(440, rate), rate, exponent=1)
    np.testing.assert_allclose(got.values[:, 0], 0.5 / np.sqrt(2), rtol=1e-3)
    assert rows("envelope", 0.5 * sine(440, rate), rate).values[5, 0] == pytest.approx(
        (0.5 / np.sqrt(2)) ** 0.6, rel=1e-3
    )


def test_a_step_has_one_onset_and_its_end_none():
    loud = (np.arange(32000) >= 8000) & (np.arange(32000) < 24000)
    got = rows("envelope", np.where(loud, sine(300, seconds=2), 0))
    rise = got.times_s[got.values[:, 1] > 1]
    assert 0.5 < rise.min() < 0.512
    assert rise.max() < 0.54
    assert got.values[:, 1].min() == 0
    assert got.values[:, 1].sum() * 0.01 == pytest.approx(got.values[:, 0].max(), rel=0.02)


def test_pitch_voicing_and_intensity_of_a_tone():
    tone = np.where(np.arange(32000) >= 16000, sine(150, seconds=2), 0)
    got = rows("pitch", tone)
    np.testing.assert_allclose(got.values[got.times_s > 1.1][:, 0], np.log2(150 / 75), atol=0.01)
    assert (got.values[got.times_s > 1.1][:, 1] == 1).all()
    np.testing.assert_allclose(got.values[got.times_s > 1.1][:, 2], 91, atol=0.2)
    assert not got.values[got.times_s <= 1].any()
    voiced = got.times_s[got.values[:, 1] == 1]
    assert 1 < voiced.min() < 1.05  # half of a window of 40 ms must sound


def test_pitch_of_pieces_is_pitch_of_the_whole(monkeypatch):
    sweep = np.sin(2 * np.pi * (100 * np.arange(48000) / 16000 + 20 * (np.arange(48000) / 16000) ** 2))
    whole = rows("pitch", sweep)
    monkeypatch.setattr("bids_app.features.acoustic.pitch.FRAMES_AT_ONCE", 70)
    pieces = rows("pitch", sweep)
    np.testing.assert_allclose(pieces.values, whole.values, atol=2e-3)
    np.testing.assert_array_equal(pieces.times_s, whole.times_s)
    want = np.log2((100 + 40 * (whole.times_s - 0.02)) / 75)  # a window's pitch is that of its middle
    np.testing.assert_allclose(whole.values[:, 0], want, atol=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_silence_clipping_8_khz_and_short_files(kind):
    assert (rows(kind, np.zeros(16000)).values == rows(kind, np.zeros(16000)).values[0]).all()
    assert np.isfinite(rows(kind, np.clip(30 * noise(1), -1, 1)).values).all()
    assert np.isfinite(rows(kind, noise(1, 8000.0), 8000.0).values).all()
    assert len(rows(kind, noise(0.2)).values) > 5
    with pytest.raises(DataError, match="shorter than a window"):
        rows(kind, noise(0.01))
