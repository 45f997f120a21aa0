"""Dependence through shared training data: how much the gain of each block hangs on having trained on another.

Without block j in training, ridge has other weights, by exactly (X'X + α)⁻¹ X_j' r_j, where r_j are the residuals
that it then leaves in block j. So the gain of a test block i changes, to the first order, by

    e_ij = 2 r_i'H_ij r_j

with H_ij what the model makes in block i of a response in block j, and r_i its residuals there. Residuals of training
samples become those of the model without their block by division by I − H_jj, as in any linear smoother.

Given the models, blocks err independently. Over data, the errors of two blocks covary by E[e_ij e_ji], as each was
among the other's training data (Hoeffding's decomposition, to the second order). With the same penalties in all
folds H is symmetric, and all of these together are Σ e_ij²; with others they are less (Cauchy and Schwarz). The sum
of squares is what is used: penalties are chosen from the same noise, which adds something that no first order shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from bids_app.encoding.inference.flips.fold_columns import Directions, FlipUnitColumns, Influential
from bids_app.encoding.ridge.fitted import Fitted
from bids_app.records import Array

ELEMENTS_AT_ONCE = 2**22  # of residuals in coordinates; bounds memory; a constant, so that results repeat
INTERPOLATED = 1e-6  # added to I − H_jj, for models that leave no residuals
SAME = 1e-9  # share of the unions' own squares below which a signed sum of them is rounding


def influence(
    models: Fitted, columns: FlipUnitColumns, directions: Directions
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """One outer fold's e, a few targets at a time; of models that predict nothing it is zero, and passed over.

    Parameters
    ----------
    models : of the fold.
    columns : of the fold, with blocks as flip units.
    directions : of the candidate in these columns.

    Yields
    ------
    Positions (n_few,) among the models' targets, and (n_few, n_tested, n_blocks), of the blocks that have test
    samples, in ascending order; zero for those that were not trained on.
    """
    alphas = models.alpha.cpu().numpy()
    by_alpha = np.argsort(alphas, kind="stable")  # so that models of one alpha are neighbours, and views
    matter = directions.influential(alphas[by_alpha])
    V, shrinkage, labels = matter.V, matter.shrinkage, columns.flip_units.labels[columns.test]
    if not V.shape[1]:
        return
    positions = torch.as_tensor(by_alpha, device=V.device)
    Y = (models.Y - models.mean)[columns.order[:, None], positions].to(V.dtype)
    # residuals of training samples, block by block (n_blocks, n_longest, n)
    left = _by_flip_unit(Y - V @ (shrinkage.T * (V.T @ Y)), columns.sizes)
    order = torch.argsort(labels, stable=True)
    sizes = torch.unique(labels, return_counts=True)[1].tolist()
    # residuals of test samples, by the blocks that have any
    missed = _by_flip_unit((models.responses - models.predictions)[order[:, None], positions].to(V.dtype), sizes)
    blocks, H_by = _TrainingBlocks(matter, columns.sizes), _by_flip_unit(matter.H_met[order], sizes)
    at_once = max(1, ELEMENTS_AT_ONCE // (left.shape[0] * max(V.shape[1], left.shape[1])))
    for first, stop in pairwise([*np.unique(alphas[by_alpha], return_index=True)[1].tolist(), len(alphas)]):
        for at in range(first, stop, at_once):
            few = slice(at, min(at + at_once, stop))
            # r_i'H_i φ (n_few, n_tested, r), then times each training block's residuals in coordinates
            tested = (missed[..., few].mT @ H_by).transpose(0, 1) * shrinkage[first]
            own = blocks.leave_block_out_residuals(left[..., few], shrinkage[first])
            yield positions[few], 2 * tested @ own.permute(2, 1, 0)


def _by_flip_unit(values: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
    """values (n, m), sorted by unit, of so many rows each → (n_flip_units, n_longest, m), filled up with zeros."""
    return pad_sequence(list(torch.split(values, list(sizes))), batch_first=True)


class _TrainingBlocks:
    """Training blocks in coordinates, V_j (n_blocks, n_longest, r), zeros where a block is shorter."""

    def __init__(self, directions: Influential, sizes: Sequence[int]) -> None:
        V = self._V = _by_flip_unit(directions.V, sizes)
        self._met = V if directions.V_met is directions.V else _by_flip_unit(directions.V_met, sizes)
        _, longest, rank = V.shape
        self._grams = V.mT @ V if rank < longest else None
        self._eye = (1 + INTERPOLATED) * torch.eye(min(longest, rank), dtype=V.dtype, device=V.device)

    def leave_block_out_residuals(self, residuals: torch.Tensor, shrinkage: torch.Tensor) -> torch.Tensor:
        """Residuals of the model without each block, in coordinates: V_j'(I − V_j φ V_j')⁻¹ r_j, with the first V_j
        of columns before they lost nuisance.

        Parameters
        ----------
        residuals : (n_blocks, n_longest, n_few) that the model leaves in the blocks it was trained on.
        shrinkage : (r,) φ of the alpha that these targets share.

        Returns
        -------
        (n_blocks, r, n_few), by the smaller of two systems (push-through identity).
        """
        if self._grams is not None:
            solved: torch.Tensor = torch.linalg.solve(self._eye - self._grams * shrinkage, self._V.mT @ residuals)
            if self._met is self._V:
                return solved
            return self._met.mT @ (residuals + (self._V * shrinkage) @ solved)
        solved = torch.linalg.solve(self._eye - (self._V * shrinkage) @ self._V.mT, residuals)
        return self._met.mT @ solved


class Influences:
    """Σ e_ij² over pairs of different blocks, of any signed sum of several unions' gains, for a batch of targets.

    Memory a target: a fold's e, n_unions · n_tested · n_blocks numbers of the working type, and (n_folds · n_unions)²
    sums.

    Parameters
    ----------
    n_unions : how many.
    labels, folds : (n_times,) each sample's block and outer fold, from 0.
    n_targets : of the batch.
    dtype : the working type.
    """

    def __init__(
        self, n_unions: int, labels: torch.Tensor, folds: torch.Tensor, n_targets: int, dtype: torch.dtype
    ) -> None:
        self._labels, self._tested = labels, labels[:0]
        n_blocks, n_folds = int(labels.max()) + 1, int(folds.max()) + 1
        samples = torch.bincount(labels * n_folds + folds, minlength=n_blocks * n_folds)
        home = samples.reshape(n_blocks, n_folds).argmax(dim=1)  # of a block that folds tear apart: most of it
        self._blocks = [torch.nonzero(home == fold)[:, 0] for fold in range(n_folds)]
        self._e = torch.zeros((n_unions, n_targets, 0, n_blocks), dtype=dtype, device=labels.device)
        self._products = self._e.new_zeros((n_folds, n_folds, n_targets, n_unions, n_unions), dtype=torch.float64)

    def begin_fold(self, fold: int, test: torch.Tensor) -> None:
        """Before a fold.

        Parameters
        ----------
        fold : place of the outer fold among all, from 0.
        test : (n_eval,) its test samples.
        """
        self._fold, self._tested = fold, torch.unique(self._labels[test])
        n_unions, n_targets, _, n_blocks = self._e.shape
        self._e = self._e.new_zeros((n_unions, n_targets, len(self._tested), n_blocks))

    def add(self, places: torch.Tensor, targets: torch.Tensor, e: torch.Tensor) -> None:
        """Once a fold, union and target.

        Parameters
        ----------
        places : (n,) of unions among those given.
        targets : (n,) places among the batch's.
        e : (n, n_tested, n_blocks) of `influence`.
        """
        self._e[places, targets] = e

    def end_fold(self) -> None:
        """After a fold, whose e are let go."""
        n_unions, n_targets, n_tested, n_blocks = self._e.shape
        if not n_tested:
            return
        # a block that folds tear apart trains and tests: its own e_ii is no influence of another
        self._e[:, :, torch.arange(n_tested), self._tested] = 0.0
        at_once = max(1, ELEMENTS_AT_ONCE // (n_unions * n_tested * n_blocks))
        for start in range(0, n_targets, at_once):
            few = self._e[:, start : start + at_once].double().transpose(0, 1)
            # products of unions, summed over pairs (tested here, at home there), for any signed sum later
            for home, blocks in enumerate(self._blocks):
                part = few[..., blocks].flatten(2)
                self._products[self._fold, home, start : start + at_once] += part @ part.mT
        self._e = self._e.new_zeros((n_unions, n_targets, 0, n_blocks))

    def of(self, coefficients: Array, targets: slice = slice(None)) -> tuple[torch.Tensor, torch.Tensor]:
        """Σ e_ij² of a signed sum of the unions.

        Parameters
        ----------
        coefficients : (n_unions,) signs, 0 for unions that are not in the sum.
        targets : those asked for, by their places.

        Returns
        -------
        (n,) each, in the units of the gains' square: the sum over all pairs of blocks, and that over pairs
        that trained each other's models. Only the second is an error that two blocks share: where a fold's models are
        the same, so that their signed sum is zero, they err nowhere.
        """
        there = np.flatnonzero(coefficients)
        signed = torch.as_tensor(coefficients[there], dtype=torch.float64, device=self._products.device)
        products = self._products[:, :, targets][..., there[:, None], there]
        # c'P c of each pair of folds: tested in k, trained on blocks at home in l
        sums = torch.einsum("u,kltuv,v->klt", signed, products, signed).clamp_min(0.0)
        most = torch.einsum("kltuu,u->kt", products, signed.square())
        differs = sums.sum(dim=1) > SAME * most  # (n_folds, n_targets): the unions' models are not the same there
        return sums.sum(dim=(0, 1)), (sums * differs[:, None] * differs).sum(dim=(0, 1))
