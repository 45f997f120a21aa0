"""A model is tried once for all stimuli, and anew where anything has changed that could decide it."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_models import noise, save_language_model, spaced_words, stimulus

from bids_app import features
from bids_app.features.transformers import find_layers, trials
from bids_app.records import FeatureSpec, ModelSource

KINDS = {
    "language": ("language_model", {"model": "tiny-gpt2", "layer": 1}),
    "encoder": ("speech_model", {"model": "tiny-w2v", "layer": 1, "window_s": 0.5}),
    "whisper": ("speech_model", {"model": "short-whisper", "layer": 1, "window_s": 0.5}),
    "decoder": ("speech_model", {"model": "short-whisper", "part": "decoder", "layer": 1, "window_s": 0.5}),
}
FIRST = stimulus(noise(1.5), words=spaced_words("the quick brown fox"))
SECOND = stimulus(noise(1.0, seed=1), words=spaced_words("a lazy dog"))


@pytest.fixture
def tried(monkeypatch):
    """What models were tried, one by one."""
    seen, exact = [], find_layers._library_states
    monkeypatch.setattr(find_layers, "_library_states", lambda *given: seen.append(given[0]) or exact(*given))
    return seen


@pytest.mark.parametrize("name", KINDS)
def test_a_model_is_tried_once_for_all_stimuli(name, source, tried):
    spec = FeatureSpec("x", *KINDS[name])
    for heard in (FIRST, SECOND):
        got = features.extract(heard, spec, source)
    assert len(tried) == 1
    trials._TRIED.clear()
    np.testing.assert_array_equal(features.extract(SECOND, spec, source).values, got.values)
    assert len(tried) == 2


def test_a_spaces_name_is_nothing_and_its_options_are_something(source, tried):
    kind, options = KINDS["language"]
    for name, more in (("x", {}), ("y", {}), ("x", {"context": {"tokens": 8}}), ("x", {"untrained": True})):
        features.extract(FIRST, FeatureSpec(name, kind, {**options, **more}), source)
    assert len(tried) == 3


def test_other_files_in_its_place_are_tried(tmp_path, tried):
    kind, options = KINDS["language"]
    spec, source = FeatureSpec("x", kind, {**options, "layer": 2}), ModelSource(tmp_path, offline=True)
    for layers in (3, 4):
        save_language_model(tmp_path / "tiny-gpt2", n_layer=layers)
        features.extract(FIRST, spec, source)
    assert len(tried) == 2
    assert [len(model.h) for model in tried] == [3, 4]


def test_what_is_refused_is_refused_each_time(source, tried, monkeypatch):
    monkeypatch.setattr(find_layers, "near", lambda *_: False)
    spec = FeatureSpec("x", *KINDS["language"])
    for heard in (FIRST, replace(SECOND, label="other")):
        with pytest.raises(Exception, match="differently each time"):
            features.extract(heard, spec, source)
    assert len(tried) == 2
