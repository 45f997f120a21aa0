"""A dry run: the plan as tables and as plan.json; nothing is computed."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial

from bids_app import outputs
from bids_app.boundary import boundary
from bids_app.durations import in_words
from bids_app.errors import ConcordError
from bids_app.execution import Unit
from bids_app.execution.cost import enhanced_s, pace
from bids_app.execution.shares import share_counts
from bids_app.pipeline.accounts import Accounts
from bids_app.pipeline.cluster.opening import worker_limits
from bids_app.pipeline.foreseen import Foreseen, stimuli_of, to_compute, unit_costs, unreadable
from bids_app.pipeline.job.job import Job, Notify
from bids_app.pipeline.judge import Judge, Verdict
from bids_app.pipeline.preflight import Preflight
from bids_app.pipeline.watching.expected import Expected, FeatureWork, expected
from bids_app.records import (
    FEWEST_TESTED,
    Alignment,
    StimulusFacts,
    entities_of,
    group_findings,
    refusal_lines,
    without_participant,
)

PlanRow = Mapping[str, str | int | float]


def show_plan(judge: Judge, foreseen: Foreseen, notify: Notify) -> int:
    """One row a unit and one a recording, as tables and in plan.json; there with each recording's whole account.

    Parameters
    ----------
    judge : what the run was asked for, what can be computed, and which results count.
    foreseen : which units would fail, and what models allow.
    notify : takes one line at a time; warnings and refusals were given to it before.

    Returns
    -------
    How many recordings and units of the participant level would fail.

    Raises
    ------
    CannotCreate : where plan.json cannot be written.
    """
    job, accounts, preflight = judge.job, judge.accounts, judge.preflight
    verdicts = [judge.at_hand(unit) for unit in preflight.units]
    units = [_plan_row(*each, job, accounts, preflight) for each in zip(preflight.units, verdicts, strict=True)]
    units = [{**row, **each} for row, each in zip(units, _expected_rows(units, judge, foreseen), strict=True)]
    accounts.keep()
    alignments = tuple(preflight.alignments.values())
    for line in (*_table(units), "", *_table(_alike([_account_row(one) for one in alignments]))):
        notify(line)
    for one in verdicts:
        if not one.suffices and one.state != "new":
            notify(f"{one.stem} would be fitted again: {_worth(one)}: {one.why_again}")
        if one.counts and one.unchecked:
            notify(f"{one.stem}: {one.unchecked}")
    for notice in group_findings((one.recording, text) for one in alignments for text in one.of("fine")):
        notify(f"fine: {notice.line}")
    same = [text for unit in preflight.units for text in accounts.same_stimuli(unit.recordings)]
    fitted = [unit for unit, row in zip(preflight.units, units, strict=True) if row["results"] != "reused"]
    fitted = [unit for unit in fitted if unit.stem not in foreseen.refused] if foreseen.asked else []
    models, failing = foreseen.models, [*foreseen.units, *unreadable(fitted, judge)]
    for taking in models.times.values():
        notify(f"time: {taking.said}")
    for line in (*_of_tfce(preflight.units, units, job), *_of_shares(judge, foreseen)):
        notify(f"time: {line}")
    for text in dict.fromkeys((*same, *models.warnings)):
        notify(f"warning: {text}")
    for error in models.refusals.values():
        notify(f"refused: {error}")
    for line in refusal_lines(failing):
        notify(f"would fail: {line}")
    plan = {
        "analysis": job.resolved,
        "analysis_hash": job.hash,
        "warnings": [*preflight.warnings, *dict.fromkeys((*same, *models.warnings))],
        "refused_models": list(map(str, models.refusals.values())),
        "units": [{**row, "reason": one.why_again} for row, one in zip(units, verdicts, strict=True)],
        "recordings": list(map(asdict, alignments)),
        "unused": [asdict(one) for one in preflight.unused],
        "would_fail": [asdict(one) for one in failing],
    }
    outputs.write_plan(job.out_dir, plan)
    return len(failing)


def _of_tfce(units: Sequence[Unit], rows: Sequence[PlanRow], job: Job) -> Iterator[str]:
    """What TFCE over participants should take, where it is asked for: a line a group of five units or more."""
    asked, analysis = job.analysis.inference_spec("fmri"), job.analysis
    sizes: dict[str, list[int]] = {}
    for unit, row in zip(units, rows, strict=True):
        if unit.kind in ("volume", "surface") and isinstance(row["targets"], int):
            sizes.setdefault(without_participant(unit.stem), []).append(row["targets"])
    for stem, sizes_of_units in sizes.items():
        if asked and analysis.group.tfce and len(sizes_of_units) >= FEWEST_TESTED:
            n_maps = 1 << min(len(sizes_of_units), asked.permutations.bit_length())
            takes = in_words(enhanced_s(len(analysis.groups), n_maps, max(sizes_of_units)))
            yield f"TFCE over participants ({stem}): about {takes} for the partition, {n_maps:,} maps a test"


def _of_shares(judge: Judge, foreseen: Foreseen) -> Iterator[str]:
    """Units whose targets several processes of this machine would fit, where there are some. How many workers a
    cluster has is known when the run begins."""
    options = judge.job.options
    if options.nprocs > 1 and foreseen.asked and not options.features_only:
        threads, mem_mb = worker_limits(options)
        costs = unit_costs(judge, foreseen, replace(options, threads=threads, mem_mb=mem_mb), options.nprocs)
        for stem, count in zip(costs, share_counts([*costs.values()], options.nprocs), strict=True):
            if count > 1:
                yield f"{stem}: its targets would be fitted in {count} shares, by as many processes"


def _table(rows: Sequence[PlanRow]) -> list[str]:
    """Rows as text, in columns under their names."""
    columns = tuple(rows[0]) if rows else ()
    cells = [list(columns), *([str(row[column]) for column in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in cells]


def _plan_row(unit: Unit, verdict: Verdict, job: Job, accounts: Accounts, preflight: Preflight) -> PlanRow:
    stimuli, missing = stimuli_of(unit, accounts), _missing(unit, accounts)
    reused = verdict.suffices and not job.options.force
    size = sum(path.stat().st_size for recording in unit.recordings for path in recording.paths if path.exists())
    return {
        "unit": unit.stem,
        "results": "reused" if reused else _worth(verdict),
        "recordings": len(unit.recordings),
        "warned": sum(bool(accounts.of(recording).alignment.of("warning")) for recording in unit.recordings),
        "refused": sum(_would_be_of(unit, one.label) for one in preflight.unused),
        "spaces": " ".join(job.specs),
        "stimulus_min": round(sum(facts.duration_s for facts in stimuli.values()) / 60, 1),
        "targets": _count_targets(unit, accounts),
        "gigabytes": round(size / 1e9, 3),
        "to_compute": "-" if reused else " ".join(missing) or "-",
        "cached": " ".join(name for name in job.specs if name not in missing) or "-",
    }


def _expected_rows(rows: Sequence[PlanRow], judge: Judge, foreseen: Foreseen) -> Iterator[PlanRow]:
    """What each unit would take in time, memory and on disk; features count for the first unit that needs them."""
    accounts, taken, slower = judge.accounts, set[str](), pace()
    for unit, row in zip(judge.preflight.units, rows, strict=True):
        new = {label for label in stimuli_of(unit, accounts) if label not in taken}
        lost: list[ConcordError] = []
        should = Expected({}, 0.0, 0.0)
        if row["results"] != "reused" and unit.stem not in foreseen.refused:
            with boundary(lost.append):
                made = to_compute([unit], accounts, partial(_missing_of, new, accounts))
                work = FeatureWork.of(made, foreseen.models)
                should = expected(unit, *accounts.of_unit(unit), work, judge.job, slower)
                taken |= new
        seconds = sum(should.seconds.values())
        yield {
            "takes": in_words(seconds) if should.seconds else "-",
            "memory_mb": round(should.memory_mb) or "-",
            "disk_mb": round(should.disk_mb, 1) or "-",
        }


def _worth(verdict: Verdict) -> str:
    """What results are worth to the participant level, in a word."""
    return "unsaved" if verdict.counts and verdict.unsaved else verdict.state


def _missing_of(new: Container[str], accounts: Accounts, facts: StimulusFacts) -> Sequence[str]:
    return accounts.missing(facts) if facts.label in new else ()


def _missing(unit: Unit, accounts: Accounts) -> list[str]:
    """Spaces that would have to be computed, for whichever stimulus."""
    return sorted({name for facts in stimuli_of(unit, accounts).values() for name in accounts.missing(facts)})


def _count_targets(unit: Unit, accounts: Accounts) -> int | str:
    """Of the first recording that has any."""
    lost: list[ConcordError] = []
    for recording in unit.recordings:
        with boundary(lost.append):
            return accounts.count_targets(recording)
    return f"none ({lost[-1]})"


def _would_be_of(unit: Unit, label: str) -> bool:
    """Whether a recording that cannot be used would be one of the unit's, by its name."""
    entities = entities_of(label)
    return all(entities.get(key) == value for key, value in entities_of(unit.stem).items() if value != "pooled")


def _account_row(account: Alignment) -> PlanRow:
    """A recording's account in short; plan.json has the whole."""
    used, dropped = account.intervals[0] if account.intervals else None, account.dropped
    n_samples, seconds = next(((one.n_samples, one.seconds) for one in account.extents), (None, None))
    return {
        "recording": account.recording,
        "samples": _or_dash(n_samples),
        "seconds": _or_dash(seconds),
        "interval_s": "-" if used is None else f"{used.seconds:g} ({used.source})",
        "first_sample_s": f"{account.start.seconds:g} ({account.start.source})",
        "dropped": "-" if dropped is None else f"{dropped.n_dropped} of {dropped.n_scan}",
        "playings": ", ".join(f"{one.stimulus} {one.onset_s:g}" for one in account.playings) or "-",
        "finding": "refused" if account.of("refusal") else _warned(len(account.of("warning"))),
    }


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _alike(rows: Sequence[PlanRow]) -> list[PlanRow]:
    """Recordings whose accounts are alike in one row, with how many they are."""
    groups: dict[tuple[object, ...], list[PlanRow]] = {}
    for row in rows:
        groups.setdefault(tuple(row.values())[1:], []).append(row)
    return [
        {**alike[0], "recording": f"{alike[0]['recording']}" + (f" and {len(alike) - 1} more" if alike[1:] else "")}
        for alike in groups.values()
    ]


def _warned(n_warnings: int) -> str:
    return f"{n_warnings} warning{'' if n_warnings == 1 else 's'}" if n_warnings else "fine"
