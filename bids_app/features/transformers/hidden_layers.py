"""Hidden layers of any transformer: the wanted ones, none above them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from bids_app.errors import UsageError
from bids_app.features.transformers import top_block
from bids_app.features.transformers.model_options import PARTS, Layer
from bids_app.records import Array


@dataclass(frozen=True)
class Reading:
    """What is read off a model, and how it is run.

    Parameters
    ----------
    layers : stand side by side in the columns.
    device : where the model was to run.
    pool : how a word's tokens become one row, a key of POOLED.
    lowered : whether products are computed in bfloat16 (see precision.py).
    refreshed : whether rows of a speech model share windows (see approximate.py).
    """

    layers: Sequence[Layer]
    device: str
    pool: str = "mean"
    lowered: bool = False
    refreshed: bool = False


POOLED = {"mean": "the mean over its tokens", "last": "its last token", "sum": "the sum over its tokens"}
MODULES = {"cnn": "feature_extractor", "projection": "feature_projection"}  # in transformers' speech models


class _Enough(Exception):
    """Raised within a forward pass once the highest wanted layer is known."""


def blocks_of(model: Any) -> Any:
    """The model's transformer blocks: of its lists of `num_hidden_layers` modules the one with most weights. Raises
    UsageError where there is none, as where one block is run again and again (ALBERT)."""
    from torch.nn import ModuleList

    if isinstance(
        getattr(model, "layers", None), ModuleList
    ):  # a decoder's, whose num_hidden_layers may be another's
        return model.layers
    lists = [part for part in model.modules() if isinstance(part, ModuleList)]
    fitting = [part for part in lists if len(part) == model.config.num_hidden_layers]
    if not fitting:
        kind = model.config.model_type
        raise UsageError(f"layers of a model of the kind '{kind}' cannot be told apart: it has no list of blocks")
    return max(fitting, key=lambda part: sum(weight.numel() for weight in part.parameters()))


def parts_of(model: Any) -> tuple[str, ...]:
    """Which of `cnn` and `projection` the model has."""
    return tuple(part for part in PARTS if hasattr(model, MODULES[part]))


def hidden_states(
    model: Any, inputs: Mapping[str, Any], layers: Sequence[Layer], frames: Sequence[int] | None = None
) -> list[Any]:
    """States of layers, as the library's `hidden_states` numbers them (0: the input of the first block); `cnn` and
    `projection` are what these parts give. Nothing above the highest is computed.

    Parameters
    ----------
    model : a transformer of the library.
    inputs : its forward pass's.
    layers : in the order wanted.
    frames : the tokens wanted (None: all); the block below the highest layer is then computed for them alone where
        that is known how.

    Returns
    -------
    For each layer a tensor (n, n_tokens or len(frames), n_hidden).
    """
    wanted_states: dict[Layer, Any] = {}
    blocks = blocks_of(model)
    highest = max(layers, key=_depth)

    def keep(layer: Layer, states: Any) -> None:
        """Keep a layer's states; stop at the highest.

        Parameters
        ----------
        layer : one of those wanted.
        states : (n, n_tokens, n_hidden).
        """
        wanted_states[layer] = states if frames is None else states[:, frames]
        if layer == highest:
            raise _Enough

    def before(layer: int) -> Callable[..., None]:
        return lambda block, given, named: keep(layer, given[0] if given else named["hidden_states"])

    def after(part: str) -> Callable[..., None]:
        return lambda module, given, out: keep(part, _part_states(part, out))

    with ExitStack() as hooks:
        for layer in layers:
            if isinstance(layer, str):
                hook = getattr(model, MODULES[layer]).register_forward_hook(after(layer))
            elif layer < len(blocks):
                hook = blocks[layer].register_forward_pre_hook(before(layer), with_kwargs=True)
            else:
                continue
            hooks.callback(hook.remove)
        if frames is not None and isinstance(highest, int) and 0 < highest < len(blocks):
            below = blocks[highest - 1]
            if compute := top_block.frames_of(below):
                give = partial(wanted_states.__setitem__, highest)
                hook = below.register_forward_pre_hook(_topmost(compute, frames, give), with_kwargs=True)
                hooks.callback(hook.remove)
        try:
            # the last layer is the library's to say: some models normalise it, some do not
            output = model(**inputs, output_hidden_states=highest == len(blocks))
            keep(highest, output.hidden_states[highest])
        except _Enough:
            pass
    return [wanted_states[layer] for layer in layers]


def _topmost(compute: top_block.BlockOf, frames: Sequence[int], give: Callable[[Any], None]) -> Callable[..., None]:
    """A hook that computes the block below the highest layer for the wanted tokens alone.

    Parameters
    ----------
    compute : the block for some of its tokens.
    frames : places of the tokens.
    give : takes its states, (n, len(frames), n_hidden).
    """

    def stand_in(block: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Compute it, give its states, stop.

        Parameters
        ----------
        block : below the highest layer.
        given, named : its inputs, by place and by name.
        """
        states = given[0] if given else named["hidden_states"]
        give(compute(block, states, frames, named.get("attention_mask")))
        raise _Enough

    return stand_in


def _depth(layer: Layer) -> int:
    return PARTS.index(layer) - len(PARTS) if isinstance(layer, str) else layer


def _part_states(part: str, out: Any) -> Any:
    states = out[0] if isinstance(out, tuple) else out
    return states.transpose(1, 2) if part == "cnn" else states


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
