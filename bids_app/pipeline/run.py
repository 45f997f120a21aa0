"""The straight line, and the only file that knows its order.

bids_dir → recordings → stimuli → features → responses → design → fit → partition → derivatives → report → out_dir
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bids_app import __version__, dataset, execution, group, outputs
from bids_app.errors import ConcordError, DataError, NoInput
from bids_app.execution import StatusBook, StatusRow, Unit, peak_mb
from bids_app.pipeline.job.job import Job, Notify, make_job
from bids_app.pipeline.mean_response import fit_mean_responses
from bids_app.pipeline.runs.load_runs import Checks
from bids_app.pipeline.unit.fit_unit import fit_unit
from bids_app.records import Excluded, Found, StimulusCheck
from bids_app.settings.run_options import RunOptions

LOG = logging.getLogger("concord")


def run(options: RunOptions, tell: Notify) -> int:
    """Run the levels asked for and return the exit code: 0, or 1 where some recordings failed.

    Raises ConcordError (with its exit code) for what stops everything before any computing.
    """
    job = make_job(options, tell)
    found = _find(job)
    units, checks, unused = _preflight(job, found)
    if options.dry_run:
        _show_plan(job, units, unused)
        return 0
    extra = job.analysis.extra_partitions
    beside = job.analysis.all_controls
    outputs.prepare(job.out_dir, job.resolved, job.hash, found.datasets, __version__, extra, beside)
    with execution.open_log(job.out_dir / "logs"):
        book = StatusBook(job.out_dir)
        failed = 0
        if "participant" in options.levels:
            failed += _participants(job, book, units, checks, unused)
        if "group" in options.levels:
            failed += _group(job, book, found, units, checks)
    return _summary(job, book, failed)


# ------------------------------------------------------------------------------------------------ before computing
def _find(job: Job) -> Found:
    """Recordings; without derivatives `group` alone still goes on from what out_dir holds."""
    try:
        found = dataset.find_recordings(job.options.query)
    except NoInput:
        if job.options.levels != ("group",) or not job.options.bids_dir.is_dir():
            raise
        job.tell("no derivatives: the group level uses the results in OUT_DIR alone")
        return Found((), (), (), {"raw": job.options.bids_dir})
    for warning in found.warnings:
        job.tell(f"warning: {warning}")
    return found


def _preflight(job: Job, found: Found) -> tuple[tuple[Unit, ...], Checks, tuple[Excluded, ...]]:
    """Every stimulus read and checked before anything is computed: usable units, checks, and what cannot be used."""
    checks: dict[str, tuple[StimulusCheck, ...]] = {}
    usable, unused = [], list(found.excluded)
    for recording in found.recordings:
        try:
            checks[recording.label] = tuple(
                dataset.stimulus_checks(recording, event, job.library.stimulus(recording, event))
                for event in recording.stimuli
            )
            usable.append(recording)
        except (DataError, NoInput) as error:
            unused.append(Excluded(recording.participant, recording.label, str(error)))
    for one in unused:
        job.tell(f"cannot use {one.label}: {one.reason}")
    units = execution.plan_units(usable, job.analysis.pool)
    if not units and job.options.levels != ("group",):
        first = f" (first: {unused[0].reason})" if unused else ""
        raise NoInput(f"none of {len(unused)} recordings can be used{first}", job.options.bids_dir)
    return units, checks, tuple(unused)


def _show_plan(job: Job, units: Sequence[Unit], unused: Sequence[Excluded]) -> None:
    rows = [_plan_row(job, unit) for unit in units]
    columns = tuple(rows[0]) if rows else ()
    widths = [
        max(len(str(row[column])) for row in [dict(zip(columns, columns, strict=True)), *rows]) for column in columns
    ]
    for row in [dict(zip(columns, columns, strict=True)), *rows]:
        job.tell(
            "  ".join(str(row[column]).ljust(width) for column, width in zip(columns, widths, strict=True)).rstrip()
        )
    plan = {
        "analysis": job.resolved,
        "analysis_hash": job.hash,
        "units": rows,
        "unused": [asdict(one) for one in unused],
    }
    outputs.write_plan(job.out_dir, plan)


def _plan_row(job: Job, unit: Unit) -> dict[str, Any]:
    stimuli = {
        stimulus.label: stimulus
        for recording in unit.recordings
        for stimulus in (job.library.stimulus(recording, event) for event in recording.stimuli)
    }
    missing = sorted({name for stimulus in stimuli.values() for name in job.library.missing(stimulus)})
    n_targets = len(dataset.load_targets(unit.recordings[0]).names)
    size = sum(path.stat().st_size for recording in unit.recordings for path in recording.paths if path.exists())
    return {
        "unit": unit.stem,
        "recordings": len(unit.recordings),
        "spaces": " ".join(job.specs),
        "stimulus_min": round(sum(stimulus.duration_s for stimulus in stimuli.values()) / 60, 1),
        "targets": n_targets,
        "gigabytes": round(size / 1e9, 3),
        "to_compute": " ".join(missing) or "-",
        "cached": " ".join(name for name in job.specs if name not in missing) or "-",
    }


# ------------------------------------------------------------------------------------------------ participants
def _participants(
    job: Job, book: StatusBook, units: Sequence[Unit], checks: Checks, unused: Sequence[Excluded]
) -> int:
    """Fit every unit, write its derivatives and the people's reports; returns how many failed."""
    people = sorted({unit.participant for unit in units} | {one.participant for one in unused})
    failed = 0
    if not job.options.reports_only:
        book.forget(set(people))
        failed = _record_unused(book, units, unused)
        for number, unit in enumerate(units, start=1):
            if failed and job.options.stop_on_first_crash:
                book.record(StatusRow(unit.stem, unit.participant, "skipped", reason="stopped at the first crash"))
                continue
            failed += not _attempt(job, book, unit, checks, unused, f"[{number}/{len(units)}] {unit.stem}")
    planted = _planted(job)
    for person in people:
        outputs.write_participant_report(job.out_dir, person, planted)
    return failed


def _record_unused(book: StatusBook, units: Sequence[Unit], unused: Sequence[Excluded]) -> int:
    """Unused recordings fail, but those of a task that nobody has a stimulus for (rest) are skipped."""
    tasks = {recording.entities.get("task", "") for unit in units for recording in unit.recordings}
    failed = 0
    for one in unused:
        task = next((part[5:] for part in one.label.split("_") if part.startswith("task-")), "")
        fails = task in tasks
        failed += fails
        book.record(StatusRow(one.label, one.participant, "failed" if fails else "skipped", reason=one.reason))
    return failed


def _attempt(job: Job, book: StatusBook, unit: Unit, checks: Checks, unused: Sequence[Excluded], title: str) -> bool:
    """One unit, isolated: its failure costs a row of status.tsv and nothing else. Returns whether all is well."""
    started = time.monotonic()
    try:
        key = _unit_key(job, unit)
        summary = outputs.summary_path(job.out_dir, unit.stem)
        if not job.options.force and execution.is_done(job.out_dir, summary, key):
            job.tell(f"{title}: reused")
            book.record(StatusRow(unit.stem, unit.participant, "reused", peak_mb=peak_mb()))
            return True
        job.tell(f"{title}: {len(unit.recordings)} recordings")
        mine = tuple(one for one in unused if one.participant == unit.participant)
        result = fit_unit(job, unit, checks, mine, key)
        outputs.write_unit(job.out_dir, result)
        lost = [one for one in result.excluded if one not in mine]
        for one in lost:
            book.record(StatusRow(one.label, one.participant, "failed", reason=one.reason))
            job.tell(f"{title}: cannot use {one.label}: {one.reason}")
        seconds = round(time.monotonic() - started, 1)
        book.record(StatusRow(unit.stem, unit.participant, "done", seconds, peak_mb(), "; ".join(result.warnings)))
        job.tell(f"{title}: done in {seconds:.0f} s")
        return not lost
    except Exception as error:
        LOG.exception("%s failed", unit.stem)
        reason = str(error) if isinstance(error, ConcordError) else f"{type(error).__name__}: {error} (see logs/)"
        book.record(
            StatusRow(unit.stem, unit.participant, "failed", round(time.monotonic() - started, 1), peak_mb(), reason)
        )
        job.tell(f"{title}: failed: {reason}")
        return False


def _unit_key(job: Job, unit: Unit) -> str:
    features = [
        key
        for recording in unit.recordings
        for event in recording.stimuli
        for key in job.library.keys(recording, event)
    ]
    return execution.unit_key(unit, job.hash, __version__, features)


def _planted(job: Job) -> Path | None:
    template = job.analysis.report.planted
    return Path(template.format(bids_dir=job.options.bids_dir)) if template else None


# ------------------------------------------------------------------------------------------------ group
def _group(job: Job, book: StatusBook, found: Found, units: Sequence[Unit], checks: Checks) -> int:
    """Results over the people who are there, what their responses tell together, and the report; returns failures."""
    started, failed = time.monotonic(), 0
    expected = {one.participant for one in found.recordings} | {one.participant for one in found.excluded}
    people = [person for person in outputs.participants_of(job.out_dir) if not expected or person in expected]
    if not people:
        raise NoInput("nobody has results here yet", job.out_dir, "run the participant level first")
    missing = sorted(expected - set(people))
    if not job.options.reports_only:
        together, failed = fit_mean_responses(job, book, units, checks)
        tests = job.analysis.inference_spec("fmri")  # blocks are not asked for: people are flipped
        results = group.summarise(outputs.read_units(job.out_dir, people), tests, together)
        software = {"concord": __version__}
        common = {"AnalysisHash": job.hash, "SoftwareVersions": software}
        outputs.write_group(job.out_dir, results, missing, common, job.analysis.inference.fdr)
        book.record(StatusRow("group", "group", "done", round(time.monotonic() - started, 1), peak_mb()))
    outputs.write_group_report(job.out_dir, _planted(job))
    if missing:
        job.tell(f"group: no results of {', '.join(f'sub-{person}' for person in missing)}")
    job.tell(f"group: {len(people)} people")
    return failed


# ------------------------------------------------------------------------------------------------ the end
def _summary(job: Job, book: StatusBook, failed: int) -> int:
    counts = Counter(row.status for row in book.rows())
    said = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    reports = "group.html" if "group" in job.options.levels else "sub-*.html"
    job.tell(f"{said}: see {job.out_dir / 'status.tsv'} and {job.out_dir / reports}")
    return 1 if failed else 0
