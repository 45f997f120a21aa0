"""Surprisal and entropy against the library's own probabilities, one word at a time."""

import numpy as np
import pytest
from tiny_models import TEXT, save_causal_model, save_language_model, spaced_words, stimulus, words_at

from bids_app import features
from bids_app.errors import UsageError
from bids_app.records import FeatureSpec, ModelSource


def bits(kind, source, words, **options):
    spec = FeatureSpec("x", kind, {"model": "tiny-gpt2", **options})
    return features.extract(stimulus(words=words), spec, source)


def plain_loop(folder, words, context):
    """Surprisal of each word and entropy before it, from whole-sequence logits."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    coded = [tokenizer(" " + word)["input_ids"] for word in words]
    rows = []
    for k, own in enumerate(coded):
        before = [0, *(token for word in coded[max(0, k - context) : k] for token in word)]
        with torch.no_grad():
            p = model(torch.tensor([before + own])).logits[0].double().softmax(-1).numpy()
        chance = [p[len(before) - 1 + place, token] for place, token in enumerate(own)]
        first = p[len(before) - 1]
        rows.append((-np.log2(chance).sum(), -(first * np.log2(first)).sum()))
    return np.array(rows)


@pytest.mark.parametrize("family", ["gpt2", "OPT", "Llama"])
@pytest.mark.parametrize("context", [0, 4])
def test_equal_a_plain_loop(family, context, tmp_path):
    save = save_language_model if family == "gpt2" else lambda folder: save_causal_model(folder, family)
    want = plain_loop(save(tmp_path / "m"), TEXT.split(), context)
    source = ModelSource(tmp_path, True)
    for kind, column in (("surprisal", 0), ("entropy", 1)):
        plain = {"whitespace": "leading"} if kind == "surprisal" else {}
        got = bits(kind, source, spaced_words(), model="m", context_words=context, **plain)
        np.testing.assert_allclose(got.values[:, 0], want[:, column], rtol=1e-4)
        assert got.provenance.dimensions == (f"{kind}, bits",)


def test_a_rolling_context_long_enough_is_the_whole_past(source):
    words = spaced_words()
    for kind in ("surprisal", "entropy"):
        rolling = bits(kind, source, words, context={"tokens": 120, "stride": 60})
        whole = bits(kind, source, words, context_words=50)
        np.testing.assert_allclose(rolling.values, whole.values, rtol=1e-4)


def test_a_certain_word_has_no_surprisal_and_a_uniform_guess_log2_of_the_vocabulary(tmp_path):
    import torch
    from transformers import GPT2LMHeadModel

    folder = save_language_model(tmp_path / "m")
    model = GPT2LMHeadModel.from_pretrained(folder)
    with torch.no_grad():
        model.transformer.ln_f.weight.zero_()
        model.transformer.ln_f.bias.zero_()  # all logits are zero
    model.save_pretrained(folder)
    words, source = words_at([0, 1], ["fox", "zxqv"]), ModelSource(tmp_path, True)
    size = np.log2(model.config.vocab_size)
    np.testing.assert_allclose(bits("entropy", source, words, model="m").values, size, rtol=1e-6)
    surprisal = bits("surprisal", source, words, model="m", whitespace="leading").values[:, 0] / size
    np.testing.assert_allclose(surprisal, np.round(surprisal), rtol=1e-6)
    assert surprisal[1] > surprisal[0] >= 1


def test_without_a_mark_for_the_beginning_the_first_token_is_anyones_guess(tmp_path):
    save_language_model(tmp_path / "bare", bos=False)
    got = bits("entropy", ModelSource(tmp_path, True), spaced_words(), model="bare")
    assert got.values[0, 0] == pytest.approx(np.log2(299), rel=1e-3)
    assert "before the first token all are equally likely" in got.provenance.notes[0]
    assert np.isfinite(bits("surprisal", ModelSource(tmp_path, True), spaced_words(), model="bare").values).all()


def test_a_masked_model_foresees_nothing(source):
    with pytest.raises(UsageError, match="surprisal needs a causal language model"):
        bits("surprisal", source, spaced_words(), model="tiny-bert")
