"""Held-out losses by block: what models gain over the training mean, and over each other, tested by sign flips.

A component of the partition is a signed sum of unions' gains Σ(y − ȳ_train)² − Σ(y − ŷ)², over Σ(y − ȳ_train)². Its
sums over blocks are all that its test by sign flips needs, and most of what its interval does (`intervals`).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from bids_app.encoding.inference.flips.flip_units import sums
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
        self, unions: Mapping[int, torch.Tensor], columns: torch.Tensor, rows: torch.Tensor, gain: torch.Tensor
    ) -> None:
        """Once a fold, union and target: sums of the gain.

        Parameters
        ----------
        unions : number of each → (n_chose,) positions, among the n targets, of those that it is about.
        columns, rows : as of `add_total`.
        gain : (n_eval, n) of the test samples (`Fitted.gains`).
        """
        of_blocks = sums(gain, self._labels[rows], len(self.total))
        for union, at in unions.items():
            self.gains[union].index_add_(1, columns[at], of_blocks[:, at])

    def add_part(self, part: torch.Tensor, columns: torch.Tensor, rows: torch.Tensor, gain: torch.Tensor) -> None:
        """Once a fold and target: any other sum by block, added to `part`.

        Parameters
        ----------
        part : (n_blocks, n_targets), changed in place.
        columns, rows : as of `add_total`.
        gain : (n_eval, n) of the test samples.
        """
        part.index_add_(1, columns, sums(gain, self._labels[rows], len(part)))

    def contrast(self, coefficients: Array, targets: slice = slice(None)) -> torch.Tensor:
        """The signed sum of gains.

        Parameters
        ----------
        coefficients : (n_unions,).
        targets : those asked for, by their places.

        Returns
        -------
        (n_blocks, n).
        """
        contrast = torch.zeros_like(self.total[:, targets])
        for union in np.flatnonzero(coefficients):
            contrast.add_(self.gains[union][:, targets], alpha=float(coefficients[union]))
        return contrast

    def tested(self, coefficients: Array, targets: slice = slice(None)) -> torch.Tensor:
        """The same for a test: 0 where it is but rounding, so that equal models differ in no block.

        Parameters
        ----------
        coefficients, targets : as of `contrast`.
        """
        contrast = self.contrast(coefficients, targets)
        return torch.where(contrast.abs() <= ROUNDING * self.total[:, targets], 0.0, contrast)


class BlockShares:
    """Which blocks decide: each one's share of what the full model leaves, Σ(y − ŷ)², averaged over targets.

    Given the models, the variance of a block's gain is in proportion to that of what they leave there. Squared gains
    themselves would be one number a block and target: of few targets, they make equal blocks look unequal.

    Attributes
    ----------
    sums : number of the first target of some that were added together → (n_blocks,) sums of their shares. They are
        added up in the order of targets at the end, so that nothing hangs on the order in which they came.
    """

    def __init__(self) -> None:
        self.sums: dict[int, Array] = {}

    def add(self, first: int, residual: torch.Tensor) -> None:
        """Some more targets.

        Parameters
        ----------
        first : number of the first of them.
        residual : (n_blocks, n_targets) Σ(y − ŷ)² by block.
        """
        known = residual[:, (residual.sum(dim=0) > 0).cpu().numpy()]  # neither missing nor perfectly predicted
        self.sums[first] = (known / known.sum(dim=0)).sum(dim=1).cpu().numpy()

    @property
    def effective(self) -> float:
        """How many equal blocks the blocks count as: (Σ v)² / Σ v² of each block's mean share v."""
        shares = sum((self.sums[first] for first in sorted(self.sums)), start=np.zeros(1))
        squares = np.square(shares).sum()
        return float(shares.sum() ** 2 / squares) if squares > 0 else float(len(shares))


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
