"""What does a feature group add? Flips of what the smaller of two nested models leaves, both models refitted.

Flips of the response itself would destroy what the smaller model predicts too, which is not the null hypothesis of an
addition. So the response is taken as the smaller model's held-out prediction m plus what that model leaves, block by
block, and only the latter changes its sign (Freedman & Lane 1983, J. Bus. Econ. Stat. 1:292; Winkler et al. 2014,
NeuroImage 92:381): y(s) = m + s ∘ (y − m). Both models are fitted and scored anew, with the hyper-parameters given,
in all outer folds, so the null holds what a larger model loses by being larger, and that folds teach one another.
As in `sign_flips`, the gain of one model over the other is a quadratic form in the signs: m is one more unit, whose
sign is always one.

Held-out predictions of all folds have to be known before the first is refitted: this observer meets the models a
second time (`Observer.again`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch

from bids_app.encoding.inference.flip_units import FlipUnits
from bids_app.encoding.inference.sign_flips import FlipGains, FlipUnitColumns, explained_by, flip_unit_parts
from bids_app.encoding.ridge.fitted import Fitted, Observer
from bids_app.encoding.ridge.splits import Split


class HeldOutResiduals:
    """What some unions leave of the responses, each sample by the model of the fold that tests it; for a batch.

    Memory: n_unions · n_times numbers a target, of the working type.

    Parameters
    ----------
    unions : their numbers.
    n_times, n_targets : of the batch.
    like : a tensor of the device and working type.
    """

    def __init__(self, unions: Sequence[int], n_times: int, n_targets: int, like: torch.Tensor) -> None:
        self.of = {union: like.new_zeros((n_times, n_targets)) for union in unions}

    def add(self, models: Fitted, targets: torch.Tensor, test: torch.Tensor) -> None:
        """Once a fold, candidate and block of targets.

        Parameters
        ----------
        models : of the fold.
        targets : (n,) places among the batch's.
        test : (n_eval,) the test samples.
        """
        for union in self.of.keys() & models.unions.keys():
            at = torch.as_tensor(models.unions[union], device=test.device)
            left = models.responses[:, at] - models.predictions[:, at]
            self.of[union][test[:, None], targets[at]] = left.to(self.of[union].dtype)


class ResidualFlips(Observer):
    """Gains of larger unions over smaller ones under flips of what the smaller ones leave, for a batch of targets.

    Memory: (n_blocks + 1)² / 2 numbers a target and pair of unions, of the working type.

    Parameters
    ----------
    additions : number of each smaller union → those of the larger ones that it lies within.
    residuals : of the smaller unions.
    blocks : of time, as flip units.
    """

    def __init__(
        self, additions: Mapping[int, Sequence[int]], residuals: HeldOutResiduals, blocks: FlipUnits
    ) -> None:
        self._additions, self._residuals, self._blocks = additions, residuals, blocks
        like = next(iter(residuals.of.values()))
        self._dtype = like.dtype
        self._gains = {
            (small, large): FlipGains(blocks.count + 1, like.shape[1], like.dtype, like.device)
            for small, larger in additions.items()
            for large in larger
        }

    def begin_fold(self, fold: int, split: Split) -> None:
        """See Observer.

        Parameters
        ----------
        fold : place of the outer fold among all, from 0.
        split : its rows.
        """
        self._columns = FlipUnitColumns(split, self._blocks, self._dtype)

    def fitted(self, models: Fitted) -> None:
        """See Observer."""
        # each smaller union's residuals through its own models and through those of the larger unions
        through = [
            (small, union, models.unions[union])
            for small, larger in self._additions.items()
            for union in (small, *larger)
            if union in models.unions
        ]
        if not through:
            return
        device = self._blocks.labels.device
        positions = np.concatenate([at for _, _, at in through])
        places = torch.as_tensor(models.places[positions], device=device)
        edges = np.cumsum([0, *(len(at) for _, _, at in through)]).tolist()
        spans = [slice(first, stop) for first, stop in pairwise(edges)]
        residuals = torch.cat(
            [self._residuals.of[small][:, places[span]] for (small, _, _), span in zip(through, spans, strict=True)],
            dim=1,
        )
        chosen = torch.as_tensor(positions, device=device)
        kept = models.Y[:, chosen].to(self._dtype) - residuals
        directions = self._columns.directions(models)
        directions = replace(directions, shrinkage=directions.shrinkage[chosen])
        coordinates = directions.shrinkage.T * (directions.V_met.T @ kept[self._columns.order])
        predicted, twice_kept = directions.H @ coordinates, 2 * self._columns.centred(kept)
        met = predicted if directions.H_met is directions.H else directions.H_met @ coordinates
        parts = flip_unit_parts(models.alpha_index[positions], residuals, self._blocks, self._columns, directions)
        for few, twice_b, F, F_met in parts:
            twice_b, one_F = _with_kept(twice_b, twice_kept, few), _with_kept(F, predicted, few)
            part = explained_by(twice_b, one_F, one_F if F_met is F else _with_kept(F_met, met, few))
            for (small, union, _), span in zip(through, spans, strict=True):
                mine = (few >= span.start) & (few < span.stop)
                self._add(small, union, places[few[mine]], part[mine])

    def _add(self, small: int, union: int, targets: torch.Tensor, part: torch.Tensor) -> None:
        if union != small:
            self._gains[small, union].add(targets, part)
            return
        for large in self._additions[small]:
            self._gains[small, large].add(targets, -part)

    def null(self, small: int, large: int, signs: torch.Tensor) -> torch.Tensor:
        """Σ gain of the larger union over the smaller.

        Parameters
        ----------
        small, large : their numbers.
        signs : (n_signs, n_blocks) of ±1.

        Returns
        -------
        (n_signs, n_targets).
        """
        return self._gains[small, large].at(torch.cat([signs, torch.ones_like(signs[:, :1])], dim=1))


def _with_kept(parts: torch.Tensor, kept: torch.Tensor, few: torch.Tensor) -> torch.Tensor:
    """(n_few, n_units, n_eval) and, as the last unit, whose sign is always one, that of `kept` (n_eval, n)."""
    return torch.cat([parts, kept[:, few].T[:, None]], dim=1)
