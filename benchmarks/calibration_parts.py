"""Calibration of unique and shared parts, and coverage of intervals; run by `python -m benchmarks.calibration`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from benchmarks.bars import Bar
from benchmarks.conditions import LEVEL, RIDGE, SPECS, bar, infer
from benchmarks.nulls import design_of, models_of
from benchmarks.simulation import FMRI, WORDS, Setting, mixed, series, with_weights
from bids_app.encoding.ridge.fit import unions_of
from bids_app.records import Array, Design, FitSpec

BANDED = replace(RIDGE, solver="banded_ridge", candidates=8)
SOLVERS = {"banded-selected": BANDED, **{f"ridge-{alpha}": spec for alpha, spec in SPECS.items()}}
KINDS = (("ar.5", "ar.5", FMRI), ("1/f", "ar.9", FMRI), ("1/f", "ar.9", WORDS))
ROUNDING = 1e-9  # where two models are the same, limits and value are 0 but for it
LONG = 20  # times the data: the independent sample on which fold models show what they are worth


def parts(quick: bool) -> list[Bar]:
    """Unique parts of an idle band and shared parts with it, while other bands carry signal."""
    print("| bands-noise-solver-alpha | component | mean value | false positives |")
    print("|---|---|---|---|")
    bars = []
    for sizes in ({"a": 20, "b": 20}, {"a": 20, "b": 100}, {"a": 15, "b": 30, "c": 15}):
        for kind in KINDS:
            for solver in SOLVERS:
                bars += part_bars(sizes, kind, solver, draws=3 if quick else 15)
    return bars


def part_bars(sizes: Mapping[str, int], kind: tuple[str, str, Setting], solver: str, draws: int) -> list[Bar]:
    """Signal in every band but b; 70 targets a draw."""
    rng, (noise, features, setting) = np.random.default_rng(0), kind
    words = "-words" if setting == WORDS else ""
    name = f"{'+'.join(map(str, sizes.values()))}-{noise}{words}-{solver}"
    idle = ["uniqueB", "sharedAB"] + (["sharedBC", "sharedABC"] if "c" in sizes else [])
    p: dict[str, list[Array]] = {key: [] for key in idle}
    values: dict[str, list[Array]] = {key: [] for key in idle}
    for draw in range(draws):
        bands = {band: series(features, setting, count, rng) for band, count in sizes.items()}
        signal = np.sum([with_weights(bands[band], 70, rng, setting) for band in sizes if band != "b"], axis=0)
        Y = mixed(signal, series(noise, setting, 70, rng), 0.3, setting)
        design = design_of(bands, Y, setting.runs, setting.times_s)
        drawn, found = infer(design, SOLVERS[solver], setting.least_s, seed=draw)
        for key in idle:
            p[key].append(found[key].p)
            values[key].append(drawn[key])
    bars = []
    for key in idle:
        bars.append(bar(f"part-{name}-{key}", np.concatenate(p[key]) <= LEVEL))
        print(f"| {name} | {key} | {np.mean(values[key]):+.3f} | {bars[-1].figure:.3f} |", flush=True)
    return bars


def intervals(quick: bool) -> list[Bar]:
    """How often intervals cover what the fitted fold models reach on a long independent sample."""
    print("| noise-features-share-component | value of the models | coverage | of their mean | mean width |")
    print("|---|---|---|---|---|")
    bars: list[Bar] = []
    for noise, features in (("white", "ar.5"), ("ar.5", "ar.5"), ("ar.9", "ar.9"), ("1/f", "1/f")):
        for share in (0.0, 0.3):
            for spec in (BANDED,) if quick else (BANDED, RIDGE):
                bars += coverage(noise, features, share, spec, draws=10 if quick else 30)
    return bars


def coverage(noise: str, features: str, share: float, spec: FitSpec, draws: int) -> Iterator[Bar]:
    """One set of weights for 20 targets, fresh features and noise every draw."""
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((30, 20))
    names = ("full", "a", "uniqueA", "sharedAB")
    reached: dict[str, list[Array]] = {name: [] for name in names}
    limits: dict[str, list[Array]] = {name: [] for name in names}
    for draw in range(draws):
        X = series(features, FMRI, 30, rng)
        Y = mixed(X @ weights, series(noise, FMRI, 20, rng), share)
        design = design_of({"a": X[:, :20], "b": X[:, 15:]}, Y, FMRI.runs, FMRI.times_s)
        _, found = infer(design, spec, FMRI.least_s, seed=draw)
        long = replace(FMRI, n_runs=LONG * FMRI.n_runs)
        X_long = series(features, long, 30, rng)
        Y_long = mixed(X_long @ weights, series(noise, long, 20, rng), share, long)
        worth = _worth({"a": X_long[:, :20], "b": X_long[:, 15:]}, Y_long, design, spec)
        for name in names:
            reached[name].append(worth[name])
            limits[name].append(np.stack([found[name].low, found[name].high]))
    for name in names:
        worth_of, (low, high) = np.array(reached[name]), np.stack(limits[name], axis=1)
        covered = float(((low - ROUNDING <= worth_of) & (worth_of <= high + ROUNDING)).mean())
        mean = worth_of.mean(axis=0)
        of_mean = float(((low <= mean) & (mean <= high)).mean())
        label = f"{noise}-{features}-{share}-{spec.solver}-{name}"
        print(
            f"| {label} | {mean.mean():.3f} | {covered:.3f} | {of_mean:.3f} | {(high - low).mean():.3f} |", flush=True
        )
        yield Bar(f"coverage-{label}", covered, 0.9, "of intervals", smaller_is_better=False)


def _worth(bands: Mapping[str, Array], Y: Array, design: Design, spec: FitSpec) -> dict[str, Array]:
    """What the design's fold models of every union reach on other data: components, (n_targets,) each."""
    rsquared = {}
    for union in unions_of(tuple(bands)):
        some = replace(design, bands={name: design.bands[name] for name in union})
        residual, total = np.zeros(Y.shape[1]), np.zeros(Y.shape[1])
        for one in models_of(some, spec):
            train = one.split.train
            y = Y[:, one.targets] - design.Y[train][:, one.targets].mean(axis=0)
            predicted = np.zeros_like(y)
            for number, weights in one.band_weights().items():
                own = some.bands[union[number]][train, 0]
                predicted += (bands[union[number]] - own.mean(axis=0)) / own.std(axis=0) @ weights.numpy()
            np.add.at(residual, one.targets, ((y - predicted) ** 2).sum(axis=0))
            np.add.at(total, one.targets, (y**2).sum(axis=0))
        rsquared[union] = 1 - residual / total
    a, b, both = rsquared["a",], rsquared["b",], rsquared["a", "b"]
    return {"full": both, "a": a, "uniqueA": both - b, "sharedAB": a + b - both}
