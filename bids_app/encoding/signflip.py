"""Does a model predict at all? Sign flips of whole response blocks, refitted, as quadratic forms in the signs.

Where responses are noise, independent between blocks and as often up as down, any block may change its sign. All
else is done again: centring by the training mean, ridge at the chosen hyper-parameters, predictions, scores. Fixed
predictions against flipped responses would be liberal, as the folds' scores share training data. With the
hyper-parameters given, held-out residuals are linear in the response, so for block signs s

    rsquared(s) = s'E s / s'T s,    E = Σ_folds (2B − F)'F,    T = Σ_folds B'B

where column b of B (n_eval, n_blocks) is the held-out response, less the training mean, that block b contributes,
and column b of F the prediction learned from block b. E and T are made once a target; then any number of sign vectors
is cheap. Everything is exact, but for the arithmetic of the responses' own type.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bids_app.records import Array

ELEMENTS_AT_ONCE = 2**22  # of F; bounds memory and keeps it near the cache; a constant, so that results repeat


@dataclass(frozen=True)
class ChosenModel:
    """Models of one candidate in one outer fold, in its eigenbasis, of the targets that chose it.

    lam (r,); coordinates (n_train, r): centred training features times Q, so that coordinates'y / (lam + alpha) is
    the solution; predictor (n_eval, r); targets (n_mine,): columns of the batch; alpha (n_mine,).
    """

    lam: torch.Tensor
    coordinates: torch.Tensor
    predictor: torch.Tensor
    targets: torch.Tensor
    alpha: torch.Tensor

    def predict(self, Y_train: torch.Tensor) -> torch.Tensor:
        """Y_train (n_train, n_mine) → (n_eval, n_mine), less the training mean, which centred features ignore."""
        return self.predictor @ ((self.coordinates.T @ Y_train) / (self.lam[:, None] + self.alpha))


@dataclass(frozen=True)
class OuterFold:
    """Rows of the training and the test samples (indices), and the chosen models, which together cover the batch."""

    train: torch.Tensor
    test: torch.Tensor
    models: Sequence[ChosenModel]


def draw_signs(n_blocks: int, permutations: int, seed: int) -> Array:
    """(1 + permutations, n_blocks) of ±1, the first row all 1: the data as they are.

    Where so many do not exist, all 2^n_blocks once each. Drawn once for all batches, so that max-T is exact.
    """
    if 2**n_blocks <= 1 + permutations:
        return 1.0 - 2.0 * ((np.arange(2**n_blocks)[:, None] >> np.arange(n_blocks)) & 1)
    drawn = np.random.default_rng(seed).integers(0, 2, (permutations, n_blocks))
    return np.concatenate([np.ones((1, n_blocks)), 1.0 - 2.0 * drawn])


class FlipTotals:
    """Σ(y − ȳ_train)² of all outer folds under any block signs, for a batch of targets; the same for every union.

    labels (n_times,) int64: each sample's block. Memory: 2 · n_folds · n_blocks numbers a target.
    """

    def __init__(self, labels: torch.Tensor, n_blocks: int) -> None:
        self._labels, self._n_blocks = labels, n_blocks
        self._folds: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor, int]] = []

    def add_fold(self, Y: torch.Tensor, train: torch.Tensor, test: torch.Tensor) -> None:
        """Y (n_times, n_targets), neither centred nor scaled by the fold."""
        held_out = Y[test]
        sums = block_sums(held_out, self._labels[test], self._n_blocks)
        means = _mean_shares(Y[train], self._labels[train], self._n_blocks)
        self._folds.append(((held_out**2).sum(dim=0), sums, means, len(test)))

    def at(self, signs: torch.Tensor) -> torch.Tensor:
        """signs (n_signs, n_blocks) → (n_signs, n_targets)."""
        total = torch.zeros((), dtype=signs.dtype, device=signs.device)
        for squares, sums, means, n_test in self._folds:
            mean = signs @ means
            total = total + squares - 2 * mean * (signs @ sums) + n_test * mean**2
        return total


class FlipGains:
    """Σ(y − ȳ_train)² − Σ(y − ŷ)² of one union under any block signs, for a batch of targets.

    labels (n_times,) int64; `explained` (n_targets, n_blocks, n_blocks) is E above, in the type of the first fold's
    responses: the memory it takes. Targets whose predictions are all zero have exactly zero gain.
    """

    def __init__(self, labels: torch.Tensor, n_blocks: int, n_targets: int, dtype: torch.dtype) -> None:
        self._labels, self._n_blocks = labels, n_blocks
        self.explained = torch.zeros((n_targets, n_blocks, n_blocks), dtype=dtype, device=labels.device)

    def add_fold(self, Y: torch.Tensor, fold: OuterFold) -> None:
        """Y (n_times, n_targets), neither centred nor scaled by the fold."""
        tested, trained = self._labels[fold.test], self._labels[fold.train]
        samples = torch.arange(len(tested), device=tested.device)
        for model in fold.models:
            Y_train, Y_test = Y[fold.train][:, model.targets], Y[fold.test][:, model.targets]
            means = _mean_shares(Y_train, trained, self._n_blocks)
            for mine, F in block_predictions(model, Y_train, trained, self._n_blocks):
                twice_b_less_f = F.neg()
                twice_b_less_f[:, tested, samples] += 2 * Y_test[:, mine].T
                twice_b_less_f -= 2 * means[:, mine].T[:, :, None]
                self.explained[model.targets[mine]] += twice_b_less_f @ F.mT

    def at(self, signs: torch.Tensor) -> torch.Tensor:
        """signs (n_signs, n_blocks) → (n_signs, n_targets)."""
        return quadratic_forms(self.explained, signs)


def quadratic_forms(matrices: torch.Tensor, signs: torch.Tensor) -> torch.Tensor:
    """s'A s of every A (n_targets, n_blocks, n_blocks), symmetric or not, and row s of signs (n_signs, n_blocks) of
    ±1 → (n_signs, n_targets): one product over pairs of blocks, as the diagonal does not change."""
    i, j = torch.triu_indices(signs.shape[1], signs.shape[1], offset=1, device=signs.device)
    diagonal = matrices.diagonal(dim1=1, dim2=2).sum(dim=1)
    pairs = matrices[:, i, j] + matrices[:, j, i]
    return torch.addmm(diagonal, signs[:, i] * signs[:, j], pairs.T)


def block_predictions(
    model: ChosenModel, Y_train: torch.Tensor, trained: torch.Tensor, n_blocks: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """What each block of Y_train (n_train, n_mine), labelled `trained` (n_train,), contributes to the predictions: a
    few targets at a time, their positions (n_few,) and (n_few, n_blocks, n_eval).

    A block's rows meet nothing but their own, so the hat matrix of an alpha, once made, costs a product of n_train
    rows a target, against n_blocks products with the predictor in coordinates: alpha by alpha, the cheaper is taken.
    """
    order = torch.argsort(trained, stable=True)
    sizes = torch.bincount(trained, minlength=n_blocks).tolist()
    coordinates, Y_sorted = model.coordinates[order], Y_train[order]
    (n_train, rank), n_eval = coordinates.shape, len(model.predictor)
    at_once = max(1, ELEMENTS_AT_ONCE // (n_blocks * n_eval))
    rest = [model.targets.new_zeros(0)]
    for alpha in torch.unique(model.alpha):
        mine = torch.nonzero(model.alpha == alpha)[:, 0]
        through_hat = n_eval * n_train * (rank + len(mine))
        if through_hat > len(mine) * rank * (n_train + n_eval * n_blocks):
            rest.append(mine)
            continue
        hat = torch.split((coordinates / (model.lam + alpha)) @ model.predictor.T, sizes)
        for few in torch.split(mine, at_once):
            rows = torch.split(Y_sorted[:, few], sizes)
            yield few, torch.stack([Y.T @ part for Y, part in zip(rows, hat, strict=True)], dim=1)
    for few in torch.split(torch.cat(rest), at_once):
        pairs = zip(torch.split(Y_sorted[:, few], sizes), torch.split(coordinates, sizes), strict=True)
        solutions = torch.stack([Y.T @ part for Y, part in pairs], dim=1)
        yield few, (solutions / (model.lam + model.alpha[few, None])[:, None]) @ model.predictor.T


def block_sums(values: torch.Tensor, labels: torch.Tensor, n_blocks: int) -> torch.Tensor:
    """values (n, n_targets), labels (n,) → (n_blocks, n_targets)."""
    return values.new_zeros((n_blocks, values.shape[1])).index_add_(0, labels, values)


def _mean_shares(Y_train: torch.Tensor, trained: torch.Tensor, n_blocks: int) -> torch.Tensor:
    """(n_blocks, n_targets): what each block adds to the training mean."""
    return block_sums(Y_train, trained, n_blocks) / len(Y_train)
