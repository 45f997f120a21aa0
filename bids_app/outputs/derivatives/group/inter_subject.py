"""Each participant's noise ceiling from the others, as maps or a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from bids_app.outputs.derivatives.maps import MappedNumber, encoded_maps
from bids_app.outputs.derivatives.sidecars import target_columns
from bids_app.outputs.derivatives.summary import spread
from bids_app.outputs.derivatives.tables import table_bytes
from bids_app.outputs.files import names
from bids_app.outputs.files.file_set import File
from bids_app.outputs.files.files import json_text
from bids_app.outputs.files.map_files import map_files
from bids_app.outputs.files.maps import has_maps
from bids_app.outputs.files.plain_numbers import finite
from bids_app.outputs.wording.group import INTER_SUBJECT_STATS
from bids_app.records import INTER_SUBJECT, TRAITS, GroupResult, NoiseCeilingSummary

MADE = "Written by the group level, from this participant's responses and those of others who heard the same: "
NO_TEST = "No p was computed; intervals are by drawing blocks of time."  # else the JSON above would say the unit's


def inter_subject_files(result: GroupResult, common: Mapping[str, object]) -> Iterator[File]:
    """The noise ceiling, its 95 % confidence interval, and the share of it: maps, or a table.

    Parameters
    ----------
    result : of a group.
    common : goes into every JSON: AnalysisHash, SoftwareVersions.
    """
    basis = {"Ceiling": result.ceiling, "Participants": list(result.participants), **common}
    for stem, stats in result.inter_subject.items():
        if has_maps(result.targets):
            yield from _maps(result, stem, basis)
        if TRAITS[result.targets.kind].layout == "maps":
            continue
        file = names.inter_subject_table_file(stem, result.targets.kind)
        columns = {
            **target_columns(result.targets),
            **{stat: {"Description": INTER_SUBJECT_STATS[stat]} for stat in stats},
        }
        about = {"Description": f"{MADE}one row a target.", **basis, **columns}
        yield file, table_bytes(result.targets, {"name": result.targets.names, **stats}, columns)
        yield file.with_suffix(".json"), json_text(about).encode()


def _maps(result: GroupResult, stem: str, basis: Mapping[str, object]) -> Iterator[File]:
    numbers = [
        MappedNumber(INTER_SUBJECT, stat, np.asarray(values), f"{MADE}{INTER_SUBJECT_STATS[stat]}.")
        for stat, values in result.inter_subject[stem].items()
    ]
    files = map_files([number.key for number in numbers], result.groups)
    name = partial(names.map_file, stem, result.targets.kind)
    yield from encoded_maps(result.targets, numbers, files, name, {"Inference": NO_TEST, **basis})


def ceiling_summary(result: GroupResult) -> NoiseCeilingSummary | None:
    """Over every participant's targets: how many there are, noise ceilings where they are known, and shares of those
    that are reliably above zero."""
    if not result.inter_subject:
        return None
    ceiling, share = (
        spread(np.concatenate([finite(stats[stat]) for stats in result.inter_subject.values()]))
        for stat in ("ceiling", "share")
    )
    return NoiseCeilingSummary(len(result.targets.names) * len(result.inter_subject), ceiling, share)
