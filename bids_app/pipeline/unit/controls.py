"""What is fitted beside a unit's partitions: the baseline, models beyond it, untrained ones, the control of time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bids_app import encoding
from bids_app.encoding import FitContext
from bids_app.pipeline.unit.fit_inputs import FitInputs
from bids_app.records import AUTOCORRELATION, BaselineModel, ControlResults, ControlsProvenance
from bids_app.settings.analysis import Analysis

NOT_SPLIT = "not fitted: no run is split by folds, so it could predict nothing but the training mean"


def fit_controls(inputs: FitInputs, analysis: Analysis, baseline: BaselineModel) -> ControlResults:
    """All comparisons that the analysis asks for and the data allow, perhaps none.

    Parameters
    ----------
    inputs : what all fits of the unit share.
    analysis : which controls are asked for.
    baseline : the baseline's bands that can be had.

    Returns
    -------
    Components and their values; a warning where what knows only time predicts held-out samples.
    """
    timed = analysis.baseline.autocorrelation and encoding.splits_runs(inputs.design)
    asked = analysis.control_components(baseline.bands, timed)
    if not asked:
        return ControlResults((), {})
    design = encoding.with_time(inputs.design) if timed else inputs.design

    def attempt(context: FitContext) -> ControlResults:
        """Fit the controls on one device."""
        return encoding.fit_controls(design, asked, inputs.spec, inputs.inference, context)

    fitted, warnings = inputs.with_backoff(attempt)
    return replace(fitted, warnings=(*warnings, *_leaks(fitted, analysis.inference.fdr)))


def _leaks(fitted: ControlResults, level: float) -> tuple[str, ...]:
    """A warning where what knows only time predicts held-out samples reliably."""
    stats = fitted.values.get(AUTOCORRELATION, {})
    if "pfwe" not in stats:
        return ()
    count, total = int((stats["pfwe"] <= level).sum()), int(np.isfinite(stats["pfwe"]).sum())
    return (
        (
            f"a control that knows nothing but time predicts {count} of {total} targets (family-wise p ≤ {level:g}): "
            "training and test samples are not independent; do not conclude from any score or p that a target is "
            "predicted",
        )
        if count
        else ()
    )


def controls_provenance(analysis: Analysis, fitted: ControlResults, baseline: BaselineModel) -> ControlsProvenance:
    """What was fitted beside the partition, and what was not.

    Parameters
    ----------
    analysis : which controls were asked for.
    fitted : those that were fitted.
    baseline : the baseline's bands, and what was left out of it.
    """
    asked = any(one.kind == "autocorrelation" for one in analysis.all_controls)
    control = "fitted" if AUTOCORRELATION in fitted.values else NOT_SPLIT if asked else "not asked for"
    return ControlsProvenance(baseline, control, fitted.components)
