"""The chosen models of an outer fold, fitted on all its training samples: predictions, weights, parts by band.

A `Fitted` is handed to an observer for every outer fold, candidate and block of targets (those of the block that
chose the candidate in some union), so that whatever needs held-out predictions has them without their ever being held
for all targets. What a target chose in several unions is fitted once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from bids_app.encoding.ridge.basis import Basis, decompose
from bids_app.encoding.ridge.moments import Moments
from bids_app.encoding.ridge.rounding import rounding_of
from bids_app.encoding.ridge.search import Choice, by_columns
from bids_app.encoding.ridge.splits import Split, Weights, cross_rows
from bids_app.records import Array


@dataclass(frozen=True)
class Fitted:
    """Models of one outer fold, of the targets of a block that chose the same band weights.

    targets (n,): their columns in the design's Y; unions: number of each union that chose them → positions among the
    targets of those for which it did; alpha (n,) values; choice (n,) their places in the grid; inner (n,) the R² they
    were chosen by, over the inner folds. Y (n_times, n):
    responses of all samples, less a constant of each target. Predictions are `basis.eval_projection` (n_eval, r)
    times `coordinates` (r, n) = eigenvalues / (eigenvalues + alpha) times V'y: linear in y, for tests that refit.
    """

    fold: int
    unions: Mapping[int, Array]
    targets: Array
    alpha: torch.Tensor
    choice: Array
    inner: Array
    basis: Basis
    Y: torch.Tensor
    coordinates: torch.Tensor

    @property
    def split(self) -> Split:
        """The rows to fit on and to evaluate on (`train`, `evaluate`)."""
        return self.basis.split

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
        return self.basis.eval_projection.to(self.Y.dtype) @ self.coordinates

    def band_gains(self, weights: Mapping[int, torch.Tensor], mine: Array) -> Iterator[tuple[int, torch.Tensor]]:
        """Each band and (n_eval, n) float64 ŷ_b (2(y − ȳ) − ŷ), from `band_weights` of some of the targets: the
        product measure's share of every sample's gain, which over bands sums to (y − ȳ)² − (y − ŷ)²."""
        over = (2 * self.responses - self.predictions)[:, mine].double()
        for band, each in weights.items():
            yield band, (self.split.rows({band: 1.0}, evaluate=True).to(each.dtype) @ each) * over

    def band_weights(self, mine: Array | slice = slice(None)) -> dict[int, torch.Tensor]:
        """{band: (n_columns_b, n)} on the bands' own columns, of some of the targets (positions)."""
        coordinates = self.coordinates[:, mine]
        directions = self.basis.directions()
        return {band: direction.to(self.Y.dtype) @ coordinates for band, direction in directions.items()}


class Observer:
    """What is told of every fitted model. Targets come in batches, each with all its folds and unions.

    target_bytes: what it holds for every target of a batch; cell_bytes: for every sample of every column.
    """

    target_bytes = 0
    cell_bytes = 0

    def begin(self, targets: Array) -> None:
        """Called before a batch: its targets (columns in Y, ascending)."""

    def fitted(self, models: Fitted) -> None:
        """Called for every outer fold, candidate chosen and block of targets."""

    def end(self) -> None:
        """Called when the batch has been fitted in all folds and unions."""


class ObserverGroup(Observer):
    """Several observers of one fit."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)
        self.target_bytes = sum(one.target_bytes for one in observers)
        self.cell_bytes = sum(one.cell_bytes for one in observers)

    def begin(self, targets: Array) -> None:
        """See Observer."""
        for one in self._observers:
            one.begin(targets)

    def fitted(self, models: Fitted) -> None:
        """See Observer."""
        for one in self._observers:
            one.fitted(models)

    def end(self) -> None:
        """See Observer."""
        for one in self._observers:
            one.end()


def fit_chosen(
    fold: int,
    blocks: Sequence[tuple[Array, Moments]],
    candidates: Sequence[Weights],
    alphas: Array,
    choices: Sequence[Choice],
) -> Iterator[Fitted]:
    """The models that each union's choice asks for, of every block (its targets' columns in the design's Y, its
    moments in the outer split), candidate by candidate, so that each is decomposed once."""
    starts = np.cumsum([0, *(len(targets) for targets, _ in blocks)]).tolist()
    chosen = np.stack([choice.candidate for choice in choices])
    places = np.stack([choice.alpha for choice in choices])  # one candidate has one best alpha, whichever the union
    inner = np.stack([choice.rsquared for choice in choices])
    for number in np.unique(chosen).tolist():
        basis = decompose(blocks[0][1].split, candidates[number])
        for (targets, moments), start in zip(blocks, starts[:-1], strict=True):
            chose = chosen[:, start : start + len(targets)] == number
            mine = np.flatnonzero(chose.any(axis=0))
            if len(mine):
                unions = {union: np.flatnonzero(row) for union, row in enumerate(chose[:, mine]) if row.any()}
                at = chose[:, mine].argmax(axis=0), start + mine
                yield _fit(fold, unions, moments, basis, targets, mine, alphas, places[at], inner[at])


def _fit(
    fold: int,
    unions: Mapping[int, Array],
    moments: Moments,
    basis: Basis,
    targets: Array,
    mine: Array,
    alphas: Array,
    at: Array,
    inner: Array,
) -> Fitted:
    """The models of the block's targets `mine` (positions), at the alphas in places `at`, chosen by `inner` R²."""
    everyone = len(mine) == len(targets)
    columns = slice(None) if everyone else torch.as_tensor(mine, device=moments.Y.device)
    alpha = basis.eigenvalues.new_tensor(alphas[at])
    u = coordinates(moments, basis, float(alphas.min()), columns)
    shrunk = u.mul_(basis.shrinkage(alpha).T.to(u.dtype))
    return Fitted(fold, unions, targets[mine], alpha, at, inner, basis, moments.Y[:, columns], shrunk)


def coordinates(moments: Moments, basis: Basis, least_alpha: float, columns: torch.Tensor | slice) -> torch.Tensor:
    """V'y (r, n) of some of the block's targets."""
    dtype = moments.Y.dtype
    if by_columns(basis, least_alpha, rounding_of(dtype)):
        return basis.basis_map.to(dtype).T @ moments.split.side_by_side(moments.cross[:, columns], basis.weights)
    return cross_rows(basis.samples.to(dtype), moments.Y[:, columns], moments.split.train_pieces)
