"""Prevalence against a posterior on a fine grid, its coverage, and planted shares of people."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bids_app.group.maps.prevalence import STATISTICS, prevalence_anywhere, prevalence_maps, prevalence_of
from bids_app.outputs.wording.over_participants.prevalence import PREVALENCE, prevalence_in_words
from bids_app.records import GroupInference
from bids_app.records.over_participants.prevalence import Prevalence
from bids_app.records.specs import GroupSpec

LEVEL = 0.05


def on_a_grid(k, n, level):
    """The posterior of the prevalence by Bayes's rule on 200,001 values: mode, interval of highest density, bound."""
    gamma = np.linspace(0, 1, 200_001)
    density = stats.binom.pmf(k, n, level + (1 - level) * gamma)
    density /= density.sum()
    dense = np.cumsum(np.sort(density)[::-1])
    inside = gamma[density >= np.sort(density)[::-1][np.searchsorted(dense, 0.95)]]
    return gamma[density.argmax()], inside[0], inside[-1], gamma[np.searchsorted(np.cumsum(density), 0.05)]


@pytest.mark.parametrize(
    ("k", "n"), [(0, 1), (1, 1), (0, 12), (1, 12), (1, 40), (3, 12), (7, 12), (11, 12), (12, 12), (15, 300)]
)
@pytest.mark.parametrize("level", [LEVEL, 0.2])
def test_the_posterior_is_bayess_rule_on_a_grid(k, n, level):
    found = prevalence_of(k, n, level)
    assert (found.n_significant, found.n_tested) == (k, n)
    assert (found.estimate, found.low, found.high, found.bound) == pytest.approx(on_a_grid(k, n, level), abs=2e-4)


@given(st.integers(1, 400), st.floats(0, 1), st.sampled_from([0.001, 0.05, 0.5]))
@settings(max_examples=60)
def test_its_numbers_are_in_order(n, share, level):
    found = prevalence_of(round(share * n), n, level)
    assert 0 <= found.low <= found.estimate <= found.high <= 1
    assert found.low <= found.bound <= found.high


def test_intervals_hold_as_often_as_they_say():
    """Shares of people drawn from the prior: 95 % of intervals and of bounds hold."""
    rng = np.random.default_rng(0)
    gamma = rng.random(4000)
    k = rng.binomial(15, LEVEL + (1 - LEVEL) * gamma)
    found = [prevalence_of(each, 15, LEVEL) for each in range(16)]
    low, high, bound = (np.array([getattr(one, name) for one in found])[k] for name in ("low", "high", "bound"))
    error = 4 * np.sqrt(0.95 * 0.05 / len(gamma))
    assert np.mean((low <= gamma) & (gamma <= high)) == pytest.approx(0.95, abs=error)
    assert np.mean(bound <= gamma) == pytest.approx(0.95, abs=error)


def test_planted_shares_of_people_come_back():
    rng = np.random.default_rng(1)
    planted = np.repeat([0.0, 0.3, 0.8, 1.0], 300)
    has_it = rng.random((40, len(planted))) < planted
    family = np.where(has_it, 0.001, rng.random(has_it.shape))
    found = prevalence_maps(family, LEVEL)
    assert tuple(found) == STATISTICS == tuple(PREVALENCE)
    for share in np.unique(planted):
        assert found["prevalence"][planted == share].mean() == pytest.approx(share, abs=0.03)
    inner = (planted > 0) & (planted < 1)  # at the ends the bound is always above, or below
    assert np.mean(found["prevalenceBound"][inner] > planted[inner]) < 0.08


def test_who_has_no_p_is_not_counted():
    family = np.array([[0.01, np.nan, np.nan], [0.01, 0.01, np.nan], [0.5, 0.2, np.nan]])
    found = prevalence_maps(family, LEVEL)
    assert found["nTested"].tolist() == [3, 2, 0]
    assert found["nSignificant"][:2].tolist() == [2, 1]
    assert found["prevalence"][1] == prevalence_of(1, 2, LEVEL).estimate
    assert all(np.isnan(values[2]) for stat, values in found.items() if stat != "nTested")


def unit(participant, n_targets, unreliable=False):
    significant = None if n_targets is None else SimpleNamespace(pfwe=n_targets)
    components = {"full": SimpleNamespace(significant=significant)}
    summary = SimpleNamespace(components=components, has_unreliable_p=unreliable, has_no_p=False)
    return SimpleNamespace(participant=participant, summary=summary)


def test_anywhere_counts_participants_with_a_significant_target_and_leaves_out_whose_p_do_not_hold():
    members = [unit("01", 3), unit("02", 0), unit("03", 7, unreliable=True), unit("04", None)]
    assert prevalence_anywhere(members, ["full", "x"], LEVEL) == {"full": prevalence_of(1, 2, LEVEL)}
    assert prevalence_anywhere(members[2:], ["full"], LEVEL) == {}


def test_the_sentence_has_the_numbers_what_they_assume_and_who_does_not_count():
    made = GroupInference(6, "none", False, False, asked=GroupSpec(0.01), uncounted=("03",))
    text = prevalence_in_words({"full": Prevalence(5, 4, 0.789, 0.4, 0.97, 0.44)}, made)
    for part in ("4 of 5 participants", "79 % of people", "40 % to 97 %", "more than 44 %", "p ≤ 0.01", "sub-03"):
        assert part in text
    assert "nobody has tests of their own whose p hold" in prevalence_in_words({}, made)
    assert prevalence_in_words({}, None) == ""
