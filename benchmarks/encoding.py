"""The engine against its peers, paired in one process: `python -m benchmarks.encoding [--device cuda]`.

Ratios are medians of alternated runs. Peers get the same data, folds, candidates and alphas, in float32 as ours.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from himalaya.backend import set_backend
from himalaya.kernel_ridge import KernelRidgeCV, solve_multiple_kernel_ridge_random_search
from himalaya.ridge import RidgeCV
from himalaya.scoring import l2_neg_loss
from sklearn.model_selection import KFold

from benchmarks.bars import Bar, run_bars
from benchmarks.encoding_seed import seed
from benchmarks.encoding_unions import scale, unions
from benchmarks.paired import REPEATS, paired, peak_mb, problem
from bids_app.encoding.ridge.batches import BLOCK_WIDTH
from bids_app.encoding.ridge.candidates import Grid, as_candidates, band_weights
from bids_app.encoding.ridge.chosen import TargetBlock, fit_chosen
from bids_app.encoding.ridge.moments import Moments
from bids_app.encoding.ridge.search import Choice, Search
from bids_app.encoding.ridge.splits import Columns, Split, Weights
from bids_app.encoding.side_by_side import workers
from bids_app.records import Array

ALPHAS = np.logspace(0, 8, 20)
FOLDS = KFold(5)
MARGIN = 1e-4  # of mean squared errors: closer candidates may be taken for one another
PLAIN: list[Weights] = [{0: 1.0}]


def searched(
    X: Sequence[Array], Y: Array, candidates: Sequence[Weights], device: str
) -> tuple[Choice, list[TargetBlock]]:
    """Our search over five folds of all samples; and the blocks with which the choice can be refitted."""
    rows = np.arange(len(Y))
    columns = Columns([torch.as_tensor(x, dtype=torch.float64, device=device) for x in X], rows)
    outer = Split(columns, rows, rows)
    inner = (Split(columns, train, held_out, outer) for train, held_out in FOLDS.split(rows))
    targets = [
        np.arange(Y.shape[1])[at : at + BLOCK_WIDTH[device]] for at in range(0, Y.shape[1], BLOCK_WIDTH[device])
    ]
    blocks = [TargetBlock(at, Moments(torch.as_tensor(np.array(Y[:, at]), device=device), outer)) for at in targets]
    moments = [block.moments for block in blocks]
    n_workers = workers(device, min(columns.X.shape))
    search = Search(inner, moments, Grid.of_all(candidates, ALPHAS), n_workers=n_workers)
    return search.choose(range(len(candidates))), blocks


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

    best = min((500, 2500, None), key=lambda batch: paired(partial(theirs, table[:1], batch), repeats=1)[0][0])
    print(f"  himalaya's best batch: {best}")
    memory = [peak_mb(ours), peak_mb(partial(theirs, table[:1], best))]
    (mine, peer), (choice, scores) = paired(ours, partial(theirs, table, best), repeats=1 if quick else REPEATS)
    errors = -scores
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
        for models in fit_chosen(0, blocks, Grid.of_all(PLAIN, ALPHAS), [choice]):
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
    (mine, *theirs), _ = paired(ours, *peers, repeats=1 if quick else REPEATS)
    return [Bar("ridge-speed", min(theirs) / mine, 2, "times", smaller_is_better=False)]


def main() -> int:
    """Bars of all benchmarks; `--device` beside the options of every benchmark."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    given, others = parser.parse_known_args()
    benchmarks = {"banded": banded, "ridge": ridge, "unions": unions, "seed": seed, "scale": scale}
    return run_bars({name: partial(bench, device=given.device) for name, bench in benchmarks.items()}, others)


if __name__ == "__main__":
    sys.exit(main())
