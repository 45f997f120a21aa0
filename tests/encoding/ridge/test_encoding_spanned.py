"""Kernels in the directions that bands span: fewer than training rows where runs lost nuisance; all is as in rows."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.linalg import block_diag

from bids_app import encoding
from bids_app.encoding import FitContext
from bids_app.encoding.ridge import chosen, splits
from bids_app.encoding.ridge.basis import cholesky_predictor, decompose
from bids_app.encoding.ridge.candidates import Grid
from bids_app.encoding.ridge.moments import Moments
from bids_app.encoding.ridge.splits import Columns, Split
from bids_app.records import Design, FitSpec

WEIGHTS = {0: 0.3, 1: 0.7}
N_RUNS, LENGTH = 4, 30


def bands(n_nuisance, seed=0):
    """Two bands with more columns than samples, what follows them without nuisance, and nuisance of four runs."""
    rng = np.random.default_rng(seed)
    X = [
        rng.standard_normal((N_RUNS * LENGTH, n)) * np.geomspace(1, 1e-4, n) @ rng.standard_normal((n, n))
        for n in (150, 200)
    ]
    Y = sum(x @ rng.standard_normal((x.shape[1], 6)) for x in X)
    Y = Y / Y.std(axis=0) + rng.standard_normal(Y.shape)
    given = [np.column_stack([np.ones(LENGTH), rng.standard_normal((LENGTH, n_nuisance))]) for _ in range(N_RUNS)]
    nuisance = [np.linalg.qr(each)[0] if n_nuisance else each[:, :0] for each in given]
    lost = block_diag(*nuisance)
    return X, Y - lost @ (lost.T @ Y), nuisance


def split_of(X, nuisance):
    rows, lost = np.arange(N_RUNS * LENGTH), block_diag(*nuisance)
    train = rows[rows // LENGTH != 1]
    amounts = [lost.T @ x for x in X]
    kept = [torch.as_tensor(x - lost @ amount) for x, amount in zip(X, amounts, strict=True)]
    columns = Columns(kept, train, (torch.as_tensor(lost), [torch.as_tensor(each) for each in amounts]))
    return Split(columns, train, np.setdiff1d(rows, train))


@pytest.fixture
def in_rows(monkeypatch):
    """Called: from then on there are no directions but rows."""
    return lambda: monkeypatch.setattr(splits, "SPANNED_ROWS", 0)


def test_there_are_as_many_directions_as_runs_kept():
    X, _, nuisance = bands(9)
    assert split_of(X, nuisance).spanned.shape == (3 * LENGTH, 3 * (LENGTH - 10))
    X, _, nuisance = bands(0)
    assert split_of(X, nuisance).spanned is None


def test_no_more_factors_are_held_than_are_few(monkeypatch):
    """Whatever alphas the blocks before chose: each block here has five of its own, or four that the last one had."""
    X, Y, nuisance = bands(0)
    moments, held = Moments(torch.as_tensor(Y), split_of(X, nuisance)), []

    def watched(split, weights, alphas, factors):
        made = cholesky_predictor(split, weights, alphas, factors)
        held.append(len(factors))
        return made

    monkeypatch.setattr(chosen, "cholesky_predictor", watched)
    alpha_index = np.array([0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9, 9, 5, 6, 7, 8, 8, 8, 10, 10, 10, 10, 10, 10])
    grid = Grid.of_all([WEIGHTS], np.geomspace(1.0, 100.0, 11))
    blocks = [chosen.TargetBlock(np.arange(6) + 6 * number, moments) for number in range(4)]

    def left(some, alpha_index):
        choice = SimpleNamespace(candidate=np.zeros(len(alpha_index), int), alpha_index=alpha_index, rsquared=None)
        return torch.cat([each.left for each in chosen.ForeseenModels(some, grid, {0: choice}).of([0])], dim=1)

    together = left(blocks, alpha_index)
    assert held == [5, 5, 5, 6]
    apart = [left([block], own) for block, own in zip(blocks, alpha_index.reshape(4, 6), strict=True)]
    assert torch.equal(together, torch.cat(apart, dim=1))


def test_a_basis_and_factors_are_those_of_rows(in_rows):
    X, Y, nuisance = bands(9)
    split = split_of(X, nuisance)
    moments = Moments(torch.as_tensor(Y), split)
    few, predict = decompose(split, WEIGHTS), cholesky_predictor(split, WEIGHTS, [10.0], {})
    predicted = predict(moments.spanned, np.full(Y.shape[1], 10.0))
    in_rows()
    plain = decompose(split_of(X, nuisance), WEIGHTS)
    np.testing.assert_allclose(few.eigenvalues, plain.eigenvalues, rtol=1e-9)
    np.testing.assert_allclose(few.samples @ few.samples.T, plain.samples @ plain.samples.T, atol=1e-9)
    y = torch.as_tensor(Y)[split.train]
    shrinkage = plain.shrinkage(torch.tensor([10.0])).T
    expected = plain.eval_projection @ (shrinkage * (plain.samples.T @ y))
    np.testing.assert_allclose(few.eval_projection @ (shrinkage * (few.samples.T @ y)), expected, atol=1e-9)
    np.testing.assert_allclose(predicted, expected, atol=1e-9)
    assert expected.abs().max() > 0.1
    found, rows = (each.band_parts(shrinkage * (each.samples.T @ y)) for each in (few, plain))
    for band in WEIGHTS:
        np.testing.assert_allclose(found.predicted(band), rows.predicted(band), atol=1e-9)
        np.testing.assert_allclose(found.weights(band), rows.weights(band), atol=1e-9)


@pytest.mark.parametrize("precision", ["mixed", "float64"])
def test_a_fit_is_that_of_rows(in_rows, precision):
    X, Y, nuisance = bands(9)
    runs = np.repeat(np.arange(N_RUNS), LENGTH)
    times_s = np.tile(np.arange(float(LENGTH)), N_RUNS)
    design = Design(
        bands={"a": X[0][:, None], "b": X[1][:, None]}, Y=Y, folds=runs, runs=runs, times_s=times_s,
        first_runs=runs, first_times_s=times_s, delays_s=(0.0,), pca={}, run_labels=tuple("1234"),
        run_stimuli=tuple((name,) for name in "1234"), usable=np.ones(Y.shape[1], bool), purge_s=0.0,
        nuisance=tuple(nuisance), residualised=True,
    )  # fmt: skip

    def fitted():
        spec = dataclasses.replace(FitSpec(), candidates=6, alphas=(1e-2, 1e6, 9))
        return encoding.fit(design, {"a": ("a",), "b": ("b",)}, spec, FitContext(precision=precision))

    few = fitted()
    in_rows()
    plain = fitted()
    assert plain.rsquared.max() > 0.1
    np.testing.assert_allclose(few.rsquared, plain.rsquared, atol=1e-8)
    for name in ("a", "b"):
        np.testing.assert_allclose(few.profile[name], plain.profile[name], rtol=1e-6)
        np.testing.assert_allclose(few.product[name], plain.product[name], atol=1e-8)
