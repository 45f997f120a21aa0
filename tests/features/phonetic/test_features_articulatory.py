"""Phones: both alphabets say the same, marks are passed over, the unknown is counted."""

import ctypes
from pathlib import Path

import numpy as np
import pytest
from tiny_models import stimulus, words_at

from bids_app import features
from bids_app.errors import DataError
from bids_app.features.phonetic.articulatory import ATTRIBUTES, encode, load_table, read_arpabet, read_ipa
from bids_app.features.phonetic.sampa import from_sampa
from bids_app.records import FeatureSpec, ModelSource

ARPABET, IPA = load_table()
CMU = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"


def names(row):
    return {name for name, value in zip(ATTRIBUTES, row, strict=True) if value}


def rows(texts):
    phones = words_at([0.1 * k for k in range(len(texts))], texts, 0.1)
    return features.extract(stimulus(phones=phones), FeatureSpec("p", "articulatory"), ModelSource())


def test_every_phone_of_cmudict_is_known_and_distinct():
    vectors = {name: read_arpabet(name, ARPABET).tobytes() for name in CMU.split()}
    assert all(np.frombuffer(v, np.float32).any() for v in vectors.values())
    assert len(set(vectors.values())) == len(CMU.split()) == 39


@pytest.mark.parametrize(
    ("arpabet", "ipa", "expected"),
    [
        ("P", "p", {"bilabial", "plosive"}),
        ("Z", "z", {"alveolar", "fricative", "voiced"}),
        ("NG", "ŋ", {"velar", "nasal", "voiced"}),
        ("CH", "t͡ʃ", {"postalveolar", "affricate"}),
        ("JH", "dʒ", {"postalveolar", "affricate", "voiced"}),
        ("L", "l̩", {"alveolar", "approximant", "lateral", "voiced"}),
        ("W", "w", {"bilabial", "velar", "approximant", "voiced"}),
        ("IY1", "ˈiː", {"close", "front", "voiced"}),
        ("UW0", "uː", {"close", "back", "rounded", "voiced"}),
        ("AH0", "ə", {"mid", "central", "voiced"}),
        ("AH1", "ʌ", {"mid", "back", "voiced"}),
        ("AY2", "aɪ", {"open", "front", "voiced", "fronting"}),
        ("OW1", "ow", {"mid", "back", "rounded", "voiced", "backing"}),
        ("t", "tʰ", {"alveolar", "plosive"}),
        ("ER0", "ɚ", {"mid", "central", "voiced"}),
    ],
)
def test_both_alphabets(arpabet, ipa, expected):
    assert names(read_arpabet(arpabet, ARPABET)) == expected
    assert names(read_ipa(ipa, IPA)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ç", {"palatal", "fricative"}),  # not c with a mark
        ("ɛ̃", {"mid", "front", "voiced"}),
        ("ã", {"open", "front", "voiced"}),
        ("dʲ", {"alveolar", "plosive", "voiced"}),
        ("ɔːɹ", {"mid", "back", "rounded", "voiced", "centring"}),
        ("əl", {"mid", "central", "voiced", "centring"}),
        ("ju", set()),
        ("aɪə", {"open", "front", "voiced", "centring"}),
        ("ᵻ", {"close", "central", "voiced"}),
        ("ɡ", {"velar", "plosive", "voiced"}),
        ("?!", set()),
        ("strʌ", set()),
    ],
)
def test_ipa(text, expected):
    assert names(read_ipa(text, IPA)) == expected


def test_one_alphabet_serves_a_whole_stimulus():
    assert encode(("y", "eh", "s", "iy"))[0] == "ARPAbet"  # TIMIT's lower case: y is a glide
    assert names(encode(("y", "eh", "s", "iy"))[1][0]) == {"palatal", "approximant", "voiced"}
    alphabet, values = encode(("t", "y", "ʁ", "ɛ̃"))
    assert alphabet == "IPA"
    assert names(values[1]) == {"close", "front", "rounded", "voiced"}


@pytest.mark.parametrize(
    ("sampa", "ipa"),
    [("S", "ʃ"), ("tS", "tʃ"), ("D", "ð"), ("N", "ŋ"), ("@", "ə"), ("{", "æ"), ("aI", "aɪ"), ("@U", "əʊ"),
     ("2:", "ø"), ("9y", "œy"), ("Ei", "ɛi"), ("A~", "ɑ"), ("6", "ɐ"), ("n=", "n"), ("?", "ʔ"), ("i_0", "i"),
     ("t_h", "t"), ("J", "ɲ"), ("r\\`", "ɻ"), ("s`", "ʂ"), ('"i:', "i"), ("p", "p"), ("C", "ç"), ("H", "ɥ"),
     ("@`", "ɚ"), ("G", "ɣ"), ("}:", "ʉ")],
)  # fmt: skip
def test_sampa_says_what_ipa_does(sampa, ipa):
    assert from_sampa(sampa) == ipa
    assert names(read_ipa(ipa, IPA))


def test_the_alphabet_is_the_one_that_knows_most():
    german = "h a l o: v E l t S 2: n @ tS aI OY 6 9 Y N C x"
    assert encode(tuple(german.split()))[0] == "SAMPA"
    assert encode(tuple(german.split()))[1].any(axis=1).all()
    assert encode(("HH_B", "AH0_I", "L_I", "OW1_E"))[0] == "ARPAbet"
    assert encode(("HH_B", "AH0_I", "L_I", "OW1_E"))[1].any(axis=1).all()
    assert encode(("p", "i", "w", "ɪ", "l", "ə", "ɔ", "ɛi", "χ", "œy", "oj"))[0] == "IPA"
    assert encode(("p", "t", "s"))[0] == "ARPAbet"


def test_silence_has_no_row_and_the_unknown_a_row_of_zeros():
    got = rows(["sil", "K", "AE1", "T", "??", "", "sp"])
    assert got.values.shape == (4, len(ATTRIBUTES))
    assert got.onsets_s == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert not got.values[3].any()
    assert got.provenance.unknown_share == 0.25
    assert "25.0% of the phones are not known" in got.provenance.notes[0]


def test_mostly_unknown_phones_are_an_error():
    with pytest.raises(DataError, match=r"67% of the phones are not known: story\.wav \(found !!, %%"):
        rows(["!!", "%%", "K"])
    with pytest.raises(DataError, match="nothing but silence"):
        rows(["sil", ""])


def test_all_that_espeak_says_in_english_is_known():
    loader = pytest.importorskip("espeakng_loader")
    library = ctypes.CDLL(str(loader.get_library_path()))
    library.espeak_Initialize(2, 0, str(Path(loader.get_data_path())).encode(), 0)
    library.espeak_SetVoiceByName(b"en-us")
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    text = ctypes.c_char_p(
        b"the quick brown fox jumps over a lazy dog and judge church measure this think boy cow go late father hot "
        b"bird fur near hair tour butter little button uncle roses water year few idea fire mountain pure more"
    )
    spoken = library.espeak_TextToPhonemes(ctypes.byref(text), 1, 0x02 | (ord("_") << 8)).decode()
    phones = [phone for word in spoken.split() for phone in word.split("_") if phone]
    assert len(phones) > 80
    assert [phone for phone in phones if not read_ipa(phone, IPA).any()] == []
