"""Intervals by nested cross-validation beside those of blocks; run by `python -m benchmarks.outside --only nested`.

Bates, Hastie and Tibshirani (2024, JASA 119:1434) leave out two folds at a time. Cross-validation among all folds but
one gives an estimate of the error, of which this one, which none of those models saw, is a test. The mean square of
their difference, less the variance of testing on one fold, is the mean squared error of cross-validation. Here folds
are runs, as samples may not be dealt out at random, and variances are of blocks, as samples are not independent.

Both intervals are for what models trained on this much data reach, and have the same middle: the correction for
training on fewer folds is left out.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np

from benchmarks import recovery
from benchmarks.bars import Bar
from benchmarks.nulls import design_of
from benchmarks.planting import LEAST_S, Planting, Reached
from benchmarks.recovery import COVERED, N_TARGETS, NULL, standard_error
from bids_app import encoding
from bids_app.encoding.ridge.fit import unions_of
from bids_app.encoding.ridge.fitted import Fitted, Observer
from bids_app.records import Array, Design, InferenceSpec, partition_components

BANDED = replace(recovery.BANDED, candidates=4)
PERMUTATIONS = 20  # p is not looked at
NORMAL = 1.96  # its .975 quantile, as published
METHODS = ("ours", "nested", "blocks alone")
WHITE = Planting("fmri", 1000, {"a": 10, "b": 10}, 0.5, ("a", "b"), 0.2, noise="white")
PLANTINGS = {
    "white, nothing": replace(WHITE, carriers=(), share=0.0),
    "white, a": replace(WHITE, carriers=("a",)),
    "white, a and b": WHITE,
    "slow, nothing": replace(WHITE, carriers=(), share=0.0, noise="slow"),
    "slow, a and b": replace(WHITE, noise="slow"),
}


class Gains(Observer):
    """(y − ȳ_train)² of every sample, (n_times, n_targets), and every union's gain over it."""

    def __init__(self, design: Design, groups: tuple[str, ...]) -> None:
        self._groups, self.total = groups, np.zeros(design.Y.shape)
        self._gains = {frozenset(union): np.zeros(design.Y.shape) for union in unions_of(groups)}

    def fitted(self, models: Fitted) -> None:
        """See Observer."""
        rows, unions = models.split.evaluate, list(self._gains)
        y, predicted = models.responses.numpy(), models.predictions.numpy()
        self.total[np.ix_(rows, models.targets)] = np.square(y)
        for union, mine in models.unions.items():
            gain = (predicted * (2 * y - predicted))[:, mine]
            self._gains[unions[union]][np.ix_(rows, models.targets[mine])] = gain

    @cached_property
    def contrasts(self) -> dict[str, Array]:
        """{component: (n_times, n_targets)} signed sums of gains."""
        return {component.label: component.of(self._gains) for component in partition_components(self._groups)}


def nested(quick: bool) -> list[Bar]:
    """Coverage and mean width of ours, of nested cross-validation's, and of blocks taken for independent."""
    print("\n| planted | part | reached | " + " | ".join(f"{name} (se) | width" for name in METHODS) + " |")
    print("|---|---|---|" + "---|---|" * len(METHODS))
    return [bar for name, planting in PLANTINGS.items() for bar in _compared(name, planting, 2 if quick else 10)]


def _compared(label: str, planting: Planting, draws: int) -> list[Bar]:
    rng, drawn = np.random.default_rng(0), dict[str, list[Array]]()
    for number in range(draws):
        for part, figures in _intervals(planting, rng, number).items():
            drawn.setdefault(part, []).append(figures)
    bars = []
    for part, of_draws in drawn.items():
        reached, low, high = np.array(of_draws).transpose(2, 0, 3, 1)  # of (n_draws, n_methods, 3, n_targets)
        covered = ((low - NULL <= reached) & (reached <= high + NULL)).mean(axis=1)
        shown = [
            f"{each.mean():.3f} ({standard_error(each):.3f}) | {width:.3f}"
            for each, width in zip(covered.T, (high - low).mean(axis=(0, 1)), strict=True)
        ]
        print(f"| {label} | {part} | {reached.mean():.3f} | {' | '.join(shown)} |", flush=True)
        ours = float(covered[:, 0].mean())
        bars.append(Bar(f"nested-{label}-{part}-ours", ours, COVERED[0], "of intervals", smaller_is_better=False))
    return bars


def _intervals(planting: Planting, rng: np.random.Generator, seed: int) -> dict[str, Array]:
    """{component: (n_methods, 3, n_targets)} what the models of one data set reach, and both ends by each method."""
    planted = planting.draw(N_TARGETS, rng)
    design, groups, least_s = planted.design, planting.groups, LEAST_S[planting.rows]
    blocks = encoding.data_blocks(design, groups, BANDED, least_s)
    plan = encoding.InferencePlan(InferenceSpec(PERMUTATIONS, least_s, seed), blocks)
    reached, gains = Reached(planted), Gains(design, tuple(groups))
    _, tests = encoding.fit_and_infer(design, groups, BANDED, plan, observer=encoding.ObserverGroup([reached, gains]))
    without = [_gains_without(run, design, planting) for run in range(planting.n_runs)]
    found = {}
    for part, worth in reached.values().items():
        estimate = gains.contrasts[part].sum(axis=0) / gains.total.sum(axis=0)
        # deviations from the ratio, as a ratio estimator has them
        outer, *inner = (
            (each.contrasts[part] - estimate * each.total) / gains.total.mean(axis=0) for each in (gains, *without)
        )
        alone, nested_cv = standard_errors(
            outer, np.array([each.mean(axis=0) for each in inner]), design.runs, blocks
        )
        ours = tests.components[part]
        ends = [(estimate - NORMAL * error, estimate + NORMAL * error) for error in (nested_cv, alone)]
        found[part] = np.array([(worth, low, high) for low, high in ((ours.low, ours.high), *ends)])
    return found


def _gains_without(run: int, design: Design, planting: Planting) -> Gains:
    """Of cross-validation among the other runs, each of them a fold."""
    kept = design.runs != run
    bands = {name: values[kept, 0] for name, values in design.bands.items()}
    others = np.unique(design.runs[kept], return_inverse=True)[1]
    fewer = design_of(bands, design.Y[kept], others, design.times_s[kept])
    gains = Gains(fewer, tuple(planting.groups))
    encoding.fit(fewer, planting.groups, BANDED, observer=gains)
    return gains


def standard_errors(outer: Array, inner: Array, runs: Array, blocks: encoding.Blocks) -> tuple[Array, Array]:
    """Of the mean of `outer`: of blocks that are independent, and by nested cross-validation.

    The second is at least the first, and at most √n_runs times that, as published.

    Parameters
    ----------
    outer : (n_times, n_targets) held-out deviations of every sample, whose mean is zero.
    inner : (n_runs, n_targets) their mean in cross-validation among all runs but one.
    runs : (n_times,) each sample's run, from 0; all are as long.
    blocks : of the samples.

    Returns
    -------
    (n_targets,) each.
    """
    n_runs, by_block = len(inner), _sums(outer, blocks.labels)
    alone = np.square(by_block).sum(axis=0) * blocks.count / (blocks.count - 1) / len(outer) ** 2
    left_out = _sums(outer, runs) / (len(outer) / n_runs)
    # the second term: the variance of testing on one run
    squared_error = np.square(inner - left_out).mean(axis=0) - n_runs * alone
    nested_cv = np.clip((n_runs - 1) / n_runs * squared_error, alone, n_runs * alone)
    return np.sqrt(alone), np.sqrt(nested_cv)


def _sums(values: Array, labels: Array) -> Array:
    totals = np.zeros((int(labels.max()) + 1, values.shape[1]))
    np.add.at(totals, labels, values)
    return totals
