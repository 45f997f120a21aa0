"""Quadratic forms in the block signs against responses that are flipped, centred, refitted and scored for real."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.fft import dct, idct
from sklearn.linear_model import Ridge

from benchmarks.circular_shifts import draw_shifts, shifted_rsquared
from benchmarks.nulls import design_of, models_of, null_of
from bids_app.encoding.inference.blocks import block_labels
from bids_app.encoding.inference.flips import explained as explained_module
from bids_app.encoding.inference.flips.explained import Responses, Whole, _ways, explained
from bids_app.encoding.inference.flips.flip_units import (
    PIECE,
    FlipUnits,
    cosine_transform,
    frequency_flip_units,
    time_flip_units,
)
from bids_app.encoding.inference.flips.fold_columns import Directions, FlipUnitColumns
from bids_app.encoding.inference.flips.sign_flips import FlipGains
from bids_app.encoding.inference.flips.signs import Signs
from bids_app.encoding.ridge.splits import Columns, Split
from bids_app.records import FitSpec

SPEC = FitSpec(candidates=5, alphas=(1e-2, 1e4, 5))
N_RUNS, N_TIMES = 4, 45


def simulated(columns, n_targets, seed=0, folds=None, purge_s=0.0):
    """A design whose responses are not centred within run, and block labels that straddle the folds."""
    rng = np.random.default_rng(seed)
    X = [rng.standard_normal((N_RUNS * N_TIMES, count)) + 2 for count in columns]
    Y = 1 + rng.standard_normal((N_RUNS * N_TIMES, n_targets)).cumsum(axis=0) / 5
    Y += X[0] @ rng.standard_normal((columns[0], n_targets)) / 3
    runs, times_s = np.repeat(np.arange(N_RUNS), N_TIMES), np.tile(np.arange(N_TIMES) * 2.0, N_RUNS)
    bands = dict(zip("ab", X, strict=True))
    return design_of(bands, Y, runs, times_s, folds, purge_s), block_labels(runs, times_s, 20.0)


def tensors(*arrays):
    return [torch.as_tensor(array) for array in arrays]


def refitted(y, models, target):
    """rsquared of one response by scikit-learn, at the hyper-parameters that each fold chose for the target."""
    residual, total = 0.0, 0.0
    for one in models:
        if target in one.targets:
            train, test = one.split.train, one.split.evaluate
            columns = [g**0.5 * one.split.columns.band(band).numpy() for band, g in one.basis.weights.items()]
            ridge = Ridge(alpha=float(one.alpha[one.targets == target]), solver="svd")
            predicted = ridge.fit(np.hstack(columns)[train], y[train]).predict(np.hstack(columns)[test])
            residual += ((y[test] - predicted) ** 2).sum()
            total += ((y[test] - y[train].mean()) ** 2).sum()
    return 1 - residual / total


def flipped(Y, runs, folds, labels, signs):
    """Responses with the signs of their time blocks changed, or where labels are none, of their frequencies."""
    if labels is not None:
        return signs[labels][:, None] * Y
    changed, flip_units = np.empty_like(Y), frequency_flip_units(runs, folds)
    for run, fold in set(zip(runs.tolist(), folds.tolist(), strict=True)):
        mine = (runs == run) & (folds == fold)
        turned = signs[flip_units.labels.numpy()[mine]][:, None] * dct(Y[mine], axis=0, norm="ortho")
        changed[mine] = idct(turned, axis=0, norm="ortho")
    return changed


@pytest.mark.parametrize("columns", [(4, 6), (90, 80)], ids=["primal", "dual"])
@pytest.mark.parametrize("folds", ["runs", "within runs", "purged"])
@pytest.mark.parametrize("kind", ["time", "frequency"])
def test_flips_are_refits_of_flipped_responses(columns, folds, kind):
    within = np.repeat(np.arange(3), N_RUNS * N_TIMES // 3)  # which tear blocks apart
    groups = None if folds == "runs" else within
    design, labels = simulated(columns, 4, folds=groups, purge_s=14.0 if folds == "purged" else 0.0)
    models = models_of(design, SPEC)
    labels = labels if kind == "time" else None
    flip_units = frequency_flip_units(design.runs, design.folds) if labels is None else time_flip_units(labels)
    signs = Signs.draw(flip_units.count, 4, 3, torch.float64)
    Y = np.empty_like(design.Y)  # less a constant, as the engine has it
    for one in models:
        Y[:, one.targets] = one.Y
    null = null_of(models, flip_units, 4, signs).numpy()
    for row, mine in zip(null, signs.vectors.numpy(), strict=True):
        changed = flipped(Y, design.runs, design.folds, labels, mine)
        expected = [refitted(changed[:, target], models, target) for target in range(4)]
        np.testing.assert_allclose(row, expected, atol=1e-5)


@pytest.mark.parametrize("columns", [(4, 6), (90, 80)], ids=["primal", "dual"])
@pytest.mark.parametrize("kind", ["time", "frequency"])
def test_flips_of_models_that_predict_nothing_are_rounding(columns, kind):
    """At such penalties no direction of the training samples matters."""
    design, labels = simulated(columns, 3)
    flip_units = time_flip_units(labels) if kind == "time" else frequency_flip_units(design.runs, design.folds)
    models = models_of(design, replace(SPEC, candidates=1, alphas=(1e25, 1e25, 1)))
    signs = Signs.draw(flip_units.count, 4, 3, torch.float64)
    null = null_of(models, flip_units, 3, signs)
    assert null.shape == (8, 3)
    np.testing.assert_allclose(null, 0, atol=1e-9)


def test_a_float32_null_is_that_of_float64():
    design, labels = simulated((4, 6), 8)
    models, flip_units = models_of(design, SPEC), time_flip_units(labels)
    signs = Signs.draw(flip_units.count, 50, 3, torch.float64)
    exact, quick = (null_of(models, flip_units, 8, each) for each in (signs, replace(signs, dtype=torch.float32)))
    np.testing.assert_allclose(quick, exact, atol=1e-4)


@pytest.mark.parametrize("met", [False, True])
@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("kind", ["blocks", "frequencies"])
@pytest.mark.parametrize("columns", [(4, 6), (90, 80)], ids=["few directions", "many"])
@pytest.mark.parametrize("by_alpha", [False, True])
def test_what_units_explain_is_the_definition_by_every_way(monkeypatch, columns, kind, kept, met, by_alpha):
    """Also of columns that lost nuisance, and of a part of the responses; a few targets at a time or all of them."""
    rng = np.random.default_rng(0)
    design, labels = simulated(columns, 12)
    one, *_ = models_of(design, replace(SPEC, solver="ridge", alphas=(1e1, 1e3, 3)))
    flip_units = time_flip_units(labels) if kind == "blocks" else frequency_flip_units(design.runs, design.folds)
    of_fold = FlipUnitColumns(one.split, flip_units, torch.float64)
    V, H, V_met, nuisance, lost = parts = directions_of(of_fold, one.basis, met, rng)
    directions, Y = Directions(one.basis, *parts), flip_units.responses(one.Y)
    other = flip_units.responses(torch.as_tensor(rng.standard_normal(one.Y.shape)))
    alphas, rows = one.alpha.numpy(), torch.arange(len(Y))
    assert len(np.unique(alphas)) > 1
    whole = Whole(Responses(Y + other, rows), rows) if kept else None
    monkeypatch.setattr(explained_module, "OF_A_CALL", -(10**15) if by_alpha else 10**15)
    ways = {(way.learned is None, way.squares is None) for way in _ways(alphas, of_fold, directions)}
    few = V.shape[1] < len(H) + len(lost)
    assert ways == {(True, True) if by_alpha else (True, False) if few else (False, True)}

    given = alphas, Responses(Y, rows), of_fold, directions, whole
    n_units = flip_units.count + kept
    found = together(explained(*given), n_units)
    # B and F of every unit, sample by sample
    shrinkage = one.basis.shrinkage(one.alpha).numpy()
    B, F, F_met = (np.zeros((len(Y), n_units, len(H))) for _ in range(3))
    for target in range(len(Y)):
        everything = (Y + other if kept else Y)[target, flip_units.pieces.place].numpy()
        units = [np.where(flip_units.labels == unit, Y[target, flip_units.pieces.place], 0.0) for unit in
                 range(flip_units.count)]  # fmt: skip
        units += [everything - np.sum(units, axis=0)] if kept else []
        for unit, own in enumerate(units):
            trained = own[of_fold.order]
            mean = trained @ of_fold.trained[:, 0].numpy() / len(one.split.train)
            B[target, unit] = own[of_fold.test] - mean * of_fold.tested[:, 0].numpy()
            learned = shrinkage[target] * (V_met.numpy().T @ trained)
            F[target, unit], F_met[target, unit] = H.numpy() @ learned, (H + nuisance @ lost).numpy() @ learned
    expected = 2 * np.einsum("tan,tbn->tab", B, F_met) - np.einsum("tan,tbn->tab", F, F)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-9)
    monkeypatch.setattr(explained_module, "ELEMENTS_AT_ONCE", 1)
    in_parts = list(explained(*given))
    assert len(in_parts) == len(Y)
    np.testing.assert_allclose(together(in_parts, n_units), expected, atol=1e-9)


def directions_of(columns, basis, met, rng):
    """V, H, V_met, nuisance, lost of a candidate; `met`: as if columns had lost nuisance."""
    whole = columns.directions(basis, 1e-9).influential(np.array([1e-9]))
    V, H = whole.V, whole.H
    if not met:
        return V, H, V, H[:, :0], V[:0]
    V_met = V + torch.as_tensor(rng.standard_normal(V.shape))
    nuisance, lost = (torch.as_tensor(rng.standard_normal(size)) for size in ((len(H), 3), (3, V.shape[1])))
    return V, H, V_met, nuisance, lost


def test_a_predictor_is_made_once_for_all_blocks_and_let_go_with_its_candidate():
    design, labels = simulated((4, 6), 12)
    one, *_ = models_of(design, replace(SPEC, solver="ridge"))
    columns = FlipUnitColumns(one.split, time_flip_units(labels), torch.float64)
    directions = columns.directions(one.basis, float(one.alpha.min()))
    assert columns.directions(one.basis, float(one.alpha.min())) is directions
    assert directions.predictor(10.0) is directions.predictor(10.0)
    gone = weakref.ref(directions)
    del directions, one, _
    gc.collect()
    assert gone() is None


def together(parts, n_units):
    """E of all targets, however they were computed."""
    parts = list(parts)
    E = torch.full((sum(len(few) for few, _ in parts), n_units, n_units), torch.nan, dtype=torch.float64)
    for few, part in parts:
        E[few] = part
    return E


@given(st.integers(1, 12), st.integers(1, 5), st.integers(0, 99))
@settings(deadline=None, max_examples=30)
def test_gains_are_quadratic_forms(n_flip_units, n_targets, seed):
    rng = np.random.default_rng(seed)
    signs = Signs.draw(n_flip_units, 20, seed, torch.float64).with_kept
    A, vectors = rng.standard_normal((n_targets, n_flip_units + 1, n_flip_units + 1)), signs.vectors.numpy()
    gains = FlipGains(signs, n_targets)
    for columns in np.array_split(rng.permutation(n_targets), 2):
        gains.add(*tensors(columns, A[columns]))
    np.testing.assert_allclose(gains.at(), np.einsum("si,tij,sj->st", vectors, A, vectors), atol=1e-12)


def test_batches_and_single_targets_agree():
    design, labels = simulated((4, 6), 5)
    fixed = replace(SPEC, candidates=1, alphas=(3.0, 3.0, 1))
    flip_units = time_flip_units(labels)
    signs = Signs.draw(flip_units.count, 30, 3, torch.float64)
    together = null_of(models_of(design, fixed), flip_units, 5, signs)
    for target in range(5):
        alone = replace(design, Y=design.Y[:, [target]], usable=design.usable[[target]])
        np.testing.assert_allclose(
            together[:, [target]], null_of(models_of(alone, fixed), flip_units, 1, signs), atol=1e-12
        )


def test_circular_shifts_are_refits_of_shifted_responses():
    design, _ = simulated((4, 6), 3)
    models = models_of(design, SPEC)
    shifts = draw_shifts([N_TIMES] * N_RUNS, 4, seed=2)
    found = shifted_rsquared(*tensors(design.Y), design.runs, models, shifts).numpy()
    assert (shifts[0] == 0).all()
    for row, shift in zip(found, shifts, strict=True):
        Y = np.concatenate([np.roll(design.Y[design.runs == run], by, axis=0) for run, by in enumerate(shift)])
        np.testing.assert_allclose(row, [refitted(Y[:, target], models, target) for target in range(3)], atol=1e-8)


@given(st.integers(1, 40), st.integers(0, 3), st.integers(0, 99))
@settings(deadline=None, max_examples=30)
def test_the_cosine_transform_is_scipys(n, n_columns, seed):
    values = np.random.default_rng(seed).standard_normal((n, n_columns))
    np.testing.assert_allclose(cosine_transform(*tensors(values)), dct(values, axis=0, norm="ortho"), atol=1e-12)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=5), st.integers(1, 4))
@settings(deadline=None, max_examples=30)
def test_frequency_groups_are_of_one_size_and_low_frequencies_apart(lengths, n_folds):
    runs = np.repeat(np.arange(len(lengths)), lengths)
    folds = np.arange(len(runs)) * n_folds // len(runs)
    flip_units = frequency_flip_units(runs, folds)
    rows = np.sort(torch.cat(flip_units.segments).numpy())
    np.testing.assert_array_equal(rows, np.arange(len(runs)))
    assert set(flip_units.labels.tolist()) == set(range(flip_units.count))
    assert np.ptp(np.bincount(flip_units.labels)) <= 1
    lowest = [int(flip_units.labels[segment[0]]) for segment in flip_units.segments]
    assert len(set(lowest)) == len(lowest)
    for segment in flip_units.segments:
        assert len(np.unique(runs[segment.numpy()])) == len(np.unique(folds[segment.numpy()])) == 1


@given(st.lists(st.integers(0, 6), min_size=6, max_size=60), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_products_unit_by_unit_are_sums_over_their_coefficients(labels, seed):
    """Whatever the lengths of units, also where a long one is cut into pieces or one has no coefficient."""
    rng, n = np.random.default_rng(seed), len(labels)
    labels = np.array([*labels, *[0] * (3 * n)])  # one far longer than the others
    n = len(labels)
    train, test = np.arange(n) >= n // 4, np.arange(n) < n // 4
    nothing = Columns([torch.zeros((n, 1), dtype=torch.float64)], np.flatnonzero(train))
    split = Split(nothing, np.flatnonzero(train), np.flatnonzero(test))
    units = FlipUnits(torch.as_tensor(labels), 7)
    columns = FlipUnitColumns(split, units, torch.float64)
    Y, of_train, of_test = (torch.as_tensor(rng.standard_normal((rows, 3))) for rows in (n, train.sum(), test.sum()))
    laid_out = units.responses(Y)
    assert laid_out.shape[1] <= 2 * n + 7 * (1 + 2 * PIECE)
    met = columns.of_trained(laid_out, of_train), columns.of_held_out(laid_out, of_test)
    rows = columns.order, columns.test
    for products, values, at in zip(met, (of_train, of_test), rows, strict=True):
        for unit in range(7):
            own = units.labels[at] == unit
            np.testing.assert_allclose(products[unit], Y[at][own].T @ values[own], atol=1e-12)
    np.testing.assert_array_equal(columns.held_out(laid_out).T, Y[test])
    np.testing.assert_array_equal(columns.not_held_out(laid_out).T, Y[columns.order])
    np.testing.assert_allclose(columns.unit_means(laid_out).sum(dim=0), Y[train].mean(dim=0), atol=1e-12)
