"""`language_model`: hidden layers of a causal or masked language model, for each word after an exact context."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.errors import UsageError
from bids_app.features.base.family import Family, Option
from bids_app.features.base.memory import WithinMemory, or_on_cpu
from bids_app.features.base.words import STAMP, event_features, tokenize
from bids_app.features.language import contexts
from bids_app.features.language.contexts import Window
from bids_app.features.language.workload import workload
from bids_app.features.stated.model import BLOCKS, require_layers, stated_model
from bids_app.features.stated.tokenizer import require_tokenizer
from bids_app.features.transformers.find_layers import OTHERS, ModelLayers, find_layers, trial_tokens
from bids_app.features.transformers.hidden_layers import POOLED, Reading, columns, hidden_states, pooled, sees
from bids_app.features.transformers.load_model import depth_of, load_model
from bids_app.features.transformers.model_options import CASING, CONTEXT, MODEL, Layers, wanted_layers
from bids_app.features.transformers.models import model_files, model_of, with_model
from bids_app.features.transformers.precision import PRECISION, Lowered
from bids_app.features.transformers.tokenizers import load_tokenizer, require_fit
from bids_app.features.transformers.trials import rests_on_borrowed, tried_once
from bids_app.records import Array, FeatureProvenance, Features, FeatureSpec, ModelSource, Stimulus


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """values (n_words, n_hidden·n_layers): the states of the word's own tokens, their mean, last or sum.

    The model sees the words before the word, as many as the context allows, and the word; a masked model's window
    ends with the word, too. Layers stand side by side.

    Parameters
    ----------
    stimulus : with its words.
    spec : resolved; the model, its layers and its context.
    source : where models are, and the device.

    Returns
    -------
    Events; `times_s` (n_words,) are the words' offsets.

    Raises
    ------
    UsageError
        Where the model lacks a layer or its layers cannot be read, or a model that sees later words is given
        `context`.
    """
    name, layer, pool, precision = (spec.options[key] for key in ("model", "layer", "subtokens", "precision"))
    model_name, masked = model_of(spec), contexts.is_masked(spec, source)
    _require_exact_words(spec, masked)
    depth = depth_of(layer, "num_hidden_layers")
    tokenizer, model = load_tokenizer(model_name, source), load_model(model_name, source, depth=depth)
    require_fit(tokenizer, len(model.get_input_embeddings().weight), model_name)
    given = tokenize(stimulus, tokenizer, spec)
    windows = contexts.windows_of(spec, given.ids, contexts.frame_of(model, tokenizer, masked))
    longest = max(windows, key=lambda window: len(window.tokens))

    def tried(model: Any) -> ModelLayers:
        find = partial(or_on_cpu, lambda: layers_found(model, longest, spec), model)
        return tried_once(model, spec, source, find)

    found = tried(model)
    layers = wanted_layers(spec, found.widths)
    if rests_on_borrowed(found, layers):
        del model, found  # the whole one is loaded into the room that these leave
        gc.collect()  # modules refer to each other
        found = tried(load_model(model_name, source))
    reading = Reading(found, layers, source.device, pool, precision == "bfloat16")
    values, of_memory = word_states(contexts.owned(windows, given.own), reading)
    provenance = FeatureProvenance(
        kind=spec.kind,
        description=f"Hidden states of {name}, layer {layer} (0: the embeddings), for each word "
        f"{contexts.describe_context(spec)}, {POOLED[pool]}; nothing after the word enters.",
        stamp=STAMP,
        dimensions=f"{sum(reading.widths)} hidden units" + (f" of {len(layers)} layers" if len(layers) > 1 else ""),
        layers=columns(layers, reading.widths),
        causal=True,
        unknown_share=given.unknown_share,
        notes=(*given.notes, *of_memory),
        warnings=given.warnings,
    )
    return event_features(spec, given.words, values, with_model(provenance, model_name, source))


def _require_exact_words(spec: FeatureSpec, masked: bool) -> None:
    """Raises UsageError where a masked model is given a context of which later words are a part."""
    if masked and spec.options["context"]:
        raise UsageError("a masked model would see later words: give 'context_words'", f"feature '{spec.name}'")


def check_model(spec: FeatureSpec, source: ModelSource) -> None:
    """Make sure that the spec can be had of its model, before its weights are loaded.

    Parameters
    ----------
    spec : resolved.
    source : where models are.

    Raises
    ------
    UsageError : the model is of another kind, or lacks a layer.
    NoInput : its files are not all there, or do not fit each other.
    """
    stated = stated_model(model_of(spec), source)
    _require_exact_words(spec, contexts.is_stated_masked(spec, stated))
    require_layers(spec, stated, stated.number(*BLOCKS))
    require_tokenizer(stated, source)


def layers_found(model: Any, window: Window, spec: FeatureSpec) -> ModelLayers:
    """Where the model's hidden layers are.

    Parameters
    ----------
    model : a language model of the library.
    window : the longest, whose tokens it is tried with.
    spec : resolved.

    Raises
    ------
    UsageError
        Where they cannot be read, where no word would count for another, or later ones would for earlier ones.
    """
    import torch

    where = f"feature '{spec.name}'"
    trial = {"input_ids": torch.tensor(trial_tokens(window.tokens), device=model.device)}
    found = find_layers(model, trial, trial["input_ids"].shape[1], spec)
    before, after = sees(found, trial)
    if not before:
        what = f"no context enters the hidden states of {spec.options['model']} on this device"
        raise UsageError(what, where, "some architectures need a GPU; take another model")
    if after and spec.options["context"]:
        what = f"{spec.options['model']} would see later words: give 'context_words'"
        raise UsageError(what, where)
    return found


def word_states(windows: Sequence[Window], reading: Reading) -> tuple[Array, tuple[str, ...]]:
    """Pooled states of each word's own tokens.

    Parameters
    ----------
    windows : what the model sees, for every word in some window.
    reading : model, layers, pool, device and precision.

    Returns
    -------
    values : (n_words, n_hidden·n_layers) float32, in order of the words' rows.
    notes : on memory and precision, sorted.

    Raises
    ------
    UsageError
        Where a window has other rows than tokens.
    """
    model = reading.found.model

    def compute(batch: Sequence[Window]) -> list[list[Array]]:
        """For every window of one length, the states of each of its words."""
        import torch

        with torch.inference_mode():
            ids = torch.tensor([window.tokens for window in batch], device=model.device)
            states = torch.cat(hidden_states(reading.found, {"input_ids": ids}, reading.layers), dim=-1)
            if states.shape[:2] != ids.shape:  # some pad long windows, beyond those that were tried
                raise UsageError(f"the model has {states.shape[1]} rows for {ids.shape[1]} tokens", "", OTHERS)
            return [
                [pooled(states[place, first:end], reading.pool) for _, first, end in window.words]
                for place, window in enumerate(batch)
            ]

    lowered = Lowered(compute, model) if reading.lowered else None
    within = WithinMemory(lowered or compute, lambda window: len(window.tokens), model, reading.device)
    rows: dict[int, Array] = {}
    for batch in contexts.batches(windows, reading.device):
        for window, states in zip(batch, within(batch), strict=True):
            rows.update(zip((row for row, _, _ in window.words), states, strict=True))
    notes = {*within.notes, *([lowered.note] if lowered else [])}
    return np.stack([rows[row] for row in sorted(rows)]), tuple(sorted(notes))


def files(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> tuple[Path, ...]:
    """The model's files.

    Parameters
    ----------
    stimulus : not used.
    spec : names the model.
    source : where models are.
    """
    return model_files(model_of(spec), source)


FAMILY = Family(
    kind="language_model",
    label="a language model's hidden states",
    role="language model",
    version=4,
    needs=frozenset({"words"}),
    extract=extract,
    options={
        **MODEL,
        "layer": Layers(),
        **CASING,
        **CONTEXT,
        "subtokens": Option(str, "mean", choices=tuple(POOLED)),
        **PRECISION,
    },
    files=files,
    check_model=check_model,
    workload=workload,
    rules=contexts.rules,
    reach=contexts.reach,
)
