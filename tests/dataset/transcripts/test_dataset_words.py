from __future__ import annotations

import contextlib
import csv
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from praatio import textgrid
from praatio.utilities.constants import Interval

from bids_app.dataset.files.intervals import Annotation, tidy
from bids_app.dataset.files.tables import annotation_of, parse_table
from bids_app.dataset.transcripts.word_files import (
    from_ctm,
    from_json,
    from_textgrid,
    parse_textgrid,
    read_annotation,
)
from bids_app.errors import DataError
from bids_app.marks import marks_of
from bids_app.records import Intervals

# Printable words, without what separates cells; \xa0 and friends are white space to str.split.
WORDS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="\x7f\x85\xa0\xad"), min_size=1
)
TEXTS = WORDS.filter(lambda text: marks_of([text]) == [None] and text.lower() != "n/a" and text.strip('"'))


@st.composite
def timed(draw: st.DrawFn) -> list[tuple[float, float, str]]:
    """Ascending, disjoint (start, end, text), in milliseconds."""
    texts = draw(st.lists(TEXTS, max_size=8))
    steps = draw(st.lists(st.integers(1, 5000), min_size=2 * len(texts), max_size=2 * len(texts)))
    edges = (np.cumsum(steps, dtype=int) / 1000).tolist()
    return list(zip(edges[::2], edges[1::2], texts, strict=True))


def agrees(found: Intervals | None, rows: list[tuple[float, float, str]]) -> bool:
    assert found is not None
    times = np.array([row[:2] for row in rows]).reshape(-1, 2)
    same_times = np.allclose(found.onset_s, times[:, 0]) and np.allclose(found.offset_s, times[:, 1])
    return same_times and found.text == tuple(row[2] for row in rows)


# ------------------------------------------------------------------------------------------------ round trips
@settings(deadline=None)
@given(
    timed(), st.sampled_from([("word", "start", "end"), ("Token", "Onset_s", "Stop"), ("text", "begin", "offset")])
)
def test_csv_comes_back(rows: list[tuple[float, float, str]], names: tuple[str, str, str]) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([("", *names), *((at, word, start, end) for at, (start, end, word) in enumerate(rows))])
    words, phones, *_ = annotation_of(parse_table(text.getvalue().replace("\r\n", "\n")))
    assert phones is None
    assert agrees(words, rows)


@settings(deadline=None)
@given(timed())
def test_tsv_with_durations_comes_back(rows: list[tuple[float, float, str]]) -> None:
    lines = ["onset\tduration\tword", *(f"{start}\t{end - start:.6f}\t{word}" for start, end, word in rows)]
    plain = [row for row in rows if not (row[2][0] == row[2][-1] == '"')]  # a quoted cell loses its quotes
    if len(plain) == len(rows):
        assert agrees(annotation_of(parse_table("\n".join(lines), "\t"))[0], rows)


@settings(deadline=None)
@given(timed(), st.sampled_from(["short_textgrid", "long_textgrid"]))
def test_textgrid_of_praatio_comes_back(tmp_path_factory: pytest.TempPathFactory, rows: list, fmt: str) -> None:
    end = max((row[1] for row in rows), default=1.0)
    grid = textgrid.Textgrid(0, end)
    grid.addTier(textgrid.IntervalTier("words", [Interval(*row) for row in rows], 0, end))
    grid.addTier(textgrid.PointTier("tones", [(end / 2, "H*")], 0, end))
    path = tmp_path_factory.mktemp("grid") / "a.TextGrid"
    grid.save(str(path), format=fmt, includeBlankSpaces=True)
    found = read_annotation(path)
    assert found.phones is None
    assert agrees(found.words, rows)


@settings(deadline=None)
@given(timed())
def test_ctm_comes_back(rows: list[tuple[float, float, str]]) -> None:
    lines = [f"a 1 {start} {end - start:.6f} {word} 0.9" for start, end, word in rows]
    assert agrees(from_ctm("\n".join([";; comment", *lines, ""])).words, rows)


@settings(deadline=None)
@given(timed())
def test_json_comes_back(rows: list[tuple[float, float, str]]) -> None:
    entries = [{"word": word, "start": start, "end": end, "case": "success"} for start, end, word in rows]
    assert agrees(from_json(json.dumps({"words": entries})).words, rows)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(), st.floats(), st.text(max_size=3)), max_size=20))
def test_tidy_is_sane_whatever_comes(rows: list[tuple[float, float, str]]) -> None:
    found = tidy(rows, "words")
    assert len(found.onset_s) == len(found.duration_s) == len(found.text)
    assert np.isfinite(found.onset_s).all()
    assert (found.onset_s >= 0).all()
    assert (found.duration_s >= 0).all()
    assert (np.diff(found.onset_s) >= 0).all()
    assert all(text.strip() for text in found.text)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_parsers_fail_in_one_way_only(text: str) -> None:
    for parse in (from_textgrid, from_json, from_ctm, lambda t: annotation_of(parse_table(t))):
        with contextlib.suppress(DataError):
            parse(text)


# ------------------------------------------------------------------------------------------------ tables
ANY_TIME = st.one_of(st.floats(-3, 9), st.just(math.nan), st.just(math.inf))


def test_invalid_rows_are_dropped_and_the_rest_sorted() -> None:
    rows = "b,2,3 a,1,1.5 x,n/a,2 y,3,2 z,nan,nan ,4,5 early,-0.01,0.2 never,-2,-1 now,5,5 sp,6,7"
    words, *_ = annotation_of(parse_table("\n".join(["word,start,end", *rows.split()])))
    assert words is not None
    assert words.text == ("early", "a", "b", "now")
    assert words.onset_s.tolist() == [0, 1, 2, 5]
    assert words.duration_s.tolist() == [0.2, 0.5, 1, 0]
    assert words.left_out == (  # the silence is none of them
        "1 of 9 rows that end before the sound begins",
        "1 of 9 rows that end before they begin",
        "1 of 9 rows without text",
        "2 of 9 rows without times",
    )


@given(st.lists(st.tuples(ANY_TIME, ANY_TIME, st.sampled_from(["a", "", "n/a", "sil", "b "])), max_size=12))
def test_every_row_is_kept_or_counted(rows: list[tuple[float, float, str]]) -> None:
    words = tidy(rows, "words")
    spoken = [row for row in rows if row[2] != "sil"]
    missed = sum(int(line.split()[0]) for line in words.left_out)
    timed = [row for row in spoken if row[2] in ("a", "b ") and math.isfinite(row[0] + row[1])]
    kept = [row for row in timed if row[0] <= row[1] and (row[1] > 0 or row[0] >= 0)]
    assert missed == len(spoken) - len(kept)
    assert len(words.text) == len({(max(start, 0.0), end, text.strip()) for start, end, text in kept})


def test_sub_words_count_once() -> None:
    table = "\tword_idx\tword\tstart\tend\thftoken\n0\t1\tone,\t3.99\t4.19\tone\n1\t1\tone,\t3.99\t4.19\t,\n"
    words, *_ = annotation_of(parse_table(table, "\t"))
    assert words is not None
    assert words.text == ("one,",)


def test_a_lone_quote_in_a_tsv_is_a_word() -> None:
    words, *_ = annotation_of(parse_table('word\tstart\tend\n"\t1\t2\n"Oh\t2\t3\n"""Yes"""\t3\t4\n', "\t"))
    assert words is not None
    assert words.text == ('"', '"Oh', '"Yes"')


def test_words_that_look_like_missing_values_stay() -> None:
    words, *_ = annotation_of(parse_table("word,start,end\nnone,1,2\nnull,2,3\nNA,3,4\nsilence,4,5\n"))
    assert words is not None
    assert words.text == ("none", "null", "NA", "silence")


def test_mfa_table_has_words_and_phones() -> None:
    rows = "0.1,0.5,hi,words,a 0.1,0.2,HH,phones,a 0.2,0.5,AY1,phones,a 0.5,0.9,silence,phones,a"
    words, phones, *_ = annotation_of(parse_table("\n".join(["Begin,End,Label,Type,Speaker", *rows.split()])))
    assert words is not None
    assert phones is not None
    assert (words.text, phones.text) == (("hi",), ("HH", "AY1"))


def test_phones_by_their_column() -> None:
    words, phones, *_ = annotation_of(parse_table("phone;start;end\nAH0;0,5;0,75\n"))
    assert words is None
    assert phones is not None
    assert phones.duration_s.tolist() == [0.25]


def test_table_without_header_is_gentles() -> None:
    words, *_ = annotation_of(parse_table("Act,act,3.71,3.79\nlost,,,\none,one,3.99,4.19\n"))
    assert words is not None
    assert words.text == ("Act", "one")


def test_unknown_columns_say_which_there_are(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("colour,start,end\nred,0,1\n")
    with pytest.raises(DataError, match=r"colour, start, end.*a\.csv"):
        read_annotation(path)


# ------------------------------------------------------------------------------------------------ TextGrid
def grid_text(*tiers: tuple[str, list[tuple[float, float, str]]]) -> str:
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0 ",
        "xmax = 9 ",
        "tiers? <exists> ",
    ]
    lines += [f"size = {len(tiers)}", "item []:"]
    for at, (name, rows) in enumerate(tiers):
        lines += [
            f"  item [{at + 1}]:",
            '    class = "IntervalTier"',
            f'    name = "{name}"',
            "    xmin = 0",
            "    xmax = 9",
        ]
        lines += [f"    intervals: size = {len(rows)}"]
        for row, (start, end, text) in enumerate(rows):
            lines += [
                f"    intervals [{row + 1}]:",
                f"      xmin = {start}",
                f"      xmax = {end}",
                f'      text = "{text}"',
            ]
    return "\n".join(lines)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom", "utf-16-be-bom"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = grid_text(("Words", [(0, 1, "café"), (1, 2, 'say ""x""')])).replace("\n", "\r\n")
    bom = {"utf-16-le-bom": b"\xff\xfe", "utf-16-be-bom": b"\xfe\xff"}.get(encoding, b"")
    path = tmp_path / "a.TextGrid"
    path.write_bytes(bom + text.encode(encoding.removesuffix("-bom")))
    words = read_annotation(path).words
    assert words is not None
    assert words.text == ("café", 'say "x"')


def test_latin_1_is_an_error_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("word,start,end\ncafé,0,1\n".encode("latin-1"))
    with pytest.raises(DataError, match="UTF-8"):
        read_annotation(path)


@pytest.mark.parametrize(
    ("names", "has"),
    [(("words", "phones"), (True, True)), (("Word",), (True, False)), (("A - words", "A - phones"), (True, True)),
     (("ORT-MAU", "KAN-MAU", "MAU"), (True, True)), (("Mary",), (True, False)), (("x", "y"), (False, False))],
)  # fmt: skip
def test_tiers_by_name(names: tuple[str, ...], has: tuple[bool, bool]) -> None:
    found = from_textgrid(grid_text(*((name, [(0, 1, "a")]) for name in names)))
    assert (found.words is not None, found.phones is not None) == has


def test_speakers_are_merged_and_silence_dropped() -> None:
    rows = [
        ("A - words", [(0, 1, ""), (1, 2, "one"), (2, 3, "sil")]),
        ("B - words", [(0.5, 0.9, "zero"), (2, 3, "<p:>")]),
    ]
    words = from_textgrid(grid_text(*rows)).words
    assert words is not None
    assert words.text == ("zero", "one")
    assert not words.left_out


def test_numbers_in_labels_and_exponents_do_not_confuse() -> None:
    tiers = parse_textgrid(grid_text(("words", [(1e-05, 1, "42"), (1, 2, "item [1]: xmin = 7")])))
    assert tiers == [("words", [(1e-05, 1.0, "42"), (1.0, 2.0, "item [1]: xmin = 7")])]


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.9])
def test_a_textgrid_cut_off_is_damaged(keep: float) -> None:
    text = grid_text(("words", [(0, 1, "a"), (1, 2, "b")]), ("phones", [(0, 1, "AH")]))
    with pytest.raises(DataError, match="cut off"):
        from_textgrid(text[: int(len(text) * keep)])


def test_empty_tier_is_an_empty_table() -> None:
    words = from_textgrid(grid_text(("words", [(0, 9, "")]))).words
    assert words is not None
    assert words.onset_s.shape == (0,)


# ------------------------------------------------------------------------------------------------ JSON
def test_gentle_drops_what_was_not_found_and_gives_phones() -> None:
    document = {
        "transcript": "Act one",
        "words": [
            {"alignedWord": "act", "case": "success", "start": 3.71, "end": 3.79, "word": "Act",
             "phones": [{"duration": 0.05, "phone": "ae_B"}, {"duration": 0.03, "phone": "k_E"}]},
            {"case": "not-found-in-audio", "word": "lost"},
        ],
    }  # fmt: skip
    found = from_json(json.dumps(document))
    assert found.words is not None
    assert found.phones is not None
    assert found.words.text == ("Act",)
    assert found.phones.text == ("ae", "k")
    assert found.phones.onset_s.tolist() == pytest.approx([3.71, 3.76])


def test_whisper_segments_and_other_json() -> None:
    words = from_json(json.dumps({"segments": [{"words": [{"word": " Hi", "start": 0, "end": 0.5}]}]})).words
    assert words is not None
    assert words.text == ("Hi",)
    assert from_json('{"SamplingFrequency": 16000}') == Annotation()
    with pytest.raises(DataError):
        from_json("{")
