"""The participant level: every unit fitted and written, then each participant's report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bids_app import __version__, execution, outputs
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
from bids_app.records import Excluded, UnitSummary, entities_of


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
            unused = tuple(one for one in preflight.unused if one.participant == unit.participant)
            failed += not _attempt(work, UnitTask(unit, "", preflight.checks, unused), job, library, cache)
    for participant in preflight.participants:
        outputs.write_participant_report(job.out_dir, participant, job.planted)
    return failed


def _record_unused(book: StatusBook, units: Sequence[Unit], unused: Sequence[Excluded]) -> int:
    """Unused recordings fail, but those of a task that nobody has a stimulus for (rest) are skipped."""
    tasks = {recording.entities.get("task", "") for unit in units for recording in unit.recordings}
    failed = 0
    for one in unused:
        fails = one.undecided or entities_of(one.label).get("task", "") in tasks
        failed += fails
        book.record(StatusRow(one.label, one.participant, "failed" if fails else "skipped", reason=one.reason))
    return failed


def _attempt(work: Work, task: UnitTask, job: Job, library: StimulusLibrary, cache: SubspaceCache) -> bool:
    """One unit, isolated: its failure costs a row of status.tsv and nothing else. Returns whether all is well."""
    try:
        return _fit_and_write(work, task, job, library, cache)
    except Exception as error:
        work.fail(error)
        return False


def _fit_and_write(work: Work, task: UnitTask, job: Job, library: StimulusLibrary, cache: SubspaceCache) -> bool:
    unit, key = task.unit, _unit_key(task.unit, job, library)
    if not job.options.force and _is_done(job.out_dir, unit.stem, key):
        work.say("reused")
        work.record("reused")
        return True
    work.say(f"{len(unit.recordings)} recordings")
    result = fit_unit(UnitTask(unit, key, task.checks, task.unused), job, library, cache)
    outputs.write_unit(job.out_dir, result)
    lost = [one for one in result.excluded if one not in task.unused]
    for one in lost:
        work.progress.book.record(StatusRow(one.label, one.participant, "failed", reason=one.reason))
        work.say(f"cannot use {one.label}: {one.reason}")
    work.record("done", "; ".join(result.warnings))
    work.say(f"done in {work.seconds:.0f} s")
    return not lost


def _is_done(out_dir: Path, stem: str, key: str) -> bool:
    """Whether the unit's results are there, of this key and in today's format."""
    try:
        summary = read_summary(outputs.summary_path(out_dir, stem), UnitSummary)
    except ReadWriteError:
        return False
    return execution.is_done(out_dir, summary, key)


def _unit_key(unit: Unit, job: Job, library: StimulusLibrary) -> str:
    """What decides a unit's numbers, hashed."""
    features = [
        key for recording in unit.recordings for event in recording.stimuli for key in library.keys(recording, event)
    ]
    return execution.unit_key(unit, job.hash, __version__, features)
