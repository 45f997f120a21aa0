"""A fit with its inference, in one stream: blocks from the data, every union fitted, every component tested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bids_app.encoding.inference.blocks import FEWEST, Blocks, make_blocks, product_autocorrelation
from bids_app.encoding.inference.component_tests import LEAST_TESTED, Flips, Inference
from bids_app.encoding.inference.flips.signs import n_sign_vectors
from bids_app.encoding.ridge.fit import HERE, fit, fit_all, unions_of
from bids_app.encoding.ridge.fitted import Fitted, Observer, ObserverGroup
from bids_app.encoding.ridge.options import FitContext, FitOptions, Question
from bids_app.records import (
    NO_P,
    UNRELIABLE_P,
    Array,
    Component,
    Design,
    Fit,
    FitSpec,
    InferenceResult,
    InferenceSpec,
    Union,
)

EQUAL = 0.85  # share of their number that blocks of equal runs count as, at least, in 95 % of simulations
SAMPLED = 256  # targets whose autocorrelation decides the length of blocks


@dataclass(frozen=True)
class InferencePlan:
    """What is tested, and with which blocks.

    Parameters
    ----------
    spec : permutations, seed and the least length of blocks.
    blocks : of time, those of `data_blocks`; None: made from the data.
    components : those to test; None: all of the partition.
    unions : those to fit, the largest last, where `components` are given; searches then include those of the fitted
        unions within alone.
    """

    spec: InferenceSpec
    blocks: Blocks | None = None
    components: Sequence[Component] | None = None
    unions: Sequence[Union] | None = None


def fit_and_infer(
    design: Design,
    groups: Mapping[str, Sequence[str]],
    spec: FitSpec,
    inference: InferenceSpec | InferencePlan,
    context: FitContext = HERE,
    observer: Observer | None = None,
) -> tuple[Fit, InferenceResult]:
    """`fit` of all unions, with p and intervals of every component, without holding any prediction.

    Parameters
    ----------
    design : its responses must be centred within run.
    groups : feature group → its bands.
    spec : as of `fit`.
    inference : a plan; an `InferenceSpec` stands for a plan of that alone.
    context : as of `fit`.
    observer : a further one of the fit.

    Returns
    -------
    The fit, and what is inferred of each component.

    Raises
    ------
    CannotFit, ValueError, MemoryError
        As `fit` does.
    """
    plan = inference if isinstance(inference, InferencePlan) else InferencePlan(inference)
    blocks = plan.blocks or data_blocks(design, groups, spec, plan.spec.block_s, context)
    asked = TestedQuestion(design, groups, replace(plan, blocks=blocks), context.device, observer)
    (fitted,) = fit_all(design, [asked.question], spec, context)
    return fitted, asked.result()


class TestedQuestion:
    """A question to a fit, with p and intervals of every component.

    Parameters
    ----------
    design, groups : as of `fit_and_infer`.
    plan : with its blocks.
    device : that of the fit.
    observer : a further one.

    Attributes
    ----------
    question : of the unions, as `fit_all` takes it.
    """

    __test__ = False  # for pytest: no test of its own

    def __init__(
        self,
        design: Design,
        groups: Mapping[str, Sequence[str]],
        plan: InferencePlan,
        device: str,
        observer: Observer | None = None,
    ) -> None:
        if plan.blocks is None:
            raise ValueError("tests need blocks of time")
        unions = unions_of(tuple(groups)) if plan.unions is None else tuple(plan.unions)
        order = [band for members in groups.values() for band in members]
        bands = {group: [order.index(band) for band in members] for group, members in groups.items()}
        flips = Flips(plan.spec.permutations, plan.spec.seed, device)
        self._tests = Inference(unions, plan.blocks, design, flips, plan.components, bands)
        self._n_vectors = n_sign_vectors(plan.spec.permutations, plan.blocks.count)
        self._blocks, self._design = plan.blocks, design
        self.question = Question(
            groups,
            FitOptions(unions, search_subsets=plan.components is None),
            self._tests if observer is None else ObserverGroup([self._tests, observer]),
        )

    def result(self) -> InferenceResult:
        """What is inferred of each component, when the fit is over."""
        tests, blocks, n_targets = self._tests, self._blocks, len(self._design.usable)
        return InferenceResult(
            components=tests.results(n_targets),
            permutations=self._n_vectors - 1,
            n_blocks=blocks.count,
            effective_blocks=tests.effective_blocks,
            block_s=blocks.length_s,
            frequencies=blocks.smooth,
            warnings=_block_warnings(blocks, tests, len(self._design.run_labels)),
            share_intervals=tests.share_intervals(n_targets),
        )


def _block_warnings(blocks: Blocks, tests: Inference, n_runs: int) -> tuple[str, ...]:
    """Those of the blocks, and what the reader should know where they weigh so unequally that few of them decide.
    Where p is n/a nothing else is said of it."""
    effective = tests.effective_blocks
    count_as = f"the {blocks.count} blocks of {blocks.length_s:.0f} s count as {effective:.1f} equal ones"
    if effective < LEAST_TESTED:
        runs = f"{n_runs} run{'' if n_runs == 1 else 's'}"
        untested = f"cannot be tested with {runs}, as {count_as}, of which none could have a p below .05"
        return (f"{NO_P}: {untested}; do not conclude that nothing is predicted",)
    if effective < EQUAL * FEWEST <= EQUAL * blocks.count:
        noisy = effective < EQUAL * FEWEST * tests.share_left
        cause = (
            "a noisy run decides" if noisy else f"confounds and drift took {1 - tests.share_left:.0%} of the samples"
        )
        why = f"{count_as}, fewer than {FEWEST}: {cause}"
        doubt = f"{UNRELIABLE_P}: {why}; do not conclude from p that a target is predicted, nor that it is not"
        return (*blocks.warnings, doubt)
    return blocks.warnings


def data_blocks(
    design: Design,
    groups: Mapping[str, Sequence[str]],
    spec: FitSpec,
    least_s: float,
    context: FitContext = HERE,
) -> Blocks:
    """Blocks as long as some of the responses, and what plain ridge predicts of them from everything, ask for.

    Parameters
    ----------
    design, groups, spec : as of `fit`.
    least_s : shortest length of a block in seconds.
    context : of which the device counts: these few targets are always fitted in float32, without a limit.

    Raises
    ------
    CannotFit, ValueError
        As `fit` does.
    """
    usable = np.flatnonzero(design.usable)
    sample = usable[np.linspace(0, len(usable) - 1, min(SAMPLED, len(usable))).round().astype(int)]
    few = replace(design, Y=np.array(design.Y[:, sample]), usable=np.ones(len(sample), dtype=bool))
    kept = _Predictions(few.Y.shape)
    full = FitOptions(unions=[tuple(groups)])
    fit(few, groups, replace(spec, solver="ridge"), FitContext(context.device, precision="float32"), full, kept)
    steps_s = np.concatenate([np.diff(few.times_s[few.runs == run]) for run in np.unique(few.runs)])
    correlation = product_autocorrelation(few.Y, kept.predictions, few.runs)
    return make_blocks(few.first_runs, few.first_times_s, least_s, correlation, float(steps_s.mean()))


class _Predictions(Observer):
    """Keeps held-out predictions (n_times, n_targets) of a few targets, as they meet responses."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.predictions: Array = np.zeros(shape)

    def fitted(self, models: Fitted) -> None:
        """See Observer."""
        met = models.predictions + models.nuisance_predictions
        self.predictions[np.ix_(models.split.evaluate, models.targets)] = met.cpu().numpy()
