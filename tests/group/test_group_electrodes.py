"""Means over electrodes with participants as the sample: closed forms, guards, and null data."""

import numpy as np
import pytest
from scipy import stats

from bids_app.group.electrodes import any_electrode, mean_and_error, over_electrodes, student_limits
from bids_app.group.participant_tests import ParticipantValues
from bids_app.records import partition_components

COMPONENTS = partition_components(("a", "b"))


def participant(a, b, both):
    """Every component of two units, from three unions' values by electrode, which are their Fisher's z too."""
    a, b, both = (np.asarray(one, float) for one in (a, b, both))
    parts = {"uniqueA": both - b, "uniqueB": both - a, "sharedAB": a + b - both}
    values = {"full": both, "a": a, "b": b, **parts}
    return ParticipantValues(values, {label: np.tanh(one) for label, one in values.items()})


def participants(rng, n, n_electrodes=6, means=(0.05, 0.05, 0.08), between=0.02, within=0.03):
    """Skewed scores: participants differ by `between`, their electrodes by `within`."""
    made = []
    for _ in range(n):
        drawn = [mean + between * (rng.standard_exponential() - 1) for mean in means]
        made.append(participant(*(mean + within * (rng.standard_exponential(n_electrodes) - 1) for mean in drawn)))
    return made


def test_one_electrode_a_person_is_students_test_over_people():
    some = participants(np.random.default_rng(0), 9, n_electrodes=1)
    found = over_electrodes(some, COMPONENTS, 0)["a"]
    values = np.array([one.rsquared["a"][0] for one in some])
    expected = stats.ttest_1samp(values, 0, alternative="greater")
    low, high = stats.t.interval(0.95, 8, values.mean(), stats.sem(values))
    assert found.mean == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.1 * (high - low))
    assert found.p == pytest.approx(max(expected.pvalue, 0.5**9), rel=0.3)


def test_the_error_is_that_of_participants_and_then_of_their_electrodes():
    rng, n, size = np.random.default_rng(1), 6, 5
    tables = [rng.normal(rng.normal(0, 2), 1, (size, 1)) for _ in range(n)]
    mean, error = mean_and_error(tables, 0, draws=40_000)
    means = np.array([table.mean() for table in tables])
    of_people = means.var() / n
    of_electrodes = np.mean([table.var() for table in tables]) / size / n
    assert mean[0] == pytest.approx(means.mean())
    assert error[0] == pytest.approx(np.sqrt((of_people + of_electrodes) * n / (n - 1)), rel=0.02)


def test_participants_count_alike_however_many_electrodes_they_have():
    few, many = participant([0.1], [0.0], [0.1]), participant([0.3] * 50, [0.0] * 50, [0.3] * 50)
    assert over_electrodes([few, many], COMPONENTS, 0)["a"].mean == pytest.approx(0.2)


def test_electrodes_without_a_value_and_participants_without_electrodes_do_not_count():
    holed = participant([0.2, np.nan], [0.0, np.nan], [0.2, np.nan])
    nobody = participant([np.nan], [np.nan], [np.nan])
    found = over_electrodes([holed, participant([0.4], [0.0], [0.4]), nobody], COMPONENTS, 0)
    assert found["a"].mean == pytest.approx(0.3)
    assert over_electrodes([nobody], COMPONENTS, 0) == {}


def test_p_is_never_below_what_so_many_participants_allow_and_1_below_zero():
    alike = [participant([0.2, 0.2], [0.1, 0.1], [0.25, 0.25]) for _ in range(5)]
    found = over_electrodes(alike, COMPONENTS, 0)
    assert found["full"].p == pytest.approx(0.5**5)
    below = [participant([-0.2, -0.1], [0.0, 0.0], [-0.2, -0.1]) for _ in range(5)]
    assert over_electrodes(below, COMPONENTS, 0)["a"].p == 1
    few = over_electrodes(alike[:4], COMPONENTS, 0)["full"]
    assert np.isnan(few.p)  # none could be .05 or less
    assert few.mean == pytest.approx(found["full"].mean)
    assert np.isnan([few.low, few.high]).all()


def test_p_is_of_correlations_and_the_interval_of_rsquared():
    rng = np.random.default_rng(5)
    some = []
    for _ in range(8):
        weak = participant(*rng.normal(-0.01, 0.005, (3, 6)))
        some.append(ParticipantValues(weak.rsquared, {label: 0.1 + 0.02 * rng.random(6) for label in weak.r}))
    found = over_electrodes(some, COMPONENTS, 0)
    assert found["a"].mean < 0
    assert found["a"].high < 0
    assert found["a"].p < 0.05
    assert found["sharedAB"].p > 0.05


def test_a_shared_part_has_no_smaller_p_than_either_space_alone():
    rng = np.random.default_rng(2)
    # The sum suggests a shared part, but b predicts nothing.
    some = participants(rng, 8, means=(0.2, 0.0, 0.1), between=0.005)
    found = over_electrodes(some, COMPONENTS, 0)
    assert found["sharedAB"].mean > 0.05
    assert found["sharedAB"].p >= found["b"].p > 0.01


def test_any_electrode_is_bonferroni_over_participants():
    family = [np.array([0.2, np.nan, 0.01]), np.array([0.03]), np.array([np.nan])]
    assert any_electrode(family) == pytest.approx(0.03)  # three participants, also who has no p
    assert any_electrode([np.array([0.6]), np.array([0.7])]) == 1
    assert np.isnan(any_electrode([np.array([np.nan])] * 3))


def test_any_electrode_holds_whatever_participants_have_in_common():
    """From the same p in everybody to independent ones."""
    rng = np.random.default_rng(4)
    for common in (0.0, 0.5, 0.9, 1.0):
        shared, own = rng.standard_normal((4000, 1)), rng.standard_normal((4000, 6))
        p = stats.norm.sf(np.sqrt(common) * shared + np.sqrt(1 - common) * own)
        found = [any_electrode(each[:, None]) for each in p]
        assert np.mean(np.array(found) <= 0.05) <= stats.binom.ppf(0.995, 4000, 0.05) / 4000


def test_p_is_no_smaller_than_what_participants_own_tests_allow():
    some = [participant([0.2, 0.2], [0.1, 0.1], [0.25, 0.25]) for _ in range(6)]
    found = over_electrodes(some, COMPONENTS, 0, {"full": 0.3, "a": 0.001, "uniqueA": np.nan})
    assert found["full"].p == 0.3
    assert found["a"].p == pytest.approx(0.5**6)
    assert np.isnan(found["uniqueA"].p)


def test_false_positives_of_null_means():
    rng, hits = np.random.default_rng(3), []
    for number in range(300):
        tables = [
            (0.04 * (rng.standard_exponential() - 1) + 0.05 * (rng.standard_exponential((5, 1)) - 1))
            for _ in range(8)
        ]
        *_, p = student_limits(*mean_and_error(tables, number, draws=300), 8)
        hits.append(p[0] <= 0.05)
    assert np.mean(hits) <= stats.binom.ppf(0.995, 300, 0.05) / 300
