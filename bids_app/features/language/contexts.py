"""What a language model sees for each word: windows of tokens, exact or rolling, and batches of them."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from bids_app.errors import UsageError
from bids_app.features.base.family import Reach
from bids_app.features.stated.library import table
from bids_app.features.stated.model import StatedModel
from bids_app.features.transformers.model_options import CONTEXT_WORDS
from bids_app.features.transformers.models import load_config, model_of
from bids_app.records import FeatureSpec, ModelSource

TOKENS_AT_ONCE = {"cpu": 1024, "cuda": 65536}  # in one forward pass
CAUSAL, MASKED = "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES", "MODEL_FOR_MASKED_LM_MAPPING_NAMES"  # tables of transformers
Words = Sequence[Sequence[int]]  # the tokens of each word


@dataclass(frozen=True)
class Window:
    """Tokens of one forward pass; for each word read off it: its row, its first token and the one after its last.

    Parameters
    ----------
    tokens : (n_tokens,) numbers of the model's vocabulary.
    words : of each word read off: its row, its first token and the one after its last, places in `tokens`.
    """

    tokens: tuple[int, ...]
    words: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Frame:
    """Tokens that stand before and after every window, and the most that a window may hold (None: any number).

    Parameters
    ----------
    start, end : tokens before and after the words.
    limit : the most tokens in a window, these included; None: any number.
    """

    start: tuple[int, ...] = ()
    end: tuple[int, ...] = ()
    limit: int | None = None

    @property
    def room(self) -> int | None:
        """Tokens of words that fit."""
        return None if self.limit is None else self.limit - len(self.start) - len(self.end)


def exact_windows(ids: Words, context: int, frame: Frame) -> list[Window]:
    """One window a word: the words before it, and it.

    The earliest tokens give way where there is no room, at last those of the word itself.

    Parameters
    ----------
    ids : tokens of each word.
    context : how many words before it.
    frame : marks around a window, and its limit.
    """
    return [window_after(ids[max(0, row - context) : row], own, row, frame) for row, own in enumerate(ids)]


def window_after(before: Words, own: Sequence[int], row: int, frame: Frame) -> Window:
    """The window of one word; see `exact_windows`.

    Parameters
    ----------
    before : tokens of the words before it.
    own : its tokens.
    row : its row among the features.
    frame : marks around a window, and its limit.
    """
    tokens = [token for word in (*before, own) for token in word]
    seen = tokens if frame.room is None else tokens[-frame.room :]
    end = len(frame.start) + len(seen)
    return Window((*frame.start, *seen, *frame.end), ((row, end - min(len(own), len(seen)), end),))


def rolling_windows(ids: Words, tokens: int, stride: int, frame: Frame) -> list[Window]:
    """Windows of whole words that move on together; each word is read off the first window that holds it.

    A window after the first keeps up to `tokens − stride` tokens of the words before its new ones, so that a word
    has between that and `tokens` of context. A word of more than `tokens` has a window of its own, without its
    earliest tokens. Only for models whose tokens do not see later ones.

    Parameters
    ----------
    ids : tokens of each word.
    tokens : the most in a window.
    stride : how many a window moves on by, at least.
    frame : marks around a window, and its limit.
    """
    most = tokens if frame.room is None else min(tokens, frame.room)
    kept = max(0, most - stride)
    windows, first = [], 0
    while first < len(ids):
        seen: list[int] = []
        for word in reversed(ids[:first]):
            if len(seen) + len(word) > kept:
                break
            seen = [*word, *seen]
        if len(seen) + len(ids[first]) > most:
            seen = []
        words, row = [], first
        while row < len(ids) and (row == first or len(seen) + len(ids[row]) <= most):
            begin = len(seen)
            seen.extend(ids[row][-most:])
            words.append((row, len(frame.start) + begin, len(frame.start) + len(seen)))
            row += 1
        windows.append(Window((*frame.start, *seen, *frame.end), tuple(words)))
        first = row
    return windows


def windows_of(spec: FeatureSpec, ids: Words, frame: Frame) -> list[Window]:
    """The windows that a resolved spec asks for, exact or rolling.

    Parameters
    ----------
    spec : with `context_words` or `context`.
    ids : tokens of each word.
    frame : marks around a window, and its limit.
    """
    rolling: Mapping[str, int] | None = spec.options["context"]
    if rolling is None:
        return exact_windows(ids, spec.options["context_words"], frame)
    return rolling_windows(ids, rolling["tokens"], rolling["stride"], frame)


def owned(windows: Sequence[Window], own: Words) -> list[Window]:
    """The same windows, read off at each word's own tokens, without a blank alone before them.

    Parameters
    ----------
    windows : of words with all of their tokens.
    own : of each word, its last tokens.
    """
    return [
        replace(window, words=tuple((row, max(first, end - len(own[row])), end) for row, first, end in window.words))
        for window in windows
    ]


def describe_context(spec: FeatureSpec) -> str:
    """In words, to stand after 'each word'."""
    rolling = spec.options["context"]
    if rolling is None:
        return f"after the {spec.options['context_words']} words before it"
    least = rolling["tokens"] - rolling["stride"]
    return f"after {least} to {rolling['tokens']} tokens before it (windows that move on by {rolling['stride']})"


def reach(options: Mapping[str, Any]) -> Reach:
    """How far back a word's window goes, by the resolved options."""
    rolling = options["context"]
    return Reach(words=options["context_words"]) if rolling is None else Reach(tokens=rolling["tokens"])


def batches(windows: Sequence[Window], device: str) -> Iterator[list[Window]]:
    """Windows of equal length together: nothing is ever padded, and no mask is needed.

    Parameters
    ----------
    windows : in any order.
    device : decides how many tokens go in one pass.
    """
    ordered = sorted(windows, key=lambda window: len(window.tokens))
    for length, group in groupby(ordered, key=lambda window: len(window.tokens)):
        same = list(group)
        size = max(1, TOKENS_AT_ONCE[device.split(":")[0]] // length)
        yield from (same[at : at + size] for at in range(0, len(same), size))


def rules(spec: FeatureSpec) -> FeatureSpec:
    """`context_words` filled in where neither kind of context is given. Raises UsageError where both are."""
    words, rolling = spec.options["context_words"], spec.options["context"]
    if words is not None and rolling is not None:
        raise UsageError("give 'context_words' or 'context', not both", f"feature '{spec.name}'")
    filled = CONTEXT_WORDS if words is None and rolling is None else words
    return replace(spec, options={**spec.options, "context_words": filled})


def is_masked(spec: FeatureSpec, source: ModelSource) -> bool:
    """Whether the model is a masked one (BERT kin).

    Parameters
    ----------
    spec : names the model.
    source : where models are.

    Raises
    ------
    UsageError : it is neither a masked nor a causal language model.
    """
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    )

    config = load_config(model_of(spec), source)
    encodes, decodes = (bool(getattr(config, name, False)) for name in ("is_encoder_decoder", "is_decoder"))
    kinds = MODEL_FOR_MASKED_LM_MAPPING_NAMES, MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    return _is_one_of(kinds, spec, config.model_type, encodes, decodes)


def is_stated_masked(spec: FeatureSpec, stated: StatedModel) -> bool:
    """`is_masked` by what the model's files state; `False` where nothing states its kind.

    Parameters
    ----------
    spec : names the model.
    stated : the model.

    Raises
    ------
    UsageError : it is neither a masked nor a causal language model.
    """
    kinds = table(MASKED), table(CAUSAL)
    if not stated.kind or not all(kinds):
        return False
    encodes, decodes = (bool(stated.config.get(name)) for name in ("is_encoder_decoder", "is_decoder"))
    return _is_one_of(kinds, spec, stated.kind, encodes, decodes)


def _is_one_of(
    kinds: tuple[Container[str], Container[str]], spec: FeatureSpec, kind: str, encodes: bool, decodes: bool
) -> bool:
    """Whether models of a kind are of the first kinds, masked ones, and not of the second, causal ones; raises
    UsageError as `is_masked`."""
    of_masked, of_causal = kinds
    if encodes:
        raise UsageError("an encoder-decoder is no language model of this kind", f"feature '{spec.name}'")
    masked = kind in of_masked and not decodes
    if not masked and kind not in of_causal:
        known = "a causal language model (GPT-2, OPT, Llama) or a masked one (BERT) is needed"
        raise UsageError(f"{spec.options['model']} is no language model", f"feature '{spec.name}'", known)
    return masked


def frame_of(model: Any, tokenizer: Any, masked: bool) -> Frame:
    """The marks around a window, and the most that it may hold.

    A mark for the beginning of text comes first where the tokenizer has one: the first token of a window draws
    attention and has a state of extreme size (Xiao et al. 2024, arXiv:2309.17453), which would fall to the
    stimulus's first word. Masked models were trained between their two marks.

    Parameters
    ----------
    model, tokenizer : of the library.
    masked : whether the model is a masked one.
    """
    start, end = (tokenizer.cls_token_id, tokenizer.sep_token_id) if masked else (tokenizer.bos_token_id, None)
    limit = getattr(model.config, "max_position_embeddings", None)
    limit = None if limit == -1 else limit  # XLNet's: any number
    skipped = getattr(getattr(model.base_model, "embeddings", None), "padding_idx", None)  # RoBERTa counts from there
    if limit is not None and skipped is not None:
        limit -= skipped + 1
    marks = [() if mark is None else (mark,) for mark in (start, end)]
    return Frame(marks[0], marks[1], limit)
