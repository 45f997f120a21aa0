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
) -> tuple[dict[str, SharedStimulusResult], int]:
    """By a group's stem, what people's BOLD responses tell together where they heard the same; and how many fits of
    a mean response failed. Electrodes, and each person's own space, are not common to people."""
    if not job.analysis.group.mean_response:
        return {unit.stem.partition("_")[2]: _none("not asked for (group: mean_response)") for unit in units}, 0
    members: dict[str, list[Unit]] = {}
    for unit in units:
        if unit.modality == "fmri" and unit.space not in group.INDIVIDUAL:
            members.setdefault(unit.stem.partition("_")[2], []).append(unit)
    found, failed = {}, 0
    for stem, mine in members.items():
        try:
            with shared_responses(job, mine) as shared:
                found[stem] = _together(job, book, stem, shared, checks)
                failed += found[stem].mean is None
        except DataError as error:
            job.tell(f"{stem}: no mean response: {error}")
            book.record(StatusRow(_row(stem), "group", "skipped", reason=str(error)))
            found[stem] = _none(str(error))
    return found, failed


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
