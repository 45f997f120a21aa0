"""The participant level: every unit fitted and written, then each participant's report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bids_app import __version__, execution, outputs
from bids_app.boundary import boundary
from bids_app.errors import ReadWriteError
from bids_app.execution import StatusBook, StatusRow, Unit
from bids_app.outputs.files.serialise import read_summary
from bids_app.pipeline.job.job import Job
from bids_app.pipeline.job.stimulus_library import StimulusLibrary
from bids_app.pipeline.preflight import Preflight
from bids_app.pipeline.progress import Progress, Work
from bids_app.pipeline.runs.subspace_cache import SubspaceCache
from bids_app.pipeline.unit.fit_unit import fit_unit
from bids_app.pipeline.unit.task import UnitTask
from bids_app.records import (
    Excluded,
    UnitResult,
    UnitSummary,
    entities_of,
    group_findings,
    refusal_lines,
    warnings_of,
)

NO_TASK = ""  # of a folder that cannot be listed: what is in it is nobody's rest


def run_participants(
    job: Job, library: StimulusLibrary, preflight: Preflight, cache: SubspaceCache, progress: Progress
) -> int:
    """Fit every unit, write its derivatives and the participants' reports.

    Parameters
    ----------
    job : what the run was asked for.
    library : stimuli and their features.
    preflight : what can be computed.
    cache : shared subspaces that were fitted already; added to.
    progress : takes rows of status.tsv, and lines.

    Returns
    -------
    How many recordings and units failed.
    """
    failed = 0
    if not job.options.reports_only:
        progress.book.forget({*preflight.participants})
        failed = _record_unused(progress.book, preflight.units, preflight.unused)
        for number, unit in enumerate(preflight.units, start=1):
            work = progress.start(unit.stem, unit.participant, f"[{number}/{len(preflight.units)}] {unit.stem}")
            if failed and job.options.stop_on_first_crash:
                work.record("skipped", "stopped at the first crash")
                continue
            task = UnitTask(unit, "", preflight.alignments, preflight.of(unit.participant))
            failed += not _attempt(work, task, job, library, cache)
    for participant in preflight.participants:
        outputs.write_participant_report(job.out_dir, participant, job.planted)
    return failed


def record_refusals(job: Job, preflight: Preflight, progress: Progress) -> None:
    """Rows of status.tsv and reports of participants of whom nothing can be used, whoever else is in the run.

    Parameters
    ----------
    job : what the run was asked for.
    preflight : what can be used, and what cannot.
    progress : takes rows of status.tsv.
    """
    lost = {*preflight.participants} - {unit.participant for unit in preflight.units}
    _record_unused(progress.book, preflight.units, [one for one in preflight.unused if one.participant in lost])
    for participant in sorted(lost):
        outputs.write_participant_report(job.out_dir, participant, job.planted)


def _record_unused(book: StatusBook, units: Sequence[Unit], unused: Sequence[Excluded]) -> int:
    """Unused recordings fail, but those of a task that nobody has a stimulus for (rest) are skipped."""
    tasks = {recording.entities.get("task", "") for unit in units for recording in unit.recordings} | {NO_TASK}
    failed = 0
    for one in unused:
        fails = one.undecided or entities_of(one.label).get("task", NO_TASK) in tasks
        failed += fails
        book.record(StatusRow(one.label, one.participant, "failed" if fails else "skipped", reason=one.reason))
    return failed


def told_of(unit: UnitResult | UnitSummary) -> str:
    """What whoever reads only status.tsv must know of a unit: its warnings, and recordings that are not in it."""
    return "; ".join((*unit.warnings, *refusal_lines(unit.excluded)))


def _attempt(work: Work, task: UnitTask, job: Job, library: StimulusLibrary, cache: SubspaceCache) -> bool:
    """One unit, isolated: its failure costs a row of status.tsv and nothing else. Returns whether all is well."""
    with boundary(work.fail):
        return _fit_and_write(work, task, job, library, cache)
    return False


def _fit_and_write(work: Work, task: UnitTask, job: Job, library: StimulusLibrary, cache: SubspaceCache) -> bool:
    unit, key = task.unit, _unit_key(task, job, library)
    done = None if job.options.force else _done(job.out_dir, unit.stem, key)
    if done is not None:
        work.say("reused")
        work.record("reused", told_of(done))
        return True
    work.say(f"{len(unit.recordings)} recordings")
    result = fit_unit(replace(task, key=key), job, library, cache)
    outputs.write_unit(job.out_dir, result)
    lost = [one for one in result.excluded if one not in task.unused]
    for one in lost:
        work.progress.book.record(StatusRow(one.label, one.participant, "failed", reason=one.reason))
    known = {notice.line for notice in group_findings(warnings_of(result.alignments))}  # told by preflight
    for line in (*(f"warning: {line}" for line in result.warnings if line not in known), *refusal_lines(lost)):
        work.say(line)
    work.record("done", told_of(result))
    work.say(f"done in {work.seconds:.0f} s")
    return not lost


def _done(out_dir: Path, stem: str, key: str) -> UnitSummary | None:
    """The unit's results, if they are there, of this key and in today's format."""
    try:
        summary = read_summary(outputs.summary_path(out_dir, stem), UnitSummary)
    except ReadWriteError:
        return None
    return summary if execution.is_done(out_dir, summary, key) else None


def _unit_key(task: UnitTask, job: Job, library: StimulusLibrary) -> str:
    """What decides a unit's numbers and what is said of its recordings, hashed."""
    recordings = task.unit.recordings
    features = [
        key for recording in recordings for event in recording.stimuli for key in library.keys(recording, event)
    ]
    accounts = [repr(task.alignments.get(recording.label)) for recording in recordings]
    refused = [one.label for one in task.unused]
    return execution.unit_key(task.unit, job.hash, __version__, (*features, *accounts, *refused))
