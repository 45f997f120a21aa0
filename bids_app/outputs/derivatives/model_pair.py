"""Files of two models compared: a table of statistics, and how predictions agree, target by target."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

import numpy as np

from bids_app.outputs.derivatives import sidecars
from bids_app.outputs.derivatives.maps import MappedNumber
from bids_app.outputs.files import names
from bids_app.outputs.files.file_set import File
from bids_app.outputs.files.files import Sidecar, json_text, tsv_text
from bids_app.outputs.wording.model_pair import INTERVAL, KINDS, PREDICTIONS, TARGETS
from bids_app.records import TRAITS, Agreement, Array, ModelPairStatistics, UnitResult, agreement_label, entities_of

COLUMNS = {
    "kind": "; ".join(f"{kind}: {meaning}" for kind, meaning in KINDS.items()),
    "name": "Model, pair of models, part, or difference of parts",
    "targets": "; ".join(f"{name}: {meaning}" for name, meaning in TARGETS.items()),
    "n_targets": "How many these are",
    "value": "The number",
    "ci025": f"Lower end of its {INTERVAL}. n/a where there was no inference",
    "ci975": f"Upper end of its {INTERVAL}. n/a where there was no inference",
}
ENDS = {"ci025": "Lower", "ci975": "Upper"}


def model_pair_files(unit: UnitResult) -> Iterator[File]:
    """A table of statistics, and one of agreements where maps do not hold them; nothing where a unit has none of two
    models."""
    made = unit.model_pair
    if made is None:
        return
    table = names.statistics_file(unit.stem, unit.targets.kind)
    words = {name: {"Description": meaning} for name, meaning in COLUMNS.items()}
    about = {**sidecars.common(unit), **words, "Description": "One row a statistic and set of targets."}
    yield from _pair(table, tsv_text(statistic_cells(made)).encode(), about)
    in_maps = TRAITS[unit.targets.kind].layout == "maps" and "sub" in entities_of(unit.stem)
    if made.agreements and not in_maps:
        yield from _table(unit, made)


def statistic_cells(made: ModelPairStatistics) -> dict[str, Iterable[object]]:
    """Columns of `COLUMNS`."""
    rows = made.rows
    return {
        "kind": [row.about.kind for row in rows],
        "name": [row.about.name for row in rows],
        "targets": [row.targets for row in rows],
        "n_targets": [row.n_targets for row in rows],
        "value": [row.value for row in rows],
        "ci025": [row.low for row in rows],
        "ci975": [row.high for row in rows],
    }


def _stats(pair: Agreement) -> dict[str, Array]:
    stats = {"r": np.asarray(pair.r), "ci025": np.asarray(pair.low), "ci975": np.asarray(pair.high)}
    return stats if np.isfinite(pair.low).any() else {"r": stats["r"]}


def _words(pair: Agreement, stat: str) -> str:
    meaning = PREDICTIONS.format(*pair.compared_models)
    return f"{ENDS[stat]} end of an interval of this: {meaning}. {INTERVAL}." if stat in ENDS else f"{meaning}."


def agreement_numbers(unit: UnitResult) -> Iterator[MappedNumber]:
    """How predictions of two models agree, target by target, to be written as maps."""
    for pair in unit.model_pair.agreements if unit.model_pair else ():
        for stat, values in _stats(pair).items():
            yield MappedNumber(agreement_label(pair.compared_models), stat, values, _words(pair, stat))


def _table(unit: UnitResult, made: ModelPairStatistics) -> Iterator[File]:
    """One row a target; of an electrode its own value and all lags, where rows are words."""
    lags = ("n/a", *(float(lag) for lag in unit.lags.lags_s)) if unit.lags else ()
    cells: dict[str, Iterable[object]] = {"name": [name for name in unit.targets.names for _ in lags or (0,)]}
    columns = {"name": {"Description": "Target"}}
    if lags:
        cells["lag_s"] = [lag for _ in unit.targets.names for lag in lags]
        meaning = "Time of the response after the word's onset; n/a: the electrode's own value"
        columns["lag_s"] = {"Description": meaning, "Units": "s"}
    for pair in made.agreements:
        for stat, values in _stats(pair).items():
            cells[f"{agreement_label(pair.compared_models)}_{stat}"] = values
            columns[f"{agreement_label(pair.compared_models)}_{stat}"] = {"Description": _words(pair, stat)}
    about = {
        **sidecars.common(unit),
        **columns,
        "Description": "One row a target: how two models' predictions agree.",
    }
    yield from _pair(
        names.statistics_file(unit.stem, unit.targets.kind, "agreement"), tsv_text(cells).encode(), about
    )


def _pair(file: PurePosixPath, content: bytes, about: Sidecar) -> Iterator[File]:
    yield file, content
    yield names.sidecar_of(file), json_text(about).encode()
