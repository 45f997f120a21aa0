"""How well a causal language model foresees each word: what `surprisal` and `entropy` have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.errors import UsageError
from bids_app.features.base.family import Setting
from bids_app.features.base.memory import WithinMemory
from bids_app.features.base.words import STAMP, Tokenized, event_features, tokenize
from bids_app.features.language import contexts
from bids_app.features.language.contexts import Window
from bids_app.features.stated.model import stated_model
from bids_app.features.stated.tokenizer import require_tokenizer
from bids_app.features.transformers.load_model import load_model
from bids_app.features.transformers.model_options import CASING, CONTEXT, MODEL
from bids_app.features.transformers.models import model_files, model_of, with_model
from bids_app.features.transformers.precision import run_model
from bids_app.features.transformers.tokenizers import load_tokenizer, require_fit
from bids_app.records import FeatureProvenance, Features, FeatureSpec, ModelSource, Stimulus

# (log2 probabilities (n_tokens + 1, n_vocabulary) before each token and after the last, tokens (n_tokens,), the row
# of the word) → one number
Measure = Callable[[Any, Any, int], Any]
NO_MARK = "no mark for the beginning: before the first token all are equally likely"
OPTIONS: dict[str, Setting] = {**MODEL, **CASING, **CONTEXT}


def extract(
    stimulus: Stimulus,
    spec: FeatureSpec,
    source: ModelSource,
    measure_of: Callable[[Tokenized, Any], Measure],
    what: str,
) -> Features:
    """values (n_words, 1), in bits: a measure of the distributions before each of the word's own tokens.

    Where nothing at all stands before a token (the first word of a model without a mark for the beginning), every
    token of the vocabulary is held equally likely, and the notes say so.

    Parameters
    ----------
    stimulus, spec, source : see `Family.extract`.
    measure_of : (the words and their tokens, the tokenizer) → what is made of the distributions.
    what : the description's first words.

    Raises
    ------
    UsageError : a masked model.
    """
    _require_causal(spec, contexts.is_masked(spec, source))
    name = model_of(spec)
    tokenizer, model = load_tokenizer(name, source), load_model(name, source, "AutoModelForCausalLM")
    require_fit(tokenizer, len(model.get_input_embeddings().weight), name)
    given = tokenize(stimulus, tokenizer, spec)
    frame = contexts.frame_of(model, tokenizer, masked=False)
    windows = contexts.windows_of(spec, given.ids, frame)
    values, measure = np.zeros((len(given.ids), 1)), measure_of(given, tokenizer)

    def compute(batch: Sequence[Window]) -> list[list[float]]:
        return measured(model, batch, measure)

    within = WithinMemory(compute, lambda window: len(window.tokens), model, source.device)
    for batch in contexts.batches(windows, source.device):
        for window, numbers in zip(batch, within(batch), strict=True):
            values[[row for row, _, _ in window.words], 0] = numbers
    unmarked = () if frame.start else (NO_MARK,)
    provenance = FeatureProvenance(
        kind=spec.kind,
        description=f"{what}, by {name.name}, for each word {contexts.describe_context(spec)}.",
        stamp=STAMP,
        dimensions=(f"{spec.kind}, bits",),
        causal=True,
        unknown_share=given.unknown_share,
        notes=(*given.notes, *sorted({*within.notes, *unmarked})),
        warnings=given.warnings,
    )
    return event_features(spec, given.words, values, with_model(provenance, name, source))


def _require_causal(spec: FeatureSpec, masked: bool) -> None:
    if masked:
        raise UsageError(f"{spec.kind} needs a causal language model", f"feature '{spec.name}'")


def check_model(spec: FeatureSpec, source: ModelSource) -> None:
    """Make sure that the spec can be had of its model, before its weights are loaded.

    Parameters
    ----------
    spec : resolved.
    source : where models are.

    Raises
    ------
    UsageError : the model is no causal language model.
    NoInput : its files are not all there, or do not fit each other.
    """
    stated = stated_model(model_of(spec), source)
    _require_causal(spec, contexts.is_stated_masked(spec, stated))
    require_tokenizer(stated, source)


def measured(model: Any, batch: Sequence[Window], measure: Measure) -> list[list[float]]:
    """The measure of each word of each window; only the logits needed are computed.

    Parameters
    ----------
    model : a causal language model.
    batch : windows of one length.
    measure : see `Measure`.

    Returns
    -------
    For each window a list, a number for each of its words.
    """
    import torch

    length = len(batch[0].tokens)
    first = max(min(begin for window in batch for _, begin, _ in window.words) - 1, 0)
    with torch.inference_mode():
        ids = torch.tensor([window.tokens for window in batch], device=model.device)
        output = run_model(model, input_ids=ids, logits_to_keep=length - first, use_cache=False)
        logits = output.logits[:, first - length :]

        def around(place: int, begin: int, end: int) -> Any:
            """log2 of the probabilities (n_own + 1, n_vocabulary) before each token of a word, and after the last.

            Parameters
            ----------
            place : of the window within the batch.
            begin, end : the word's first token, and the one after its last.
            """
            known = logits[place, max(begin - 1, 0) - first : end - first]
            known = torch.nn.functional.pad(known, (0, 0, int(begin == 0), 0))  # equal logits: equally likely
            return known.double().log_softmax(-1) / np.log(2)

        return [
            [float(measure(around(place, *span), ids[place, slice(*span)], row)) for row, *span in window.words]
            for place, window in enumerate(batch)
        ]


def files(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> tuple[Path, ...]:
    """The model's files.

    Parameters
    ----------
    stimulus : not used.
    spec : names the model.
    source : where models are.
    """
    return model_files(model_of(spec), source)
