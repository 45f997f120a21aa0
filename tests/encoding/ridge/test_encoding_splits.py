"""Products of inner folds, made as differences, against products made directly; directions that are left out."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app.encoding.ridge.basis import DROPPED, decompose, reduced
from bids_app.encoding.ridge.batches import load
from bids_app.encoding.ridge.moments import Moments
from bids_app.encoding.ridge.search import Errors
from bids_app.encoding.ridge.splits import Columns, Split, row_slices

DOUBLE = torch.float64


@given(st.sets(st.integers(0, 30)))
def test_pieces_are_the_rows(rows):
    found = row_slices(np.array(sorted(rows), dtype=int))
    assert [row for at in found for row in range(at.start, at.stop)] == sorted(rows)
    assert all(one.stop < other.start for one, other in pairwise(found))


def folds(rng, n, purge):
    """Outer training rows with a hole, and an inner fold of odd size, purged on both sides."""
    outer = np.setdiff1d(np.arange(n), np.arange(n // 3, n // 2))
    first = int(rng.integers(0, len(outer) // 2))
    valid = outer[first : first + len(outer) // 4]
    near = np.arange(valid[0] - purge, valid[-1] + purge + 1)
    return outer, np.setdiff1d(outer, np.union1d(near, valid)), valid


@given(
    st.integers(24, 60), st.lists(st.integers(1, 9), min_size=1, max_size=3), st.integers(0, 3), st.integers(0, 99)
)
@settings(deadline=None, max_examples=30)
def test_an_inner_folds_products_are_those_of_its_rows(n, sizes, purge, seed):
    rng = np.random.default_rng(seed)
    outer, train, valid = folds(rng, n, purge)
    X, Y = [rng.standard_normal((n, size)) + 2 for size in sizes], rng.standard_normal((n, 3)) + 5
    columns = Columns([torch.as_tensor(x) for x in X], outer)
    whole = Split(columns, outer, np.setdiff1d(np.arange(n), outer))
    split = Split(columns, train, valid, whole)
    weights = {band: 0.5 + band for band in range(len(sizes))}
    moments = Moments(torch.as_tensor(Y), split, Moments(torch.as_tensor(Y), whole))
    stacked = np.hstack(X)
    a, b = (stacked[rows] - stacked[train].mean(axis=0) for rows in (train, valid))
    y, held = (Y[rows] - Y[train].mean(axis=0) for rows in (train, valid))
    g = np.repeat(list(weights.values()), sizes)
    pairs = [
        (split.gram(weights), a.T @ a),
        (split.kernels(weights)[0], (a * g) @ a.T),
        (split.kernels(weights)[1], (b * g) @ a.T),
        (split.rows(weights, evaluate=True), b),
        (moments.cross, a.T @ y),
        (moments.cross_eval, b.T @ held),
        (moments.power, (held**2).sum(axis=0)),
    ]
    for found, expected in pairs:
        np.testing.assert_allclose(found, expected, atol=1e-9)


def near_degenerate(rng, n, eigenvalues):
    """Columns (n, p) of zero mean over the first n − 30 rows, where their Gram matrix has these `eigenvalues`."""
    train = n - 30
    left = np.linalg.qr(np.column_stack([np.ones(train), rng.standard_normal((train, len(eigenvalues)))]))[0][:, 1:]
    right = np.linalg.qr(rng.standard_normal((len(eigenvalues), len(eigenvalues))))[0]
    return np.vstack(
        [
            left * np.sqrt(eigenvalues) @ right,
            rng.standard_normal((30, len(eigenvalues))) * np.sqrt(eigenvalues.mean() / train),
        ]
    )


@pytest.mark.parametrize("gap", [0.0, 1e-12, 1e-7, 1e-5, 1e-3, 6e-3, 1e-2, 0.3])
@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float32, 1e-4), (DOUBLE, 1e-8)])
def test_eigenvalues_may_be_as_close_as_they_like(gap, dtype, rtol):
    rng = np.random.default_rng(3)
    X = near_degenerate(rng, 120, 50 * np.cumprod(np.full(40, 1 + gap)))
    Y = X @ rng.standard_normal((40, 5)) / 4 + rng.standard_normal((120, 5))
    train, valid = np.arange(90), np.arange(90, 120)
    Y -= Y[train].mean(axis=0)
    alphas = np.logspace(-3, 6, 12)
    split = Split(Columns([torch.as_tensor(X)], train), train, valid)
    moments = Moments(torch.as_tensor(Y, dtype=dtype), split)
    found = moments.power + Errors(split, {0: 1.0}, alphas, dtype)(moments)
    for row, alpha in zip(found.numpy(), alphas, strict=True):
        w = np.linalg.solve(X[train].T @ X[train] + alpha * np.eye(40), X[train].T @ Y[train])
        np.testing.assert_allclose(row, ((Y[valid] - X[valid] @ w) ** 2).sum(axis=0), rtol=rtol)


def test_directions_left_out_move_predictions_less_than_stated():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 60)) * np.logspace(0, -9, 60)
    split = Split(Columns([torch.as_tensor(X)], np.arange(150)), np.arange(150), np.arange(150, 200))
    whole = decompose(split, {0: 1.0})
    few = reduced(whole, 1.0)
    assert len(few.eigenvalues) < len(whole.eigenvalues) - 10
    Y = torch.as_tensor(rng.standard_normal((150, 20)))
    for alpha in (1.0, 10.0, 1e4):
        one, other = (
            basis.eval_projection @ (basis.shrinkage(torch.tensor([alpha])).T * (basis.samples.T @ Y))
            for basis in (whole, few)
        )
        assert ((one - other).norm(dim=0) <= DROPPED * Y.norm(dim=0)).all()
    assert len(reduced(whole, 1e-30).eigenvalues) == len(whole.eigenvalues)


@pytest.mark.parametrize("columns", [[2, 3, 4], [0, 5, 7]])
def test_targets_are_read_in_place_and_come_near_zero(tmp_path, columns):
    values = np.random.default_rng(0).standard_normal((20, 9))
    values[:, 3] += 900
    values[:, 7] += 7
    np.save(tmp_path / "y.npy", values.astype("f4"))
    source = np.load(tmp_path / "y.npy", mmap_mode="r")
    found = load(source, np.array(columns), torch.float32, "cpu").numpy()
    shift = values[:, columns] - found
    np.testing.assert_allclose(shift, np.broadcast_to(shift[0], shift.shape), atol=1e-3)
    assert np.abs(found).max() < 5
    np.testing.assert_array_equal(source, values.astype("f4"))
