"""Figures of a group's maps and tables, read back from out_dir."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bids_app.outputs.figures import charts, maps
from bids_app.outputs.files import names
from bids_app.outputs.files.files import numbers, read_tsv
from bids_app.outputs.files.written_maps import maps_of_group
from bids_app.outputs.report.brain import save_brain
from bids_app.outputs.report.drawing import Drawing
from bids_app.outputs.report.group.electrodes import Electrodes, component_drawing, electrode_drawings
from bids_app.outputs.report.unit.figures import largest_parts, reading, strongest_rows
from bids_app.outputs.wording.phrases import count_targets
from bids_app.records import (
    TRAITS,
    Array,
    Component,
    ExtraPartition,
    GroupResultSummary,
    Targets,
    camel,
    full_of,
    partition_components,
)

MEAN = "Mean over the participants who have a value there."  # what a value in a map is


def group_maps(
    out_dir: Path, group: GroupResultSummary, means: Mapping[str, float], everyone: Electrodes | None
) -> list[Drawing]:
    """The full model's map, and unique parts with the largest shared ones; of parcels a heat map. Nothing where there
    is no brain to draw on.

    Parameters
    ----------
    out_dir, group : where its maps and tables lie.
    means : label → mean R² over participants.
    everyone : electrodes, where targets are.
    """
    if not group.has_values:
        return []
    full, parts = full_of(group.groups), _parts(group.groups, "", means) if len(group.groups) > 1 else ()
    if group.targets.kind == "array":
        return []
    if group.targets.kind == "parcels":
        return [_heat_map(out_dir, group, (full, *parts), "Table")]
    if everyone:
        return electrode_drawings(everyone, parts)
    drawings = _full_brain(out_dir, group)
    return drawings + (_brains(out_dir, group, parts, "PartsMap") if parts else [])


def group_brain(out_dir: Path, group: GroupResultSummary) -> str | None:
    """The page of an interactive brain; None where there is none.

    Parameters
    ----------
    out_dir, group : where its maps and tables lie.
    """
    if not group.has_values or group.targets.kind not in ("volume", "surface", "electrodes"):
        return None
    targets, values = _read(out_dir, group, [full_of(group.groups)])
    return save_brain(out_dir, group.stem, targets, values["full"], names.GROUP_REPORT)


def extra_maps(
    out_dir: Path,
    group: GroupResultSummary,
    extra: ExtraPartition,
    means: Mapping[str, float],
    everyone: Electrodes | None,
) -> list[Drawing]:
    """Maps of the parts of a partition beside the analysis's own; of parcels a heat map.

    Parameters
    ----------
    out_dir, group : where its maps and tables lie.
    extra : the partition.
    means : label → mean R² over participants.
    everyone : electrodes, where targets are.
    """
    if not group.has_values or group.targets.kind == "array":
        return []
    parts = _parts(tuple(extra.groups), extra.name, means)
    if group.targets.kind == "parcels":
        return [_heat_map(out_dir, group, (full_of(group.groups), *parts), f"{camel(extra.name)}Table")]
    if everyone:
        return component_drawing(everyone, [part.label for part in parts], f"{camel(extra.name)}Electrodes")
    return _brains(out_dir, group, parts, f"{camel(extra.name)}PartsMap")


def _parts(groups: tuple[str, ...], partition: str, means: Mapping[str, float]) -> tuple[Component, ...]:
    """Unique parts, and the shared ones with the highest mean."""
    return largest_parts(partition_components(groups, partition), lambda component: means[component.label])


def _heat_map(out_dir: Path, group: GroupResultSummary, components: Sequence[Component], label: str) -> Drawing:
    targets, values = _read(out_dir, group, components)
    rows = strongest_rows(values["full"])
    content = charts.table_chart(
        [targets.names[row] for row in rows], {name: column[rows] for name, column in values.items()}, "R²"
    )
    return Drawing(f"group{label}", content, "Mean R² by parcel", f"R² by parcel and component. {MEAN}")


def _full_brain(out_dir: Path, group: GroupResultSummary) -> list[Drawing]:
    """The full model, and below it the same where it is significant over participants."""
    counts = (group.significant or {}).get("full")
    if counts is None:
        return _brains(out_dir, group, (full_of(group.groups),), "FullMap")
    read, keys = maps_of_group(out_dir, group), [("full", "rsquared"), ("full", "pfwe")]
    keys += [("full", "pfweTfce")] if "full" in group.enhanced else []
    targets = read.targets(keys[0])
    if not maps.can_draw(targets):
        return []
    rsquared, *tests = read.values(targets, keys).values()
    titles = [f"full,\np ≤ {group.level:g}", "full,\nby TFCE"]
    shown = [np.nan_to_num(np.asarray(p, dtype=float), nan=1.0) <= group.level for p in tests]
    rows = {"full": rsquared}
    rows |= {title: np.where(some, rsquared, np.nan) for title, some in zip(titles, shown, strict=False)}
    where = count_targets(counts.pfwe, group.targets.kind)
    if len(tests) > 1:
        where += f"; the last row by TFCE: {count_targets(group.enhanced['full'], group.targets.kind)}"
    words = (
        f"R² of the full model. {MEAN} Below, the same where it is significant over participants "
        f"(family-wise p ≤ {group.level:g}): {where}. {reading(targets, False)}"
    )
    alt = f"Maps of the full model, and of it where p ≤ {group.level:g}"
    return [Drawing("groupFullMap", maps.brain_maps(targets, rows, "R²"), alt, words)]


def _brains(out_dir: Path, group: GroupResultSummary, components: Sequence[Component], label: str) -> list[Drawing]:
    targets, values = _read(out_dir, group, components)
    if not maps.can_draw(targets):
        return []
    content = maps.brain_maps(targets, values, "R²")
    return [
        Drawing(
            f"group{label}",
            content,
            f"Maps of {', '.join(values)}",
            f"R² by component. {MEAN} {reading(targets)}",
        )
    ]


def _read(
    out_dir: Path, group: GroupResultSummary, components: Sequence[Component]
) -> tuple[Targets, dict[str, Array]]:
    """The group's targets, and label → each component's value (mean over participants, or the electrode's own)."""
    kind, labels = group.targets.kind, [component.label for component in components]
    if TRAITS[kind].layout == "maps":
        return _read_maps(out_dir, group, labels)
    columns = read_tsv(out_dir / names.group_table_file(group.stem, kind))
    xyz_mm = np.column_stack([numbers(columns[axis]) for axis in "xyz"]) if kind == "electrodes" else None
    targets = Targets(kind, group.targets.space, tuple(columns["name"]), xyz_mm=xyz_mm)
    suffix = "_rsquared" if kind == "electrodes" else "_rsquared_mean"
    return targets, {label: numbers(columns[f"{label}{suffix}"]) for label in labels}


def _read_maps(out_dir: Path, group: GroupResultSummary, labels: Sequence[str]) -> tuple[Targets, dict[str, Array]]:
    """R² of components, as their maps in the group's space."""
    maps, numbers = maps_of_group(out_dir, group), [(label, "rsquared") for label in labels]
    targets = maps.targets(numbers[0])
    return targets, {label: values for (label, _), values in maps.values(targets, numbers).items()}
