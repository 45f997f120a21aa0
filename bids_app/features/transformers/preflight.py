"""Weights by the headers of their files: whether those of an architecture are there."""

from __future__ import annotations

import re
from typing import Any

from bids_app.errors import NoInput
from bids_app.features.transformers.lock import fetch_hint
from bids_app.features.transformers.models import NEVER_READ, ModelName, as_no_input, model_files
from bids_app.inputs.model_files import Headers, read_headers
from bids_app.records import ModelSource

Shapes = dict[str, tuple[int, ...]]


def require_weights(skeleton: Any, model: ModelName, source: ModelSource) -> None:
    """Make sure that weights are there for all blocks, of the right shapes, by their files' headers alone. Names that
    transformers reads under another one are left to loading.

    Parameters
    ----------
    skeleton : the model, with or without its weights' numbers.
    model : name and revision.
    source : where models are.

    Raises
    ------
    NoInput : some are of another shape, or missing.
    """
    there = _by_ending({name: shape for name, (_, shape) in weight_headers(model, source).items()})
    wanted = {name: tuple(weight.shape) for name, weight in skeleton.named_parameters()} if there else {}
    of_some_block = {_any_block(name) for name in wanted if name in there}
    for name, shape in wanted.items():
        if name.startswith(NEVER_READ) or (name not in there and _any_block(name) not in of_some_block):
            continue
        if there.get(name) != shape:
            found = f"has the shape {list(there[name])}, not {list(shape)}" if name in there else "is missing"
            what = f"the weights of the model '{model.name}' do not fit its config.json: {name} {found}"
            raise NoInput(what, model_files(model, source)[0].parent, fetch_hint(source))


def weight_headers(model: ModelName, source: ModelSource) -> Headers:
    """Weight → its type, as safetensors call it, and its shape, by the files' headers alone.

    Nothing where weights are random.

    Parameters
    ----------
    model : name and revision.
    source : where models are.

    Raises
    ------
    NoInput : a file cannot be read.
    """
    headers: Headers = {}
    for path in model_files(model, source):
        if path.suffix == ".safetensors":
            with as_no_input(model.name):
                headers |= read_headers(path)
    return headers


def _by_ending(shapes: Shapes) -> Shapes:
    """The same by every ending of a name too (`wte.weight` of `transformer.wte.weight`): files have prefixes that
    the model without a head lacks. The shorter name counts."""
    found: Shapes = {}
    for name in sorted(shapes, key=lambda name: name.count(".")):
        parts = name.split(".")
        for place in range(len(parts)):
            found.setdefault(".".join(parts[place:]), shapes[name])
    return found


def _any_block(name: str) -> str:
    return re.sub(r"\.\d+(?=\.)", ".#", name)
