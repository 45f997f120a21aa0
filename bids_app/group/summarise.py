"""Means and spread over participants, target by target, and one row a participant and component."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from bids_app.group.group_tests import (
    common_controls,
    electrode_rows,
    prevalence_labels,
    with_tests,
)
from bids_app.group.layers import layer_rows
from bids_app.group.maps.ceilings import CeilingsByParticipant, with_ceilings
from bids_app.group.maps.grids import on_one_grid
from bids_app.group.maps.over_participants import common_components, common_scores, over_participants
from bids_app.group.maps.prevalence import prevalence_anywhere
from bids_app.group.maps.side_by_side import IN_MEMORY, Room, grid_of, side_by_side, without_values
from bids_app.group.membership import GroupKey, key_of_written, shared_stem
from bids_app.group.model_pair import group_statistics
from bids_app.group.regions.over_participants import region_rows
from bids_app.group.statistics import Values
from bids_app.records import (
    SOLVERS,
    Array,
    ElectrodeMean,
    Excluded,
    GroupInference,
    GroupResult,
    InferenceSpec,
    ParticipantScore,
    SharedStimulusResult,
    Targets,
    WrittenUnit,
)
from bids_app.records.regions.scores import GroupRegions
from bids_app.records.results import UnitReader
from bids_app.records.specs import JOINED, GroupSpec

# Spaces in which a voxel or vertex of one participant is not that of another.
UNKNOWN = "n/a"
INDIVIDUAL = (
    UNKNOWN, "T1w", "T2w", "func", "boldref", "anat", "individual", "fsnative", "native", "scanner", "orig",
)  # fmt: skip
NOT_READ = SharedStimulusResult("none: responses were not read again", "none: responses were not read again")


def summarise(
    units: Sequence[UnitReader],
    tests: InferenceSpec | None = None,
    shared: Mapping[GroupKey, SharedStimulusResult] | None = None,
    asked: GroupSpec = JOINED,
    room: Room = IN_MEMORY,
    regions: Mapping[GroupKey, GroupRegions] | None = None,
) -> tuple[GroupResult, ...]:
    """Group units that are alike but for the participant (and what the analysis pools), and join each group.

    Maps and parcels: over participants, target by target, on every target that anyone has, with how many have it.
    Electrodes: everyone's, one below the other.

    Parameters
    ----------
    units : as read back, of every participant.
    tests : how participants are flipped; None for no inference.
    shared : of each group, what responses read again gave of it.
    asked : how they are joined.
    room : where participants' maps wait, how much memory they may take, and who is told of what takes long.
    regions : of each group, what regions were read off its units.

    Returns
    -------
    One result a group, sorted by modality, kind, space and entities.
    """
    groups: dict[GroupKey, list[UnitReader]] = defaultdict(list)
    for unit in units:
        groups[key_of_written(unit)].append(unit)
    return tuple(
        _with_regions(
            _result(members, tests, (shared or {}).get(key, NOT_READ), asked, room),
            members,
            tests,
            (regions or {}).get(key),
        )
        for key, members in sorted(groups.items())
    )


def _with_regions(
    result: GroupResult, readers: Sequence[UnitReader], tests: InferenceSpec | None, regions: GroupRegions | None
) -> GroupResult:
    """The result with its regions over participants, whatever grid each one's targets are on."""
    if regions is None:
        return result
    members = [without_values(one.read(())) for one in readers]
    having = tuple((one.participant, one.stem) for one in readers if one.stem in regions.units)
    return replace(result, regions=region_rows(members, regions, tests), regions_of=having)


def _result(
    readers: Sequence[UnitReader],
    tests: InferenceSpec | None,
    shared: SharedStimulusResult,
    asked: GroupSpec,
    room: Room,
) -> GroupResult:
    left_out: tuple[Excluded, ...] = ()
    first = readers[0].read(()) if readers[0].kind != "electrodes" else readers[0].read()
    if first.targets.space not in INDIVIDUAL:
        readers, left_out = _on_one_grid(readers)
    owners: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    inference: GroupInference | None = None
    electrodes: tuple[ElectrodeMean, ...] = ()
    inter_subject: Mapping[str, Mapping[str, Array]] = {}
    members: Sequence[WrittenUnit]
    if first.targets.kind == "electrodes":
        members = [one.read() for one in readers]
        owners, targets, values = _stack(members)
        if tests:
            electrodes, inference = electrode_rows(members, tests, asked)
    elif first.targets.space in INDIVIDUAL:
        members = [without_values(one.read(())) for one in readers]
        values, targets = {}, grid_of(replace(first.targets, cifti=""))
        notes = (_why_no_map(first.targets.space),)
    else:
        side = side_by_side(readers, room.folder, room.held_bytes)
        members, targets = side.members, side.targets
        values = over_participants(side, asked.level if tests else None)
        if tests:
            values, inference = with_tests(side, values, tests, shared, asked, room)
        inter_subject = CeilingsByParticipant(side, shared.ceilings)
        values = with_ceilings(values, side, inter_subject)
    first = members[0]
    signed_rsquared = SOLVERS[first.summary.provenance.analysis.fit.solver].signed_rsquared
    pair = first.summary.model_pair
    return GroupResult(
        stem=shared_stem([unit.stem for unit in members]),
        modality=first.modality,
        participants=tuple(unit.participant for unit in members),
        targets=targets,
        groups=first.partition.groups,
        values=values,
        scores=tuple(row for unit in members for row in _scores(unit)),
        owners=owners,
        left_out=left_out,
        notes=notes,
        extra=first.partition.extra,
        controls=common_controls(members),
        layers=layer_rows(members),
        inference=inference,
        electrodes=electrodes,
        ceiling=shared.ceiling,
        inter_subject=inter_subject,
        signed_rsquared=signed_rsquared,
        statistics=group_statistics(members, signed_rsquared),
        compared_models=pair.compared_models if pair else None,
        prevalence=prevalence_anywhere(members, prevalence_labels(members), asked.level) if inference else {},
    )


def _why_no_map(space: str) -> str:
    if space == UNKNOWN:
        why = "responses' names have no space-, so voxels of two participants may be different places"
        return f"{why}: there is no map over participants (--unnamed-space LABEL states the space)"
    return f"{space} is each participant's own space: there is no map over participants"


def _on_one_grid(units: Sequence[UnitReader]) -> tuple[list[UnitReader], tuple[Excluded, ...]]:
    """Those on the grid that most have; the others are named."""
    alike = on_one_grid([unit.read_targets() for unit in units])
    reason = f"its grid differs from that of {sum(alike)} others: resample to one"
    others = [unit for unit, same in zip(units, alike, strict=True) if not same]
    kept = [unit for unit, same in zip(units, alike, strict=True) if same]
    return kept, tuple(Excluded(unit.participant, unit.stem, reason) for unit in others)


def _scores(unit: WrittenUnit) -> list[ParticipantScore]:
    return [
        ParticipantScore(unit.participant, unit.stem, label, stat, spreads.usable)
        for label, component in unit.summary.components.items()
        for stat, spreads in component.spreads.items()
    ]


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
            for stat in common_scores(members, component)
        }
        for component in common_components(members)
    }
    return owners, replace(first.targets, names=names, xyz_mm=xyz_mm), values
