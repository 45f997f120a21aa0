"""Which participants' units belong together: the one rule, for mean responses and for results alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bids_app.records import POOLABLE, Modality, TargetKind, entities_of
from bids_app.records.results import UnitReader


@dataclass(frozen=True, order=True)
class GroupKey:
    """What units of one group have in common, whoever is in it.

    entities : (name, value) of their stems, but for the participant and what the analysis pools.
    """

    modality: Modality
    kind: TargetKind
    space: str
    entities: tuple[tuple[str, str], ...]


def group_key(stem: str, modality: Modality, kind: TargetKind, space: str, pool: Iterable[str]) -> GroupKey:
    """The group of a unit.

    Parameters
    ----------
    stem, modality, kind, space : of the unit, fitted or planned.
    pool : what the analysis pools: session, task, run.
    """
    pooled = {POOLABLE[name] for name in pool} | {"sub"}
    return GroupKey(modality, kind, space, tuple(pair for pair in entities_of(stem).items() if pair[0] not in pooled))


def key_of_written(unit: UnitReader) -> GroupKey:
    """The group of a unit that was written."""
    pool = unit.summary.provenance.analysis.pool
    return group_key(unit.stem, unit.modality, unit.kind, unit.summary.space, pool)


def shared_stem(stems: Sequence[str]) -> str:
    """Entities that all stems have with the same value, but the participant: what a group's files are named by."""
    first, *others = map(entities_of, stems)
    common = {pair for pair in first.items() if all(pair in other.items() for other in others)}
    return "_".join(f"{key}-{value}" for key, value in first.items() if (key, value) in common and key != "sub")
