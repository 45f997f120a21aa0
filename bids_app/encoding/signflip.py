"""Does a model predict at all? Sign flips of whole pieces of the response, refitted, as quadratic forms in the signs.

A response is a sum of pieces: blocks of time, or groups of frequencies (`pieces`). Where it is noise, independent
between pieces and as often up as down, any piece may change its sign. All else is done again: centring by the
training mean, ridge at the chosen hyper-parameters, predictions, scores. Fixed predictions against flipped responses
would be liberal, as the folds' scores share training data. With the hyper-parameters given, held-out residuals are
linear in the response, so for signs s

    rsquared(s) = s'E s / s'T s,    E = Σ_folds (2B − F)'F,    T = Σ_folds B'B

where column b of B (n_eval, n_pieces) is the held-out response, less the training mean, that piece b contributes, and
column b of F the prediction learned from it. E and T are made once a target; then any number of sign vectors is
cheap. Everything is exact, but for the arithmetic of the working type.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bids_app.encoding.pieces import Pieces, sums
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


def draw_signs(n_pieces: int, permutations: int, seed: int) -> Array:
    """(1 + permutations, n_pieces) of ±1, the first row all 1: the data as they are.

    Where so many do not exist, all 2^n_pieces once each. Drawn once for all batches, so that max-T is exact.
    """
    if 2**n_pieces <= 1 + permutations:
        return 1.0 - 2.0 * ((np.arange(2**n_pieces)[:, None] >> np.arange(n_pieces)) & 1)
    drawn = np.random.default_rng(seed).integers(0, 2, (permutations, n_pieces))
    return np.concatenate([np.ones((1, n_pieces)), 1.0 - 2.0 * drawn])


class FlipTotals:
    """Σ(y − ȳ_train)² of all outer folds under any signs, for a batch of targets; the same for every union.

    Memory: 2 · n_folds · n_pieces numbers a target, of the type of the responses given.
    """

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._folds: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor, int]] = []

    def add_fold(self, Y: torch.Tensor, train: torch.Tensor, test: torch.Tensor) -> None:
        """Y (n_times, n_targets): the whole responses, by `pieces.coefficients`; train, test: row numbers."""
        labels, count = self._pieces.labels, self._pieces.count
        ones = Y.new_ones((len(Y), 1))
        trained, tested = (self._pieces.coefficients(ones[rows], rows) for rows in (train, test))
        means = sums(Y * trained, labels, count) / len(train)
        self._folds.append(((Y[test] ** 2).sum(dim=0), sums(Y * tested, labels, count), means, len(test)))

    def at(self, signs: torch.Tensor) -> torch.Tensor:
        """signs (n_signs, n_pieces) → (n_signs, n_targets)."""
        total = torch.zeros((), dtype=signs.dtype, device=signs.device)
        for squares, held_out, means, n_test in self._folds:
            mean = signs @ means
            total = total + squares - 2 * mean * (signs @ held_out) + n_test * mean**2
        return total


class FlipGains:
    """Σ(y − ȳ_train)² − Σ(y − ŷ)² of one union under any signs, for a batch of targets.

    `explained` (n_targets, n_pieces, n_pieces) is E above, and the memory it takes; `dtype` is the working type.
    Targets whose predictions are all zero have exactly zero gain.
    """

    def __init__(self, pieces: Pieces, n_targets: int, dtype: torch.dtype) -> None:
        self._pieces = pieces
        shape = n_targets, pieces.count, pieces.count
        self.explained = torch.zeros(shape, dtype=dtype, device=pieces.labels.device)

    def add_fold(self, Y: torch.Tensor, fold: OuterFold) -> None:
        """Y (n_times, n_targets): the whole responses, by `pieces.coefficients`."""
        Y = Y.to(self.explained.dtype)
        labels, count = self._pieces.labels, self._pieces.count
        ones = Y.new_ones((len(Y), 1))
        trained, tested = (self._pieces.coefficients(ones[rows], rows) for rows in (fold.train, fold.test))
        samples = torch.arange(len(fold.test), device=Y.device)
        for model in fold.models:
            Y_mine = Y[:, model.targets]
            means = sums(Y_mine * trained, labels, count) / len(fold.train)
            for few, F in piece_predictions(model, Y_mine, fold, self._pieces):
                twice_b_less_f = torch.addcmul(F.neg(), means[:, few].T[:, :, None], tested[fold.test, 0], value=-2)
                twice_b_less_f[:, labels[fold.test], samples] += 2 * Y_mine[fold.test][:, few].T
                self.explained[model.targets[few]] += twice_b_less_f @ F.mT

    def at(self, signs: torch.Tensor) -> torch.Tensor:
        """signs (n_signs, n_pieces) → (n_signs, n_targets)."""
        return quadratic_forms(self.explained, signs)


def quadratic_forms(matrices: torch.Tensor, signs: torch.Tensor) -> torch.Tensor:
    """s'A s of every A (n_targets, n_pieces, n_pieces), symmetric or not, and row s of signs (n_signs, n_pieces) of
    ±1 → (n_signs, n_targets): one product over pairs of pieces, as the diagonal does not change."""
    i, j = torch.triu_indices(signs.shape[1], signs.shape[1], offset=1, device=signs.device)
    diagonal = matrices.diagonal(dim1=1, dim2=2).sum(dim=1)
    pairs = matrices[:, i, j] + matrices[:, j, i]
    return torch.addmm(diagonal, signs[:, i] * signs[:, j], pairs.T)


def piece_predictions(
    model: ChosenModel, Y: torch.Tensor, fold: OuterFold, pieces: Pieces
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """What each piece of the responses Y (n_times, n_mine), as coefficients, contributes to the predictions: a few
    targets at a time, their positions (n_few,) and (n_few, n_pieces, n_eval), in coefficients of the test samples.

    A piece's coefficients meet nothing but their own, so the hat matrix of an alpha, once made, costs one product a
    target, against n_pieces products with the predictor in coordinates: alpha by alpha, the cheaper is taken.
    """
    apart = torch.ones(len(Y), dtype=torch.bool, device=Y.device)
    apart[fold.test] = False
    order = torch.argsort(torch.where(apart, pieces.labels, pieces.count), stable=True)[: int(apart.sum())]
    sizes = torch.bincount(pieces.labels[order], minlength=pieces.count).tolist()
    lam, alphas = model.lam.to(Y.dtype), model.alpha.to(Y.dtype)
    coordinates = pieces.coefficients(model.coordinates.to(Y.dtype), fold.train)[order]
    predictor = pieces.coefficients(model.predictor.to(Y.dtype), fold.test)[fold.test]
    (n_train, rank), n_eval, Y = coordinates.shape, len(predictor), Y[order]
    at_once = max(1, ELEMENTS_AT_ONCE // (pieces.count * n_eval))
    rest = [model.targets.new_zeros(0)]
    for alpha in torch.unique(alphas):
        mine = torch.nonzero(alphas == alpha)[:, 0]
        through_hat = n_eval * n_train * (rank + len(mine))
        if through_hat > len(mine) * rank * (n_train + n_eval * pieces.count):
            rest.append(mine)
            continue
        hat = torch.split((coordinates / (lam + alpha)) @ predictor.T, sizes)
        for few in torch.split(mine, at_once):
            yield few, _by_piece(torch.split(Y[:, few], sizes), hat)
    for few in torch.split(torch.cat(rest), at_once):
        solutions = _by_piece(torch.split(Y[:, few], sizes), torch.split(coordinates, sizes))
        yield few, (solutions / (lam + alphas[few, None])[:, None]) @ predictor.T


def _by_piece(Y: Sequence[torch.Tensor], maps: Sequence[torch.Tensor]) -> torch.Tensor:
    """Responses (n_b, n_few) and maps (n_b, n_out) of every piece b → (n_few, n_pieces, n_out)."""
    return torch.stack([mine.T @ its_map for mine, its_map in zip(Y, maps, strict=True)], dim=1)
