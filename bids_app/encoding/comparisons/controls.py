"""Models compared with others beside the partition: the baseline, untrained ones, a control that knows only time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bids_app.encoding.inference.fit_and_infer import InferencePlan, fit_and_infer
from bids_app.encoding.partition.additions import Additions
from bids_app.encoding.partition.components import correlation, inferred
from bids_app.encoding.ridge.fit import HERE, fit
from bids_app.encoding.ridge.options import FitContext, FitOptions
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
    components: Sequence[Component],
    spec: FitSpec,
    inference: InferenceSpec | InferencePlan | None,
    context: FitContext = HERE,
) -> ControlResults:
    """Fit models beside the partition: of the baseline, beyond it, of controls.

    Every set of bands is fitted once, whichever components ask for it. Of a difference, what is tried for the smaller
    model is tried for the larger one too.

    Parameters
    ----------
    design : with all bands that the components name.
    components : of no partition; their unions are of bands.
    spec : as of `fit`.
    inference : for p and intervals: of a whole model as of the partition's totals, of a difference as of its unique
        parts; None: values alone. Of a plan its spec and blocks count.
    context : as of `fit`.

    Returns
    -------
    ControlResults
        Every component's value, signed.

    Raises
    ------
    CannotFit, ValueError, MemoryError
        As `fit` does.
    """
    # the smaller model of a difference first, as the larger one's search includes its candidates
    sets = [union for component in components for union, _ in reversed(component.terms)]
    unions = sorted(dict.fromkeys(sets), key=len)
    groups = {band: (band,) for union in unions for band in union}
    tests, additions = None, Additions(unions, components, groups, design)
    if inference is None:
        fitted = fit(design, groups, spec, context, FitOptions(unions, search_subsets=False), additions)
    else:
        plan = inference if isinstance(inference, InferencePlan) else InferencePlan(inference)
        plan = replace(plan, components=components, unions=unions)
        fitted, tests = fit_and_infer(design, groups, spec, plan, context, additions)
    rsquared = {frozenset(union): fitted.rsquared[place] for place, union in enumerate(unions)}
    partial_r = additions.partial_r()
    values: dict[str, dict[str, Array]] = {}
    for component in components:
        stats = {"rsquared": component.of(rsquared), **correlation(component, fitted, partial_r)}
        if tests is not None:
            stats |= inferred(tests.components[component.label])
        values[component.label] = stats
    return ControlResults(tuple(components), values, fitted.warnings)


def with_time(design: Design) -> Design:
    """The design with the band `AUTOCORRELATION`, of bumps in time.

    Its bumps keep their relative size: scaled one by one, those that training samples hardly see would be blown up in
    test samples.
    """
    values, source = bumps(design), f"@{AUTOCORRELATION}"
    # as a projected band by the identity, columns keep their relative size
    same = dict.fromkeys(np.unique(design.folds).tolist(), np.eye(values.shape[2]))
    return replace(
        design,
        bands={**design.bands, source: values},
        projected={**design.projected, AUTOCORRELATION: Projected((source,), same)},
    )


def bumps(design: Design) -> Array:
    """Smooth bumps in time, which know nothing of the stimulus.

    One after another through each run and zero in all others; a model of these predicts only what reaches from
    training into test samples. Gaussians at steps of a quarter of the purge, their deviation a step and a half; wider
    where there would be more than `MOST_BUMPS`. After Feghhi et al. (2024, arXiv 2406.01538), whose blurred identity
    has one a sample.

    Parameters
    ----------
    design : of which runs, times and the purge count.

    Returns
    -------
    (n_times, 1, n_bumps) float32.
    """
    spans_s = {int(run): np.ptp(design.times_s[design.runs == run]) for run in np.unique(design.runs)}
    step_s = max(design.purge_s / 4, sum(spans_s.values()) / (MOST_BUMPS - len(spans_s)), 1e-6)
    columns = []
    for run, span_s in spans_s.items():
        own = design.runs == run
        first_s = design.times_s[own].min()
        centres_s = first_s + np.arange(0.0, span_s + step_s, step_s)
        at = (design.times_s[:, None] - centres_s) / (1.5 * step_s)
        columns.append(np.where(own[:, None], np.exp(-(at**2) / 2), 0.0))
    return np.concatenate(columns, axis=1, dtype=np.float32)[:, None]
