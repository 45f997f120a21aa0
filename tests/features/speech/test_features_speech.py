"""The speech model against the library's own forward, one window at a time."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_architectures import small_model
from tiny_models import noise, save_language_model, save_speech_model, save_whisper, stimulus

from bids_app import features
from bids_app.errors import DataError, UsageError
from bids_app.features.speech.speech_encoder import convolved_frames, stacked_frames
from bids_app.features.speech.speech_windows import (
    Window,
    causal_windows,
    equal_batches,
    refreshed_windows,
    row_times,
    utterance_windows,
)
from bids_app.records import FeatureSpec, ModelSource


def spec(**options):
    return FeatureSpec("speech", "speech_model", {"model": "tiny-w2v", "layer": 1, **options})


def plain_loop(folder, audio, times, window_s, layer, rate=16000):
    """One window at a time through the library's own forward, its last frame that is not padding."""
    import torch
    from transformers import AutoFeatureExtractor, AutoModel

    model, extractor = AutoModel.from_pretrained(folder).eval(), AutoFeatureExtractor.from_pretrained(folder)
    rows = []
    for t in times:
        heard = audio[max(0, round((t - window_s) * rate)) : round(t * rate)]
        with torch.no_grad():
            inputs = extractor(heard, sampling_rate=rate, return_tensors="pt")
            last = -1
            if "whisper" in str(folder):
                last, model = int(np.ceil(len(heard) / 320)) - 1, getattr(model, "encoder", model)
            elif "attention_mask" in inputs and "bert" in str(folder):
                last = int(inputs["attention_mask"].sum()) - 1
            rows.append(model(**inputs, output_hidden_states=True).hidden_states[layer][0, last].numpy())
    return np.stack(rows)


KINDS = ["tiny-w2v", "org/tiny-hubert", "tiny-wavlm", "tiny-data2vec", "tiny-w2v-bert", "short-whisper"]


@pytest.mark.parametrize("model", KINDS)
def test_equals_a_plain_loop(model, source):
    audio = noise(2.0)
    each = {}
    for layer in (0, 1, 2):
        got = features.extract(stimulus(audio), spec(model=model, layer=layer, window_s=0.8, stride_s=0.09), source)
        want = plain_loop(source.model_dir / model, audio, got.times_s, 0.8, layer)
        np.testing.assert_allclose(got.values, want, rtol=1e-4, atol=1e-4 * np.abs(want).max())
        assert got.values.dtype == np.float32
        assert got.sampling == "continuous"
        each[layer] = got.values
    every = features.extract(stimulus(audio), spec(model=model, layer="all", window_s=0.8, stride_s=0.09), source)
    assert every.provenance.layers == {"0": (0, 16), "1": (16, 32), "2": (32, 48)}
    np.testing.assert_allclose(every.values, np.concatenate(list(each.values()), axis=1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["sew", "sew-d", "unispeech-sat", "wav2vec2-conformer"])
def test_kin_of_wav2vec2_equal_a_plain_loop(kind, tmp_path):
    """SEW's blocks have half as many frames: the row is the last of them."""
    import transformers

    small_model(kind).save_pretrained(tmp_path / kind)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(tmp_path / kind)
    audio, source = noise(1.3), ModelSource(tmp_path, offline=True)
    asked = {"model": kind, "window_s": 0.8, "stride_s": 0.09}
    got = features.extract(stimulus(audio), spec(**asked, layer="all"), source)
    for layer, (first, end) in enumerate(got.provenance.layers.values()):
        want = plain_loop(tmp_path / kind, audio, got.times_s, 0.8, layer)
        np.testing.assert_allclose(got.values[:, first:end], want, rtol=1e-3, atol=1e-4 * np.abs(want).max())
    if kind.startswith("sew"):
        with pytest.raises(UsageError, match=r"no layer cnn.*has layers 0 to 4\)"):
            features.extract(stimulus(audio), spec(**asked, layer="cnn"), source)


@pytest.mark.parametrize("model", KINDS[:5])
def test_convolutions_and_projection_are_layers_too(model, source):
    import torch
    from transformers import AutoFeatureExtractor, AutoModel

    audio, folder = noise(0.8), source.model_dir / model
    names = ["projection"] if model == "tiny-w2v-bert" else ["cnn", "projection"]
    got = features.extract(stimulus(audio), spec(model=model, layer=names, window_s=0.8, stride_s=0.8), source)
    net, extractor = AutoModel.from_pretrained(folder).eval(), AutoFeatureExtractor.from_pretrained(folder)
    with torch.no_grad():
        heard = extractor(audio, sampling_rate=16000, return_tensors="pt")
        if model == "tiny-w2v-bert":
            last, parts = int(heard["attention_mask"].sum()) - 1, [net.feature_projection(heard["input_features"])]
        else:
            convolved = net.feature_extractor(heard["input_values"]).transpose(1, 2)
            last, parts = -1, [convolved, net.feature_projection(convolved)]
    want = [(part[0] if isinstance(part, tuple) else part)[0, last].numpy() for part in parts]
    np.testing.assert_allclose(got.values[0], np.concatenate(want), rtol=1e-4, atol=1e-5)
    assert list(got.provenance.layers) == names


def test_a_part_that_is_not_there(source):
    with pytest.raises(UsageError, match=r"no layer cnn.*layers 0 to 2\)"):
        features.extract(stimulus(noise(1)), spec(model="short-whisper", layer="cnn", window_s=1), source)
    with pytest.raises(UsageError, match=r"'window_s' is 5.*at most 4 s"):
        features.extract(stimulus(noise(1)), spec(model="short-whisper", window_s=5), source)


@pytest.mark.parametrize("model", KINDS)
@pytest.mark.parametrize("mode", ["window", "utterance"])
def test_silence_clipping_8_khz_and_a_file_of_0_2_s(model, mode, source):
    given = spec(model=model, window_s=1, stride_s=0.1, mode=mode)
    for audio, rate in (
        (np.zeros(20800, np.float32), 16000.0),
        (np.clip(30 * noise(1.3), -1, 1), 16000.0),
        (noise(1.3, 8000.0), 8000.0),
        (noise(0.2), 16000.0),
    ):
        got = features.extract(stimulus(audio, rate), given, source)
        assert np.isfinite(got.values).all()
        assert got.times_s[-1] == pytest.approx(len(audio) / rate)


@pytest.mark.parametrize("model", ["tiny-w2v", "org/tiny-hubert", "tiny-data2vec"])
@pytest.mark.parametrize("rate", [16000, 22050])
def test_refreshed_rows_are_exact_at_first_and_near_after(model, rate, source):
    given = {"model": model, "layer": ["cnn", "projection", 0, 1, 2], "window_s": 1, "stride_s": 0.1}
    heard = stimulus(noise(2.5, rate), float(rate))
    exact = features.extract(heard, spec(**given), source)
    rough = features.extract(heard, spec(**given, refresh_s=0.5), source)
    assert rough.provenance.approximate is True
    assert "approximate" in rough.provenance.description
    assert exact.provenance.approximate is False
    np.testing.assert_array_equal(rough.times_s, exact.times_s)
    firsts = [0, 1, 2, 3, 5, 8, *range(12, 25, 5)]  # rows .1 to .3 s alone, then 2, 3 and 4 of a window, then 5
    np.testing.assert_allclose(rough.values[firsts], exact.values[firsts], rtol=1e-4, atol=1e-4)
    off = np.abs(rough.values - exact.values).max(axis=1)
    assert off[np.setdiff1d(np.arange(25), firsts)].min() > 1e-4
    kept = [np.corrcoef(a, b)[0, 1] for a, b in zip(rough.values.T, exact.values.T, strict=True)]
    assert np.median(kept) > 0.9


@pytest.mark.parametrize("model", ["tiny-wavlm", "tiny-w2v-bert", "short-whisper"])
def test_what_cannot_be_approximated_says_so(model, source):
    with pytest.raises(UsageError, match=r"cannot be approximated.*wav2vec2, hubert, data2vec-audio can"):
        features.extract(stimulus(noise(1)), spec(model=model, refresh_s=0.5, window_s=1), source)


def library_model(folder):
    from transformers import AutoModel

    model = AutoModel.from_pretrained(folder).eval()
    return getattr(model, "encoder", model) if "whisper" in str(folder) else model


@pytest.mark.parametrize("stable", [False, True])
@pytest.mark.parametrize("family", ["wav2vec2", "hubert", "data2vec", "whisper"])
def test_the_top_block_is_computed_for_the_wanted_frames_alone(family, stable, tmp_path):
    """Both orders of the norms, an adapter within the block, a mask; the library's own frames."""
    import torch

    from bids_app.features.transformers.find_layers import find_layers
    from bids_app.features.transformers.hidden_layers import hidden_states

    stable = stable and family in ("wav2vec2", "hubert")
    inside = {"do_stable_layer_norm": True, "adapter_attn_dim": 4} if stable else {}
    if family == "whisper":
        save_whisper(tmp_path / "whisper", 2)
        given = {"input_features": torch.randn(3, 80, 200)}
    else:
        norm = "layer" if family == "data2vec" else "group"
        save_speech_model(tmp_path / family, family, norm, num_hidden_layers=3, **inside)
        given = {"input_values": torch.randn(3, 8000)}
    model = library_model(tmp_path / family)
    n_frames = 24 if family != "whisper" else 100
    found = find_layers(model, {name: values[:2] for name, values in given.items()}, n_frames, spec())
    top, seen = found.highest - 1, []
    normed = found.blocks[top - 1].final_layer_norm
    with torch.no_grad():
        want = model(**given, output_hidden_states=True).hidden_states
        normed.register_forward_hook(lambda module, inputs, out: seen.append(out.shape[1]))
        for frames in ([4], [0, 7, 11]):
            got = hidden_states(found, given, [0, top], frames)
            for layer, states in zip((0, top), got, strict=True):
                torch.testing.assert_close(states, want[layer][:, frames], rtol=1e-5, atol=1e-5)
    assert seen == [1, 3]


def test_a_top_block_that_is_not_as_known_is_computed_whole(source, monkeypatch):
    from bids_app.features.transformers import top_block, trials

    exact = features.extract(stimulus(noise(1)), spec(window_s=0.8, stride_s=0.2), source).values
    monkeypatch.setitem(
        top_block.BLOCKS, "Wav2Vec2EncoderLayer", lambda block, states, frames, mask: states[:, frames]
    )
    trials._TRIED.clear()
    got = features.extract(stimulus(noise(1)), spec(window_s=0.8, stride_s=0.2), source).values
    np.testing.assert_allclose(got, exact, rtol=1e-5, atol=1e-5)


def test_what_the_top_block_knows_is_there():
    from transformers.models.data2vec import modeling_data2vec_audio
    from transformers.models.hubert import modeling_hubert
    from transformers.models.wav2vec2 import modeling_wav2vec2
    from transformers.models.whisper import modeling_whisper

    from bids_app.features.transformers.top_block import BLOCKS

    modules = (modeling_data2vec_audio, modeling_hubert, modeling_wav2vec2, modeling_whisper)
    assert not [name for name in BLOCKS if not any(hasattr(module, name) for module in modules)]


@pytest.mark.parametrize("family", ["wav2vec2", "hubert", "wavlm"])
def test_a_folded_norm_is_the_librarys(family, tmp_path):
    import torch

    from bids_app.features.speech.front_end import FoldedNorm, fold_norms

    model = library_model(save_speech_model(tmp_path / family, family, conv_bias=True))
    layer = model.feature_extractor.conv_layers[0]
    with torch.no_grad():  # what an untrained model leaves at 1, 0 and 0
        for weight in (layer.layer_norm.weight, layer.layer_norm.bias, layer.conv.bias):
            weight.copy_(torch.randn(8))
        waves = (torch.randn(3, 1, 4000) + 0.5) * torch.tensor([1e-3, 1.0, 30.0])[:, None, None]
        exact = copy.deepcopy(layer).double()  # a small signal beside the convolution's bias is lost in float32
        want, cut = exact(waves.double()).float(), exact(waves[..., :1000].double()).float()
        fold_norms(model)
        folded = model.feature_extractor.conv_layers[0]
        assert isinstance(folded, FoldedNorm)
        torch.testing.assert_close(folded(waves), want, rtol=1e-4, atol=1e-4)
        folded.heard = 1000
        torch.testing.assert_close(folded(waves)[..., : cut.shape[-1]], cut, rtol=1e-4, atol=1e-4)
        silence = torch.zeros(1, 1, 4000)
        torch.testing.assert_close(folded(silence), exact(silence.double()).float(), rtol=1e-4, atol=1e-4)


def test_a_folded_norm_is_in_full_precision_whatever_the_others_are(tmp_path):
    import torch

    from bids_app.features.speech.front_end import fold_norms

    model = library_model(save_speech_model(tmp_path / "wav2vec2", "wav2vec2"))
    fold_norms(model)
    first, wave = model.feature_extractor.conv_layers[0], torch.randn(1, 1, 4000).cumsum(-1)
    with torch.inference_mode():
        want = first(wave)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(first(wave), want)


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


@pytest.mark.parametrize("rate", [8000, 22050, 44100])
@pytest.mark.parametrize("model", ["tiny-w2v", "tiny-w2v-bert", "short-whisper"])
def test_resampled_windows_equal_a_plain_loop(model, rate, source):
    """Each window resampled on its own and nothing added to it; where that is a whole number of frames."""
    import soxr
    import torch
    from transformers import AutoFeatureExtractor

    folder, audio = source.model_dir / model, noise(1.5, rate)
    got = features.extract(stimulus(audio, float(rate)), spec(model=model, window_s=0.8, stride_s=0.2), source)
    net, extractor = library_model(folder), AutoFeatureExtractor.from_pretrained(folder)
    for row, t in zip(got.values, got.times_s, strict=True):
        window = soxr.resample(audio[max(0, round((t - 0.8) * rate)) : round(t * rate)], rate, 16000)
        heard = extractor(window, sampling_rate=16000, return_tensors="pt")
        last = {"short-whisper": -(-len(window) // 320), "tiny-w2v-bert": stacked_frames(len(window))}.get(model, 0)
        with torch.no_grad():
            frames = net(**heard, output_hidden_states=True).hidden_states[1][0]
        want = frames[last - 1].numpy()
        np.testing.assert_allclose(row, want, rtol=1e-4, atol=1e-4 * np.abs(want).max())


def test_silence_is_finite(source):
    assert np.isfinite(features.extract(stimulus(np.zeros(16000, np.float32)), spec(), source).values).all()


def test_a_layer_that_is_not_there(source):
    with pytest.raises(UsageError, match="layers 0 to 2"):
        features.extract(stimulus(noise(1)), spec(layer=3), source)


def test_a_model_that_hears_in_an_unknown_way_is_refused(tmp_path):
    import transformers

    save_language_model(tmp_path / "odd")
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(tmp_path / "odd")
    with pytest.raises(UsageError, match="no speech encoder of a known kind"):
        features.extract(stimulus(noise(1)), spec(model="odd"), ModelSource(tmp_path, offline=True))


def test_frames_are_those_of_the_front_ends():
    import torch
    from transformers import SeamlessM4TFeatureExtractor, Wav2Vec2Config, Wav2Vec2FeatureExtractor

    config = Wav2Vec2Config()
    assert Wav2Vec2FeatureExtractor().sampling_rate == 16000
    assert [convolved_frames(n, config) for n in (0, 399, 400, 719, 720, 16000)] == [0, 0, 1, 1, 2, 49]
    for n in (560, 719, 720, 880, 3000):
        heard = SeamlessM4TFeatureExtractor()(noise(1)[:n], sampling_rate=16000, return_tensors="pt")
        assert int(torch.sum(heard["attention_mask"])) == stacked_frames(n)


RATES = st.sampled_from([8000.0, 11025.0, 16000.0, 44100.0])


@given(n=st.integers(1, 200_000), rate=RATES, window=st.floats(0.1, 20), stride=st.floats(0.01, 2))
def test_windows_are_causal_and_exact(n, rate, window, stride):
    times, stops = row_times(n, rate, stride)
    np.testing.assert_allclose(times, stride * np.arange(1, len(times) + 1))
    length = round(window * rate)
    windows = list(causal_windows(stops, length))
    assert [one.rows for one in windows] == [((row, stop),) for row, stop in enumerate(stops)]
    for one, time in zip(windows, times, strict=True):
        assert 0 <= one.start <= one.stop <= n
        assert abs(one.stop / rate - time) <= 0.5 / rate + 1e-6
        assert one.start == 0 or one.stop - one.start == length


@given(n=st.integers(1, 200_000), window=st.floats(0.1, 20), stride=st.floats(0.01, 2), n_rows=st.integers(1, 40))
def test_windows_of_several_rows_have_each_once_and_are_short_where_little_was_heard(n, window, stride, n_rows):
    _, stops = row_times(n, 16000.0, stride)
    length = round(window * 16000)
    windows = list(refreshed_windows(stops, length, n_rows))
    assert [row for one in windows for row in one.rows] == list(enumerate(stops))
    for place, one in enumerate(windows):
        heard = one.rows[0][1] - one.start
        assert one.stop == one.rows[-1][1]
        assert heard == min(one.rows[0][1], length)
        assert len(one.rows) == 1 or len(one.rows) / n_rows <= heard / length
        assert heard < length or len(one.rows) == n_rows or place == len(windows) - 1


@given(n=st.integers(100, 200_000), rate=RATES, window=st.floats(0.1, 20), stride=st.floats(0.01, 2))
def test_pieces_of_an_utterance_hold_every_row_once_and_far_from_their_ends(n, rate, window, stride):
    _, stops = row_times(n, rate, stride)
    length = round(window * rate)
    windows = list(utterance_windows(stops, length, n))
    assert [row for one in windows for row in one.rows] == list(enumerate(stops))
    for one in windows:
        assert one.stop - one.start == min(length, n)
        for _, stop in one.rows:
            assert one.start <= stop <= one.stop
            assert one.start == 0 or stop - one.start >= length // 4
            assert one.stop == n or one.stop - stop >= length // 4 - 1


@given(st.lists(st.integers(1, 9), min_size=1, max_size=60), st.integers(1, 40))
def test_batches_keep_order_and_mix_no_lengths(lengths, limit):
    windows = [Window(10 * k, 10 * k + n, ((k, 10 * k + n),)) for k, n in enumerate(lengths)]
    found = list(equal_batches(windows, limit))
    assert [window for batch in found for window in batch] == windows
    for batch in found:
        size = [window.stop - window.start for window in batch]
        assert len(set(size)) == 1
        assert len(batch) == 1 or sum(size) <= limit
    assert all(len(batch) <= max(1, limit // 20) for batch in equal_batches(windows, limit, padded=20))
