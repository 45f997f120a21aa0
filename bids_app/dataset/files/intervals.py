"""Rows of words or phones → Intervals: what is kept, and what is left out and counted."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from bids_app.marks import What, counted, marks_of
from bids_app.records import Intervals

MISSING = {"", "n/a"}
UTTERANCE_SHARE = 0.5  # of texts with blanks, beyond which they are utterances; "New York" and the like are rare
LONG_TEXT = 6  # characters where words are written without blanks: Chinese and Japanese ones have one to four
WITHOUT_BLANKS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0e7f]")

Row = tuple[float, float, str]


class Annotation(NamedTuple):
    """What a file times; None for what it does not have. `notes`: what a person should know of how it was read;
    `extent_s`: first and last second of the file's own clock, where it says them, as Praat's do."""

    words: Intervals | None = None
    phones: Intervals | None = None
    notes: tuple[str, ...] = ()
    extent_s: tuple[float, float] | None = None

    def told(self, *notes: str) -> Annotation:
        """With more notes."""
        return self._replace(notes=(*self.notes, *notes))

    @property
    def end_s(self) -> float | None:
        """The end of its last word or phone, in seconds; None where it has none."""
        ends = [table.offset_s.max() for table in (self.words, self.phones) if table is not None and table.text]
        return float(max(ends)) if ends else None


def spoken(texts: Sequence[str]) -> list[str]:
    """Texts that are there and no marks of silence or noise."""
    marks = marks_of(texts)
    return [text for text, mark in zip(texts, marks, strict=True) if mark is None and text.lower() not in MISSING]


def are_utterances(texts: Sequence[str]) -> bool:
    """Whether most texts hold several words: by their blanks, or by their length where words have none."""
    bare = [" ".join(text.split()) for text in texts]
    several = [" " in text or (len(text) > LONG_TEXT and WITHOUT_BLANKS.search(text) is not None) for text in bare]
    return sum(several) > UTTERANCE_SHARE * len(several)


def only_words(found: Intervals) -> Annotation:
    """Words, unless they are utterances, whose words have no times: then a note that says so."""
    if not are_utterances(found.text):
        return Annotation(found)
    several = f"most of its {len(found.text)} texts hold several words, as '{found.text[0][:40]}'"
    return Annotation(notes=(f"utterances, not words: {several}",))


def tidy(rows: Iterable[Row], what: What = "words", earliest: float = 0.0) -> Intervals:
    """Rows → Intervals, ascending.

    Rows without text or times, or ending before they start, are left out, and counted; so are marks of silence, of
    noise and of speech that was not understood; a start before `earliest` is moved there; a row repeated for the
    sub-words of one word counts once.

    Parameters
    ----------
    rows : (start, end, text), seconds.
    what : words or phones, which have other marks of silence.
    earliest : where time begins, in seconds.
    """
    rows = list(rows)
    marks = marks_of([text for _, _, text in rows], what)
    noise = [text for (_, _, text), mark in zip(rows, marks, strict=True) if mark == "noise"]
    unclear = [text for (_, _, text), mark in zip(rows, marks, strict=True) if mark == "unclear"]
    meant = [row for row, mark in zip(rows, marks, strict=True) if mark is None]
    faults = [_fault(row, earliest) for row in meant]
    kept = [
        (max(start, earliest), end, " ".join(text.split()))
        for (start, end, text), fault in zip(meant, faults, strict=True)
        if fault is None
    ]
    ordered = sorted(dict.fromkeys(kept), key=lambda row: row[:2])
    times = np.array([row[:2] for row in ordered], dtype=float).reshape(-1, 2)
    counts = Counter(fault for fault in faults if fault is not None)
    left_out = [f"{count} of {len(meant)} rows {fault}" for fault, count in sorted(counts.items())]
    if unclear:
        left_out.append(f"{len(unclear)} of {len(rows)} rows of speech that was not understood: {counted(unclear)}")
    marked = (f"{len(noise)} of {len(rows)} rows that mark silence or noise: {counted(noise)}",) if noise else ()
    texts = tuple(row[2] for row in ordered)
    return Intervals(times[:, 0], times[:, 1] - times[:, 0], texts, tuple(left_out), marked)


def _fault(row: Row, earliest: float) -> str | None:
    """Why a row is no word or phone, to stand after 'rows'; None where it is one."""
    start, end, text = row
    if text.strip().lower() in MISSING:
        return "without text"
    if not (math.isfinite(start) and math.isfinite(end)):
        return "without times"
    if end < start:
        return "that end before they begin"
    return "that end before the sound begins" if end <= earliest and start < earliest else None
