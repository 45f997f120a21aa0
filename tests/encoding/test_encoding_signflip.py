"""Quadratic forms in the block signs against responses that are flipped, centred, refitted and scored for real."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from benchmarks.nested import HeldOut, nested
from bids_app.encoding.blocks import block_labels
from bids_app.encoding.circular import draw_shifts, shifted_rsquared
from bids_app.encoding.signflip import (
    ChosenModel,
    FlipGains,
    FlipTotals,
    OuterFold,
    block_predictions,
    draw_signs,
    quadratic_forms,
)

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


def test_samples_of_no_fold_take_no_part():
    X, Y, runs, labels = simulated((4, 6), 3)
    first, *_ = nested(tensors(*X), *tensors(Y), runs, TABLE, ALPHAS)
    purged = OuterFold(first.fold.train[20:], first.fold.test, [without(model, 20) for model in first.fold.models])
    block = int(labels[first.fold.train[0]])  # its samples are all among the 20
    signs = draw_signs(int(labels.max()) + 1, 4, seed=1)
    changed = signs.copy()
    changed[:, block] *= -1
    Y_changed = Y.copy()
    Y_changed[first.fold.train[:20]] = 1e3
    purged = [HeldOut(purged, first.weights, first.Y, first.predictions)]
    found = null_of(*tensors(Y), purged, labels, *tensors(signs))
    np.testing.assert_allclose(found, null_of(*tensors(Y), purged, labels, *tensors(changed)), atol=1e-12)
    np.testing.assert_allclose(found, null_of(*tensors(Y_changed), purged, labels, *tensors(signs)), atol=1e-12)


def without(model, rows):
    return dataclasses.replace(model, coordinates=model.coordinates[rows:])


def test_hat_matrix_and_coordinates_agree():
    X, Y, runs, labels = simulated((4, 6), 300)
    held_out = nested(tensors(*X), *tensors(Y), runs, np.ones((1, 2)), ALPHAS)
    trained = torch.as_tensor(labels)[held_out[0].fold.train]
    n_blocks = int(labels.max()) + 1
    for part in held_out:
        (model,), Y_train = part.fold.models, torch.as_tensor(Y)[part.fold.train]
        trained = torch.as_tensor(labels)[part.fold.train]
        for mine, F in block_predictions(model, Y_train, trained, n_blocks):
            for at in mine.tolist()[:3]:  # one target of an alpha alone goes through coordinates
                alone = dataclasses.replace(model, targets=model.targets[[at]], alpha=model.alpha[[at]])
                ((_, other),) = block_predictions(alone, Y_train[:, [at]], trained, n_blocks)
                np.testing.assert_allclose(F[mine == at], other, atol=1e-12)


@pytest.mark.parametrize(("n_mine", "way"), [(1, "coordinates"), (500, "hat")])
def test_many_targets_of_an_alpha_go_through_the_hat_matrix(n_mine, way, monkeypatch):
    model = ChosenModel(torch.ones(9), torch.ones(40, 9), torch.ones(30, 9), torch.arange(n_mine), torch.ones(n_mine))
    products = []
    multiply = torch.Tensor.__matmul__
    monkeypatch.setattr(
        torch.Tensor, "__matmul__", lambda a, b: products.append((*a.shape, *b.shape)) or multiply(a, b)
    )
    list(block_predictions(model, torch.ones(40, n_mine), torch.arange(40) // 10, 4))
    assert ((40, 9, 9, 30) in products) == (way == "hat")


@given(st.integers(1, 8), st.integers(1, 5), st.integers(0, 99))
@settings(deadline=None, max_examples=30)
def test_quadratic_forms(n_blocks, n_targets, seed):
    rng = np.random.default_rng(seed)
    A, signs = rng.standard_normal((n_targets, n_blocks, n_blocks)), draw_signs(n_blocks, 20, seed)
    expected = np.einsum("si,tij,sj->st", signs, A, signs)
    np.testing.assert_allclose(quadratic_forms(*tensors(A, signs)), expected, atol=1e-12)


def test_signs_begin_with_the_data_and_are_all_of_them_where_few():
    drawn = draw_signs(40, 1000, seed=5)
    assert drawn.shape == (1001, 40)
    assert (drawn[0] == 1).all()
    assert set(np.unique(drawn)) == {-1.0, 1.0}
    np.testing.assert_array_equal(drawn, draw_signs(40, 1000, seed=5))
    every = draw_signs(3, 1000, seed=5)
    assert sorted(map(tuple, every)) == sorted(itertools.product((-1.0, 1.0), repeat=3))
    assert (every[0] == 1).all()


def test_batches_and_single_targets_agree_and_a_bad_target_spoils_no_neighbour():
    X, Y, runs, labels = simulated((4, 6), 5)
    Y[:, 2] = np.nan
    fixed = np.ones((1, 2)), np.array([3.0])
    signs = torch.as_tensor(draw_signs(int(labels.max()) + 1, 30, seed=3))
    together = null_of(*tensors(Y), nested(tensors(*X), *tensors(Y), runs, *fixed), labels, signs)
    assert np.isnan(together[:, 2]).all()
    for target in (0, 1, 3, 4):
        y = torch.as_tensor(Y[:, [target]])
        alone = null_of(y, nested(tensors(*X), y, runs, *fixed), labels, signs)
        np.testing.assert_allclose(together[:, [target]], alone, atol=1e-12)


def test_circular_shifts_are_refits_of_shifted_responses():
    X, Y, runs, _ = simulated((4, 6), 3)
    held_out = nested(tensors(*X), *tensors(Y), runs, TABLE, ALPHAS)
    shifts = draw_shifts([N_TIMES] * N_RUNS, 4, seed=2)
    found = shifted_rsquared(*tensors(Y), runs, [part.fold for part in held_out], shifts).numpy()
    assert (shifts[0] == 0).all()
    for row, shift in zip(found, shifts, strict=True):
        parts = [np.roll(Y[runs == run], by, axis=0) for run, by in enumerate(shift)]
        expected = [refitted(X, np.concatenate(parts)[:, target], held_out, target) for target in range(3)]
        np.testing.assert_allclose(row, expected, atol=1e-8)
