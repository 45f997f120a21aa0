"""Units read back from OUT_DIR, for the group level and the reports."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from bids_app.errors import ReadWriteError
from bids_app.outputs.derivatives import tables
from bids_app.outputs.files import names
from bids_app.outputs.files.serialise import read_summary
from bids_app.outputs.files.written_maps import maps_of_unit
from bids_app.records import (
    Array,
    Partition,
    Targets,
    UnitSummary,
    WrittenUnit,
    best_layer_label,
    entities_of,
)

FULL = ("full", "rsquared")  # the number whose map says which targets there are


def read_unit(summary_path: Path) -> WrittenUnit:
    """A unit by its summary in OUT_DIR/logs. Raises ReadWriteError where a file of it is gone, broken or of another
    version of the program."""
    summary = read_summary(summary_path, UnitSummary)
    out_dir = summary_path.parents[1]
    if absent := [label for label in summary.by_label if label not in summary.components]:
        raise ReadWriteError(f"the summary lacks the component '{absent[0]}'", summary_path, "run with --force")
    if summary.layout == "table":
        path = out_dir / names.table_file(summary.stem, summary.targets.kind)
        columns, partition = tables.read_scores(path, summary)
        targets = tables.table_targets(columns, summary.targets, path)
        if summary.targets.cifti and "sub" in entities_of(summary.stem):
            targets = _with_axis(out_dir, summary, targets)
    else:
        targets, partition = _read_maps(out_dir, summary)
    return WrittenUnit(summary.stem, summary.participant, summary.modality, targets, partition, summary)


def _read_maps(out_dir: Path, summary: UnitSummary) -> tuple[Targets, Partition]:
    """Targets are where the full model's R² has a value."""
    maps, stats = (
        maps_of_unit(out_dir, summary),
        {label: summary.components[label].stats for label in summary.by_label},
    )
    targets = maps.targets(FULL)
    read = maps.values(targets, [(label, stat) for label in stats for stat in stats[label]])
    values = {label: {stat: read[label, stat] for stat in stats[label]} for label in stats}
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
