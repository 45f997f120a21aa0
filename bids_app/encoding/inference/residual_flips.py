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

import numpy as np
import torch

from bids_app.encoding.inference.explained import explained
from bids_app.encoding.inference.flip_units import FlipUnits
from bids_app.encoding.inference.sign_flips import FlipGains, FlipUnitColumns
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

    Memory: (n_blocks + 1)² / 2 numbers a target, for each smaller union and each pair, of the working type.

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
        through = [(small, union) for small, larger in additions.items() for union in (small, *larger)]
        # each smaller union's residuals through its own models and through those of the larger unions, pair by pair
        self._rows = {pair: slice(k * like.shape[1], (k + 1) * like.shape[1]) for k, pair in enumerate(through)}
        self._gains = FlipGains(blocks.count + 1, len(through) * like.shape[1], like.dtype, like.device)

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
        through = [
            (small, rows.start, models.unions[union])
            for (small, union), rows in self._rows.items()
            if union in models.unions
        ]
        if not through:
            return
        device = self._blocks.labels.device
        positions = np.concatenate([at for *_, at in through])
        first_rows = np.concatenate([np.full(len(at), first) for _, first, at in through])
        rows = torch.as_tensor(first_rows + models.places[positions], device=device)
        residuals = torch.cat([self._residuals.of[small][:, models.places[at]] for small, _, at in through], dim=1)
        chosen = torch.as_tensor(positions, device=device)
        kept = models.Y[:, chosen].to(self._dtype) - residuals
        directions = self._columns.directions(models)
        directions = replace(directions, shrinkage=directions.shrinkage[chosen])
        alphas = models.alpha_index[positions]
        for few, part in explained(alphas, residuals, self._blocks, self._columns, directions, kept):
            self._gains.add(rows[few], part)

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
        with_kept = torch.cat([signs, torch.ones_like(signs[:, :1])], dim=1)
        return self._gains.at(with_kept, self._rows[small, large], less=self._rows[small, small])
