"""Whisper's decoder: a row a word, after the words of its window, and nothing after the word."""

import numpy as np
import pytest
from tiny_models import TEXT, WHISPER_MARKS, noise, own_tokens, spaced_words, stimulus, words_at

from bids_app import features
from bids_app.errors import DataError, UsageError
from bids_app.features.base.words import word_tokens
from bids_app.records import FeatureSpec, Intervals


def spec(**options):
    given = {"model": "short-whisper", "part": "decoder", "layer": 2, "window_s": 3, **options}
    return FeatureSpec("speech", "speech_model", given)


HEARD = stimulus(noise(8.0), words=spaced_words())


@pytest.mark.parametrize("layer", [0, 1, 2, 3])
def test_equals_the_library_word_by_word(layer, source):
    import torch
    from transformers import AutoFeatureExtractor, AutoModel, AutoTokenizer

    folder = source.model_dir / "short-whisper"
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    extractor = AutoFeatureExtractor.from_pretrained(folder)
    got = features.extract(HEARD, spec(layer=layer), source)
    told = tokenizer.convert_tokens_to_ids([mark for mark in WHISPER_MARKS if mark != "<|fr|>"])
    coded = [tokenizer(" " + word, add_special_tokens=False)["input_ids"] for word in TEXT.split()]
    words = HEARD.words
    for row, end in enumerate(words.offset_s):
        within = [k for k in range(row + 1) if words.onset_s[k] >= end - 3]
        tokens = [*told, *(token for k in within for token in coded[k])]
        sound = HEARD.audio[max(0, round((end - 3) * 16000)) : round(end * 16000)]
        with torch.no_grad():
            given = extractor(sound, sampling_rate=16000, return_tensors="pt")["input_features"]
            out = model(given, decoder_input_ids=torch.tensor([tokens]), output_hidden_states=True)
        want = out.decoder_hidden_states[layer][0, -len(own_tokens(coded[row], tokenizer)) :].mean(0).numpy()
        np.testing.assert_allclose(got.values[row], want, rtol=1e-4, atol=1e-4 * np.abs(want).max())
    np.testing.assert_allclose(got.times_s, words.offset_s)
    assert (got.sampling, got.provenance.causal) == ("events", True)
    assert "decoder" in got.provenance.description


def test_layers_stand_side_by_side(source):
    every = features.extract(HEARD, spec(layer="all"), source)
    assert every.provenance.layers == {str(k): (16 * k, 16 * k + 16) for k in range(4)}
    one = features.extract(HEARD, spec(layer=[3, 1]), source).values
    both = np.concatenate([every.values[:, 48:], every.values[:, 16:32]], axis=1)
    np.testing.assert_allclose(one, both, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rate", [16000, 22050, 8000])
def test_nothing_after_the_word_enters(rate, source):
    audio, words = noise(4.0, rate), spaced_words("the quick brown fox jump over")
    changed = audio.copy()
    changed[round(1.4 * rate) :] += 0.5  # the fourth word ends at 1.4 s
    texts = (*words.text[:4], "mondays", "windows")
    later = Intervals(words.onset_s, words.duration_s, texts)
    one = features.extract(stimulus(audio, rate, words=words), spec(), source)
    for heard in (stimulus(changed, rate, words=later), stimulus(audio[: round(1.4 * rate)], rate, words=words)):
        other = features.extract(heard, spec(), source)
        np.testing.assert_allclose(other.values[:4], one.values[:4], rtol=1e-5, atol=1e-5)
    moved = np.abs(features.extract(stimulus(changed, rate, words=words), spec(), source).values - one.values)
    assert (moved.max(axis=1) > 1e-4).tolist() == [False] * 4 + [True] * 2


def test_earlier_words_and_sound_count_only_within_the_window(source):
    words = spaced_words()  # 0.4 s apart: a window of 1.1 s holds the word and two before it
    texts = ("mondays", *words.text[1:])
    other = features.extract(
        stimulus(HEARD.audio, words=Intervals(words.onset_s, words.duration_s, texts)), spec(window_s=1.1), source
    )
    moved = np.abs(other.values - features.extract(HEARD, spec(window_s=1.1), source).values).max(axis=1)
    assert np.flatnonzero(moved > 1e-4).tolist() == [0, 1, 2]
    audio = HEARD.audio.copy()
    audio[:1600] += 0.3
    other = features.extract(stimulus(audio, words=words), spec(window_s=1.1), source)
    moved = np.abs(other.values - features.extract(HEARD, spec(window_s=1.1), source).values).max(axis=1)
    assert np.flatnonzero(moved > 1e-4).tolist() == [0, 1, 2]


def test_words_beyond_the_sound_and_at_its_very_beginning_have_rows(source):
    words = Intervals(np.array([0.0, 0.1, 5.0, 9.0]), np.array([0.0, 0.2, 0.3, 0.3]), ("the", "fox", "lazy", "dog"))
    for rate in (16000, 44100):
        rows = features.extract(stimulus(noise(2.0, rate), rate, words=words), spec(), source)
        assert rows.times_s == pytest.approx([0, 0.3, 5.3, 9.3])
        assert np.isfinite(rows.values).all()


def test_more_words_than_the_decoder_has_positions(source):
    words = words_at([0.002 * k for k in range(400)], ["mondays"] * 399 + ["closed"], 0.001)
    rows = features.extract(stimulus(noise(1.0), words=words), spec(layer=1), source)
    assert np.isfinite(rows.values).all()


def test_the_language_is_told(source):
    english, french = (features.extract(HEARD, spec(language=code), source).values for code in ("en", "fr"))
    assert np.abs(english - french).max() > 1e-3
    with pytest.raises(UsageError, match="does not know the language 'xx'"):
        features.extract(HEARD, spec(language="xx"), source)


def test_what_the_decoder_needs(source):
    with pytest.raises(DataError, match="no word times"):
        features.extract(stimulus(noise(1.0)), spec(), source)
    with pytest.raises(UsageError, match=r"tiny-w2v has no decoder.*Whisper"):
        features.extract(HEARD, spec(model="tiny-w2v"), source)
    with pytest.raises(UsageError, match=r"'window_s' is 5.*hears at most 4 s"):
        features.extract(HEARD, spec(window_s=5), source)
    with pytest.raises(UsageError, match="layers 0 to 3"):
        features.extract(HEARD, spec(layer=4), source)


def test_the_tokenizer_gives_the_words_back(source):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(source.model_dir / "short-whisper")
    assert [tokenizer.decode(tokens) for tokens in word_tokens(TEXT.split(), tokenizer)] == [
        " " + word for word in TEXT.split()
    ]
