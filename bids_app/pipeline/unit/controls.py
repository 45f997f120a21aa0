"""What is fitted beside a unit's partitions: the baseline, models beyond it, untrained ones, and the control of time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bids_app import encoding
from bids_app.encoding import Blocks
from bids_app.pipeline.job.job import Job
from bids_app.records import AUTOCORRELATION, BaselineModel, ControlResults, ControlsProvenance, Design, InferenceSpec

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

    def run(device: str, mem_mb: int | None) -> ControlResults:
        return encoding.fit_controls(design, asked, spec, tests, device, mem_mb=mem_mb, blocks=blocks)

    found, warnings = encoding.with_backoff(run, job.options.models.device, mem_mb)
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


def controls_provenance(job: Job, fitted: ControlResults, baseline: BaselineModel) -> ControlsProvenance:
    """The baseline's bands and what was left out of it, the control of time, and every component of no partition."""
    asked = any(one.kind == "autocorrelation" for one in job.analysis.all_controls)
    control = "fitted" if AUTOCORRELATION in fitted.values else NOT_SPLIT if asked else "not asked for"
    return ControlsProvenance(baseline, control, fitted.components)
