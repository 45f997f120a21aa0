"""Purging against the double loop."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bids_app.encoding.design.folds import purged

SAMPLES = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 40), st.integers(0, 2)), min_size=1, max_size=50)


@given(SAMPLES, st.integers(0, 12))
def test_purging_is_the_double_loop(samples, purge_s):
    """Samples (group, second, role) in any order, seconds repeated: role 0 trains, 1 tests, 2 does neither."""
    groups, times_s, role = np.array(samples).T
    train, test = role == 0, role == 1
    expected = [
        one_role == 0
        and all(
            other_role != 1 or other_group != group or abs(other_s - second) > purge_s
            for other_group, other_s, other_role in samples
        )
        for group, second, one_role in samples
    ]
    before = train.copy()
    assert purged(train, test, groups, times_s.astype(float), float(purge_s)).tolist() == expected
    np.testing.assert_array_equal(train, before)  # the caller's mask stays
