"""Do two models predict the same time course? Correlations of held-out predictions, target by target.

Within each outer fold, averaged over folds through Fisher's z. The predictions of one fold are held until all unions
have theirs; after that, sums over blocks of time are enough for the correlation, and for that without a block.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bids_app.encoding.inference.flip_units import sums
from bids_app.encoding.ridge.fitted import Fitted, Observer
from bids_app.encoding.ridge.scores import R_LIMIT
from bids_app.records import Array

AT_ONCE = 256  # targets whose values without each block are held
NOTHING = 1e-12  # share of a prediction's sum of squares below which its variance is rounding


class PredictionSums(Observer):
    """Sums of predictions and of their products for pairs of unions, by block within each outer fold.

    pairs: numbers of two unions each; labels, folds (n_times,): each sample's block and outer fold. After a batch's
    last fold `weighted` gives correlations under weights of the blocks.
    """

    def __init__(self, pairs: Sequence[tuple[int, int]], labels: Array, folds: Array, device: str = "cpu") -> None:
        self.pairs = tuple(pairs)
        self._unions = sorted({union for pair in pairs for union in pair})
        both = np.stack([np.unique(folds, return_inverse=True)[1], labels])
        kinds, piece = np.unique(both, axis=1, return_inverse=True)
        self._fold_of, self._block_of = kinds
        self._piece = torch.as_tensor(piece.ravel(), device=device)
        self._n = np.bincount(piece.ravel(), minlength=len(self._fold_of)).astype(float)
        largest = int(np.unique(folds, return_counts=True)[1].max())
        kept = len(self._fold_of) * (2 * len(self._unions) + len(self.pairs))
        self.target_bytes = 8 * (kept + largest * len(self._unions))

    def begin(self, targets: Array) -> None:
        """See Observer."""
        shape = len(self._fold_of), len(targets)
        zeros = torch.zeros(shape, dtype=torch.float64, device=self._piece.device)
        self._targets, self._fold = targets, -1
        self._sums = {union: zeros.clone() for union in self._unions}
        self._squares = {union: zeros.clone() for union in self._unions}
        self._products = [zeros.clone() for _ in self.pairs]

    def fitted(self, models: Fitted) -> None:
        """See Observer."""
        at = np.searchsorted(self._targets, models.targets)
        for union, mine in models.unions.items():
            if union in self._unions:
                self.add(models.fold, union, models.split.evaluate, at[mine], models.predictions[:, mine])

    def add(self, fold: int, union: int, rows: Array, at: Array, predictions: torch.Tensor) -> None:
        """Predictions (n_eval, n) of the test samples `rows`, of the batch's targets in places `at`; folds come one
        after another."""
        if fold != self._fold:
            self._settle()
            self._fold, self._rows = fold, torch.as_tensor(rows, device=self._piece.device)
            empty = torch.zeros((len(rows), len(self._targets)), dtype=torch.float64, device=self._piece.device)
            self._held = {one: empty.clone() for one in self._unions}
        self._held[union][:, torch.as_tensor(at, device=self._piece.device)] = predictions.double()

    def _settle(self) -> None:
        """Sums of the fold that is complete."""
        if self._fold < 0:
            return
        labels, count = self._piece[self._rows], len(self._fold_of)
        for union, values in self._held.items():
            values -= values.mean(dim=0)
            self._sums[union] += sums(values, labels, count)
            self._squares[union] += sums(values**2, labels, count)
        for total, (one, other) in zip(self._products, self.pairs, strict=True):
            total += sums(self._held[one] * self._held[other], labels, count)
        self._held = {}

    def end(self) -> None:
        """See Observer."""
        self._settle()
        self._fold = -1

    def weighted(self, pair: int, mine: slice, weights: torch.Tensor) -> torch.Tensor:
        """Fisher's z, averaged over folds, (n_weights, n) of the batch's targets `mine`, under weights of the blocks
        (n_weights, n_blocks). A fold of which nothing is left does not count; a constant prediction correlates 0."""
        one, other = self.pairs[pair]
        total = weights.new_zeros((len(weights), len(self._targets[mine])))
        folds = weights.new_zeros((len(weights), 1))
        for fold in np.unique(self._fold_of):
            at = np.flatnonzero(self._fold_of == fold)
            drawn = weights[:, self._block_of[at]]
            n = drawn @ torch.as_tensor(self._n[at], dtype=weights.dtype, device=weights.device)[:, None]
            there = (n > 1).to(weights.dtype)
            n = n.clamp(min=1)
            total += there * torch.atanh(self._correlation(pair, one, other, at, mine, drawn, n))
            folds += there
        return total / folds.clamp(min=1)

    def _correlation(
        self, pair: int, one: int, other: int, at: Array, mine: slice, drawn: torch.Tensor, n: torch.Tensor
    ) -> torch.Tensor:
        """(n_weights, n_mine) of one fold."""
        a, b = drawn @ self._sums[one][at, mine], drawn @ self._sums[other][at, mine]
        aa, bb = drawn @ self._squares[one][at, mine], drawn @ self._squares[other][at, mine]
        ab = drawn @ self._products[pair][at, mine] - a * b / n
        variances = (aa - a * a / n), (bb - b * b / n)
        varies = (variances[0] > NOTHING * aa) & (variances[1] > NOTHING * bb)
        size = torch.where(varies, variances[0].clamp(min=0) * variances[1].clamp(min=0), 1.0).sqrt()
        return torch.where(varies, ab / size, 0.0).clamp(-R_LIMIT, R_LIMIT)
