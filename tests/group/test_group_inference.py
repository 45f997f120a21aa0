"""Tests over participants: scipy's exact permutation test, max-T by brute force, guards, gaps, limits."""

import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import bids_app
from bids_app.encoding.inference.flips.signs import n_sign_vectors
from bids_app.group import ParticipantValues, participant_tests
from bids_app.group.moderation import moderated_deviation
from bids_app.group.participant_tests import t_interval, union_values
from bids_app.records import beyond_baseline, partition_components, subsets

X, AB = partition_components(("x",)), partition_components(("a", "b"))
ALL = 1000  # permutations: up to nine participants all sign vectors are taken


def values_of(z, rsquared=None):
    """Values of participants: correlations by their Fisher's z, and rsquared, which are the same where not given."""
    r = {label: np.tanh(table) for label, table in z.items() if not label.startswith("shared")}
    return ParticipantValues(z if rsquared is None else rsquared, r)


def single(table):
    """Components of one space with these Fisher's z."""
    return values_of(dict.fromkeys(("full", "x", "uniqueX"), table))


def two(unique_a, unique_b, shared):
    """Components of spaces a and b by their parts."""
    full = unique_a + unique_b + shared
    return values_of({"full": full, "a": unique_a + shared, "b": unique_b + shared,
                  "uniqueA": unique_a, "uniqueB": unique_b, "sharedAB": shared})  # fmt: skip


@pytest.mark.parametrize("n_participants", [2, 3, 6, 9])
def test_p_is_scipys_exact_sign_flip(n_participants):
    rng = np.random.default_rng(n_participants)
    table = rng.normal(0.3, 1, (n_participants, 12))
    found = participant_tests(single(table), X, ALL, 0)["full"]["p"]
    scipys = stats.permutation_test(
        (table,), np.mean, permutation_type="samples", alternative="greater", n_resamples=np.inf, axis=0
    ).pvalue
    expected = np.where(table.mean(axis=0) > 0, scipys, 1)
    np.testing.assert_allclose(found, expected)
    assert found.min() >= 0.5**n_participants


def test_totals_but_the_full_models_may_be_left_out():
    table = np.random.default_rng(0).normal(0.3, 1, (6, 12))
    some = values_of({"full": table, "uniqueX": table})
    found, every = (participant_tests(one, X, ALL, 0) for one in (some, single(table)))
    assert list(found) == ["full", "uniqueX"]
    for stat, values in found["uniqueX"].items():
        np.testing.assert_allclose(values, every["uniqueX"][stat], rtol=1e-12)


def test_rounding_of_one_sign_is_no_shared_part():
    """Sums of R² leave 2e-16 where nothing is shared, in everybody alike."""
    rng = np.random.default_rng(0)
    unique = rng.uniform(0.1, 0.3, (8, 12))
    for left in (2e-16, 3e-8):
        shared = np.full_like(unique, left)
        found = participant_tests(two(unique, unique[::-1], shared), AB, ALL, 0)["sharedAB"]
        assert (found["p"] == 1).all()
        assert (found["pfwe"] == 1).all()
    found = participant_tests(two(unique, unique[::-1], np.full_like(unique, 1e-3)), AB, ALL, 0)["sharedAB"]
    np.testing.assert_allclose(found["p"], 0.5**8)


def test_no_unique_part_has_a_smaller_p_than_the_full_model():
    rng = np.random.default_rng(0)
    unique, full = rng.normal(1, 1, (9, 12)), rng.normal(0.2, 1, (9, 12))
    values = values_of({"full": full, "a": full, "b": full, "uniqueA": unique, "uniqueB": unique,
                        "sharedAB": full})  # fmt: skip
    found = participant_tests(values, AB, ALL, 0)
    alone = participant_tests(values_of({"full": unique, "x": unique, "uniqueX": unique}), X, ALL, 0)["uniqueX"]
    for stat in ("p", "pfwe"):
        np.testing.assert_allclose(found["uniqueA"][stat], np.maximum(alone[stat], found["full"][stat]))
    assert (found["uniqueA"]["p"] > alone["p"]).any()


@pytest.mark.parametrize("targets_differ", [True, False])
def test_family_wise_p_is_max_t_by_brute_force(targets_differ):
    """The largest of all targets' means over their steadied deviations by every sign vector; of targets whose
    deviations differ by no more than chance, the largest mean."""
    rng = np.random.default_rng(0)
    table = rng.normal(0.5, 1, (7, 30))
    table *= 0.05 * rng.gamma(1, 1, 30) if targets_differ else 0.1 / np.sqrt((table**2).mean(axis=0))
    flips = np.array(list(product([1, -1], repeat=7)))
    t = np.stack([(table * signs[:, None]).mean(axis=0) for signs in flips])
    if targets_differ:
        t /= moderated_deviation(table)
    expected = np.mean(t.max(axis=1)[:, None] >= t[0] * (1 - 1e-9), axis=0)
    found = participant_tests(single(table), X, ALL, 0)["full"]
    positive = table.mean(axis=0) > 0
    np.testing.assert_allclose(found["pfwe"][positive], expected[positive])
    assert (found["pfwe"] >= found["p"]).all()
    np.testing.assert_allclose(found["q"], stats.false_discovery_control(found["p"]))


def test_drawn_signs_come_close_to_all_of_them():
    table = np.random.default_rng(1).normal(0.3, 1, (12, 20))
    drawn = participant_tests(single(table), X, 2000, 0)["full"]["p"]
    every = participant_tests(single(table), X, 5000, 0)["full"]["p"]
    np.testing.assert_allclose(drawn, every, atol=4 * np.sqrt(0.25 / 2000))


def test_limits_are_students():
    table = np.random.default_rng(2).normal(size=(8, 10))
    table[0, 3] = np.nan
    table[1:, 4] = np.nan
    found = t_interval(table)
    for column in (0, 3):
        mine = table[np.isfinite(table[:, column]), column]
        interval = stats.ttest_1samp(mine, 0).confidence_interval(0.95)
        assert (found["ci025"][column], found["ci975"][column]) == pytest.approx(tuple(interval))
    assert np.isnan(found["ci025"][4])


def test_who_has_no_value_is_as_if_absent():
    rng = np.random.default_rng(3)
    table = rng.normal(0.5, 1, (6, 4))
    more = np.concatenate([table, np.full((2, 4), np.nan)])
    few, many = (participant_tests(single(one), X, ALL, 0)["full"]["p"] for one in (table, more))
    np.testing.assert_allclose(few, many)
    nobody = participant_tests(single(np.full((6, 2), np.nan)), X, ALL, 0)["full"]
    assert np.isnan(nobody["p"]).all()


def test_correlations_are_tested_and_not_rsquared():
    """A weak signal: correlations above zero in everybody, and R² below."""
    rng = np.random.default_rng(7)
    z, rsquared = rng.normal(0.1, 0.05, (8, 12)), rng.normal(-0.01, 0.005, (8, 12))
    labels = ("full", "a", "b", "uniqueA", "uniqueB", "sharedAB")
    found = participant_tests(values_of(dict.fromkeys(labels, z), dict.fromkeys(labels, rsquared)), AB, ALL, 0)
    of_z = participant_tests(single(z), X, ALL, 0)["full"]
    for label in labels[:-1]:
        np.testing.assert_array_equal(found[label]["p"], of_z["p"])
        np.testing.assert_array_equal(found[label]["pfwe"], of_z["pfwe"])
    assert (found["sharedAB"]["p"] == 1).all()  # an amount, which no correlation stands for


def test_a_shared_part_needs_both_spaces_to_predict():
    """A bias that all participants have: something shared with a space that predicts nothing."""
    rng = np.random.default_rng(4)
    noise = rng.normal(0, 0.01, (8, 20))
    biased = two(0.2 + noise, -0.1 - np.abs(noise), 0.08 + noise)  # b alone predicts nothing
    found = participant_tests(biased, AB, ALL, 0)
    assert (found["sharedAB"]["p"] == 1).all()
    assert (found["uniqueA"]["p"] < 0.05).all()
    assert (found["uniqueB"]["p"] == 1).all()
    true = participant_tests(two(0.1 + noise, 0.05 + noise, 0.08 + noise), AB, ALL, 0)
    assert (true["sharedAB"]["p"] < 0.05).all()


def test_the_larger_of_participants_and_stimulus_counts():
    table = np.random.default_rng(5).normal(1, 0.5, (8, 3))
    alone = participant_tests(single(table), X, ALL, 0)
    stimulus = {name: {"p": np.array([0.001, 0.4, np.nan]), "pfwe": np.array([0.001, 0.9, np.nan])} for name in alone}
    both = participant_tests(single(table), X, ALL, 0, stimulus)["full"]
    np.testing.assert_array_equal(both["p"], [alone["full"]["p"][0], 0.4, np.nan])
    np.testing.assert_array_equal(both["pfwe"], [alone["full"]["pfwe"][0], 0.9, np.nan])


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_unions_come_back_from_their_parts(n_groups, seed):
    """Inclusion–exclusion by the components' terms, undone."""
    groups = tuple("abcd"[:n_groups])
    rng = np.random.default_rng(seed)
    rsquared = {frozenset(union): rng.normal(size=(3, 2)) for union in subsets(groups)}
    components = partition_components(groups, "against")
    values = {one.label: one.of(rsquared) for one in components if one.is_part}
    for union, found in union_values(values, components).items():
        np.testing.assert_allclose(found, rsquared[union], atol=1e-12)


def test_a_component_of_no_partition_is_tested_by_its_own_value():
    """As a total is: sign flips of what it comes to, whatever its terms are."""
    table = np.random.default_rng(6).normal(0.3, 1, (7, 12))
    control = beyond_baseline("x", ("x",), ("baseline_word_rate",))
    own = participant_tests(values_of({control.label: table}), [control], ALL, 0)[control.label]
    total = participant_tests(single(table), X, ALL, 0)["full"]
    for stat, values in own.items():
        np.testing.assert_array_equal(values, total[stat])


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 10), st.integers(1, 9), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_p_is_within_its_limits_whatever_is_missing(n_participants, n_targets, gone, seed):
    rng = np.random.default_rng(seed)
    table = rng.normal(0.5, 1, (n_participants, n_targets))
    table[rng.random(table.shape) < gone] = np.nan
    found = participant_tests(single(table), X, ALL, 0)["full"]
    n = np.isfinite(table).sum(axis=0)
    assert (np.isnan(found["p"]) == (n == 0)).all()
    here = n > 0
    least = np.maximum(0.5 ** n[here], 1 / n_sign_vectors(ALL, n_participants))
    assert (found["p"][here] >= least * (1 - 1e-9)).all()
    assert (found["p"][here] <= 1).all()
    assert (found["pfwe"][here] >= found["p"][here] - 1e-12).all()


@pytest.mark.long
def test_sums_do_not_hang_on_the_order_of_a_set():
    """Single-precision values, as tables give them: p of a shared part is the same in every process."""
    code = """
import numpy as np
from bids_app.group.participant_tests import ParticipantValues, null_values
from bids_app.records import partition_components
components = partition_components(("low_level", "semantic", "speech", "language"))
rng = np.random.default_rng(0)
values = {one.label: rng.normal(size=50).astype(np.float32) for one in components}
given = ParticipantValues(values, values)
print([table.tobytes().hex() for table in null_values(components, components, given).values()])
"""
    root = Path(bids_app.__file__).parents[1]
    printed = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
        ).stdout
        for seed in ("0", "1", "2")
    }  # fmt: skip
    assert len(printed) == 1
