"""What the group level needs participants' responses again for: their mean response, and ceilings between them."""

from __future__ import annotations

from collections.abc import Container, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from bids_app import group, outputs
from bids_app.boundary import boundary
from bids_app.disk import locked
from bids_app.errors import ConcordError, DataError
from bids_app.execution import Unit
from bids_app.group import GroupKey
from bids_app.pipeline.job.job import Job
from bids_app.pipeline.judge import Judge
from bids_app.pipeline.participants import PATIENCE_S, told_of
from bids_app.pipeline.runs.rows import Rows, choose_rows
from bids_app.pipeline.runs.shared_runs import SharedResponses, noise_ceilings_of, shared_responses
from bids_app.pipeline.runs.subspace_cache import SubspaceCache
from bids_app.pipeline.unit.fit_unit import fit_mean_response
from bids_app.pipeline.unit.task import UnitTask
from bids_app.pipeline.watching.progress import Progress, Work
from bids_app.records import SharedStimulusResult


def fit_mean_responses(
    judge: Judge, counted: Container[str], cache: SubspaceCache, progress: Progress, folder: Path
) -> tuple[dict[GroupKey, SharedStimulusResult], int]:
    """What participants' BOLD responses give together where they heard the same.

    Electrodes, and each participant's own space, are not common to participants.

    Parameters
    ----------
    judge : what the run was asked for, and what can be computed.
    counted : stems of the participants' units whose results count.
    cache : shared subspaces that were fitted already; added to.
    progress : takes rows of status.tsv, and lines.
    folder : takes files of noise ceilings, for as long as these are asked for.

    Returns
    -------
    By group, the fit of the mean response and each participant's noise ceiling, or why there are none; and how many
    fits of a mean response failed.
    """
    job, library = judge.job, judge.library
    members = _members([unit for unit in judge.preflight.units if unit.stem in counted], job.analysis.pool)
    if not job.analysis.group.mean_response:
        return {key: _none("not asked for (group: mean_response)") for key in members}, 0
    results: dict[GroupKey, SharedStimulusResult] = {}
    failed, rows = 0, choose_rows(job, library, "fmri")
    for key, units in members.items():
        if key.modality != "fmri" or key.space in group.INDIVIDUAL:
            continue
        stem = group.shared_stem([unit.stem for unit in units])
        work = progress.start(_row(stem), "group")
        lost: list[ConcordError] = []
        work.say(f"{len(units)} participants")
        with boundary(lost.append), work.running(), _responses(units, rows, job, work) as shared:
            task = UnitTask(_mean_unit(stem, units[0]), alignments=judge.preflight.alignments, stages=work.stages)
            results[key] = _fit_shared(task, shared, job, rows, cache, work, folder)
            failed += results[key].mean is None
        for error in lost:
            results[key] = _none(str(error))
            if isinstance(error, DataError):
                work.say(f"skipped: {error}")
                work.record("skipped", str(error))
            else:
                work.fail(error)
                failed += 1
    return results, failed


def _members(units: Sequence[Unit], pool: Sequence[str]) -> dict[GroupKey, list[Unit]]:
    """Units by the group that they belong to."""
    members: dict[GroupKey, list[Unit]] = {}
    for unit in units:
        key = group.group_key(unit.stem, unit.modality, unit.kind, unit.space, pool)
        members.setdefault(key, []).append(unit)
    return members


def _none(why: str) -> SharedStimulusResult:
    return SharedStimulusResult(f"none: {why}", f"none: {why}")


def _row(stem: str) -> str:
    return f"{stem} (mean response)"


def _responses(units: Sequence[Unit], rows: Rows, job: Job, work: Work) -> AbstractContextManager[SharedResponses]:
    return shared_responses(units, rows, job.options.scratch_dir, work.stages, job.analysis.group_spec())


def _mean_unit(stem: str, first: Unit) -> Unit:
    return Unit(stem, "group", first.modality, first.kind, first.space, ())


def _fit_shared(
    task: UnitTask, shared: SharedResponses, job: Job, rows: Rows, cache: SubspaceCache, work: Work, folder: Path
) -> SharedStimulusResult:
    """Ceilings between participants, and the fit of their mean response, whose failure costs a row of its own."""
    ceilings, ceiling = noise_ceilings_of(shared, folder / f"{task.unit.stem}_ceilings")
    lost: list[ConcordError] = []
    with boundary(lost.append):
        mean, n_participants = fit_mean_response(task, job, rows, shared, cache)
        with locked(outputs.lock_path(job.out_dir, None), work.progress.notify, PATIENCE_S):
            outputs.write_mean_response(job.out_dir, mean, n_participants)
    for error in lost:
        reason = work.fail(error)
        return SharedStimulusResult(f"none: the fit of the mean response failed: {reason}", ceiling, None, ceilings)
    work.record("done", told_of(mean))
    work.say("done")
    runs = f"{len(shared.heard)} run{'' if len(shared.heard) == 1 else 's'}"
    words = f"the mean response of {len(shared.numbers)} participants to {runs} they share"
    return SharedStimulusResult(words, ceiling, mean, ceilings)
