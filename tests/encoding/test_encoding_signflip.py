"""Quadratic forms in the block signs against responses that are flipped, centred, refitted and scored for real."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.fft import dct, idct
from sklearn.linear_model import Ridge

from benchmarks.nested import nested
from bids_app.encoding.blocks import block_labels
from bids_app.encoding.circular import draw_shifts, shifted_rsquared
from bids_app.encoding.pieces import cosine_transform, frequency_pieces, time_pieces
from bids_app.encoding.signflip import (
    ChosenModel,
    FlipGains,
    FlipTotals,
    OuterFold,
    draw_signs,
    piece_predictions,
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


def null_of(Y, held_out, pieces, signs):
    gains, totals = FlipGains(pieces, Y.shape[1], Y.dtype), FlipTotals(pieces)
    coefficients = pieces.coefficients(Y, torch.arange(len(Y)))
    for part in held_out:
        gains.add_fold(coefficients, part.fold)
        totals.add_fold(coefficients, part.fold.train, part.fold.test)
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


def flipped(Y, runs, folds, labels, signs):
    """Responses with the signs of their time blocks changed, or where labels are none, of their frequencies."""
    if labels is not None:
        return signs[labels][:, None] * Y
    changed, pieces = np.empty_like(Y), frequency_pieces(runs, folds)
    for run, fold in set(zip(runs.tolist(), folds.tolist(), strict=True)):
        mine = (runs == run) & (folds == fold)
        turned = signs[pieces.labels.numpy()[mine]][:, None] * dct(Y[mine], axis=0, norm="ortho")
        changed[mine] = idct(turned, axis=0, norm="ortho")
    return changed


@pytest.mark.parametrize("columns", [(4, 6), (90, 80)], ids=["primal", "dual"])
@pytest.mark.parametrize("folds", ["runs", "within runs", "purged"])
@pytest.mark.parametrize("kind", ["time", "frequency"])
def test_flips_are_refits_of_flipped_responses(columns, folds, kind):
    X, Y, runs, labels = simulated(columns, 4)
    within = np.repeat(np.arange(3), len(Y) // 3)  # which tear blocks apart
    groups = runs if folds == "runs" else within
    held_out = nested(tensors(*X), *tensors(Y), groups, TABLE, ALPHAS, purge=7 if folds == "purged" else 0)
    labels = labels if kind == "time" else None
    pieces = frequency_pieces(runs, groups) if labels is None else time_pieces(labels)
    signs = draw_signs(pieces.count, 4, seed=3)
    found = null_of(*tensors(Y), held_out, pieces, *tensors(signs))
    for row, mine in zip(found, signs, strict=True):
        changed = flipped(Y, runs, groups, labels, mine)
        expected = [refitted(X, changed[:, target], held_out, target) for target in range(Y.shape[1])]
        np.testing.assert_allclose(row, expected, atol=1e-8)


def test_a_float32_null_is_that_of_float64():
    X, Y, runs, labels = simulated((4, 6), 8)
    held_out = nested(tensors(*X), *tensors(Y), runs, TABLE, ALPHAS)
    signs = draw_signs(int(labels.max()) + 1, 50, seed=3)
    exact = null_of(*tensors(Y), held_out, time_pieces(labels), *tensors(signs))
    quick = null_of(*tensors(Y.astype("f4")), held_out, time_pieces(labels), *tensors(signs.astype("f4")))
    np.testing.assert_allclose(quick, exact, atol=1e-4)


def test_hat_matrix_and_coordinates_agree():
    X, Y, runs, labels = simulated((4, 6), 300)
    (part, *_) = nested(tensors(*X), *tensors(Y), runs, np.ones((1, 2)), ALPHAS)
    (model,), Y, pieces = part.fold.models, torch.as_tensor(Y), time_pieces(labels)
    for mine, F in piece_predictions(model, Y, part.fold, pieces):
        for at in mine.tolist()[:3]:  # one target of an alpha alone goes through coordinates
            alone = dataclasses.replace(model, targets=model.targets[[at]], alpha=model.alpha[[at]])
            ((_, other),) = piece_predictions(alone, Y[:, [at]], part.fold, pieces)
            np.testing.assert_allclose(F[mine == at], other, atol=1e-12)


@pytest.mark.parametrize(("n_mine", "way"), [(1, "coordinates"), (500, "hat")])
def test_many_targets_of_an_alpha_go_through_the_hat_matrix(n_mine, way, monkeypatch):
    model = ChosenModel(torch.ones(9), torch.ones(40, 9), torch.ones(30, 9), torch.arange(n_mine), torch.ones(n_mine))
    fold = OuterFold(torch.arange(40), torch.arange(40, 70), [model])
    products = []
    multiply = torch.Tensor.__matmul__

    def noted(one, other):
        products.append((*one.shape, *other.shape))
        return multiply(one, other)

    monkeypatch.setattr(torch.Tensor, "__matmul__", noted)
    list(piece_predictions(model, torch.ones(70, n_mine), fold, time_pieces(np.arange(70) // 10)))
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
    together = null_of(*tensors(Y), nested(tensors(*X), *tensors(Y), runs, *fixed), time_pieces(labels), signs)
    assert np.isnan(together[:, 2]).all()
    for target in (0, 1, 3, 4):
        y = torch.as_tensor(Y[:, [target]])
        alone = null_of(y, nested(tensors(*X), y, runs, *fixed), time_pieces(labels), signs)
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


@given(st.integers(1, 40), st.integers(0, 99))
@settings(deadline=None, max_examples=30)
def test_the_cosine_transform_is_scipys(n, seed):
    values = np.random.default_rng(seed).standard_normal((n, 3))
    np.testing.assert_allclose(cosine_transform(*tensors(values)), dct(values, axis=0, norm="ortho"), atol=1e-12)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=5), st.integers(1, 4))
@settings(deadline=None, max_examples=30)
def test_frequency_groups_are_of_one_size_and_low_frequencies_apart(lengths, n_folds):
    runs = np.repeat(np.arange(len(lengths)), lengths)
    folds = np.arange(len(runs)) * n_folds // len(runs)
    pieces = frequency_pieces(runs, folds)
    rows = np.sort(torch.cat(pieces.segments).numpy())
    np.testing.assert_array_equal(rows, np.arange(len(runs)))
    assert set(pieces.labels.tolist()) == set(range(pieces.count))
    assert np.ptp(np.bincount(pieces.labels)) <= 1
    lowest = [int(pieces.labels[segment[0]]) for segment in pieces.segments]
    assert len(set(lowest)) == len(lowest)
    for segment in pieces.segments:
        assert len(np.unique(runs[segment.numpy()])) == len(np.unique(folds[segment.numpy()])) == 1
