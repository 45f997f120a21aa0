"""Does a model predict at all? Sign flips of whole parts of the response, refitted, as quadratic forms in the signs.

A response is a sum of flip units: blocks of time, or groups of frequencies (`flip_units`). Where it is noise,
independent between units and as often up as down, any unit may change its sign. All else is done again: centring by
the training mean, ridge at the chosen hyper-parameters, predictions, scores. Fixed predictions against flipped
responses would be liberal, as the folds' scores share training data. With the hyper-parameters given, held-out
residuals are linear in the response, so for signs s

    rsquared(s) = s'E s / s'T s,    E = Σ_folds (2B − F)'F,    T = Σ_folds B'B

where column b of B (n_eval, n_flip_units) is the held-out response, less the training mean, that unit b contributes,
and column b of F the prediction learned from it. E and T are made once a target; then any number of sign vectors is
cheap. Everything is exact, but for the arithmetic of the working type.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from bids_app.encoding.inference.flip_units import FlipUnits, sums
from bids_app.encoding.ridge.basis import influential_directions
from bids_app.encoding.ridge.fitted import Fitted
from bids_app.encoding.ridge.rounding import rounding_of
from bids_app.encoding.ridge.search import by_columns
from bids_app.encoding.ridge.splits import Split, Weights
from bids_app.records import Array

ELEMENTS_AT_ONCE = 2**22  # of F; bounds memory and keeps it near the cache; a constant, so that results repeat


@dataclass(frozen=True)
class Directions:
    """The directions of some models that matter, in coefficients of one outer fold.

    Parameters
    ----------
    V, H : (n_train, r) and (n_eval, r), so that predictions are H (φ ∘ V'y).
    shrinkage : φ (n, r) of the models' alphas.
    V_met, H_met : of the columns before they lost nuisance (`columns_met`), by which responses are met; V and H
        themselves where they lost none.
    """

    V: torch.Tensor
    H: torch.Tensor
    shrinkage: torch.Tensor
    V_met: torch.Tensor
    H_met: torch.Tensor


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
        self._flip_units = flip_units
        zeros = torch.zeros((n_folds, flip_units.count, n_targets), dtype=dtype, device=flip_units.labels.device)
        self._held_out, self._means, self._squares = zeros, zeros.clone(), zeros[:, 0].clone()
        self._n_test = [0] * n_folds

    def add(self, fold: int, targets: torch.Tensor, Y: torch.Tensor, columns: FlipUnitColumns, n_train: int) -> None:
        """Once a fold and target.

        Parameters
        ----------
        fold : place of the outer fold among all.
        targets : (n,) places among the batch's.
        Y : (n_times, n) whole responses, by `FlipUnits.coefficients`.
        columns : of the fold.
        n_train : training samples of the fold.
        """
        labels, count = self._flip_units.labels, self._flip_units.count
        self._squares[fold, targets] = Y[columns.test].square().sum(dim=0)
        self._held_out[fold][:, targets] = sums(Y * columns.tested, labels, count)
        self._means[fold][:, targets] = sums(Y * columns.trained, labels, count) / n_train
        self._n_test[fold] = len(columns.test)

    def at(self, signs: torch.Tensor) -> torch.Tensor:
        """signs (n_signs, n_flip_units) → (n_signs, n_targets)."""
        total = torch.zeros((), dtype=signs.dtype, device=signs.device)
        for squares, held_out, means, n_test in zip(
            self._squares, self._held_out, self._means, self._n_test, strict=True
        ):
            # Σ (y − m)² = Σ y² − 2 m Σ y + n m² with m and Σ y linear in the signs; Σ y² has none
            mean = signs @ means
            total = total + squares - 2 * mean * (signs @ held_out) + n_test * mean**2
        return total


class FlipGains:
    """Σ(y − ȳ_train)² − Σ(y − ŷ)² of one union under any signs, for a batch of targets: s'E s.

    As signs square to one, it is E's trace and, for each pair of flip units, one number: `pairs` (n_targets, n · (n −
    1) / 2) for n units, the memory it takes. Targets whose predictions are all zero have exactly zero gain.

    Parameters
    ----------
    n_flip_units, n_targets : of the batch.
    dtype, device : of the working numbers.
    """

    def __init__(self, n_flip_units: int, n_targets: int, dtype: torch.dtype, device: torch.device) -> None:
        self._above = torch.triu_indices(n_flip_units, n_flip_units, offset=1, device=device)
        self.trace = torch.zeros(n_targets, dtype=dtype, device=device)
        self.pairs = self.trace.new_zeros((n_targets, self._above.shape[1]))

    def add(self, targets: torch.Tensor, explained: torch.Tensor) -> None:
        """Once a fold and target.

        Parameters
        ----------
        targets : (n,) places among the batch's.
        explained : (n, n_flip_units, n_flip_units), one fold's part of E, symmetric or not.
        """
        i, j = self._above
        # s'E s = Σ_b E_bb + Σ_{i<j} s_i s_j (E_ij + E_ji), as s_b² = 1
        self.trace[targets] += explained.diagonal(dim1=1, dim2=2).sum(dim=1)
        self.pairs[targets] += explained[:, i, j] + explained[:, j, i]

    def at(self, signs: torch.Tensor) -> torch.Tensor:
        """signs (n_signs, n_flip_units) of ±1 → (n_signs, n_targets)."""
        i, j = self._above
        return torch.addmm(self.trace, signs[:, i] * signs[:, j], self.pairs.T)


class FlipUnitColumns:
    """One outer fold's samples and columns as coefficients.

    order (n_train,): coefficients that are not the test samples', sorted by flip unit; sizes: how many each unit has
    of them; test (n_eval,): those of the test samples; trained, tested (n_times, 1): of a one at these samples;
    n_train: training samples.

    Parameters
    ----------
    split : rows of the outer fold.
    flip_units : what changes its sign.
    dtype : of `trained` and `tested`.
    """

    def __init__(self, split: Split, flip_units: FlipUnits, dtype: torch.dtype) -> None:
        self._split, self._flip_units, self._dtype = split, flip_units, dtype
        self.test = flip_units.rows(split.evaluate)
        # all but the test samples' coefficients; purged samples among them meet zeros in V
        apart = torch.ones(len(flip_units.labels), dtype=torch.bool, device=self.test.device)
        apart[self.test] = False
        # test samples are given the highest label, sorted last and cut off
        self.order = torch.argsort(torch.where(apart, flip_units.labels, flip_units.count), stable=True)[
            : int(apart.sum())
        ]
        self.sizes = torch.bincount(flip_units.labels[self.order], minlength=flip_units.count).tolist()
        self.trained, self.tested = (flip_units.indicator(rows, dtype) for rows in (split.train, split.evaluate))
        self.n_train = len(split.train)

    def centred(self, Y: torch.Tensor) -> torch.Tensor:
        """Test samples less the training mean.

        Parameters
        ----------
        Y : (n_times, n) samples.

        Returns
        -------
        (n_eval, n).
        """
        return Y[self.test] - (self.trained.T @ Y) / self.n_train

    def directions(self, models: Fitted) -> Directions:
        """The directions of the models that matter at some alpha.

        As coefficients are linear in the samples, so are a candidate's directions in the columns, made once a fold.
        """
        basis, least_alpha = models.basis, float(models.alpha.min())
        kept = influential_directions(basis, least_alpha)
        shrinkage = basis.shrinkage(models.alpha)[:, kept].to(self._dtype)
        if by_columns(basis, least_alpha, rounding_of(self._dtype)):
            basis_map = basis.basis_map[:, kept].to(self._dtype)
            V, H = self._projected(self._columns, basis.weights, basis_map)
            if self._split.met is None:
                return Directions(V, H, shrinkage, V, H)
            V_met, H_met = self._projected(self._met_columns, basis.weights, basis_map)
            return Directions(V, H, shrinkage, V_met, H_met)
        # not exact enough by columns: the directions themselves are transformed
        V, H = self._coefficients(basis.samples[:, kept], basis.eval_projection[:, kept])
        if self._split.met is None:
            return Directions(V, H, shrinkage, V, H)
        V_met, H_met = self._coefficients(basis.met_samples[:, kept], basis.met_projection[:, kept])
        return Directions(V, H, shrinkage, V_met, H_met)

    def _projected(
        self, columns: tuple[torch.Tensor, torch.Tensor], weights: Weights, basis_map: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        train, test = (self._split.side_by_side(rows.T, weights).T @ basis_map for rows in columns)
        return train, test

    @cached_property
    def _columns(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self._all_bands(self._split)

    @cached_property
    def _met_columns(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self._columns if self._split.met is None else self._all_bands(self._split.met)

    def _all_bands(self, split: Split) -> tuple[torch.Tensor, torch.Tensor]:
        """(n_train, n_columns) and (n_eval, n_columns)."""
        everything = dict.fromkeys(range(len(split.columns.at)), 1.0)
        return self._coefficients(split.rows(everything, evaluate=False), split.rows(everything, evaluate=True))

    def _coefficients(self, train: torch.Tensor, test: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Of values of the training and of the test samples."""
        return (
            self._flip_units.coefficients(train.to(self._dtype), self._split.train)[self.order],
            self._flip_units.coefficients(test.to(self._dtype), self._split.evaluate)[self.test],
        )


def explained(
    alpha_index: Array, Y: torch.Tensor, flip_units: FlipUnits, columns: FlipUnitColumns, directions: Directions
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """One outer fold's part of E, a few targets at a time.

    Parameters
    ----------
    alpha_index : (n,) places of the models' alphas in the grid.
    Y : (n_times, n) the models' whole responses, by `FlipUnits.coefficients`, in the working type.
    flip_units : what changes its sign.
    columns : of the fold, for these units.
    directions : of the models in these columns.

    Yields
    ------
    Positions (n_few,) among the models' targets, and (n_few, n_flip_units, n_flip_units).
    """
    for few, twice_b, F, F_met in flip_unit_parts(alpha_index, Y, flip_units, columns, directions):
        yield few, explained_by(twice_b, F, F_met)


def explained_by(twice_b: torch.Tensor, F: torch.Tensor, F_met: torch.Tensor) -> torch.Tensor:
    """(2B)'F − F'F, the first F of columns before they lost nuisance.

    Parameters
    ----------
    twice_b, F, F_met : (n_few, n_flip_units, n_eval), of `flip_unit_parts`.

    Returns
    -------
    (n_few, n_flip_units, n_flip_units).
    """
    if F_met is F:
        return (twice_b - F) @ F.mT
    return torch.baddbmm(twice_b @ F_met.mT, F, F.mT, alpha=-1)


def flip_unit_parts(
    alpha_index: Array, Y: torch.Tensor, flip_units: FlipUnits, columns: FlipUnitColumns, directions: Directions
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]]:
    """2B, F, and F of columns before they lost nuisance, of one outer fold, a few targets at a time.

    Parameters
    ----------
    alpha_index, Y, flip_units, columns, directions : as of `explained`.

    Yields
    ------
    Positions (n_few,) among the models' targets, and three times (n_few, n_flip_units, n_eval), the last two one and
    the same where columns lost none.
    """
    labels, test = flip_units.labels, columns.test
    # what a unit adds to the training mean; `trained` is one, transformed as Y is
    means = sums(Y * columns.trained, labels, flip_units.count) / columns.n_train
    samples = torch.arange(len(test), device=Y.device)
    predictions = flip_unit_predictions(alpha_index, Y, flip_units, columns, directions)
    if directions.H_met is directions.H:
        both = ((few, F, F) for few, F in predictions)
    else:
        met = replace(directions, H=directions.H_met)
        others = flip_unit_predictions(alpha_index, Y, flip_units, columns, met)
        both = ((few, F, F_met) for (few, F), (_, F_met) in zip(predictions, others, strict=True))
    # B is the unit's own response less what it adds to the mean
    for few, F, F_met in both:
        twice_b = -2 * means[:, few].T[:, :, None] * columns.tested[test, 0]
        # B has one entry a sample beside the means: that of the unit to which the sample belongs
        twice_b[:, labels[test], samples] += 2 * Y[test][:, few].T
        yield few, twice_b, F, F_met


def flip_unit_predictions(
    alpha_index: Array, Y: torch.Tensor, flip_units: FlipUnits, columns: FlipUnitColumns, directions: Directions
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """What each flip unit of the responses contributes to the predictions, a few targets at a time.

    A unit's coefficients meet nothing but their own, so the hat matrix of an alpha, once made, costs one product a
    target, against n_flip_units products with the predictor in coordinates: alpha by alpha, the cheaper is taken.

    Parameters
    ----------
    alpha_index, Y, flip_units, columns, directions : as of `explained`.

    Yields
    ------
    Positions (n_few,) among the models' targets, and (n_few, n_flip_units, n_eval), in coefficients of the test
    samples.
    """
    V, H, shrinkage = directions.V_met, directions.H, directions.shrinkage
    (n_train, rank), n_eval, own = V.shape, len(H), by_flip_unit(Y[columns.order], columns.sizes)
    at_once = max(1, ELEMENTS_AT_ONCE // (flip_units.count * n_eval))
    rest = [torch.arange(0, device=Y.device)]
    for each in np.unique(alpha_index):
        alike = torch.as_tensor(np.flatnonzero(alpha_index == each), device=Y.device)
        through_hat = n_eval * n_train * (rank + len(alike))
        if through_hat > len(alike) * rank * (n_train + n_eval * flip_units.count):
            rest.append(alike)
            continue
        hat = by_flip_unit((V * shrinkage[alike[0]]) @ H.T, columns.sizes)
        for few in torch.split(alike, at_once):
            yield few, (own[..., few].mT @ hat).transpose(0, 1)
    # targets of an alpha that few share: through coordinates V'y of each unit
    solved = by_flip_unit(V, columns.sizes)
    for few in torch.split(torch.cat(rest), at_once):
        yield few, ((own[..., few].mT @ solved).transpose(0, 1) * shrinkage[few, None]) @ H.T


def by_flip_unit(values: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
    """values (n, m), unit after unit → (n_flip_units, n_longest, m), shorter units filled up with zeros.

    Parameters
    ----------
    values : (n, m), sorted by unit.
    sizes : (n_flip_units,) rows of each unit; they add up to n.
    """
    return pad_sequence(list(torch.split(values, list(sizes))), batch_first=True)
