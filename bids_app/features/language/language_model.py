"""`language_model`: hidden layers of a causal or masked language model, for each word after an exact context."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.errors import UsageError
from bids_app.features.base.family import Family, Option
from bids_app.features.base.memory import WithinMemory
from bids_app.features.base.words import STAMP, event_features, tokenize
from bids_app.features.language import contexts
from bids_app.features.language.contexts import Window
from bids_app.features.transformers.hidden_layers import POOLED, blocks_of, columns, hidden_states, pooled
from bids_app.features.transformers.model_options import CASING, CONTEXT, MODEL, Layer, Layers, wanted_layers
from bids_app.features.transformers.models import describe_model, load_model, load_tokenizer, model_files, model_of
from bids_app.features.transformers.precision import PRECISION, Lowered
from bids_app.records import Array, Features, FeatureSpec, ModelSource, Stimulus


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """values (n_words, n_hidden·n_layers): the states of the word's own tokens, their mean, last or sum.

    The model sees the words before the word, as many as the context allows, and the word; a masked model's window
    ends with the word, too. Layers stand side by side. Raises UsageError where the model lacks a layer.
    """
    name, layer, pool = (spec.options[key] for key in ("model", "layer", "subtokens"))
    model_name, masked = model_of(spec), contexts.is_masked(spec, source)
    if masked and spec.options["context"]:
        raise UsageError("a masked model would see later words: give 'context_words'", f"feature '{spec.name}'")
    tokenizer = load_tokenizer(model_name, source)
    words, ids, unknown_share, notes = tokenize(stimulus, tokenizer, spec.options["casing"])
    model = load_model(model_name, source)
    layers = wanted_layers(spec, len(blocks_of(model)), ())
    windows = contexts.windows_of(spec, ids, contexts.frame_of(model, tokenizer, masked))
    found: set[str] = set()
    lowered = spec.options["precision"] == "bfloat16"
    values = word_states(model, windows, layers, pool, source.device, found, lowered)
    width = values.shape[1] // len(layers)
    provenance = {
        "description": f"Hidden states of {name}, layer {layer} (0: the embeddings), for each word "
        f"{contexts.describe_context(spec)}, {POOLED[pool]}; nothing after the word enters.",
        "stamp": STAMP,
        "dimensions": f"{width} hidden units" + (f" of each of {len(layers)} layers" if len(layers) > 1 else ""),
        "layers": columns(layers, [width] * len(layers)),
        "causal": True,
        "unknown_share": unknown_share,
        "notes": (*notes, *sorted(found)),
        **describe_model(model_name, source),
    }
    return event_features(spec, words, values, provenance)


def word_states(
    model: Any,
    windows: Sequence[Window],
    layers: Sequence[Layer],
    pool: str,
    device: str,
    notes: set[str],
    lowered: bool = False,
) -> Array:
    """(n_words, n_hidden·n_layers) float32: pooled states of each word's own tokens; `lowered`: see precision.py."""

    def compute(batch: Sequence[Window]) -> list[list[Array]]:
        """For every window of one length, the states of each of its words."""
        import torch

        with torch.inference_mode():
            ids = torch.tensor([window.tokens for window in batch], device=model.device)
            states = torch.cat(hidden_states(model, {"input_ids": ids}, layers), dim=-1)
            return [
                [pooled(states[place, first:end], pool) for _, first, end in window.words]
                for place, window in enumerate(batch)
            ]

    near = Lowered(compute, model) if lowered else None
    within = WithinMemory(near or compute, lambda window: len(window.tokens), model, device, notes)
    rows: dict[int, Array] = {}
    for batch in contexts.batches(windows, device):
        for window, states in zip(batch, within(batch), strict=True):
            rows.update(zip((row for row, _, _ in window.words), states, strict=True))
    if near:
        notes.add(near.note)
    return np.stack([rows[row] for row in sorted(rows)])


def files(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> tuple[Path, ...]:
    """The model's files."""
    return model_files(model_of(spec), source)


FAMILY = Family(
    kind="language_model",
    label="a language model's hidden states",
    role="language model",
    version=2,
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
    rules=contexts.rules,
    reach=contexts.reach,
)
