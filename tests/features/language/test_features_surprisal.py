"""Surprisal of words, not of tokens: the boundary after a word belongs to it, by exact enumeration on tiny models."""

from itertools import product

import numpy as np
import pytest
from test_features_tokens import TOKENIZERS
from tiny_models import (
    TEXT,
    save_causal_model,
    save_language_model,
    save_seeded,
    spaced_words,
    stimulus,
    train_tokenizer,
    words_at,
)

from bids_app import features
from bids_app.errors import UsageError
from bids_app.features.base.tokens import boundary_tokens
from bids_app.features.base.words import Tokenized, tokenize
from bids_app.features.language.contexts import Window
from bids_app.features.language.prediction import measured
from bids_app.features.language.surprisal import plain, with_boundaries
from bids_app.records import FeatureSpec, ModelSource

WHITE = tuple(chr(256 + byte) for byte in (9, 10, 11, 12, 13, 28, 29, 30, 31, 32))  # as byte-level tokens spell them


def bits(source, words, joiner="script", **options):
    spec = FeatureSpec("x", "surprisal", {"model": "m", **options})
    heard = stimulus(words=words)
    return features.extract(type(heard)(**{**vars(heard), "joiner": joiner}), spec, source).values[:, 0]


def library(folder):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)


def probability(model, before, tokens):
    """Of tokens after others, by the library's own forward pass over all of them."""
    import torch

    with torch.no_grad():
        p = model(torch.tensor([[*before, *tokens]])).logits[0].double().softmax(-1)
    return float(np.prod([p[len(before) - 1 + place, token] for place, token in enumerate(tokens)]))


def by_enumeration(folder, words, context, begins_word=WHITE):
    """−log2 of the share of continuations that begin with a boundary which are the word and then a boundary: every
    sequence is scored by itself."""
    model, tokenizer = library(folder)
    vocabulary = tokenizer.get_vocab()
    boundary = [token for text, token in vocabulary.items() if text.startswith(begins_word)]
    boundary += [tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else []
    coded = [tokenizer(" " + word, add_special_tokens=False)["input_ids"] for word in words]
    rows = []
    for place, own in enumerate(coded):
        before = [0, *(token for word in coded[max(0, place - context) : place] for token in word)]
        word = sum(probability(model, before, [*own, token]) for token in boundary)
        rows.append(-np.log2(word / sum(probability(model, before, [token]) for token in boundary)))
    return np.array(rows)


@pytest.mark.parametrize("family", ["gpt2", "OPT", "Llama"])
@pytest.mark.parametrize("context", [0, 3])
def test_equals_an_enumeration_of_continuations(family, context, tmp_path):
    folder = tmp_path / "m"
    save_language_model(folder) if family == "gpt2" else save_causal_model(folder, family)
    text = "the quick zxqv fox"
    got = bits(ModelSource(tmp_path, True), spaced_words(text), context_words=context)
    np.testing.assert_allclose(got, by_enumeration(folder, text.split(), context), rtol=1e-4)


def test_the_mark_for_the_end_of_text_is_a_boundary(tmp_path):
    import json

    folder = save_language_model(tmp_path / "m")
    path = folder / "tokenizer_config.json"
    without = bits(ModelSource(tmp_path, True), spaced_words("the fox"))
    path.write_text(json.dumps({**json.loads(path.read_text()), "eos_token": "<|endoftext|>"}))
    got = bits(ModelSource(tmp_path, True), spaced_words("the fox"))
    np.testing.assert_allclose(got, by_enumeration(folder, ["the", "fox"], 32), rtol=1e-4)
    assert np.abs(got - without).max() > 1e-4


def tiny_alphabet(folder):
    """A GPT-2 of five tokens: the end, a blank, two letters, and a letter after a blank."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    vocabulary = {"<end>": 0, "Ġ": 1, "a": 2, "b": 3, "Ġa": 4}
    pairs = Tokenizer(models.BPE(vocabulary, [("Ġ", "a")]))
    pairs.pre_tokenizer, pairs.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    sizes = {"n_positions": 16, "n_embd": 16, "n_layer": 2, "n_head": 2, "initializer_range": 0.5}
    save_seeded(lambda: GPT2LMHeadModel(GPT2Config(vocab_size=5, bos_token_id=0, eos_token_id=0, **sizes)), 3, folder)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=pairs, bos_token="<end>", eos_token="<end>")
    tokenizer.save_pretrained(folder)
    return tokenizer


@pytest.mark.parametrize("context", [[], [4, 3], [1, 3, 2, 4]])
def test_all_words_that_there_can_be_have_probability_one(context, tmp_path):
    """All spellings of up to `most` tokens, what is longer, and the end of the text; not so by the plain sum."""
    tokenizer, most = tiny_alphabet(tmp_path / "m"), 4
    model, _ = library(tmp_path / "m")
    words = [(first, *rest) for length in range(most) for first in (1, 4) for rest in product((2, 3), repeat=length)]
    places = words_at(list(range(len(words))), ["a"] * len(words))
    given = Tokenized(places, list(map(list, words)), [0] * len(words), 0.0, (), (), "script")
    windows = [
        Window((0, *context, *own), ((row, 1 + len(context), 1 + len(context) + len(own)),))
        for row, own in enumerate(words)
    ]
    totals = []
    for measure in (with_boundaries(given, tokenizer), plain):
        found = [measured(model, [window], measure)[0][0] for window in windows]
        totals.append(float(np.exp2(-np.array(found)).sum()))
    before = [0, *context]
    boundary = sum(probability(model, before, [token]) for token in (0, 1, 4))
    longer = sum(probability(model, before, [*own, token]) for own in words if len(own) == most for token in (2, 3))
    end = probability(model, before, [0])
    assert boundary_tokens(tokenizer, False) == {0, 1, 4}
    assert totals[0] + (longer + end) / boundary == pytest.approx(1, abs=1e-5)
    assert abs(totals[1] + longer + end - 1) > 0.02


def test_over_a_text_all_but_the_first_and_the_last_boundary_cancel(tmp_path):
    folder = save_language_model(tmp_path / "m")
    source, words = ModelSource(tmp_path, True), spaced_words()
    word, token = (bits(source, words, context_words=50, whitespace=which) for which in ("trailing", "leading"))
    model, tokenizer = library(folder)
    boundary = [place for text, place in tokenizer.get_vocab().items() if text.startswith(WHITE)]
    text = [0, *tokenizer(" " + TEXT)["input_ids"]]
    first, last = (sum(probability(model, seen, [place]) for place in boundary) for seen in ([0], text))
    assert word.sum() == pytest.approx(token.sum() + np.log2(first) - np.log2(last), rel=1e-4)
    assert (word >= 0).all()


@pytest.mark.parametrize(
    ("texts", "joiner", "after", "before"),
    [  # which words are given the boundary after them, and relieved of the one before
        (["the", "fox"], "script", [1, 1], [1, 1]),
        (["the", "fox"], " ", [1, 1], [1, 1]),
        (["the", "fox"], "", [0, 0], [0, 0]),
        (["小", "王子"], "script", [0, 0], [0, 0]),
        (["小", "the"], "script", [0, 1], [0, 0]),
        (["l'", "homme", "dog"], "elisions", [0, 1, 1], [1, 0, 1]),
        (["l'", "homme", "dog"], "script", [0, 1, 1], [1, 0, 1]),
        (["dell'", "arte", "dog"], "elisions", [0, 1, 1], [1, 0, 1]),
        (["dell'", "arte", "dog"], "script", [1, 1, 1], [1, 1, 1]),
        (["fox", "'s", "dog"], "clitics", [1, 1, 1], [1, 1, 1]),
        (["do", "n't", "dog"], "clitics", [1, 1, 1], [1, 0, 1]),
    ],
)
def test_where_a_boundary_is_corrected_for(texts, joiner, after, before, tmp_path):
    folder = save_language_model(tmp_path / "m")
    source, words = ModelSource(tmp_path, True), words_at(list(range(len(texts))), texts)
    from bids_app.features.base.words import word_tokens

    model, tokenizer = library(folder)
    marks = (*WHITE, "'") if joiner == "clitics" else WHITE
    boundary = [place for text, place in tokenizer.get_vocab().items() if text.startswith(marks)]
    seen, want = [0], bits(source, words, joiner, whitespace="leading")
    for row, own in enumerate(word_tokens(texts, tokenizer, joiner)):
        heard = [*seen, *own]
        for given, applies, sign in ((seen, before[row], 1), (heard, after[row], -1)):
            want[row] += applies * sign * np.log2(sum(probability(model, given, [token]) for token in boundary))
        seen = heard
    np.testing.assert_allclose(bits(source, words, joiner), want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("joiner", ["script", "elisions", "clitics", ""])
@pytest.mark.parametrize("later", ["dog", "'s", "n't", "小", "d'"])
def test_what_comes_after_a_word_does_not_matter(joiner, later, tmp_path):
    save_language_model(tmp_path / "m")
    source = ModelSource(tmp_path, True)
    one, other = (bits(source, words_at([0, 1, 2], ["the", "fox", text]), joiner)[:2] for text in ("lazy", later))
    np.testing.assert_allclose(one, other, rtol=1e-5)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_boundaries_of_every_kind_of_tokenizer(name):
    tokenizer = TOKENIZERS[name]
    texts = {token: tokenizer.convert_ids_to_tokens(token) for token in boundary_tokens(tokenizer, False)}
    assert texts
    special = set(tokenizer.all_special_tokens)
    for token, text in tokenizer.get_vocab().items():
        begins = token.startswith((*WHITE, "▁")) or token in ("<0x20>", *(f"<0x{k:02X}>" for k in range(9, 14)))
        begins |= token in {f"<0x{k:02X}>" for k in range(28, 32)}
        begins |= name == "word pieces" and token.isalpha()
        if name == "word pieces" and not token.removeprefix("##").isalpha():
            continue  # punctuation ends no word of a transcript, whose words have it
        assert (text in texts) == (begins and token not in special), token


def test_where_no_token_begins_with_a_blank_there_is_nothing_to_correct():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    ends = Tokenizer(models.BPE({"a": 0, "b": 1, "a</w>": 2, "b</w>": 3}, [], end_of_word_suffix="</w>"))
    ends.pre_tokenizer, ends.decoder = pre_tokenizers.Whitespace(), decoders.BPEDecoder("</w>")
    assert boundary_tokens(PreTrainedTokenizerFast(tokenizer_object=ends, eos_token="b"), False) == frozenset()


def test_a_word_longer_than_the_window_and_the_first_of_all_are_numbers(tmp_path):
    save_language_model(tmp_path / "m", n_positions=12)
    words = words_at([0, 1, 2], ["the", "zxqvkjwzxqvkjwzxqvkjw", "dog"])
    assert np.isfinite(bits(ModelSource(tmp_path, True), words)).all()
    save_language_model(tmp_path / "m", bos=False)
    got = bits(ModelSource(tmp_path, True), words)
    assert np.isfinite(got).all()
    assert (got >= 0).all()


def test_of_a_word_longer_than_the_window_no_beginning_is_taken_away():
    """What is in the window are the word's last tokens: before them stands the word itself, and no boundary."""
    import torch

    tokenizer, heard = train_tokenizer(), stimulus(words=words_at([0, 1], ["the", "zxqvkjwzxqvkjw"]))
    given = tokenize(heard, tokenizer, FeatureSpec("x", "surprisal", {"casing": "as_written"}))
    boundary = sorted(boundary_tokens(tokenizer, False))
    own = torch.tensor(given.ids[1])
    assert len(own) > 4
    assert own[0] in boundary
    log2_p = torch.randn(len(own) + 1, len(tokenizer), dtype=torch.float64).log_softmax(-1) / np.log(2)
    before, *_, after = (float(row[boundary].exp2().sum().log2()) for row in log2_p)
    measure = with_boundaries(given, tokenizer)
    whole = float(plain(log2_p, own, 1))
    assert float(measure(log2_p, own, 1)) == pytest.approx(whole - after + before)
    last, rows = own[-3:], log2_p[-4:]
    assert float(measure(rows, last, 1)) == pytest.approx(float(plain(rows, last, 1)) - after)


def test_the_plain_sum_is_an_option_and_another_key(tmp_path):
    save_language_model(tmp_path / "m")
    source, heard, store = (
        ModelSource(tmp_path, True),
        stimulus(words=spaced_words()),
        features.FeatureStore(tmp_path),
    )
    specs = [FeatureSpec("x", "surprisal", {"model": "m", **more}) for more in ({}, {"whitespace": "leading"})]
    first, second = (store.get(heard, spec, source) for spec in specs)
    assert not second[1]
    assert np.abs(first[0].values - second[0].values).max() > 1e-3
    assert "with the boundary after it, given the one before it" in first[0].provenance.description
    assert "with the blank before it" in second[0].provenance.description
    with pytest.raises(UsageError, match="'whitespace' must be trailing or leading"):
        features.resolve(FeatureSpec("x", "surprisal", {"model": "m", "whitespace": "none"}))
