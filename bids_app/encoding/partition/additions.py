"""What one model says of the response beyond a smaller one: partial correlations, in the stream of a fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from bids_app.encoding.ridge.batches import pieces
from bids_app.encoding.ridge.fitted import Fitted, Observer
from bids_app.encoding.ridge.scores import partial_correlation
from bids_app.encoding.ridge.splits import Split
from bids_app.records import Array, Component, Design, Union

AT_ONCE = 1024  # targets whose correlations are made together: a constant, so that results repeat


class Additions(Observer):
    """The correlation, within each outer fold, of the response with what a larger model's further groups predict.

    Given are the smaller model's prediction, and what the larger one makes of the smaller one's groups: as the two
    choose their penalties apart, the larger may predict better from the same groups, and a group that says nothing
    would seem to add something. The further groups' own part is independent of the response where they say nothing
    of it, so that its correlation is as often above zero as below (docs/inference.md).

    Holds a fold's predictions for a batch of targets, in float32.

    Parameters
    ----------
    unions : of the fit.
    components : those that are differences of two of the unions have a correlation; others none.
    groups : feature group → its bands, all of the fit in their order.
    design : that is fitted.
    """

    def __init__(
        self,
        unions: Sequence[Union],
        components: Sequence[Component],
        groups: Mapping[str, Sequence[str]],
        design: Design,
    ) -> None:
        number = {frozenset(union): place for place, union in enumerate(unions)}
        order = [band for bands in groups.values() for band in bands]
        self._pairs: dict[str, tuple[int, int]] = {}
        self._added: dict[str, frozenset[int]] = {}
        for component in components:
            if component.difference:
                larger, smaller = map(frozenset, component.difference)
                self._pairs[component.label] = number[larger], number[smaller]
                bands = [band for group in larger - smaller for band in groups[group]]
                self._added[component.label] = frozenset(map(order.index, bands))
        self._n_test = np.unique(design.folds, return_counts=True)[1].tolist()
        self._z = {label: np.full(len(design.usable), np.nan) for label in self._pairs}
        n_held = 1 + len(self._smaller) + 2 * len(self._pairs)
        self.target_bytes = 4 * max(self._n_test) * n_held if self._pairs else 0

    @property
    def _smaller(self) -> list[int]:
        """Numbers of the smaller models."""
        return sorted({smaller for _, smaller in self._pairs.values()})

    def begin(self, targets: Array, responses: Sequence[torch.Tensor]) -> None:
        """See Observer.

        Parameters
        ----------
        targets : of the batch.
        responses : of its blocks.
        """
        self._targets, self._pieces = targets, pieces(responses, AT_ONCE)
        for z in self._z.values():
            z[targets] = 0.0

    def begin_fold(self, fold: int, split: Split) -> None:
        """See Observer.

        Parameters
        ----------
        fold : place of the outer fold among all, from 0.
        split : its rows.
        """
        if not self._pairs:
            return
        zeros = torch.zeros((len(split.evaluate), len(self._targets)), device=split.mean.device)
        self._weight = self._n_test[fold] / sum(self._n_test)
        self._responses = zeros
        self._predictions = {union: zeros.clone() for union in self._smaller}
        self._parts = {label: (zeros.clone(), zeros.clone()) for label in self._pairs}

    def fitted(self, models: Fitted) -> None:
        """Keep the smaller models' predictions, and both parts of the larger ones'."""
        for union, positions in models.unions.items():
            at = torch.as_tensor(models.places[positions], device=models.predictions.device)
            if union in self._smaller:
                self._predictions[union].index_copy_(1, at, models.predictions[:, positions].float())
            labels = [label for label, (larger, _) in self._pairs.items() if larger == union]
            if labels:
                self._responses.index_copy_(1, at, models.responses[:, positions].float())
                self._keep_parts(models, positions, at, labels)

    def _keep_parts(self, models: Fitted, positions: Array, at: torch.Tensor, labels: Sequence[str]) -> None:
        """What the further groups predict, and what the others do, of some targets."""
        of_bands = [(band, predicted.float()) for band, predicted in models.band_predictions(positions)]
        for label in labels:
            for part, further in zip(self._parts[label], (True, False), strict=True):
                own = [predicted for band, predicted in of_bands if (band in self._added[label]) == further]
                if own:
                    part.index_copy_(1, at, torch.stack(own).sum(dim=0) if len(own) > 1 else own[0])

    def end_fold(self) -> None:
        """Correlations of the fold, weighted by its samples; its predictions are then dropped."""
        for label, (_, smaller) in self._pairs.items():
            added, others = self._parts[label]
            for some in self._pieces:
                # in memory of their own: last bits of sums down one column hang on whether others lie beside it
                of_some = (self._responses, added, self._predictions[smaller], others)
                first, second, *given = (values[:, some].contiguous() for values in of_some)
                r = partial_correlation(first, second, given).double().cpu().numpy()
                self._z[label][self._targets[some]] += self._weight * np.arctanh(r)
        self._parts = {}

    def kept(self, targets: Array) -> dict[str, Array]:
        """See Observer."""
        return {label: z[targets] for label, z in self._z.items()}

    def take(self, targets: Array, kept: Mapping[str, Array]) -> None:
        """See Observer."""
        for label, z in self._z.items():
            z[targets] = kept[label]

    def partial_r(self) -> dict[str, Array]:
        """Component's label → (n_targets,), averaged over folds through Fisher's z; NaN for targets not met."""
        return {label: np.tanh(z) for label, z in self._z.items()}
