"""A fit with its inference, in one stream: blocks from the data, every union fitted, every component tested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from bids_app.encoding.inference.blocks import Blocks, make_blocks, product_autocorrelation
from bids_app.encoding.inference.tests import Inference
from bids_app.encoding.ridge.fit import Precision, fit, unions_of
from bids_app.encoding.ridge.fitted import Fitted, Observer, ObserverGroup
from bids_app.records import Array, Component, Design, Fit, FitSpec, InferenceResult, InferenceSpec

SAMPLED = 256  # targets whose autocorrelation decides the length of blocks


def fit_and_infer(
    design: Design,
    units: Mapping[str, Sequence[str]],
    spec: FitSpec,
    tests: InferenceSpec,
    device: str = "cpu",
    *,
    mem_mb: int | None = None,
    precision: Precision = "mixed",
    unions: Sequence[tuple[str, ...]] | None = None,
    asked: Sequence[Component] | None = None,
    blocks: Blocks | None = None,
    beside: Observer | None = None,
) -> tuple[Fit, InferenceResult]:
    """`fit` of all unions, and p and intervals of every component of the partition, without holding any prediction.
    Or of `unions` alone (the largest last) and the components `asked` of them, whose searches include those of the
    fitted unions within. `blocks`: those of `data_blocks`, made where none are given.

    `beside`: a further observer of the fit. Responses must be centred within run. Raises what `fit` raises.
    """
    blocks = blocks or data_blocks(design, units, spec, tests.block_s, device)
    unions = unions_of(tuple(units)) if unions is None else tuple(unions)
    order = [band for members in units.values() for band in members]
    bands = {unit: [order.index(band) for band in members] for unit, members in units.items()}
    inference = Inference(
        unions, blocks, design.runs, design.folds, tests.permutations, tests.seed, device, asked=asked, bands=bands
    )
    fitted = fit(
        design,
        units,
        spec,
        device,
        unions=unions,
        mem_mb=mem_mb,
        precision=precision,
        observer=inference if beside is None else ObserverGroup([inference, beside]),
        subsets=asked is None,
    )
    return fitted, InferenceResult(
        components=inference.results(len(design.usable)),
        permutations=tests.permutations,
        n_blocks=blocks.count,
        block_s=blocks.length_s,
        frequencies=blocks.smooth,
        warnings=blocks.warnings,
        limits=inference.limits(len(design.usable)),
    )


def data_blocks(
    design: Design, units: Mapping[str, Sequence[str]], spec: FitSpec, least_s: float, device: str = "cpu"
) -> Blocks:
    """Blocks as long as some of the responses, and what plain ridge predicts of them from everything, ask for."""
    usable = np.flatnonzero(design.usable)
    sample = usable[np.linspace(0, len(usable) - 1, min(SAMPLED, len(usable))).round().astype(int)]
    few = replace(design, Y=np.array(design.Y[:, sample]), usable=np.ones(len(sample), dtype=bool))
    told = _Predictions(few.Y.shape)
    fit(few, units, replace(spec, solver="ridge"), device, unions=[tuple(units)], precision="float32", observer=told)
    steps_s = np.concatenate([np.diff(few.times_s[few.runs == run]) for run in np.unique(few.runs)])
    correlation = product_autocorrelation(few.Y, told.predictions, few.runs)
    return make_blocks(few.runs, few.times_s, least_s, correlation, float(steps_s.mean()))


class _Predictions(Observer):
    """Keeps held-out predictions (n_times, n_targets) of a few targets."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.predictions: Array = np.zeros(shape)

    def fitted(self, models: Fitted) -> None:
        """See Observer."""
        self.predictions[np.ix_(models.split.evaluate, models.targets)] = models.predictions.cpu().numpy()
