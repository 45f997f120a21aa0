"""A unit's files: maps or a table, each with its JSON, and last its summary."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path, PurePosixPath

import numpy as np

from bids_app.outputs.derivatives import layers, sidecars, tables
from bids_app.outputs.derivatives.hyperparameters import (
    hyperparameter_facts,
    hyperparameter_maps,
    hyperparameter_table,
)
from bids_app.outputs.derivatives.maps import MappedNumber, encoded_maps
from bids_app.outputs.derivatives.minute import minute_files
from bids_app.outputs.derivatives.model_pair import agreement_numbers, model_pair_files
from bids_app.outputs.derivatives.saved.write import write_saved
from bids_app.outputs.derivatives.summary import predicted, unit_summary
from bids_app.outputs.files import names
from bids_app.outputs.files.arrays import array_bytes
from bids_app.outputs.files.file_set import File, remove_saved, write_set
from bids_app.outputs.files.files import Cells, json_text, tsv_text
from bids_app.outputs.files.map_files import map_files
from bids_app.outputs.files.maps import has_maps
from bids_app.outputs.files.serialise import summary_text
from bids_app.outputs.wording.inference import OF_MEAN_RESPONSE
from bids_app.outputs.wording.rows import rows_of
from bids_app.records import HYPERPARAMETERS, NO_EFFORT, TRAITS, Array, Effort, MapFile, UnitResult, UnitSummary

Columns = Mapping[str, Mapping[str, str]]


def write_unit(out_dir: Path, unit: UnitResult, effort: Effort = NO_EFFORT) -> tuple[Path, ...]:
    """All files of a unit; its summary, which holds their hashes, goes before the first and comes last. After it what
    is saved of its models, with a summary of its own.

    Parameters
    ----------
    out_dir : where results go.
    unit : the result.
    effort : what the fit took.

    Returns
    -------
    The files written.

    Raises
    ------
    CannotCreate : where one cannot be written.
    """
    layout = TRAITS[unit.targets.kind].layout
    numbers = list(_mapped_numbers(unit)) if has_maps(unit.targets) else []
    maps = map_files([number.key for number in numbers], unit.partition.groups)
    tables_too = chain(_table_files(unit), hyperparameter_table(unit)) if layout == "table" else _array_files(unit)
    files = chain(_map_files(unit, numbers, maps), tables_too)
    remove_saved(out_dir, unit.stem)  # it is of the results that are there
    written = _write_all(out_dir, unit, files, lambda hashes: unit_summary(unit, hashes, layout, maps, effort))
    return written if unit.saved is None else (*written, *write_saved(out_dir, unit, unit.saved))


def write_mean_response(out_dir: Path, unit: UnitResult, n_participants: Array) -> tuple[Path, ...]:
    """A fit of the participants' mean response, as a table in `group` whatever its targets are, and its summary.

    Parameters
    ----------
    out_dir : where results go.
    unit : the result.
    n_participants : (n_targets,) of how many participants' responses each target is the mean.

    Returns
    -------
    The files written.

    Raises
    ------
    CannotCreate : where one cannot be written.
    """
    cells = {"n_people": np.asarray(n_participants).astype(int)}
    meaning = {"n_people": {"Description": "Number of participants whose responses were averaged here"}}
    files = chain(_table(unit, cells, meaning, OF_MEAN_RESPONSE), hyperparameter_table(unit))
    return _write_all(out_dir, unit, files, lambda hashes: unit_summary(unit, hashes, "table"))


def _write_all(
    out_dir: Path, unit: UnitResult, files: Iterable[File], summarise: Callable[[Mapping[str, str]], UnitSummary]
) -> tuple[Path, ...]:
    files = chain(files, _subspace_files(unit), _layer_files(unit), model_pair_files(unit), minute_files(unit))
    return write_set(out_dir, names.summary_file(unit.stem), files, lambda hashes: summary_text(summarise(hashes)))


# ------------------------------------------------------------------------------------------------ what is written
def _mapped_numbers(unit: UnitResult) -> Iterator[MappedNumber]:
    """All that is written as maps."""
    definitions = sidecars.definitions_of(unit.partition, unit.provenance)
    for component, stats in unit.partition.values.items():
        for stat, values in stats.items():
            words = definitions.define(unit.partition.components[component], stat)
            yield MappedNumber(component, stat, np.asarray(values), words)
    for (component, stat), (values, words) in layers.best_values(unit.layers).items():
        yield MappedNumber(component, stat, values, words)
    yield from agreement_numbers(unit)
    yield from hyperparameter_maps(unit)


def _map_files(unit: UnitResult, numbers: Sequence[MappedNumber], maps: Sequence[MapFile]) -> Iterator[File]:
    """Maps with a JSON a stat, and one of what they share."""
    if not maps:
        return
    stem, kind = unit.stem, unit.targets.kind
    shared = names.shared_sidecar_file(stem, kind)
    more = {"More": f"bids::{shared}"}
    chosen = [file for file in maps if file.desc == HYPERPARAMETERS]
    others = [file for file in maps if file not in chosen]
    for files, facts in ((others, more), (chosen, {**hyperparameter_facts(unit.provenance), **more})):
        yield from encoded_maps(unit.targets, numbers, files, partial(names.map_file, stem, kind), facts)
    yield shared, json_text(sidecars.shared_by_maps(unit)).encode()


def _array_files(unit: UnitResult) -> Iterator[File]:
    """Where responses came as an array and its columns have a place: the numbers in its shape too."""
    if unit.targets.columns is None or unit.targets.kind != "volume":
        return
    cells, columns = _cells(unit, {}, {})
    sidecar = json_text(sidecars.table_sidecar(unit, columns, sidecars.IN_SHAPE)).encode()
    content = array_bytes(unit.targets, cells, columns)
    yield from _pair(names.arrays_file(unit.stem, unit.targets.kind), content, sidecar)


def _pair(file: PurePosixPath, content: bytes, sidecar: bytes) -> Iterator[File]:
    yield file, content
    yield names.sidecar_of(file), sidecar


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


def _lag_files(unit: UnitResult, cells: Cells, columns: Columns) -> Iterator[File]:
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
    file = names.own_table(unit.stem, unit.targets.kind, "subspace")
    yield from _pair(file, text.encode(), json_text(sidecar).encode())


def _layer_files(unit: UnitResult) -> Iterator[File]:
    """Scores of every layer by region, where a space has several."""
    if unit.layers:
        sidecar = sidecars.table_sidecar(unit, layers.COLUMNS)
        sidecar["Description"] = layers.table_in_words(unit)
        shown = predicted(np.asarray(unit.partition.values["full"]["rsquared"]))
        text = tsv_text(layers.table_cells(unit, shown))
        yield from _pair(names.layers_file(unit.stem, unit.targets.kind), text.encode(), json_text(sidecar).encode())


def _cells(unit: UnitResult, more: Cells, meaning: Columns) -> tuple[Cells, Columns]:
    """All numbers of a unit's targets, and what each is."""
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
    return cells, columns


def _table(unit: UnitResult, more: Cells, meaning: Columns, note: str = "") -> Iterator[File]:
    cells, columns = _cells(unit, more, meaning)
    note = f"{note} {rows_of(unit.provenance.design).own_value}".strip()
    sidecar = json_text(sidecars.table_sidecar(unit, columns, note)).encode()
    content = tables.table_bytes(unit.targets, cells, columns)
    yield from _pair(names.table_file(unit.stem, unit.targets.kind), content, sidecar)
