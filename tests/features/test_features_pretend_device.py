"""Every kind of model on a pretend accelerator: the CPU's features, and the CPU where its memory runs out."""

import gc
from dataclasses import replace

import numpy as np
import pytest
from pretend_device import PRETEND, pretend_device
from tiny_models import noise, spaced_words, stimulus

from bids_app import features
from bids_app.records import FeatureSpec

WINDOWED = {"model": "tiny-w2v", "layer": 1, "window_s": 0.5}
KINDS = {
    "encoder": ("speech_model", WINDOWED),
    "layer norm": ("speech_model", {**WINDOWED, "model": "org/tiny-hubert"}),
    "filter bank": ("speech_model", {**WINDOWED, "model": "tiny-w2v-bert"}),
    "whisper": ("speech_model", {**WINDOWED, "model": "whisper"}),
    "refreshed": ("speech_model", {**WINDOWED, "refresh_s": 0.2}),
    "decoder": ("speech_model", {"model": "short-whisper", "part": "decoder", "layer": 1, "window_s": 2}),
    "causal": ("language_model", {"model": "tiny-gpt2", "layer": 1, "context_words": 2}),
    "masked": ("language_model", {"model": "tiny-bert", "layer": 1, "context_words": 2}),
    "rolling": ("language_model", {"model": "tiny-gpt2", "layer": 1, "context": {"tokens": 24}}),
    "surprisal": ("surprisal", {"model": "tiny-gpt2", "context_words": 2}),
    "entropy": ("entropy", {"model": "tiny-gpt2", "context_words": 2}),
}


HARDLY_ANY = 0.001
CASES = [*((name, float("inf")) for name in KINDS), ("encoder", HARDLY_ANY), ("causal", HARDLY_ANY)]


@pytest.mark.parametrize(("name", "limit_mb"), CASES)
def test_features_of_a_model_on_a_device(name, limit_mb, source):
    kind, options = KINDS[name]
    heard, spec = stimulus(noise(1.5), words=spaced_words()), FeatureSpec("x", kind, options)
    want = features.extract(heard, spec, source)
    with pretend_device(limit_mb) as memory:
        got = features.extract(heard, spec, replace(source, device=PRETEND))
    assert memory.peak <= 1e6 * limit_mb
    assert memory.peak > 0 or limit_mb == HARDLY_ANY
    gc.collect()  # models refer to themselves
    assert not memory.held
    assert any("memory" in note for note in got.provenance.notes) == (limit_mb == HARDLY_ANY)
    np.testing.assert_allclose(got.values, want.values, rtol=1e-5, atol=1e-5)
