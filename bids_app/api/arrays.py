"""Arrays of numpy or torch in, arrays of the same kind out."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np


def as_numpy(values: Any) -> Any:
    """An array of torch as one of numpy; anything else as it is.

    Parameters
    ----------
    values : of any shape.
    """
    return values.detach().cpu().numpy() if _is_torch(values) else values


def as_kind_of(given: Any, values: Any) -> Any:
    """Numbers as the kind of array that was given.

    Parameters
    ----------
    given : an array of numpy or torch, whose type of numbers and device count; or a mapping of such.
    values : numpy, of any shape.

    Returns
    -------
    Of torch a tensor on the same device, floating-point numbers in the same type; else `values`.
    """
    first: Any = next(iter(given.values()), None) if isinstance(given, Mapping) else given
    if not _is_torch(first):
        return values
    import torch

    tensor = torch.as_tensor(np.asarray(values), device=first.device)
    return tensor.to(first.dtype) if tensor.is_floating_point() and first.is_floating_point() else tensor


def _is_torch(values: Any) -> bool:
    """Without importing torch: who has a tensor has it imported."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(values, torch.Tensor)
