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

import numpy as np
import torch

from bids_app.encoding.inference.explained import Whole, explained
from bids_app.encoding.inference.flip_units import FlipUnits
from bids_app.encoding.inference.sign_flips import Directions, FlipGains, FlipUnitColumns, Signs
from bids_app.encoding.ridge.fitted import Fitted, Residuals
from bids_app.encoding.ridge.splits import Split


class ResidualFlips:
    """Gains of larger unions over smaller ones under flips of what the smaller ones leave, for a batch of targets.

    Memory: n_times numbers (in pieces) a target and smaller union, and (n_blocks + 1)² / 2 for each of these and each
    pair, of the working type.

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
        self._blocks, self._dtype, self._n_targets = blocks, dtype, n_targets
        labels, pieces = blocks.labels, blocks.pieces
        size = n_targets, len(pieces.units) * pieces.length
        # in pieces, as `FlipUnits.responses`
        self._residuals = {small: torch.zeros(size, dtype=dtype, device=labels.device) for small in additions}
        # each smaller union's residuals through its own models and through those of the larger unions, pair by pair
        through = [(small, union) for small, larger in additions.items() for union in (small, *larger)]
        self._rows = {pair: slice(k * n_targets, (k + 1) * n_targets) for k, pair in enumerate(through)}
        self._gains = FlipGains(blocks.count + 1, len(through) * n_targets, dtype, labels.device)

    def foresee(self, split: Split, residuals: Residuals) -> None:
        """What smaller unions leave, each sample by the model of the fold that tests it; before any model is added.

        Parameters
        ----------
        split : rows of the outer fold.
        residuals : of some models.
        """
        test = self._blocks.pieces.place[torch.as_tensor(split.evaluate, device=self._blocks.labels.device)]
        for union, at in residuals.unions.items():
            if union in self._residuals:
                targets = torch.as_tensor(residuals.places[at], device=test.device)
                self._residuals[union][targets[:, None], test] = residuals.left[:, at].T.to(self._dtype)

    def add(self, models: Fitted, Y: torch.Tensor, columns: FlipUnitColumns, directions: Directions) -> None:
        """Once a fold, candidate and block of targets.

        Parameters
        ----------
        models : of the fold.
        Y : (n, …) their responses, by `FlipUnits.responses`.
        columns : of the fold, for the blocks.
        directions : of the models in these columns.
        """
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
        places, rows = (
            torch.as_tensor(each, device=device) for each in (models.places, first_rows + models.places[positions])
        )
        residuals = torch.cat([self._residuals[small][places[at]] for small, _, at in through])
        whole = Whole(Y, torch.as_tensor(positions, device=device))
        alphas = models.alpha_index[positions]
        for few, part in explained(alphas, residuals, columns, directions, whole):
            self._gains.add(rows[few], part)

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
        rows = range(self._n_targets)[targets]
        larger, smaller = (
            slice(self._rows[each].start + rows.start, self._rows[each].start + rows.stop)
            for each in (pair, (pair[0], pair[0]))
        )
        return self._gains.at(signs, larger, less=smaller)
