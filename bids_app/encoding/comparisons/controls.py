"""Models compared with others beside the partition: the baseline, untrained ones, a control that knows only time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bids_app.encoding.inference.fit_and_infer import InferencePlan, TestedQuestion, data_blocks
from bids_app.encoding.partition.additions import Additions
from bids_app.encoding.partition.components import correlation, inferred
from bids_app.encoding.ridge.fit import HERE, fit_all
from bids_app.encoding.ridge.options import FitContext, FitOptions, Question
from bids_app.records import (
    AUTOCORRELATION,
    Array,
    Component,
    ControlResults,
    Design,
    Fit,
    FitSpec,
    InferenceSpec,
    Projected,
    Union,
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
    plan = InferencePlan(inference) if isinstance(inference, InferenceSpec) else inference
    if plan is not None and plan.blocks is None:
        groups = _bands(_unions(components))
        plan = replace(plan, blocks=data_blocks(design, groups, spec, plan.spec.block_s, context))
    asked = ControlsQuestion(design, components, plan, context.device)
    (fitted,) = fit_all(design, [asked.question], spec, context)
    return asked.results(fitted)


class ControlsQuestion:
    """What `fit_controls` asks of a fit.

    Parameters
    ----------
    design, components : as of `fit_controls`.
    plan : with its blocks; None: values alone.
    device : that of the fit.

    Attributes
    ----------
    question : of the unions, as `fit_all` takes it.
    """

    def __init__(
        self, design: Design, components: Sequence[Component], plan: InferencePlan | None, device: str
    ) -> None:
        self._components, self._unions = tuple(components), _unions(components)
        groups = _bands(self._unions)
        self._additions = Additions(self._unions, components, groups, design)
        self._tested = None
        if plan is None:
            self.question = Question(groups, FitOptions(self._unions, search_subsets=False), self._additions)
        else:
            plan = replace(plan, components=components, unions=self._unions)
            self._tested = TestedQuestion(design, groups, plan, device, self._additions)
            self.question = self._tested.question

    def results(self, fitted: Fit) -> ControlResults:
        """Every component's value, signed, with p and intervals where there is a plan; of the question's fit."""
        tests = None if self._tested is None else self._tested.result()
        rsquared = {frozenset(union): fitted.rsquared[place] for place, union in enumerate(self._unions)}
        partial_r = self._additions.partial_r()
        values: dict[str, dict[str, Array]] = {}
        for component in self._components:
            stats = {"rsquared": component.of(rsquared), **correlation(component, fitted, partial_r)}
            if tests is not None:
                stats |= inferred(tests.components[component.label])
            values[component.label] = stats
        return ControlResults(self._components, values, fitted.warnings)


def _unions(components: Sequence[Component]) -> list[Union]:
    """Those that components are sums of, the smaller model of a difference first, as the larger one's search includes
    its candidates."""
    sets = [union for component in components for union, _ in reversed(component.terms)]
    return sorted(dict.fromkeys(sets), key=len)


def _bands(unions: Sequence[Union]) -> dict[str, tuple[str, ...]]:
    """Of unions of bands, each band as a group."""
    return {band: (band,) for union in unions for band in union}


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
