"""All that is fitted of one unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bids_app import encoding
from bids_app.encoding import Averaged
from bids_app.pipeline.unit.solvers import FittedPartition
from bids_app.records import (
    ControlResults,
    Design,
    ExtraPartition,
    LayerScores,
    Partition,
    SavedFit,
    SharedSubspace,
    partition_components,
)


@dataclass(frozen=True)
class FittedUnit:
    """Fits of one unit.

    Parameters
    ----------
    design : what was fitted, with the layers chosen and the bands projected in folds.
    main : the analysis's own partition.
    extra : name → fit of a partition of the shared subspace.
    controls : what is fitted beside them.
    control_models : averages of the compared models and what their agreement is compared with, each alone.
    layers : feature space → scores of its layers.
    subspace : the shared subspace, fold by fold.
    saved : what is kept of the partition's models.
    """

    design: Design
    main: FittedPartition
    extra: Mapping[str, FittedPartition]
    controls: ControlResults
    control_models: Averaged | None
    layers: Mapping[str, LayerScores]
    subspace: SharedSubspace | None
    saved: SavedFit | None = None

    @property
    def partitions(self) -> tuple[FittedPartition, ...]:
        """All of them, the analysis's own first."""
        return self.main, *self.extra.values()

    def partition(self, groups: Mapping[str, tuple[str, ...]], extra: tuple[ExtraPartition, ...]) -> Partition:
        """Components of all partitions, those of the extra ones under labels of their own, and the controls.

        Parameters
        ----------
        groups : feature group → its bands, of the analysis's own partition.
        extra : partitions of the shared subspace.
        """
        values = {**encoding.partition(self.main.fit, self.main.tests, groups, self.main.partial_r).values}
        for one in extra:
            fitted = self.extra[one.name]
            own = encoding.partition(fitted.fit, fitted.tests, one.groups, fitted.partial_r)
            for component in partition_components(own.groups, one.name):
                values[component.label] = own.values[replace(component, partition="").label]
        return Partition(tuple(groups), {**values, **self.controls.values}, extra, self.controls.components)
