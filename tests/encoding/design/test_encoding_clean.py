"""Cleaning: least squares against scikit-learn, and targets that cannot be used."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from bids_app import encoding

RNG = np.random.default_rng(0)


def test_residuals_are_those_of_linear_regression_on_kept_samples():
    nuisance = RNG.standard_normal((80, 5)) * [1, 10, 0.1, 100, 1] + 7
    values = 1000 + RNG.standard_normal((80, 6)) + nuisance[:, :1]
    keep = RNG.random(80) > 0.2
    expected = values[keep] - LinearRegression().fit(nuisance[keep], values[keep]).predict(nuisance[keep])
    cleaned = encoding.clean(values, nuisance, keep, "none")
    np.testing.assert_allclose(cleaned, expected, atol=1e-4)
    scaled = encoding.clean(values, nuisance, keep, "run")
    np.testing.assert_allclose(scaled, expected / expected.std(axis=0), atol=1e-4)
    np.testing.assert_allclose(scaled.std(axis=0), 1.0, atol=1e-6)


def test_samples_left_out_do_not_matter():
    values, nuisance = RNG.standard_normal((40, 3)), RNG.standard_normal((40, 2))
    keep = np.arange(40) >= 5
    spoiled, spoiled_nuisance = values.copy(), nuisance.copy()
    spoiled[:5], spoiled_nuisance[:5] = np.nan, 1e9
    once, again = (
        encoding.clean(values, nuisance, keep, "run"),
        encoding.clean(spoiled, spoiled_nuisance, keep, "run"),
    )
    np.testing.assert_array_equal(once, again)


def test_collinear_and_constant_nuisance_are_harmless():
    values, nuisance = RNG.standard_normal((50, 2)), RNG.standard_normal((50, 2))
    keep = np.ones(50, bool)
    doubled = np.column_stack([nuisance, nuisance[:, 0] * 3, np.full(50, 0.1), np.full(50, 1e7 / 3)])
    expected = encoding.clean(values, nuisance, keep, "run")
    np.testing.assert_allclose(encoding.clean(values, doubled, keep, "run"), expected, atol=1e-5)


def test_constant_missing_and_explained_targets_become_nan_alone():
    values, nuisance = RNG.standard_normal((50, 5)) + 1e4, RNG.standard_normal((50, 2))
    keep = np.ones(50, bool)
    alone = encoding.clean(values[:, :1], nuisance, keep, "run")
    values[:, 1] = 1e4
    values[7, 2] = np.nan
    values[:, 3] = 5 + nuisance @ [1.0, 2.0]
    values[7, 4] = np.inf
    cleaned = encoding.clean(values, nuisance, keep, "run")
    assert np.isnan(cleaned[:, 1:]).all()
    np.testing.assert_allclose(cleaned[:, :1], alone, atol=1e-6)


def test_without_nuisance_it_is_a_z_score():
    values = RNG.standard_normal((30, 2)) * 4 + 2
    cleaned = encoding.clean(values, np.empty((30, 0)), np.ones(30, bool), "run")
    np.testing.assert_allclose(cleaned, (values - values.mean(axis=0)) / values.std(axis=0), atol=1e-5)


def test_no_sample_is_an_error():
    with pytest.raises(encoding.CannotFit, match="no sample"):
        encoding.clean(np.ones((5, 1)), np.ones((5, 0)), np.zeros(5, bool), "run")
