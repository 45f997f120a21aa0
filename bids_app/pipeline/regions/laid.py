"""Which of the atlases that were asked for can be laid on which results, and their labels there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bids_app import dataset, regions
from bids_app.boundary import boundary
from bids_app.errors import ConcordError, DataError
from bids_app.execution import Unit
from bids_app.pipeline.job.atlases import Atlases, require_masks
from bids_app.records import TRAITS, TargetKind, Targets
from bids_app.records.regions.atlases import Atlas, Placed


@dataclass(frozen=True)
class Laid:
    """Atlases on targets; `notes` of what a reader must know, `refusals` of those that have no region there, by what
    they were asked for as."""

    placed: tuple[tuple[Atlas, Placed], ...]
    notes: tuple[str, ...]
    refusals: Mapping[str, str]

    @property
    def files(self) -> dict[str, str]:
        """Atlas, or mask by its region → file and SHA-256."""
        return {_named(atlas): f"{atlas.path} (SHA-256 {atlas.sha256})" for atlas, _ in self.placed}


def _named(atlas: Atlas) -> str:
    return f"{atlas.name} {atlas.regions[1]}" if atlas.of_participant else atlas.name


def fitting(atlases: Sequence[Atlas], kind: TargetKind, space: str) -> Atlas | str:
    """Of the files of one atlas the one for targets of a kind and space, the same space first; or why there is none.

    Parameters
    ----------
    atlases : its files.
    kind, space : of the targets.
    """
    against = {number: regions.why_not(one, kind, space) for number, one in enumerate(atlases)}
    usable = [one for number, one in enumerate(atlases) if not against[number]]
    if not usable:
        return next(iter(against.values()))
    return min(usable, key=lambda one: (one.space != space, atlases.index(one)))


def lay(atlases: Atlases, masks: Sequence[Atlas], targets: Targets) -> Laid:
    """All that can be laid on targets.

    Parameters
    ----------
    atlases : that were asked for.
    masks : of the participant whose targets they are.
    targets : of a unit.
    """
    placed, notes, refusals = list[tuple[Atlas, Placed]](), list[str](), dict[str, str]()
    asked = [*atlases.asked.items(), *((f"localiser {mask.regions[1]}", (mask,)) for mask in masks)]
    for given, files in asked:
        chosen = fitting(files, targets.kind, targets.space)
        try:
            if isinstance(chosen, str):
                refusals[given] = f"{given} is not laid on {_called(targets)}: {chosen}"
                continue
            one = regions.place(chosen, targets)
        except ValueError as error:
            refusals[given] = f"{given} is not laid on {_called(targets)}: {error}"
            continue
        if not np.isin(one.labels, [*chosen.regions]).any():
            refusals[given] = f"{given} has no label at any of {len(targets.names)} {_called(targets)}"
            continue
        note = regions.note_on(chosen, targets.kind, targets.space)
        placed.append((chosen, one))
        notes += [*chosen.notes, *([note] if note else [])]
    return Laid(tuple(placed), tuple(notes), refusals)


def _called(targets: Targets) -> str:
    return f"{TRAITS[targets.kind].nouns} in {targets.space}"


def require_some_laid(atlases: Atlases, units: Iterable[Unit]) -> list[str]:
    """What to say, before anything is computed, of atlases and masks that some results cannot have.

    Parameters
    ----------
    atlases : that were asked for.
    units : that are planned; the first one's targets of each kind and space are looked at.

    Raises
    ------
    DataError : an atlas can be laid on none of them.
    NoInput : nobody has a mask.
    """
    units = tuple(units)
    if not units:
        return []
    lines = require_masks(atlases, sorted({unit.participant for unit in units}))
    firsts = {(unit.kind, unit.space): unit for unit in reversed(units)}
    said: dict[str, list[str]] = {given: [] for given in atlases.asked}
    for unit in firsts.values():
        lost: list[ConcordError] = []
        with boundary(lost.append):
            targets = dataset.load_targets(unit.recordings[0])
            laid = lay(atlases, (), targets)
            for given, line in laid.refusals.items():
                if given in said:
                    said[given].append(line)
    # electrodes of one participant may lie where an atlas has no label, and those of others not
    fixed = [kind for kind, _ in firsts if kind != "electrodes"]
    for refusals in said.values():
        if fixed and len(refusals) == len(firsts):
            raise DataError(refusals[0], "--atlas", "take an atlas of the space that results are in")
        lines += [f"regions: {line}" for line in refusals]
    return lines
