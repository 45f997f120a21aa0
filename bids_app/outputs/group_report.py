"""The group's report, made from out_dir alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.outputs import images, names
from bids_app.outputs.definitions import parts_of, totals_of
from bids_app.outputs.figures import charts, maps
from bids_app.outputs.files import numbers, read_json, read_tsv, write_text
from bids_app.outputs.layer_report import group_layers
from bids_app.outputs.planted import Recovery, Truth, pool, read_truth, recoveries
from bids_app.outputs.render import render
from bids_app.outputs.report import shared_context, status_rows
from bids_app.outputs.sections import MAPPED_SHARED, TITLES, planted_section, reading, save, unit_section
from bids_app.outputs.unit import read_unit
from bids_app.records import Array, Targets


def write_group_report(out_dir: Path, planted: Path | None = None) -> Path:
    """group.html and its figures, from what `write_group` and `write_mean_response` left. `planted`: a table of
    known values, shown pooled over people where it exists.

    Raises ReadWriteError where that is absent or broken, CannotCreate.
    """
    summary = read_json(out_dir / names.GROUP_SUMMARY)
    means = [read_unit(path) for path in names.summary_paths(out_dir, None)]
    people = sorted({person for group in summary["groups"] for person in group["people"]})
    everyones = [read_json(path) for person in people for path in names.summary_paths(out_dir, person)]
    status = status_rows(out_dir)
    known = planted is not None and planted.exists()
    truths = {person: read_truth(planted, person) for person in people} if planted is not None and known else {}
    context = {
        "title": "Group",
        "people": people,
        "missing": [{"label": person, "reason": _reason(person, status)} for person in summary["missing"]],
        "groups": [_group(out_dir, group, truths) for group in summary["groups"]],
        "means": [unit_section(out_dir, unit, {}) for unit in means],
        **shared_context([*everyones, *(unit.summary for unit in means)], status),
        "inference": None,  # over people there is none yet
    }
    return write_text(out_dir / names.GROUP_REPORT, render("group.html.j2", context))


def _reason(person: str, status: Sequence[Mapping[str, str]]) -> str:
    """Why someone has no results, as far as status.tsv knows."""
    failed = [
        row["reason"]
        for row in status
        if row["participant"].removeprefix("sub-") == person and row["status"] == "failed"
    ]
    return failed[0] if failed else "no results in OUT_DIR: run the participant level"


def _group(out_dir: Path, group: Mapping[str, Any], truths: Mapping[str, Truth]) -> dict[str, Any]:
    """Context of one group; writes its figures."""
    chart = charts.components_chart(group["units"], people_spreads(group), "mean R²")
    n_people = len(group["people"])
    told = (
        f"A dot is a person's mean over their usable targets; the bar is the mean over {n_people} "
        f"{'person' if n_people == 1 else 'people'}, the line plus and minus one standard error."
    )
    figures = [save(out_dir, group["stem"], "groupComponents", chart, "R² of models and parts by person", told)]
    figures += [save(out_dir, group["stem"], *one) for one in group_layers(group["layers"])]
    figures += _map_figures(out_dir, group) if group["has_values"] else []
    full = [row for row in group["by_person"] if (row["component"], row["stat"]) == ("full", "rsquared")]
    return {
        **group,
        "id": f"group_{group['stem']}",
        "title": f"{group['space']}: {TITLES[group['kind']]}",
        "figures": figures,
        "planted": _planted(out_dir, group, truths),
        "rows": [{**row, "r": _r_of(group, row["unit"])} for row in full],
        "components": [{"component": name, **spread} for name, spread in people_spreads(group).items()],
    }


def _planted(out_dir: Path, group: Mapping[str, Any], truths: Mapping[str, Truth]) -> dict[str, Any] | None:
    """Recovered beside planted over the targets of all people."""
    stems = dict.fromkeys((row["unit"], row["participant"]) for row in group["by_person"]) if truths else {}
    found: dict[str, list[Recovery]] = {}
    for stem, person in stems:
        for one in recoveries(read_unit(names.summary_path(out_dir, stem)), truths[person]):
            found.setdefault(one.component, []).append(one)
    return planted_section(out_dir, group["stem"], [pool(each) for each in found.values()])


def _r_of(group: Mapping[str, Any], unit: str) -> Any:
    """A person's mean r of the full model."""
    rows = [row for row in group["by_person"] if (row["unit"], row["component"], row["stat"]) == (unit, "full", "r")]
    return rows[0]["mean"]


def people_spreads(group: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Component → mean over people of their means, plus and minus a standard error, and everyone's."""
    components = [*totals_of(group["units"]), *parts_of(group["units"])]
    found = {}
    for name in components:
        rows = [row for row in group["by_person"] if (row["component"], row["stat"]) == (name, "rsquared")]
        points = np.array([row["mean"] for row in rows if row["mean"] is not None], dtype=float)
        mean = float(points.mean()) if len(points) else None
        error = float(points.std(ddof=1) / np.sqrt(len(points))) if len(points) > 1 else 0.0
        ends = (mean, mean) if mean is None else (mean - error, mean + error)
        found[name] = {
            "centre": mean,
            "low": ends[0],
            "high": ends[1],
            "points": points.tolist(),
            "n_positive": int((points > 0).sum()),
        }
    return found


# ------------------------------------------------------------------------------------------------ maps over people
def _map_figures(out_dir: Path, group: Mapping[str, Any]) -> list[Mapping[str, str]]:
    parts = parts_of(group["units"])
    means = {name: spread["centre"] or 0.0 for name, spread in people_spreads(group).items()}
    shared = sorted((name for name in parts if len(parts[name]) > 1), key=lambda name: -means[name])[:MAPPED_SHARED]
    kept = [name for name in parts if len(parts[name]) == 1 or name in shared] if len(group["units"]) > 1 else []
    targets, values = _read(out_dir, group, ["full", *kept])
    how = (
        "Everyone's electrodes." if group["kind"] == "electrodes" else "Mean over the people who have a value there."
    )
    if group["kind"] == "parcels":
        rows = np.argsort(-np.nan_to_num(values["full"], nan=-np.inf), kind="stable")[:40]
        columns = {name: one[np.sort(rows)] for name, one in values.items()}
        labels = [targets.names[row] for row in np.sort(rows)]
        return [
            save(
                out_dir,
                group["stem"],
                "groupTable",
                charts.table_chart(labels, columns, "R²"),
                "Mean R² by parcel",
                how,
            )
        ]
    if not maps.can_draw(targets):
        return []
    figures = []
    for label, chosen in (("Full", ["full"]), ("Parts", kept)):
        if chosen:
            content = maps.brain_maps(targets, {name: values[name] for name in chosen}, "R²")
            alt = f"Maps of {', '.join(chosen)}"
            words = f"{how} {reading(targets)}"
            figures.append(save(out_dir, group["stem"], f"group{label}Map", content, alt, words))
    return figures


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
    there = [np.isfinite(grid) for grid in grids["full"]]
    values = {
        name: np.concatenate([grid[mask] for grid, mask in zip(found, there, strict=True)])
        for name, found in grids.items()
    }
    if kind == "surface":
        return images.surface_targets(space, there), values
    return images.volume_targets(space, np.array(group["affine"]), there[0]), values
