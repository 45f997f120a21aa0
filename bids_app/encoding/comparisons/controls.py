"""Models compared with others beside the partition: the baseline, untrained ones, a control that knows only time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bids_app.encoding.inference.blocks import Blocks
from bids_app.encoding.inference.fit_and_infer import fit_and_infer
from bids_app.encoding.partition.components import inferred
from bids_app.encoding.ridge.fit import fit
from bids_app.records import (
    AUTOCORRELATION,
    Array,
    Component,
    ControlResults,
    Design,
    FitSpec,
    InferenceSpec,
    Projected,
)

MOST_BUMPS = 128


def fit_controls(
    design: Design,
    asked: Sequence[Component],
    spec: FitSpec,
    tests: InferenceSpec | None,
    device: str = "cpu",
    *,
    mem_mb: int | None = None,
    blocks: Blocks | None = None,
) -> ControlResults:
    """Each component's value, signed, with p and limits where `tests` are asked for: of a whole model as of the
    partition's totals, of a difference as of its unique parts. What is tried without is tried with it too.

    Every set of bands is fitted once, whichever components ask for it. Raises what `fit` raises.
    """
    sets = [union for one in asked for union, _ in reversed(one.terms)]
    unions = sorted(dict.fromkeys(sets), key=len)
    groups = {band: (band,) for union in unions for band in union}
    found = None
    if tests is None:
        fitted = fit(design, groups, spec, device, unions=unions, mem_mb=mem_mb, subsets=False)
    else:
        fitted, found = fit_and_infer(
            design, groups, spec, tests, device, mem_mb=mem_mb, unions=unions, asked=asked, blocks=blocks
        )
    rsquared = {frozenset(union): fitted.rsquared[place] for place, union in enumerate(unions)}
    values: dict[str, dict[str, Array]] = {}
    for one in asked:
        values[one.label] = {"rsquared": one.of(rsquared)}
        if one.is_total:
            values[one.label]["r"] = fitted.r[unions.index(one.terms[0][0])]
        if found is not None:
            values[one.label] |= inferred(found.components[one.label])
    return ControlResults(tuple(asked), values, fitted.warnings)


def splits_runs(design: Design) -> bool:
    """Whether some run has samples in several outer folds."""
    return any(len(np.unique(design.folds[design.runs == run])) > 1 for run in np.unique(design.runs))


def with_time(design: Design) -> Design:
    """The design with the band `AUTOCORRELATION`, whose bumps keep their relative size: scaled one by one, those that
    training samples hardly see would be blown up in test samples."""
    values, source = bumps(design), f"@{AUTOCORRELATION}"
    same = dict.fromkeys(np.unique(design.folds).tolist(), np.eye(values.shape[2]))
    return replace(
        design,
        bands={**design.bands, source: values},
        projected={**design.projected, AUTOCORRELATION: Projected((source,), same)},
    )


def bumps(design: Design) -> Array:
    """(n_times, 1, n_bumps) float32: smooth bumps in time, one after another through each run and zero in all others,
    which know nothing of the stimulus: a model of these predicts only what reaches from training into test samples.

    Gaussians at steps of a quarter of the purge, their deviation a step and a half; wider where there would be more
    than `MOST_BUMPS`. After Feghhi et al. (2024, arXiv 2406.01538), whose blurred
    identity has one a sample.
    """
    spans_s = {int(run): np.ptp(design.times_s[design.runs == run]) for run in np.unique(design.runs)}
    step_s = max(design.purge_s / 4, sum(spans_s.values()) / (MOST_BUMPS - len(spans_s)), 1e-6)
    columns = []
    for run, span_s in spans_s.items():
        mine = design.runs == run
        first_s = design.times_s[mine].min()
        centres_s = first_s + np.arange(0.0, span_s + step_s, step_s)
        at = (design.times_s[:, None] - centres_s) / (1.5 * step_s)
        columns.append(np.where(mine[:, None], np.exp(-(at**2) / 2), 0.0))
    return np.concatenate(columns, axis=1, dtype=np.float32)[:, None]
