"""What a block of targets and a split have in common: means, sums of squares, products with the columns."""

from __future__ import annotations

from functools import cached_property

import torch

from bids_app.encoding.ridge.splits import Split, cross


class Moments:
    """Of Y (n_times, n), in whose type products are made; `whole` are those of the split that holds this one.

    Each is made when first asked for and kept.
    """

    def __init__(self, Y: torch.Tensor, split: Split, whole: Moments | None = None) -> None:
        self.Y, self.split, self.whole = Y, split, whole
        self._X = split.columns.cast(Y.dtype)

    @cached_property
    def mean(self) -> torch.Tensor:
        """(n,) over the training rows."""
        return self._sum(self.split.train_pieces) / len(self.split.train)

    @cached_property
    def power(self) -> torch.Tensor:
        """(n,) float64 Σ (y − ȳ_train)² over the evaluation rows."""
        rows = self.split.eval_pieces
        squares = torch.stack([torch.linalg.vector_norm(self.Y[at], dim=0, dtype=torch.float64) for at in rows])
        mean, n = self.mean.double(), len(self.split.evaluate)
        return squares.square().sum(dim=0) - mean * (2 * self._sum(rows).double() - n * mean)

    @cached_property
    def cross(self) -> torch.Tensor:
        """(n_columns of all bands, n) X'y over the training rows, centred. A part has what the whole has, by whose
        rows the columns are centred, less what it leaves out."""
        split = self.split
        if self.whole is None:
            raw = cross(self._X, self.Y, split.train_pieces)
        else:
            raw = self.whole.cross - cross(self._X, self.Y, split.lost_pieces)
        return raw.addr_(self._column_mean, self.mean, alpha=-len(split.train))

    @cached_property
    def cross_eval(self) -> torch.Tensor:
        """The same over the evaluation rows, centred by the training means."""
        rows = self.split.eval_pieces
        sums = self.split.sums(rows).to(self.Y.dtype) - len(self.split.evaluate) * self._column_mean
        raw = cross(self._X, self.Y, rows).addr_(self._column_mean, self._sum(rows), alpha=-1)
        return raw.addr_(sums, self.mean, alpha=-1)

    @cached_property
    def _column_mean(self) -> torch.Tensor:
        return self.split.mean.to(self.Y.dtype)

    def _sum(self, rows: list[slice]) -> torch.Tensor:
        """(n,) over `rows`."""
        return cross(self.Y.new_ones((len(self.Y), 1)), self.Y, rows)[0]
