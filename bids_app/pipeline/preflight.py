"""Every recording's account of its time, and which recordings can be used, before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from bids_app import dataset, execution
from bids_app.errors import ConcordError, DataError, NoInput, UsageError
from bids_app.execution import Unit
from bids_app.pipeline.job.job import Job, Notify
from bids_app.pipeline.job.stimulus_library import StimulusLibrary
from bids_app.records import (
    Alignment,
    AlignmentLine,
    Excluded,
    FoundRecordings,
    Recording,
    group_findings,
    refusal_lines,
    warnings_of,
)


@dataclass(frozen=True)
class Preflight:
    """What can be computed.

    Parameters
    ----------
    units : recordings that are fitted together.
    alignments : recording label → how its times agree, of those too that are refused for it.
    unused : recordings that cannot be used, and why.
    """

    units: tuple[Unit, ...]
    alignments: Mapping[str, Alignment]
    unused: tuple[Excluded, ...]

    @property
    def participants(self) -> list[str]:
        """Everybody who was recorded, sorted."""
        return sorted({unit.participant for unit in self.units} | {one.participant for one in self.unused})

    def of(self, participant: str) -> tuple[Excluded, ...]:
        """One participant's recordings that cannot be used."""
        return tuple(one for one in self.unused if one.participant == participant)

    def require_units(self, job: Job) -> None:
        """Raises NoInput where nothing can be used and something is to be fitted."""
        if not self.units and job.options.levels != ("group",):
            first = f" (first: {self.unused[0].reason})" if self.unused else ""
            raise NoInput(f"none of {len(self.unused)} recordings can be used{first}", job.options.bids_dir)


def check_recordings(recordings: FoundRecordings, job: Job, library: StimulusLibrary, notify: Notify) -> Preflight:
    """Read and check the clock, and every stimulus, of every recording.

    Parameters
    ----------
    recordings : all that the data set has, usable or not.
    job : what the run was asked for.
    library : stimuli and their features.
    notify : takes one line at a time.

    Returns
    -------
    Usable units, how recordings' times agree, and what cannot be used.

    Raises
    ------
    UsageError : where two units would write the same files.
    """
    alignments, usable, unused = {}, [], list(recordings.excluded)
    for recording in recordings.recordings:
        try:
            placed, about_audio = _placed(recording, job, library)
            alignment = _account(placed, job, library)
            alignment = replace(alignment, lines=(*alignment.lines, *about_audio))
            alignments[recording.label] = alignment
            _require_no_refusal(alignment)
            usable.append(placed)
        except (UsageError, MemoryError):
            raise
        except Exception as error:  # a recording costs its own row alone, whatever is wrong with it
            reason = execution.reason_of(error, (ConcordError, OSError))
            unused.append(Excluded(recording.participant, recording.label, reason))
    for notice in group_findings(warnings_of(alignments.values())):
        notify(f"warning: {notice.line}")
    for line in refusal_lines(unused):
        notify(line)
    return Preflight(execution.plan_units(usable, job.analysis.pool), alignments, tuple(unused))


def _placed(recording: Recording, job: Job, library: StimulusLibrary) -> tuple[Recording, tuple[AlignmentLine, ...]]:
    """The recording with its playings where its audio channel puts them, where that is asked for."""
    audio = job.analysis.alignment.spec()
    if audio is None or recording.kind != "electrodes":
        return recording, ()
    epoch = job.analysis.design_spec(recording.modality).epoch
    allowed = dataset.limits(recording.modality, 1 / recording.rate_hz, None if epoch is None else epoch.window_s)
    found = dataset.place_by_audio(recording, partial(library.with_sound, recording), audio, allowed)
    return replace(recording, stimuli=found.stimuli), found.lines


def _account(recording: Recording, job: Job, library: StimulusLibrary) -> Alignment:
    """How its times agree, and what was noticed when its files were looked for."""
    heard = [(event, library.played(recording, event)) for event in recording.stimuli]
    epoch = job.analysis.design_spec(recording.modality).epoch
    alignment = dataset.align(recording, heard, None if epoch is None else epoch.window_s)
    if recording.kind == "electrodes":
        alignment = dataset.with_electrodes(alignment, recording, job.analysis.response_spec(recording.modality))
    if recording.modality == "fmri":
        alignment = dataset.with_confounds(alignment, recording, job.analysis.response_spec("fmri"))
    found = [AlignmentLine("warning", "files", text) for text in recording.warnings]
    known = {line.text for line in alignment.lines}
    return replace(alignment, lines=(*alignment.lines, *(line for line in found if line.text not in known)))


def _require_no_refusal(alignment: Alignment) -> None:
    refusals = alignment.of("refusal")
    if refusals:
        raise DataError("; ".join(refusals))
