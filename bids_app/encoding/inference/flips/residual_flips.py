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
from bids_app.encoding.inference.flips.sign_flips import FlipGains, Signs
from bids_app.encoding.ridge.fitted import Fitted, Residuals
from bids_app.encoding.ridge.splits import Split
from bids_app.records import Array


class ResidualFlips:
    """Gains of larger unions over smaller ones under flips of what the smaller ones leave, for a batch of targets.

    Memory: n_times numbers (in pieces) a target and smaller union, and (n_blocks + 1)² / 2 for each pair, of the
    working type.

    Parameters
    ----------
    additions : number of each smaller union → those of the larger ones that it lies within.
    blocks : of time, as flip units.
    n_targets : of the batch.
    dtype : the working type.
    """

    def __init__(
        self, additions: Mapping[int, Sequence[int]], blocks: FlipUnits, n_targets: int, dtype: torch.dtype
    ) -> None:
        self._blocks, self._additions, self._n_targets = blocks, additions, n_targets
        labels, pieces = blocks.labels, blocks.pieces
        self._number = {small: number for number, small in enumerate(additions)}
        # of all smaller unions, one after another; in pieces, as `FlipUnits.responses`
        size = len(additions) * n_targets, len(pieces.units) * pieces.length
        self._residuals = torch.zeros(size, dtype=dtype, device=labels.device)
        pairs = [(small, large) for small, larger in additions.items() for large in larger]
        self._first_rows = {pair: number * n_targets for number, pair in enumerate(pairs)}
        self._gains = FlipGains(blocks.count + 1, len(pairs) * n_targets, dtype, labels.device)

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
        positions, rows, times, residuals = (
            torch.as_tensor(each, device=device) for each in (met.positions, met.rows, met.times, met.residuals)
        )
        own = Responses(responses, torch.as_tensor(models.places, device=device))
        alphas = models.alpha.cpu().numpy()[met.positions]
        parts = explained(alphas, Responses(self._residuals, residuals), columns, directions, Whole(own, positions))
        for few, part in parts:
            which, pair = torch.nonzero(times[few], as_tuple=True)
            self._gains.add(rows[few[which], pair], part, which, times[few[which], pair].to(part.dtype))

    def _met(self, models: Fitted) -> _Met:
        """What these models make of the residuals of smaller unions, where it counts for some pair.

        A model that a smaller union and a larger one both chose makes the same of both, and is left out.
        """
        n, most = len(models.places), max(map(len, self._additions.values()))
        chose = {union: np.zeros(n, dtype=np.int8) for pair in self._first_rows for union in pair}
        for union, each in chose.items():
            each[models.unions.get(union, [])] = 1
        found = []
        for small, larger in self._additions.items():
            times, rows = np.zeros((n, most), dtype=np.int8), np.zeros((n, most), dtype=np.int64)
            for place, large in enumerate(larger):
                times[:, place] = chose[large] - chose[small]
                rows[:, place] = self._first_rows[small, large] + models.places
            there = np.flatnonzero(times.any(axis=1))
            residuals = self._number[small] * self._n_targets + models.places[there]
            found.append(_Met(there, residuals, rows[there], times[there]))
        return _Met(*map(np.concatenate, zip(*found, strict=True)))

    def null(self, pair: tuple[int, int], signs: Signs, targets: slice = slice(None)) -> torch.Tensor:
        """Σ gain of the larger union over the smaller.

        Parameters
        ----------
        pair : numbers of the smaller and of the larger union.
        signs : of the blocks, and of what is kept (`Signs.with_kept`).
        targets : those asked for, by their places.

        Returns
        -------
        (n_signs, n).
        """
        first, chosen = self._first_rows[pair], range(self._n_targets)[targets]
        return self._gains.at(signs, slice(first + chosen.start, first + chosen.stop))


class _Met(NamedTuple):
    """Models that meet residuals, (n,) each: positions, among the models in hand; residuals, their rows; rows and
    times (n, n_larger), which gains they count for, and how often: 1 as the larger union's, −1 as the smaller's."""

    positions: Array
    residuals: Array
    rows: Array
    times: Array
