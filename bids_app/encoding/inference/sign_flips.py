"""Does a model predict at all? Sign flips of whole parts of the response, refitted, as quadratic forms in the signs.

A response is a sum of flip units: blocks of time, or groups of frequencies (`flip_units`). Where it is noise,
independent between units and as often up as down, any unit may change its sign. All else is done again: centring by
the training mean, ridge at the chosen hyper-parameters, predictions, scores. Fixed predictions against flipped
responses would be liberal, as the folds' scores share training data. With the hyper-parameters given, held-out
residuals are linear in the response, so for signs s

    rsquared(s) = s'E s / s'T s,    E = Σ_folds (2B − F)'F,    T = Σ_folds B'B

where column b of B (n_eval, n_flip_units) is the held-out response, less the training mean, that unit b contributes,
and column b of F the prediction learned from it. E and T are made once a target; then any number of sign vectors is
cheap (`explained` makes E). Everything is exact, but for the arithmetic of the working type.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bids_app.encoding.inference.flip_units import FlipUnits
from bids_app.encoding.ridge.basis import influential_directions
from bids_app.encoding.ridge.fitted import Fitted
from bids_app.encoding.ridge.moments import rounding_of
from bids_app.encoding.ridge.search import by_columns
from bids_app.encoding.ridge.splits import Split
from bids_app.encoding.side_by_side import made_once
from bids_app.records import Array


@dataclass(frozen=True)
class Directions:
    """The directions of some models that matter, in coefficients of one outer fold.

    Parameters
    ----------
    V, H : (n_train, r) and (n_eval, r), so that predictions are H (φ ∘ V'y).
    shrinkage : φ (n, r) of the models' alphas.
    V_met : (n_train, r) of the columns before they lost nuisance, by which responses are met.
    nuisance, lost : (n_eval, k) and (k, r), what H lost besides; k is 0 where columns lost nothing.
    """

    V: torch.Tensor
    H: torch.Tensor
    shrinkage: torch.Tensor
    V_met: torch.Tensor
    nuisance: torch.Tensor
    lost: torch.Tensor

    @property
    def met_projection(self) -> torch.Tensor:
        """H (n_eval, r) of the columns before they lost nuisance."""
        return self.H + self.nuisance @ self.lost


def draw_signs(n_flip_units: int, permutations: int, seed: int) -> Array:
    """Signs, drawn once for all batches, so that max-T is exact.

    Parameters
    ----------
    n_flip_units : how many signs a vector has.
    permutations : vectors to draw; where so many do not exist, all 2^n_flip_units are taken once each.
    seed : of the draws.

    Returns
    -------
    (1 + permutations, n_flip_units) of ±1, the first row all 1: the data as they are.
    """
    if 2**n_flip_units <= 1 + permutations:
        # bit b of the row's number is the sign of unit b
        return 1.0 - 2.0 * ((np.arange(2**n_flip_units)[:, None] >> np.arange(n_flip_units)) & 1)
    drawn = np.random.default_rng(seed).integers(0, 2, (permutations, n_flip_units))
    return np.concatenate([np.ones((1, n_flip_units)), 1.0 - 2.0 * drawn])


@dataclass(frozen=True)
class Signs:
    """Sign vectors, with the products of each pair of their signs, made once.

    Parameters
    ----------
    vectors : (n_signs, n_flip_units) of ±1, of `draw_signs`.
    """

    vectors: torch.Tensor

    @made_once
    def pairs(self) -> torch.Tensor:
        """(n_signs, n · (n − 1) / 2) for n units, pair by pair as in `FlipGains`."""
        i, j = _pairs(self.vectors.shape[1], self.vectors.device)
        return self.vectors[:, i] * self.vectors[:, j]

    @property
    def with_kept(self) -> Signs:
        """The same with one more unit, the last, whose sign is always one."""
        return Signs(torch.cat([self.vectors, torch.ones_like(self.vectors[:, :1])], dim=1))


def _pairs(n_flip_units: int, device: torch.device) -> torch.Tensor:
    """(2, n · (n − 1) / 2) numbers of the units of each pair."""
    return torch.triu_indices(n_flip_units, n_flip_units, offset=1, device=device)


class FlipTotals:
    """Σ(y − ȳ_train)² of all outer folds under any signs, for a batch of targets; the same for every union.

    Memory: 2 · n_folds · n_flip_units numbers a target, of the working type.

    Parameters
    ----------
    flip_units : what changes its sign.
    n_folds, n_targets : of the batch.
    dtype : the working type.
    """

    def __init__(self, flip_units: FlipUnits, n_folds: int, n_targets: int, dtype: torch.dtype) -> None:
        zeros = torch.zeros((n_folds, flip_units.count, n_targets), dtype=dtype, device=flip_units.labels.device)
        self._held_out, self._means, self._squares = zeros, zeros.clone(), zeros[:, 0].clone()
        self._n_test = [0] * n_folds

    def add(self, fold: int, targets: torch.Tensor, Y: torch.Tensor, columns: FlipUnitColumns) -> None:
        """Once a fold and target.

        Parameters
        ----------
        fold : place of the outer fold among all.
        targets : (n,) places among the batch's.
        Y : (n, …) whole responses, by `FlipUnits.responses`.
        columns : of the fold.
        """
        self._squares[fold, targets] = columns.held_out(Y).square().sum(dim=1)
        self._held_out[fold][:, targets] = columns.of_held_out(Y, columns.tested)[..., 0]
        self._means[fold][:, targets] = columns.unit_means(Y)
        self._n_test[fold] = len(columns.test)

    def at(self, signs: Signs, targets: slice = slice(None)) -> torch.Tensor:
        """Totals under signs.

        Parameters
        ----------
        signs : of the flip units.
        targets : those asked for, by their places.

        Returns
        -------
        (n_signs, n).
        """
        vectors = signs.vectors
        total = torch.zeros((), dtype=vectors.dtype, device=vectors.device)
        for squares, held_out, means, n_test in zip(
            self._squares, self._held_out, self._means, self._n_test, strict=True
        ):
            # Σ (y − m)² = Σ y² − 2 m Σ y + n m² with m and Σ y linear in the signs; Σ y² has none
            mean = vectors @ means[:, targets]
            total = total + squares[targets] - 2 * mean * (vectors @ held_out[:, targets]) + n_test * mean**2
        return total


class FlipGains:
    """Σ(y − ȳ_train)² − Σ(y − ŷ)² of some models under any signs: s'E s.

    As signs square to one, it is E's trace and, for each pair of flip units, one number: `pairs` (n_models, n · (n −
    1) / 2) for n units, the memory it takes. Models whose predictions are all zero have exactly zero gain.

    Parameters
    ----------
    n_flip_units, n_models : such as a batch's targets, or several unions' one after another.
    dtype, device : of the working numbers.
    """

    def __init__(self, n_flip_units: int, n_models: int, dtype: torch.dtype, device: torch.device) -> None:
        self._above = _pairs(n_flip_units, device)
        self.trace = torch.zeros(n_models, dtype=dtype, device=device)
        self.pairs = self.trace.new_zeros((n_models, self._above.shape[1]))

    def add(self, models: torch.Tensor, explained: torch.Tensor, which: torch.Tensor | None = None) -> None:
        """Once a fold.

        Parameters
        ----------
        models : (n,) places of different models.
        explained : (n_few, n_flip_units, n_flip_units), one fold's part of each E, symmetric or not.
        which : (n,) the one of these that is each model's; None: theirs in order.
        """
        i, j = self._above
        # s'E s = Σ_b E_bb + Σ_{i<j} s_i s_j (E_ij + E_ji), as s_b² = 1
        trace, above = explained.diagonal(dim1=1, dim2=2).sum(dim=1), i * explained.shape[1] + j
        pairs = (explained + explained.mT).flatten(1).gather(1, above.expand(len(explained), -1))
        if which is not None:
            trace, pairs = trace[which], pairs[which]
        self.trace.index_add_(0, models, trace)
        self.pairs.index_add_(0, models, pairs)

    def at(self, signs: Signs, models: slice = slice(None), less: slice | None = None) -> torch.Tensor:
        """Gains under signs.

        Parameters
        ----------
        signs : of the flip units.
        models : those asked for.
        less : as many others, whose gains are taken off.

        Returns
        -------
        (n_signs, n).
        """
        trace, pairs = self.trace[models], self.pairs[models]
        if less is not None:
            trace, pairs = trace - self.trace[less], pairs - self.pairs[less]
        return torch.addmm(trace, signs.pairs, pairs.T)


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
        self._pieces = flip_units.pieces
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
        return Y[:, self._pieces.place[self.test]]

    def centred(self, Y: torch.Tensor) -> torch.Tensor:
        """The same, less the training mean.

        Parameters
        ----------
        Y : as of `held_out`.

        Returns
        -------
        (n, n_eval).
        """
        return self.held_out(Y) - self.of_all_trained(Y, self.trained) / self.n_train * self.tested[:, 0]

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

    def of_trained(self, Y: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Products of each unit's coefficients with values, over those that are not the test samples'.

        Parameters
        ----------
        Y : as of `held_out`.
        values : (n_train, m), in `order`.

        Returns
        -------
        (n_flip_units, n, m).
        """
        return self._products(Y, self._pieces.spread(values, self.order), self._train_pieces)

    def of_all_trained(self, Y: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """`of_trained` summed over the units: (n, m).

        Parameters
        ----------
        Y, values : as of `of_trained`.
        """
        return Y @ self._pieces.spread(values, self.order).flatten(0, 1)

    def of_held_out(self, Y: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """The same over the test samples' coefficients.

        Parameters
        ----------
        Y : as of `held_out`.
        values : (n_eval, m).

        Returns
        -------
        (n_flip_units, n, m).
        """
        return self._products(Y, self._pieces.spread(values, self.test), self._test_pieces)

    def _products(self, Y: torch.Tensor, values: torch.Tensor, runs: Sequence[slice]) -> torch.Tensor:
        own = Y.view(len(Y), *values.shape[:2]).transpose(0, 1)
        products = Y.new_zeros((len(values), len(Y), values.shape[2]))
        for run in runs:  # pieces of zeros apart; a view
            torch.bmm(own[run], values[run], out=products[run])
        units = self._pieces.units
        if len(units) == self.flip_units.count:
            return products
        return products.new_zeros((self.flip_units.count, *products.shape[1:])).index_add_(0, units, products)

    def directions(self, models: Fitted) -> Directions:
        """The directions of the models that matter at some alpha.

        As coefficients are linear in the samples, so are a candidate's directions in the columns, made once a fold.
        """
        basis, least_alpha = models.basis, float(models.alpha.min())
        kept = influential_directions(basis, least_alpha)
        shrinkage = basis.shrinkage(models.alpha)[:, kept].to(self._dtype)
        if by_columns(basis, least_alpha, rounding_of(self._dtype)):
            basis_map = basis.basis_map[:, kept].to(self._dtype)
            V, H = (self._split.side_by_side(rows.T, basis.weights).T @ basis_map for rows in self._columns)
        else:  # not exact enough by columns: the directions themselves are transformed
            V, H = self._coefficients(basis.samples[:, kept], basis.eval_projection[:, kept])
        train_nuisance, eval_nuisance = self._nuisance
        lost, (_, of_their_runs) = basis.lost[:, kept], self._split.eval_nuisance
        V_met = V if not len(lost) else torch.addmm(V, train_nuisance, lost.to(self._dtype))
        return Directions(V, H, shrinkage, V_met, eval_nuisance, (of_their_runs @ lost).to(self._dtype))

    @made_once
    def _columns(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(n_train, n_columns) and (n_eval, n_columns) of all bands."""
        everything = dict.fromkeys(range(len(self._split.columns.at)), 1.0)
        return self._coefficients(
            self._split.rows(everything, evaluate=False), self._split.rows(everything, evaluate=True)
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
