"""Held-out losses by block: what models gain over the training mean, and over each other, tested by sign flips.

A component of the partition is a signed sum of unions' gains Σ(y − ȳ_train)² − Σ(y − ŷ)², over Σ(y − ȳ_train)². Its
sums over blocks are all that its test by sign flips needs, and most of what its interval does (`intervals`).
"""

from __future__ import annotations

import numpy as np
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


class BlockShares:
    """Which blocks decide: each one's share of Σ d² over blocks, d the gain of a model in a block, over targets."""

    def __init__(self) -> None:
        self._sum: Array = np.zeros(1)
        self._n_targets = 0

    def add(self, gains: torch.Tensor) -> None:
        """Gains (n_blocks, n_targets) of a batch of targets."""
        squares = gains.square().cpu().numpy()
        total = squares.sum(axis=0)
        known = np.isfinite(total) & (total > 0)
        self._sum = self._sum + (squares[:, known] / total[known]).sum(axis=1)
        self._n_targets += int(known.sum())

    @property
    def effective(self) -> float:
        """How many equal blocks the blocks count as: (Σ v)² / Σ v² of each block's mean share v; all of them where
        no target has any gain.

        Shares of few targets scatter, which alone makes Σ v² larger, for normal d by 1 + 2 / n_targets.
        """
        if not self._n_targets:
            return float(len(self._sum))
        count = self._sum.sum() ** 2 / np.square(self._sum).sum() * (1 + 2 / self._n_targets)
        return min(float(count), float(len(self._sum)))


def flipped_sums(contrast: torch.Tensor, signs: torch.Tensor, taught: torch.Tensor | None = None) -> torch.Tensor:
    """Null of a signed sum of unions' gains: a block is as often below zero as above, so its sum may change its sign.

    Blocks are not independent, as each is among what other folds were trained on. The variance of the sum is that
    between blocks and `taught`; flips have the first alone, and are wider by the root of the ratio where it is given.

    Parameters
    ----------
    contrast : (n_blocks, n_targets), as observed.
    signs : (n_signs, n_blocks) of ±1, the first row all 1: the data as they are.
    taught : (n_targets,) Σ e_ij² over pairs of different blocks, of `Influences.of`.

    Returns
    -------
    (n_signs, n_targets).
    """
    null = signs.to(contrast.dtype) @ contrast
    if taught is None:
        return null
    between = contrast.square().sum(dim=0)
    wider = torch.where(between > 0, (between + taught) / torch.where(between > 0, between, 1.0), 1.0).sqrt()
    return torch.cat([null[:1], null[1:] * wider])
