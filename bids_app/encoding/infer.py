"""A fit with its inference, in one stream: blocks from the data, every union fitted, every component tested."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from bids_app.encoding.blocks import Blocks, make_blocks, product_autocorrelation
from bids_app.encoding.fit import Precision, fit, unions_of
from bids_app.encoding.fitted import Fitted, Observer, Together
from bids_app.encoding.inference import Inference
from bids_app.records import Array, Design, Fit, FitSpec, InferenceSpec, Tests

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
    beside: Callable[[Blocks], Observer] | None = None,
) -> tuple[Fit, Tests]:
    """`fit` of all unions, and p and intervals of every component (`inference`), without holding any prediction.

    `beside` makes a further observer of the fit from its blocks. Responses must be centred within run. Raises what
    `fit` raises.
    """
    blocks = data_blocks(design, units, spec, tests.block_s, device)
    unions = unions_of(tuple(units))
    inference = Inference(unions, blocks, design.runs, design.folds, tests.permutations, tests.seed, device)
    observer = inference if beside is None else Together([inference, beside(blocks)])
    fitted = fit(design, units, spec, device, mem_mb=mem_mb, precision=precision, observer=observer)
    found = inference.results(len(design.usable))
    return fitted, Tests(found, tests.permutations, blocks.count, blocks.length_s, blocks.smooth, blocks.warnings)


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
