"""The estimator: scikit-learn's own checks, the numbers of other programs where they must agree, planted bands."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pretend_device import PRETEND, pretend_device
from sklearn.base import clone
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold, KFold, LeaveOneGroupOut, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import bids_app as concord
from bids_app.api.banded_ridge import _bands, _grid

ALPHAS = np.geomspace(1e-2, 1e4, 7)
RUNS = np.repeat(np.arange(6), 40)
BY_RUN = [(np.flatnonzero(run != RUNS), np.flatnonzero(run == RUNS)) for run in range(6)]
SMALL = {"alphas": np.geomspace(1e-3, 1e5, 9)}


@parametrize_with_checks([concord.BandedRidgeCV(**SMALL), concord.BandedRidgeCV(cv=3, candidates=1, **SMALL)])
def test_it_is_an_estimator_of_scikit_learn(estimator, check):
    """All checks that apply; scikit-learn itself skips that of array libraries it is not told to try."""
    check(estimator)


def planted(n=240, seed=0):
    """Two bands, of which each target follows one; a third is noise. Runs of 40."""
    rng = np.random.default_rng(seed)
    X = {"speech": rng.normal(size=(n, 10)), "language": rng.normal(size=(n, 12)), "noise": rng.normal(size=(n, 40))}
    weights = {"speech": np.zeros((10, 4)), "language": np.zeros((12, 4))}
    weights["speech"][:, :2], weights["language"][:, 2:] = rng.normal(size=(10, 2)), rng.normal(size=(12, 2))
    signal = sum(X[band] @ weights[band] for band in weights)
    return X, signal / signal.std(axis=0) + rng.normal(size=(n, 4)), np.repeat(np.arange(n // 40), 40)


def columns(X):
    return np.hstack(list(X.values()))


def labels(X):
    return [band for band, values in X.items() for _ in range(values.shape[1])]


# ------------------------------------------------------------------------------------------------ other programs
@pytest.mark.parametrize(("n", "p"), [(120, 6), (60, 200)], ids=["columns few", "samples few"])
def test_a_single_band_is_ridge_of_scikit_learn(n, p):
    rng = np.random.default_rng(p)
    X = rng.normal(size=(n, p)) * rng.uniform(0.1, 10, p) + 3
    y, runs = X[:, :3].sum(axis=1) / 5 + rng.normal(size=n), np.repeat([1, 2, 3, 4], n // 4)
    ours = concord.BandedRidgeCV(alphas=ALPHAS).fit(X, y, groups=runs)
    folds = list(LeaveOneGroupOut().split(X, y, runs))
    scaler = StandardScaler().fit(X)
    theirs = RidgeCV(ALPHAS, cv=folds, scoring="neg_mean_squared_error").fit(scaler.transform(X), y)
    assert ours.alphas_ == pytest.approx([theirs.alpha_])
    np.testing.assert_allclose(ours.coef_ * scaler.scale_, theirs.coef_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(scaler.transform(X)), rtol=1e-6)
    assert ours.score(X, y) == pytest.approx(theirs.score(scaler.transform(X), y), rel=1e-6)


def test_several_targets_are_ridge_of_himalaya():
    """Each target has a penalty of its own, by the error over all folds."""
    from himalaya.ridge import RidgeCV as HimalayaRidge

    X, Y, _ = planted()
    scaled = StandardScaler().fit_transform(columns(X))
    ours = concord.BandedRidgeCV(alphas=ALPHAS, cv=KFold(4)).fit(scaled, Y)
    theirs = HimalayaRidge(ALPHAS, cv=KFold(4), fit_intercept=True).fit(scaled, Y)
    np.testing.assert_allclose(ours.alphas_, theirs.best_alphas_, rtol=1e-6)
    np.testing.assert_allclose(ours.coef_.T, theirs.coef_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-6, atol=1e-9)


def test_chosen_weights_give_the_ridge_of_weighted_columns():
    """‖y − Σ X_b √g_b w_b‖² + α Σ ‖w_b‖² in closed form, at the g and α that were chosen."""
    X, Y, runs = planted()
    model = concord.BandedRidgeCV().fit(X, Y, groups=runs)
    scaled = StandardScaler().fit_transform(columns(X))
    place = np.repeat(np.arange(len(X)), [values.shape[1] for values in X.values()])
    for target in range(Y.shape[1]):
        root = np.sqrt(model.band_weights_[place, target])
        Z, y = scaled * root, Y[:, target] - Y[:, target].mean()
        w = root * np.linalg.solve(Z.T @ Z + model.alphas_[target] * np.eye(len(root)), Z.T @ y)
        np.testing.assert_allclose(model.coef_[target] * columns(X).std(axis=0), w, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(model.band_weights_.sum(axis=0), 1)


# ------------------------------------------------------------------------------------------------ planted bands
def test_planted_bands_are_found():
    X, Y, runs = planted()
    model = concord.BandedRidgeCV().fit(X, Y, groups=runs)
    assert model.bands_ == ("speech", "language", "noise")
    assert (np.argmax(model.band_weights_, axis=0) == [0, 0, 1, 1]).all()
    assert (model.band_weights_[2] < 0.05).all()
    banded = concord.BandedRidgeCV().fit(X, Y, groups=runs).cv_rsquared_
    plain = concord.BandedRidgeCV().fit(columns(X), Y, groups=runs).cv_rsquared_
    assert (banded > plain + 0.03).all(), "bands of their own penalty predict more than one penalty for all"
    first = {band: values[:160] for band, values in X.items()}
    rest = {band: values[160:] for band, values in X.items()}
    assert concord.BandedRidgeCV().fit(first, Y[:160], groups=runs[:160]).score(rest, Y[160:]) > 0.4
    assert not model.at_edge_.any()


@pytest.mark.parametrize(
    "bands",
    [labels, lambda X: {"speech": slice(0, 10), "language": range(10, 22), "noise": slice(22, None)}],
    ids=["labels", "slices"],
)
def test_bands_of_columns_are_those_of_a_mapping(bands):
    X, Y, runs = planted()
    by_mapping = concord.BandedRidgeCV().fit(X, Y, groups=runs)
    by_columns = concord.BandedRidgeCV(bands(X)).fit(columns(X), Y, groups=runs)
    np.testing.assert_array_equal(by_mapping.coef_, by_columns.coef_)
    np.testing.assert_array_equal(by_mapping.predict(X), by_columns.predict(columns(X)))
    assert by_columns.bands_ == by_mapping.bands_


def test_columns_of_a_band_may_lie_apart():
    X, Y, runs = planted()
    first = [0, 10, 22]  # one of each band, so that bands come in the same order, and with them the draws
    order = np.concatenate([first, np.random.default_rng(0).permutation(np.setdiff1d(np.arange(62), first))])
    mixed = concord.BandedRidgeCV(np.array(labels(X))[order]).fit(columns(X)[:, order], Y, groups=runs)
    straight = concord.BandedRidgeCV(labels(X)).fit(columns(X), Y, groups=runs)
    assert mixed.bands_ == straight.bands_
    np.testing.assert_allclose(mixed.coef_, straight.coef_[:, order], rtol=1e-6, atol=1e-9)


# ------------------------------------------------------------------------------------------------ folds
@pytest.mark.parametrize(
    ("cv", "splitter"),
    [(None, LeaveOneGroupOut()), (3, GroupKFold(3)), (BY_RUN, LeaveOneGroupOut())],
    ids=["none", "number", "rows"],
)
def test_groups_are_folds(cv, splitter):
    X, Y, runs = planted()
    ours = concord.BandedRidgeCV(cv=cv).fit(X, Y, groups=runs)
    theirs = concord.BandedRidgeCV(cv=splitter).fit(X, Y, groups=runs)
    np.testing.assert_array_equal(ours.coef_, theirs.coef_)
    without = concord.BandedRidgeCV().fit(X, Y)
    assert not np.array_equal(without.cv_rsquared_, ours.cv_rsquared_)


def test_it_works_in_a_pipeline_and_in_cross_validation():
    X, Y, runs = planted()
    pipeline = make_pipeline(StandardScaler(), concord.BandedRidgeCV(labels(X), candidates=5))
    scores = cross_val_score(pipeline, columns(X), Y, groups=runs, cv=LeaveOneGroupOut())
    assert (scores > 0.2).all()
    assert clone(pipeline)[1].get_params()["candidates"] == 5


# ------------------------------------------------------------------------------------------------ kinds of arrays
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torch_in_is_torch_out(dtype):
    X, Y, runs = planted()
    given = {name: torch.as_tensor(values, dtype=dtype) for name, values in X.items()}
    model = concord.BandedRidgeCV().fit(given, torch.as_tensor(Y), groups=torch.as_tensor(runs))
    reference = concord.BandedRidgeCV().fit({name: one.numpy() for name, one in given.items()}, Y, groups=runs)
    for name in ("coef_", "intercept_", "alphas_", "band_weights_"):
        found = getattr(model, name)
        assert isinstance(found, torch.Tensor)
        assert found.dtype == dtype
        np.testing.assert_allclose(found.numpy(), getattr(reference, name), rtol=1e-5, atol=1e-7)
    assert model.at_edge_.dtype == torch.bool
    predicted = model.predict(given)
    assert isinstance(predicted, torch.Tensor)
    assert predicted.dtype == dtype
    assert isinstance(model.predict(X), np.ndarray)
    assert model.score(given, torch.as_tensor(Y)) == pytest.approx(reference.score(X, Y), rel=1e-4)


def test_a_data_frame_keeps_its_names():
    X, Y, _ = planted()
    frame = pd.DataFrame(columns(X), columns=[f"c{number}" for number in range(62)])
    model = concord.BandedRidgeCV(candidates=2).fit(frame, Y[:, 0])
    assert model.feature_names_in_[0] == "c0"
    assert model.coef_.shape == (62,)
    assert np.ndim(model.intercept_) == 0
    assert model.predict(frame).shape == (240,)


def test_a_constant_target_is_its_constant():
    X, Y, runs = planted()
    Y[:, 1] = 7.0
    model = concord.BandedRidgeCV(candidates=3).fit(X, Y, groups=runs)
    assert not model.coef_[1].any()
    np.testing.assert_array_equal(model.predict(X)[:, 1], 7.0)
    assert np.isnan(model.alphas_[1])
    alone = concord.BandedRidgeCV(candidates=3).fit(X, Y[:, 1])
    np.testing.assert_array_equal(alone.predict(X), 7.0)


def test_a_constant_column_has_no_weight():
    X, Y, runs = planted()
    X["speech"][:, 0] = 2.0
    assert not concord.BandedRidgeCV(candidates=3).fit(X, Y, groups=runs).coef_[:, 0].any()


@pytest.mark.parametrize(
    ("settings", "change", "words"),
    [
        ({"bands": ["a", "b"]}, None, r"`bands` has the shape \(2,\), for 62 columns"),
        ({"bands": {"a": slice(0, 5)}}, None, "each column of X must be in one band"),
        ({"bands": {"a": slice(0, 40), "b": slice(30, 62)}}, None, "each column of X must be in one band"),
        ({"alphas": [1, 2, 10]}, None, "equal steps of the logarithm"),
        ({"alphas": [10, 1]}, None, "ascend"),
        ({"alphas": [0.0, 1.0]}, None, "above 0"),
        ({"alphas": []}, None, "above 0"),
        ({"candidates": 0}, None, "`candidates` must be a whole number from 1, not 0"),
        ({"candidates": True}, None, "`candidates`"),
        ({"cv": 1}, None, "at least one train/test split|n_splits"),
        ({}, lambda X: X[:-1], "inconsistent numbers of samples"),
    ],
)
def test_what_is_wrong_is_said(settings, change, words):
    X, Y, _ = planted()
    x = columns(X)
    with pytest.raises(ValueError, match=words):
        concord.BandedRidgeCV(**settings).fit(x if change is None else change(x), Y)


def test_bands_given_twice_or_of_two_lengths_are_refused():
    X, Y, _ = planted()
    with pytest.raises(ValueError, match="bands are given twice"):
        concord.BandedRidgeCV(labels(X)).fit(X, Y)
    with pytest.raises(ValueError, match=r"different numbers of samples \(speech: 239, language: 240"):
        concord.BandedRidgeCV().fit({**X, "speech": X["speech"][1:]}, Y)
    model = concord.BandedRidgeCV(candidates=2).fit(X, Y)
    with pytest.raises(ValueError, match="X has the bands language, speech, noise"):
        model.predict({name: X[name] for name in ("language", "speech", "noise")})


def test_memory_that_does_not_do_is_said():
    X, Y, _ = planted()
    with pytest.raises(MemoryError, match="needs at least"):
        concord.BandedRidgeCV(mem_mb=1).fit(X, Y)


def test_an_accelerator_gives_the_same():
    X, Y, runs = planted()
    here = concord.BandedRidgeCV(candidates=4).fit(X, Y, groups=runs)
    with pretend_device():
        there = concord.BandedRidgeCV(candidates=4, device=PRETEND).fit(X, Y, groups=runs)
    np.testing.assert_allclose(there.coef_, here.coef_, atol=1e-6)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12))
def test_columns_find_their_bands(given_labels):
    """By labels and by a mapping, in the order of first appearance, every column once."""
    names = list(dict.fromkeys(given_labels))
    numbers = {name: [at for at, label in enumerate(given_labels) if label == name] for name in names}
    by_label = _bands(given_labels, None, len(given_labels))
    by_mapping = _bands(numbers, None, len(given_labels))
    assert {name: columns.tolist() for name, columns in by_label.items()} == numbers
    assert list(by_label) == list(by_mapping) == names
    assert all((by_label[name] == by_mapping[name]).all() for name in names)


@given(st.floats(1e-6, 1e6), st.floats(1.01, 1e6), st.integers(2, 40))
def test_grids_of_penalties_are_read_back(lowest, factor, count):
    made = np.geomspace(lowest, lowest * factor, count)
    assert np.geomspace(*_grid(made)) == pytest.approx(made, rel=1e-9)
    if count > 2:
        with pytest.raises(ValueError, match="equal steps"):
            _grid(np.append(made, made[-1] * 1.001 * factor))
