"""Means and spread over people, target by target, and one row a person and component."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bids_app.group.group_tests import ceilings_by_person, common_controls, electrode_rows, with_ceilings, with_tests
from bids_app.group.layers import layer_rows
from bids_app.group.model_pair import group_statistics
from bids_app.group.statistics import Values, participant_statistics, participant_table
from bids_app.records import (
    SCORES,
    Array,
    Excluded,
    GroupResult,
    InferenceSpec,
    SharedStimulusResult,
    Targets,
    WrittenUnit,
)

POOLED = {"session": "ses", "task": "task", "run": "run"}
# Spaces in which a voxel or vertex of one person is not that of another.
INDIVIDUAL = ("T1w", "T2w", "func", "boldref", "anat", "individual", "fsnative", "native", "scanner", "orig")
NOT_READ = SharedStimulusResult("none: responses were not read again", "none: responses were not read again")


def summarise(
    units: Sequence[WrittenUnit],
    tests: InferenceSpec | None = None,
    together: Mapping[str, SharedStimulusResult] | None = None,
) -> tuple[GroupResult, ...]:
    """Group units that are alike but for the person (and what the analysis pools), and join each group.

    Maps and parcels: over people, target by target, on every target that anyone has, with how many have it.
    Electrodes: everyone's, one below the other. Sorted by modality, kind, space and stem. With `tests`, inference
    over people; `together`: by a group's stem, what responses read again tell of it.
    """
    groups: dict[tuple[Any, ...], list[WrittenUnit]] = defaultdict(list)
    for unit in units:
        groups[_key(unit)].append(unit)
    ordered = (members for _, members in sorted(groups.items(), key=lambda item: item[0]))
    return tuple(_result(members, tests, together or {}) for members in ordered)


def _key(unit: WrittenUnit) -> tuple[Any, ...]:
    pooled = {POOLED[name] for name in unit.summary["provenance"]["analysis"]["pool"]}
    kept = tuple(pair for pair in _pairs(unit.stem) if pair[0] not in pooled | {"sub"})
    return unit.modality, unit.targets.kind, unit.targets.space, kept


def _pairs(stem: str) -> list[tuple[str, str]]:
    pairs = [part.partition("-") for part in stem.split("_")]
    return [(key, value) for key, _, value in pairs]


def _result(
    members: Sequence[WrittenUnit], tests: InferenceSpec | None, together: Mapping[str, SharedStimulusResult]
) -> GroupResult:
    members, left_out = _on_one_grid(members)
    first, stem = members[0], _shared_stem(members)
    fit_mean_responses = together.get(stem, NOT_READ)
    owners: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    inference: Mapping[str, Any] | None = None
    rows: tuple[Mapping[str, Any], ...] = ()
    between: Mapping[str, Mapping[str, Array]] = {}
    if first.targets.kind == "electrodes":
        owners, targets, values = _stack(members)
        if tests:
            rows, inference = electrode_rows(members, tests)
    elif first.targets.space in INDIVIDUAL:
        values, targets = {}, replace(first.targets, names=(), index=None)
        notes = (f"{first.targets.space} is each person's own space: there is no map over people",)
    else:
        targets, values = _over_people(members)
        if tests:
            values, inference = with_tests(members, targets, values, tests, fit_mean_responses)
        between = ceilings_by_person(members, targets, fit_mean_responses.ceilings)
        values = with_ceilings(values, between)
    published = first.summary["provenance"]["analysis"]["fit"]["solver"] == "chen2024"
    return GroupResult(
        stem=stem,
        modality=first.modality,
        people=tuple(unit.participant for unit in members),
        targets=targets,
        units=first.partition.units,
        values=values,
        by_person=tuple(row for unit in members for row in _rows(unit)),
        owners=owners,
        left_out=left_out,
        notes=notes,
        further=first.partition.further,
        beside=common_controls(members),
        layers=layer_rows(members),
        inference=inference,
        electrodes=rows,
        ceiling=fit_mean_responses.ceiling,
        between=between,
        published=published,
        findings=group_statistics(members, published),
        asked_about=(first.summary["findings"] or {"between": None})["between"],
    )


def _shared_stem(members: Sequence[WrittenUnit]) -> str:
    """Entities that all have with the same value, but the person."""
    common = set(_pairs(members[0].stem)).intersection(*(_pairs(unit.stem) for unit in members))
    return "_".join(
        f"{key}-{value}" for key, value in _pairs(members[0].stem) if (key, value) in common and key != "sub"
    )


def _on_one_grid(members: Sequence[WrittenUnit]) -> tuple[list[WrittenUnit], tuple[Excluded, ...]]:
    """Those on the grid that most have; the others are named."""
    grids = Counter(_grid(unit.targets) for unit in members)
    most, _ = grids.most_common(1)[0]
    kept = [unit for unit in members if _grid(unit.targets) == most]
    reason = f"its grid differs from that of {len(kept)} others: resample to one"
    others = [unit for unit in members if _grid(unit.targets) != most]
    return kept, tuple(Excluded(unit.participant, unit.stem, reason) for unit in others)


def _grid(targets: Targets) -> tuple[Any, ...]:
    affine = () if targets.affine is None else tuple(np.round(np.ravel(targets.affine), 3).tolist())
    return tuple(targets.shape), affine


def _rows(unit: WrittenUnit) -> list[dict[str, Any]]:
    return [
        {"participant": unit.participant, "unit": unit.stem, "component": component, "stat": stat, **spread["usable"]}
        for component, stats in unit.summary["components"].items()
        for stat, spread in stats.items()
    ]


def _common_components(members: Sequence[WrittenUnit]) -> list[str]:
    return [name for name in members[0].partition.values if _common_scores(members, name)]


def _common_scores(members: Sequence[WrittenUnit], component: str) -> list[str]:
    """What everybody has: ceilings need repeats, and a baseline what it is made of."""
    everyones = [unit.partition.values.get(component, {}) for unit in members]
    return [stat for stat in SCORES if all(stat in stats for stats in everyones)]


# ------------------------------------------------------------------------------------------------ electrodes
def _stack(members: Sequence[WrittenUnit]) -> tuple[tuple[str, ...], Targets, Values]:
    """Everyone's electrodes: whose, where, and each one's own values."""
    owners = tuple(unit.participant for unit in members for _ in unit.targets.names)
    names = tuple(name for unit in members for name in unit.targets.names)
    xyz_mm = np.concatenate([np.asarray(unit.targets.xyz_mm) for unit in members])
    first = members[0]
    values = {
        component: {
            stat: {"value": np.concatenate([unit.partition.values[component][stat] for unit in members])}
            for stat in _common_scores(members, component)
        }
        for component in _common_components(members)
    }
    return owners, replace(first.targets, names=names, xyz_mm=xyz_mm), values


# ------------------------------------------------------------------------------------------------ common targets
def _over_people(members: Sequence[WrittenUnit]) -> tuple[Targets, Values]:
    """Statistics on the targets that anyone has."""
    targets = _joined_targets(members)
    values = {
        component: {
            stat: participant_statistics(participant_table(members, targets.names, component, stat), stat)
            for stat in _common_scores(members, component)
        }
        for component in _common_components(members)
    }
    return targets, values


def _joined_targets(members: Sequence[WrittenUnit]) -> Targets:
    row: dict[str, int] = {}
    for unit in members:
        for name in unit.targets.names:
            row.setdefault(name, len(row))
    first = members[0].targets
    if first.index is None:
        return replace(first, names=tuple(row))
    index = np.zeros((len(row), first.index.shape[1]), dtype=int)
    for unit in members:
        index[[row[name] for name in unit.targets.names]] = unit.targets.index
    return replace(first, names=tuple(row), index=index)
