"""Trials of models, each made once: what was found of a model's layers holds for all stimuli."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bids_app.features.transformers.find_layers import ModelLayers
from bids_app.features.transformers.model_options import Layer
from bids_app.features.transformers.models import model_files, model_of
from bids_app.records import FeatureSpec, ModelSource


@dataclass(frozen=True)
class _Tried:
    """What `ModelLayers` says of any copy of a model; its blocks by name."""

    widths: Mapping[Layer, int]
    blocks: tuple[str, ...]
    topmost: bool


_TRIED: dict[tuple[object, ...], _Tried] = {}


def tried_once(model: Any, spec: FeatureSpec, source: ModelSource, find: Callable[[], ModelLayers]) -> ModelLayers:
    """Where a model's layers are: as it was found before of the same files, options and device, else as `find` says.

    Parameters
    ----------
    model : the part whose layers they are.
    spec : resolved.
    source : where models are.
    find : makes the trial; may move the model to the CPU, and what it raises is not kept.
    """
    files = [(path, path.stat().st_size, path.stat().st_mtime_ns) for path in model_files(model_of(spec), source)]
    asked = (*files, spec.kind, json.dumps(dict(spec.options), sort_keys=True), _borrows(model))
    known = _TRIED.get((str(model.device), *asked))
    if known is not None:
        blocks = tuple(model.get_submodule(name) for name in known.blocks)
        return ModelLayers(model, known.widths, blocks, known.topmost)
    found = find()
    names = {id(module): name for name, module in model.named_modules()}
    blocks_named = tuple(names[id(block)] for block in found.blocks)
    _TRIED[(str(model.device), *asked)] = _Tried(found.widths, blocks_named, found.topmost)
    return found


def rests_on_borrowed(found: ModelLayers, layers: Sequence[Layer]) -> bool:
    """Whether the states of layers may rest on weights that a block was lent by a lower one (see `load_model`):
    not where all such are in blocks that are not computed for them.

    Parameters
    ----------
    found : the model, and where its layers are.
    layers : those wanted.
    """
    highest = max((layer for layer in layers if isinstance(layer, int)), default=0)
    one_each = len(found.blocks) == found.highest
    above = [module for block in found.blocks[highest:] for module in block.modules()] if one_each else []
    return any(_is_lent(module) for module in {*found.model.modules()} - {*above})


def _borrows(model: Any) -> bool:
    return any(map(_is_lent, model.modules()))


def _is_lent(module: Any) -> bool:
    return getattr(module, "borrowed_weights", False)
