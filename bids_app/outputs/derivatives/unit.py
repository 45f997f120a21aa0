"""A unit's files: maps or a table, each with its JSON, and last its summary; and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from bids_app.errors import ReadWriteError
from bids_app.outputs.derivatives import layers, sidecars, tables
from bids_app.outputs.derivatives.model_pair import model_pair_files
from bids_app.outputs.derivatives.summary import predicted, unit_summary
from bids_app.outputs.files import images, names
from bids_app.outputs.files.files import json_text, numbers, read_summary, read_tsv, tsv_text, write_bytes, write_text
from bids_app.outputs.wording.inference import OF_MEAN_RESPONSE
from bids_app.outputs.wording.rows import rows_of
from bids_app.records import (
    Array,
    Component,
    ExtraPartition,
    Partition,
    Targets,
    UnitResult,
    WrittenUnit,
    all_components,
)

File = tuple[PurePosixPath, bytes]


def write_unit(out_dir: Path, unit: UnitResult) -> tuple[Path, ...]:
    """All files of a unit, the summary last: a unit with a summary is whole. Raises CannotCreate."""
    maps = unit.targets.kind in names.EXTENSION
    files = _map_files(unit) if maps else _table_files(unit)
    return _write_all(out_dir, unit, files, "maps" if maps else "table")


def write_mean_response(out_dir: Path, unit: UnitResult, n_people: Array) -> tuple[Path, ...]:
    """A fit of the people's mean response, as a table in `group` whatever its targets are, and its summary.

    n_people (n_targets,): how many people's responses each target is the mean of. Raises CannotCreate.
    """
    cells = {"n_people": np.asarray(n_people).astype(int)}
    meaning = {"n_people": {"Description": "Number of people whose responses were averaged here"}}
    return _write_all(out_dir, unit, _table(unit, cells, meaning, OF_MEAN_RESPONSE), "table")


def _write_all(out_dir: Path, unit: UnitResult, files: Iterable[File], layout: str) -> tuple[Path, ...]:
    files = chain(files, _subspace_files(unit), _layer_files(unit), model_pair_files(unit, encoded))
    written = [(file, write_bytes(out_dir / file, content)) for file, content in files]
    summary = unit_summary(unit, [file for file, _ in written], layout)
    last = write_text(names.summary_path(out_dir, unit.stem), json_text(summary))
    return (*(path for _, path in written), last)


# ------------------------------------------------------------------------------------------------ what is written
def _map_files(unit: UnitResult) -> Iterator[File]:
    """One map and JSON a component, stat and hemisphere, made one at a time: volumes are large."""
    for component, stats in unit.partition.values.items():
        for stat, values in stats.items():
            yield from _map(unit, component, stat, np.asarray(values), sidecars.map_sidecar(unit, component, stat))
    for (component, stat), (values, words) in layers.best_values(unit.layers).items():
        yield from _map(unit, component, stat, values, sidecars.described_map(unit, words))


def _map(unit: UnitResult, component: str, stat: str, values: Array, sidecar: Mapping[str, Any]) -> Iterator[File]:
    for hemi, content in encoded(unit.targets, values):
        file = names.map_file(unit.stem, unit.targets.kind, component, stat, hemi)
        yield from _pair(file, content, json_text(sidecar).encode())


def encoded(targets: Targets, values: Array) -> Iterator[tuple[str, bytes]]:
    """(hemisphere or '', bytes) of a map."""
    if targets.kind == "volume":
        yield "", images.nifti_bytes(targets, values)
        return
    for side, (hemi, one) in enumerate(zip(names.HEMISPHERES, images.hemispheres(targets, values), strict=True)):
        yield hemi, images.gifti_bytes(one, side)


def _pair(file: PurePosixPath, content: bytes, sidecar: bytes) -> Iterator[File]:
    yield file, content
    yield file.with_name(file.name.split(".")[0] + ".json"), sidecar


def _table_files(unit: UnitResult) -> Iterator[File]:
    responsive = unit.responsive
    cells = tables.responsive_cells(responsive) if responsive else {}
    yield from _table(unit, cells, sidecars.responsive_columns(responsive) if responsive else {})
    if unit.lags is not None:
        scores = sidecars.score_columns(unit.lags.partition, unit.provenance)
        columns = {**tables.LAG_COLUMNS, **scores}
        yield from _lag_files(unit, tables.lag_score_cells(unit.targets.names, unit.lags), columns)
    elif unit.targets.kind == "electrodes" and len(unit.fit.delays_s) > 1:
        yield from _lag_files(unit, tables.lag_weight_cells(unit), tables.weight_columns(tuple(unit.fit.profile)))


def _lag_files(
    unit: UnitResult, cells: Mapping[str, Any], columns: Mapping[str, Mapping[str, str]]
) -> Iterator[File]:
    sidecar = sidecars.table_sidecar(unit, columns)
    sidecar["Description"] = rows_of(unit.provenance.design).lag_table
    yield from _pair(names.lags_file(unit.stem), tsv_text(cells).encode(), json_text(sidecar).encode())


def _subspace_files(unit: UnitResult) -> Iterator[File]:
    """Canonical correlations by fold, where a shared subspace was fitted."""
    if unit.subspace is None:
        return
    sidecar = sidecars.table_sidecar(unit, tables.subspace_columns())
    sidecar["Description"] = sidecars.SUBSPACE_TABLE
    text = tsv_text(tables.subspace_cells(unit.subspace))
    yield from _pair(names.subspace_file(unit.stem, unit.targets.kind), text.encode(), json_text(sidecar).encode())


def _layer_files(unit: UnitResult) -> Iterator[File]:
    """Scores of every layer by region, where a space has several."""
    if unit.layers:
        sidecar = sidecars.table_sidecar(unit, layers.COLUMNS)
        sidecar["Description"] = layers.table_in_words(unit)
        shown = predicted(np.asarray(unit.partition.values["full"]["rsquared"]))
        text = tsv_text(layers.table_cells(unit, shown))
        yield from _pair(names.layers_file(unit.stem, unit.targets.kind), text.encode(), json_text(sidecar).encode())


def _table(
    unit: UnitResult, more: Mapping[str, Any], meaning: Mapping[str, Mapping[str, str]], note: str = ""
) -> Iterator[File]:
    best = layers.best_values(unit.layers)
    cells = {
        **tables.target_cells(unit.targets),
        **more,
        **tables.score_cells(unit.partition),
        **{"_".join(name): values for name, (values, _) in best.items()},
    }
    columns = {
        **sidecars.target_columns(unit.targets),
        **meaning,
        **sidecars.score_columns(unit.partition, unit.provenance),
        **{"_".join(name): {"Description": words} for name, (_, words) in best.items()},
    }
    note = f"{note} {rows_of(unit.provenance.design).own_value}".strip()
    sidecar = json_text(sidecars.table_sidecar(unit, columns, note)).encode()
    yield from _pair(names.table_file(unit.stem, unit.targets.kind), tsv_text(cells).encode(), sidecar)


# ------------------------------------------------------------------------------------------------ and back
def read_units(out_dir: Path, participants: Iterable[str]) -> tuple[WrittenUnit, ...]:
    """All units of these people that are there, sorted by person and stem. Raises ReadWriteError."""
    paths = [path for person in sorted(set(participants)) for path in names.summary_paths(out_dir, person)]
    return tuple(read_unit(path) for path in paths)


def read_unit(summary_path: Path) -> WrittenUnit:
    """A unit by its summary in OUT_DIR/logs. Raises ReadWriteError where a file of it is gone or broken."""
    summary = read_summary(summary_path, "participant")
    out_dir, geometry = summary_path.parents[1], summary["targets"]
    try:
        if summary["layout"] == "table":
            path = out_dir / names.table_file(summary["stem"], geometry["kind"])
            columns, partition = tables.read_scores(
                path, tuple(summary["units"]), extra_of(summary), controls_of(summary)
            )
            targets = tables.table_targets(columns, geometry)
        else:
            targets, partition = _read_maps(out_dir, summary)
    except (KeyError, IndexError) as error:
        raise ReadWriteError(
            "the summary and its files disagree", summary_path, f"{error}; run with --force"
        ) from None
    return WrittenUnit(summary["stem"], summary["participant"], summary["modality"], targets, partition, summary)


def extra_of(summary: Mapping[str, Any]) -> tuple[ExtraPartition, ...]:
    """Extra partitions of a unit's summary."""
    return tuple(
        ExtraPartition(one["role"], {name: tuple(bands) for name, bands in one["groups"].items()}, one["in_sample"])
        for one in summary["extra"]
    )


def controls_of(summary: Mapping[str, Any]) -> tuple[Component, ...]:
    """Components of no partition of a unit's summary."""
    return tuple(
        Component(one["kind"], tuple(one["groups"]), tuple((tuple(u), sign) for u, sign in one["terms"]))
        for one in summary["controls"]
    )


def _read_maps(out_dir: Path, summary: Mapping[str, Any]) -> tuple[Targets, Partition]:
    """Targets are where the full model's R² has a value."""
    stem, units, further = summary["stem"], tuple(summary["units"]), extra_of(summary)
    kind, space = summary["targets"]["kind"], summary["targets"]["space"]
    affine = np.array(summary["targets"]["affine"])
    grids = {
        component: {stat: _read_map(out_dir, stem, kind, component, stat) for stat in summary["stats"][component]}
        for component in all_components(units, further, controls_of(summary))
    }
    there = [np.isfinite(grid) for grid in grids["full"]["rsquared"]]
    targets = (
        images.volume_targets(space, affine, there[0]) if kind == "volume" else images.surface_targets(space, there)
    )
    values = {
        component: {
            stat: np.concatenate([grid[mask] for grid, mask in zip(found, there, strict=True)])
            for stat, found in stats.items()
        }
        for component, stats in grids.items()
    }
    return targets, Partition(units, values, further, controls_of(summary))


def read_best(out_dir: Path, unit: WrittenUnit, space: str) -> tuple[Array, Array]:
    """(n_targets,) the best layer of each target as a number, and its held-out R²; targets as `unit` has them.

    Raises ReadWriteError."""
    kind, component = unit.targets.kind, layers.component_of_best(space)
    if unit.summary["layout"] == "table":
        columns = read_tsv(out_dir / names.table_file(unit.stem, kind))
        return numbers(columns[f"{component}_layer"]), numbers(columns[f"{component}_rsquared"])
    grids = [_read_map(out_dir, unit.stem, kind, component, stat) for stat in ("layer", "rsquared")]
    index = np.asarray(unit.targets.index)
    if kind == "volume":
        return grids[0][0][tuple(index.T)], grids[1][0][tuple(index.T)]
    sides = [np.concatenate([side[index[index[:, 0] == h, 1]] for h, side in enumerate(grid)]) for grid in grids]
    return sides[0], sides[1]


def _read_map(out_dir: Path, stem: str, kind: Any, component: str, stat: str) -> list[Array]:
    """One volume, or both hemispheres."""
    if kind == "volume":
        return [images.read_volume(out_dir / names.map_file(stem, kind, component, stat))]
    files = [names.map_file(stem, kind, component, stat, hemi) for hemi in names.HEMISPHERES]
    return [images.read_surface(out_dir / file) for file in files]
