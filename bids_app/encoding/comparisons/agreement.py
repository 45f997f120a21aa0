"""Do two models predict the same time course? Correlations of held-out predictions, target by target.

Within each outer fold, averaged over folds through Fisher's z. The predictions of one fold are held until all unions
have theirs; after that, sums over blocks of time are enough for the correlation, and for that without a block.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bids_app.encoding.inference.flips.flip_units import sums
from bids_app.encoding.ridge.batches import pieces
from bids_app.encoding.ridge.fitted import Fitted, Observer
from bids_app.encoding.ridge.scores import R_LIMIT
from bids_app.encoding.ridge.splits import Split
from bids_app.records import Array

AT_ONCE = 256  # targets whose values without each block are held
NOTHING = 1e-12  # share of a prediction's sum of squares below which its variance is rounding


class PredictionSums(Observer):
    """Sums of predictions and of their products for pairs of unions, by block within each outer fold.

    After a batch's last fold `weighted` gives correlations under weights of the blocks.

    Parameters
    ----------
    pairs : numbers of two unions each.
    labels, folds : (n_times,) each sample's block and outer fold.
    device : of the sums.
    """

    def __init__(self, pairs: Sequence[tuple[int, int]], labels: Array, folds: Array, device: str = "cpu") -> None:
        self.pairs = tuple(pairs)
        self._unions = sorted({union for pair in pairs for union in pair})
        both = np.stack([np.unique(folds, return_inverse=True)[1], labels])
        # a cell is the part of a block that lies in one outer fold
        cells, cell = np.unique(both, axis=1, return_inverse=True)
        self._fold_of, self._block_of = cells
        self._cell = torch.as_tensor(cell.ravel(), device=device)
        self._n = np.bincount(cell.ravel(), minlength=len(self._fold_of)).astype(float)
        largest = int(np.unique(folds, return_counts=True)[1].max())
        kept = len(self._fold_of) * (2 * len(self._unions) + len(self.pairs))
        self.target_bytes = 8 * (kept + largest * len(self._unions))

    def begin(self, targets: Array, responses: Sequence[torch.Tensor]) -> None:
        """See Observer.

        Parameters
        ----------
        targets : of the batch.
        responses : of its blocks.
        """
        shape = len(self._fold_of), len(targets)
        zeros = torch.zeros(shape, dtype=torch.float64, device=self._cell.device)
        self._targets, self._blocks = targets, pieces(responses, max(1, len(targets)))
        self._sums = {union: zeros.clone() for union in self._unions}
        self._squares = {union: zeros.clone() for union in self._unions}
        self._products = [zeros.clone() for _ in self.pairs]

    def begin_fold(self, fold: int, split: Split) -> None:
        """See Observer.

        Parameters
        ----------
        fold : place of the outer fold among all, from 0.
        split : its rows.
        """
        self.begin_rows(split.evaluate)

    def begin_rows(self, rows: Array) -> None:
        """Before a fold, whose test samples are `rows` (n_eval,)."""
        self._rows = torch.as_tensor(rows, device=self._cell.device)
        empty = torch.zeros((len(rows), len(self._targets)), dtype=torch.float64, device=self._cell.device)
        self._predictions = {union: empty.clone() for union in self._unions}

    def fitted(self, models: Fitted) -> None:
        """See Observer."""
        for union, positions in models.unions.items():
            if union in self._unions:
                self.add(union, models.places[positions], models.predictions[:, positions])

    def add(self, union: int, places: Array, predictions: torch.Tensor) -> None:
        """Predictions of one union in the fold that was begun.

        Parameters
        ----------
        union : its number.
        places : (n,) of the targets among the batch's.
        predictions : (n_eval, n) of the fold's test samples.
        """
        self._predictions[union][:, torch.as_tensor(places, device=self._cell.device)] = predictions.double()

    def end_fold(self) -> None:
        """See Observer."""
        labels, count = self._cell[self._rows], len(self._fold_of)
        for union, values in self._predictions.items():
            # a constant changes no correlation, and near zero sums of squares lose less; block by block, as the last
            # bits of a mean of columns hang on how many are beside each other
            for block in self._blocks:
                values[:, block] -= values[:, block].mean(dim=0)
            self._sums[union] += sums(values, labels, count)
            self._squares[union] += sums(values**2, labels, count)
        for total, (first, second) in zip(self._products, self.pairs, strict=True):
            total += sums(self._predictions[first] * self._predictions[second], labels, count)
        self._predictions = {}

    def weighted(self, pair: int, chosen: slice, weights: torch.Tensor) -> torch.Tensor:
        """Correlation of a pair's predictions as Fisher's z, averaged over folds.

        Parameters
        ----------
        pair : its place in `pairs`.
        chosen : targets of the batch.
        weights : (n_weights, n_blocks), how often each block counts.

        Returns
        -------
        (n_weights, n_chosen). A fold of which nothing is left does not count; a constant prediction correlates 0.
        """
        total = weights.new_zeros((len(weights), len(self._targets[chosen])))
        folds = weights.new_zeros((len(weights), 1))
        for fold in np.unique(self._fold_of):
            at = np.flatnonzero(self._fold_of == fold)
            # weights of blocks → weights of the fold's cells
            drawn = weights[:, self._block_of[at]]
            n = drawn @ torch.as_tensor(self._n[at], dtype=weights.dtype, device=weights.device)[:, None]
            there = (n > 1).to(weights.dtype)
            n = n.clamp(min=1)
            total += there * torch.atanh(self._correlation(pair, (at, chosen), drawn, n))
            folds += there
        return total / folds.clamp(min=1)

    def _correlation(
        self, pair: int, cells: tuple[Array, slice], drawn: torch.Tensor, n: torch.Tensor
    ) -> torch.Tensor:
        """(n_weights, n_chosen) of one fold: `cells` picks its cells and the targets, `drawn` (n_weights,
        n_cells)."""
        first, second = self.pairs[pair]
        a, b = drawn @ self._sums[first][cells], drawn @ self._sums[second][cells]
        aa, bb = drawn @ self._squares[first][cells], drawn @ self._squares[second][cells]
        # covariance and variances from weighted sums, n times each
        ab = drawn @ self._products[pair][cells] - a * b / n
        variances = (aa - a * a / n), (bb - b * b / n)
        varies = (variances[0] > NOTHING * aa) & (variances[1] > NOTHING * bb)
        size = torch.where(varies, variances[0].clamp(min=0) * variances[1].clamp(min=0), 1.0).sqrt()
        return torch.where(varies, ab / size, 0.0).clamp(-R_LIMIT, R_LIMIT)
