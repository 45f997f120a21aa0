"""Files of word and phone timings → Intervals: TextGrid, tables, gentle's and Whisper's JSON, CTM."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bids_app.dataset.files.reading import naming
from bids_app.dataset.files.tables import PHONE_SILENCE, SILENCE, Row, annotation_of, decode, read_table, tidy
from bids_app.errors import DataError
from bids_app.records import Intervals

WORD_TIERS = {"word", "words", "orthography", "ort", "ortmau", "transcript", "transcription", "text", "w"}
PHONE_TIERS = {"phone", "phones", "phoneme", "phonemes", "mau", "segment", "segments", "phonetic", "phons", "p"}


class Annotation(NamedTuple):
    """What a file times; None for what it does not have."""

    words: Intervals | None = None
    phones: Intervals | None = None

    @property
    def end_s(self) -> float | None:
        """The end of its last word or phone, in seconds; None where it has none."""
        ends = [table.offset_s.max() for table in (self.words, self.phones) if table is not None and table.text]
        return float(max(ends)) if ends else None


def read_annotation(path: Path) -> Annotation:
    """Words and phones of a file by its extension. Raises DataError, with the path, where it cannot be understood."""
    readers = {".textgrid": from_textgrid, ".json": from_json, ".ctm": from_ctm}
    with naming(path):
        if path.suffix.lower() in readers:
            return readers[path.suffix.lower()](decode(path))
        table = read_table(path)
        return Annotation(*annotation_of(table, phones_by_name="phon" in path.name.partition("annot-")[2]))


# --------------------------------------------------------------------------------------------------- Praat
# Praat's rule: free-standing numbers and quoted texts (a quote inside is doubled) are data, all else is comment.
_TOKEN = re.compile(r'"((?:[^"]|"")*)"|(?<![^\s])(-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)(?![^\s])|(<exists>|<absent>)')
Tier = tuple[str, list[Row]]


def from_textgrid(text: str) -> Annotation:
    """Long or short text format. Tiers of one kind (speakers) are merged; a tier that is alone holds words."""
    tiers = parse_textgrid(text)
    words = [rows for name, rows in tiers if _tier(name) in WORD_TIERS]
    phones = [rows for name, rows in tiers if _tier(name) in PHONE_TIERS]
    if not words and not phones and len(tiers) == 1:
        words = [tiers[0][1]]
    return Annotation(_merged(words, SILENCE), _merged(phones, PHONE_SILENCE))


def _tier(name: str) -> str:
    """'Alice - Words' → 'words': MFA puts the speaker before the tier."""
    return re.sub(r"[^a-z]", "", name.lower().rsplit(" - ", 1)[-1])


def _merged(tiers: list[list[Row]], silence: set[str]) -> Intervals | None:
    """Rows of all tiers; those without text are the pauses between words."""
    return tidy((row for rows in tiers for row in rows if row[2].strip()), silence) if tiers else None


def parse_textgrid(text: str) -> list[Tier]:
    """(name, [(start, end, label), …]) of every interval tier. Raises DataError where it is damaged."""
    tokens = _tokens(text)
    try:
        if next(tokens) not in ("ooTextFile", "ooTextFile short") or next(tokens) != "TextGrid":
            raise DataError("not a TextGrid in text format", "", "save it in Praat as a text file")
        _times(tokens, 2)
        if next(tokens) == "<absent>":
            return []
        return [tier for _ in range(_count(tokens)) for tier in _next_tier(tokens)]
    except (StopIteration, ValueError) as error:
        raise DataError("TextGrid is cut off or damaged", "", "save it anew in Praat") from error


def _tokens(text: str) -> Iterator[str]:
    return (m[1].replace('""', '"') if m[1] is not None else m[2] or m[3] for m in _TOKEN.finditer(text))


def _times(tokens: Iterator[str], count: int) -> list[float]:
    return [float(next(tokens)) for _ in range(count)]


def _count(tokens: Iterator[str]) -> int:
    return int(float(next(tokens)))


def _next_tier(tokens: Iterator[str]) -> list[Tier]:
    """One tier; nothing for a tier of points, which have no duration."""
    kind, name, _ = next(tokens), next(tokens), _times(tokens, 2)
    n_times = 2 if kind == "IntervalTier" else 1
    entries = [(_times(tokens, n_times), next(tokens)) for _ in range(_count(tokens))]
    return [(name, [(times[0], times[1], label) for times, label in entries])] if n_times == 2 else []


# --------------------------------------------------------------------------------------------------- JSON and CTM
def from_json(text: str) -> Annotation:
    """gentle's words and phones, or any list of {word, start, end} under `words` or `segments` (Whisper)."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise DataError(f"JSON cannot be read ({error})") from error
    entries = list(_word_entries(document))
    if not entries and not (isinstance(document, dict) and document.get("words") == []):
        return Annotation()
    words = tidy(((_time(e, "start"), _time(e, "end"), str(e["word"])) for e in entries), SILENCE)
    spoken = [phone for entry in entries for phone in _phones_within(entry)]
    return Annotation(words, tidy(spoken, PHONE_SILENCE) if spoken else None)


def _word_entries(document: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(document, list):
        for item in document:
            yield from _word_entries(item)
    elif isinstance(document, dict) and isinstance(document.get("word"), str):
        yield document
    elif isinstance(document, dict):
        yield from _word_entries(document.get("words") or document.get("segments") or [])


def _time(entry: Mapping[str, Any], key: str) -> float:
    value = entry.get(key)
    return float(value) if isinstance(value, int | float) else math.nan


def _phones_within(entry: Mapping[str, Any]) -> Iterator[Row]:
    """gentle gives phones as durations from the word's start, their place in the word after an underscore."""
    start = _time(entry, "start")
    for phone in entry.get("phones") or ():
        end = start + _time(phone, "duration")
        yield start, end, str(phone.get("phone", "")).rsplit("_", 1)[0]
        start = end


def from_ctm(text: str) -> Annotation:
    """NIST CTM: file, channel, start, duration, word, confidence; lines of comment begin with ';;'."""
    return Annotation(tidy(_ctm_rows(line.split() for line in text.splitlines()), SILENCE))


def _ctm_rows(lines: Iterable[list[str]]) -> Iterator[Row]:
    for fields in lines:
        if fields and not fields[0].startswith(";;"):
            try:
                start, duration = float(fields[2]), float(fields[3])
                yield start, start + duration, fields[4]
            except (IndexError, ValueError) as error:
                raise DataError(f"not a line of CTM: {' '.join(fields)[:60]}") from error
