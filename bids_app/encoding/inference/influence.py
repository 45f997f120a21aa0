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

from bids_app.encoding.inference.flips.explained import Responses
from bids_app.encoding.inference.flips.fold_columns import Directions, FlipUnitColumns, Influential
from bids_app.encoding.ridge.fitted import Fitted
from bids_app.records import Array

ELEMENTS_AT_ONCE = 2**19  # of residuals in coordinates, near the cache; a constant, so that results repeat
INTERPOLATED = 1e-6  # added to I − H_jj, for models that leave no residuals
SAME = 1e-9  # share of the unions' own squares below which a signed sum of them is rounding


def influence(
    models: Fitted, responses: Responses, columns: FlipUnitColumns, directions: Directions
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """One outer fold's e, a few targets at a time; of models that predict nothing it is zero, and passed over.

    Parameters
    ----------
    models : of the fold.
    responses : of their targets.
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
    rank, labels = matter.V.shape[1], columns.flip_units.labels[columns.test]
    if not rank:
        return
    positions, order = torch.as_tensor(by_alpha, device=labels.device), torch.argsort(labels, stable=True)
    sizes = torch.unique(labels, return_counts=True)[1].tolist()
    missed = (models.responses - models.predictions).to(matter.V.dtype)[order]
    H_by, blocks = _by_flip_unit(matter.H_met[order], sizes), _TrainingBlocks(matter, columns)
    n_blocks = columns.flip_units.count
    at_once = max(1, ELEMENTS_AT_ONCE // (n_blocks * max(rank, columns.flip_units.pieces.length)))
    for at in range(0, len(alphas), at_once):
        few = positions[at : at + at_once]
        # r_i'H_i φ (n_few, n_tested, r), then times each training block's residuals in coordinates
        shrinkage = matter.shrinkage[at : at + at_once]
        tested = (_by_flip_unit(missed[:, few], sizes).mT @ H_by).transpose(0, 1) * (2 * shrinkage[:, None])
        alike = np.unique(alphas[by_alpha[at : at + at_once]], return_index=True)[1].tolist()
        edges = pairwise([*alike, len(few)])
        Y = responses.laid_out[responses.rows[few]]
        own = blocks.leave_block_out_residuals(Y, models.mean[few], shrinkage, [slice(*edge) for edge in edges])
        yield few, tested @ own.permute(1, 2, 0)


def _by_flip_unit(values: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
    """values (n, m), sorted by unit, of so many rows each → (n_flip_units, n_longest, m), filled up with zeros."""
    return pad_sequence(list(torch.split(values, list(sizes))), batch_first=True)


class _TrainingBlocks:
    """What models of one candidate make of the blocks that they were trained on.

    V_j has a block's rows of V, and W_j those of V before columns lost nuisance. With a_j = V_j'y_j, their sum φ'd
    u = φ Σ a_j, and b_j = W_j'y_j, what the model without block j leaves there, met by W_j, is

        W_j'(I − V_j φ V_j')⁻¹ r_j = b_j + W_j'V_j (φ s_j − u),    (I − V_j'V_j φ) s_j = a_j − V_j'V_j u

    (push-through identity), of as few numbers as there are directions.

    Parameters
    ----------
    directions : of the candidate.
    columns : of the fold, with blocks as flip units.
    """

    def __init__(self, directions: Influential, columns: FlipUnitColumns) -> None:
        self._columns, V, V_met = columns, directions.V, directions.V_met
        self._values = V if V_met is V else torch.cat([V, V_met], dim=1)
        self._V, self._met = _by_flip_unit(V, columns.sizes), _by_flip_unit(V_met, columns.sizes)
        self._sums = self._values.new_zeros((len(columns.sizes), 1, self._values.shape[1]))
        self._sums[:, 0] = _by_flip_unit(self._values, columns.sizes).sum(dim=1)
        _, longest, rank = self._V.shape
        self._grams = self._V.mT @ self._V if rank < longest else None
        self._met_grams = self._V.mT @ self._met if rank < longest else None
        self._eye = (1 + INTERPOLATED) * torch.eye(min(longest, rank), dtype=V.dtype, device=V.device)

    def leave_block_out_residuals(
        self, Y: torch.Tensor, mean: torch.Tensor, shrinkage: torch.Tensor, alike: Sequence[slice]
    ) -> torch.Tensor:
        """Residuals of the model without each block, in coordinates: W_j'(I − V_j φ V_j')⁻¹ r_j.

        Parameters
        ----------
        Y : (n, …) responses, by `FlipUnits.responses`.
        mean : (n,) their training means.
        shrinkage : (n, r) φ of each model.
        alike : models that share an alpha, all in order.

        Returns
        -------
        (n_blocks, n, r), by the smaller of two systems.
        """
        rank, V = shrinkage.shape[1], self._V
        made = self._columns.of_trained(Y, self._values)
        made.sub_(mean.to(made.dtype)[:, None] * self._sums)
        a, b = made[..., :rank], made[..., -rank:]
        u = a.sum(dim=0).mul_(shrinkage)
        if self._grams is None or self._met_grams is None:
            return self._through_samples(Y, mean, shrinkage, u, alike)
        solved = torch.baddbmm(a, u.expand(len(V), -1, -1), self._grams, alpha=-1)
        for same in alike:
            system = self._eye - self._grams * shrinkage[same.start]
            solved[:, same] = torch.linalg.solve(system, solved[:, same].mT).mT
        return torch.baddbmm(b, solved.mul_(shrinkage).sub_(u), self._met_grams)

    def _through_samples(
        self, Y: torch.Tensor, mean: torch.Tensor, shrinkage: torch.Tensor, u: torch.Tensor, alike: Sequence[slice]
    ) -> torch.Tensor:
        """The same by systems of a block's samples, given u."""
        y = (self._columns.not_held_out(Y) - mean.to(Y.dtype)[:, None]).T
        left = torch.baddbmm(
            _by_flip_unit(y, self._columns.sizes), self._V, u.T.expand(len(self._V), -1, -1), alpha=-1
        )
        for same in alike:
            system = self._eye - (self._V * shrinkage[same.start]) @ self._V.mT
            left[..., same] = torch.linalg.solve(system, left[..., same])
        return (self._met.mT @ left).mT


class Influences:
    """Σ e_ij² over pairs of different blocks, of any signed sum of several unions' gains, for a batch of targets.

    Memory a target: a fold's e, n_unions · n_tested · n_blocks numbers of the working type, and n_folds² sums of each
    pair of unions.

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
        self._first, self._second = np.triu_indices(n_unions)  # of each pair of unions, itself with itself among them
        self._products = self._e.new_zeros((n_folds, n_folds, len(self._first), n_targets), dtype=torch.float64)

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

    def end_fold(self, blocks: Sequence[slice]) -> None:
        """After a fold, whose e are let go.

        Parameters
        ----------
        blocks : places of all targets, block by block (`pieces`): a target's products have numbers in the same places
            of memory whatever blocks share the batch, on which their last bits hang.
        """
        n_unions, n_targets, n_tested, n_blocks = self._e.shape
        if not n_tested:
            return
        # a block that folds tear apart trains and tests: its own e_ii is no influence of another
        self._e[:, :, torch.arange(n_tested), self._tested] = 0.0
        at_once = max(1, ELEMENTS_AT_ONCE // (n_unions * n_tested * n_blocks))
        starts = [(at, block.stop) for block in blocks for at in range(block.start, block.stop, at_once)]
        for start, stop in starts:
            some = slice(start, min(start + at_once, stop))
            few = self._e[:, some].transpose(0, 1).to(torch.float64, memory_format=torch.contiguous_format)
            # products of unions, summed over pairs (tested here, at home there), for any signed sum later
            for home, at_home in enumerate(self._blocks):
                part = few[..., at_home].flatten(2)
                of_pairs = (part @ part.mT)[:, self._first, self._second].T
                self._products[self._fold, home, :, some] += of_pairs
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
        # c'P c of each pair of folds: tested in k, trained on blocks at home in l
        first, second = coefficients[self._first], coefficients[self._second]
        there, itself = np.flatnonzero(first * second), self._first == self._second
        products = self._products[:, :, there, targets]
        twice = np.where(itself, 1.0, 2.0)
        signed, own = (
            products.new_tensor(each[there]) for each in (twice * first * second, itself * np.square(first))
        )
        sums = torch.einsum("p,klpt->klt", signed, products).clamp_min(0.0)
        most = torch.einsum("p,klpt->kt", own, products)
        differs = sums.sum(dim=1) > SAME * most  # (n_folds, n_targets): the unions' models are not the same there
        return sums.sum(dim=(0, 1)), (sums * differs[:, None] * differs).sum(dim=(0, 1))
