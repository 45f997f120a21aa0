"""Transcripts as they are published: which tier, which columns, which recording of a file holds the words."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app.dataset.files.alphabets import are_phones, phone_share
from bids_app.dataset.files.tables import annotation_of, parse_table
from bids_app.dataset.transcripts.json_words import from_json
from bids_app.dataset.transcripts.tiers import choose, role_of, tier_of
from bids_app.dataset.transcripts.word_files import from_ctm, read_annotation, what_is_named
from bids_app.errors import DataError
from bids_app.records import Intervals

DATA = Path(os.environ.get("CONCORD_REALDATA") or Path(__file__).parents[3] / "../shared/data").resolve()


def spans(texts: str, length_s: float = 0.3, start_s: float = 0.0) -> list[tuple[float, float, str]]:
    """One after the other; '|' separates texts that hold blanks."""
    parts = texts.split("|") if "|" in texts else texts.split()
    return [(start_s + at * length_s, start_s + (at + 1) * length_s, text) for at, text in enumerate(parts)]


WORDS = spans("once upon a time there was a fox")
SENTENCES = spans("once upon a time|there was a fox", 1.2)
PHONES = spans(" ".join(["W", "AH1", "N", "S"] * 8), 0.075)
SYLLABLES = spans("on ce up on a a ti me the ere wa as a a fo ox", 0.15)
CHINESE, CHARACTERS = (
    spans("从前 有 狐狸 住 森林 里 边 边", 0.4),
    spans("从 前 有 有 狐 狸 住 住 森 林 里 里 边 边 边 边", 0.2),
)
CHINESE_SENTENCES = spans("从前有狐狸住|森林里边边", 1.6)

# tiers by name → the words (None: none), phones?, told
TIERS = {
    "utterances beside words": ({"Transcript": SENTENCES, "words": WORDS}, WORDS, False, ""),
    "words before utterances": ({"words": WORDS, "Transcript": SENTENCES}, WORDS, False, ""),
    "utterances under the name of words": ({"words": SENTENCES, "Transcript": WORDS}, WORDS, False, ""),
    "a transcript of words": ({"Transcript": WORDS, "phones": PHONES}, WORDS, True, ""),
    "a transcript of utterances alone": ({"Transcript": SENTENCES}, None, False, "'Transcript' holds utterances"),
    "utterances with phones": ({"words": SENTENCES, "phones": PHONES}, None, True, "'words' holds utterances"),
    "sentences alone": ({"sentences": SENTENCES}, None, False, ""),
    "nesting, no names": ({"A": SENTENCES, "B": WORDS, "C": PHONES}, WORDS, True, ""),
    "nesting, inner first": ({"C": PHONES, "B": WORDS, "A": SENTENCES}, WORDS, True, ""),
    "nesting, syllables": ({"1": SYLLABLES, "2": WORDS}, WORDS, False, ""),
    "nesting without blanks": ({"x": CHINESE_SENTENCES, "y": CHINESE, "z": CHARACTERS}, CHINESE, False, ""),
    "transcript without blanks": ({"text": CHINESE_SENTENCES, "y": CHINESE}, CHINESE, False, ""),
    "MFA": ({"Ann - words": WORDS, "Ann - phones": PHONES}, WORDS, True, ""),
    "LeBel": ({"phone": PHONES, "word": WORDS}, WORDS, True, ""),
    "WebMAUS": ({"ORT-MAU": WORDS, "KAN-MAU": spans("w V n s"), "MAU": PHONES, "TRN": SENTENCES}, WORDS, True, ""),
    "SPPAS": ({"Transcription": SENTENCES, "TokensAlign": WORDS, "PhonAlign": PHONES}, WORDS, True, ""),
    "a suffix": ({"words_Ann": WORDS, "phones_Ann": PHONES}, WORDS, True, ""),
    "two speakers": (
        {"Ann - words": WORDS, "Bo - words": spans("who's there", 0.3, 3.0)},
        [*WORDS, *spans("who's there", 0.3, 3.0)], False, "words of 2 tiers together: 'Ann - words', 'Bo - words'",
    ),
    "two readings": ({"words_auto": spans("one up"), "words": WORDS}, WORDS, False, "same speech: 'words_auto'"),
    "alone": ({"Mary": WORDS}, WORDS, False, ""),
    "phones alone": ({"Mary": PHONES}, None, True, ""),
    "two that may be": ({"x": WORDS, "y": spans("il y a un renard qui")}, None, False, "no tier is known"),
    "segments that are passages": ({"segment": SENTENCES, "word": WORDS}, WORDS, False, ""),
    "segments that are phones": ({"segments": PHONES, "word": WORDS}, WORDS, True, ""),
}  # fmt: skip


@pytest.mark.parametrize("case", TIERS)
def test_which_tier_holds_the_words(case: str) -> None:
    tiers, words, has_phones, told = TIERS[case]
    found = choose([tier_of(name, rows) for name, rows in tiers.items()])
    assert (found.words.text if found.words else None) == (tuple(text for *_, text in words) if words else None)
    assert (found.phones is not None) == has_phones
    assert told in "; ".join(found.notes)
    assert bool(found.notes) == bool(told)


@pytest.mark.parametrize(
    ("name", "role"),
    [("Words", "words"), ("ann: words", "words"), ("words (Bo)", "words"), ("Phones_2", "phones"),
     ("KAN-MAU", "other"), ("word pos", "other"), ("foreword", "unknown"), ("Telephone", "unknown"),
     ("ort", "words"), ("", "unknown")],
)  # fmt: skip
def test_roles_by_name(name: str, role: str) -> None:
    assert role_of(name) == role


# ------------------------------------------------------------------------------------------------ tables
def table(header: str, *rows: str) -> str:
    return "\n".join([header, *rows])


ARPA = [f"{phone},{at / 10},{(at + 1) / 10}" for at, phone in enumerate(["HH", "AH0", "L", "OW1"] * 6)]
IPA = [f"{phone},{at},{at + 1}" for at, phone in enumerate("pipwɪljəmeɔntbɛi" * 2)]
TABLES = {
    "a column of segment ids": (table("segment,word,start,end", "1,the,0,1", "1,fox,1,2"), ("the", "fox"), None),
    "segment ids of letters": (table("segment,word,start,end", "a,the,0,1", "b,fox,1,2"), ("the", "fox"), None),
    "segments that are words": (table("segment,start,end", "the,0,1", "fox,1,2"), ("the", "fox"), None),
    "segments that are phones": (table("segment,start,end", *ARPA), None, 24),
    "phones of a word in a cell": (
        table("word,phones,start,end", "hey,HH EY1,0,1", "you,Y UW1,1,2"),
        ("hey", "you"),
        None,
    ),
    "numbers of phones": (table("word,phones,start,end", "hey,2,0,1", "you,2,1,2"), ("hey", "you"), None),
    "a phone a row, with its word": (table("word,phone,start,end", "hey,HH,0,1", "hey,EY1,1,2"), None, 2),
    "ids before words": (
        table("label,kind_of,text,start,end", "1,x,the,0,1", "2,y,fox,1,2"),
        ("the", "fox"),
        None,
    ),
    "IPA by its letters": (
        table("item,onset,offset", *IPA),
        None,
        32,
    ),
    "utterances": (table("text,start,end", "once upon a time,0,2", "there was a fox,2,4"), None, None),
    "numbers that are said": (table("word,start,end", "1,0,1", "2,1,2"), ("1", "2"), None),
}


@pytest.mark.parametrize("case", TABLES)
def test_what_the_rows_of_a_table_are(case: str) -> None:
    text, words, n_phones = TABLES[case]
    found = annotation_of(parse_table(text))
    assert (found.words.text if found.words else None) == words
    assert (len(found.phones.text) if found.phones else None) == n_phones
    assert bool(found.notes) == (case == "utterances")


@pytest.mark.parametrize(
    ("file", "stimulus", "named"),
    [("sound_annotation_phonemes", "", "phones"), ("story_words", "story", "words"), ("phone", "phone", None),
     ("telephone", "", None), ("phone_words", "phone", "words"), ("story", "story", None),
     ("words-phones", "", None)],
)  # fmt: skip
def test_what_a_files_name_says(file: str, stimulus: str, named: str | None) -> None:
    assert what_is_named(file, stimulus) == named


@pytest.mark.realdata
@pytest.mark.parametrize(("kind", "share"), [("phonemes", 1.0), ("words", 0.1), ("syllables", 0.1)])
def test_the_films_own_annotation(kind: str, share: float) -> None:
    path = DATA / f"published/ds003688/stimuli/annotations/sound/sound_annotation_{kind}.tsv"
    if not path.exists():
        pytest.skip("the skeletons of published data sets are not here")
    found = read_annotation(path)
    rows = found.phones if kind == "phonemes" else found.words
    assert isinstance(rows, Intervals)
    assert (found.words is None) == (kind == "phonemes")
    assert abs(phone_share(rows.text) - share) <= 0.1
    assert rows.onset_s[0] == 30.736


@pytest.mark.parametrize(
    ("labels", "yes"),
    [("p t k a i S Z tS dZ @ aI OI 2: 9y e~ {", True), ("AA1 IY0 NG DH AX-H", True), ("ə ɔɪ tʃ t͡s ɛ̃ ʰp aː", True),
     ("AH0_I T_E N_B S_I", True), ("the fox ran off", False), ("ba da ga pa", False), ("的 了 我 是", False),
     ("の は に を", False)],
)  # fmt: skip
def test_phones_by_their_letters(labels: str, yes: bool) -> None:
    many = (labels.split() * 20)[:80]
    assert are_phones(many) == yes
    assert not are_phones(labels.split()[:10])  # too few to tell


# ------------------------------------------------------------------------------------------------ CTM
TWO = "rec1 1 0.0 0.5 one\nrec2 A 0.0 0.5 two\nrec1 1 0.5 0.5 more\n"


def test_lines_of_a_ctm_are_those_of_the_sound() -> None:
    words = from_ctm(TWO, "rec1").words
    assert words is not None
    assert words.text == ("one", "more")
    single = from_ctm("other 1 0.0 0.5 one\n", "rec1").words
    assert single is not None
    assert single.text == ("one",)
    with pytest.raises(DataError, match=r"2 recordings in one CTM, and 0 called 'rec3' \(they are rec1, rec2"):
        from_ctm(TWO, "rec3")


def test_a_ctm_of_phones() -> None:
    lines = [f"a 1 {at / 10} 0.1 {phone}" for at, phone in enumerate(["HH_B", "AH0_I", "L_I", "OW1_E", "SIL"] * 6)]
    found = from_ctm("\n".join(lines), "a")
    assert found.words is None
    assert found.phones is not None
    assert len(found.phones.text) == 24
    assert found.phones.marks == ("6 of 30 rows that mark silence or noise: SIL 6",)


# ------------------------------------------------------------------------------------------------ JSON
ENTRY = {"start": 0.1, "end": 0.4}
MFA = {
    "start": 0, "end": 9,
    "tiers": {
        "words": {"type": "interval", "entries": [[0.0, 0.4, "the"], [0.4, 0.5, ""], [0.5, 0.9, "fox"]]},
        "phones": {"type": "interval", "entries": [[0.0, 0.2, "DH"], [0.2, 0.4, "AH0"], [0.5, 0.9, "spn"]]},
    },
}  # fmt: skip
JSONS = {
    "Hugging Face": ({"text": "a b", "chunks": [
        {"text": " the", "timestamp": [0.0, 0.4]}, {"text": " fox", "timestamp": [0.5, 1]}]},
        ("the", "fox"), None, 0),
    "Hugging Face, tuples cut off": ({"chunks": [
        {"text": " the", "timestamp": [0.0, 0.4]}, {"text": " fox", "timestamp": [0.5, None]}]}, ("the",), None, 1),
    "Hugging Face's segments": ({"text": "the fox ran", "chunks": [
        {"text": " the fox", "timestamp": [0.0, 0.9]}, {"text": "ran off", "timestamp": [1, 2]}]}, None, None, 0),
    "MFA": (MFA, ("the", "fox"), ("DH", "AH0"), 0),
    "praatio": ({"tiers": [{"class": "IntervalTier", "name": "words", "entries": [[0, 1, "a"]]}]}, ("a",), None, 0),
    "Whisper": ({"segments": [{"text": "x y", **ENTRY, "words": [{"word": " x", **ENTRY}]}]}, ("x",), None, 0),
    "whisper-timestamped": ({"segments": [
        {"text": "x y", **ENTRY, "words": [{"text": "x", **ENTRY}]}]}, ("x",), None, 0),
    "WhisperX": ({"segments": [{"text": "a 3", **ENTRY, "words": [{"word": "a", **ENTRY}, {"word": "3"}]}],
                  "word_segments": [{"word": "a", **ENTRY}]}, ("a",), None, 1),
    "Whisper without words": ({"segments": [{"text": "the fox ran", **ENTRY}]}, None, None, 0),
    "a list": ([{"word": "a", "start": "0.5", "end": "1.25s"}], ("a",), None, 0),
    "a sidecar": ({"SamplingFrequency": 16000, "words": 3, "label": "x"}, None, None, 0),
}  # fmt: skip


@pytest.mark.parametrize("case", JSONS)
def test_json_of_aligners_and_recognisers(case: str) -> None:
    document, words, phones, lost = JSONS[case]
    found = from_json(json.dumps(document))
    assert (found.words.text if found.words else None) == words
    assert (found.phones.text if found.phones else None) == phones
    assert sum(int(line.split()[0]) for line in (found.words.left_out if found.words else ())) == lost
    assert bool(found.notes) == ("segments" in case or "without" in case)


KEYS = (
    "words", "segments", "chunks", "tiers", "entries", "name", "word", "text", "start", "end", "timestamp", "phones",
    "phone", "duration",
)  # fmt: skip
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=20,
)  # fmt: skip


@settings(deadline=None)
@given(ANYTHING)
def test_any_json_is_read_or_refused(document: object) -> None:
    found = from_json(json.dumps(document))
    for rows in (found.words, found.phones):
        assert rows is None or np.isfinite(rows.onset_s + rows.duration_s).all()


NAMES = st.sampled_from(["words", "Transcript", "A", "B", "phones", "segment", "utterance"])
INTERVALS = st.lists(
    st.tuples(st.floats(-5, 50), st.floats(-5, 50), st.sampled_from(["a", "the fox", "", "sp", "AH0", "森林"])),
    max_size=8,
)


@settings(deadline=None)
@given(st.lists(st.tuples(NAMES, INTERVALS), max_size=5))
def test_any_tiers_have_an_answer(tiers: list[tuple[str, list[tuple[float, float, str]]]]) -> None:
    found = choose([tier_of(name, rows) for name, rows in tiers])
    texts = {" ".join(text.split()) for _, rows in tiers for *_, text in rows}
    for rows in (found.words, found.phones):
        assert rows is None or set(rows.text) <= texts
