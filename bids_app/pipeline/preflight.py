"""Every stimulus is read and checked before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bids_app import dataset, execution
from bids_app.errors import ConcordError, NoInput, UsageError
from bids_app.execution import Unit
from bids_app.pipeline.job.job import Job, Notify
from bids_app.pipeline.job.stimulus_library import StimulusLibrary
from bids_app.records import Excluded, FoundRecordings, Recording, StimulusCheck


@dataclass(frozen=True)
class Preflight:
    """What can be computed.

    Parameters
    ----------
    units : recordings that are fitted together.
    checks : recording label → one check a stimulus.
    unused : recordings that cannot be used, and why.
    """

    units: tuple[Unit, ...]
    checks: Mapping[str, tuple[StimulusCheck, ...]]
    unused: tuple[Excluded, ...]

    @property
    def participants(self) -> list[str]:
        """Everybody who was recorded, sorted."""
        return sorted({unit.participant for unit in self.units} | {one.participant for one in self.unused})


def check_recordings(recordings: FoundRecordings, job: Job, library: StimulusLibrary, notify: Notify) -> Preflight:
    """Read and check every stimulus of every recording.

    Parameters
    ----------
    recordings : all that the data set has, usable or not.
    job : what the run was asked for.
    library : stimuli and their features.
    notify : takes one line at a time.

    Returns
    -------
    Usable units, checks of their stimuli, and what cannot be used.

    Raises
    ------
    NoInput : where nothing can be used.
    UsageError : where two units would write the same files.
    """
    checks, usable, unused = {}, [], list(recordings.excluded)
    for recording in recordings.recordings:
        try:
            checks[recording.label] = _checks(recording, library)
            usable.append(recording)
        except (UsageError, MemoryError):
            raise
        except Exception as error:  # a recording costs its own row alone, whatever is wrong with it
            reason = execution.reason_of(error, (ConcordError, OSError))
            unused.append(Excluded(recording.participant, recording.label, reason))
    for one in unused:
        notify(f"cannot use {one.label}: {one.reason}")
    units = execution.plan_units(usable, job.analysis.pool)
    if not units and job.options.levels != ("group",):
        first = f" (first: {unused[0].reason})" if unused else ""
        raise NoInput(f"none of {len(unused)} recordings can be used{first}", job.options.bids_dir)
    return Preflight(units, checks, tuple(unused))


def _checks(recording: Recording, library: StimulusLibrary) -> tuple[StimulusCheck, ...]:
    return tuple(
        dataset.stimulus_checks(recording, event, library.stimulus(recording, event)) for event in recording.stimuli
    )
