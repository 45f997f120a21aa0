"""What the tests of components keep of a batch of targets while its folds, candidates and unions go by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from bids_app.encoding.inference.block_losses import BlockLosses
from bids_app.encoding.inference.flips.explained import Responses, explained
from bids_app.encoding.inference.flips.fold_columns import FlipUnitColumns
from bids_app.encoding.inference.flips.residual_flips import ResidualFlips
from bids_app.encoding.inference.flips.sign_flips import FlipGains, FlipTotals
from bids_app.encoding.inference.influence import Influences, influence
from bids_app.encoding.ridge.batches import pieces
from bids_app.encoding.ridge.fitted import Fitted
from bids_app.encoding.ridge.splits import Split

if TYPE_CHECKING:
    from bids_app.encoding.inference.component_tests import Inference


class TestedBatch:
    """One batch, for an `Inference`.

    Parameters
    ----------
    inference : what is tested, and how.
    responses : of the batch's blocks of targets.
    """

    __test__ = False  # for pytest: no test of its own

    def __init__(self, inference: Inference, responses: Sequence[torch.Tensor]) -> None:
        self.blocks, self._kinds, self._dtype = responses, inference.flip_units, inference.dtype
        self._responses = [
            torch.cat([kind.responses(block.to(self._dtype)) for block in responses]) for kind in self._kinds
        ]
        self.n_targets = n_targets = len(self._responses[0])
        self._refitted, self._bands = inference.refitted, inference.bands
        n_unions = len(inference.unions)
        self._last = n_unions - 1
        self.totals = [FlipTotals(kind, inference.n_folds, n_targets, self._dtype) for kind in self._kinds]
        # of all unions in question, one after another
        n_models = len(self._refitted) * n_targets
        self.gains = [FlipGains(signs, n_models) for signs in inference.signs]
        self.losses = BlockLosses(self._kinds[0].labels, self._kinds[0].count, n_unions, n_targets)
        self.left = torch.zeros_like(self.losses.total)  # Σ(y − ŷ)² of the full model
        self.products = {group: torch.zeros_like(self.losses.total) for group in inference.shares}
        self.influences = Influences(
            len(self._refitted), self._kinds[0].labels, inference.folds, n_targets, self._dtype
        )
        self.added = ResidualFlips(inference.additions, self._kinds[0], inference.signs[0], n_targets)
        self._fold_columns: list[FlipUnitColumns] = []

    def begin_fold(self, fold: int, split: Split) -> None:
        """Columns of the fold in the coefficients of each kind of flip units.

        Parameters
        ----------
        fold : place of the outer fold among all, from 0.
        split : its rows.
        """
        self._fold_columns = [FlipUnitColumns(split, kind, self._dtype) for kind in self._kinds]
        self.influences.begin_fold(fold, self._fold_columns[0].test)

    def end_fold(self) -> None:
        """Sums of the fold that is complete."""
        self.influences.end_fold(pieces(self.blocks, self.n_targets))
        self._fold_columns = []

    def add(self, models: Fitted) -> None:
        """Every target is in one call a fold and union."""
        test = self._fold_columns[0].test
        targets = torch.as_tensor(models.places, device=test.device)
        positions = {union: torch.as_tensor(each, device=test.device) for union, each in models.unions.items()}
        self._add_losses(models, targets, test, positions)
        chose, alphas = self._chose(models), models.alpha.cpu().numpy()
        for number, (responses, fold_columns) in enumerate(zip(self._responses, self._fold_columns, strict=True)):
            if self._last in positions:
                full = targets[positions[self._last]]
                self.totals[number].add(models.fold, full, responses[full], fold_columns)
            if not chose.any():
                continue
            directions = fold_columns.directions(models.basis, float(alphas.min()))
            # of a few models in hand, each union that chose them
            for few, part in explained(alphas, Responses(responses, targets), fold_columns, directions):
                places, which = torch.nonzero(chose[:, few], as_tuple=True)
                self.gains[number].add(places * self.n_targets + targets[few[which]], part, which)
            if number == 0:  # blocks of time
                self.added.add(models, responses, fold_columns, directions)
                for few, e in influence(models, Responses(responses, targets), fold_columns, directions):
                    places, which = torch.nonzero(chose[:, few], as_tuple=True)
                    self.influences.add(places, targets[few[which]], e[which])

    def models_of(self, union: int, targets: slice) -> slice:
        """Of a union's models of some targets among those of `gains`."""
        first = self._refitted.index(union) * self.n_targets
        return slice(first + targets.start, first + targets.stop)

    def _chose(self, models: Fitted) -> torch.Tensor:
        """(n_refitted, n) bool: which of the unions in question chose which model."""
        chose = np.zeros((len(self._refitted), len(models.targets)), dtype=bool)
        for place, union in enumerate(self._refitted):
            chose[place, models.unions.get(union, [])] = True
        return torch.as_tensor(chose, device=self._kinds[0].labels.device)

    def _add_losses(
        self, models: Fitted, targets: torch.Tensor, test: torch.Tensor, positions: Mapping[int, torch.Tensor]
    ) -> None:
        """Sums by block of every union's gain, and of the full union's parts by feature group."""
        self.losses.add(positions, targets, test, models.gains)
        if self._last not in positions:
            return
        at = positions[self._last]
        self.losses.add_total(targets[at], test, models.responses[:, at])
        missed = models.responses[:, at] - models.predictions[:, at]
        self.losses.add_part(self.left, targets[at], test, missed.double().square())
        if self._bands:
            full = models.unions[self._last]
            for band, gain in models.band_gains(full):
                self.losses.add_part(self.products[self._bands[band]], targets[at], test, gain)
