"""Inclusion–exclusion by hand and for any additive measure."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bids_app import encoding
from bids_app.encoding.ridge.fit import unions_of
from bids_app.records import Fit, partition_components


def fit_of(rsquared_of, groups):
    unions = unions_of(groups)
    rsquared = np.array([np.atleast_1d(rsquared_of(set(union))) for union in unions], float)
    return Fit(unions, rsquared, rsquared / 2, rsquared * 0, {}, (2.0,), ())


def test_two_spaces_by_hand():
    table = {("a",): 0.10, ("b",): 0.20, ("a", "b"): 0.25}
    partition = encoding.partition(fit_of(lambda union: table[tuple(sorted(union))], ("a", "b"))).values
    assert {name: round(float(stats["rsquared"][0]), 10) for name, stats in partition.items()} == {
        "full": 0.25,
        "a": 0.10,
        "b": 0.20,
        "uniqueA": 0.05,
        "uniqueB": 0.15,
        "sharedAB": 0.05,
    }
    assert partition["full"]["r"][0] == pytest.approx(0.125)
    assert set(partition["uniqueA"]) == {"rsquared"}


def test_three_spaces_by_hand_keep_their_sign():
    table = {"a": 0.1, "b": 0.2, "c": 0.3, "ab": 0.25, "ac": 0.35, "bc": 0.45, "abc": 0.4}
    partition = encoding.partition(fit_of(lambda union: table["".join(sorted(union))], ("a", "b", "c"))).values
    expected = {
        "uniqueA": 0.4 - 0.45,
        "uniqueB": 0.4 - 0.35,
        "uniqueC": 0.4 - 0.25,
        "sharedAB": 0.35 + 0.45 - 0.3 - 0.4,
        "sharedAC": 0.25 + 0.45 - 0.2 - 0.4,
        "sharedBC": 0.25 + 0.35 - 0.1 - 0.4,
        "sharedABC": 0.1 + 0.2 + 0.3 - 0.25 - 0.35 - 0.45 + 0.4,
    }
    for name, value in expected.items():
        assert partition[name]["rsquared"][0] == pytest.approx(value)


@given(st.integers(1, 4), st.integers(0, 10**6))
def test_an_additive_measure_is_recovered_and_parts_sum_to_full(n_units, seed):
    groups = ("low_level", "semantic", "speech", "language")[:n_units]
    rng = np.random.default_rng(seed)
    subsets = [chosen for size in range(1, n_units + 1) for chosen in combinations(groups, size)]
    atoms = {chosen: rng.uniform(-1, 1, 3) for chosen in subsets}

    def measure(union):
        return sum(value for chosen, value in atoms.items() if union & set(chosen))

    found = encoding.partition(fit_of(measure, groups))
    labels = tuple(each.label for each in partition_components(groups))
    assert tuple(found.values) == labels
    parts = labels[1 + n_units :]
    for name, chosen in zip(parts, subsets, strict=True):
        np.testing.assert_allclose(found.values[name]["rsquared"], atoms[chosen], atol=1e-12)
    total = sum(found.values[name]["rsquared"] for name in parts)
    np.testing.assert_allclose(total, found.values["full"]["rsquared"], atol=1e-12)


def test_nan_targets_stay_nan():
    partition = encoding.partition(fit_of(lambda union: np.array([0.1 * len(union), np.nan]), ("a", "b"))).values
    assert all(np.isnan(stats["rsquared"][1]) and np.isfinite(stats["rsquared"][0]) for stats in partition.values())
