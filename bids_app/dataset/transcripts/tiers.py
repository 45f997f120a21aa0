"""Which tiers of a TextGrid (or of MFA's JSON) hold words and which phones: by name, by text and by nesting."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Literal

import numpy as np

from bids_app.dataset.files.alphabets import are_phones, phone_share
from bids_app.dataset.files.intervals import Annotation, Row, are_utterances, tidy
from bids_app.errors import DataError
from bids_app.marks import What, marks_of
from bids_app.records import Array, Intervals

Role = Literal["words", "text", "phones", "segments", "other", "unknown"]
ROLES: dict[Role, set[str]] = {
    "words": {"word", "words", "orthography", "ort", "ortmau", "tokens", "token", "tokensalign", "w", "mot", "mots",
              "wort", "wörter", "woord", "woorden", "palabra", "palabras", "parola", "parole"},
    "phones": {"phone", "phones", "phoneme", "phonemes", "mau", "phons", "phon", "phonalign"},
    "text": {"transcript", "transcription", "transcripts", "text", "ortho", "orthographic"},  # of words or utterances
    "segments": {"segment", "segments", "phonetic", "phonetics", "p", "ipa", "sampa", "arpabet"},  # phones, or not
    "other": {"sentence", "sentences", "utterance", "utterances", "phrase", "phrases", "ipu", "ipus", "trn", "clause",
              "clauses", "syllable", "syllables", "syll", "sylls", "kanmau", "kan", "pos", "lemma", "lemmas", "notes",
              "pinyin", "gloss", "translation", "tone", "tones", "breaks", "comment", "comments", "turn", "turns"},
}  # fmt: skip
OVERLAP_SHARE = 0.5  # of the shorter tier's labelled time, beyond which both are of one speech; speakers share little
NESTED_SHARE, NESTED_SLACK_S = 0.9, 0.01
MOST_TIERS = 256
LONGEST_WORD_S = 1.0  # the median: words last .2 to .4 s, utterances 1 to 5 s


@dataclass(frozen=True)
class Tier:
    """Labelled intervals, in seconds; pauses, which have no label, left out.

    name : as written. rows : (start, end, label). role : what its name says that it holds.
    """

    name: str
    rows: tuple[Row, ...]
    role: Role = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "role", role_of(self.name))

    @cached_property
    def spoken(self) -> tuple[Row, ...]:
        """Rows that are no marks of silence or noise."""
        marks = marks_of([text for _, _, text in self.rows])
        return tuple(row for row, mark in zip(self.rows, marks, strict=True) if mark is None)

    @property
    def labels(self) -> list[str]:
        """Texts that are no marks."""
        return [text for _, _, text in self.spoken]

    @cached_property
    def spans(self) -> Array:
        """(n, 2) starts and ends of what is spoken, ascending, in seconds."""
        times = np.array([row[:2] for row in self.spoken], dtype=float).reshape(-1, 2)
        timed = times[np.isfinite(times).all(axis=1)]
        return np.asarray(timed[np.lexsort((timed[:, 1], timed[:, 0]))])

    @property
    def median_s(self) -> float:
        """Of the lengths of what is spoken."""
        return float(np.median(self.spans[:, 1] - self.spans[:, 0])) if len(self.spans) else 0.0


def tier_of(name: str, rows: Sequence[Row]) -> Tier:
    """A tier without its pauses.

    Parameters
    ----------
    name : as written.
    rows : (start, end, label).
    """
    return Tier(name, tuple(row for row in rows if row[2].strip()))


def role_of(name: str) -> Role:
    """'Alice - Words', 'words_A', 'A/words' → 'words': a speaker may stand before or after; 'ORT-MAU' is one name."""
    whole = _letters(name)
    for part in (whole, _letters(name.rsplit(" - ", 1)[-1])):
        for role, names in ROLES.items():
            if part in names:
                return role
    parts = {part for part in re.split(r"[\W\d_]+", name.lower()) if part}
    found = [role for role, names in ROLES.items() if len(names & parts)]
    return found[0] if len(found) == 1 else "other" if "other" in found else "unknown"


def _letters(name: str) -> str:
    return re.sub(r"[\W\d_]", "", name.lower())


def choose(tiers: Sequence[Tier]) -> Annotation:
    """Words and phones of a file, None for what no tier holds, and what a person should know of the choice.

    Words: tiers of that name; else one of transcripts, or of a name that says nothing, which is not of utterances
    (most labels with blanks, or shorter labels of another tier within them). Phones: tiers of that name, else one
    whose labels are phones. Tiers of one kind are merged where they are of several speakers, which rarely speak at
    once.

    Parameters
    ----------
    tiers : of the file.

    Raises
    ------
    DataError : there are more of them than speakers: each is compared with each.
    """
    if len(tiers) > MOST_TIERS:
        raise DataError(
            f"{len(tiers)} tiers, more than the {MOST_TIERS} that are looked through", "", "leave some out"
        )
    phones, about_phones = _phones(tiers)
    words, about_words = _words([tier for tier in tiers if tier not in phones])
    return Annotation(_merged(words, "words"), _merged(phones, "phones"), (*about_words, *about_phones))


def _merged(tiers: Sequence[Tier], what: What) -> Intervals | None:
    return tidy((row for tier in tiers for row in tier.rows), what) if tiers else None


# --------------------------------------------------------------------------------------------------- words
def _words(tiers: Sequence[Tier]) -> tuple[list[Tier], tuple[str, ...]]:
    """The tiers of words, and notes."""
    named = [tier for tier in tiers if tier.role == "words"]
    others = [tier for tier in tiers if tier.role in ("text", "unknown")]
    if any(tier.role == "words" and not are_utterances(tier.labels) for tier in tiers):
        return _of_one_kind([tier for tier in named if not are_utterances(tier.labels)], "words")
    likely = [tier for tier in others if not _holds_utterances(tier, tiers) and not _is_finer(tier, tiers)]
    texts = [tier for tier in likely if tier.role == "text"]
    found = texts or [tier for tier in likely if tier.rows or len(tiers) == 1]
    if found and (texts or not _overlapping(found)):
        return _of_one_kind(found, "words")
    if found:
        return [], (f"no tier is known to hold words: {_there(tiers)}; call one 'words'",)
    wrong = [tier for tier in (*named, *others) if _holds_utterances(tier, tiers)]
    return [], tuple(f"tier '{tier.name}' holds utterances, not words: {_there(tiers)}" for tier in wrong[:1])


def _there(tiers: Sequence[Tier]) -> str:
    return "tiers are " + ", ".join(f"'{tier.name}'" for tier in tiers)


def _holds_utterances(tier: Tier, tiers: Sequence[Tier]) -> bool:
    """By blanks in its labels; or because shorter labels that are no phones lie within its own, which are long."""
    if are_utterances(tier.labels):
        return True
    return tier.median_s > LONGEST_WORD_S and any(_nests(inner, tier) for inner in tiers if inner is not tier)


def _is_finer(tier: Tier, tiers: Sequence[Tier]) -> bool:
    """Whether it divides words (syllables, characters): its intervals lie within those of another that are no longer
    than words."""
    return any(
        outer.median_s <= LONGEST_WORD_S and not are_utterances(outer.labels) and _nests(tier, outer)
        for outer in tiers if outer is not tier
    )  # fmt: skip


def _nests(inner: Tier, outer: Tier) -> bool:
    """Whether intervals of one tier lie within those of another, of which there are fewer."""
    if not len(outer.spans) or len(inner.spans) <= len(outer.spans):
        return False
    starts, ends = outer.spans.T
    place = np.clip(np.searchsorted(starts, inner.spans[:, 0] + NESTED_SLACK_S, side="right") - 1, 0, None)
    begins_after = inner.spans[:, 0] >= starts[place] - NESTED_SLACK_S
    ends_before = inner.spans[:, 1] <= ends[place] + NESTED_SLACK_S
    return float(np.mean(begins_after & ends_before)) >= NESTED_SHARE


# --------------------------------------------------------------------------------------------------- phones, speakers
def _phones(tiers: Sequence[Tier]) -> tuple[list[Tier], tuple[str, ...]]:
    """The tiers of phones, and notes."""
    named = [tier for tier in tiers if tier.role == "phones"]
    maybe = [tier for tier in tiers if tier.role == "segments" and phone_share(tier.labels) >= 0.5]
    by_text = [tier for tier in tiers if tier.role in ("unknown", "text") and are_phones(tier.labels)]
    return _of_one_kind(next((found for found in (named, maybe, by_text) if found), []), "phones")


def _of_one_kind(tiers: Sequence[Tier], what: What) -> tuple[list[Tier], tuple[str, ...]]:
    """All of them where they are speakers; of two readings of one speech the first; and notes."""
    plain = ("words", "word", "phones", "phone")
    filled = sorted((tier for tier in tiers if tier.rows), key=lambda tier: tier.name.strip().lower() not in plain)
    names = ", ".join(f"'{tier.name}'" for tier in filled)
    if len(filled) < 2:
        return filled or list(tiers)[:1], ()
    if _overlapping(filled):
        passed = ", ".join(f"'{tier.name}'" for tier in filled[1:])
        return filled[:1], (
            f"{what} are those of tier '{filled[0].name}'; passed over, as it is of the same speech: {passed}",
        )
    return filled, (f"{what} of {len(filled)} tiers together: {names}",)


def _overlapping(tiers: Sequence[Tier]) -> bool:
    """Whether two tiers are of one speech: both spoken in at one time for most of the shorter one's."""
    lengths = {id(tier): float(np.sum(tier.spans[:, 1] - tier.spans[:, 0])) for tier in tiers}
    return any(
        _shared_s(one, other) > OVERLAP_SHARE * min(lengths[id(one)], lengths[id(other)])
        for one, other in combinations(tiers, 2)
    )


def _shared_s(one: Tier, other: Tier) -> float:
    """Seconds in which both are spoken in; intervals of one tier do not overlap."""
    if not len(one.spans):
        return 0.0
    edges = np.maximum.accumulate(one.spans.ravel())  # starts and ends in turn
    lengths = np.diff(edges)[::2]
    spoken_s = np.concatenate([[0.0], np.repeat(np.cumsum(lengths), 2)])[: len(edges)]
    start_s, end_s = np.interp(other.spans.T, edges, spoken_s)
    return float(np.sum(end_s - start_s))
