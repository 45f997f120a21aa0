"""Every recording's account of its time, and which recordings can be used, before anything is computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from bids_app import execution
from bids_app.boundary import boundary
from bids_app.errors import ConcordError, DataError, NoInput, OutOfMemory, UsageError
from bids_app.execution import Unit
from bids_app.outputs.files.names import table_file
from bids_app.pipeline.accounts import Accounts
from bids_app.pipeline.job.job import Job, Notify
from bids_app.records import (
    Alignment,
    Excluded,
    FoundRecordings,
    entities_of,
    group_findings,
    refusal_lines,
    warnings_of,
)

NO_TASK = ""  # of a folder that cannot be listed: what is in it is nobody's rest


@dataclass(frozen=True)
class Preflight:
    """What can be computed.

    Parameters
    ----------
    units : recordings that are fitted together.
    alignments : recording label → how its times agree, of those too that are refused for it.
    unused : recordings that cannot be used, and why.
    warnings : of the data set as a whole.
    exhausted : whether memory ran out in every recording.
    """

    units: tuple[Unit, ...]
    alignments: Mapping[str, Alignment]
    unused: tuple[Excluded, ...]
    warnings: tuple[str, ...] = ()
    exhausted: bool = False

    @property
    def participants(self) -> list[str]:
        """Everybody who was recorded, sorted."""
        return sorted({unit.participant for unit in self.units} | {one.participant for one in self.unused})

    def of(self, participant: str) -> tuple[Excluded, ...]:
        """One participant's recordings that cannot be used."""
        return tuple(one for one in self.unused if one.participant == participant)

    def only(self, participant: str) -> Preflight:
        """What it knows of one participant.

        Parameters
        ----------
        participant : the label, without `sub-`.
        """
        units = tuple(unit for unit in self.units if unit.participant == participant)
        unused = self.of(participant)
        labels = {one.label for unit in units for one in unit.recordings} | {one.label for one in unused}
        alignments = {label: one for label, one in self.alignments.items() if label in labels}
        return Preflight(units, alignments, unused, self.warnings, self.exhausted)

    def fails(self, one: Excluded) -> bool:
        """Whether a recording that cannot be used fails, and not only is of a task that nobody has a stimulus for."""
        tasks = {recording.entities.get("task", "") for unit in self.units for recording in unit.recordings}
        return one.fails or entities_of(one.label).get("task", NO_TASK) in {*tasks, NO_TASK}

    @property
    def lost(self) -> tuple[Excluded, ...]:
        """What cannot be used of participants of whom nothing can be."""
        having = {unit.participant for unit in self.units}
        return tuple(one for one in self.unused if one.participant not in having)

    def could_have(self, missing: Iterable[str]) -> int:
        """How many participants that have no results could have some, or have failed.

        Parameters
        ----------
        missing : participants without results.
        """
        return len({*missing} - {one.participant for one in self.lost})  # whether these fail is for their own rows

    def require_units(self, job: Job) -> None:
        """Raises NoInput where nothing can be used and the participant level is asked for alone, OutOfMemory where
        memory is why. With the group level beside it, all is told by it and by rows, as of units that fail."""
        if self.units or job.options.levels == ("group",):
            return
        if self.exhausted or job.options.levels == ("participant",):
            first = f" (first: {self.unused[0].reason})" if self.unused else ""
            kind = OutOfMemory if self.exhausted else NoInput
            raise kind(f"none of {len(self.unused)} recordings can be used{first}", job.options.bids_dir)


def check_recordings(recordings: FoundRecordings, job: Job, accounts: Accounts, notify: Notify) -> Preflight:
    """Read and check the clock, and every stimulus, of every recording.

    Parameters
    ----------
    recordings : all that the data set has, usable or not.
    job : what the run was asked for.
    accounts : made, or kept, of each recording.
    notify : takes one line at a time.

    Returns
    -------
    Usable units, how recordings' times agree, and what cannot be used.

    Raises
    ------
    UsageError : where two units would write the same files: electrodes' tables have no `space-` in their names.
    """
    alignments, usable, unused = {}, [], list(recordings.excluded)
    errors: list[ConcordError] = []
    for recording in recordings.recordings:
        with boundary(errors.append):
            account = accounts.of(recording)
            alignments[recording.label] = account.alignment
            _require_no_refusal(account.alignment)
            usable.append(replace(recording, stimuli=account.playings))
            continue
        if isinstance(errors[-1], UsageError):  # of the analysis, whatever the recording
            raise errors[-1]
        unused.append(Excluded(recording.participant, recording.label, str(errors[-1]), fails=True))  # it has stimuli
    exhausted = bool(errors) and len(errors) == len(unused) and all(isinstance(one, OutOfMemory) for one in errors)
    accounts.keep()
    for notice in group_findings(warnings_of(alignments.values())):
        notify(f"warning: {notice.line}")
    for line in refusal_lines(unused):
        notify(line)
    units = execution.plan_units(usable, job.analysis.pool)
    _require_own_tables(units)
    return Preflight(units, alignments, tuple(unused), recordings.warnings, exhausted)


def _require_own_tables(units: Sequence[Unit]) -> None:
    first: dict[PurePosixPath, Unit] = {}
    for unit in units:
        other = first.setdefault(table_file(unit.stem, unit.kind), unit)
        if other is not unit:
            what = f"{other.stem} and {unit.stem} would both be written as {table_file(unit.stem, unit.kind).name}"
            places = f"{other.recordings[0].paths[0]} and {unit.recordings[0].paths[0]}"
            raise UsageError(what, places, 'choose one with --bids-filter-file, such as {"ieeg": {"space": "ACPC"}}')


def _require_no_refusal(alignment: Alignment) -> None:
    refusals = alignment.of("refusal")
    if refusals:
        raise DataError("; ".join(refusals))
