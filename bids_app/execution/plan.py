"""Which recordings are fitted together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bids_app.errors import UsageError
from bids_app.records import POOLABLE, STEM_ENTITIES, Modality, Recording, TargetKind


@dataclass(frozen=True)
class Unit:
    """Recordings of one participant, modality and space that are fitted together; `stem` names its outputs."""

    stem: str
    participant: str
    modality: Modality
    kind: TargetKind
    space: str
    recordings: tuple[Recording, ...]


def plan_units(recordings: Iterable[Recording], pool: Sequence[str]) -> tuple[Unit, ...]:
    """Group recordings that are alike in all entities but the pooled ones, sorted by stem.

    Parameters
    ----------
    recordings : usable ones.
    pool : what is pooled: session, task, run.

    Raises
    ------
    UsageError : where two units would write the same files: the same run twice, from two data sets or under two
        `desc-`.
    """
    pooled = {POOLABLE[name] for name in pool}
    groups: dict[tuple[object, ...], list[Recording]] = {}
    for recording in recordings:
        groups.setdefault(_key(recording, pooled), []).append(recording)
    units = sorted((_unit(members, pooled) for members in groups.values()), key=lambda unit: unit.stem)
    for first, second in pairwise(units):
        if first.stem == second.stem:
            raise UsageError(
                f"two sets of recordings would both be written as {first.stem}",
                f"{first.recordings[0].sources[0]} and {second.recordings[0].sources[0]}",
                "choose one with -d or --bids-filter-file",
            )
    return tuple(units)


def _key(recording: Recording, pooled: set[str]) -> tuple[object, ...]:
    kept = tuple(sorted((key, value) for key, value in recording.entities.items() if key not in pooled | {"hemi"}))
    dataset = recording.sources[0].rsplit(":", 1)[0] if recording.sources else ""
    return recording.modality, recording.kind, recording.space, dataset, kept


def _unit(members: list[Recording], pooled: set[str]) -> Unit:
    first = members[0]
    name = []
    for key in STEM_ENTITIES:
        values = {member.entities.get(key) for member in members}
        value = values.pop() if len(values) == 1 else None
        if value and not (key == "run" and "run" in pooled):
            name.append(f"{key}-{value}")
        elif key == "task" and first.modality == "ieeg":
            name.append("task-pooled")
    ordered = tuple(sorted(members, key=lambda member: member.label))
    return Unit("_".join(name), first.participant, first.modality, first.kind, first.space, ordered)
