"""Words: tokens belong to their word, contexts are exact, batches change nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import TEXT, save_language_model, spaced_words, stimulus, train_tokenizer, words_at

from bids_app import features
from bids_app.errors import DataError, UsageError
from bids_app.features.language_model import word_windows
from bids_app.features.words import word_tokens
from bids_app.records import FeatureSpec, Intervals, ModelSource

TOKENIZER = train_tokenizer()


def spec(**options):
    return FeatureSpec("language", "language_model", {"model": "tiny-gpt2", "layer": 1, **options})


def plain_loop(folder, words, context, layer, start):
    """One word at a time through the library's own forward."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    coded = [tokenizer(" " + word, add_special_tokens=False)["input_ids"] for word in words]
    rows = []
    for k, own in enumerate(coded):
        tokens = start + [token for word in coded[max(0, k - context) : k + 1] for token in word]
        with torch.no_grad():
            states = model(torch.tensor([tokens]), output_hidden_states=True).hidden_states[layer][0]
        rows.append(states[-len(own) :].mean(0).numpy())
    return np.stack(rows)


@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("context", [0, 3, 32])
def test_equals_a_plain_loop(layer, context, source):
    words = spaced_words(" ".join([TEXT] * 4))  # more than one batch
    rows = features.extract(stimulus(words=words), spec(layer=layer, context_words=context), source)
    want = plain_loop(source.model_dir / "tiny-gpt2", words.text, context, layer, [0])
    np.testing.assert_allclose(rows.values, want, rtol=1e-4, atol=1e-4 * np.abs(want).max())


def test_without_a_mark_for_the_beginning_there_is_none(tmp_path):
    folder = save_language_model(tmp_path / "bare", bos=False)
    rows = features.extract(stimulus(words=spaced_words()), spec(model="bare"), ModelSource(tmp_path, True))
    np.testing.assert_allclose(rows.values, plain_loop(folder, TEXT.split(), 32, 1, []), rtol=1e-4, atol=1e-4)


def test_exactly_the_words_of_the_window_matter(source):
    texts = TEXT.split()
    before = features.extract(stimulus(words=spaced_words()), spec(context_words=3), source).values
    texts[4] = "mondays"
    after = features.extract(stimulus(words=spaced_words(" ".join(texts))), spec(context_words=3), source).values
    changed = np.abs(after - before).max(axis=1) > 1e-4
    assert np.flatnonzero(changed).tolist() == [4, 5, 6, 7]


def test_embeddings_are_the_mean_of_the_tables_rows(source):
    from transformers import AutoModel, AutoTokenizer

    folder = source.model_dir / "tiny-gpt2"
    table = AutoModel.from_pretrained(folder).wte.weight.detach().numpy()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    static = FeatureSpec("s", "word_embedding", {"model": "tiny-gpt2"})
    rows = features.extract(stimulus(words=spaced_words()), static, source)
    want = [table[tokenizer(" " + word)["input_ids"]].mean(0) for word in TEXT.split()]
    np.testing.assert_allclose(rows.values, want, rtol=1e-5, atol=1e-6)
    repeated = features.extract(stimulus(words=words_at([0, 1], ["fox", " fox "])), static, source)
    np.testing.assert_array_equal(repeated.values[0], repeated.values[1])


def test_words_without_text_have_no_row_and_are_counted(source):
    words = words_at([0, 1, 2, 3], ["the", "  ", "", "dog"])
    for kind, options in [("word_rate", {}), ("language_model", {"model": "tiny-gpt2", "layer": 1})]:
        rows = features.extract(stimulus(words=words), FeatureSpec("x", kind, options), source)
        assert rows.onsets_s.tolist() == [0, 3]
        assert rows.provenance["notes"] == ["2 of 4 words have no text and no row"]


def test_more_tokens_than_the_model_has_positions(tmp_path):
    folder = save_language_model(tmp_path / "short", n_positions=12)
    words = words_at([0, 1, 2, 3], ["the", "zxqvkjwzxqvkjwzxqvkjw", "lazy", "dog"])
    rows = features.extract(stimulus(words=words), spec(model="short"), ModelSource(folder.parent, True))
    assert rows.values.shape == (4, 16)
    assert np.isfinite(rows.values).all()


def test_a_layer_that_is_not_there(source):
    with pytest.raises(UsageError, match=r"no layer 3.*layers 0 to 2"):
        features.extract(stimulus(words=spaced_words()), spec(layer=3), source)


def test_an_empty_transcript_names_the_stimulus(source):
    for words in (words_at([], []), words_at([1.0], ["  "])):
        with pytest.raises(DataError, match=r"transcript is empty: story\.wav"):
            features.extract(stimulus(words=words), spec(), source)


@given(
    ids=st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=6), min_size=1, max_size=12),
    context=st.integers(0, 5),
    limit=st.one_of(st.none(), st.integers(2, 12)),
)
def test_windows_end_with_the_word_and_fit(ids, context, limit):
    for k, (tokens, own) in enumerate(word_windows(ids, context, [0], limit)):
        assert tokens[0] == 0
        assert limit is None or len(tokens) <= limit
        assert 1 <= own <= len(ids[k])
        assert tokens[-own:] == ids[k][-own:]
        whole = [token for word in ids[max(0, k - context) : k + 1] for token in word]
        assert tokens[1:] == whole[-len(tokens[1:]) :]
        if limit is None:
            assert len(tokens) == 1 + len(whole)


WORD = st.text(min_size=1, max_size=12).map(lambda text: "".join(text.split())).filter(bool)


ODD = st.sampled_from(["don't", "café", "3.14", "—", "U.S.A.", "日本", "👩‍👩‍👧"])


@given(st.lists(st.one_of(WORD, ODD), min_size=1, max_size=8))
def test_every_token_belongs_to_one_word_and_gives_it_back(words):
    ids = word_tokens(words, TOKENIZER)
    assert len(ids) == len(words)
    assert [TOKENIZER.decode(tokens, clean_up_tokenization_spaces=False) for tokens in ids] == [
        " " + word for word in words
    ]


def test_a_word_is_split_as_within_a_text():
    assert word_tokens(["fox", "fox"], TOKENIZER)[0] == word_tokens(["the", "fox"], TOKENIZER)[1]


def test_unsorted_words_have_their_context_in_time(source):
    words = spaced_words()
    mixed = np.random.default_rng(0).permutation(len(words.text))
    shuffled = Intervals(words.onset_s[mixed], words.duration_s[mixed], tuple(words.text[k] for k in mixed))
    a, b = (features.extract(stimulus(words=w), spec(), source) for w in (words, shuffled))
    np.testing.assert_array_equal(a.values, b.values)
    np.testing.assert_array_equal(a.times_s, b.times_s)
