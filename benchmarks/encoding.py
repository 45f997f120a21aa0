"""The engine against its peers, paired in one process: `python -m benchmarks.encoding [--device cuda]`.

Ratios are medians of alternated runs. Peers get the same data, folds, candidates and alphas, in float32 as ours.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from himalaya.backend import set_backend
from himalaya.kernel_ridge import KernelRidgeCV, solve_multiple_kernel_ridge_random_search
from himalaya.ridge import RidgeCV
from himalaya.scoring import l2_neg_loss
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold

from benchmarks.bars import Bar, measure, run_bars
from bids_app import encoding
from bids_app.encoding.batches import BLOCK
from bids_app.encoding.candidates import as_candidates, band_weights
from bids_app.encoding.columns import band_columns
from bids_app.encoding.fitted import fit_chosen
from bids_app.encoding.moments import Moments
from bids_app.encoding.search import Choice, Search
from bids_app.encoding.splits import Columns, Split, Weights
from bids_app.records import Array, Design, Fit, FitSpec

REPEATS = 3
ALPHAS = np.logspace(0, 8, 20)
FOLDS = KFold(5)
MARGIN = 1e-4  # of mean squared errors: closer candidates may be taken for one another


# ------------------------------------------------------------------------------------------------ data and measures
def problem(n: int, columns: Sequence[int], n_targets: int, blocks: int = 1) -> tuple[list[Array], Array]:
    """Smooth bands (n, n_columns_b) and responses (n, n_targets) of unit variance that follow them, float32; of zero
    mean in each of `blocks` contiguous blocks, so that leaving one out moves no mean."""
    rng = np.random.default_rng(0)
    X = [_smooth(rng, n, count) for count in columns]
    signal = np.zeros((n, n_targets), np.float32)
    for x in X:
        signal += x @ rng.standard_normal((x.shape[1], n_targets), dtype=np.float32) * rng.random(n_targets)
    Y = signal / signal.std(axis=0) + 2 * rng.standard_normal((n, n_targets), dtype=np.float32)
    for values in (*X, Y):
        for rows in np.array_split(np.arange(n), blocks):
            values[rows] -= values[rows].mean(axis=0)
        values /= values.std(axis=0)
    return X, np.asarray(Y, np.float32)


def _smooth(rng: np.random.Generator, n: int, n_columns: int) -> Array:
    """Columns of unequal size in a rotated basis, with a little memory from row to row, as features have."""
    values = rng.standard_normal((n, n_columns)) / np.sqrt(1 + np.arange(n_columns))
    values[1:] += 0.5 * values[:-1]
    rotation = np.linalg.qr(rng.standard_normal((n_columns, n_columns)))[0]
    return np.asarray(values @ rotation, dtype=np.float32)


def paired(*functions: Callable[[], Any], repeats: int = REPEATS) -> list[float]:
    """Median seconds of each, run in turn."""
    seconds: list[list[float]] = [[] for _ in functions]
    for _ in range(repeats):
        for function, taken in zip(functions, seconds, strict=True):
            started = time.perf_counter()
            function()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            taken.append(time.perf_counter() - started)
    print(
        "  seconds:", *(", ".join(f"{value:.2f}" for value in taken) for taken in seconds), sep="\n    ", flush=True
    )
    return [median(taken) for taken in seconds]


def peak_mb(function: Callable[[], Any]) -> float:
    """MB by which the process grows at most while `function` runs (Linux)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _status_mb("VmRSS")
    function()
    return _status_mb("VmHWM") - before


def _status_mb(name: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024 / 1e6


# ------------------------------------------------------------------------------------------------ one level of folds
def searched(
    X: Sequence[Array], Y: Array, candidates: Sequence[Weights], device: str
) -> tuple[Choice, list[tuple[Array, Moments]]]:
    """Our search over five folds of all samples; and the blocks with which the choice can be refitted."""
    rows = np.arange(len(Y))
    columns = Columns([torch.as_tensor(x, dtype=torch.float64, device=device) for x in X], rows)
    whole = Split(columns, rows, rows)
    inner = (Split(columns, train, held_out, whole) for train, held_out in FOLDS.split(rows))
    targets = [np.arange(Y.shape[1])[at : at + BLOCK[device]] for at in range(0, Y.shape[1], BLOCK[device])]
    blocks = [(at, Moments(torch.as_tensor(np.array(Y[:, at]), device=device), whole)) for at in targets]
    search = Search(inner, [moments for _, moments in blocks], ALPHAS, candidates)
    return search.choose(candidates), blocks


def banded(quick: bool, device: str) -> list[Bar]:
    """Random search of banded ridge against himalaya's; its refit, which costs it more, is left out."""
    backend = set_backend("torch_cuda" if device == "cuda" else "torch")
    n_targets, n_candidates = (2500, 2) if quick else (10_000, 10)
    X, Y = problem(2000, [400] * 3, n_targets, blocks=5)
    table = band_weights(3, 20, 0)[[0, *range(7, 20)]][:n_candidates]
    candidates = as_candidates(table, range(3))

    def ours() -> Choice:
        return searched(X, Y, candidates, device)[0]

    def theirs(gammas: Array = table, batch: int | None = None) -> Array:
        kernels = backend.stack([backend.asarray(x) @ backend.asarray(x).T for x in X])
        found = solve_multiple_kernel_ridge_random_search(
            kernels, Y, n_iter=gammas.astype(np.float32), alphas=ALPHAS.astype(np.float32), score_func=l2_neg_loss,
            cv=FOLDS, n_targets_batch=batch, progress_bar=False, return_weights=None,
        )  # fmt: skip
        return np.asarray(backend.to_numpy(found[2]))

    best = min((500, 2500, None), key=lambda batch: paired(partial(theirs, table[:1], batch), repeats=1)[0])
    print(f"  himalaya's best batch: {best}")
    memory = [peak_mb(ours), peak_mb(partial(theirs, table[:1], best))]
    mine, peer = paired(ours, partial(theirs, table, best))
    choice, errors = ours(), -theirs(table, best)
    ranked = np.sort(errors, axis=0)
    clear = ranked[1] - ranked[0] > MARGIN
    return [
        Bar("banded-speed", peer / mine, 3, "times", smaller_is_better=False),
        Bar("banded-memory", memory[0] / memory[1], 0.5, "of himalaya's"),
        Bar("banded-other-choices", float((choice.candidate != errors.argmin(axis=0))[clear].sum()), 0, "targets"),
        Bar("banded-score-difference", float(np.abs(choice.error - ranked[0]).max()), 1e-4, ""),
    ]


def ridge(quick: bool, device: str) -> list[Bar]:
    """One matrix, an alpha for each target, refitted, against the faster of himalaya's two."""
    set_backend("torch_cuda" if device == "cuda" else "torch")
    X, Y = problem(2000, [1200], 2500 if quick else 10_000)

    def ours() -> None:
        choice, blocks = searched(X, Y, PLAIN, device)
        for models in fit_chosen(0, 0, blocks, PLAIN, ALPHAS, choice):
            models.band_weights()

    alphas = ALPHAS.astype(np.float32)
    peers = [
        lambda: RidgeCV(alphas=alphas, cv=FOLDS, fit_intercept=True, solver_params={"n_targets_batch": 2500}).fit(
            X[0], Y
        ),
        lambda: KernelRidgeCV(
            alphas=alphas, cv=FOLDS, fit_intercept=True, warn=False, solver_params={"n_targets_batch": 2500}
        ).fit(X[0], Y),
    ]
    mine, *theirs = paired(ours, *peers)
    return [Bar("ridge-speed", min(theirs) / mine, 2, "times", smaller_is_better=False)]


# ------------------------------------------------------------------------------------------------ nested folds
def design_of(X: Sequence[Array], Y: Array, n_delays: int, folds: int, n_targets: int | None = None) -> Design:
    """Contiguous runs as outer folds; the first `n_targets` of Y, or all, are fitted."""
    n, usable = len(Y), np.arange(Y.shape[1]) < (n_targets or Y.shape[1])
    runs = np.repeat(np.arange(folds), -(-n // folds))[:n]
    return Design(
        bands={f"band{number}": x.reshape(n, n_delays, -1) for number, x in enumerate(X)},
        Y=Y, folds=runs, runs=runs, times_s=np.arange(n) * 2.0, run_labels=tuple(f"run-{k}" for k in range(folds)),
        run_stimuli=tuple((str(k),) for k in range(folds)), delays_s=tuple(2.0 * k for k in range(n_delays)),
        pca={}, usable=usable, purge_s=0.0,
    )  # fmt: skip


SPEC = FitSpec(solver="ridge", alphas=(1e0, 1e8, 20))


def unions(quick: bool, device: str) -> list[Bar]:
    """All unions of four bands in nested folds by run against himalaya's refits, each union with the cheaper of its
    ridges; and seconds a target at three sizes."""
    backend = set_backend("torch_cuda" if device == "cuda" else "torch")
    n, n_columns, n_targets = (1000, 100, 600) if quick else (3000, 400, 2000)
    X, Y = problem(n, [n_columns] * 4, n_targets)
    units = {f"band{number}": (f"band{number}",) for number in range(4)}

    def ours(n_mine: int = n_targets) -> Fit:
        design = design_of(X, Y[:, :n_mine], 4, 5)
        return encoding.fit(design, units, SPEC, device, precision="float32")

    def theirs() -> list[Array]:
        return [
            _refits([X[k] for k in union], Y, backend)
            for size in range(1, 5)
            for union in combinations(range(4), size)
        ]

    mine, peer = paired(ours, theirs, repeats=1 if quick else REPEATS)
    difference = np.abs(ours().rsquared - theirs())
    sizes = [n_targets, 2 * n_targets, 4 * n_targets]
    Y = np.concatenate([Y] * 4, axis=1)
    seconds = paired(*(partial(ours, size) for size in sizes))
    return [
        Bar("unions-speed", peer / mine, 3, "times", smaller_is_better=False),
        Bar("unions-median-difference", float(np.median(difference)), 1e-4, "of rsquared"),
        Bar("unions-growth", _growth(sizes, seconds), 1.2, "times a target"),
    ]


def _refits(X: Sequence[Array], Y: Array, backend: Any) -> Array:
    """(n_targets,) rsquared of one union by himalaya."""
    stacked, residual, total = np.hstack(X), 0.0, 0.0
    model = RidgeCV if stacked.shape[1] < len(Y) / 6 else partial(KernelRidgeCV, warn=False)
    for train, test in FOLDS.split(Y):
        mean, scale = stacked[train].mean(axis=0), stacked[train].std(axis=0)
        x = (stacked - mean) / scale / np.sqrt(len(X), dtype=np.float32)
        fitted = model(alphas=(ALPHAS).astype(np.float32), cv=KFold(4), fit_intercept=True).fit(x[train], Y[train])
        residual = residual + ((Y[test] - backend.to_numpy(fitted.predict(x[test]))) ** 2).sum(axis=0)
        total = total + ((Y[test] - Y[train].mean(axis=0)) ** 2).sum(axis=0)
    return np.asarray(1 - residual / total)


# ------------------------------------------------------------------------------------------------ the seed paper
PLAIN: list[Weights] = [{0: 1.0}]
SEED_ALPHAS = np.logspace(-5, 5, 10)


def seed(quick: bool, device: str) -> list[Bar]:
    """Words × electrodes at every lag, as the paper's published code is organised: five contiguous folds, scaler, PCA
    and weights from the first four fifths of training, alpha by the last fifth, a Ridge for each lag and alpha. Some
    of the lags are timed and scaled up; each is an equal share of the work."""
    n, n_electrodes, n_lags, timed = 3575, 256, 20 if quick else 200, 2 if quick else 4
    rng = np.random.default_rng(0)
    X = _smooth(rng, n, 1600)
    Y = rng.standard_normal((n, n_electrodes * n_lags), dtype=np.float32)
    Y += X[:, :200] @ rng.standard_normal((200, Y.shape[1]), dtype=np.float32)
    some = slice(0, timed * n_electrodes)
    started = time.perf_counter()
    folds = [_components(X, *rows) for rows in _seed_rows(n)]
    prepared = time.perf_counter() - started
    mine, theirs = paired(
        lambda: _lags_at_once(folds, Y, torch.float32, device), lambda: _lag_by_lag(folds, Y[:, some], n_electrodes)
    )
    mine, theirs = mine * 200 / n_lags, theirs * 200 / timed
    print(
        f"  PCA {prepared:.1f} s; 200 lags {mine:.1f} s (from {n_lags}), scikit-learn {theirs:.1f} s (from {timed})"
    )
    exact = _lag_by_lag(folds, Y[:, some].astype(np.float64), n_electrodes)
    difference = {
        name: float(np.abs(_lags_at_once(folds, Y[:, some], dtype, device) - exact).max())
        for name, dtype in (("float64", torch.float64), ("float32", torch.float32))
    }
    return [
        Bar("seed-speed", theirs / mine, 30, "times, PCA apart", smaller_is_better=False),
        Bar("seed-speed-with-pca", (prepared + theirs) / (prepared + mine), 30, "times", smaller_is_better=False),
        Bar("seed-difference-float64", difference["float64"], 1e-6, "of rsquared"),
        Bar("seed-difference-float32", difference["float32"], 1e-4, "of rsquared"),
    ]


SeedFold = tuple[Array, Array, Array, Array]


def _seed_rows(n: int) -> Iterator[tuple[Array, Array, Array]]:
    """Rows to fit on, to choose alpha on and to test on."""
    for train, test in FOLDS.split(np.arange(n)):
        fitted, validation = np.split(train, [len(train) * 4 // 5])
        yield fitted, validation, test


def _components(X: Array, fitted: Array, validation: Array, test: Array) -> SeedFold:
    """50 components of X, fitted on the first rows, and the rows."""
    return band_columns(X[:, None], np.isin(np.arange(len(X)), fitted), 50), fitted, validation, test


def _lags_at_once(folds: Sequence[SeedFold], Y: Array, dtype: torch.dtype, device: str) -> Array:
    """(n_folds, n_targets) rsquared."""
    scores = np.empty((len(folds), Y.shape[1]))
    for number, (values, fitted, validation, test) in enumerate(folds):
        columns = Columns([torch.as_tensor(values, device=device)], fitted)
        whole = Split(columns, fitted, validation)
        chosen, tested = (Split(columns, fitted, rows, whole) for rows in (validation, test))
        for at in range(0, Y.shape[1], BLOCK[device]):
            mine = np.arange(at, min(at + BLOCK[device], Y.shape[1]))
            y = torch.as_tensor(np.array(Y[:, at : at + BLOCK[device]]), device=device).to(dtype)
            moments = Moments(y, whole)
            choice = Search([chosen], [moments], SEED_ALPHAS, PLAIN).choose(PLAIN)
            blocks = [(mine, Moments(y, tested, moments))]
            for models in fit_chosen(0, 0, blocks, PLAIN, SEED_ALPHAS, choice):
                residual = (models.responses - models.predictions).square().sum(dim=0)
                scores[number, mine] = (1 - residual / models.responses.square().sum(dim=0)).cpu().numpy()
    return scores


def _lag_by_lag(folds: Sequence[SeedFold], Y: Array, n_electrodes: int) -> Array:
    """The same by scikit-learn."""
    scores = np.empty((len(folds), Y.shape[1]))
    for number, (values, fitted, validation, test) in enumerate(folds):
        x = values.astype(Y.dtype)
        for lag in range(0, Y.shape[1], n_electrodes):
            y = Y[:, lag : lag + n_electrodes]
            models = [Ridge(alpha=alpha).fit(x[fitted], y[fitted]) for alpha in SEED_ALPHAS]
            errors = [((y[validation] - model.predict(x[validation])) ** 2).sum(axis=0) for model in models]
            tested = np.array([((y[test] - model.predict(x[test])) ** 2).sum(axis=0) for model in models])
            residual = np.take_along_axis(tested, np.argmin(errors, axis=0)[None], axis=0)[0]
            total = ((y[test] - y[fitted].mean(axis=0)) ** 2).sum(axis=0)
            scores[number, lag : lag + n_electrodes] = 1 - residual / total
    return scores


# ------------------------------------------------------------------------------------------------ scale
def scale(quick: bool, device: str) -> list[Bar]:
    """9,000 samples, 4 bands × 400 columns, responses read from disk under a limit on memory: one union at full size
    for memory, all unions at three sizes for growth."""
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
        seconds, peak = _fit_in_process(name, n_targets, n_targets, limit, "full", device)
        print(f"  one union of {n_targets} targets: {seconds:.0f} s, {peak:.0f} MB", flush=True)
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
    return float(log.read_text(encoding="utf-8").split()[-1]), measured.peak_mb * 1024**2 / 1e6


def main() -> int:
    """Bars of all benchmarks; `--device` beside the options of every benchmark."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    given, others = parser.parse_known_args()
    benchmarks = {"banded": banded, "ridge": ridge, "unions": unions, "seed": seed, "scale": scale}
    return run_bars({name: partial(bench, device=given.device) for name, bench in benchmarks.items()}, others)


if __name__ == "__main__":
    sys.exit(main())
