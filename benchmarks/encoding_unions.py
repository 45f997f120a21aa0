"""All unions of bands in nested folds, against himalaya's refits and at full size; run by `benchmarks.encoding`."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from himalaya.backend import set_backend
from himalaya.kernel_ridge import KernelRidgeCV
from himalaya.ridge import RidgeCV
from sklearn.model_selection import KFold

from benchmarks.bars import Bar, measure
from benchmarks.paired import REPEATS, paired, problem
from bids_app import encoding
from bids_app.encoding.ridge.fitted import Fitted, Observer
from bids_app.records import Array, Design, FitSpec

SPEC = FitSpec(solver="ridge", alphas=(1e0, 1e8, 20))
ALPHAS = np.logspace(0, 8, 20)
FOLDS = KFold(5)


def design_of(X: Sequence[Array], Y: Array, n_delays: int, folds: int, n_targets: int | None = None) -> Design:
    """Contiguous runs as outer folds; the first `n_targets` of Y, or all, are fitted."""
    n, usable = len(Y), np.arange(Y.shape[1]) < (n_targets or Y.shape[1])
    runs = np.repeat(np.arange(folds), -(-n // folds))[:n]
    return Design(
        bands={f"band{number}": x.reshape(n, n_delays, -1) for number, x in enumerate(X)},
        Y=Y, folds=runs, runs=runs, times_s=np.arange(n) * 2.0,
        first_runs=runs, first_times_s=np.arange(n) * 2.0, run_labels=tuple(f"run-{k}" for k in range(folds)),
        run_stimuli=tuple((str(k),) for k in range(folds)), delays_s=tuple(2.0 * k for k in range(n_delays)),
        pca={}, usable=usable, purge_s=0.0,
    )  # fmt: skip


def unions(quick: bool, device: str) -> list[Bar]:
    """All unions of four bands in nested folds by run against himalaya's refits, each union with the cheaper of its
    ridges (the median of the first three outer folds, times five; quick: of the first); and seconds a target at three
    sizes."""
    backend = set_backend("torch_cuda" if device == "cuda" else "torch")
    n, n_columns, n_targets = (1000, 100, 600) if quick else (3000, 400, 2000)
    X, Y = problem(n, [n_columns] * 4, n_targets)
    groups = {f"band{number}": (f"band{number}",) for number in range(4)}

    def ours(n_mine: int = n_targets) -> _ByFold:
        design, by_fold = design_of(X, Y[:, :n_mine], 4, 5), _ByFold((5, 15, n_mine))
        encoding.fit(design, groups, SPEC, encoding.FitContext(device, precision="float32"), observer=by_fold)
        return by_fold

    repeats = 1 if quick else REPEATS
    (mine,), (by_fold,) = paired(ours, repeats=repeats)
    refits = [_refits(X, Y, train, test, backend) for train, test in list(FOLDS.split(Y))[:repeats]]
    took, rsquared = (np.array(values) for values in zip(*refits, strict=True))
    print(f"  himalaya, fold by fold: {took.round(1)} s", flush=True)
    peer = FOLDS.get_n_splits() * float(np.median(took))
    difference = np.abs(by_fold.rsquared[: len(took)] - rsquared)
    sizes = [n_targets, 2 * n_targets, 4 * n_targets]
    Y = np.concatenate([Y] * 4, axis=1)
    seconds, _ = paired(*(partial(ours, size) for size in sizes), repeats=1)
    return [
        Bar("unions-speed", peer / mine, 3, "times", smaller_is_better=False),
        Bar("unions-median-difference", float(np.median(difference)), 1e-4, "of rsquared"),
        Bar("unions-growth", _growth(sizes, seconds), 1.2, "times a target"),
    ]


class _ByFold(Observer):
    """rsquared (n_folds, n_unions, n_targets), fold by fold."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.rsquared = np.full(shape, np.nan)

    def fitted(self, models: Fitted) -> None:
        residual = (models.responses - models.predictions).square().sum(dim=0)
        rsquared = (1 - residual / models.responses.square().sum(dim=0)).cpu().numpy()
        for union, mine in models.unions.items():
            self.rsquared[models.fold, union, models.targets[mine]] = rsquared[mine]


def _refits(X: Sequence[Array], Y: Array, train: Array, test: Array, backend: Any) -> tuple[float, Array]:
    """Seconds of all unions by himalaya in one outer fold, and their rsquared (n_unions, n_targets)."""
    started, residuals = time.perf_counter(), []
    for union in (chosen for size in range(1, 5) for chosen in combinations(range(4), size)):
        stacked = np.hstack([X[band] for band in union])
        x = (
            (stacked - stacked[train].mean(axis=0))
            / stacked[train].std(axis=0)
            / np.sqrt(len(union), dtype=np.float32)
        )
        model = RidgeCV if x.shape[1] < len(Y) / 6 else partial(KernelRidgeCV, warn=False)
        fitted = model(alphas=ALPHAS.astype(np.float32), cv=KFold(4), fit_intercept=True).fit(x[train], Y[train])
        residuals.append(((Y[test] - backend.to_numpy(fitted.predict(x[test]))) ** 2).sum(axis=0))
    seconds = time.perf_counter() - started
    return seconds, 1 - np.array(residuals) / ((Y[test] - Y[train].mean(axis=0)) ** 2).sum(axis=0)


def scale(quick: bool, device: str) -> list[Bar]:
    """9,000 samples, 4 bands × 400 columns, responses read from disk under a memory limit: one union of all targets
    for memory (on a GPU every union), and every union at three sizes for growth."""
    n, n_columns, n_targets, limit = (2000, 100, 20_000, 1200) if quick else (9000, 400, 80_000, 6000)
    sizes = [1024, 2048, 4096] if quick else [2500, 5000, 10_000]
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "responses.dat"
        X, _ = problem(n, [n_columns] * 4, 1)
        Y = np.memmap(path, np.float32, "w+", shape=(n, n_targets))
        rng = np.random.default_rng(1)
        for at in range(0, n, 500):
            Y[at : at + 500] = rng.standard_normal((min(500, n - at), n_targets), dtype=np.float32)
        Y.flush()
        np.save(Path(name) / "columns.npy", np.stack(X))
        which = "all" if device == "cuda" else "full"
        seconds, peak = _fit_in_process(name, n_targets, n_targets, limit, which, device)
        print(f"  {which} at {n_targets} targets: {seconds:.0f} s, {peak:.0f} MB", flush=True)
        times = [_fit_in_process(name, n_targets, size, limit, "all", device)[0] for size in sizes]
    print(f"  all unions of {sizes} targets: {[round(value, 1) for value in times]} s")
    return [
        Bar("scale-peak-memory", peak, limit, "MB"),
        Bar("scale-growth", _growth(sizes, times), 1.2, "times a target"),
    ]


def _growth(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Seconds a target at most, against those of the smallest size: 1 where time grows linearly."""
    return max(taken / size for taken, size in zip(seconds, sizes, strict=True)) * sizes[0] / seconds[0]


def _fit_in_process(
    folder: str, in_file: int, n_targets: int, mem_mb: int, which: str, device: str
) -> tuple[float, float]:
    """Seconds and peak MB."""
    log = Path(folder) / "fit.log"
    given = [folder, str(in_file), str(n_targets), str(mem_mb), which, device]
    measured = measure([sys.executable, "-m", "benchmarks.encoding_scale", *given], log)
    if measured.code:
        raise RuntimeError(log.read_text(encoding="utf-8"))
    seconds, achieved, possible = map(float, log.read_text(encoding="utf-8").splitlines()[-1].split())
    print(f"    {achieved:.3g} TFLOP/s of matrix products; one large product: {possible:.3g}", flush=True)
    return seconds, measured.peak_mb * 1024**2 / 1e6
