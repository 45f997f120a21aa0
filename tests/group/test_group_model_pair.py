"""Statistics over participants: means, correlations and shares with Student's t; who counts."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from bids_app.group.model_pair import group_statistics, mean, ratio
from bids_app.records import (
    CONTEXT,
    WHOLE,
    AgreementHistogram,
    ComponentSummary,
    ModelPairSummary,
    SignificantCounts,
    StatisticSubject,
    StatisticSummary,
)

A = StatisticSubject("score", ("a",))
AB = StatisticSubject("prediction_correlation", ("a", "b"))
SHARE = StatisticSubject("share", part=CONTEXT)
AMOUNT, EVERYTHING = StatisticSubject("amount", part=CONTEXT), StatisticSubject("amount", part=WHOLE)


def participant(values, n_significant=3, targets="reliable"):
    rows = tuple(StatisticSummary(about, targets, 5, value, None, None) for about, value in values.items())
    pair = ModelPairSummary(("a", "b"), rows, AgreementHistogram((), ()))
    full = ComponentSummary((), {}, SignificantCounts(n_significant, n_significant))
    return SimpleNamespace(summary=SimpleNamespace(model_pair=pair, components={"full": full}))


def test_means_and_correlations_have_students_limits():
    scores, r = np.array([0.1, 0.2, 0.25, 0.05]), np.array([0.5, 0.9, 0.7, 0.2])
    participants = [participant({A: a, AB: b}) for a, b in zip(scores, r, strict=True)]
    found = {row.about.kind: row for row in group_statistics(participants)}
    limits = stats.t.interval(0.95, 3, scores.mean(), stats.sem(scores))
    assert (found["score"].low, found["score"].high) == pytest.approx(limits)
    z = np.arctanh(r)
    limits = np.tanh(stats.t.interval(0.95, 3, z.mean(), stats.sem(z)))
    assert found["prediction_correlation"].value == pytest.approx(np.tanh(z.mean()))
    assert (found["prediction_correlation"].low, found["prediction_correlation"].high) == pytest.approx(limits)
    assert found["score"].n_participants == 4


def test_a_share_is_a_ratio_of_sums_whose_interval_covers():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        wholes = rng.uniform(0.05, 0.4, 12)
        _, low, high = ratio(0.6 * wholes + rng.normal(0, 0.03, 12), wholes)
        hits += low <= 0.6 <= high
    assert 0.91 <= hits / 400 <= 0.98
    shares = [0.5, 0.8]
    participants = [
        participant({SHARE: share, AMOUNT: share * whole, EVERYTHING: whole})
        for share, whole in zip(shares, (0.1, 0.3), strict=True)
    ]
    (row,) = [row for row in group_statistics(participants) if row.about == SHARE]
    assert row.value == pytest.approx((0.05 + 0.24) / 0.4)


def test_participants_in_whom_nothing_is_significant_have_no_reliable_targets():
    participants = [participant({A: 0.3}), participant({A: 0.2}), participant({A: 9.0}, 0)]
    (row,) = group_statistics(participants)
    assert (row.n_participants, row.value) == (2, 0.25)
    assert not group_statistics([participant({A: 1.0}, 0)] * 3)


def test_published_scores_and_one_person_have_no_limits():
    participants = [participant({A: value}, targets="all") for value in (0.1, 0.2)]
    assert group_statistics(participants, signed_rsquared=False)[0].low is None
    (row,) = group_statistics(participants[:1])
    assert (row.value, row.low, row.n_participants) == (0.1, None, 1)
    assert np.isnan(mean(np.array([0.5]))[1])
