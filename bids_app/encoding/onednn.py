"""Matrix products of float32 on a CPU by oneDNN.

torch gives such products to MKL, which uses the widest vectors of Intel's processors alone: on others oneDNN takes
half the time. They are the same sums in another order. It makes a program of its own for every shape, which takes a
millisecond and half a megabyte: only products of a few shapes, each met many times, are for it.
"""

from __future__ import annotations

from typing import Any

import torch

HAS_ONEDNN: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
WORTH = 2**20  # multiply–adds: of fewer, a program costs more than is saved


def product(left: Any, right: Any) -> Any:
    """left @ right.

    Parameters
    ----------
    left, right : tensors (n, k) and (k, m) of one type and device.

    Returns
    -------
    (n, m); by oneDNN where both are float32 on a CPU, and large enough, else as torch has it.
    """
    worth = left.numel() * right.shape[-1] >= WORTH and left.dtype == right.dtype == torch.float32
    if worth and left.device.type == right.device.type == "cpu" and HAS_ONEDNN:
        return torch.ops.mkldnn._linear_pointwise(left.contiguous(), _laid_out(right).T, None, "none", [], "")
    return left @ right


def _laid_out(matrix: Any) -> Any:
    """In rows or in columns without gaps: of others oneDNN takes hours."""
    return matrix if matrix.is_contiguous() or matrix.T.is_contiguous() else matrix.contiguous()
