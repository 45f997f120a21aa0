"""What the group level needs people's responses again for: their mean response, and ceilings between people."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from bids_app import group, outputs
from bids_app.errors import ConcordError, DataError
from bids_app.execution import StatusBook, StatusRow, Unit, peak_mb
from bids_app.pipeline.job.job import Job
from bids_app.pipeline.runs.load_runs import Checks
from bids_app.pipeline.runs.shared_runs import Shared, noise_ceilings_of, shared_responses
from bids_app.pipeline.unit.fit_unit import fit_mean_response
from bids_app.records import SharedStimulusResult

LOG = logging.getLogger("concord")


def fit_mean_responses(
    job: Job, book: StatusBook, units: Sequence[Unit], checks: Checks
) -> tuple[dict[group.GroupKey, SharedStimulusResult], int]:
    """By group, what participants' BOLD responses give together where they heard the same; and how many fits of a
    mean response failed. Electrodes, and each participant's own space, are not common to participants."""
    members: dict[group.GroupKey, list[Unit]] = {}
    for unit in units:
        key = group.group_key(unit.stem, unit.modality, unit.kind, unit.space, job.analysis.pool)
        members.setdefault(key, []).append(unit)
    if not job.analysis.group.mean_response:
        return {key: _none("not asked for (group: mean_response)") for key in members}, 0
    results, failed = {}, 0
    for key, own in members.items():
        if key.modality != "fmri" or key.space in group.INDIVIDUAL:
            continue
        stem = group.shared_stem([unit.stem for unit in own])
        try:
            with shared_responses(job, own) as shared:
                results[key] = _together(job, book, stem, shared, checks)
                failed += results[key].mean is None
        except DataError as error:
            job.tell(f"{stem}: no mean response: {error}")
            book.record(StatusRow(_row(stem), "group", "skipped", reason=str(error)))
            results[key] = _none(str(error))
    return results, failed


def _none(why: str) -> SharedStimulusResult:
    return SharedStimulusResult(f"none: {why}", f"none: {why}")


def _row(stem: str) -> str:
    return f"{stem} (mean response)"


def _together(job: Job, book: StatusBook, stem: str, shared: Shared, checks: Checks) -> SharedStimulusResult:
    started = time.monotonic()
    ceilings, ceiling = noise_ceilings_of(shared)
    try:
        mean, n_people = fit_mean_response(job, stem, shared, checks)
        outputs.write_mean_response(job.out_dir, mean, n_people)
    except (ConcordError, ValueError) as error:
        LOG.exception("%s failed", _row(stem))
        book.record(StatusRow(_row(stem), "group", "failed", reason=str(error)))
        job.tell(f"{_row(stem)}: failed: {error}")
        return SharedStimulusResult(f"none: the fit of the mean response failed: {error}", ceiling, None, ceilings)
    book.record(StatusRow(_row(stem), "group", "done", round(time.monotonic() - started, 1), peak_mb()))
    job.tell(f"{_row(stem)}: done")
    many = len({person for one in shared.heard for person, _, _ in one.people})
    runs = f"{len(shared.heard)} run{'' if len(shared.heard) == 1 else 's'}"
    words = f"the mean response of {many} people to {runs} they share"
    return SharedStimulusResult(words, ceiling, mean, ceilings)
