"""The group's report, made from out_dir alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.outputs.derivatives.unit import read_unit
from bids_app.outputs.figures import charts
from bids_app.outputs.files import names
from bids_app.outputs.files.files import read_summary, write_text
from bids_app.outputs.report.baseline import group_baseline_sentences
from bids_app.outputs.report.group_maps import further_maps, group_maps
from bids_app.outputs.report.group_model_pair import group_sentences
from bids_app.outputs.report.layers import group_layers
from bids_app.outputs.report.participant import shared_context, status_rows
from bids_app.outputs.report.planted import Recovery, Truth, pool, read_truth, recoveries
from bids_app.outputs.report.render import render
from bids_app.outputs.report.unit_section import TITLES, heading, planted_section, save, unit_section
from bids_app.outputs.wording.definitions import about
from bids_app.outputs.wording.group import inference_in_words
from bids_app.records import all_components, camel, component_names, component_of


def write_group_report(out_dir: Path, planted: Path | None = None) -> Path:
    """group.html and its figures, from what `write_group` and `write_mean_response` left. `planted`: a table of
    known values, shown pooled over people where it exists.

    Raises ReadWriteError where that is absent or broken, CannotCreate.
    """
    summary = read_summary(out_dir / names.GROUP_SUMMARY, "group")
    means = [read_unit(path) for path in names.summary_paths(out_dir, None)]
    people = sorted({person for group in summary["groups"] for person in group["people"]})
    everyones = [
        read_summary(path, "participant") for person in people for path in names.summary_paths(out_dir, person)
    ]
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
        "inference": any(group["inference"] for group in summary["groups"]) or None,
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
    spreads = participant_spreads(group)
    means = {name: spread["centre"] or 0.0 for name, spread in spreads.items()}
    figures = [_chart(out_dir, group, spreads)]
    figures += [save(out_dir, group["stem"], *one) for one in group_layers(group["layers"])]
    figures += group_maps(out_dir, group, means) if group["has_values"] else []
    for name in group["further"]:
        figures.append(_chart(out_dir, group, spreads, name))
        figures += further_maps(out_dir, group, name, means) if group["has_values"] else []
    full = [row for row in group["by_person"] if (row["component"], row["stat"]) == ("full", "rsquared")]
    found = group["significant"] or {}
    return {
        **group,
        "id": f"group_{group['stem']}",
        "title": heading(group["space"], group["kind"]),
        "noun": TITLES[group["kind"]],
        "figures": figures,
        "two_models": group_sentences(group),
        "baseline": group_baseline_sentences(group, {name: spread["centre"] for name, spread in spreads.items()}),
        "planted": _planted(out_dir, group, truths),
        "rows": [{**row, "r": _r_of(group, row["unit"])} for row in full],
        "components": [
            {"component": name, **spread, "significant": found.get(name)} for name, spread in spreads.items()
        ],
        "tested": inference_in_words(group["inference"], group["kind"]),
    }


def _chart(
    out_dir: Path, group: Mapping[str, Any], spreads: Mapping[str, Mapping[str, Any]], further: str = ""
) -> Mapping[str, str]:
    """Components of the first partition, or of a further one, person by person."""
    units = group["further"][further] if further else group["units"]
    own = {name: component_of(further, name) if further else name for name in component_names(tuple(units))}
    chart = charts.components_chart(units, {name: spreads[one] for name, one in own.items()}, "mean R²")
    n_people = len(group["people"])
    told = (
        f"A dot is a person's mean over their usable targets; the bar is the mean over {n_people} "
        f"{'person' if n_people == 1 else 'people'}, the line plus and minus one standard error."
    )
    words = f"{about(further)}. {told}" if further else told
    alt = f"R² of {', '.join(units)} by person"
    return save(out_dir, group["stem"], f"group{camel(further)}Components", chart, alt, words)


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


def participant_spreads(group: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Component → mean over people of their means, plus and minus a standard error, and everyone's."""
    found = {}
    further = {name: tuple(units) for name, units in group["further"].items()}
    for name in all_components(tuple(group["units"]), further, group["beside"]):
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
