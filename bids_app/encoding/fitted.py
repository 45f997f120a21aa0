"""The chosen models of an outer fold, fitted on all its training samples: predictions, weights, parts by band.

A `Fitted` is handed to an observer for every outer fold, union and block of targets (those of the block that chose
one candidate), so that whatever needs held-out predictions has them without their ever being held for all targets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch

from bids_app.encoding.basis import Basis, decompose
from bids_app.encoding.moments import Moments
from bids_app.encoding.search import Choice, by_columns
from bids_app.encoding.splits import Split, Weights, cross_rows
from bids_app.records import Array


@dataclass(frozen=True)
class Fitted:
    """Models of one outer fold and union, of the targets of a block that chose the same band weights.

    targets (n,): their columns in the design's Y; alpha (n,) values; choice (n,) their places in
    the grid. Y (n_times, n): responses of all samples, less a constant of each target. split: the rows to fit on and
    to evaluate on (`train`, `evaluate`). Predictions are `held` (n_eval, r) times lam / (lam + alpha) times V'y, with
    lam (r,) and V from `samples` (n_train, r), whose columns have zero mean: linear in y, for tests that refit.
    """

    fold: int
    union: int
    targets: Array
    weights: Weights
    alpha: torch.Tensor
    choice: Array
    split: Split
    basis: Basis
    Y: torch.Tensor
    coordinates: torch.Tensor

    @cached_property
    def mean(self) -> torch.Tensor:
        """(n,) training means of Y."""
        ones = self.Y.new_ones((len(self.split.train), 1))
        return cross_rows(ones, self.Y, self.split.train_pieces)[0] / len(self.split.train)

    @cached_property
    def responses(self) -> torch.Tensor:
        """(n_eval, n) held-out responses less the training mean."""
        return torch.cat([self.Y[at] for at in self.split.eval_pieces]) - self.mean

    @cached_property
    def predictions(self) -> torch.Tensor:
        """(n_eval, n) of `responses`."""
        return self.basis.held.to(self.Y.dtype) @ self.coordinates

    @property
    def samples(self) -> torch.Tensor:
        """V (n_train, r) in the type of Y, made anew at every call."""
        return self.basis.on_samples(self.split, self.weights).to(self.Y.dtype)

    def band_weights(self) -> dict[int, torch.Tensor]:
        """{band: (n_columns_b, n)} on the bands' own columns."""
        directions = self.basis.directions(self.split, self.weights)
        return {band: direction.to(self.Y.dtype) @ self.coordinates for band, direction in directions.items()}

    def by_block(self, labels: Array, n_blocks: int) -> Iterator[torch.Tensor]:
        """For each block of samples (labels (n_times,) int), what its training responses add to the predictions of
        `Y` itself, the intercept included: (n_eval, n). They sum to `predictions` + `mean`."""
        V, shrinkage = self.samples, self.basis.shrinkage(self.alpha).T.to(self.Y.dtype)
        mine = labels[self.split.train]
        for block in range(n_blocks):
            rows = np.flatnonzero(mine == block)
            y = self.Y[torch.as_tensor(self.split.train[rows], device=self.Y.device)]
            coordinates = shrinkage * (V[torch.as_tensor(rows, device=V.device)].T @ y)
            yield self.basis.held.to(self.Y.dtype) @ coordinates + y.sum(dim=0) / len(mine)


class Observer(Protocol):
    """What is told of every fitted model. Targets come in batches, each with all its folds and unions."""

    def fitted(self, models: Fitted) -> None:
        """Called for every outer fold, union, candidate chosen and block of targets."""

    def batch_done(self, targets: Array) -> None:
        """Called when these targets (columns in Y) have been fitted in all folds and unions."""


def fit_chosen(
    fold: int,
    union: int,
    blocks: Sequence[tuple[Array, Moments]],
    candidates: Sequence[Weights],
    alphas: Array,
    choice: Choice,
) -> Iterator[Fitted]:
    """The chosen models of every block (its targets' columns in the design's Y, its moments in the outer split),
    candidate by candidate, so that each is decomposed once."""
    starts = np.cumsum([0, *(len(targets) for targets, _ in blocks)]).tolist()
    for number in np.unique(choice.candidate):
        basis = decompose(blocks[0][1].split, candidates[number])
        for (targets, moments), start in zip(blocks, starts[:-1], strict=True):
            mine = np.flatnonzero(choice.candidate[start : start + len(targets)] == number)
            if len(mine):
                at = choice.alpha[start + mine]
                yield _fit(fold, union, moments, basis, candidates[number], targets, mine, alphas, at)


def _fit(
    fold: int,
    union: int,
    moments: Moments,
    basis: Basis,
    weights: Weights,
    targets: Array,
    mine: Array,
    alphas: Array,
    at: Array,
) -> Fitted:
    """The models of the block's targets `mine` (positions), at the alphas in places `at` of the grid."""
    everyone = len(mine) == len(targets)
    columns = slice(None) if everyone else torch.as_tensor(mine, device=moments.Y.device)
    alpha = basis.lam.new_tensor(alphas[at])
    u = coordinates(moments, basis, weights, float(alphas.min()), columns)
    shrunk = u.mul_(basis.shrinkage(alpha).T.to(u.dtype))
    return Fitted(fold, union, targets[mine], weights, alpha, at, moments.split, basis, moments.Y[:, columns], shrunk)


def coordinates(
    moments: Moments, basis: Basis, weights: Weights, least_alpha: float, columns: torch.Tensor | slice
) -> torch.Tensor:
    """V'y (r, n) of some of the block's targets."""
    dtype = moments.Y.dtype
    if by_columns(basis, least_alpha, dtype):
        return basis.onto.to(dtype).T @ moments.split.side_by_side(moments.cross[:, columns], weights)
    V = basis.on_samples(moments.split, weights).to(dtype)
    return cross_rows(V, moments.Y[:, columns], moments.split.train_pieces)
