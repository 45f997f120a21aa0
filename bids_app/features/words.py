"""Words and their tokens: what the families that read words have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bids_app.errors import DataError
from bids_app.features.needs import words_of
from bids_app.records import Array, Features, FeatureSpec, Intervals, Stimulus

STAMP = "the end of the word; onsets_s holds its beginning"
PHONE_STAMP = "the end of the phone; onsets_s holds its beginning"


def spoken_words(stimulus: Stimulus) -> tuple[Intervals, tuple[str, ...]]:
    """Words with text, stripped, in the order in which they end; and a note on those left out.

    Where one word lies within another, the longer one comes second: no word has one that ends after it as context.
    """
    words = words_of(stimulus)
    text = tuple(word.strip() for word in words.text)
    order = [int(row) for row in np.lexsort((words.onset_s, words.offset_s)) if text[row]]
    empty = len(text) - len(order)
    notes = (f"{empty} of {len(text)} words have no text and no row",) if empty else ()
    return pick(words, order, text), notes


def pick(words: Intervals, rows: Sequence[int], text: Sequence[str] | None = None) -> Intervals:
    """The given rows of a table of words or phones, in the given order."""
    chosen = np.asarray(rows, dtype=np.intp)
    texts = words.text if text is None else text
    return Intervals(words.onset_s[chosen], words.duration_s[chosen], tuple(texts[row] for row in rows))


def event_features(spec: FeatureSpec, rows: Intervals, values: Array, provenance: Mapping[str, Any]) -> Features:
    """One row (n_dims,) of `values` a word or phone, stamped at its offset and ordered by it."""
    offsets = np.asarray(rows.offset_s, dtype=np.float64)
    order = np.argsort(offsets, kind="stable")
    onsets = np.asarray(rows.onset_s, dtype=np.float64)[order]
    return Features(spec.name, values[order].astype(np.float32), offsets[order], "events", onsets, provenance)


def rate_features(spec: FeatureSpec, rows: Intervals, what: str, stamp: str, notes: tuple[str, ...]) -> Features:
    """(n_rows, 1) ones: how often a word or phone (`what`) comes, the floor that any model of them has to beat."""
    provenance = {
        "description": f"One for every {what}.",
        "stamp": stamp,
        "dimensions": [what],
        "causal": True,
        "notes": notes,
    }
    return event_features(spec, rows, np.ones((len(rows.text), 1)), provenance)


def tokenize(stimulus: Stimulus, tokenizer: Any) -> tuple[Intervals, list[list[int]], tuple[str, ...]]:
    """Spoken words that have tokens, the tokens of each, and notes on words left out.

    Every token belongs to exactly one word. Raises DataError where no word has any.
    """
    words, notes = spoken_words(stimulus)
    ids = word_tokens(words.text, tokenizer)
    rows = [row for row, tokens in enumerate(ids) if tokens]
    if not rows:
        raise DataError("the tokenizer knows no word of the transcript", stimulus.stimulus_id)
    if len(rows) < len(ids):
        notes = (*notes, f"{len(ids) - len(rows)} of {len(ids)} words have no tokens and no row")
    return pick(words, rows), [ids[row] for row in rows], notes


def word_tokens(words: Sequence[str], tokenizer: Any) -> list[list[int]]:
    """Tokens of each word as they stand within running text, so with the blank before it.

    The first word is written twice and its first copy dropped: it is then split as within a text too, whatever the
    tokenizer does at a text's beginning.
    """
    text = " ".join((words[0], *words))
    coded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    ends = np.cumsum([len(word) + 1 for word in (words[0], *words)]) - 1
    tokens: list[list[int]] = [[] for _ in ends]
    for token, (start, stop) in zip(coded["input_ids"], coded["offset_mapping"], strict=True):
        # the last character decides: the blank before a word belongs to the word
        tokens[int(np.searchsorted(ends, max(start, stop - 1), side="right"))].append(token)
    return tokens[1:]
