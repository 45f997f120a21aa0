"""Words and their tokens: what the families that read words have in common."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from bids_app.errors import DataError
from bids_app.features.base.needs import words_of
from bids_app.features.base.tokens import APOSTROPHES, count_blanks, texts_within, unknown_tokens
from bids_app.records import Array, FeatureProvenance, Features, FeatureSpec, Intervals, Stimulus

STAMP = "the end of the word; onsets_s holds its beginning"
PHONE_STAMP = "the end of the phone; onsets_s holds its beginning"
UNKNOWN_MOST = 0.1  # of tokens: beyond it words are no longer told apart, and the tokenizer is none for them
UNKNOWN_FEW = 2  # distinct words: up to so many among known ones say nothing about the tokenizer
NAMED = 20  # unknown words that a warning names, at most
ELIDED = re.compile(
    r"[^\W\d_]|qu", re.IGNORECASE
)  # before an apostrophe: l'homme, qu'il, o'clock, in whatever language
WITH_APOSTROPHES = ("elisions", "clitics")  # joiners by which a word may follow an apostrophe at once
WITHOUT_BLANKS = (  # how names of characters begin in Unicode
    "CJK", "HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA", "IDEOGRAPHIC", "FULLWIDTH",
    "THAI", "LAO", "KHMER", "MYANMAR",
)  # fmt: skip
MARKS = "'(-0。"  # what may stand before a word without a blank
TELLING = 5  # words; fewer say nothing about how a transcript is written
IN_CAPITALS = "the transcript is in capitals, and the model reads it so: 'casing: lower' gives it small letters"


class Tokenized(NamedTuple):
    """Words that have tokens, in the order in which they end; the tokens of each, and how many of the first are a
    blank alone, which is part of the text and no part of the word; the share of tokens that stand for
    what the tokenizer does not know (a word without any counts as one); notes, and warnings; what joins the words."""

    words: Intervals
    ids: list[list[int]]
    blanks: list[int]
    unknown_share: float
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    joiner: str

    @property
    def own(self) -> list[list[int]]:
        """Tokens of each word without blanks alone."""
        return [tokens[n_blanks:] for tokens, n_blanks in zip(self.ids, self.blanks, strict=True)]


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
    """Rows of a table of words or phones.

    Parameters
    ----------
    words : the table.
    rows : which, in the order wanted.
    text : their texts, where not those of the table.
    """
    chosen = np.asarray(rows, dtype=np.intp)
    texts = words.text if text is None else text
    return Intervals(words.onset_s[chosen], words.duration_s[chosen], tuple(texts[row] for row in rows))


def event_features(spec: FeatureSpec, rows: Intervals, values: Array, provenance: FeatureProvenance) -> Features:
    """One row a word or phone, stamped at its offset and ordered by it.

    Parameters
    ----------
    spec : names the features.
    rows : onsets and durations, in seconds of the stimulus.
    values : (n_rows, n_dims).
    provenance : of the family.
    """
    offsets = np.asarray(rows.offset_s, dtype=np.float64)
    order = np.argsort(offsets, kind="stable")
    onsets = np.asarray(rows.onset_s, dtype=np.float64)[order]
    return Features(spec.name, values[order].astype(np.float32), offsets[order], "events", onsets, provenance)


def tokenize(stimulus: Stimulus, tokenizer: Any, spec: FeatureSpec) -> Tokenized:
    """The spoken words and their tokens; every token belongs to exactly one word.

    Parameters
    ----------
    stimulus : with words.
    tokenizer : of the library, one that knows the characters of each token.
    spec : its name, and `casing`: 'lower': the tokens are those of the words in lower case; else as they are written.

    Raises
    ------
    DataError : no word has any token, or more than UNKNOWN_MOST of the tokens are unknown, in more than UNKNOWN_FEW
        distinct words or in all.
    """
    words, notes = spoken_words(stimulus)
    written = [word.lower() if spec.options["casing"] == "lower" else word for word in words.text]
    if len(written) >= TELLING and " ".join(written).isupper():
        notes = (*notes, IN_CAPITALS)
    ids = word_tokens(written, tokenizer, stimulus.joiner)
    blanks = [count_blanks(tokens, tokenizer) for tokens in ids]
    own = [tokens[n_blanks:] for tokens, n_blanks in zip(ids, blanks, strict=True)]
    rows = [row for row, tokens in enumerate(own) if tokens]
    if not rows:
        raise DataError("the tokenizer knows no word of the transcript", stimulus.stimulus_id)
    if len(rows) < len(ids):
        notes = (*notes, f"{len(ids) - len(rows)} of {len(ids)} words have no tokens and no row")
    share, warnings = _unknown(words.text, own, tokenizer, spec.name, stimulus.label)
    kept, places = [ids[row] for row in rows], [blanks[row] for row in rows]
    return Tokenized(pick(words, rows), kept, places, round(share, 6), notes, warnings, stimulus.joiner)


def _unknown(
    words: Sequence[str], ids: Sequence[Sequence[int]], tokenizer: Any, space: str, stimulus: str
) -> tuple[float, tuple[str, ...]]:
    """The share of tokens that the tokenizer does not know, and a warning where there are any. Raises DataError."""
    unknown = unknown_tokens(tokenizer)
    counts = [sum(token in unknown for token in own) if own else 1 for own in ids]
    share = sum(counts) / sum(max(len(own), 1) for own in ids)
    if not share:
        return 0.0, ()
    lost = {word for word, count in zip(words, counts, strict=True) if count}
    some = ", ".join(sorted(lost)[:NAMED])
    what = f"{share:.1%} of the tokens of the words of {stimulus} are unknown to the tokenizer"
    telling = all(counts) or len({word.casefold() for word in lost}) > UNKNOWN_FEW
    if share > UNKNOWN_MOST and telling:
        advice = "are the model's vocabulary, language and alphabet those of the transcript?"
        raise DataError(f"{what}, more than {UNKNOWN_MOST:.0%} ({some})", f"feature '{space}'", advice)
    return share, (f"{what}: {some}",)


def word_tokens(words: Sequence[str], tokenizer: Any, joiner: str = " ") -> list[list[int]]:
    """Tokens of each word as they stand within running text, so with the blank before it, where there is one.

    A word that follows without a blank is split by itself, and has no token with a blank: no token is made of two
    words, whatever the tokenizer would do, so that none knows what follows.

    Parameters
    ----------
    words : at least one, each with text.
    tokenizer : of the library.
    joiner : what stands between words (see `follows_without_blank`).

    Raises
    ------
    DataError : a token has characters of two words: neither would be its own, and the first would know what follows.
    """
    bare = follows_without_blank(words, joiner)
    spaced = [[] for _ in words] if all(bare) else _tokens_after_blanks(words, tokenizer)
    return [
        _tokens_without_blank(word, tokenizer) if alone else own
        for word, alone, own in zip(words, bare, spaced, strict=True)
    ]


def follows_without_blank(words: Sequence[str], joiner: str) -> list[bool]:
    """Whether each word follows the one before it without a blank.

    Parameters
    ----------
    words : in order.
    joiner : ' ': none does; '': all do, as in Chinese; 'script': those that go on in a script without blanks
        (Chinese, Japanese, Thai), and those after a single letter with an apostrophe (`l'`, `homme`) or `qu'`;
        'elisions': these, and those after any word that ends in an apostrophe; 'clitics': these, those that begin
        with one (`it`, `'s`), and `n't`.
    """
    if joiner in ("", " "):
        return [not joiner] * len(words)
    before = [words[0], *words[:-1]]
    bare = [has_no_blanks(last[-1]) and has_no_blanks(word[0]) for last, word in zip(before, words, strict=True)]
    for place, word in enumerate(words[1:], start=1):
        clitic = joiner == "clitics" and (word[0] in APOSTROPHES or word.lower() in ("n't", "n’t"))
        bare[place] |= clitic or _is_elided(before[place], joiner)
    return bare


def may_precede_blank(word: str, joiner: str) -> bool:
    """Whether a blank follows a word, as far as it can be known when the word ends.

    Parameters
    ----------
    word : with text.
    joiner : what stands between words (see `follows_without_blank`).
    """
    if joiner in ("", " "):
        return bool(joiner)
    return not has_no_blanks(word[-1]) and not _is_elided(word, joiner)


def _is_elided(word: str, joiner: str) -> bool:
    """Whether a word ends in an apostrophe that the next one follows at once."""
    return word[-1] in APOSTROPHES and (joiner in WITH_APOSTROPHES or ELIDED.fullmatch(word[:-1]) is not None)


def has_no_blanks(character: str) -> bool:
    """Whether a character is of a script that is written without blanks between words, or of its punctuation."""
    return "\u3000" <= character <= "\u303f" or unicodedata.name(character, "").startswith(WITHOUT_BLANKS)


def _tokens_without_blank(word: str, tokenizer: Any) -> list[int]:
    """Tokens of a word by itself. A tokenizer that puts a blank before every text (SentencePiece) is given a mark
    that takes it, where it makes no token of mark and word; else a blank alone is left out."""
    tokens = _coded(word, tokenizer)["input_ids"]
    if not tokens or not texts_within(tokens[:1], tokenizer)[0][:1].isspace():
        return list(tokens)
    for mark in MARKS:
        coded = _coded(mark + word, tokenizer)
        spans = coded["offset_mapping"]
        if not any(start < len(mark) < stop for start, stop in spans):
            after = [token for token, (start, _) in zip(coded["input_ids"], spans, strict=True) if start >= len(mark)]
            if after:
                return after
    return list(tokens[count_blanks(tokens, tokenizer) :])


def _tokens_after_blanks(words: Sequence[str], tokenizer: Any) -> list[list[int]]:
    """The first word is written twice and its first copy dropped: it is then split as within a text too, whatever the
    tokenizer does at a text's beginning."""
    text = " ".join((words[0], *words))
    coded = _coded(text, tokenizer)
    ends = np.cumsum([len(word) + 1 for word in (words[0], *words)]) - 1
    tokens: list[list[int]] = [[] for _ in ends]
    for token, (start, stop) in zip(coded["input_ids"], coded["offset_mapping"], strict=True):
        # the last character decides: the blank before a word belongs to the word
        place, begun = np.searchsorted(ends, (max(start, stop - 1), start), side="right").tolist()
        if begun < place:
            raise DataError("the tokenizer makes one token of two words", text[start:stop])
        tokens[place].append(token)
    return tokens[1:]


def _coded(text: str, tokenizer: Any) -> Any:
    """Tokens of a text, and the characters of each."""
    return tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
