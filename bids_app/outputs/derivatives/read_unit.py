"""Units read back from OUT_DIR, for the group level and the reports."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bids_app.errors import ReadWriteError
from bids_app.outputs.derivatives import tables
from bids_app.outputs.files import names
from bids_app.outputs.files.serialise import read_summary
from bids_app.outputs.files.written_maps import maps_of_unit
from bids_app.records import (
    Array,
    Modality,
    Partition,
    TargetKind,
    Targets,
    UnitSummary,
    WrittenUnit,
    best_layer_label,
    entities_of,
)

FULL = ("full", "rsquared")  # the number whose map says which targets there are


@dataclass(frozen=True)
class OpenedUnit:
    """A unit whose numbers are read when they are asked for (`UnitReader`).

    Parameters
    ----------
    out_dir : where results lie.
    summary : of the unit.
    """

    out_dir: Path
    summary: UnitSummary

    @property
    def stem(self) -> str:
        """Of its files."""
        return self.summary.stem

    @property
    def participant(self) -> str:
        """Whose it is."""
        return self.summary.participant

    @property
    def modality(self) -> Modality:
        """Of its responses."""
        return self.summary.modality

    @property
    def kind(self) -> TargetKind:
        """Of its targets."""
        return self.summary.targets.kind

    def read_targets(self) -> Targets:
        """Its targets. Raises ReadWriteError."""
        if self.summary.layout == "table":
            return self.read().targets
        return maps_of_unit(self.out_dir, self.summary).targets(FULL)

    def read(self, stats: Collection[str] | None = None) -> WrittenUnit:
        """The unit with these stats of its components (None: all; of a table always). Raises ReadWriteError where a
        file of it is gone or broken."""
        return _read(self.out_dir, self.summary, stats)


def open_unit(summary_path: Path) -> OpenedUnit:
    """A unit by its summary in OUT_DIR/logs; nothing else is read. Raises ReadWriteError where that is gone, broken
    or of another version of the program."""
    return OpenedUnit(summary_path.parents[1], read_summary(summary_path, UnitSummary))


def read_unit(summary_path: Path) -> WrittenUnit:
    """A unit by its summary in OUT_DIR/logs. Raises ReadWriteError where a file of it is gone, broken or of another
    version of the program."""
    return open_unit(summary_path).read()


def _read(out_dir: Path, summary: UnitSummary, stats: Collection[str] | None) -> WrittenUnit:
    if absent := [label for label in summary.by_label if label not in summary.components]:
        raise ReadWriteError(f"the summary lacks the component '{absent[0]}'", summary.stem, "run with --force")
    if summary.layout == "table":
        path = out_dir / names.table_file(summary.stem, summary.targets.kind)
        columns, partition = tables.read_scores(path, summary)
        targets = tables.table_targets(columns, summary.targets, path)
        if summary.targets.cifti and "sub" in entities_of(summary.stem):
            targets = _with_axis(out_dir, summary, targets)
    else:
        targets, partition = _read_maps(out_dir, summary, stats)
    return WrittenUnit(summary.stem, summary.participant, summary.modality, targets, partition, summary)


def _read_maps(out_dir: Path, summary: UnitSummary, stats: Collection[str] | None) -> tuple[Targets, Partition]:
    """Targets are where the full model's R² has a value."""
    maps = maps_of_unit(out_dir, summary)
    asked = {
        label: [stat for stat in summary.components[label].stats if stats is None or stat in stats]
        for label in summary.by_label
    }
    targets = maps.targets(FULL)
    read = maps.values(targets, [(label, stat) for label in asked for stat in asked[label]])
    values = {label: {stat: read[label, stat] for stat in asked[label]} for label in asked}
    return targets, Partition(summary.groups, values, summary.extra, summary.controls)


def _with_axis(out_dir: Path, summary: UnitSummary, targets: Targets) -> Targets:
    """Parcels of CIFTI with the axis that their maps hold."""
    one = maps_of_unit(out_dir, summary).one(FULL)
    return replace(targets, columns=np.arange(len(targets.names)), cifti=one.cifti)


def read_best(out_dir: Path, unit: WrittenUnit, space: str) -> tuple[Array, Array]:
    """The best layer of each target, and its held-out R²; targets as `unit` has them.

    Parameters
    ----------
    out_dir : where results lie.
    unit : as read back.
    space : a feature space with several layers.

    Returns
    -------
    (n_targets,) numbers of layers, and (n_targets,) R².

    Raises
    ------
    ReadWriteError : where a file is gone or broken.
    """
    component = best_layer_label(space)
    if unit.summary.layout == "table":
        path = out_dir / names.table_file(unit.stem, unit.targets.kind)
        columns = tables.read_columns(path)
        layer, rsquared = (tables.column_of(columns, f"{component}_{stat}", path) for stat in ("layer", "rsquared"))
        return layer, rsquared
    numbers = [(component, stat) for stat in ("layer", "rsquared")]
    layer, rsquared = maps_of_unit(out_dir, unit.summary).values(unit.targets, numbers).values()
    return layer, rsquared
