"""bfloat16: every kind of model takes it, it is near, and how near is written down."""

import re

import numpy as np
import pytest
from tiny_models import noise, spaced_words, stimulus

from bids_app import features
from bids_app.records import FeatureSpec

HEARD = stimulus(noise(2.0), words=spaced_words("the quick brown fox doesn't jump"))
SPEECH = {"layer": 2, "window_s": 1, "stride_s": 0.2}
CASES = {
    "wav2vec2": ("speech_model", {"model": "tiny-w2v", **SPEECH}),
    "hubert": ("speech_model", {"model": "org/tiny-hubert", **SPEECH, "layer": 1}),
    "wavlm": ("speech_model", {"model": "tiny-wavlm", **SPEECH}),
    "data2vec": ("speech_model", {"model": "tiny-data2vec", **SPEECH}),
    "w2v-bert": ("speech_model", {"model": "tiny-w2v-bert", **SPEECH}),
    "whisper": ("speech_model", {"model": "short-whisper", **SPEECH}),
    "refreshed": ("speech_model", {"model": "tiny-w2v", **SPEECH, "refresh_s": 0.4}),
    "utterance": ("speech_model", {"model": "tiny-w2v", **SPEECH, "mode": "utterance"}),
    "decoder": ("speech_model", {"model": "short-whisper", "part": "decoder", "layer": 2, "window_s": 1}),
    "gpt2": ("language_model", {"model": "tiny-gpt2", "layer": 2}),
    "bert": ("language_model", {"model": "tiny-bert", "layer": 2}),
}
# convolutions before a group norm: .05 of the largest value on some processors, .3 on others
COARSE = {"wav2vec2", "hubert", "wavlm", "refreshed", "utterance"}


@pytest.mark.parametrize("name", CASES)
def test_bfloat16_is_near_and_says_how_near(name, source):
    kind, options = CASES[name]
    exact = features.extract(HEARD, FeatureSpec("x", kind, options), source)
    lowered = features.extract(HEARD, FeatureSpec("x", kind, {**options, "precision": "bfloat16"}), source)
    apart = np.abs(lowered.values - exact.values).max() / np.abs(exact.values).max()
    limit = 0.5 if name in COARSE else 0.1
    assert 1e-5 < apart < limit
    assert lowered.values.dtype == np.float32
    assert not [note for note in exact.provenance.notes if "bfloat16" in note]
    (note,) = [note for note in lowered.provenance.notes if "bfloat16" in note]
    windows, spread, furthest = re.search(r"(\d+) windows .* by (\S+) of the values.* most (\S+) of", note).groups()
    assert int(windows) >= 1
    assert 0 < float(spread) < limit
    assert 0 < float(furthest) < limit


def test_the_deviation_is_that_of_the_rows(source):
    from bids_app.features.transformers.precision import Lowered

    class Model:
        class device:  # noqa: N801
            type = "cpu"

    import torch

    def compute(batch):
        lowered = torch.is_autocast_enabled("cpu")
        return [[np.array([3.0, 4.0 + item * lowered])] for item in batch]

    near = Lowered(compute, Model())
    assert near([1.0])[0][0].tolist() == [3, 5]
    near([0.0])
    near([100.0])  # the third batch is not computed twice
    assert "2 windows" in near.note
    assert "differ by 0.14 of" in near.note  # √(1 / 50)
    assert near.note.endswith("by at most 0.25 of the largest value")


def test_the_precision_is_part_of_the_key(source, tmp_path):
    store = features.FeatureStore(tmp_path)
    plain = FeatureSpec("x", "language_model", {"model": "tiny-gpt2", "layer": 1})
    store.get(HEARD, plain, source)
    lowered = FeatureSpec("x", "language_model", {"model": "tiny-gpt2", "layer": 1, "precision": "bfloat16"})
    assert not store.holds(HEARD, lowered, source)
