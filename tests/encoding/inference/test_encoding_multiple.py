"""p over permutations, over the family, and the false discovery rate."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app.encoding.inference.multiple_testing import MaxTNull, fdr, p_values, studentized, summarise


def nulls(n_targets, permutations=199, seed=0):
    return np.random.default_rng(seed).standard_normal((permutations + 1, n_targets))


def significance(*batches):
    family = MaxTNull()
    for batch in batches:
        family.add(summarise(torch.as_tensor(batch)))
    return family.significance()


def test_p_counts_the_observed_one():
    null = torch.tensor([[3.0, 1.0, 5.0], [4.0, 0.0, 1.0], [3.0, 0.0, 1.0], [2.0, 2.0, 1.0]])
    np.testing.assert_array_equal(p_values(null), [3 / 4, 2 / 4, 1 / 4])


def test_what_is_not_positive_is_not_significant_and_what_is_missing_stays_so():
    null = np.full((200, 4), -5.0)
    null[0] = [-1.0, 0.0, 1.0, np.nan]
    found = significance(null)
    np.testing.assert_array_equal(found.p, [1, 1, 1 / 200, np.nan])
    assert list(found.p_family[:2]) == [1, 1]
    assert found.p_family[2] < 0.02
    assert np.isnan(found.p_family[3])
    assert np.isnan(found.q[3])


def test_equal_statistics_have_p_one():
    found = significance(np.full((200, 3), 0.3), nulls(3))
    np.testing.assert_array_equal(found.p[:3], 1)
    assert (found.p_family[:3] > 0.2).all()


@given(st.integers(2, 30), st.integers(1, 29), st.integers(0, 99))
@settings(deadline=None, max_examples=30)
def test_batches_do_not_matter(n_targets, cut, seed):
    null = nulls(n_targets, seed=seed)
    null[0] += np.linspace(-1, 4, n_targets)
    cut = min(cut, n_targets - 1)
    together, apart = significance(null), significance(null[:, :cut], null[:, cut:])
    for name in ("p", "p_family", "q"):
        np.testing.assert_array_equal(getattr(together, name), getattr(apart, name))


def test_the_family_is_the_largest_studentised_statistic():
    null = nulls(20) * np.geomspace(0.1, 10, 20)
    null[0] = np.geomspace(0.1, 10, 20) * np.linspace(0.1, 5, 20)
    scores = (null - null.mean(axis=0)) / null.std(axis=0)
    np.testing.assert_allclose(studentized(torch.as_tensor(null)), scores)
    expected = (scores.max(axis=1)[:, None] >= scores[0] - 1e-9).mean(axis=0)
    np.testing.assert_allclose(significance(null).p_family, expected)


def test_a_missing_target_spoils_no_neighbour():
    null = nulls(6)
    spoiled = null.copy()
    spoiled[:, 2] = np.nan
    others = [0, 1, 3, 4, 5]
    np.testing.assert_array_equal(significance(spoiled).p_family[others], significance(null[:, others]).p_family)
    np.testing.assert_array_equal(significance(spoiled).q[others], significance(null[:, others]).q)


def test_fdr_is_benjamini_hochbergs():
    p = np.array([0.01, np.nan, 0.02, 0.03, 0.5])
    np.testing.assert_allclose(fdr(p), [0.04, np.nan, 0.04, 0.04, 0.5])
    assert np.isnan(fdr(np.full(3, np.nan))).all()


def test_a_family_without_targets_is_an_error():
    with pytest.raises(ValueError, match="no target"):
        MaxTNull().significance()
