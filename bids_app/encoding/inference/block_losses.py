"""Held-out losses by block: what models gain over the training mean, and over each other, tested by sign flips.

A component of the partition is a signed sum of unions' gains Σ(y − ȳ_train)² − Σ(y − ŷ)², over Σ(y − ȳ_train)². Its
sums over blocks are all that its test by sign flips needs, and most of what its interval does (`intervals`).
"""

from __future__ import annotations

import torch

from bids_app.encoding.inference.flip_units import sums
from bids_app.records import Array

ROUNDING = 1e-6  # of a block's Σ(y − ȳ_train)²: gains nearer than this are equal


class BlockLosses:
    """Σ(y − ȳ_train)² and every union's gain over it, by block, for a batch of targets.

    `total` (n_blocks, n_targets) and `gains` (n_unions, n_blocks, n_targets), float64, are the memory it takes.

    Parameters
    ----------
    labels : (n_times,) int64, each sample's block.
    n_blocks, n_unions, n_targets : of the batch.
    """

    def __init__(self, labels: torch.Tensor, n_blocks: int, n_unions: int, n_targets: int) -> None:
        self._labels = labels
        self.total = torch.zeros((n_blocks, n_targets), dtype=torch.float64, device=labels.device)
        self.gains = self.total.new_zeros((n_unions, n_blocks, n_targets))

    def add_total(self, columns: torch.Tensor, rows: torch.Tensor, Y: torch.Tensor) -> None:
        """Once a fold and target: sums of the response.

        Parameters
        ----------
        columns : (n,) places among the batch's targets.
        rows : (n_eval,) the test samples.
        Y : (n_eval, n) responses less the training mean.
        """
        self.total.index_add_(1, columns, sums(Y.double() ** 2, self._labels[rows], len(self.total)))

    def add(
        self, union: int, columns: torch.Tensor, rows: torch.Tensor, Y: torch.Tensor, predictions: torch.Tensor
    ) -> None:
        """Once a fold, union and target: sums of the gain.

        Parameters
        ----------
        union : its number.
        columns, rows, Y : as of `add_total`.
        predictions : (n_eval, n), less the training mean as Y is.
        """
        # (y − ȳ)² − (y − ŷ)² = ŷ (2y − ŷ), of responses and predictions less the training mean
        gain = sums((predictions * (2 * Y - predictions)).double(), self._labels[rows], len(self.total))
        self.gains[union].index_add_(1, columns, gain)

    def add_part(self, part: torch.Tensor, columns: torch.Tensor, rows: torch.Tensor, gain: torch.Tensor) -> None:
        """Once a fold and target: any other sum by block, added to `part`.

        Parameters
        ----------
        part : (n_blocks, n_targets), changed in place.
        columns, rows : as of `add_total`.
        gain : (n_eval, n) of the test samples.
        """
        part.index_add_(1, columns, sums(gain, self._labels[rows], len(part)))

    def contrast(self, coefficients: Array) -> torch.Tensor:
        """coefficients (n_unions,) → (n_blocks, n_targets): the signed sum of gains, 0 where it is but rounding."""
        signed = torch.as_tensor(coefficients, dtype=torch.float64, device=self.gains.device)
        sums = torch.einsum("u,ubt->bt", signed, self.gains)
        return torch.where(sums.abs() <= ROUNDING * self.total, 0.0, sums)


def flipped_sums(contrast: torch.Tensor, signs: torch.Tensor) -> torch.Tensor:
    """Null of a contrast: where neither of two models is better, a block favours either one as often, so its
    difference may change its sign.

    Parameters
    ----------
    contrast : (n_blocks, n_targets).
    signs : (n_signs, n_blocks) of ±1.

    Returns
    -------
    (n_signs, n_targets).
    """
    return signs.to(contrast.dtype) @ contrast
