"""Time of refit sign flips with max-T at the size of a whole brain, and of all inference of the default analysis
beside its fit: `python -m benchmarks.inference`."""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import numpy as np

from benchmarks.bars import Bar, run_bars
from benchmarks.nulls import design_of
from benchmarks.simulation import Setting, mixed, series, with_weights
from bids_app import encoding
from bids_app.encoding.inference.blocks import Blocks, block_labels
from bids_app.encoding.inference.component_tests import Flips, Inference
from bids_app.records import Array, Design, FitSpec, InferenceSpec

SETTING = Setting(n_runs=5, n_samples=400, period_s=2.0, least_s=60.0)
COLUMNS, PERMUTATIONS = 400, 1000
SPEC = FitSpec(solver="ridge", alphas=(1e0, 1e6, 20))


def flips(quick: bool) -> list[Bar]:
    """1000 flips of time blocks, then of frequencies besides, for 20,000 targets (4,000 if quick), in the stream of
    the fit, less the fit alone. Processor seconds are printed too, for a busy machine."""
    rng = np.random.default_rng(0)
    n_targets = 4000 if quick else 20_000
    X = series("ar.5", SETTING, COLUMNS, rng)
    weights = rng.standard_normal((COLUMNS, n_targets), dtype=np.float32)
    Y = 0.05 * X.astype(np.float32) @ weights + rng.standard_normal((len(X), n_targets), dtype=np.float32)
    design = design_of({"x": X}, Y, SETTING.runs, SETTING.times_s)
    labels = block_labels(SETTING.runs, SETTING.times_s, SETTING.least_s)
    blocks = Blocks(labels, int(labels.max()) + 1, SETTING.least_s, 0.0, ())
    fit = _seconds(design, None)
    flipped = _seconds(design, blocks) - fit
    both = _seconds(design, replace(blocks, lost=0.02)) - fit
    for name, (wall, busy) in {"fit": fit, "blocks": flipped, "blocks and frequencies": both}.items():
        print(f"{name}: {wall:.1f} s, {busy:.1f} processor seconds")
    return [
        Bar("flips-of-blocks-seconds", flipped[0], 60 * n_targets / 20_000, "s"),
        Bar("flips-of-frequencies-seconds", (both - flipped)[0], 60 * n_targets / 20_000, "s"),
    ]


def default(quick: bool) -> list[Bar]:
    """The four feature groups of the default preset at the size of real models (102 and three times 768 columns, one
    delay: with more columns than samples their number hardly counts), four runs of 300 samples, 1,000 targets; if
    quick, of 100 samples and 200 targets. All unions by banded ridge, with and without p and intervals."""
    setting, n_targets = Setting(4, 100 if quick else 300, 2.0, 60.0), 200 if quick else 1000
    rng = np.random.default_rng(0)
    sizes = {"low_level": 102, "semantic": 768, "speech": 768, "language": 768}
    bands = {name: series("ar.5", setting, count, rng) for name, count in sizes.items()}
    Y = mixed(with_weights(bands["speech"], n_targets, rng), series("ar.5", setting, n_targets, rng), 0.2, setting)
    design, groups = design_of(bands, Y, setting.runs, setting.times_s), {name: (name,) for name in bands}
    seconds = []
    for inference in (None, InferenceSpec(PERMUTATIONS, setting.least_s)):
        began = time.process_time()
        if inference is None:
            encoding.fit(design, groups, FitSpec())
        else:
            encoding.fit_and_infer(design, groups, FitSpec(), inference)
        seconds.append(time.process_time() - began)
    fit, both = seconds
    print(f"default: fit {fit:.0f} processor seconds, inference {both - fit:.0f}")
    return [Bar("default-inference-to-fit", round((both - fit) / fit, 3), 1.0, "of the fit")]


def _seconds(design: Design, blocks: Blocks | None) -> Array:
    """Wall and processor seconds of the fit with its inference, or alone."""
    began = np.array([time.monotonic(), time.process_time()])
    inference = None if blocks is None else Inference([("x",)], blocks, design, Flips(PERMUTATIONS))
    encoding.fit(design, {"x": ("x",)}, SPEC, observer=inference)
    if inference:
        inference.results(design.Y.shape[1])
    return np.asarray(np.array([time.monotonic(), time.process_time()]) - began)


if __name__ == "__main__":
    sys.exit(run_bars({"flips": flips, "default": default}))
