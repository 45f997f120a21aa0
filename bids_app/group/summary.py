"""Means and spread over people, target by target, and one row a person and component."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bids_app.records import SCORES, Array, Excluded, GroupResult, Targets, WrittenUnit

POOLED = {"session": "ses", "task": "task", "run": "run"}
# Spaces in which a voxel or vertex of one person is not that of another.
INDIVIDUAL = ("T1w", "T2w", "func", "boldref", "anat", "individual", "fsnative", "native", "scanner", "orig")
Values = Mapping[str, Mapping[str, Mapping[str, Array]]]


def summarise(units: Sequence[WrittenUnit]) -> tuple[GroupResult, ...]:
    """Group units that are alike but for the person (and what the analysis pools), and join each group.

    Maps and parcels: over people, target by target, on every target that anyone has, with how many have it.
    Electrodes: everyone's, one below the other. Sorted by modality, kind, space and stem.
    """
    groups: dict[tuple[Any, ...], list[WrittenUnit]] = defaultdict(list)
    for unit in units:
        groups[_key(unit)].append(unit)
    return tuple(_result(members) for _, members in sorted(groups.items(), key=lambda item: item[0]))


def _key(unit: WrittenUnit) -> tuple[Any, ...]:
    pooled = {POOLED[name] for name in unit.summary["provenance"]["analysis"]["pool"]}
    kept = tuple(pair for pair in _pairs(unit.stem) if pair[0] not in pooled | {"sub"})
    return unit.modality, unit.targets.kind, unit.targets.space, kept


def _pairs(stem: str) -> list[tuple[str, str]]:
    pairs = [part.partition("-") for part in stem.split("_")]
    return [(key, value) for key, _, value in pairs]


def _result(members: Sequence[WrittenUnit]) -> GroupResult:
    members, left_out = _on_one_grid(members)
    first = members[0]
    if first.targets.kind == "electrodes":
        owners, targets, values = _stack(members)
        notes: tuple[str, ...] = ()
    elif first.targets.space in INDIVIDUAL:
        owners, values, targets = (), {}, replace(first.targets, names=(), index=None)
        notes = (f"{first.targets.space} is each person's own space: there is no map over people",)
    else:
        owners, notes = (), ()
        targets, values = _over_people(members)
    return GroupResult(
        stem=_shared_stem(members),
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
    """What everybody has: ceilings need repeats, and a floor what it is made of."""
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
    row: dict[str, int] = {}
    for unit in members:
        for name in unit.targets.names:
            row.setdefault(name, len(row))
    places = [np.array([row[name] for name in unit.targets.names], dtype=int) for unit in members]

    def stacked(component: str, stat: str) -> Array:
        table = np.full((len(members), len(row)), np.nan)
        for number, (unit, place) in enumerate(zip(members, places, strict=True)):
            table[number, place] = unit.partition.values[component][stat]
        return table

    values = {
        component: {
            stat: people_statistics(stacked(component, stat), stat) for stat in _common_scores(members, component)
        }
        for component in _common_components(members)
    }
    return _joined_targets(members, row, places), values


def _joined_targets(members: Sequence[WrittenUnit], row: Mapping[str, int], places: Sequence[Array]) -> Targets:
    first = members[0].targets
    if first.index is None:
        return replace(first, names=tuple(row))
    index = np.zeros((len(row), first.index.shape[1]), dtype=int)
    for unit, place in zip(members, places, strict=True):
        index[place] = unit.targets.index
    return replace(first, names=tuple(row), index=index)


def people_statistics(table: Array, stat: str) -> dict[str, Array]:
    """(n_people, n_targets) with NaN → 'mean', 'sd' (n − 1), 'n' and 'nPositive', each (n_targets,).

    The mean of correlations is taken of Fisher's z and turned back. NaN where nobody (sd: under two people) has one.
    """
    to, back = _scales(stat)
    there = np.isfinite(table)
    n = there.sum(axis=0)
    mean = back(np.where(there, to(np.where(there, table, 0.0)), 0.0).sum(axis=0) / np.where(n, n, np.nan))
    plain_mean = np.where(there, table, 0.0).sum(axis=0) / np.where(n, n, np.nan)
    squares = np.where(there, (table - plain_mean) ** 2, 0.0).sum(axis=0)
    sd = np.sqrt(squares / np.where(n > 1, n - 1, np.nan))
    return {
        "mean": mean,
        "sd": sd,
        "n": n.astype(float),
        "nPositive": (there & (table > 0)).sum(axis=0).astype(float),
    }


def _scales(stat: str) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """To the scale means are taken on, and back."""
    if stat == "r":
        return lambda values: np.arctanh(np.clip(values, -0.999999, 0.999999)), np.tanh
    return np.asarray, np.asarray
