"""What features of language models take: as much as a run computes, of as many words."""

import pytest
from tiny_models import TEXT, spaced_words, stimulus
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from bids_app import features
from bids_app.features.base import products
from bids_app.features.base.words import tokenize
from bids_app.features.language import workload as counted
from bids_app.features.transformers.models import ModelName
from bids_app.features.transformers.tokenizers import load_tokenizer
from bids_app.records import FeatureSpec, ModelSource


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        pytest.param("language_model", {"layer": 2, "context_words": 6}, id="exact windows"),
        pytest.param("language_model", {"layer": 1, "context_words": 6}, id="fewer layers"),
        pytest.param("language_model", {"layer": 2, "context": {"tokens": 16, "stride": 4}}, id="rolling"),
        pytest.param("surprisal", {"context_words": 6}, id="with the vocabulary"),
        pytest.param("entropy", {"context_words": 6}, id="entropy"),
    ],
)
@pytest.mark.parametrize("model", ["tiny-gpt2", "tiny-bert"])
def test_it_is_about_what_a_run_computes(model, kind, options, source, monkeypatch):
    if model == "tiny-bert" and kind != "language_model":
        pytest.skip("no causal model")
    if model == "tiny-bert" and "context" in options:
        pytest.skip("a masked model has exact windows")
    heard = stimulus(words=spaced_words(" ".join([TEXT] * 12)))
    spec = features.resolve(FeatureSpec("l", kind, {"model": model, **options}))
    given = tokenize(heard, load_tokenizer(ModelName(model), source), spec)
    monkeypatch.setattr(counted, "TOKENS_A_WORD", sum(map(len, given.ids)) / len(given.ids))
    seconds = len(heard.words.onset_s) / counted.WORDS_A_SECOND
    work = features.family_of(spec).workload(spec, source, [seconds])
    monkeypatch.setattr(products, "HERE", False)  # whose products the counter does not know
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        features.extract(heard, spec, source)
    assert work.operations / 2 < counter.get_total_flops() < 2 * work.operations


def test_the_line_says_of_what(source):
    spec = features.resolve(FeatureSpec("language", "language_model", {"model": "tiny-gpt2", "layer": 1}))
    line = features.expected_seconds(spec, ModelSource(source.model_dir, True, "cpu"), [600.0], 1).said
    assert line.startswith("feature 'language': about ")
    assert line.endswith("to compute 10 min of speech")
