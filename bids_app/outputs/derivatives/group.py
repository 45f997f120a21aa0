"""Group results as files: maps in tpl-<space>, tables in group, and logs/group.json for the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.outputs.derivatives.group_layers import layer_files
from bids_app.outputs.derivatives.group_tables import between_files, between_summary, electrode_files, significant
from bids_app.outputs.derivatives.sidecars import target_columns
from bids_app.outputs.derivatives.unit import File, encoded
from bids_app.outputs.files import names
from bids_app.outputs.files.files import json_text, tsv_text, write_bytes, write_text
from bids_app.outputs.derivatives.group_model_pair import write_findings
from bids_app.outputs.wording.group import inference_in_words, words
from bids_app.records import INTER_SUBJECT, SUMMARY_FORMAT, GroupResult

PERSON_COLUMNS = {
    "group": "The results joined: entities that their units share",
    "participant": "Person",
    "component": "Part or total of the explained variance, see descriptions.tsv",
    "stat": "rsquared or r",
    "n": "Number of usable targets of this person",
    "mean": "Mean over them",
    "median": "Median over them",
    "q25": "First quartile over them",
    "q75": "Third quartile over them",
    "n_positive": "How many of them are above 0",
}


def write_group(
    out_dir: Path,
    results: Sequence[GroupResult],
    missing: Sequence[str],
    common: Mapping[str, Any],
    level: float = 0.05,
) -> tuple[Path, ...]:
    """All files over people. `missing`: people asked for, or in the data set, who have no results; `common` goes
    into every JSON (AnalysisHash, SoftwareVersions); `level`: of p and q, at which the report counts. Raises
    CannotCreate."""
    written = [
        (file, write_bytes(out_dir / file, content))
        for result in results
        for made in (_files, layer_files, between_files, electrode_files)
        for file, content in made(result, common)
    ]
    files = [str(file) for file, _ in written]
    people = [_write_people(out_dir, results)] if results else []
    people += write_findings(out_dir, results, common)
    groups = [_summary(result, level) for result in results]
    summary = {"format": SUMMARY_FORMAT, "groups": groups, "missing": sorted(missing), "files": files}
    return (*(path for _, path in written), *people, write_text(out_dir / names.GROUP_SUMMARY, json_text(summary)))


def _files(result: GroupResult, common: Mapping[str, Any]) -> Iterator[File]:
    if not result.values:
        return
    inference = inference_in_words(result.inference, result.targets.kind)
    people = {"Participants": list(result.people), "Inference": inference, "Ceiling": result.ceiling, **common}
    yield from (_maps if result.targets.kind in names.EXTENSION else _table)(result, people)


def _units(result: GroupResult, component: str = "full") -> list[str]:
    """Stems of the people's units that have a component."""
    return list(
        result.between if component == INTER_SUBJECT else dict.fromkeys(row["unit"] for row in result.by_person)
    )


def _words(result: GroupResult, component: str, stat: str, statistic: str) -> str:
    """What a group number is."""
    return words(component, stat, statistic, result.units, result.further, result.inference, result.published)


# ------------------------------------------------------------------------------------------------ maps
def _map_stats(result: GroupResult) -> Iterator[tuple[str, str, str, str]]:
    """(component, stat, statistic, label of `stat-`): means are named for the number, and n is written once."""
    yield "full", "rsquared", "n", "n"
    for component, stats in result.values.items():
        for stat in stats:
            yield component, stat, "mean", stat
        for statistic in stats.get("rsquared", ()):
            if statistic not in ("mean", "n"):
                yield component, "rsquared", statistic, statistic


def _maps(result: GroupResult, common: Mapping[str, Any]) -> Iterator[File]:
    targets = result.targets
    for component, stat, statistic, label in _map_stats(result):
        values = result.values[component][stat][statistic]
        said = f"{_words(result, component, stat, statistic)} NaN where no person has a value."
        grid = {"SkullStripped": True} if targets.kind == "volume" else {}
        for hemi, content in encoded(targets, np.asarray(values)):
            from_maps = [
                names.map_file(unit, targets.kind, component, stat, hemi) for unit in _units(result, component)
            ]
            sources = {"Sources": [f"bids::{file}" for file in from_maps]}
            sidecar = json_text({"Description": said, **grid, **sources, **common}).encode()
            file = names.group_map_file(result.stem, targets.kind, targets.space, component, label, hemi)
            yield file, content
            yield file.with_name(file.name.split(".")[0] + ".json"), sidecar


# ------------------------------------------------------------------------------------------------ tables
def _table(result: GroupResult, common: Mapping[str, Any]) -> Iterator[File]:
    """Parcels: a row a parcel; electrodes: a row a person's electrode."""
    file = names.group_table_file(result.stem, result.targets.kind)
    cells: dict[str, Any] = {"participant": result.owners} if result.owners else {}
    cells["name"] = result.targets.names
    if result.targets.xyz_mm is not None:
        cells |= {axis: result.targets.xyz_mm[:, column] for column, axis in enumerate("xyz")}
    columns: dict[str, Any] = {"participant": {"Description": "Whose electrode"}} if result.owners else {}
    columns |= target_columns(result.targets)
    for component, stats in result.values.items():
        for stat, statistics in stats.items():
            for statistic, values in statistics.items():
                name = f"{component}_{stat}" + ("" if statistic == "value" else f"_{statistic}")
                cells[name] = values
                columns[name] = {"Description": _words(result, component, stat, statistic)}
    yield file, tsv_text(cells).encode()
    sources = {"Sources": [f"bids::{names.table_file(unit, result.targets.kind)}" for unit in _units(result)]}
    what = "One row a person's electrode." if result.owners else "One row a target: statistics over people."
    yield file.with_suffix(".json"), json_text({"Description": what, **sources, **common, **columns}).encode()


def _write_people(out_dir: Path, results: Sequence[GroupResult]) -> Path:
    rows = [{"group": result.stem, **row} for result in results for row in result.by_person]
    numeric = ("n", "mean", "median", "q25", "q75", "n_positive")
    cells = {
        name: [np.nan if row[name] is None else row[name] for row in rows]
        if name in numeric
        else [row[name] for row in rows]
        for name in PERSON_COLUMNS
    }
    columns = {name: {"Description": said} for name, said in PERSON_COLUMNS.items()}
    path = out_dir / names.PEOPLE_FILE
    write_text(
        path.with_suffix(".json"), json_text({"Description": "One row a person, component and stat.", **columns})
    )
    return write_text(path, tsv_text(cells))


def _summary(result: GroupResult, level: float) -> dict[str, Any]:
    """What the group report needs of a result."""
    return {
        "stem": result.stem,
        "modality": result.modality,
        "kind": result.targets.kind,
        "space": result.targets.space,
        "shape": result.targets.shape,
        "affine": result.targets.affine,
        "n_targets": len(result.targets.names),
        "has_values": bool(result.values),
        "people": result.people,
        "units": result.units,
        "further": result.further,
        "beside": result.beside,
        "by_person": result.by_person,
        "left_out": [asdict(one) for one in result.left_out],
        "notes": result.notes,
        "layers": result.layers,
        "inference": result.inference,
        "significant": significant(result, level) if result.inference else None,
        "level": level,
        "electrodes": result.electrodes,
        "ceiling": result.ceiling,
        "between": between_summary(result),
        "published": result.published,
        "findings": result.findings,
        "asked_about": result.asked_about,
    }
