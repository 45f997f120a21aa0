"""Marks are left out and counted; words that only sound like marks stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bids_app.marks import counted, marks_of

NOISE = """[noise] [laughter] <sil> <eps> <p:> {LG} {ns} {BR} sp SP sil SIL spn h# # !SIL <s> </s> sentence_start
sentence_end [BRACKETED] [laughter-yeah] (laugh) (laughs) (coughing) (.) (1.2) (pause) *laughs* %noise% &=laughs
[music] ♪ ((breath)) {SL} [silence] <noise> (clears throat) (silence)"""
UNCLEAR = "<unk> [UNK] <oov> xxx yyy XXX *** ** (()) (unclear) (inaudible) [unintelligible] (?) ??? [inaudible]"
WORDS = """silence noise laughter pause laugh breath music unknown inaudible a I sir spin spa six (hello) (maybe) th-
it's l'homme -- ... uh um www lg br ls ns sl cg 42 #1 <3 a* *word (a-) xx x oh-oh pau _ - epi usb tone
click 的 沉默 "sp" sp. [sic"""


def texts(table):
    return table.replace("clears throat", "clears_throat").split()


@pytest.mark.parametrize("text", [text.replace("_throat", " throat") for text in texts(NOISE)])
def test_noise_and_silence(text):
    assert marks_of([text]) == ["noise"]


@pytest.mark.parametrize("text", texts(UNCLEAR))
def test_speech_that_was_not_understood(text):
    assert marks_of([text]) == ["unclear"]


@pytest.mark.parametrize("text", texts(WORDS))
def test_what_may_be_said_is_a_word(text):
    assert marks_of([text]) == [None]


def test_two_letters_are_marks_beside_others_of_their_kind_alone():
    assert marks_of(["the", "lg", "tv"]) == [None, None, None]
    assert marks_of(["sp", "the", "LG", "ns", "tv"]) == ["noise", None, "noise", "noise", None]
    assert marks_of(["{NS}", "br", "a"]) == ["noise", "noise", None]


def test_phones_have_silences_of_their_own():
    silent = ["silence", "pau", "_", "-", "epi", "sp", ""]
    assert marks_of(silent, "phones")[:6] == ["noise"] * 6
    assert marks_of(["a", "@", "s", "?", "ʔ", "9", "{", "}", "&"], "phones") == [None] * 9  # SAMPA writes with signs


@given(st.lists(st.text(max_size=8), max_size=8))
def test_any_text_has_a_verdict(given_texts):
    assert len(marks_of(given_texts)) == len(given_texts)
    assert isinstance(counted(given_texts), str)


def test_counts_come_with_the_most_frequent_first():
    assert counted(["sp", "{LG}", "{LG}", "sil", " sp "]) == "sp 2, {LG} 2, sil 1"
    assert counted([f"<{letter}>" for letter in "abcdefgh"]).endswith("<f> 1 and 2 others")
