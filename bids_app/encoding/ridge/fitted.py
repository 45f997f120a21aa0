"""The chosen models of an outer fold, fitted on all its training samples: predictions, weights, parts by band.

A `Fitted` is handed to an observer for every outer fold, candidate and block of targets (those of the block that
chose the candidate in some union), so that whatever needs held-out predictions has them without their ever being held
for all targets. What a target chose in several unions is fitted once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from bids_app.encoding.ridge.basis import BandParts, Basis
from bids_app.encoding.ridge.moments import Moments
from bids_app.encoding.ridge.splits import Split
from bids_app.encoding.side_by_side import made_once
from bids_app.records import Array


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Responses and predictions of held-out samples of some models, each made when first asked for and kept: see
    `Fitted`, whose properties they are.

    Parameters
    ----------
    basis : of the models' candidate.
    moments : of the responses of a block of targets in the outer split.
    columns : (n,) the models' among these targets, or all of them.
    coordinates : (r, n) of the models.
    """

    basis: Basis
    moments: Moments
    columns: torch.Tensor | slice
    coordinates: torch.Tensor

    @made_once
    def mean(self) -> torch.Tensor:
        """(n,)."""
        return self.moments.mean[self.columns]

    @made_once
    def responses(self) -> torch.Tensor:
        """(n_eval, n)."""
        rows = self.basis.split.eval_slices
        return torch.cat([self.moments.Y[at][:, self.columns] for at in rows]).sub_(self.mean)

    @made_once
    def predictions(self) -> torch.Tensor:
        """(n_eval, n)."""
        return self.basis.eval_projection.to(self.coordinates.dtype) @ self.coordinates

    @made_once
    def nuisance_predictions(self) -> torch.Tensor:
        """(n_eval, n)."""
        return _nuisance(self.basis.split, self.basis.lost.to(self.coordinates.dtype) @ self.coordinates)

    @made_once
    def gains(self) -> torch.Tensor:
        """(n_eval, n)."""
        own = self.predictions * (2 * self.responses - self.predictions)
        return (own + 2 * self.nuisance_predictions * self.responses).double()


@dataclass(frozen=True)
class Fitted:
    """Models of one outer fold, of the targets of a block that chose the same band weights.

    Predictions are `basis.eval_projection` (n_eval, r) times `coordinates`: linear in the response, for tests that
    refit.

    Parameters
    ----------
    fold : place of the outer fold among all, from 0.
    unions : number of each union that chose these band weights → (n_chose,) positions, among the n targets here, of
        those for which it did.
    targets : (n,) their columns in the design's Y.
    places : (n,) their places among the batch's targets, as `Observer.begin` was given them.
    alpha : (n,) penalties.
    alpha_index : (n,) places of the penalties in the grid.
    at_edge : (n,) bool, whether the penalty might have been another one in a wider grid.
    inner_rsquared : (n,) R² by which they were chosen, over the inner folds.
    basis : eigenbasis of the training samples under these band weights.
    coordinates : (r, n) λ / (λ + alpha) times V'y, λ the eigenvalues.
    held_out : responses and predictions of the held-out samples, the same for all questions about the models.
    own_bands : a band's number among the columns → that in the question whose observer meets the models; those not
        named have the same.
    """

    fold: int
    unions: Mapping[int, Array]
    targets: Array
    places: Array
    alpha: torch.Tensor
    alpha_index: Array
    at_edge: Array
    inner_rsquared: Array
    basis: Basis
    coordinates: torch.Tensor
    held_out: HeldOut
    own_bands: Mapping[int, int] = field(default_factory=dict)

    @property
    def split(self) -> Split:
        """The rows to fit on and to evaluate on (`train`, `evaluate`)."""
        return self.basis.split

    @property
    def weights(self) -> dict[int, float]:
        """The candidate's band weights."""
        return {self._own(band): g for band, g in self.basis.weights.items()}

    def _own(self, band: int) -> int:
        return self.own_bands.get(band, band)

    @property
    def Y(self) -> torch.Tensor:  # noqa: N802 - as in the equations
        """(n_times, n) responses of all samples, less a constant of each target."""
        return self.held_out.moments.Y[:, self.held_out.columns]

    @property
    def mean(self) -> torch.Tensor:
        """(n,) training means of Y."""
        return self.held_out.mean

    @property
    def responses(self) -> torch.Tensor:
        """(n_eval, n) held-out responses less the training mean."""
        return self.held_out.responses

    @property
    def predictions(self) -> torch.Tensor:
        """(n_eval, n) of `responses`."""
        return self.held_out.predictions

    @property
    def nuisance_predictions(self) -> torch.Tensor:
        """(n_eval, n) what the predictions had besides, were they of columns as before they lost nuisance: orthogonal
        to a run's responses, but not to those of a part of it."""
        return self.held_out.nuisance_predictions

    @property
    def gains(self) -> torch.Tensor:
        """(n_eval, n) whose sums over runs are those of (y − ȳ)² − (y − ŷ)² = ŷ (2(y − ȳ) − ŷ), and equal to it where
        columns lost no nuisance; float64."""
        return self.held_out.gains

    def band_gains(self, positions: Array) -> Iterator[tuple[int, torch.Tensor]]:
        """The product measure's share of every sample's gain, ŷ_b (2(y − ȳ) − ŷ) (Pratt 1987).

        Over bands it sums to `gains`.

        Parameters
        ----------
        positions : (n,) of some of the targets.

        Yields
        ------
        Each band and (n_eval, n) float64.
        """
        # the same factors for every band, as their predictions ŷ_b sum to ŷ
        twice_y, predicted = 2 * self.responses[:, positions].double(), self.predictions[:, positions].double()
        parts = self.band_parts(positions)
        for band in self.basis.weights:
            gain = parts.predicted(band) * (twice_y - predicted)
            if len(self.split.columns.lost):
                gain += _nuisance(self.split, parts.lost(band)) * twice_y
            yield self._own(band), gain

    def band_predictions(self, positions: Array) -> Iterator[tuple[int, torch.Tensor]]:
        """Each band's part of the predictions, which sum to them.

        Parameters
        ----------
        positions : (n,) of some of the targets.

        Yields
        ------
        Each band and (n_eval, n).
        """
        parts = self.band_parts(positions)
        for band in self.basis.weights:
            yield self._own(band), parts.predicted(band)

    def band_weights(self, positions: Array | slice = slice(None)) -> dict[int, torch.Tensor]:
        """{band: (n_columns_b, n)} on the bands' own columns, of some of the targets (positions; all if not
        given)."""
        parts = self.band_parts(positions)
        return {self._own(band): parts.weights(band) for band in self.basis.weights}

    def band_parts(self, positions: Array | slice = slice(None)) -> BandParts:
        """The models of some of the targets (positions; all if not given), band by band."""
        return self.basis.band_parts(self.coordinates[:, positions])


def _nuisance(split: Split, amounts: torch.Tensor) -> torch.Tensor:
    """Amounts (q, n) of what the columns lost → (n_eval, n) of it."""
    rows, of_their_runs = (each.to(amounts.dtype) for each in split.eval_nuisance)
    return rows @ (of_their_runs @ amounts)


@dataclass(frozen=True)
class Residuals:
    """What some models leave of held-out samples.

    Parameters
    ----------
    unions : number of each union that chose them → (n_chose,) positions among the n targets here.
    places : (n,) of the targets in the batch.
    left : (n_eval, n) responses less predictions.
    """

    unions: Mapping[int, Array]
    places: Array
    left: torch.Tensor


class Observer:
    """Meets every fitted model, so that predictions need not be held for all targets.

    The engine calls, for every batch of targets: `begin`; where some unions are foreseen, `foresee` for all of their
    models in all outer folds; then for every outer fold `begin_fold`, `fitted` for each candidate chosen and block of
    targets, `end_fold`; then `end`. In a fold each union meets each target once. `foresee` and `fitted` are called by
    several threads, of different candidates: what one changes is of its own unions and targets alone.

    Attributes
    ----------
    foreseen : numbers of the unions whose held-out residuals of all folds are wanted before the first model is met.
    target_bytes : what it holds for every target of a batch.
    cell_bytes : what it holds for every sample of every column.
    """

    foreseen: frozenset[int] = frozenset()
    target_bytes = 0
    cell_bytes = 0

    def foresee(self, split: Split, residuals: Residuals) -> None:
        """What a few models will leave of the held-out samples of an outer fold.

        Parameters
        ----------
        split : its rows.
        residuals : of models of one candidate; of unions that other observers asked for too.
        """

    def begin(self, targets: Array, responses: Sequence[torch.Tensor]) -> None:
        """Before a batch.

        Parameters
        ----------
        targets : (n_batch,) columns in the design's Y, ascending.
        responses : of the same, block by block (n_times, n), less a constant of each target.
        """

    def begin_fold(self, fold: int, split: Split) -> None:
        """Before an outer fold.

        Parameters
        ----------
        fold : place of the outer fold among all, from 0.
        split : its rows.
        """

    def fitted(self, models: Fitted) -> None:
        """For every candidate chosen and block of targets."""

    def end_fold(self) -> None:
        """When all unions of the fold have been fitted."""

    def end(self) -> None:
        """When the batch is complete."""

    def kept(self, targets: Array) -> dict[str, Array]:
        """What it keeps of the targets that it has met so far, for another observer of the same fit to `take`.

        Parameters
        ----------
        targets : (n,) their columns in the design's Y, ascending.

        Raises
        ------
        NotImplementedError
            It cannot give anything on, so that no share of its fit can be fitted elsewhere.
        """
        raise NotImplementedError(type(self).__name__)

    def take(self, targets: Array, kept: Mapping[str, Array]) -> None:
        """As if it had met these targets itself, in whatever order all of them come.

        Parameters
        ----------
        targets : (n,) their columns in the design's Y, none of which it has met.
        kept : what another observer of the same fit kept of them.
        """
        raise NotImplementedError(type(self).__name__)


class Under(Mapping[str, Array]):
    """Those arrays whose names begin alike, by the rest of their names; each is read when it is asked for.

    Parameters
    ----------
    arrays : all of them.
    begin : of their names.
    """

    def __init__(self, arrays: Mapping[str, Array], begin: str) -> None:
        self._arrays, self._begin = arrays, begin

    def __getitem__(self, name: str) -> Array:
        return self._arrays[f"{self._begin}{name}"]

    def __iter__(self) -> Iterator[str]:
        return (name.removeprefix(self._begin) for name in self._arrays if name.startswith(self._begin))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class ObserverGroup(Observer):
    """Several observers of one fit, called in their order."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)
        self.foreseen = frozenset().union(*(each.foreseen for each in observers))
        self.target_bytes = sum(each.target_bytes for each in observers)
        self.cell_bytes = sum(each.cell_bytes for each in observers)

    def begin(self, targets: Array, responses: Sequence[torch.Tensor]) -> None:
        """See Observer.

        Parameters
        ----------
        targets : of the batch.
        responses : of its blocks.
        """
        for observer in self._observers:
            observer.begin(targets, responses)

    def foresee(self, split: Split, residuals: Residuals) -> None:
        """See Observer.

        Parameters
        ----------
        split : rows of the outer fold.
        residuals : of some models.
        """
        for observer in self._observers:
            observer.foresee(split, residuals)

    def begin_fold(self, fold: int, split: Split) -> None:
        """See Observer.

        Parameters
        ----------
        fold : place of the outer fold among all, from 0.
        split : its rows.
        """
        for observer in self._observers:
            observer.begin_fold(fold, split)

    def fitted(self, models: Fitted) -> None:
        """See Observer."""
        for observer in self._observers:
            observer.fitted(models)

    def end_fold(self) -> None:
        """See Observer."""
        for observer in self._observers:
            observer.end_fold()

    def end(self) -> None:
        """See Observer."""
        for observer in self._observers:
            observer.end()

    def kept(self, targets: Array) -> dict[str, Array]:
        """See Observer; names begin with each one's place."""
        return {
            f"{place}.{name}": values
            for place, observer in enumerate(self._observers)
            for name, values in observer.kept(targets).items()
        }

    def take(self, targets: Array, kept: Mapping[str, Array]) -> None:
        """See Observer."""
        for place, observer in enumerate(self._observers):
            observer.take(targets, Under(kept, f"{place}."))
