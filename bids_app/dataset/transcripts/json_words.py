"""JSON of word times: gentle, Whisper and its kin, Hugging Face's chunks, MFA's tiers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from bids_app.dataset.files.intervals import Annotation, Row, only_words, tidy
from bids_app.dataset.files.one_clock import require_one_clock
from bids_app.dataset.files.tables import number
from bids_app.dataset.files.written import json_of
from bids_app.dataset.transcripts.tiers import choose, tier_of
from bids_app.errors import DataError

WITHIN = ("words", "segments", "chunks", "word_segments")  # the first of them that holds entries
TEXT = ("word", "text", "token", "label")
START, END = ("start", "onset", "begin", "start_time", "xmin"), ("end", "offset", "stop", "end_time", "xmax")
SPAN = ("timestamp", "timestamps")  # [start, end] of Hugging Face


def from_json(text: str) -> Annotation:
    """gentle's words and phones; Whisper's, WhisperX's and Hugging Face's words; tiers of MFA and Praat.

    A list of {word, start, end}, or of {text, timestamp: [start, end]}, by itself or under `words`, `segments` or
    `chunks`. Where texts hold several words (Whisper's segments without word times), there are no words, and a note.

    Raises
    ------
    DataError : it is no JSON, or times begin anew, utterance by utterance.
    """
    try:
        document = json_of(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"JSON cannot be read ({error})") from error
    if isinstance(document, dict) and "tiers" in document:
        return choose([tier_of(name, rows) for name, rows in _tiers(document["tiers"])])
    entries = list(_entries(document))
    if not entries and not (isinstance(document, dict) and document.get("words") == []):
        return Annotation()
    rows = [_row(entry) for entry in entries]
    require_one_clock(rows)
    words = only_words(tidy(rows, "words"))
    phones = [phone for entry in entries for phone in _phones_within(entry)]
    return words._replace(phones=tidy(phones, "phones") if phones else None)


def _entries(document: Any) -> Iterator[Mapping[str, Any]]:
    """What is timed and has a text, innermost: a segment with words gives its words."""
    if isinstance(document, list):
        for item in document:
            yield from _entries(item)
    elif isinstance(document, dict):
        within = next(
            (document[key] for key in WITHIN if isinstance(document.get(key), list) and document[key]), None
        )
        if within is not None:
            yield from _entries(within)
        elif _first(document, TEXT) is not None and _is_entry(document):
            yield document


def _is_entry(item: Mapping[str, Any]) -> bool:
    """A word that an aligner did not find has no times (gentle, WhisperX); a whole transcript is none."""
    return "word" in item or any(key in item for key in (*START, *SPAN))


def _first(entry: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((entry[key] for key in keys if key in entry), None)


def _row(entry: Mapping[str, Any]) -> Row:
    span = _first(entry, SPAN)
    if isinstance(span, list) and len(span) == 2:
        return _seconds(span[0]), _seconds(span[1]), str(_first(entry, TEXT))
    return _seconds(_first(entry, START)), _seconds(_first(entry, END)), str(_first(entry, TEXT))


def _seconds(value: Any) -> float:
    if isinstance(value, str):
        return number(value.removesuffix("s"))
    try:
        return float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:
        return math.nan


def _phones_within(entry: Mapping[str, Any]) -> Iterator[Row]:
    """gentle gives phones as durations from the word's start, their place in the word after an underscore."""
    start, phones = _seconds(entry.get("start")), entry.get("phones")
    for phone in phones if isinstance(phones, list) else ():
        if isinstance(phone, dict):
            end = start + _seconds(phone.get("duration"))
            yield start, end, str(phone.get("phone", "")).rsplit("_", 1)[0]
            start = end


def _tiers(tiers: Any) -> Iterator[tuple[str, list[Row]]]:
    """MFA's {name: {type, entries: [[start, end, label]]}}, and praatio's list of {name, entries}."""
    listed = tiers if isinstance(tiers, list) else []
    named = tiers.items() if isinstance(tiers, dict) else ((_name(tier), tier) for tier in listed)
    for name, tier in named:
        entries = tier.get("entries") if isinstance(tier, dict) else None
        if isinstance(entries, list):
            rows = [entry for entry in entries if isinstance(entry, list) and len(entry) == 3]
            yield str(name), [(_seconds(start), _seconds(end), str(label)) for start, end, label in rows]


def _name(tier: Any) -> str:
    return str(tier.get("name", "")) if isinstance(tier, dict) else ""
