"""Units read back from OUT_DIR, for the group level and the reports."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from bids_app.errors import ReadWriteError
from bids_app.outputs.derivatives import tables
from bids_app.outputs.files import images, names
from bids_app.outputs.files.files import read_tsv
from bids_app.outputs.files.serialise import read_summary
from bids_app.records import Array, Partition, Targets, TargetsSummary, UnitSummary, WrittenUnit, best_layer_label


def read_units(out_dir: Path, participants: Iterable[str]) -> tuple[WrittenUnit, ...]:
    """All units of some participants that are there.

    Parameters
    ----------
    out_dir : where results are.
    participants : their labels, without `sub-`.

    Returns
    -------
    The units, sorted by participant and stem.

    Raises
    ------
    ReadWriteError : where a unit's file is gone, broken or of another version of the program.
    """
    paths = [path for label in sorted(set(participants)) for path in names.summary_paths(out_dir, label)]
    return tuple(read_unit(path) for path in paths)


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
    else:
        targets, partition = _read_maps(out_dir, summary)
    return WrittenUnit(summary.stem, summary.participant, summary.modality, targets, partition, summary)


def _read_maps(out_dir: Path, summary: UnitSummary) -> tuple[Targets, Partition]:
    """Targets are where the full model's R² has a value."""
    kind, space = summary.targets.kind, summary.targets.space
    grids = {
        label: {
            stat: _read_map(out_dir, summary.stem, summary.targets, label, stat)
            for stat in summary.components[label].stats
        }
        for label in summary.by_label
    }
    there = [np.isfinite(grid) for grid in grids["full"]["rsquared"]]
    targets = (
        images.volume_targets(space, np.array(summary.targets.affine), there[0])
        if kind == "volume"
        else images.surface_targets(space, there)
    )
    values = {
        label: {
            stat: np.concatenate([grid[mask] for grid, mask in zip(sides, there, strict=True)])
            for stat, sides in stats.items()
        }
        for label, stats in grids.items()
    }
    return targets, Partition(summary.groups, values, summary.extra, summary.controls)


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
    kind, component = unit.targets.kind, best_layer_label(space)
    if unit.summary.layout == "table":
        path = out_dir / names.table_file(unit.stem, kind)
        columns = read_tsv(path)
        layer, rsquared = (tables.column_of(columns, f"{component}_{stat}", path) for stat in ("layer", "rsquared"))
        return layer, rsquared
    grids = [_read_map(out_dir, unit.stem, unit.summary.targets, component, stat) for stat in ("layer", "rsquared")]
    index = np.asarray(unit.targets.index)
    if kind == "volume":
        return grids[0][0][tuple(index.T)], grids[1][0][tuple(index.T)]
    sides = [np.concatenate([side[index[index[:, 0] == h, 1]] for h, side in enumerate(grid)]) for grid in grids]
    return sides[0], sides[1]


def _read_map(out_dir: Path, stem: str, targets: TargetsSummary, component: str, stat: str) -> list[Array]:
    """One volume, or both hemispheres, of the targets' shape."""
    kind, shape = targets.kind, targets.shape
    if kind == "volume":
        path = out_dir / names.map_file(stem, kind, component, stat)
        return [_of_shape(images.read_volume(path), shape, path)]
    paths = [out_dir / names.map_file(stem, kind, component, stat, hemi) for hemi in names.HEMISPHERES]
    return [_of_shape(images.read_surface(path), (n,), path) for path, n in zip(paths, shape, strict=True)]


def _of_shape(grid: Array, shape: tuple[int, ...], path: Path) -> Array:
    if grid.shape != shape:
        raise ReadWriteError(f"the map has the shape {grid.shape}, its summary {shape}", path, "run with --force")
    return grid
