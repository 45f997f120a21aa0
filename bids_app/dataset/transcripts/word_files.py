"""Files of word and phone timings → Intervals: TextGrid, tables, JSON of aligners and recognisers, CTM."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from bids_app.dataset.files.alphabets import are_phones
from bids_app.dataset.files.intervals import Annotation, Row, only_words, spoken, tidy
from bids_app.dataset.files.one_clock import require_one_clock
from bids_app.dataset.files.tables import annotation_of, decode, read_table
from bids_app.dataset.transcripts.json_words import from_json
from bids_app.dataset.transcripts.tiers import choose, tier_of
from bids_app.dataset.transcripts.utterances import on_one_clock
from bids_app.errors import DataError
from bids_app.inputs.opening import TRANSCRIPT, naming
from bids_app.marks import What

NAMED: dict[What, set[str]] = {
    "words": {"word", "words", "transcript", "transcription"},
    "phones": {"phone", "phones", "phoneme", "phonemes", "phon", "phons"},
}


def read_annotation(path: Path, stem: str | None = None) -> Annotation:
    """Words and phones of a file by its extension.

    Parameters
    ----------
    path : of the file.
    stem : of the sound it is of, which says what of its name is the stimulus's, and which lines of a CTM are its own;
        None: the file's own.

    Raises
    ------
    DataError : it cannot be understood; with the path.
    """
    with naming(path):
        if path.suffix.lower() == ".textgrid":
            return from_textgrid(decode(path, TRANSCRIPT))
        if path.suffix.lower() == ".json":
            return from_json(decode(path, TRANSCRIPT))
        named = what_is_named(path.stem, stem or "")
        if path.suffix.lower() == ".ctm":
            return from_ctm(decode(path, TRANSCRIPT), stem or path.stem, named)
        table, placed = on_one_clock(read_table(path, headless="_annot-" not in path.name))
        return annotation_of(table, named).told(*placed)


def what_is_named(file: str, stimulus: str) -> What | None:
    """'sound_annotation_phonemes' → phones; the stimulus's own name ('phone' of phone.wav) says nothing.

    Parameters
    ----------
    file, stimulus : names without extension.
    """
    rest = file.lower().removeprefix(stimulus.lower())
    parts = set(re.split(r"[\W\d_]+", rest))
    found = [what for what, names in NAMED.items() if names & parts]
    return found[0] if len(found) == 1 else None


# --------------------------------------------------------------------------------------------------- Praat
# Praat's rule: free-standing numbers and quoted texts (a quote inside is doubled) are data, all else is comment.
_TOKEN = re.compile(r'"((?:[^"]|"")*)"|(?<![^\s])(-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)(?![^\s])|(<exists>|<absent>)')
NamedRows = tuple[str, list[Row]]


def from_textgrid(text: str) -> Annotation:
    """Long or short text format; which tiers hold words and phones: see `tiers.choose`."""
    found = choose([tier_of(name, rows) for name, rows in parse_textgrid(text)])
    return found._replace(extent_s=textgrid_extent(text))


def textgrid_extent(text: str) -> tuple[float, float]:
    """Its first and last second (xmin, xmax). Raises DataError where it is damaged."""
    return _opened(text)[1]


def parse_textgrid(text: str) -> list[NamedRows]:
    """(name, [(start, end, label), …]) of every interval tier. Raises DataError where it is damaged."""
    tokens, _ = _opened(text)
    try:
        if next(tokens) == "<absent>":
            return []
        return [tier for _ in range(_count(tokens)) for tier in _next_tier(tokens)]
    except (StopIteration, ValueError) as error:
        raise DataError("TextGrid is cut off or damaged", "", "save it anew in Praat") from error


def _opened(text: str) -> tuple[Iterator[str], tuple[float, float]]:
    """What follows the header, and its first and last second. Raises DataError."""
    tokens = _tokens(text)
    try:
        if next(tokens) not in ("ooTextFile", "ooTextFile short") or next(tokens) != "TextGrid":
            raise DataError("not a TextGrid in text format", "", "save it in Praat as a text file")
        first_s, last_s = _times(tokens, 2)
    except (StopIteration, ValueError) as error:
        raise DataError("TextGrid is cut off or damaged", "", "save it anew in Praat") from error
    return tokens, (first_s, last_s)


def _tokens(text: str) -> Iterator[str]:
    return (m[1].replace('""', '"') if m[1] is not None else m[2] or m[3] for m in _TOKEN.finditer(text))


def _times(tokens: Iterator[str], count: int) -> list[float]:
    return [float(next(tokens)) for _ in range(count)]


def _count(tokens: Iterator[str]) -> int:
    """Raises ValueError where it is no number of things that a file can hold."""
    count = float(next(tokens))
    if not 0 <= count <= TRANSCRIPT.most_bytes:
        raise ValueError(f"a count of {count}")
    return int(count)


def _next_tier(tokens: Iterator[str]) -> list[NamedRows]:
    """One tier; nothing for a tier of points, which have no duration."""
    kind, name, _ = next(tokens), next(tokens), _times(tokens, 2)
    n_times = 2 if kind == "IntervalTier" else 1
    entries = [(_times(tokens, n_times), next(tokens)) for _ in range(_count(tokens))]
    return [(name, [(times[0], times[1], label) for times, label in entries])] if n_times == 2 else []


# --------------------------------------------------------------------------------------------------- CTM
def from_ctm(text: str, stem: str = "", named: What | None = None) -> Annotation:
    """NIST CTM: recording, channel, start, duration, word, confidence; lines of comment begin with ';;'.

    Parameters
    ----------
    text : of the file.
    stem : of the sound, whose lines are taken where there are several recordings.
    named : what the file's name says that its labels are.

    Raises
    ------
    DataError : a line is of another form, or there are several recordings and none of this name.
    """
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith(";;")]
    names = sorted({fields[0] for fields in lines})
    own = [name for name in names if Path(name).name.partition(".")[0].lower() == stem.lower()]
    if len(names) > 1 and len(own) != 1:
        there = f"they are {', '.join(names[:10])}{' …' if len(names) > 10 else ''}"
        raise DataError(f"{len(names)} recordings in one CTM, and {len(own)} called '{stem}'", "", there)
    rows = [_ctm_row(fields) for fields in lines if len(names) < 2 or fields[0] in own]
    require_one_clock(rows)
    labels = spoken([row[2] for row in rows])
    if named == "phones" or (named is None and are_phones(labels)):
        return Annotation(None, tidy(rows, "phones"))
    return only_words(tidy(rows, "words"))


def _ctm_row(fields: list[str]) -> Row:
    try:
        start, duration = float(fields[2]), float(fields[3])
        return start, start + duration, fields[4]
    except (IndexError, ValueError) as error:
        raise DataError(f"not a line of CTM: {' '.join(fields)[:60]}") from error
