"""Weights of 16 bits computed with in float32: each is widened where it is used, and the copy dropped at once."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import embedding
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

HALVES = (torch.bfloat16, torch.float16)
DTYPE = torch.Tensor.dtype.__get__  # type: ignore[attr-defined]
PICKS = (embedding, torch.Tensor.__getitem__, torch.select, torch.index_select, torch.Tensor.select)  # few of many


class Widened(TorchFunctionMode):
    """Within, a parameter of 16 bits is for every operation of torch what it would be had it been loaded in float32:
    its type, and its numbers. Rows of a table (embeddings, a mixture's experts) are taken before they are widened."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function == DTYPE:
            return _wide_type(function(*args))
        if function in PICKS or getattr(function, "__name__", "") in ("__get__", "size", "dim"):
            named = kwargs or {}
            weighs = any(isinstance(one, torch.nn.Parameter) for one in (*args, *named.values()))
            found = function(*args, **named)
            return tree_map(_wide, found) if weighs else found
        return function(*tree_map(_wide_weight, tuple(args)), **tree_map(_wide_weight, dict(kwargs or {})))


def is_narrow(model: Any) -> bool:
    """Whether a model has a parameter of 16 bits."""
    return any(parameter.dtype in HALVES for parameter in model.parameters())


def _wide_type(dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if dtype in HALVES else dtype


def _wide(value: Any) -> Any:
    return value.float() if isinstance(value, torch.Tensor) and value.dtype in HALVES else value


def _wide_weight(value: Any) -> Any:
    return _wide(value) if isinstance(value, torch.nn.Parameter) else value
