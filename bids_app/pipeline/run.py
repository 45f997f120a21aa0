"""The straight line.

bids_dir → recordings → stimuli → features → responses → design → fit → partition → inference → derivatives → report
→ out_dir
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from bids_app import __version__, disk, execution, outputs
from bids_app.boundary import known_error
from bids_app.errors import NoInput, OutOfMemory
from bids_app.execution import RunLog, StatusBook
from bids_app.inputs.homes import named
from bids_app.inputs.laid_out import laid_out
from bids_app.pipeline.accounts import Accounts
from bids_app.pipeline.dry_run import show_plan
from bids_app.pipeline.foreseen import Foreseen, foresee
from bids_app.pipeline.job.find_recordings import find_recordings
from bids_app.pipeline.job.job import Job, Notify, make_job
from bids_app.pipeline.job.stimulus_library import StimulusLibrary
from bids_app.pipeline.judge import Judge, Members
from bids_app.pipeline.preflight import check_recordings
from bids_app.pipeline.regions.laid import require_some_laid
from bids_app.pipeline.watching.progress import Progress
from bids_app.pipeline.watching.screen import Screen
from bids_app.records import FoundRecordings, baseline_band
from bids_app.settings.run_options import RunOptions


def run(options: RunOptions, screen: Screen) -> int:
    """Run the levels asked for.

    Parameters
    ----------
    options : the command line, resolved.
    screen : what it is watched through.

    Returns
    -------
    The exit code: 0, or 1 where some recordings failed.

    Raises
    ------
    ConcordError : (with its exit code) what stops everything before any computing, and bugs outside of recordings
        and units.
    """
    job = make_job(options)
    atlases = job.atlases if options.regions.any else None  # what is wrong with them is said before all else
    outputs.require_own(job.out_dir, job.hash)
    library = StimulusLibrary(job)
    accounts = Accounts(job, library)
    with execution.open_log(job.out_dir / "logs") as log, _kept(log, job), named(_homes(options)):
        log.begin(options.command, __version__)
        screen = screen.logged(log.also)
        notify = screen.say
        recordings = find_recordings(job.options, notify)
        preflight = check_recordings(recordings, job, accounts, notify)
        judge = Judge(job, library, accounts, preflight)
        foreseen = foresee(judge)
        for line in require_some_laid(atlases, preflight.units) if atlases else ():
            notify(line)
        if job.options.dry_run:
            return _foretell(judge, foreseen, recordings, notify)
        foreseen.require_some(preflight.units)
        return _compute(judge, foreseen, recordings, log, screen, options.models.device)


def _homes(options: RunOptions) -> tuple[Path, ...]:
    """Where links of the data set may lead."""
    return (*options.named_folders, *laid_out(options.bids_dir).homes)


def _kept(log: RunLog, job: Job) -> AbstractContextManager[None]:
    """The log is kept whatever ends a run; a dry run leaves its plan alone, unless there is an error."""
    return nullcontext() if job.options.dry_run else log.kept_beside(job.out_dir)


def _foretell(judge: Judge, foreseen: Foreseen, recordings: FoundRecordings, notify: Notify) -> int:
    """The dry run. Returns the exit code that the run would have; raises what would end it."""
    job, preflight = judge.job, judge.preflight
    failed = show_plan(judge, foreseen, notify)
    preflight.require_units(job)
    foreseen.require_some(preflight.units)
    if "participant" in job.options.levels and not job.options.reports_only:
        failed += sum(map(preflight.fails, preflight.unused))
    if "group" in job.options.levels:
        members = judge.members(recordings, StatusBook(job.out_dir, notify).rows())
        failed += _foretell_group(judge, members, notify)
    return 1 if failed else 0


def _foretell_group(judge: Judge, members: Members, notify: Notify) -> int:
    """How much of the group level fails for what OUT_DIR holds now. Raises NoInput where it is asked for alone, and
    nobody has results."""
    job, preflight = judge.job, judge.preflight
    if "participant" in job.options.levels:  # what this one writes first counts then
        planned = {unit.stem for unit in preflight.units}
        nobody = not planned and not members.counted
        return nobody + sum(one.state != "superseded" and one.stem not in planned for one in members.left_out)
    for line in members.lines:
        notify(f"group: {line}")
    members.require_somebody(job.out_dir)
    unused = 0 if job.options.reports_only and members.counted else sum(map(preflight.fails, preflight.lost))
    return len(members.left_out) + preflight.could_have(members.missing) + unused


def _compute(
    judge: Judge, foreseen: Foreseen, recordings: FoundRecordings, log: RunLog, screen: Screen, device: str
) -> int:
    """All that a dry run leaves out, and need not import; the device is the one that was asked for. Returns the exit
    code; raises NoInput."""
    from bids_app.pipeline.group_level import run_group
    from bids_app.pipeline.participants import record_refusals, run_participants
    from bids_app.pipeline.runs.subspace_cache import SubspaceCache

    job, preflight, notify = judge.job, judge.preflight, screen.say
    if not outputs.holds_results(job.out_dir):
        preflight.require_units(job)  # before anything is left behind
    if "participant" in job.options.levels and job.options.on_cluster:
        from bids_app.pipeline.cluster.opening import require_scheduler

        require_scheduler(job.options)
    outputs.prepare(job.out_dir, _data_set_facts(job, recordings.datasets), notify)
    log.keep()
    _sweep(job.options)
    book, cache, failed = StatusBook(job.out_dir, notify), SubspaceCache(), 0
    progress = Progress(book, screen)
    if not preflight.units and "participant" in job.options.levels:
        record_refusals(judge, progress)
        preflight.require_units(job)
    if job.options.features_only:
        return _features_alone(judge, foreseen, progress, device)
    if "participant" in job.options.levels:
        if not job.options.reports_only:
            book.forget({*preflight.participants})
        if job.options.on_cluster:
            failed += _by_others(judge, foreseen, progress, device)
        else:
            failed += run_participants(judge, foreseen, cache, progress)
    if "group" in job.options.levels:
        try:
            failed += run_group(judge, recordings, cache, progress)
        except (NoInput, MemoryError, OutOfMemory) as error:  # what was done before it counts
            if "participant" not in job.options.levels:
                raise
            progress.start("group", "group").fail(known_error(error))
            failed += 1
    _summarise(job, progress)
    return 1 if failed else 0


def _features_alone(judge: Judge, foreseen: Foreseen, progress: Progress, device: str) -> int:
    """Features that units lack. Returns the exit code."""
    from bids_app.pipeline.participants import make_missing_features

    for one in foreseen.units:
        progress.notify(f"{one.label}: cannot be fitted: {one.reason}")
    if judge.job.options.on_cluster:
        failed = _by_others(judge, foreseen, progress, device)
    else:
        failed = make_missing_features(judge, foreseen, progress)
    there = "all are there that units need" + (", but for those that cannot be fitted" if foreseen.units else "")
    progress.notify(f"features: {f'{failed} could not be made' if failed else there}")
    return 1 if failed or foreseen.units else 0


def _by_others(judge: Judge, foreseen: Foreseen, progress: Progress, device: str) -> int:
    """The participant level in other processes. Returns how much failed."""
    from bids_app.pipeline.on_cluster import run_participants_on_cluster

    options = judge.job.options
    try:
        return run_participants_on_cluster(judge, foreseen, progress, device, _homes(options))
    finally:
        _sweep(options)  # what a worker was at that was killed


def _sweep(options: RunOptions) -> None:
    """Take away what processes that were killed left; what living ones are at stays."""
    disk.sweep_parts(options.out_dir)
    for folder in {options.scratch_dir, options.out_dir / "logs"}:  # that of shares lies in OUT_DIR in any case
        disk.sweep_scratch(folder)
    outputs.recover_all(options.out_dir)


def _data_set_facts(job: Job, datasets: Mapping[str, Path]) -> outputs.DataSetFacts:
    """What the data set's own files say."""
    from bids_app.pipeline.unit.provenance import analysis_provenance

    return outputs.DataSetFacts(
        analysis=analysis_provenance(job),
        resolved=job.resolved,
        datasets=datasets,
        version=__version__,
        baseline=tuple(map(baseline_band, job.analysis.baseline.spaces)),
        controls=job.analysis.all_controls,
    )


def _summarise(job: Job, progress: Progress) -> None:
    """The last line: how many of what, and where to look."""
    counts = Counter(row.status for row in progress.book.rows())
    counted = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    reports = "group.html" if "group" in job.options.levels else "sub-*.html"
    progress.notify(f"{counted}: see {job.out_dir / 'status.tsv'} and {job.out_dir / reports}")
