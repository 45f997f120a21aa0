"""Every kind of tokenizer: each token is one word's, and odd words cost nobody else a token."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import (
    TEXT,
    noise,
    save_language_model,
    save_masked_model,
    spaced_words,
    stimulus,
    train_tokenizer,
    word_pieces,
    words_at,
)

from bids_app import features
from bids_app.errors import DataError, UsageError
from bids_app.features.base.tokens import texts_within, unknown_tokens
from bids_app.features.base.words import IN_CAPITALS, follows_without_blank, tokenize, word_tokens
from bids_app.records import FeatureSpec, ModelSource


def trimmed():
    """As RoBERTa's: characters of a token without the blank before it."""
    from tokenizers import processors

    tokenizer = train_tokenizer()
    tokenizer.backend_tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    return tokenizer


def prefixed():
    """As BART's and Phi's may be: a blank before every text."""
    from tokenizers import pre_tokenizers

    tokenizer = train_tokenizer()
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    return tokenizer


def sentence_pieces(kind):
    """As T5's and ALBERT's (unigram, blanks as ▁) or Llama's (pairs, unknown characters as bytes), or pairs that may
    reach over blanks (greedy)."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    byte_names = [f"<0x{value:02X}>" for value in range(256)]
    if kind == "unigram":
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=120, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False
        )
    else:
        tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=["<unk>", *byte_names], show_progress=False)
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    if kind == "pairs":  # what Llama's was trained with, which kept its pieces within words
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator([TEXT] * 3, trainer)
    if kind == "pairs":
        tokenizer.pre_tokenizer = None
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")


TOKENIZERS = {
    "byte pairs": train_tokenizer(),
    "byte pairs, trimmed": trimmed(),
    "byte pairs, prefixed": prefixed(),
    "word pieces": word_pieces(),
    "unigram": sentence_pieces("unigram"),
    "pairs with bytes": sentence_pieces("pairs"),
}
ODD = [
    "don't", "DON'T", "'cause", "dogs'", "well-known", "U.S.A.", "3.14", "$5", "café", "cafe\u0301",
    "naïve", "日本", "👩‍👩‍👧",
    "—", "...", "?!", "\u200b", "<unk>", "[UNK]", "<|endoftext|>", "zxqvkjw", "a" * 60, "İ", "ﬁ", "\u00ad",
    "New York",
]  # fmt: skip
WORDS = st.lists(st.sampled_from([*TEXT.split(), *ODD]), min_size=1, max_size=8)


@pytest.mark.parametrize("name", TOKENIZERS)
@given(words=WORDS)
def test_tokens_of_a_text_are_shared_out_among_its_words(name, words):
    """Together they are the text's tokens in order, and no word has a part of another one's characters."""
    tokenizer = TOKENIZERS[name]
    text = " ".join((words[0], *words))
    coded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids = word_tokens(words, tokenizer)
    assert len(ids) == len(words)
    shared = [token for one in ids for token in one]
    assert shared == coded["input_ids"][len(coded["input_ids"]) - len(shared) :]
    spans = coded["offset_mapping"][len(coded["input_ids"]) - len(shared) :]
    begin, place = len(words[0]) + 1, 0
    for word, own in zip(words, ids, strict=True):
        for start, stop in spans[place : place + len(own)]:
            assert begin - 1 <= start <= stop <= begin + len(word)
        begin, place = begin + len(word) + 1, place + len(own)


@pytest.mark.parametrize("name", ["byte pairs", "byte pairs, trimmed", "unigram", "pairs with bytes"])
@given(words=st.lists(st.sampled_from([*TEXT.split(), "don't", "U.S.A.", "café"]), min_size=1, max_size=8))
def test_what_the_tokens_of_a_word_spell_is_the_word(name, words):
    tokenizer = TOKENIZERS[name]
    known = set(" ".join(TEXT.split()))
    for word, own in zip(words, word_tokens(words, tokenizer), strict=True):
        if name != "unigram" or set(word) <= known:  # it has no bytes to fall back on
            assert tokenizer.decode(own, clean_up_tokenization_spaces=False).strip() == word


@pytest.mark.parametrize("name", TOKENIZERS)
@given(words=st.lists(st.sampled_from([*TEXT.split(), *ODD]), min_size=3, max_size=6), odd=st.sampled_from(ODD))
def test_an_odd_word_changes_no_other_words_tokens(name, words, odd):
    """In whatever way it is split; a word in three pieces is cut at its blanks alone."""
    tokenizer = TOKENIZERS[name]
    changed = [words[0], odd, *words[2:]]
    before, after = word_tokens(words, tokenizer), word_tokens(changed, tokenizer)
    if "<|endoftext|>" not in (*words, odd) and "<unk>" not in (*words, odd):  # marks, not text: they part a text
        assert before[0] == after[0]
        assert before[2:] == after[2:]


def test_a_token_of_two_words_is_refused():
    greedy = sentence_pieces("greedy")
    with pytest.raises(DataError, match="the tokenizer makes one token of two words") as caught:
        word_tokens(TEXT.split(), greedy)
    assert "\n" not in str(caught.value)


def language(texts, source, kind="language_model", **options):
    given = {"model": "tiny-gpt2", **({"layer": 1} if kind == "language_model" else {}), **options}
    spec = FeatureSpec("x", kind, given)
    return features.extract(stimulus(words=words_at([0.5 * k for k in range(len(texts))], texts)), spec, source)


@pytest.mark.parametrize("kind", ["language_model", "word_embedding", "surprisal", "entropy"])
def test_casing(kind, source):
    small = TEXT.lower().split()
    loud = [word.upper() for word in small]
    want = language(small, source, kind).values
    assert np.abs(language(loud, source, kind).values - want).max() > 1e-3
    lowered = language(loud, source, kind, casing="lower")
    np.testing.assert_array_equal(lowered.values, want)
    assert IN_CAPITALS not in lowered.provenance.notes
    assert IN_CAPITALS in language(loud, source, kind).provenance.notes
    assert IN_CAPITALS not in language([*loud[:-1], "mondays"], source, kind).provenance.notes
    assert IN_CAPITALS not in language(["I"], source, kind).provenance.notes


def test_casing_of_the_decoder_and_of_vectors(source):
    heard = [stimulus(noise(3.0), words=spaced_words(text)) for text in ("the quick fox", "THE QUICK FOX")]
    spec = FeatureSpec(
        "x",
        "speech_model",
        {"model": "short-whisper", "part": "decoder", "layer": 1, "window_s": 2, "casing": "lower"},
    )
    small, loud = (features.extract(one, spec, source).values for one in heard)
    np.testing.assert_array_equal(small, loud)
    with pytest.raises(UsageError, match="'casing' is not for 'part: encoder'"):
        features.resolve(FeatureSpec("x", "speech_model", {"model": "m", "layer": 1, "casing": "lower"}))
    with pytest.raises(UsageError, match="'casing' is for models, not for a file"):
        features.resolve(FeatureSpec("x", "word_embedding", {"model": "glove.txt", "casing": "lower"}))


@pytest.mark.parametrize("kind", ["language_model", "word_embedding"])
def test_what_the_tokenizer_does_not_know_is_told(kind, tmp_path):
    save_masked_model(tmp_path / "m")
    source = ModelSource(tmp_path, True)
    got = language([*["the", "fox"] * 10, "☃"], source, kind, model="m").provenance
    share = 1 / (10 * sum(map(len, word_tokens(["the", "fox"], word_pieces()))) + 1)  # the last is the snowman's
    assert got.unknown_share == pytest.approx(share, abs=1e-6)
    assert got.warnings == (f"{share:.1%} of the tokens of the words of story are unknown to the tokenizer: ☃",)
    known = language(["the", "fox"], source, kind, model="m").provenance
    assert (known.unknown_share, known.notes, known.warnings) == (0, (), ())


@pytest.mark.parametrize("kind", ["language_model", "word_embedding"])
def test_where_much_is_unknown_the_feature_is_refused(kind, tmp_path):
    save_masked_model(tmp_path / "m")
    source, known = ModelSource(tmp_path, True), ["the", "fox"]
    with pytest.raises(DataError, match=r"of the words of story are unknown.*more than 10% \(☂, ☃, 日本\)") as caught:
        language([*known, "日本", "☃", "☂"], source, kind, model="m")
    assert "feature 'x'" in str(caught.value)
    assert "\n" not in str(caught.value)
    for few in (["☃"], ["日本", "☃"], ["日本", "☃", "☃", "☃"]):  # a name or two, however often, say nothing about it
        got = language([*known, *few], source, kind, model="m").provenance
        assert got.unknown_share > 0.1
        assert len(got.warnings) == 1
    for alone in (["☃"], ["日本", "☃"]):  # a word list's stimuli
        with pytest.raises(DataError, match="more than 10%"):
            language(alone, source, kind, model="m")
    n_known = 30 * sum(len(own) for own in word_tokens(known, word_pieces()))
    assert language([*known * 30, *["☃"] * 3], source, kind, model="m").provenance.unknown_share == pytest.approx(
        3 / (n_known + 3), abs=1e-6
    )


def test_a_tokenizer_is_read_and_gone_through_once(tmp_path, monkeypatch):
    from transformers import AutoTokenizer

    made, source, exact = [], ModelSource(tmp_path, True), AutoTokenizer.from_pretrained
    monkeypatch.setattr(
        AutoTokenizer, "from_pretrained", lambda *given, **named: made.append(1) or exact(*given, **named)
    )
    before = unknown_tokens.cache_info().misses
    save_language_model(tmp_path / "m")
    for words in (["the", "fox"], ["a", "lazy", "dog"]):
        language(words, source, "surprisal", model="m")
    assert (len(made), unknown_tokens.cache_info().misses - before) == (1, 1)
    save_language_model(tmp_path / "m", bos=False)  # other files in its place
    language(["the", "fox"], source, "surprisal", model="m")
    assert (len(made), unknown_tokens.cache_info().misses - before) == (2, 2)


def within(tokenizer):
    """As published where tokenizer_config.json says nothing of what the tokenizer makes of the unknown."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer)


@pytest.mark.parametrize(
    ("tokenizer", "words", "n_unknown"),
    [
        (word_pieces(), ["the", "☃"], 1),
        (word_pieces(), ["the", "[UNK]"], 1),
        (word_pieces(), ["the", "\u200b"], 1),  # no token at all
        (sentence_pieces("unigram"), ["the", "☃"], 1),
        (within(word_pieces()), ["the", "☃"], 1),
        (within(sentence_pieces("unigram")), ["the", "☃"], 1),
        (sentence_pieces("pairs"), ["the", "☃"], 0),  # in bytes
        (train_tokenizer(), ["the", "☃", "日本"], 0),  # in bytes, and nothing that stands for the unknown
    ],
)
def test_what_counts_as_unknown(tokenizer, words, n_unknown, monkeypatch):
    monkeypatch.setattr("bids_app.features.base.words.UNKNOWN_MOST", 1)
    spec = FeatureSpec("x", "surprisal", {"casing": "as_written"})
    got = tokenize(stimulus(words=words_at(list(range(len(words))), words)), tokenizer, spec)
    n_tokens = sum(map(len, got.own)) + len(words) - len(got.words.text)
    assert got.unknown_share == pytest.approx(n_unknown / n_tokens, abs=1e-6)
    assert bool(got.warnings) is (n_unknown > 0)


# ------------------------------------------------------------------------------------------------ what joins words
@pytest.mark.parametrize(
    ("words", "joiner", "bare"),
    [
        (["l'", "homme", "rit"], "clitics", [False, True, False]),
        (
            ["do", "n't", "it", "’s", "the", "dogs", "'", "bone"],
            "clitics",
            [False, True, False, True, False, False, True, True],
        ),
        (["'t", "is", "N'T"], "clitics", [False, False, True]),
        (["小", "王子"], "", [True, True]),
        (["l'", "homme"], " ", [False, False]),
        (["l'", "homme", "d’", "un", "it", "'s"], "elisions", [False, True, False, True, False, False]),
        (["the", "dogs'", "bone", "goin'", "home", "'", "5'"], "script", [False] * 7),
        (["l'", "homme", "Qu’", "il", "o'", "clock", "dell'", "arte"], "script", [False, True] * 3 + [False] * 2),
        (["l'", "小"], " ", [False, False]),
        (["小", "王子", "，", "「他」", "the", "fox"], "script", [True, True, True, True, False, False]),
        (["きつね", "と", "コーヒー"], "script", [True, True, True]),
        (["สุนัข", "จิ้งจอก"], "script", [True, True]),
        (["어린", "왕자"], "script", [False, False]),  # Korean has blanks
        (["маленький", "принц"], "script", [False, False]),
        (["小", "王子"], "clitics", [True, True]),
        (["小", "王子"], " ", [False, False]),
    ],
)
def test_which_words_follow_without_a_blank(words, joiner, bare):
    assert follows_without_blank(words, joiner) == bare


@pytest.mark.parametrize("name", TOKENIZERS)
@given(words=st.lists(st.sampled_from([*TEXT.split(), "n't", "'s", "l'", "小", "王子"]), min_size=1, max_size=8))
def test_a_word_without_a_blank_before_it_is_split_by_itself_and_changes_no_other(name, words):
    tokenizer = TOKENIZERS[name]
    alone = [word_tokens([word], tokenizer, "")[0] for word in words]
    assert word_tokens(words, tokenizer, "") == alone
    spaced, bare = word_tokens(words, tokenizer), follows_without_blank(words, "clitics")
    expected = [own if joined else other for own, other, joined in zip(alone, spaced, bare, strict=True)]
    assert word_tokens(words, tokenizer, "clitics") == expected


@pytest.mark.parametrize(
    "name", ["byte pairs", "byte pairs, trimmed", "byte pairs, prefixed", "unigram", "pairs with bytes"]
)
@pytest.mark.parametrize("word", ["homme", "fox", "'s", "n't", "(fox)", "0", "-5", "小", "王子", "。", "café"])
def test_a_word_without_a_blank_before_it_has_no_token_with_one(name, word):
    tokenizer = TOKENIZERS[name]
    (own,) = word_tokens([word], tokenizer, "")
    assert own
    assert not any(text[:1].isspace() for text in texts_within(own, tokenizer))
    if name != "unigram":  # which has no bytes to fall back on
        letter = tokenizer("a", add_special_tokens=False)["input_ids"]
        assert tokenizer.decode([*letter, *own], clean_up_tokenization_spaces=False).strip() == "a" + word


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("word", ["fox", "☃", "日本", "(", "'s", "zxqv"])
def test_no_word_owns_a_blank_alone(name, word):
    tokenizer = TOKENIZERS[name]
    spec = FeatureSpec("x", "surprisal", {"casing": "as_written"})
    heard = stimulus(words=words_at(list(range(21)), ["the", word, *["fox"] * 19]))
    got = tokenize(heard, tokenizer, spec)
    for all_of_it, own in zip(got.ids, got.own, strict=True):
        before = all_of_it[: len(all_of_it) - len(own)]
        assert all(text.isspace() for text in texts_within(before, tokenizer))
        assert not texts_within(own[:1], tokenizer)[0].isspace()
    assert got.words.text[1] == word


@pytest.mark.parametrize("kind", ["language_model", "word_embedding"])
def test_states_and_vectors_are_those_of_the_words_own_tokens(kind, source):
    """The tiny GPT-2's vocabulary has no token of a blank and the first byte of a snowman."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = source.model_dir / "tiny-gpt2"
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(" ☃")["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids)[0] == "Ġ"
    with torch.no_grad():
        states = model(torch.tensor([[0, *ids]]), output_hidden_states=True).hidden_states[1][0, 2:]
        table = model.wte.weight[ids[1:]]
    want = (states if kind == "language_model" else table).mean(0).numpy()
    np.testing.assert_allclose(language(["☃"], source, kind).values[0], want, rtol=1e-4, atol=1e-5)


def test_the_context_has_the_blanks_that_the_text_has(source):
    """A blank alone is what the model sees before a word, whoever owns it."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = source.model_dir / "tiny-gpt2"
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(" the ☃")["input_ids"]
    with torch.no_grad():
        states = model(torch.tensor([[0, *ids]]), output_hidden_states=True).hidden_states[1][0]
    got = language(["the", "☃"], source).values[1]
    np.testing.assert_allclose(got, states[-3:].mean(0).numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("words", "joiner", "text"),
    [
        (["l'", "homme", "rit"], "elisions", " l'homme rit"),
        (["l'", "homme", "rit"], "script", " l'homme rit"),
        (["do", "n't", "go"], "clitics", " don't go"),
        (["小", "王子"], "script", "小王子"),
        (["the", "fox"], "script", " the fox"),
    ],
)
def test_what_the_model_sees_is_the_text_as_it_is_written(words, joiner, text):
    tokens = [token for own in word_tokens(words, TOKENIZERS["byte pairs"], joiner) for token in own]
    assert TOKENIZERS["byte pairs"].decode(tokens, clean_up_tokenization_spaces=False) == text
