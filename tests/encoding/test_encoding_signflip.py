"""Quadratic forms in the block signs against responses that are flipped, centred, refitted and scored for real."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from benchmarks.nested import nested
from bids_app.encoding.blocks import block_labels
from bids_app.encoding.circular import draw_shifts, shifted_rsquared
from bids_app.encoding.signflip import FlipGains, FlipTotals, draw_signs, quadratic_forms

ALPHAS = np.logspace(-2, 4, 5)
TABLE = np.array([[0.5, 0.5], [1.0, 0.0], [0.1, 0.9]])
N_RUNS, N_TIMES = 4, 45


def simulated(columns, n_targets, seed=0):
    """Bands, responses that are not centred within run, runs and block labels that straddle the folds."""
    rng = np.random.default_rng(seed)
    X = [rng.standard_normal((N_RUNS * N_TIMES, count)) + 2 for count in columns]
    Y = 1 + rng.standard_normal((N_RUNS * N_TIMES, n_targets)).cumsum(axis=0) / 5
    Y += X[0] @ rng.standard_normal((columns[0], n_targets)) / 3
    runs = np.repeat(np.arange(N_RUNS), N_TIMES)
    return X, Y, runs, block_labels(runs, np.tile(np.arange(N_TIMES) * 2.0, N_RUNS), 20.0)


def tensors(*arrays):
    return [torch.as_tensor(array) for array in arrays]


def null_of(Y, held_out, labels, signs):
    n_blocks = int(labels.max()) + 1
    gains = FlipGains(torch.as_tensor(labels), n_blocks, Y.shape[1], Y.dtype)
    totals = FlipTotals(torch.as_tensor(labels), n_blocks)
    for part in held_out:
        gains.add_fold(Y, part.fold)
        totals.add_fold(Y, part.fold.train, part.fold.test)
    return (gains.at(signs) / totals.at(signs)).numpy()


def refitted(X, y, held_out, target):
    """rsquared of one response by scikit-learn, at the hyper-parameters that each fold chose for the target."""
    residual, total = 0.0, 0.0
    for part in held_out:
        train, test = part.fold.train.numpy(), part.fold.test.numpy()
        number = next(k for k, model in enumerate(part.fold.models) if target in model.targets)
        model, weights = part.fold.models[number], part.weights[number]
        design = np.hstack([np.sqrt(g) * X[band] for band, g in weights.items()])
        ridge = Ridge(alpha=float(model.alpha[model.targets == target]), solver="svd")
        predicted = ridge.fit(design[train], y[train]).predict(design[test])
        residual += ((y[test] - predicted) ** 2).sum()
        total += ((y[test] - y[train].mean()) ** 2).sum()
    return 1 - residual / total


@pytest.mark.parametrize("columns", [(4, 6), (90, 80)], ids=["primal", "dual"])
@pytest.mark.parametrize("folds", ["runs", "within runs"])
def test_flips_are_refits_of_flipped_responses(columns, folds):
    X, Y, runs, labels = simulated(columns, 6)
    folds = runs if folds == "runs" else np.repeat(np.arange(3), len(Y) // 3)  # which tear blocks apart
    held_out = nested(tensors(*X), *tensors(Y), folds, TABLE, ALPHAS)
    signs = draw_signs(int(labels.max()) + 1, 5, seed=3)
    found = null_of(*tensors(Y), held_out, labels, *tensors(signs))
    for target in range(Y.shape[1]):
        flipped = [refitted(X, row[labels] * Y[:, target], held_out, target) for row in signs]
        np.testing.assert_allclose(found[:, target], flipped, atol=1e-8)


def test_purged_training_samples_take_no_part():
    X, Y, runs, labels = simulated((4, 6), 3)
    (part, *_) = nested(tensors(*X), *tensors(Y), runs, TABLE, ALPHAS)
    outside = np.setdiff1d(np.arange(len(Y)), np.concatenate([part.fold.train, part.fold.test]))
    assert not len(outside)
    gone = np.isin(labels, [8])
    kept = np.where(gone[:, None], 0.0, Y)
    signs = draw_signs(int(labels.max()) + 1, 4, seed=1)
    signs[1:, 8] = 1.0
    other = signs.copy()
    other[:, 8] = -1.0
    same = [null_of(torch.as_tensor(kept), [part], labels, torch.as_tensor(each)) for each in (signs, other)]
    np.testing.assert_allclose(*same, atol=1e-12)


def test_hat_matrix_and_coordinates_agree(monkeypatch):
    X, Y, runs, labels = simulated((4, 6), 300)
    held_out = nested(tensors(*X), *tensors(Y), runs, TABLE, ALPHAS)
    signs = torch.as_tensor(draw_signs(int(labels.max()) + 1, 20, seed=3))
    many = null_of(*tensors(Y), held_out, labels, signs)  # through the hat matrix where an alpha has many targets
    monkeypatch.setattr("bids_app.encoding.signflip.ELEMENTS_AT_ONCE", 1)
    for target in range(0, 300, 60):
        alone = [only(part, target) for part in held_out]
        found = null_of(torch.as_tensor(Y[:, [target]]), alone, labels, signs)
        np.testing.assert_allclose(found[:, 0], many[:, target], atol=1e-10)
