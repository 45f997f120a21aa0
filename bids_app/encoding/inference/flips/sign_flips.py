"""Does a model predict at all? Sign flips of whole parts of the response, refitted, as quadratic forms in the signs.

A response is a sum of flip units: blocks of time, or groups of frequencies (`flip_units`). Where it is noise,
independent between units and as often up as down, any unit may change its sign. All else is done again: centring by
the training mean, ridge at the chosen hyper-parameters, predictions, scores. Fixed predictions against flipped
responses would be liberal, as the folds' scores share training data. With the hyper-parameters given, held-out
residuals are linear in the response, so for signs s

    rsquared(s) = s'E s / s'T s,    E = Σ_folds (2B − F)'F,    T = Σ_folds B'B

where column b of B (n_eval, n_flip_units) is the held-out response, less the training mean, that unit b contributes,
and column b of F the prediction learned from it. E and T are made once a target; then any number of sign vectors is
cheap (`explained` makes E, `signs` the vectors). Everything is exact, but for the arithmetic of the working type.
"""

from __future__ import annotations

import numpy as np
import torch

from bids_app.encoding.inference.flips.flip_units import FlipUnits
from bids_app.encoding.inference.flips.fold_columns import FlipUnitColumns
from bids_app.encoding.inference.flips.signs import Signs
from bids_app.records import Array


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

    As signs square to one, it is E's trace and what pairs of flip units add; pairs of one code, which always have one
    sign, are summed. Memory: a number for each of these codes a model, at most one for each sign vector, however many
    units there are. Models whose predictions are all zero have exactly zero gain.

    Parameters
    ----------
    signs : of the flip units.
    n_models : such as a batch's targets, or several unions' one after another.
    """

    def __init__(self, signs: Signs, n_models: int) -> None:
        self._signs, codes = signs, signs.pair_codes.ravel()
        kept, place, count = np.unique(codes, return_inverse=True, return_counts=True)
        # codes of the most pairs first, so that those that have a further pair are a contiguous part of all
        ranked = np.argsort(-count[kept > 0], kind="stable")
        self._codes = _tensor(kept[kept > 0][ranked], signs)
        order = np.argsort(place, kind="stable")
        starts, counts = (np.cumsum(count) - count)[kept > 0][ranked], count[kept > 0][ranked]
        # of each of these codes its first pair, of those that have two the second, … as places in a flattened E
        further = range(int(counts.max(initial=0)))
        self._pairs = [_tensor(order[starts[counts > number] + number], signs) for number in further]
        self._of_no_sign = _tensor(np.flatnonzero(codes == 0), signs)  # the trace, and pairs of units of one code
        self.fixed = torch.zeros(n_models, dtype=signs.dtype, device=signs.device)
        self.of_codes = self.fixed.new_zeros((n_models, len(self._codes)))

    def add(self, models: torch.Tensor, explained: torch.Tensor, which: torch.Tensor | None = None) -> None:
        """Once a fold.

        Parameters
        ----------
        models : (n,) places of different models.
        explained : (n_few, n_flip_units, n_flip_units), one fold's part of each E, symmetric or not.
        which : (n,) the one of these that is each model's; None: theirs in order.
        """
        flat = explained.flatten(1)
        fixed = flat.index_select(1, self._of_no_sign).sum(dim=1)
        of_codes = flat.index_select(1, self._pairs[0]) if self._pairs else flat[:, :0]
        for pairs in self._pairs[1:]:
            of_codes[:, : len(pairs)].add_(flat.index_select(1, pairs))
        if which is not None:
            fixed, of_codes = fixed.index_select(0, which), of_codes.index_select(0, which)
        self.fixed.index_add_(0, models, fixed)
        self.of_codes.index_add_(0, models, of_codes)

    def at(self, models: slice = slice(None), less: slice | None = None) -> torch.Tensor:
        """Gains under the signs.

        Parameters
        ----------
        models : those asked for.
        less : as many others, whose gains are taken off.

        Returns
        -------
        (n_vectors, n).
        """
        fixed, of_codes = self.fixed[models], self.of_codes[models]
        if less is not None:
            fixed, of_codes = fixed - self.fixed[less], of_codes - self.of_codes[less]
        spread = of_codes.new_zeros((2**self._signs.n_bits, len(fixed))).index_copy_(0, self._codes, of_codes.T)
        spread[0] = fixed
        return self._signs.transform(spread)


def n_codes(signs: Signs) -> int:
    """How many numbers of a model `FlipGains` holds beside the one that has no sign."""
    return len(np.unique(signs.pair_codes)) - 1


def _tensor(places: Array, signs: Signs) -> torch.Tensor:
    return torch.as_tensor(places, device=signs.device)
