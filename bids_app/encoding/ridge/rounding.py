"""How products round, and what of that may reach held-out predictions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Rounding:
    """How products round.

    Parameters
    ----------
    eps : the unit of rounding of a product's factors.
    limit : ‖error of held-out predictions‖ / ‖responses‖ that the rounding of X'y may be expected to cost.
    """

    eps: float
    limit: float = 1e-5


TF32 = Rounding(2.0**-11, 1e-3)  # 11 bits of significand, sums in float32: errors of a search are good to about 1e-4


def rounding_of(dtype: torch.dtype) -> Rounding:
    """Of a type's own products."""
    return Rounding(torch.finfo(dtype).eps)


@contextmanager
def tf32_products() -> Iterator[None]:
    """Within, CUDA may make float32 products of TF32 (`torch.backends.cuda.matmul`); then again as before."""
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32
    matmul.allow_tf32 = True
    try:
        yield
    finally:
        matmul.allow_tf32 = before
