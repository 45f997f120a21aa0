"""What does a feature group add? Flips of what the smaller of two nested models leaves, both models refitted.

Flips of the response itself would destroy what the smaller model predicts too, which is not the null hypothesis of an
addition. So the response is taken as the smaller model's held-out prediction m plus what that model leaves, block by
block, and only the latter changes its sign (Freedman & Lane 1983, J. Bus. Econ. Stat. 1:292; Winkler et al. 2014,
NeuroImage 92:381): y(s) = m + s ∘ (y − m). Both models are fitted and scored anew, with the hyper-parameters given,
in all outer folds, so the null holds what a larger model loses by being larger, and that folds teach one another.
As in `sign_flips`, the gain of one model over the other is a quadratic form in the signs: m is one more unit, whose
sign is always one.

Held-out residuals of all folds have to be known before the first is refitted (`Observer.foresee`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from bids_app.encoding.inference.flips.explained import Responses, Whole, explained
from bids_app.encoding.inference.flips.flip_units import FlipUnits
from bids_app.encoding.inference.flips.fold_columns import Directions, FlipUnitColumns
from bids_app.encoding.inference.flips.sign_flips import FlipGains
from bids_app.encoding.inference.flips.signs import Signs
from bids_app.encoding.ridge.fitted import Fitted, Residuals
from bids_app.encoding.ridge.splits import Split
from bids_app.records import Array


class ResidualFlips:
    """Gains of larger unions over smaller ones under flips of what the smaller ones leave, for a batch of targets.

    Memory: n_times numbers (in pieces) a target and smaller union, and those of `FlipGains` for each of these and
    each pair, of the working type.

    Parameters
    ----------
    additions : number of each smaller union → those of the larger ones that it lies within.
    blocks : of time, as flip units.
    signs : of the blocks; their working type is that of all.
    n_targets : of the batch.
    """

    def __init__(
        self, additions: Mapping[int, Sequence[int]], blocks: FlipUnits, signs: Signs, n_targets: int
    ) -> None:
        self._blocks, self._additions, self._n_targets = blocks, additions, n_targets
        labels, pieces = blocks.labels, blocks.pieces
        self._number = {small: number for number, small in enumerate(additions)}
        # of all smaller unions, one after another; in pieces, as `FlipUnits.responses`
        size = len(additions) * n_targets, len(pieces.units) * pieces.length
        self._residuals = torch.zeros(size, dtype=signs.dtype, device=labels.device)
        # each smaller union's residuals through its own models and through those of the larger unions: what a union's
        # models make of them has a row of its own, as models of different candidates are met by different threads
        through = [(small, union) for small, larger in additions.items() for union in (small, *larger)]
        self._first_rows = {pair: number * n_targets for number, pair in enumerate(through)}
        self._gains = FlipGains(signs.with_kept, len(through) * n_targets)

    def foresee(self, split: Split, residuals: Residuals) -> None:
        """What smaller unions leave, each sample by the model of the fold that tests it; before any model is added.

        Parameters
        ----------
        split : rows of the outer fold.
        residuals : of some models.
        """
        test = self._blocks.pieces.place[torch.as_tensor(split.evaluate, device=self._blocks.labels.device)]
        for union, at in residuals.unions.items():
            if union in self._number:
                places = self._number[union] * self._n_targets + residuals.places[at]
                rows = torch.as_tensor(places, device=test.device)
                self._residuals[rows[:, None], test] = residuals.left[:, at].T.to(self._residuals.dtype)

    def add(self, models: Fitted, responses: torch.Tensor, columns: FlipUnitColumns, directions: Directions) -> None:
        """Once a fold, candidate and block of targets.

        Parameters
        ----------
        models : of the fold.
        responses : (n_batch, …) of the batch's targets, by `FlipUnits.responses`.
        columns : of the fold, for the blocks.
        directions : of the candidate in these columns.
        """
        if not self._additions:
            return
        met = self._met(models)
        device = self._blocks.labels.device
        positions, rows, chose, residuals = (torch.as_tensor(each, device=device) for each in met)
        own = Responses(responses, torch.as_tensor(models.places, device=device))
        alphas = models.alpha.cpu().numpy()[met.positions]
        parts = explained(alphas, Responses(self._residuals, residuals), columns, directions, Whole(own, positions))
        for few, part in parts:
            which, pair = torch.nonzero(chose[few], as_tuple=True)
            self._gains.add(rows[few[which], pair], part, which)

    def _met(self, models: Fitted) -> _Met:
        """What these models make of the residuals of smaller unions, once for all unions that chose them. Where all
        of a smaller union's pairs did, their gains are the same, and it is left out."""
        n, most = len(models.places), 1 + max(map(len, self._additions.values()))
        chose = {union: np.zeros(n, dtype=bool) for pair in self._first_rows for union in pair}
        for union, each in chose.items():
            each[models.unions.get(union, [])] = True
        found = []
        for small, larger in self._additions.items():
            through, rows = np.zeros((n, most), dtype=bool), np.zeros((n, most), dtype=np.int64)
            for place, union in enumerate((small, *larger)):
                through[:, place] = chose[union]
                rows[:, place] = self._first_rows[small, union] + models.places
            counts = through.sum(axis=1)
            there = np.flatnonzero((counts > 0) & (counts <= len(larger)))
            residuals = self._number[small] * self._n_targets + models.places[there]
            found.append(_Met(there, rows[there], through[there], residuals))
        return _Met(*map(np.concatenate, zip(*found, strict=True)))

    def null(self, pair: tuple[int, int], targets: slice = slice(None)) -> torch.Tensor:
        """Σ gain of the larger union over the smaller.

        Parameters
        ----------
        pair : numbers of the smaller and of the larger union.
        targets : those asked for, by their places.

        Returns
        -------
        (n_vectors, n).
        """
        chosen = range(self._n_targets)[targets]
        larger, smaller = (
            slice(self._first_rows[each] + chosen.start, self._first_rows[each] + chosen.stop)
            for each in (pair, (pair[0], pair[0]))
        )
        return self._gains.at(larger, less=smaller)


class _Met(NamedTuple):
    """Models that meet residuals, (n,) each: positions, among the models in hand; rows (n, n_unions) of the gains of
    each union that may have chosen them, and whether it did; residuals, their rows."""

    positions: Array
    rows: Array
    chose: Array
    residuals: Array
