"""Files of what is found of two models: a table of findings, and how predictions agree, target by target."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from bids_app.outputs.derivatives import sidecars
from bids_app.outputs.files import names
from bids_app.outputs.files.files import json_text, tsv_text
from bids_app.outputs.wording.model_pair import KINDS, LIMITS, PREDICTIONS, TARGETS
from bids_app.records import Agreement, Array, ModelPairStatistics, Targets, UnitResult, camel

File = tuple[PurePosixPath, bytes]
Encoded = Callable[[Targets, Array], Iterator[tuple[str, bytes]]]
COLUMNS = {
    "kind": "; ".join(f"{kind}: {said}" for kind, said in KINDS.items()),
    "name": "Model, pair of models, part, or difference of parts",
    "targets": "; ".join(f"{name}: {said}" for name, said in TARGETS.items()),
    "n_targets": "How many these are",
    "value": "The number",
    "ci025": f"Lower of its {LIMITS}; n/a where there was no inference",
    "ci975": f"Upper of its {LIMITS}; n/a where there was no inference",
}


def model_pair_files(unit: UnitResult, encoded: Encoded) -> Iterator[File]:
    """`encoded`: (hemisphere, bytes) of a map of values."""
    found = unit.findings
    if found is None:
        return
    table = names.findings_file(unit.stem, unit.targets.kind)
    words = {name: {"Description": said} for name, said in COLUMNS.items()}
    about = {**sidecars.common(unit), **words, "Description": "One row a finding and set of targets."}
    yield from _pair(table, tsv_text(statistic_cells(found)).encode(), about)
    if unit.targets.kind in names.EXTENSION and "sub" in names.entities_of(unit.stem):
        yield from _maps(unit, found, encoded)
    elif found.agreements:
        yield from _table(unit, found)


def statistic_cells(found: ModelPairStatistics) -> dict[str, Any]:
    """Columns of `COLUMNS`."""
    renamed = {"ci025": "low", "ci975": "high"}
    return {name: [getattr(row, renamed.get(name, name)) for row in found.rows] for name in COLUMNS}


def _stats(one: Agreement) -> dict[str, Array]:
    stats = {"r": np.asarray(one.r), "ci025": np.asarray(one.low), "ci975": np.asarray(one.high)}
    return stats if np.isfinite(one.low).any() else {"r": stats["r"]}


def _label(one: Agreement) -> str:
    return f"agreement{camel(one.between[0])}{camel(one.between[1])}"


def _words(one: Agreement, stat: str) -> str:
    said = PREDICTIONS.format(*one.between)
    limit = {"ci025": f"Lower of the {LIMITS}, of the ", "ci975": f"Upper of the {LIMITS}, of the "}.get(stat, "")
    return f"{limit}{said}."


def _maps(unit: UnitResult, found: ModelPairStatistics, encoded: Encoded) -> Iterator[File]:
    for one in found.agreements:
        for stat, values in _stats(one).items():
            about = {
                **sidecars.map_sidecar(unit, "full", "r"),
                "Description": f"{_words(one, stat)} {sidecars.NO_VALUE[unit.targets.kind]}",
            }
            for hemi, content in encoded(unit.targets, values):
                file = names.map_file(unit.stem, unit.targets.kind, _label(one), stat, hemi)
                yield from _pair(file, content, about)


def _table(unit: UnitResult, found: ModelPairStatistics) -> Iterator[File]:
    """One row a target; of an electrode its own value and all lags, where rows are words."""
    lags = ("n/a", *(float(lag) for lag in unit.lags.lags_s)) if unit.lags else ()
    cells: dict[str, Any] = {"name": [name for name in unit.targets.names for _ in lags or (0,)]}
    columns = {"name": {"Description": "Target"}}
    if lags:
        cells["lag_s"] = [lag for _ in unit.targets.names for lag in lags]
        said = "Time of the response after the word's onset; n/a: the electrode's own value"
        columns["lag_s"] = {"Description": said, "Units": "s"}
    for one in found.agreements:
        for stat, values in _stats(one).items():
            cells[f"{_label(one)}_{stat}"] = values
            columns[f"{_label(one)}_{stat}"] = {"Description": _words(one, stat)}
    about = {
        **sidecars.common(unit),
        **columns,
        "Description": "One row a target: how two models' predictions agree.",
    }
    yield from _pair(names.findings_file(unit.stem, unit.targets.kind, "agreement"), tsv_text(cells).encode(), about)


def _pair(file: PurePosixPath, content: bytes, about: dict[str, Any]) -> Iterator[File]:
    yield file, content
    yield file.with_name(file.name.split(".")[0] + ".json"), json_text(about).encode()
