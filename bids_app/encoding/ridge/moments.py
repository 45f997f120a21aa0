"""What a block of targets and a split have in common: means, sums of squares, products with the columns; and how
products round, and what of that may reach held-out predictions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from bids_app.encoding.ridge.splits import Split, cross, cross_rows
from bids_app.encoding.side_by_side import made_once


class Moments:
    """Sums over the rows of a split; each is made when first asked for and kept.

    Parameters
    ----------
    Y : (n_times, n) responses, in whose type products are made.
    split : whose rows.
    outer : the same of the outer split, from which those of an inner one are made.
    """

    def __init__(self, Y: torch.Tensor, split: Split, outer: Moments | None = None) -> None:
        self.Y, self.split, self.outer = Y, split, outer
        self._X = split.columns.cast(Y.dtype)

    @made_once
    def mean(self) -> torch.Tensor:
        """(n,) over the training rows."""
        return self._sum(self.split.train_slices) / len(self.split.train)

    @made_once
    def spanned(self) -> torch.Tensor | None:
        """(r, n) training responses in the directions that bands span (`Split.spanned`), where there are some."""
        P = self.split.spanned
        return None if P is None else cross_rows(P.to(self.Y.dtype), self.Y, self.split.train_slices)

    @made_once
    def evaluated(self) -> torch.Tensor:
        """(n_eval, n) held-out responses less the training means."""
        return torch.cat([self.Y[at] for at in self.split.eval_slices]) - self.mean

    @made_once
    def power(self) -> torch.Tensor:
        """(n,) float64 Σ (y − ȳ_train)² over the evaluation rows."""
        rows = self.split.eval_slices
        squares = torch.stack([torch.linalg.vector_norm(self.Y[at], dim=0, dtype=torch.float64) for at in rows])
        mean, n = self.mean.double(), len(self.split.evaluate)
        return squares.square().sum(dim=0) - mean * (2 * self._sum(rows).double() - n * mean)

    @made_once
    def cross(self) -> torch.Tensor:
        """(n_columns of all bands, n) X'y over the training rows, centred. An inner split has what the outer
        one has, by whose rows the columns are centred, less what it leaves out."""
        split = self.split
        if self.outer is None:
            raw = cross(self._X, self.Y, split.train_slices)
        else:
            raw = self.outer.cross - cross(self._X, self.Y, split.left_out_slices)
        # Σ (x − x̄)(y − ȳ) = Σ xy − n x̄ȳ: centring is one rank-one correction
        return raw.addr_(self._column_mean, self.mean, alpha=-len(split.train))

    @made_once
    def cross_eval(self) -> torch.Tensor:
        """The same over the evaluation rows, centred by the training means."""
        rows = self.split.eval_slices
        sums = self.split.sums(rows).to(self.Y.dtype) - len(self.split.evaluate) * self._column_mean
        raw = cross(self._X, self.Y, rows).addr_(self._column_mean, self._sum(rows), alpha=-1)
        return raw.addr_(sums, self.mean, alpha=-1)

    @made_once
    def _column_mean(self) -> torch.Tensor:
        return self.split.mean.to(self.Y.dtype)

    def _sum(self, rows: list[slice]) -> torch.Tensor:
        """(n,) over `rows`."""
        return cross(self.Y.new_ones((len(self.Y), 1)), self.Y, rows)[0]


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
def tf32_products(allowed: bool = True) -> Iterator[None]:
    """Within, CUDA may make float32 products of TF32 (`torch.backends.cuda.matmul`), or may not; then again as
    before."""
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32
    matmul.allow_tf32 = allowed
    try:
        yield
    finally:
        matmul.allow_tf32 = before
