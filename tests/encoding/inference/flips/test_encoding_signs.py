"""Sign vectors: a group that begins with the data as they are, and the transform that sums under its signs."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app.encoding.inference.flips.signs import Signs, draw_signs, n_sign_vectors
from bids_app.encoding.inference.multiple_testing import p_values


@given(st.integers(1, 40), st.integers(1, 300), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_signs_are_a_group_that_begins_with_the_data(n_units, permutations, seed):
    drawn = draw_signs(n_units, permutations, seed)
    assert drawn.shape == (n_sign_vectors(permutations, n_units), n_units)
    assert len(drawn) >= min(1 + permutations, 2**n_units)
    assert (drawn[0] == 1).all()
    found = set(map(tuple, drawn.tolist()))
    assert len(found) == len(drawn)
    one, other = np.random.default_rng(seed).integers(len(drawn), size=(2, 20))
    assert set(map(tuple, (drawn[one] * drawn[other]).tolist())) <= found
    np.testing.assert_array_equal(drawn, draw_signs(n_units, permutations, seed))


def test_signs_are_all_of_them_where_few():
    every = draw_signs(3, 1000, seed=5)
    assert sorted(map(tuple, every)) == sorted(itertools.product((-1.0, 1.0), repeat=3))


@pytest.mark.parametrize("n_units", [11, 24, 64, 400, 2000])
def test_each_sign_is_fair_and_no_two_units_go_together(n_units):
    drawn = draw_signs(n_units, 1000, seed=1)
    assert drawn.shape == (1024, n_units)
    np.testing.assert_array_equal(drawn.sum(axis=0), 1024 - 1024)
    products = drawn.T @ drawn - 1024 * np.eye(n_units)
    assert n_units > 1023 or not products.any()  # more units than codes: some share one
    # a quadratic form is the same for a vector and its opposite
    assert not set(map(tuple, drawn.tolist())) & set(map(tuple, (-drawn).tolist()))


def test_units_have_other_codes_by_other_seeds_but_no_place_of_their_own():
    first = [draw_signs(24, 1000, seed)[1] for seed in range(400)]
    assert np.ptp(np.mean(first, axis=0)) < 0.3  # 6 standard errors
    assert len(set(map(tuple, first))) > 390


@pytest.mark.parametrize("n_bits", range(8))
def test_the_transform_is_the_product_with_all_signs(n_bits):
    codes = np.arange(2**n_bits)
    signs = Signs(codes, n_bits, torch.float64, "cpu")
    values = torch.as_tensor(np.random.default_rng(0).standard_normal((2**n_bits, 3)))
    np.testing.assert_allclose(signs.transform(values), signs.vectors @ values, atol=1e-12)


def test_what_is_kept_never_changes_its_sign():
    kept = Signs.draw(20, 100, 0, torch.float32).with_kept.vectors
    assert (kept[:, -1] == 1).all()


@pytest.mark.parametrize("n_units", [8, 24, 64])
@pytest.mark.parametrize("form", ["linear", "quadratic"])
def test_false_positives_are_at_the_level(n_units, form):
    """Sums of independent numbers with signs of either kind, heavy tails included."""
    rng, n = np.random.default_rng(3), 4000
    y = torch.as_tensor(rng.standard_t(3, (n_units, n)) * (1 + np.arange(n_units))[:, None])
    vectors = Signs.draw(n_units, 1000, 7, torch.float64).vectors
    if form == "linear":
        null = vectors @ y
    else:
        A = torch.as_tensor(rng.standard_normal((n_units, n_units)))
        null = torch.stack([((A @ (s[:, None] * y)) * (s[:, None] * y)).sum(dim=0) for s in vectors])
        null = null - A.diagonal() @ y.square()
    for level in (0.01, 0.05):
        rate, se = float((p_values(null) <= level).double().mean()), np.sqrt(level * (1 - level) / n)
        assert rate <= level + 4 * se
        # vectors of eight units come in opposites, which a quadratic form cannot tell apart
        assert rate >= level - 4 * se - 2 / len(vectors)
