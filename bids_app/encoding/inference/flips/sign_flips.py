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

from dataclasses import dataclass

import numpy as np
import torch

from bids_app.encoding.inference.flips.flip_units import FlipUnits
from bids_app.encoding.inference.flips.fold_columns import FlipUnitColumns
from bids_app.encoding.onednn import product
from bids_app.encoding.side_by_side import made_once
from bids_app.records import Array


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
        n = explained.shape[1]
        # s'E s = Σ_b E_bb + Σ_{i<j} s_i s_j (E_ij + E_ji), as s_b² = 1
        trace, flat = explained.diagonal(dim1=1, dim2=2).sum(dim=1), explained.flatten(1)
        pairs = flat.index_select(1, i * n + j).add_(flat.index_select(1, j * n + i))
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
        gains: torch.Tensor = product(signs.pairs, pairs.T)
        return gains.add_(trace)
