"""The speech model against the library's own forward, one window at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import noise, stimulus

from bids_app import features
from bids_app.errors import DataError, UsageError
from bids_app.features.speech_model import causal_windows, equal_batches, receptive_field
from bids_app.records import FeatureSpec


def spec(**options):
    return FeatureSpec("speech", "speech_model", {"model": "tiny-w2v", "layer": 1, **options})


def plain_loop(folder, audio, times, window_s, layer, rate=16000):
    import torch
    from transformers import AutoFeatureExtractor, AutoModel

    model, extractor = AutoModel.from_pretrained(folder).eval(), AutoFeatureExtractor.from_pretrained(folder)
    rows = []
    for t in times:
        heard = audio[max(0, round((t - window_s) * rate)) : round(t * rate)]
        with torch.no_grad():
            waves = extractor(heard, sampling_rate=rate, return_tensors="pt")["input_values"]
            rows.append(model(waves, output_hidden_states=True).hidden_states[layer][0, -1].numpy())
    return np.stack(rows)


@pytest.mark.parametrize("model", ["tiny-w2v", "org/tiny-hubert", "tiny-wavlm"])
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_equals_a_plain_loop(model, layer, source):
    audio = noise(2.0)
    rows = features.extract(stimulus(audio), spec(model=model, layer=layer, window_s=0.8, stride_s=0.09), source)
    want = plain_loop(source.model_dir / model, audio, rows.times_s, 0.8, layer)
    np.testing.assert_allclose(rows.values, want, rtol=1e-4, atol=1e-4 * np.abs(want).max())
    assert rows.values.dtype == np.float32
    assert rows.sampling == "continuous"


def test_rows_start_when_the_front_end_has_a_frame(source):
    rows = features.extract(stimulus(noise(0.5)), spec(window_s=0.2, stride_s=0.01), source)
    assert rows.times_s[0] == pytest.approx(0.03)  # 400 samples are 25 ms
    assert rows.times_s[-1] == pytest.approx(0.5)


def test_audio_too_short_for_a_frame_costs_only_itself(source):
    with pytest.raises(DataError, match=r"too short.*story\.wav"):
        features.extract(stimulus(noise(0.02)), spec(stride_s=0.01), source)


def test_any_rate_is_resampled(source):
    t44, t16 = np.arange(44100 * 2) / 44100, np.arange(32000) / 16000
    tone = [0.3 * np.sin(2 * np.pi * 440 * t).astype(np.float32) for t in (t44, t16)]
    rows = [
        features.extract(stimulus(a, r), spec(window_s=1, stride_s=0.25), source).values
        for a, r in zip(tone, (44100.0, 16000.0), strict=True)
    ]
    assert np.abs(rows[0] - rows[1]).max() < 0.05 * np.abs(rows[1]).max()


def test_silence_is_finite(source):
    assert np.isfinite(features.extract(stimulus(np.zeros(16000, np.float32)), spec(), source).values).all()


def test_a_layer_that_is_not_there(source):
    with pytest.raises(UsageError, match="layers 0 to 2"):
        features.extract(stimulus(noise(1)), spec(layer=3), source)


def test_a_model_without_a_waveform_front_end_is_refused(source, tmp_path):
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel

    sizes = {"d_model": 16, "encoder_attention_heads": 2, "decoder_attention_heads": 2, "vocab_size": 50}
    ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
    config = WhisperConfig(**sizes, **ids, encoder_layers=1, decoder_layers=1)
    WhisperModel(config).save_pretrained(tmp_path / "tiny-whisper")
    WhisperFeatureExtractor().save_pretrained(tmp_path / "tiny-whisper")
    from bids_app.records import ModelSource

    with pytest.raises(UsageError, match="does not take a waveform"):
        features.extract(stimulus(noise(1)), spec(model="tiny-whisper"), ModelSource(tmp_path, offline=True))


def test_receptive_field_is_wav2vec2s():
    from transformers import Wav2Vec2Config

    assert receptive_field(Wav2Vec2Config()) == 400


@given(
    n=st.integers(1, 200_000),
    rate=st.sampled_from([8000.0, 11025.0, 16000.0, 44100.0]),
    window=st.floats(0.1, 20),
    stride=st.floats(0.01, 2),
)
def test_windows_are_causal_and_exact(n, rate, window, stride):
    times, spans = causal_windows(n, rate, window, stride)
    assert (spans[:, 1] <= n).all()
    assert (spans[:, 0] >= 0).all()
    assert (np.abs(spans[:, 1] / rate - times) <= 0.5 / rate + 1e-6).all()
    lengths = spans[:, 1] - spans[:, 0]
    full = spans[:, 0] > 0
    assert (lengths[full] == round(window * rate)).all()
    np.testing.assert_allclose(times, stride * np.arange(1, len(times) + 1))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=60), st.integers(1, 40))
def test_batches_keep_order_and_mix_no_lengths(lengths, limit):
    spans = np.array([[10 * k, 10 * k + n] for k, n in enumerate(lengths)])
    batches = list(equal_batches(spans, limit))
    np.testing.assert_array_equal(np.concatenate(batches), spans)
    for batch in batches:
        size = batch[:, 1] - batch[:, 0]
        assert len(set(size)) == 1
        assert len(batch) == 1 or size.sum() <= limit
