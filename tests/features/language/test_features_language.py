"""Words: tokens belong to their word, contexts are exact, batches change nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_architectures import small_model
from tiny_models import (
    TEXT,
    own_tokens,
    save_causal_model,
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
from bids_app.features.base.words import word_tokens
from bids_app.features.language.contexts import Frame, batches, exact_windows, rolling_windows
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
        rows.append(states[-len(own_tokens(own, tokenizer)) :].mean(0).numpy())
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


@pytest.mark.parametrize("family", ["OPT", "Llama", "Qwen2"])
def test_every_causal_family_equals_a_plain_loop(family, tmp_path):
    folder = save_causal_model(tmp_path / family, family)
    start = [] if family == "Qwen2" else [0]
    for layer in (0, 1, 2):
        heard = stimulus(words=spaced_words())
        got = features.extract(heard, spec(model=family, layer=layer, context_words=5), ModelSource(tmp_path, True))
        want = plain_loop(folder, TEXT.split(), 5, layer, start)
        np.testing.assert_allclose(got.values, want, rtol=1e-4, atol=1e-4 * np.abs(want).max())


@pytest.mark.parametrize("family", ["Bert", "Roberta", "DistilBert"])
def test_masked_models_see_nothing_after_the_word(family, tmp_path):
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder, source = save_masked_model(tmp_path / family, family), ModelSource(tmp_path, True)
    words = spaced_words(TEXT + " ÇA ZQX!")  # accents and capitals that the tokenizer takes away
    got = features.extract(stimulus(words=words), spec(model=family, layer=2, context_words=2), source)
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    for row, word in enumerate(words.text):
        coded = [
            tokenizer(text, add_special_tokens=False)["input_ids"] for text in words.text[max(0, row - 2) : row + 1]
        ]
        tokens = [tokenizer.cls_token_id, *(token for one in coded for token in one), tokenizer.sep_token_id]
        with torch.no_grad():
            states = model(torch.tensor([tokens])).last_hidden_state[0, :-1]
        want = states[-len(coded[-1]) :].mean(0).numpy()
        np.testing.assert_allclose(got.values[row], want, rtol=1e-3, atol=1e-4, err_msg=word)
    with pytest.raises(UsageError, match="a masked model would see later words"):
        features.extract(stimulus(words=words), spec(model=family, context={"tokens": 8}), source)


@pytest.mark.parametrize("kind", ["albert", "flaubert", "squeezebert", "xlm", "xlnet", "opt"])
def test_architectures_with_layers_of_their_own_kind_equal_a_plain_loop(kind, tmp_path):
    """Shared layers, lists that are no blocks, other axes first, and a last layer of another width."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    causal = kind in ("xlnet", "opt")
    tokenizer = train_tokenizer() if causal else word_pieces()
    narrow = {"word_embed_proj_dim": 16} if kind == "opt" else {}
    small_model(kind, vocab_size=len(tokenizer), **narrow).save_pretrained(tmp_path / kind)
    tokenizer.save_pretrained(tmp_path / kind)
    asked = spec(model=kind, layer="all", context_words=3)
    got = features.extract(stimulus(words=spaced_words()), asked, ModelSource(tmp_path, True))
    widths = [end - first for first, end in got.provenance.layers.values()]
    assert widths == [32] * 4 + ([16] if kind == "opt" else [32])
    model, tokenizer = (
        kind.from_pretrained(tmp_path / asked.options["model"]) for kind in (AutoModel, AutoTokenizer)
    )
    start, end = ([0], []) if causal else ([tokenizer.cls_token_id], [tokenizer.sep_token_id])
    coded = [tokenizer(" " + word, add_special_tokens=False)["input_ids"] for word in TEXT.split()]
    for row, own in enumerate(coded):
        before = [token for word in coded[max(0, row - 3) : row] for token in word]
        with torch.no_grad():
            given = torch.tensor([[*start, *before, *own, *end]])
            states = model.eval()(given, output_hidden_states=True).hidden_states
        stop = len(start) + len(before) + len(own)
        first = stop - len(own_tokens(own, tokenizer))
        want = torch.cat([layer[0, first:stop].mean(0) for layer in states]).numpy()
        np.testing.assert_allclose(got.values[row], want, rtol=1e-3, atol=1e-4 * np.abs(want).max())


def test_a_model_whose_layers_cannot_be_read_is_one_line(tmp_path):
    tokenizer = train_tokenizer()
    small_model("mamba", vocab_size=len(tokenizer)).save_pretrained(tmp_path / "mamba")
    tokenizer.save_pretrained(tmp_path / "mamba")
    with pytest.raises(UsageError, match=r"hidden layers of mamba cannot be read.*feature 'language'") as caught:
        features.extract(stimulus(words=spaced_words()), spec(model="mamba"), ModelSource(tmp_path, True))
    assert "\n" not in str(caught.value)


def test_roberta_keeps_within_its_positions(tmp_path):
    save_masked_model(tmp_path / "short", "Roberta", positions=14)
    got = features.extract(stimulus(words=spaced_words()), spec(model="short"), ModelSource(tmp_path, True))
    assert np.isfinite(got.values).all()


@pytest.mark.parametrize(("tokens", "stride"), [(24, 12), (16, 16), (9, 1), (90, 45)])
def test_rolling_windows_equal_the_library_read_off_the_same_windows(tokens, stride, source):
    import torch
    from transformers import AutoModel, AutoTokenizer

    words = spaced_words()
    rolling = {"tokens": tokens, "stride": stride}
    got = features.extract(stimulus(words=words), spec(context=rolling, subtokens="last"), source).values
    folder = source.model_dir / "tiny-gpt2"
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    ids = word_tokens(words.text, tokenizer)
    most = min(tokens, 127)
    for row in range(len(ids)):  # the context that a word had: one of the allowed lengths gives its state
        past = [0, *(token for word in ids[: row + 1] for token in word)]
        low = max(len(past) - most, 1)
        high = len(past) - len(ids[row])
        allowed = []
        for begin in range(low, high + 1):
            with torch.no_grad():
                seen = torch.tensor([[0, *past[begin:]]])
                allowed.append(model(seen, output_hidden_states=True).hidden_states[1][0, -1].numpy())
        assert min(np.abs(state - got[row]).max() for state in allowed) < 1e-4
        if len(past) - 1 <= most:  # the first window has everything from the beginning
            assert np.abs(allowed[0] - got[row]).max() < 1e-4


@pytest.mark.parametrize("pool", ["mean", "last", "sum"])
def test_sub_tokens_are_pooled(pool, source):
    import torch
    from transformers import AutoModel, AutoTokenizer

    got = features.extract(stimulus(words=words_at([0], ["zxqvkj"])), spec(subtokens=pool), source).values[0]
    folder = source.model_dir / "tiny-gpt2"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = [0, *tokenizer(" zxqvkj")["input_ids"]]
    n_own = len(own_tokens(ids[1:], tokenizer))
    assert n_own > 4
    with torch.no_grad():
        model = AutoModel.from_pretrained(folder).eval()
        states = model(torch.tensor([ids]), output_hidden_states=True).hidden_states[1][0, -n_own:].numpy()
    want = {"mean": states.mean(0), "last": states[-1], "sum": states.sum(0)}[pool]
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_layers_stand_side_by_side_in_one_pass(source, monkeypatch):
    single = [features.extract(stimulus(words=spaced_words()), spec(layer=k), source).values for k in (0, 1, 2)]
    got = features.extract(stimulus(words=spaced_words()), spec(layer="all"), source)
    assert got.provenance.layers == {"0": (0, 16), "1": (16, 32), "2": (32, 48)}
    np.testing.assert_allclose(got.values, np.concatenate(single, axis=1), rtol=1e-5, atol=1e-6)
    some = features.extract(stimulus(words=spaced_words()), spec(layer=[2, 0]), source).values
    np.testing.assert_allclose(some, np.concatenate([single[2], single[0]], axis=1), rtol=1e-5, atol=1e-6)


def test_no_block_above_the_wanted_layer_runs(source, monkeypatch):
    from transformers.models.gpt2 import modeling_gpt2

    seen = []
    forward = modeling_gpt2.GPT2Block.forward
    monkeypatch.setattr(
        modeling_gpt2.GPT2Block, "forward", lambda self, *a, **k: seen.append(1) or forward(self, *a, **k)
    )
    heard = stimulus(words=words_at([0], ["fox"]))
    runs = []
    for layer in (0, 1, 2):
        features.extract(heard, spec(layer=layer), source)
        runs.append(len(seen))
        seen.clear()
    assert [more - runs[0] for more in runs] == [0, 1, 2]  # beside those of the trial


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
    want = [table[own_tokens(tokenizer(" " + word)["input_ids"], tokenizer)].mean(0) for word in TEXT.split()]
    np.testing.assert_allclose(rows.values, want, rtol=1e-5, atol=1e-6)
    repeated = features.extract(stimulus(words=words_at([0, 1], ["fox", " fox "])), static, source)
    np.testing.assert_array_equal(repeated.values[0], repeated.values[1])


def test_words_without_text_have_no_row_and_are_counted(source):
    words = words_at([0, 1, 2, 3], ["the", "  ", "", "dog"])
    for kind, options in [("word_rate", {}), ("language_model", {"model": "tiny-gpt2", "layer": 1})]:
        rows = features.extract(stimulus(words=words), FeatureSpec("x", kind, options), source)
        assert rows.onsets_s.tolist() == [0, 3]
        assert rows.provenance.notes == ("2 of 4 words have no text and no row",)


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


IDS = st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=6), min_size=1, max_size=12)
FRAMES = st.builds(
    Frame,
    st.sampled_from([(), (0,)]),
    st.sampled_from([(), (100,)]),
    st.one_of(st.none(), st.integers(3, 12)),
)


@given(ids=IDS, context=st.integers(0, 5), frame=FRAMES)
def test_windows_end_with_the_word_and_fit(ids, context, frame):
    for row, window in enumerate(exact_windows(ids, context, frame)):
        ((place, first, end),) = window.words
        assert place == row
        assert frame.limit is None or len(window.tokens) <= frame.limit
        assert window.tokens[: len(frame.start)] == frame.start
        assert window.tokens[end:] == frame.end
        assert list(window.tokens[first:end]) == ids[row][first - end :]
        whole = [token for word in ids[max(0, row - context) : row + 1] for token in word]
        seen = list(window.tokens[len(frame.start) : end])
        assert seen == whole[-len(seen) :]
        if frame.limit is None:
            assert seen == whole


@given(ids=IDS, tokens=st.integers(2, 20), stride=st.integers(1, 20), frame=FRAMES)
def test_rolling_windows_read_every_word_once_with_enough_context(ids, tokens, stride, frame):
    most, stride = min(tokens, frame.room or tokens), min(stride, tokens)
    windows = rolling_windows(ids, tokens, stride, frame)
    assert [row for window in windows for row, _, _ in window.words] == list(range(len(ids)))
    for window in windows:
        assert len(window.tokens) <= most + len(frame.start) + len(frame.end)
        for row, first, end in window.words:
            assert list(window.tokens[first:end]) == ids[row][first - end :]
            past = [token for word in ids[:row] for token in word]
            context = list(window.tokens[len(frame.start) : first])
            assert context == past[len(past) - len(context) :]
            longest = max(map(len, ids))
            if max(most - stride, 0) + longest <= most:  # whole words are kept: up to a word less than asked for
                assert len(context) >= min(len(past), most - stride - longest + 1)


@given(ids=IDS)
def test_batches_hold_every_window_once_and_mix_no_lengths(ids):
    windows = exact_windows(ids, 3, Frame())
    found = list(batches(windows, "cpu"))
    assert sorted(window.words for batch in found for window in batch) == sorted(window.words for window in windows)
    assert all(len({len(window.tokens) for window in batch}) == 1 for batch in found)


@given(
    text=st.lists(
        st.sampled_from(["Fox", "dog,", "ÇA", "日本", "e\u0301", "don't", "—", "naïve"]), min_size=1, max_size=8
    )
)
def test_word_pieces_belong_to_one_word_too(text):
    from tiny_models import word_pieces

    pieces = word_pieces()
    assert word_tokens(text, pieces) == [pieces(word, add_special_tokens=False)["input_ids"] for word in text]


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
