"""The seed paper's setting against scikit-learn, lag by lag and alpha by alpha; run by `benchmarks.encoding`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.bars import Bar
from benchmarks.paired import REPEATS, paired, smooth
from bids_app.encoding.design.columns import band_columns
from bids_app.encoding.ridge.batches import BLOCK_WIDTH
from bids_app.encoding.ridge.candidates import Grid
from bids_app.encoding.ridge.chosen import TargetBlock, fit_chosen
from bids_app.encoding.ridge.moments import Moments
from bids_app.encoding.ridge.search import Search
from bids_app.encoding.ridge.splits import Columns, Split
from bids_app.records import Array

ALPHAS = np.logspace(-5, 5, 10)
GRID = Grid.of_all([{0: 1.0}], ALPHAS)
FOLDS = KFold(5)


def seed(quick: bool, device: str) -> list[Bar]:
    """Words × electrodes at every lag, as the paper's published code is organised: a call for each lag, in it five
    contiguous folds, scaler, PCA and weights from the first four fifths of training, alpha by the last fifth. Some of
    the lags are timed and scaled up; each is an equal share of the work. The peer's PCA is apart, and made once a lag
    (as published) or once in all."""
    n, n_electrodes, n_lags, timed = 3575, 256, 20 if quick else 200, 2 if quick else 4
    repeats, rng = 1 if quick else REPEATS, np.random.default_rng(0)
    X = smooth(rng, n, 1600)
    Y = rng.standard_normal((n, n_electrodes * n_lags), dtype=np.float32)
    Y += X[:, :200] @ rng.standard_normal((200, Y.shape[1]), dtype=np.float32)
    some = slice(0, timed * n_electrodes)
    (mine_pca, their_pca), (folds, _) = paired(
        lambda: [_components(X, *rows) for rows in _seed_rows(n)],
        lambda: [make_pipeline(StandardScaler(), PCA(50)).fit(X[rows[0]]).transform(X) for rows in _seed_rows(n)],
        repeats=repeats,
    )
    (mine, theirs), _ = paired(
        lambda: _lags_at_once(folds, Y, torch.float32, device),
        lambda: _lag_by_lag(folds, Y[:, some], n_electrodes),
        repeats=repeats,
    )
    mine, theirs = mine * 200 / n_lags, theirs * 200 / timed
    print(f"  ours: PCA {mine_pca:.1f} s, 200 lags {mine:.1f} s (from {n_lags})")
    print(f"  scikit-learn: PCA {their_pca:.1f} s, 200 lags {theirs:.1f} s (from {timed})")
    exact = _lag_by_lag(folds, Y[:, some].astype(np.float64), n_electrodes)
    difference = {
        name: float(np.abs(_lags_at_once(folds, Y[:, some], dtype, device) - exact).max())
        for name, dtype in (("float64", torch.float64), ("float32", torch.float32))
    }
    as_published = (200 * their_pca + theirs) / (mine_pca + mine)
    return [
        Bar("seed-speed", as_published, 30, "times", smaller_is_better=False),
        Bar("seed-speed-without-pca", theirs / mine, 30, "times", smaller_is_better=False),
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
    splits = [_splits(*fold, device) for fold in folds]
    for at in range(0, Y.shape[1], BLOCK_WIDTH[device]):
        mine = np.arange(at, min(at + BLOCK_WIDTH[device], Y.shape[1]))
        y = torch.as_tensor(np.array(Y[:, at : at + BLOCK_WIDTH[device]]), device=device).to(dtype)
        for number, (outer, chosen, tested) in enumerate(splits):
            moments = Moments(y, outer)
            choice = Search([chosen], [moments], GRID).choose([0])
            for models in fit_chosen(0, [TargetBlock(mine, Moments(y, tested, moments))], GRID, [choice]):
                residual = (models.responses - models.predictions).square().sum(dim=0)
                scores[number, mine] = (1 - residual / models.responses.square().sum(dim=0)).cpu().numpy()
    return scores


def _splits(values: Array, fitted: Array, validation: Array, test: Array, device: str) -> tuple[Split, Split, Split]:
    """To fit on, with the validation and with the test rows held out."""
    columns = Columns([torch.as_tensor(values, device=device)], fitted)
    outer = Split(columns, fitted, validation)
    return outer, Split(columns, fitted, validation, outer), Split(columns, fitted, test, outer)


def _lag_by_lag(folds: Sequence[SeedFold], Y: Array, n_electrodes: int) -> Array:
    """The same by scikit-learn."""
    scores = np.empty((len(folds), Y.shape[1]))
    for number, (values, fitted, validation, test) in enumerate(folds):
        x = values.astype(Y.dtype)
        for lag in range(0, Y.shape[1], n_electrodes):
            y = Y[:, lag : lag + n_electrodes]
            models = [Ridge(alpha=alpha).fit(x[fitted], y[fitted]) for alpha in ALPHAS]
            errors = [((y[validation] - model.predict(x[validation])) ** 2).sum(axis=0) for model in models]
            tested = np.array([((y[test] - model.predict(x[test])) ** 2).sum(axis=0) for model in models])
            residual = np.take_along_axis(tested, np.argmin(errors, axis=0)[None], axis=0)[0]
            total = ((y[test] - y[fitted].mean(axis=0)) ** 2).sum(axis=0)
            scores[number, lag : lag + n_electrodes] = 1 - residual / total
    return scores
