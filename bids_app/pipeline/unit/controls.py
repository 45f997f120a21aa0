"""What is fitted beside a unit's partitions: the baseline, models beyond it, untrained ones, the control of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bids_app import encoding
from bids_app.records import (
    AUTOCORRELATION,
    BaselineModel,
    Component,
    ControlResults,
    ControlsProvenance,
    Design,
)
from bids_app.settings.analysis import Analysis

NOT_SPLIT = "not fitted: no run is split by folds, so it could predict nothing but the training mean"


def asked_controls(design: Design, analysis: Analysis, baseline: BaselineModel) -> tuple[Component, ...]:
    """All comparisons that the analysis asks for and the data allow, perhaps none.

    Parameters
    ----------
    design : of which the folds count: the control of time needs runs that these split.
    analysis : which controls are asked for.
    baseline : the baseline's bands that can be had.
    """
    return analysis.control_components(
        baseline.bands, analysis.baseline.autocorrelation and encoding.splits_runs(design)
    )


def with_control_bands(design: Design, asked: Sequence[Component]) -> Design:
    """The design with the bands that controls alone hold: that of time, where it is asked for."""
    return encoding.with_time(design) if any(one.kind == AUTOCORRELATION for one in asked) else design


def with_leaks(fitted: ControlResults, level: float) -> ControlResults:
    """Controls with no warnings but one, where what knows only time predicts held-out samples reliably.

    Parameters
    ----------
    fitted : the controls.
    level : of the family-wise p.
    """
    return replace(fitted, warnings=_leaks(fitted, level))


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
