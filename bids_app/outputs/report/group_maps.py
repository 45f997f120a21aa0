"""Figures of a group's maps and tables, read back from out_dir."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.outputs.figures import charts, maps
from bids_app.outputs.files import images, names
from bids_app.outputs.files.files import numbers, read_tsv
from bids_app.outputs.report.unit_section import MAPPED_SHARED, ROWS, reading, save
from bids_app.outputs.wording.definitions import parts_of
from bids_app.records import Array, Targets, camel, component_of

Figure = Mapping[str, str]


def group_maps(out_dir: Path, group: Mapping[str, Any], means: Mapping[str, float]) -> list[Figure]:
    """The full model's map, and the unique parts with the largest shared ones by `means` over people; of parcels
    a heat map. Nothing where there is no brain to draw on."""
    units = group["units"]
    kept = _kept(parts_of(units), means) if len(units) > 1 else []
    if group["kind"] == "parcels":
        return [_heat_map(out_dir, group, ["full", *kept], "Table")]
    figures = _brains(out_dir, group, ["full"], "FullMap")
    return figures + (_brains(out_dir, group, kept, "PartsMap") if kept else [])


def further_maps(out_dir: Path, group: Mapping[str, Any], name: str, means: Mapping[str, float]) -> list[Figure]:
    """The same of a further partition's parts."""
    parts = {component_of(name, part): chosen for part, chosen in parts_of(group["further"][name]).items()}
    kept = _kept(parts, means)
    if group["kind"] == "parcels":
        return [_heat_map(out_dir, group, ["full", *kept], f"{camel(name)}Table")]
    return _brains(out_dir, group, kept, f"{camel(name)}PartsMap")


def _kept(parts: Mapping[str, Sequence[str]], means: Mapping[str, float]) -> list[str]:
    """Unique parts, and the shared ones with the highest mean."""
    shared = sorted((name for name in parts if len(parts[name]) > 1), key=lambda name: -means[name])[:MAPPED_SHARED]
    return [name for name in parts if len(parts[name]) == 1 or name in shared]


def _how(group: Mapping[str, Any]) -> str:
    everyones = group["kind"] == "electrodes"
    return "Everyone's electrodes." if everyones else "Mean over the people who have a value there."


def _heat_map(out_dir: Path, group: Mapping[str, Any], components: Sequence[str], label: str) -> Figure:
    targets, values = _read(out_dir, group, components)
    rows = np.sort(np.argsort(-np.nan_to_num(values["full"], nan=-np.inf), kind="stable")[:ROWS])
    content = charts.table_chart(
        [targets.names[row] for row in rows], {name: one[rows] for name, one in values.items()}, "R²"
    )
    return save(out_dir, group["stem"], f"group{label}", content, "Mean R² by parcel", _how(group))


def _brains(out_dir: Path, group: Mapping[str, Any], components: Sequence[str], label: str) -> list[Figure]:
    targets, values = _read(out_dir, group, components)
    if not maps.can_draw(targets):
        return []
    content = maps.brain_maps(targets, values, "R²")
    alt = f"Maps of {', '.join(components)}"
    words = f"{_how(group)} {reading(targets)}"
    return [save(out_dir, group["stem"], f"group{label}", content, alt, words)]


def _read(out_dir: Path, group: Mapping[str, Any], components: Sequence[str]) -> tuple[Targets, dict[str, Array]]:
    """The group's targets and each component's value (mean over people, or the electrode's own)."""
    if group["kind"] in names.EXTENSION:
        return _read_maps(out_dir, group, components)
    columns = read_tsv(out_dir / names.group_table_file(group["stem"], group["kind"]))
    electrodes = group["kind"] == "electrodes"
    xyz_mm = np.column_stack([numbers(columns[axis]) for axis in "xyz"]) if electrodes else None
    targets = Targets(group["kind"], group["space"], tuple(columns["name"]), xyz_mm=xyz_mm)
    suffix = "_rsquared" if electrodes else "_rsquared_mean"
    return targets, {name: numbers(columns[f"{name}{suffix}"]) for name in components}


def _read_maps(
    out_dir: Path, group: Mapping[str, Any], components: Sequence[str]
) -> tuple[Targets, dict[str, Array]]:
    kind, space = group["kind"], group["space"]

    def read(component: str, hemi: str = "") -> Array:
        path = out_dir / names.group_map_file(group["stem"], kind, space, component, "rsquared", hemi)
        return images.read_surface(path) if hemi else images.read_volume(path)

    sides = names.HEMISPHERES if kind == "surface" else ("",)
    grids = {name: [read(name, hemi) for hemi in sides] for name in components}
    there = [np.isfinite(grid) for grid in grids[components[0]]]
    values = {
        name: np.concatenate([grid[mask] for grid, mask in zip(found, there, strict=True)])
        for name, found in grids.items()
    }
    if kind == "surface":
        return images.surface_targets(space, there), values
    return images.volume_targets(space, np.array(group["affine"]), there[0]), values
