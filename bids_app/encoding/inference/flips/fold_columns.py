"""One outer fold in coefficients of flip units: its samples and columns, and the directions of its candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np
import torch

from bids_app.encoding.inference.flips.flip_units import FlipUnits
from bids_app.encoding.ridge.basis import Basis, influential_directions, shrinkage_of
from bids_app.encoding.ridge.moments import rounding_of
from bids_app.encoding.ridge.search import by_columns
from bids_app.encoding.ridge.splits import Split
from bids_app.encoding.side_by_side import Kept, made_once
from bids_app.records import Array

MOST_KEPT = 2**21  # numbers of the predictors that a candidate keeps; others are made anew for each block of targets


@dataclass(frozen=True)
class Influential:
    """The directions of a candidate that matter at some alphas, in coefficients of one outer fold.

    Parameters
    ----------
    V, H : (n_train, r) and (n_eval, r), so that predictions are H (φ ∘ V'y).
    V_met, H_met : the same of the columns before they lost nuisance, by which responses are met.
    learned : (m + k, r) from coordinates φ ∘ V'y to the numbers of `Directions`.
    shrinkage : φ (n, r) of some models' alphas.
    """

    V: torch.Tensor
    H: torch.Tensor
    V_met: torch.Tensor
    H_met: torch.Tensor
    learned: torch.Tensor
    shrinkage: torch.Tensor


class Directions:
    """The directions of a candidate in coefficients of one outer fold, and what its models make of coefficients.

    What a model learned is m + k numbers g: its held-out predictions are Q g_m with Q orthonormal, m the smaller of
    held-out samples and directions; as responses meet them, they are `held_out` g, of which k are what columns lost.

    Parameters
    ----------
    basis : of the candidate; it is not held, so that it and all of this are let go together.
    V, H : (n_train, r) and (n_eval, r), so that predictions are H (φ ∘ V'y).
    V_met : (n_train, r) of the columns before they lost nuisance, by which responses are met.
    nuisance, lost : (n_eval, k) and (k, r), what H lost besides; k is 0 where columns lost nothing.
    """

    def __init__(
        self,
        basis: Basis,
        V: torch.Tensor,
        H: torch.Tensor,
        V_met: torch.Tensor,
        nuisance: torch.Tensor,
        lost: torch.Tensor,
    ) -> None:
        self._eigenvalues, self._reach = basis.eigenvalues, basis.reach
        self.V, self._H, self._V_met, self._H_met = V, H, V_met, H + nuisance @ lost
        # H = Q R; where directions are no fewer than samples, the samples themselves
        few = H.shape[1] < len(H)
        Q, R = torch.linalg.qr(H) if few else (torch.eye(len(H), dtype=H.dtype, device=H.device), H)
        self.held_out, self.n_own = torch.cat([Q, nuisance], dim=1), len(R)
        self._learned = torch.cat([R, lost])
        self._predictors: dict[float, torch.Tensor] = {}
        self._kept: dict[float, tuple[torch.Tensor, Influential]] = {}

    def influential(self, alphas: Array) -> Influential:
        """Without directions that matter at none of the alphas (n,)."""
        eigenvalues, directions = self._without(float(alphas.min()))
        used, which = np.unique(alphas, return_inverse=True)
        of_used = shrinkage_of(eigenvalues, eigenvalues.new_tensor(used)).to(self.V.dtype)
        return replace(directions, shrinkage=of_used[torch.as_tensor(which, device=of_used.device)])

    def _without(self, least_alpha: float) -> tuple[torch.Tensor, Influential]:
        """Directions that matter from an alpha on, with their eigenvalues; kept until another alpha is asked for."""
        if least_alpha not in self._kept:
            kept = influential_directions(self._eigenvalues, self._reach, least_alpha)
            V_met, lost_nothing = self._V_met, self._V_met is self.V
            given = self.V, self._H, V_met, self._H_met, self._learned
            if not kept.all():
                V_met = V_met[:, kept]
                V = V_met if lost_nothing else self.V[:, kept]
                given = V, self._H[:, kept], V_met, self._H_met[:, kept], self._learned[:, kept]
            self._kept = {least_alpha: (self._eigenvalues[kept], Influential(*given, shrinkage=self.V[:0]))}
        return self._kept[least_alpha]

    def matters(self, alpha: float) -> bool:
        """Whether any direction does at this alpha."""
        return bool(influential_directions(self._eigenvalues, self._reach, alpha).any())

    def predictor(self, alpha: float) -> torch.Tensor:
        """(n_train, m + k) what a model of this alpha learns from coefficients, made once where there is room
        (`MOST_KEPT`)."""
        if alpha in self._predictors:
            return self._predictors[alpha]
        at = self.influential(np.array([alpha]))
        made = (at.V_met * at.shrinkage) @ at.learned.T
        if (len(self._predictors) + 1) * made.numel() <= MOST_KEPT:
            self._predictors[alpha] = made
        return made


class FlipUnitColumns:
    """One outer fold's samples and columns as coefficients.

    flip_units: what changes its sign; order (n_train,): coefficients that are not the test samples', sorted by flip
    unit; sizes: how many each unit has of them; test (n_eval,): those of the test samples; trained (n_train, 1), in
    that order, and tested (n_eval, 1): of a one at training and at test samples; n_train: training samples.

    Parameters
    ----------
    split : rows of the outer fold.
    flip_units : what changes its sign.
    dtype : of `trained` and `tested`.
    """

    def __init__(self, split: Split, flip_units: FlipUnits, dtype: torch.dtype) -> None:
        self._split, self.flip_units, self._dtype = split, flip_units, dtype
        self._columns = Kept[int, tuple[torch.Tensor, torch.Tensor]]()
        self.test = flip_units.rows(split.evaluate)
        # all but the test samples' coefficients; purged samples among them meet zeros in V
        apart = torch.ones(len(flip_units.labels), dtype=torch.bool, device=self.test.device)
        apart[self.test] = False
        # test samples are given the highest label, sorted last and cut off
        self.order = torch.argsort(torch.where(apart, flip_units.labels, flip_units.count), stable=True)[
            : int(apart.sum())
        ]
        self.sizes = torch.bincount(flip_units.labels[self.order], minlength=flip_units.count).tolist()
        self.n_train = len(split.train)
        self.trained = flip_units.indicator(split.train, dtype)[self.order]
        self.tested = flip_units.indicator(split.evaluate, dtype)[self.test]
        self._directions: WeakKeyDictionary[Basis, dict[bool, Directions]] = WeakKeyDictionary()
        self._lock = Lock()
        self._pieces = flip_units.pieces
        self._train_place, self._test_place = self._pieces.place[self.order], self._pieces.place[self.test]
        self._train_pieces, self._test_pieces = self._pieces.runs(self.order), self._pieces.runs(self.test)

    def held_out(self, Y: torch.Tensor) -> torch.Tensor:
        """Coefficients of the test samples.

        Parameters
        ----------
        Y : (n, …) responses, by `FlipUnits.responses`, as in all that follows.

        Returns
        -------
        (n, n_eval).
        """
        return Y.index_select(1, self._test_place)

    def not_held_out(self, Y: torch.Tensor) -> torch.Tensor:
        """All other coefficients, in `order`.

        Parameters
        ----------
        Y : as of `held_out`.

        Returns
        -------
        (n, n_train).
        """
        return Y.index_select(1, self._train_place)

    def unit_means(self, Y: torch.Tensor) -> torch.Tensor:
        """What each unit adds to the training mean.

        Parameters
        ----------
        Y : as of `held_out`.

        Returns
        -------
        (n_flip_units, n).
        """
        # `trained` is one, transformed as Y is
        return self.of_trained(Y, self.trained)[..., 0] / self.n_train

    def of_trained(self, Y: torch.Tensor, values: torch.Tensor, more: int = 0) -> torch.Tensor:
        """Products of each unit's coefficients with values, over those that are not the test samples'.

        Parameters
        ----------
        Y : as of `held_out`.
        values : (n_train, m), in `order`.
        more : units besides, of zeros.

        Returns
        -------
        (n_flip_units + more, n, m).
        """
        return self._products(Y, self._pieces.spread(values, self._train_place), self._train_pieces, more)

    def of_all_trained(self, Y: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """`of_trained` summed over the units: (n, m).

        Parameters
        ----------
        Y, values : as of `of_trained`.
        """
        return Y @ self._pieces.spread(values, self._train_place).flatten(0, 1)

    def of_held_out(self, Y: torch.Tensor, values: torch.Tensor, more: int = 0) -> torch.Tensor:
        """The same over the test samples' coefficients.

        Parameters
        ----------
        Y : as of `held_out`.
        values : (n_eval, m).
        more : as of `of_trained`.

        Returns
        -------
        (n_flip_units + more, n, m).
        """
        return self._products(Y, self._pieces.spread(values, self._test_place), self._test_pieces, more)

    def _products(self, Y: torch.Tensor, values: torch.Tensor, runs: Sequence[slice], more: int) -> torch.Tensor:
        own, units = Y.view(len(Y), *values.shape[:2]).transpose(0, 1), self._pieces.units
        whole = len(units) == self.flip_units.count
        products = Y.new_zeros((len(values) + whole * more, len(Y), values.shape[2]))
        for run in runs:  # pieces of zeros apart; a view
            torch.bmm(own[run], values[run], out=products[run])
        if whole:
            return products
        return products.new_zeros((self.flip_units.count + more, *products.shape[1:])).index_add_(0, units, products)

    def directions(self, basis: Basis, least_alpha: float) -> Directions:
        """A candidate's directions, made once for all blocks of targets and let go with its basis.

        As coefficients are linear in the samples, so are directions in the columns, whose coefficients are made once
        a fold. Where that is not exact enough, the directions themselves are transformed.

        Parameters
        ----------
        basis : of the candidate, in this fold.
        least_alpha : the smallest of some models, which decides how exact directions must be.
        """
        through_columns = by_columns(basis, least_alpha, rounding_of(self._dtype))
        with self._lock:
            made = self._directions.setdefault(basis, {})
        if through_columns not in made:  # each candidate is met by one thread
            made[through_columns] = self._made_directions(basis, through_columns)
        return made[through_columns]

    def _made_directions(self, basis: Basis, through_columns: bool) -> Directions:
        if through_columns:
            basis_map = basis.basis_map.to(self._dtype)
            of_bands = zip(*map(self._of_band, basis.weights), strict=True)
            V, H = (torch.cat(rows, dim=1) @ basis_map for rows in of_bands)
        else:
            V, H = self._coefficients(basis.samples, basis.eval_projection)
        (train_nuisance, eval_nuisance), lost = self._nuisance, basis.lost
        V_met = V if not len(lost) else torch.addmm(V, train_nuisance, lost.to(self._dtype))
        _, of_their_runs = self._split.eval_nuisance
        return Directions(basis, V, H, V_met, eval_nuisance, (of_their_runs @ lost).to(self._dtype))

    def _of_band(self, band: int) -> tuple[torch.Tensor, torch.Tensor]:
        """(n_train, n_columns_b) and (n_eval, n_columns_b) of a band, made once."""
        rows = self._split.rows
        return self._columns.get(
            band, lambda: self._coefficients(rows({band: 1.0}, evaluate=False), rows({band: 1.0}, evaluate=True))
        )

    @made_once
    def _nuisance(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(n_train, q) and (n_eval, k) of what the columns lost."""
        return self._coefficients(self._split.train_nuisance, self._split.eval_nuisance[0])

    def _coefficients(self, train: torch.Tensor, test: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Of values of the training and of the test samples."""
        return (
            self.flip_units.coefficients(train.to(self._dtype), self._split.train)[self.order],
            self.flip_units.coefficients(test.to(self._dtype), self._split.evaluate)[self.test],
        )
