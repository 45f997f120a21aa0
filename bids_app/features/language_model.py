"""`language_model`: a hidden layer of a causal language model, for each word after an exact window of words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.errors import UsageError
from bids_app.features.family import Family, Option
from bids_app.features.models import describe_model, load_model, load_tokenizer, model_files
from bids_app.features.words import STAMP, event_features, tokenize
from bids_app.records import Array, Features, FeatureSpec, ModelSource, Stimulus

WINDOWS_AT_ONCE = {"cpu": 32, "cuda": 256}


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """values (n_words, n_hidden): the layer's states of the word's own tokens, averaged.

    The model sees the `context_words` words before the word, and the word. A mark for the beginning of text comes
    first where the tokenizer has one: the first token of a window draws attention and has a state of extreme size
    (Xiao et al. 2024, arXiv:2309.17453), which would fall to the stimulus's first word.
    """
    name, layer, context = (spec.options[key] for key in ("model", "layer", "context_words"))
    tokenizer = load_tokenizer(name, source)
    words, ids, notes = tokenize(stimulus, tokenizer)
    model = load_model(name, source)
    check_layer(model.config, layer, spec)
    start = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    windows = word_windows(ids, context, start, getattr(model.config, "max_position_embeddings", None))
    values = hidden_means(model, windows, layer, source.device)
    provenance = {
        "description": f"Hidden states of {name}, layer {layer} (0: the embeddings), for each word after the "
        f"{context} words before it, the mean over its tokens; nothing after the word enters.",
        "stamp": STAMP,
        "dimensions": f"{values.shape[1]} hidden units",
        "causal": True,
        "notes": notes,
        **describe_model(name, source),
    }
    return event_features(spec, words, values, provenance)


def check_layer(config: Any, layer: int, spec: FeatureSpec) -> None:
    """Raises UsageError where the model does not have that layer, or is of another kind."""
    if getattr(config, "is_encoder_decoder", False):
        raise UsageError("an encoder-decoder is no causal language model", f"feature '{spec.name}'")
    if layer > config.num_hidden_layers:
        advice = f"{spec.options['model']} has layers 0 to {config.num_hidden_layers}"
        raise UsageError(f"no layer {layer}", f"feature '{spec.name}'", advice)


def word_windows(
    ids: Sequence[Sequence[int]], context: int, start: list[int], limit: int | None
) -> list[tuple[list[int], int]]:
    """For every word the tokens that the model sees and how many of them, at the end, are the word's own.

    Of more than `limit` tokens the earliest are left out, but for `start`; at last also of the word itself.
    """
    windows = []
    for row, own in enumerate(ids):
        tokens = [token for word in ids[max(0, row - context) : row + 1] for token in word]
        room = len(tokens) if limit is None else limit - len(start)
        windows.append((start + tokens[-room:], min(len(own), room)))
    return windows


def hidden_means(model: Any, windows: Sequence[tuple[list[int], int]], layer: int, device: str) -> Array:
    """(n_windows, n_hidden) float32: the layer's states averaged over each window's last own tokens."""
    size = WINDOWS_AT_ONCE[device.split(":")[0]]
    return np.concatenate([_batch(model, windows[at : at + size], layer) for at in range(0, len(windows), size)])


def _batch(model: Any, windows: Sequence[tuple[list[int], int]], layer: int) -> Array:
    import torch

    lengths = [len(tokens) for tokens, _ in windows]
    ids = torch.zeros(len(windows), max(lengths), dtype=torch.long)
    for row, (tokens, _) in enumerate(windows):
        ids[row, : len(tokens)] = torch.tensor(tokens)
    seen = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]  # padding lies right, behind the causal mask
    with torch.inference_mode():
        output = model(ids.to(model.device), attention_mask=seen.long().to(model.device), output_hidden_states=True)
        states = output.hidden_states[layer]
        own = [states[row, len(tokens) - count : len(tokens)] for row, (tokens, count) in enumerate(windows)]
        return np.asarray(torch.stack([word.mean(0) for word in own]).cpu().numpy())


def files(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> tuple[Path, ...]:
    """The model's files."""
    return model_files(spec.options["model"], source)


FAMILY = Family(
    "language_model",
    1,
    frozenset({"words"}),
    extract,
    {"model": Option(str), "layer": Option(int, least=0), "context_words": Option(int, 32, least=0)},
    files,
)
