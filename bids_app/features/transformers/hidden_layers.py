"""Hidden layers of any transformer: the wanted ones, none above them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from bids_app.features.transformers import top_block
from bids_app.features.transformers.find_layers import MODULES, ModelLayers, first_tensor, near, part_hook
from bids_app.features.transformers.model_options import PARTS, Layer
from bids_app.features.transformers.precision import run_model
from bids_app.records import Array


@dataclass(frozen=True)
class Reading:
    """What is read off a model, and how it is run.

    Parameters
    ----------
    found : the model, and where its layers are.
    layers : those wanted; they stand side by side in the columns.
    device : where the model was to run.
    pool : how a word's tokens become one row, a key of POOLED.
    lowered : whether products are computed in bfloat16 (see precision.py).
    refreshed : whether rows of a speech model share windows (see approximate.py).
    """

    found: ModelLayers
    layers: Sequence[Layer]
    device: str
    pool: str = "mean"
    lowered: bool = False
    refreshed: bool = False

    @property
    def widths(self) -> list[int]:
        """Columns of each layer."""
        return [self.found.widths[layer] for layer in self.layers]


POOLED = {"mean": "the mean over its tokens", "last": "its last token", "sum": "the sum over its tokens"}


class _Enough(Exception):
    """Raised within a forward pass once the highest wanted layer is known."""


def hidden_states(
    found: ModelLayers, inputs: Mapping[str, Any], layers: Sequence[Layer], frames: Sequence[int] | None = None
) -> list[Any]:
    """States of layers, the library's own: the k-th call of a block takes those of layer k, and the last layer is the
    library's to say (some models normalise it, some do not). Nothing above the highest is computed, unless no
    block takes the states as they are.

    Parameters
    ----------
    found : the model, and where its layers are.
    inputs : its forward pass's.
    layers : in the order wanted.
    frames : the tokens wanted (None: all); the block below the highest layer is then computed for them alone where
        that is known how.

    Returns
    -------
    For each layer a tensor (n, n_tokens or len(frames), n_hidden).
    """
    wanted_states: dict[Layer, Any] = {}
    highest = max(layers, key=_depth)
    whole = not found.blocks or highest == found.highest
    calls = count()

    def keep(layer: Layer, states: Any) -> None:
        """Keep a layer's states if they are wanted; stop at the highest.

        Parameters
        ----------
        layer : a part or a number.
        states : (n, n_tokens, n_hidden).
        """
        if layer in layers:
            wanted_states[layer] = states if frames is None else states[:, frames]
        if layer == highest:
            raise _Enough

    def before_block(block: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Keep what a block takes; compute the one below the highest layer for the wanted tokens alone.

        Parameters
        ----------
        block : whose turn it is.
        given, named : its inputs, by place and by name.
        """
        layer, states = next(calls), first_tensor(given, named)
        keep(layer, states)
        compute = top_block.frames_of(block) if found.topmost else None
        if compute and frames is not None and layer + 1 == highest:
            wanted_states[highest] = compute(block, states, frames, named.get("attention_mask"))
            raise _Enough

    with ExitStack() as hooks:
        for part in (layer for layer in layers if isinstance(layer, str)):
            module = getattr(found.model, MODULES[part])
            hooks.callback(module.register_forward_hook(part_hook(part, keep)).remove)
        for block in () if whole else found.blocks:
            hooks.callback(block.register_forward_pre_hook(before_block, with_kwargs=True).remove)
        try:
            output = run_model(found.model, **inputs, output_hidden_states=whole)
            for layer, states in enumerate(output.hidden_states):
                keep(layer, states)
        except _Enough:
            pass
    return [wanted_states[layer] for layer in layers]


def sees(found: ModelLayers, inputs: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether a token's states in the last layer rest on tokens before it, and whether on tokens after it.

    Parameters
    ----------
    found : a language model, and where its layers are.
    inputs : its forward pass's, with `input_ids` (2, n_tokens).
    """
    import torch

    ids = inputs["input_ids"]
    with torch.no_grad():
        (as_it_is,) = hidden_states(found, inputs, [found.highest])

        def changed(place: int) -> Any:
            other = ids.clone()
            other[:, place] = torch.where(ids[:, place] > 0, ids[:, place] - 1, 1)  # another token of the vocabulary
            return hidden_states(found, {**inputs, "input_ids": other}, [found.highest])[0]

        return not near(as_it_is[:, 1:], changed(0)[:, 1:]), not near(as_it_is[:, :-1], changed(-1)[:, :-1])


def _depth(layer: Layer) -> int:
    return PARTS.index(layer) - len(PARTS) if isinstance(layer, str) else layer


def pooled(states: Any, pool: str) -> Array:
    """One row of a word's tokens.

    Parameters
    ----------
    states : (n_tokens, n_hidden), a tensor.
    pool : mean, last or sum.

    Returns
    -------
    (n_hidden,) float32.
    """
    row = states[-1] if pool == "last" else states.mean(0) if pool == "mean" else states.sum(0)
    return np.asarray(row.float().cpu().numpy())


def columns(layers: Sequence[Layer], widths: Sequence[int]) -> dict[str, tuple[int, int]]:
    """Layer → (first, end) of its columns, where layers stand side by side.

    Parameters
    ----------
    layers : in the order of the columns.
    widths : columns of each.
    """
    ends = [sum(widths[: place + 1]) for place in range(len(widths))]
    return {str(layer): (end - width, end) for layer, end, width in zip(layers, ends, widths, strict=True)}
