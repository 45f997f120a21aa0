"""What is fitted beside a unit's partitions: the baseline, models beyond it, untrained ones, and the control of time."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from bids_app import encoding
from bids_app.encoding import Blocks
from bids_app.pipeline.job.job import Job
from bids_app.records import AUTOCORRELATION, BaselineModel, ControlResults, Design, InferenceSpec

NOT_SPLIT = "not fitted: no run is split by folds, so it could predict nothing but the training mean"


def fit_controls(
    job: Job,
    design: Design,
    baseline: BaselineModel,
    tests: InferenceSpec | None,
    blocks: Blocks | None,
    mem_mb: int | None,
) -> ControlResults:
    """All comparisons that the analysis asks for and the data allow, perhaps none; what leaks is warned of."""
    timed = job.analysis.baseline.autocorrelation and encoding.splits_runs(design)
    asked = job.analysis.control_components(baseline.bands, timed)
    if not asked:
        return ControlResults((), {})
    if timed:
        design = encoding.with_time(design)
    spec = job.analysis.fit_spec()

    plan = None if tests is None else encoding.InferencePlan(tests, blocks)

    def run(context: encoding.FitContext) -> ControlResults:
        return encoding.fit_controls(design, asked, spec, plan, context)

    found, warnings = encoding.with_backoff(run, encoding.FitContext(job.options.models.device, mem_mb))
    return replace(found, warnings=(*warnings, *_leaks(found, job.analysis.inference.fdr)))


def _leaks(found: ControlResults, level: float) -> tuple[str, ...]:
    """A warning where what knows only time predicts held-out samples reliably."""
    stats = found.values.get(AUTOCORRELATION, {})
    if "pfwe" not in stats:
        return ()
    count, total = int((stats["pfwe"] <= level).sum()), int(np.isfinite(stats["pfwe"]).sum())
    return (
        (
            f"a control that knows nothing but time predicts {count} of {total} targets (family-wise p ≤ {level:g}): "
            "training and test samples are not independent, and all scores may be too high",
        )
        if count
        else ()
    )


def controls_provenance(job: Job, found: ControlResults, baseline: BaselineModel) -> dict[str, Any]:
    """For provenance: the baseline's bands and what was left out of it, every comparison, and the control of time."""
    asked = any(one.kind == "autocorrelation" for one in job.analysis.all_controls)
    control = "fitted" if AUTOCORRELATION in found.values else NOT_SPLIT if asked else "not asked for"
    return {
        "baseline": {**asdict(baseline), "spaces": baseline.bands},
        "autocorrelation": control,
        "comparisons": {
            one.label: {"bands": one.terms[0][0], "without": one.terms[1][0] if len(one.terms) > 1 else ()}
            for one in found.components
        },
    }
