"""The participant level: every unit fitted and written, then each participant's report."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from bids_app import outputs
from bids_app.boundary import boundary
from bids_app.disk import locked, scratch_folder
from bids_app.durations import in_words
from bids_app.errors import ConcordError
from bids_app.execution import FILES, Book, StatusRow, Unit
from bids_app.execution.cost import pace
from bids_app.pipeline.foreseen import Foreseen, Heard, features_title, features_to_make, to_compute
from bids_app.pipeline.job.job import Job, Notify
from bids_app.pipeline.job.models import CheckedModels
from bids_app.pipeline.job.stimulus_library import StimulusLibrary
from bids_app.pipeline.judge import Judge, Verdict
from bids_app.pipeline.preflight import Preflight
from bids_app.pipeline.regions.read_off import write_regions
from bids_app.pipeline.runs.subspace_cache import SubspaceCache
from bids_app.pipeline.unit.fit_unit import fit_share, fit_unit
from bids_app.pipeline.unit.task import UnitTask
from bids_app.pipeline.watching.expected import FeatureWork, expected
from bids_app.pipeline.watching.progress import Progress, Work
from bids_app.records import (
    Excluded,
    Part,
    UnitResult,
    UnitSummary,
    group_findings,
    refusal_lines,
    warnings_of,
)

STOPPED = "stopped at the first crash"
PATIENCE_S = 600.0  # for who writes a participant's files and report, or the group's


def run_participants(judge: Judge, foreseen: Foreseen, cache: SubspaceCache, progress: Progress) -> int:
    """Fit every unit that has no results of today's inputs, write its derivatives and the participants' reports.

    Parameters
    ----------
    judge : what the run was asked for, what can be computed, and which results count.
    foreseen : units that cannot be fitted: these fail at once.
    cache : shared subspaces that were fitted already; added to.
    progress : takes rows of status.tsv, and lines.

    Returns
    -------
    How many recordings and units failed.
    """
    job, preflight, failed = judge.job, judge.preflight, 0
    if not job.options.reports_only:
        failed = record_unused(progress.book, preflight, preflight.unused)
        for title, unit in titled(preflight.units):
            work = progress.start(unit.stem, unit.participant, title)
            if failed and job.options.stop_on_first_crash:
                work.record("skipped", STOPPED)
                continue
            with boundary(work.fail):
                failed += 1
                foreseen.require(unit)
                failed -= fit_and_write(work, unit, judge, foreseen.models, cache)
    for participant in preflight.participants:
        failed += write_report(judge, participant, progress)
    return failed


def make_missing_features(judge: Judge, foreseen: Foreseen, progress: Progress) -> int:
    """Features that units lack, and nothing besides.

    Parameters
    ----------
    judge : what the run was asked for, what can be computed, and which results count.
    foreseen : units that cannot be fitted: nothing is made for them.
    progress : takes lines.

    Returns
    -------
    How many could not be made.
    """
    wanted, failed = features_to_make(judge, foreseen), 0
    for number, ((label, space), heard) in enumerate(wanted.items(), start=1):
        title = f"[{number}/{len(wanted)}] {features_title(label, space)}"
        failed += not make_space(judge.library, heard, space, title, progress.notify)
        if failed and judge.job.options.stop_on_first_crash:
            break
    return failed


def make_space(library: StimulusLibrary, heard: Heard, space: str, title: str, say: Notify) -> bool:
    """One space's features of one stimulus, stored.

    Parameters
    ----------
    library : of the stimuli.
    heard : a playing in which the stimulus is heard.
    space : its name.
    title : what lines call them.
    say : takes the line that says what became of them.

    Returns
    -------
    Whether they are there.
    """
    lost: list[ConcordError] = []
    with boundary(lost.append):
        library.store(*heard, space)
    say(f"{title}: failed: {lost[0]}" if lost else f"{title}: made")
    return not lost


def titled(units: Sequence[Unit]) -> list[tuple[str, Unit]]:
    """Units, each with what lines call it."""
    return [(f"[{number}/{len(units)}] {unit.stem}", unit) for number, unit in enumerate(units, start=1)]


def record_refusals(judge: Judge, progress: Progress) -> int:
    """Rows of status.tsv and reports of participants of whom nothing can be used, whoever else is in the run.

    Parameters
    ----------
    judge : what can be used, what cannot, and which results count.
    progress : takes rows of status.tsv.

    Returns
    -------
    How many of their recordings fail.
    """
    preflight = judge.preflight
    failed = record_unused(progress.book, preflight, preflight.lost)
    for participant in sorted({one.participant for one in preflight.lost}):
        write_report(judge, participant, progress)
    return failed


def write_report(judge: Judge, participant: str, progress: Progress) -> int:
    """Regions of a participant's units whose results count, where they are asked for, and the report.

    Parameters
    ----------
    judge : which results count.
    participant : the label, without `sub-`.
    progress : knows the rows of status.tsv, and takes lines.

    Returns
    -------
    How many units have no regions, and, of reports alone, how many units' results do not count: else they are counted
    already.
    """
    job, out_dir = judge.job, judge.job.out_dir
    with locked(outputs.lock_path(out_dir, participant), progress.notify, PATIENCE_S):
        untrue = judge.untrue(participant, progress.book.rows())
        failed = write_regions(job, participant, [one.label for one in untrue], progress.notify)
        outputs.write_participant_report(out_dir, participant, judge.job.planted, untrue)
    progress.notify(f"sub-{participant}: report written")
    return failed + (len(untrue) if job.options.reports_only else 0)


def record_unused(book: Book, preflight: Preflight, unused: Sequence[Excluded]) -> int:
    """Rows of recordings that cannot be used: they fail, but where nobody has a stimulus of their task (rest) they
    are skipped.

    Parameters
    ----------
    book : takes the rows.
    preflight : what can be used.
    unused : of it, those that rows are asked of.

    Returns
    -------
    How many fail.
    """
    failed = 0
    for one in unused:
        fails = preflight.fails(one)
        failed += fails
        book.record(StatusRow(one.label, one.participant, "failed" if fails else "skipped", reason=one.reason))
    return failed


def told_of(unit: UnitResult | UnitSummary) -> str:
    """What whoever reads only status.tsv must know of a unit: its warnings, and recordings that are not in it."""
    return "; ".join((*unit.warnings, *refusal_lines(unit.excluded)))


def fit_and_write(
    work: Work,
    unit: Unit,
    judge: Judge,
    models: CheckedModels,
    cache: SubspaceCache,
    shares: Sequence[Path] = (),
) -> bool:
    """One unit, unless it has results of today's inputs.

    Parameters
    ----------
    work : takes its rows and lines.
    unit : as it is planned today.
    judge : what the run was asked for, and which results count.
    models : what was found of them, for what the unit should take.
    cache : shared subspaces that were fitted already; added to.
    shares : files of shares of its targets that others were given to fit (`fit_and_keep`).

    Returns
    -------
    Whether all of it is well.

    Raises
    ------
    ConcordError : it cannot be fitted or written.
    """
    job, preflight = judge.job, judge.preflight
    task = UnitTask(unit, "", preflight.alignments, preflight.of(unit.participant), work.stages)
    task = replace(task, shares=tuple(shares), detail=work.detail)
    key = judge.key(unit)
    there = judge.planned(unit, key)
    if done := reusable(there, judge):
        return _reuse(work, task, judge, done)
    took = _expect(work, task, judge, models)
    again = f", again: {there.why_again}" if there.state != "new" else ""
    count = len(unit.recordings)
    work.say(f"{count} recording{'' if count == 1 else 's'}{took}{again}")
    with work.running(), _scratch(job) as scratch:
        task = replace(task, key=key, save=job.save, scratch=scratch)
        result = fit_unit(task, job, judge.library, cache)
        effort, lock = work.effort, outputs.lock_path(job.out_dir, unit.participant)
        with work.stages.at(FILES), locked(lock, work.progress.notify, PATIENCE_S):
            done = reusable(judge.planned(unit, key), judge)  # another job's, since then: its group may count on it
            if done is None:
                outputs.write_unit(job.out_dir, result, effort)
    if done is not None:
        return _reuse(work, task, judge, done)
    work.record("done", told_of(result), effort)
    _remove_superseded(work, unit, judge)
    lost = _record_lost(work, task, result)
    known = {notice.line for notice in group_findings(warnings_of(result.alignments))}  # told by preflight
    for line in (*(f"warning: {line}" for line in result.warnings if line not in known), *refusal_lines(lost)):
        work.say(line)
    work.say(f"done in {effort.seconds:.0f} s")
    work.detail(work.took)
    return not lost


def fit_and_keep(work: Work, unit: Unit, judge: Judge, cache: SubspaceCache, part: Part, path: Path) -> None:
    """A share of a unit's targets, for whoever fits the unit; nothing where this has results of today's inputs, nor
    where the share is there, as its worker was lost before that was heard of.

    Parameters
    ----------
    work : takes the unit's row, that it runs, and the share's lines.
    unit : as it is planned today.
    judge : what the run was asked for, and which results count.
    cache : shared subspaces that were fitted already; added to.
    part : of the targets.
    path : of the file that the share is written into; its folder is there.

    Raises
    ------
    ConcordError : it cannot be fitted or written.
    """
    job, key = judge.job, judge.key(unit)
    if path.exists():
        work.detail("fitted already, by a worker that was lost")
        return
    if reusable(judge.planned(unit, key), judge):
        return
    with work.running(), _scratch(job) as scratch:
        task = UnitTask(unit, key, stages=work.stages, save=job.save, scratch=scratch, part=part)
        share = fit_share(task, job, judge.library, cache)
        if share is not None:
            task.write_share(path, share)
    work.detail(f"fitted in {work.seconds:.0f} s: {work.took}")


def _expect(work: Work, task: UnitTask, judge: Judge, models: CheckedModels) -> str:
    """What the unit should take, in words; nothing where it is not known."""
    lost: list[ConcordError] = []  # which the fit says, if it is more than the estimate's
    unit = task.unit
    with boundary(lost.append):
        spaces = to_compute([unit], judge.accounts, judge.library.missing)
        made = FeatureWork.of(spaces, models)
        accounts, n_targets = judge.accounts.of_unit(unit)
        seconds = expected(unit, accounts, n_targets, made, judge.job, pace(), task.fitted_here).seconds
        work.stages.expect(seconds)
        return f", about {in_words(sum(seconds.values()))}" if seconds else ""
    return ""


def reusable(there: Verdict, judge: Judge) -> UnitSummary | None:
    """The summary of results that count, unless all is to be made anew."""
    return there.summary if there.suffices and not judge.job.options.force else None


def _scratch(job: Job) -> AbstractContextManager[Path | None]:
    """A folder for what is kept of models until it is written, where anything is."""
    return scratch_folder(job.options.scratch_dir) if job.save else nullcontext()


def _reuse(work: Work, task: UnitTask, judge: Judge, done: UnitSummary) -> bool:
    """Results that are there: only what is around them is put right. Returns whether all of the unit is in them."""
    work.say("reused")
    for line in _remade_features(task.unit, judge):
        work.say(line)
    _remove_superseded(work, task.unit, judge)
    lost = _record_lost(work, task, done)
    work.record("reused", told_of(done), done.effort)
    return not lost


def _record_lost(work: Work, task: UnitTask, unit: UnitResult | UnitSummary) -> list[Excluded]:
    """Rows of recordings that preflight had nothing against and that could not be read all the same."""
    known = {one.label for one in task.unused}
    lost = [one for one in unit.excluded if one.label not in known]
    for one in lost:
        work.progress.book.record(StatusRow(one.label, one.participant, "failed", reason=one.reason))
    return lost


def _remove_superseded(work: Work, unit: Unit, judge: Judge) -> None:
    """Results of a part of the unit's recordings, from before there were more."""
    out_dir = judge.job.out_dir
    gone = judge.superseded_by(unit)
    for stem in gone:
        with locked(outputs.lock_path(out_dir, unit.participant), work.progress.notify, PATIENCE_S):
            outputs.remove_unit(out_dir, stem)
        work.say(f"removed {stem}, which it supersedes")
    if gone:
        work.progress.book.remove(gone)


def _remade_features(unit: Unit, judge: Judge) -> list[str]:
    """Make features of its stimuli anew whose files are damaged, and say so."""
    lines = []
    for recording in unit.recordings:
        for event in recording.stimuli:
            try:
                lines += [f"made {name} anew, which was damaged" for name in judge.library.remake(recording, event)]
            except ConcordError as error:  # the results rest on what it was
                lines.append(f"warning: features are damaged and cannot be made anew: {error}")
    return lines
