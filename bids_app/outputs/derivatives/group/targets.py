"""Numbers over participants, target by target: maps in tpl-<space>, tables in `group`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import PurePosixPath

import numpy as np

from bids_app.outputs.derivatives.maps import MappedNumber, encoded_maps
from bids_app.outputs.derivatives.sidecars import target_columns
from bids_app.outputs.derivatives.tables import table_bytes
from bids_app.outputs.files import names
from bids_app.outputs.files.file_set import File
from bids_app.outputs.files.files import Sidecar, json_text
from bids_app.outputs.files.map_files import map_files, place_of
from bids_app.outputs.files.maps import has_maps
from bids_app.outputs.wording.definitions import Definitions
from bids_app.outputs.wording.group import GroupDefinitions, group_inference_in_words, inter_subject_in_words
from bids_app.outputs.wording.over_participants.enhancement import enhanced_facts
from bids_app.outputs.wording.scores import score_definition
from bids_app.records import INTER_SUBJECT, TRAITS, GroupResult, MapFile


def target_files(result: GroupResult, common: Mapping[str, object]) -> Iterator[File]:
    """Maps, or a table, each with its JSON; none where participants share no space.

    Parameters
    ----------
    result : of a group.
    common : goes into every JSON: AnalysisHash, SoftwareVersions.
    """
    if not result.values:
        return
    facts = {
        "Participants": list(result.participants),
        "Inference": group_inference_in_words(result.inference, result.targets.kind),
        "Ceiling": result.ceiling,
        **enhanced_facts(result.inference),
        **common,
    }
    if has_maps(result.targets):
        yield from _maps(result, facts)
    if TRAITS[result.targets.kind].layout == "table":
        yield from _table(result, facts)


def _stems(result: GroupResult, label: str = "full") -> list[str]:
    """Stems of the participants' units that have a component."""
    return list(result.inter_subject if label == INTER_SUBJECT else dict.fromkeys(row.unit for row in result.scores))


def _words(result: GroupResult, label: str, stat: str, statistic: str) -> str:
    """What a number over participants is."""
    if label == INTER_SUBJECT:
        return inter_subject_in_words(stat, statistic)
    each = Definitions(result.groups, result.extra, score_definition(result.signed_rsquared))
    return GroupDefinitions(each, result.inference).define(result.components[label], stat, statistic)


# ------------------------------------------------------------------------------------------------ maps
def _map_stats(result: GroupResult) -> Iterator[tuple[str, str, str, str]]:
    """(component, stat, statistic, label of `stat-`): means are named for the number, and n is written once."""
    yield "full", "rsquared", "n", "n"
    for label, stats in result.values.items():
        for stat in stats:
            yield label, stat, "mean", stat
        for statistic in stats.get("rsquared", ()):
            if statistic not in ("mean", "n"):
                yield label, "rsquared", statistic, statistic


def group_map_files(result: GroupResult) -> tuple[MapFile, ...]:
    """Which numbers over participants lie in which file of maps; none where there are no maps."""
    if not (result.values and has_maps(result.targets)):
        return ()
    return map_files([(label, written_as) for label, _, _, written_as in _map_stats(result)], result.groups)


def _maps(result: GroupResult, facts: Mapping[str, object]) -> Iterator[File]:
    targets = result.targets
    grid = {"SkullStripped": True} if targets.kind == "volume" else {}
    numbers = [
        MappedNumber(
            label,
            written_as,
            np.asarray(result.values[label][stat][statistic]),
            _words(result, label, stat, statistic),
            tuple(_sources(result, label, stat)),
        )
        for label, stat, statistic, written_as in _map_stats(result)
    ]
    name = partial(names.group_map_file, result.stem, targets.kind, targets.space)
    facts = {"MissingValues": "NaN where no participant has a value.", **grid, **facts}
    yield from encoded_maps(targets, numbers, group_map_files(result), name, facts)


def _sources(result: GroupResult, label: str, stat: str) -> Iterator[PurePosixPath]:
    """Files that hold a number of each participant."""
    kind, (written_as, desc) = result.targets.kind, place_of(label, stat, result.groups)
    for stem in _stems(result, label):
        yield from (names.map_file(stem, kind, desc, written_as, side) for side in TRAITS[kind].sides)


# ------------------------------------------------------------------------------------------------ tables
def _table(result: GroupResult, facts: Mapping[str, object]) -> Iterator[File]:
    """Parcels: a row a parcel; electrodes: a row a participant's electrode."""
    targets = result.targets
    file = names.group_table_file(result.stem, targets.kind)
    cells: dict[str, Iterable[object]] = {"participant": result.owners} if result.owners else {}
    cells["name"] = targets.names
    if targets.xyz_mm is not None:
        cells |= {axis: targets.xyz_mm[:, column] for column, axis in enumerate("xyz")}
    columns: Sidecar = {"participant": {"Description": "Whose electrode"}} if result.owners else {}
    columns |= target_columns(targets)
    for label, stats in result.values.items():
        for stat, statistics in stats.items():
            for statistic, values in statistics.items():
                name = f"{label}_{stat}" + ("" if statistic == "value" else f"_{statistic}")
                cells[name] = values
                columns[name] = {"Description": _words(result, label, stat, statistic)}
    yield file, table_bytes(targets, cells, columns)
    sources = {"Sources": [f"bids::{names.table_file(stem, targets.kind)}" for stem in _stems(result)]}
    what = (
        "One row a participant's electrode." if result.owners else "One row a target: statistics over participants."
    )
    yield file.with_suffix(".json"), json_text({"Description": what, **sources, **facts, **columns}).encode()
