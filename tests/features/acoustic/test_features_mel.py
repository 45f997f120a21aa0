"""The mel spectrogram against closed forms and the library's own spectrogram."""

import numpy as np
import pytest
from tiny_models import noise, stimulus

from bids_app import features
from bids_app.features.acoustic.melspectrogram import fft_length, mel_filters
from bids_app.records import FeatureSpec, ModelSource


def mel(audio, rate=16000.0, **options):
    return features.extract(stimulus(audio, rate), FeatureSpec("mel", "melspectrogram", options), ModelSource())


def sine(hz, rate, seconds=1.0):
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate).astype(np.float32)


def test_stamps_are_window_ends():
    rows = mel(noise(1.0))
    np.testing.assert_allclose(rows.times_s, 0.025 + 0.01 * np.arange(98), atol=1e-12)
    assert rows.values.shape == (98, 80)
    assert rows.values.dtype == np.float32


@pytest.mark.parametrize("rate", [16000.0, 22050.0, 44100.0, 48000.0])
def test_a_sine_has_its_power_in_its_band_at_any_rate(rate):
    filters, centres = mel_filters(80, round(0.025 * rate), rate)
    rows = mel(sine(centres[40], rate), rate)
    assert (rows.values.argmax(axis=1) == 40).all()
    frequencies = np.linspace(0, rate / 2, len(filters))
    weight = np.interp(centres[40], frequencies, filters.sum(axis=1))  # bands overlap: together they weigh about 1
    assert 10.0 ** rows.values.astype(float).mean(0)[38:43] @ np.ones(5) == pytest.approx(0.5 * weight, rel=0.05)


def test_rates_agree():
    low, high = (mel(sine(1000, rate), rate).values[:, 20:40] for rate in (16000.0, 44100.0))
    np.testing.assert_allclose(low.mean(0)[5:12], high.mean(0)[5:12], atol=0.05)


def test_equals_transformers_spectrogram():
    from transformers.audio_utils import spectrogram

    audio = noise(0.5)
    hann = np.sin(np.pi * (np.arange(400) + 0.5) / 400) ** 2
    filters, _ = mel_filters(80, 400, 16000.0)
    n_fft = fft_length(400)
    scale = 2 / (n_fft * (hann**2).sum())
    want = spectrogram(
        audio, hann, 400, 160, n_fft, 2.0, center=False, mel_filters=filters * scale, mel_floor=1e-10, log_mel="log10"
    )
    np.testing.assert_allclose(mel(audio).values, want.T, atol=1e-4)


def test_silence_is_the_floor():
    assert (mel(np.zeros(16000, np.float32)).values == -10).all()  # set, not computed: exact on any processor


def test_what_is_quieter_than_the_floor_is_silence_whatever_the_processors_logarithm(monkeypatch):
    """Some processors give -10.000001 for log10 of 1e-10 in float32."""
    exact = np.log10
    monkeypatch.setattr(np, "log10", lambda power: exact(power) - np.float32(1e-6))
    assert (mel(1e-6 * noise(0.1)).values == -10).all()


def test_bands_above_a_low_rate_are_silent_and_noted():
    rows = mel(sine(500, 8000.0), 8000.0)
    assert (rows.values[:, -5:] == -10).all()
    assert "bands hold no frequency of audio at 8000 Hz" in rows.provenance.notes[0]
    assert not mel(noise(0.1)).provenance.notes
