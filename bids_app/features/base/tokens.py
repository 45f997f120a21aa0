"""What single tokens stand for: text with or without the blank before it, a blank alone, or the unknown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

APOSTROPHES = "'’"
KEPT = 4  # tokenizers whose vocabulary, once gone through, is remembered


def texts_within(tokens: Sequence[int], tokenizer: Any) -> list[str]:
    """What each token adds to a text that goes on: with the blank before it, where the token begins with one.

    Parameters
    ----------
    tokens : numbers of the vocabulary.
    tokenizer : of the library, a fast one.
    """
    backend = tokenizer.backend_tokenizer
    before = backend.token_to_id("a")  # a letter within a word: where tokens end words, they say so themselves
    if before is None:
        before = (tokenizer("a", add_special_tokens=False, verbose=False)["input_ids"] or [0])[-1]
    start = backend.decode([before], skip_special_tokens=False)
    both = backend.decode_batch([[before, token] for token in tokens], skip_special_tokens=False)
    return [text.removeprefix(start) for text in both]


def count_blanks(tokens: Sequence[int], tokenizer: Any) -> int:
    """How many of a word's tokens, from its first on, are a blank alone (`▁`, `Ġ`): no part of the word.

    Parameters
    ----------
    tokens : of a word.
    tokenizer : of the library, a fast one.
    """
    texts = texts_within(tokens, tokenizer)
    return next((place for place, text in enumerate(texts) if not text.isspace()), len(texts))


@lru_cache(maxsize=KEPT)
def boundary_tokens(tokenizer: Any, clitics: bool) -> frozenset[int]:
    """The tokens with which a next word begins, so that the one before has ended: those that begin with a blank, and
    the mark for the end of text. None where no token begins with a blank.

    Parameters
    ----------
    tokenizer : of the library, a fast one.
    clitics : whether what begins with an apostrophe is a word of its own, too.
    """
    vocabulary = sorted({*tokenizer.get_vocab().values()} - {*tokenizer.all_special_ids})
    texts = texts_within(vocabulary, tokenizer)
    blank = {token for token, text in zip(vocabulary, texts, strict=True) if text[:1].isspace()}
    clitic = {token for token, text in zip(vocabulary, texts, strict=True) if text[:1] in (*APOSTROPHES,)}
    end = {tokenizer.eos_token_id} - {None}
    return frozenset(blank | end | (clitic if clitics else set()) if blank else ())


@lru_cache(maxsize=KEPT)
def unknown_tokens(tokenizer: Any) -> frozenset[int]:
    """The tokens that stand for what a tokenizer does not know: of its settings, and of the model within it. None
    for those that spell whatever there is in bytes.

    Parameters
    ----------
    tokenizer : of the library, a fast one.
    """
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    named = tokenizer.backend_tokenizer.token_to_id(model.get("unk_token") or "")
    return frozenset({tokenizer.unk_token_id, model.get("unk_id"), named} - {None})
