"""Cleaning by its closed form, in any unit, and what one target may do to another."""

import numpy as np
import pytest

from bids_app import encoding


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_residuals_are_the_projection(rng):
    """M = I − N(N'N)⁻¹N' with the constant in N, at any scale of the nuisance; projecting again changes nothing."""
    values, nuisance = rng.standard_normal((60, 3)) + 9, rng.standard_normal((60, 4)) * [1e-6, 1, 1e6, 1]
    keep = np.ones(60, bool)
    N = np.column_stack([np.ones(60), nuisance / nuisance.std(axis=0)])
    expected = values - N @ np.linalg.solve(N.T @ N, N.T @ values)
    cleaned = encoding.clean(values, nuisance, keep, "none")
    np.testing.assert_allclose(cleaned, expected, atol=1e-5)
    np.testing.assert_allclose(N.T @ cleaned, 0, atol=1e-4)
    np.testing.assert_allclose(encoding.clean(cleaned, nuisance, keep, "none"), cleaned, atol=1e-6)


def test_a_rank_deficient_nuisance_spans_what_its_columns_span(rng):
    values, nuisance = rng.standard_normal((60, 3)), rng.standard_normal((60, 3))
    mixed = nuisance @ rng.standard_normal((3, 9))
    keep = np.ones(60, bool)
    once, again = (encoding.clean(values, columns, keep, "none") for columns in (nuisance, mixed))
    np.testing.assert_allclose(again, once, atol=1e-5)


def test_as_many_nuisance_columns_as_samples_leave_nothing(rng):
    values, nuisance = rng.standard_normal((20, 2)), rng.standard_normal((20, 25))
    assert np.isnan(encoding.clean(values, nuisance, np.ones(20, bool), "run")).all()


@pytest.mark.parametrize("spoil", [0.0, np.nan, np.inf, -7.0])
def test_a_dead_target_is_missing_and_others_keep_their_bits(rng, spoil):
    values, nuisance = rng.standard_normal((50, 4)), rng.standard_normal((50, 3))
    keep = np.ones(50, bool)
    expected = encoding.clean(values, nuisance, keep, "run")
    values[:, 1] = spoil
    cleaned = encoding.clean(values, nuisance, keep, "run")
    assert np.isnan(cleaned[:, 1]).all()
    assert cleaned[:, [0, 2, 3]].tobytes() == expected[:, [0, 2, 3]].tobytes()


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_units_of_the_response_do_not_matter(rng, factor):
    values, nuisance = rng.standard_normal((40, 3)) + 4, rng.standard_normal((40, 2))
    keep = np.ones(40, bool)
    once, scaled = (encoding.clean(v, nuisance, keep, "run") for v in (values, values * factor))
    np.testing.assert_allclose(scaled, once, atol=1e-5)
    raw, raw_scaled = (encoding.clean(v, nuisance, keep, "none") for v in (values, values * factor))
    np.testing.assert_allclose(raw_scaled / factor, raw, atol=1e-5)


def test_the_input_is_left_as_it_was(rng):
    values, nuisance = rng.standard_normal((30, 2)), rng.standard_normal((30, 2))
    before = values.copy(), nuisance.copy()
    encoding.clean(values, nuisance, np.ones(30, bool), "run")
    np.testing.assert_array_equal(values, before[0])
    np.testing.assert_array_equal(nuisance, before[1])
