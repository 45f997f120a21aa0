"""A dry run: the plan as a table and as plan.json; nothing is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from bids_app import dataset, outputs
from bids_app.execution import Unit
from bids_app.pipeline.job.job import Job, Notify
from bids_app.pipeline.job.stimulus_library import StimulusLibrary
from bids_app.pipeline.preflight import Preflight

PlanRow = Mapping[str, str | int | float]


def show_plan(job: Job, library: StimulusLibrary, preflight: Preflight, notify: Notify) -> None:
    """One row a unit, as a table and in plan.json.

    Parameters
    ----------
    job : what the run was asked for.
    library : stimuli and their features.
    preflight : what can be computed.
    notify : takes one line at a time.

    Raises
    ------
    CannotCreate : where plan.json cannot be written.
    """
    rows = [_plan_row(unit, job, library) for unit in preflight.units]
    for line in _table(rows):
        notify(line)
    plan = {
        "analysis": job.resolved,
        "analysis_hash": job.hash,
        "units": rows,
        "unused": [asdict(one) for one in preflight.unused],
    }
    outputs.write_plan(job.out_dir, plan)


def _table(rows: Sequence[PlanRow]) -> list[str]:
    """Rows as text, in columns under their names."""
    columns = tuple(rows[0]) if rows else ()
    cells = [list(columns), *([str(row[column]) for column in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in cells]


def _plan_row(unit: Unit, job: Job, library: StimulusLibrary) -> PlanRow:
    stimuli = {
        stimulus.label: stimulus
        for recording in unit.recordings
        for stimulus in (library.stimulus(recording, event) for event in recording.stimuli)
    }
    missing = sorted({name for stimulus in stimuli.values() for name in library.missing(stimulus)})
    spec = job.analysis.response_spec(unit.recordings[0].modality)
    size = sum(path.stat().st_size for recording in unit.recordings for path in recording.paths if path.exists())
    return {
        "unit": unit.stem,
        "recordings": len(unit.recordings),
        "spaces": " ".join(job.specs),
        "stimulus_min": round(sum(stimulus.duration_s for stimulus in stimuli.values()) / 60, 1),
        "targets": len(dataset.load_targets(unit.recordings[0], spec).names),
        "gigabytes": round(size / 1e9, 3),
        "to_compute": " ".join(missing) or "-",
        "cached": " ".join(name for name in job.specs if name not in missing) or "-",
    }
