"""Units read back from OUT_DIR, for the group level and the reports."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from bids_app.errors import ReadWriteError
from bids_app.outputs.derivatives import layers, tables
from bids_app.outputs.files import images, names
from bids_app.outputs.files.files import numbers, read_tsv
from bids_app.outputs.files.serialise import read_summary
from bids_app.records import Array, Partition, TargetKind, Targets, UnitSummary, WrittenUnit


def read_units(out_dir: Path, participants: Iterable[str]) -> tuple[WrittenUnit, ...]:
    """All units of these participants that are there, sorted by participant and stem. Raises ReadWriteError."""
    paths = [path for label in sorted(set(participants)) for path in names.summary_paths(out_dir, label)]
    return tuple(read_unit(path) for path in paths)


def read_unit(summary_path: Path) -> WrittenUnit:
    """A unit by its summary in OUT_DIR/logs. Raises ReadWriteError where a file of it is gone, broken or of another
    version of the program."""
    summary = read_summary(summary_path, UnitSummary)
    out_dir = summary_path.parents[1]
    try:
        if summary.layout == "table":
            path = out_dir / names.table_file(summary.stem, summary.targets.kind)
            columns, partition = tables.read_scores(path, summary)
            targets = tables.table_targets(columns, summary.targets)
        else:
            targets, partition = _read_maps(out_dir, summary)
    except (KeyError, IndexError) as error:
        raise ReadWriteError(
            "the summary and its files disagree", summary_path, f"{error}; run with --force"
        ) from None
    return WrittenUnit(summary.stem, summary.participant, summary.modality, targets, partition, summary)


def _read_maps(out_dir: Path, summary: UnitSummary) -> tuple[Targets, Partition]:
    """Targets are where the full model's R² has a value."""
    kind, space = summary.targets.kind, summary.targets.space
    grids = {
        label: {stat: _read_map(out_dir, summary.stem, kind, label, stat) for stat in summary.components[label].stats}
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
    kind, component = unit.targets.kind, layers.component_of_best(space)
    if unit.summary.layout == "table":
        columns = read_tsv(out_dir / names.table_file(unit.stem, kind))
        return numbers(columns[f"{component}_layer"]), numbers(columns[f"{component}_rsquared"])
    grids = [_read_map(out_dir, unit.stem, kind, component, stat) for stat in ("layer", "rsquared")]
    index = np.asarray(unit.targets.index)
    if kind == "volume":
        return grids[0][0][tuple(index.T)], grids[1][0][tuple(index.T)]
    sides = [np.concatenate([side[index[index[:, 0] == h, 1]] for h, side in enumerate(grid)]) for grid in grids]
    return sides[0], sides[1]


def _read_map(out_dir: Path, stem: str, kind: TargetKind, component: str, stat: str) -> list[Array]:
    """One volume, or both hemispheres."""
    if kind == "volume":
        return [images.read_volume(out_dir / names.map_file(stem, kind, component, stat))]
    files = [names.map_file(stem, kind, component, stat, hemi) for hemi in names.HEMISPHERES]
    return [images.read_surface(out_dir / file) for file in files]
