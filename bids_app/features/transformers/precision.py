"""What a model computes in: float32 whatever type its weights are stored in, or products in bfloat16."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from itertools import chain
from typing import Any, Generic, TypeVar

import numpy as np

from bids_app.features.base.family import Option
from bids_app.records import Array

Item = TypeVar("Item")
Compute = Callable[[Sequence[Item]], list[list[Array]]]
PRECISION = {"precision": Option(str, "float32", choices=("float32", "bfloat16"))}


def run_model(model: Any, **inputs: Any) -> Any:
    """What a model gives out, computed in float32: weights of 16 bits are widened one by one, where they are used;
    on a CPU by oneDNN (see products.py).

    Parameters
    ----------
    model : of the library, or a part of one.
    inputs : of its forward pass.
    """
    from bids_app.features.base.products import OneDNN  # both here, since they need torch at once
    from bids_app.features.transformers.widened import Widened, is_narrow

    with OneDNN(), Widened() if is_narrow(model) else nullcontext():
        return model(**inputs)


class Lowered(Generic[Item]):
    """`compute` with matrix products and convolutions in bfloat16 (torch.autocast); sums and norms stay in float32.

    The first, second, fourth, eighth, … batch is computed in float32 too; `note` says how far off they were.

    Parameters
    ----------
    compute : a batch → of each item, its arrays.
    model : what computes them; its device counts.
    """

    def __init__(self, compute: Compute[Item], model: Any) -> None:
        self._compute, self._model = compute, model
        self._calls, self._rows = 0, 0
        self._apart, self._total, self._furthest, self._largest = 0.0, 0.0, 0.0, 0.0

    def __call__(self, batch: Sequence[Item]) -> list[list[Array]]:
        """One result an item."""
        import torch

        with torch.autocast(self._model.device.type, torch.bfloat16):
            lowered = self._compute(batch)
        self._calls += 1
        if not self._calls & (self._calls - 1):
            self._compare(lowered, self._compute(batch))
        return lowered

    def _compare(self, lowered: list[list[Array]], exact: list[list[Array]]) -> None:
        near, right = (np.concatenate([part.ravel() for part in chain(*parts)]) for parts in (lowered, exact))
        self._rows += len(exact)
        self._apart += float(np.square(near - right, dtype=np.float64).sum())
        self._total += float(np.square(right, dtype=np.float64).sum())
        self._furthest = max(self._furthest, float(np.abs(near - right).max()))
        self._largest = max(self._largest, float(np.abs(right).max()))

    @property
    def note(self) -> str:
        """The deviation, root mean square and largest, of the batches that were computed in both."""
        spread, furthest = np.sqrt(self._apart / (self._total or 1)), self._furthest / (self._largest or 1)
        return (
            f"computed in bfloat16: {self._rows} windows computed in float32 too differ by {spread:.2g} of the "
            f"values' root mean square, and by at most {furthest:.2g} of the largest value"
        )
