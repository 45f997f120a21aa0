"""What a choice among layers does on noise: scores of the layer chosen inside training, of the highest of all, and p.

`python -m benchmarks.layers`: data sets of four runs of 100 samples, eight layers of four columns, AR(1) of .3 all.
"""

from __future__ import annotations

import numpy as np

from bids_app import encoding
from bids_app.records import Array, FitSpec, InferenceSpec, Run

LAYERS, COLUMNS, N, RUNS, AR = 8, 4, 100, 4, 0.3
SPANS = {str(k): (COLUMNS * k, COLUMNS * (k + 1)) for k in range(LAYERS)}
SPEC = FitSpec(alphas=(1e-1, 1e5, 7), candidates=4)
GROUPS = {"speech": ("speech",), "other": ("other",)}


def series(rng: np.random.Generator, width: int) -> Array:
    """(N, width) AR(1) of unit variance."""
    values = rng.standard_normal((N, width))
    for t in range(1, N):
        values[t] = AR * values[t - 1] + np.sqrt(1 - AR**2) * values[t]
    return values


def run_of(rng: np.random.Generator, number: int, n_targets: int) -> Run:
    """Features and responses that have nothing to do with each other."""
    bands = {"speech": series(rng, LAYERS * COLUMNS), "other": series(rng, COLUMNS)}
    Y = series(rng, n_targets)
    delayed = {name: values[:, None].astype(np.float32) for name, values in bands.items()}
    return Run(f"run{number}", delayed, Y - Y.mean(axis=0), np.arange(N) * 2.0, (f"s{number}",))


def noise(n_sets: int, n_targets: int) -> dict[str, float]:
    """Mean R² of the chosen layer and of the best of all; shares of p ≤ .05, the space alone and its unique part."""
    found: dict[str, list[Array]] = {name: [] for name in ("chosen", "highest", "p alone", "p unique")}
    for seed in range(n_sets):
        rng = np.random.default_rng([n_targets, seed])
        runs = [run_of(rng, number, n_targets) for number in range(RUNS)]
        design = encoding.build_design(runs, "by_run", (0.0,), {"speech": None, "other": None}, 6.0)
        design = encoding.layered(design, {"speech": SPANS})
        scores = encoding.score_layers(design, "speech", SPEC)
        design = encoding.choose_layers(design, "speech", scores.chosen)
        _, tests = encoding.fit_and_infer(design, GROUPS, SPEC, InferenceSpec(199, 20.0))
        found["chosen"].append(scores.best_rsquared)
        found["highest"].append(scores.rsquared.max(axis=0))
        found["p alone"].append(tests.components["speech"].p <= 0.05)
        found["p unique"].append(tests.components["uniqueSpeech"].p <= 0.05)
    return {name: float(np.mean(values)) for name, values in found.items()}


def main() -> None:
    """Print one line a number of targets."""
    for n_sets, n_targets in ((150, 1), (20, 20)):
        figures = ", ".join(f"{name} {value:.3f}" for name, value in noise(n_sets, n_targets).items())
        print(f"{n_sets} sets of {n_targets}: {figures}")


if __name__ == "__main__":
    main()
