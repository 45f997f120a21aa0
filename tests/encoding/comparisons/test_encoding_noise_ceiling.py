"""Ceilings are unbiased: planted explainable variance comes back on average, from repeats and from other people."""

import numpy as np
import pytest

from bids_app.encoding.comparisons.noise_ceiling import inter_subject_noise_ceiling, noise_ceiling_of_trials, share

N_TARGETS = 1000


def smooth(rng, n, dims, a=0.5):
    values = rng.standard_normal((n, dims))
    for k in range(1, n):
        values[k] = a * values[k - 1] + np.sqrt(1 - a * a) * values[k]
    return values


def repeats(explainable, n_repeats, n_times=300, seed=0):
    rng = np.random.default_rng(seed)
    signal = smooth(rng, n_times, N_TARGETS) * np.sqrt(explainable)
    return np.stack([signal + smooth(rng, n_times, N_TARGETS) * np.sqrt(1 - explainable) for _ in range(n_repeats)])


@pytest.mark.parametrize("explainable", [0.0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("n_repeats", [2, 5])
def test_repeats_give_the_planted_share_on_average(explainable, n_repeats):
    ceiling = noise_ceiling_of_trials([repeats(explainable, n_repeats)], block=20)
    assert ceiling.explainable.mean() == pytest.approx(explainable, abs=0.01)


def test_the_uncorrected_share_would_be_too_high():
    trials = repeats(0.1, 2)
    uncorrected = trials.mean(axis=0).var(axis=0) / trials.var(axis=1).mean(axis=0)
    assert uncorrected.mean() > 0.4


def test_repeats_as_schoppe_writes_them():
    """SP = (Var(Σ R) − Σ Var(R)) / (N (N − 1)), TP the mean variance; CCmax of a trial is √(SP / TP)."""
    trials = repeats(0.5, 4)
    SP = (trials.sum(axis=0).var(axis=0, ddof=1) - trials.var(axis=1, ddof=1).sum(axis=0)) / (4 * 3)
    TP = trials.var(axis=1, ddof=1).mean(axis=0)
    ceiling = noise_ceiling_of_trials([trials], block=20)
    np.testing.assert_allclose(ceiling.explainable, SP / TP, rtol=1e-9)
    np.testing.assert_allclose(ceiling.cc_max, np.sqrt(SP / TP), rtol=1e-9)


def test_several_stimuli_are_pooled_by_samples():
    long, short = repeats(0.5, 2, 400), repeats(0.5, 3, 100, seed=1)
    one, other, both = (
        noise_ceiling_of_trials([long], 20),
        noise_ceiling_of_trials([short], 20),
        noise_ceiling_of_trials([long, short], 20),
    )
    assert both.explainable.mean() == pytest.approx(0.5, abs=0.01)
    assert both.explainable.std() < one.explainable.std() < other.explainable.std()


def test_intervals_cover_and_noise_is_not_reliable():
    planted = noise_ceiling_of_trials([repeats(0.4, 3)], block=20)
    covered = (planted.low <= 0.4) & (planted.high >= 0.4)
    assert 0.85 < covered.mean() < 0.99
    assert planted.reliable.mean() > 0.95
    assert noise_ceiling_of_trials([repeats(0.0, 3)], block=20).reliable.mean() < 0.08


def test_a_share_is_given_only_where_the_ceiling_is_reliable():
    ceiling = noise_ceiling_of_trials([repeats(np.where(np.arange(N_TARGETS) < 500, 0.5, 0.0), 3)], block=20)
    shares = share(np.full(N_TARGETS, 0.25), ceiling)
    assert np.nanmean(shares[:500]) == pytest.approx(0.5, abs=0.03)
    assert np.isnan(shares[500:]).mean() > 0.9
    assert np.isnan(ceiling.cc_max[ceiling.explainable <= 0]).all()


def people(shares, n_times=1500, seed=0):
    """Responses of people who have a signal in common, each with a share of it of their own."""
    rng = np.random.default_rng(seed)
    signal = smooth(rng, n_times, N_TARGETS)
    return [np.sqrt(s) * signal + np.sqrt(1 - s) * smooth(rng, n_times, N_TARGETS) for s in shares]


@pytest.mark.parametrize("shares", [(0.3, 0.3, 0.3), (0.1, 0.3, 0.5, 0.7), (0.05,) * 8])
def test_people_give_each_ones_planted_share(shares):
    ceilings = inter_subject_noise_ceiling(people(shares), block=20)
    for one, planted in zip(ceilings, shares, strict=True):
        assert np.isfinite(one.explainable).mean() > 0.9
        assert np.nanmean(one.explainable) == pytest.approx(planted, abs=0.02)


def test_people_without_anything_in_common_have_no_ceiling():
    for one in inter_subject_noise_ceiling(people((0.0,) * 5), block=20):
        assert one.reliable.mean() < 0.02
        values = np.stack([one.explainable, one.low, one.high])
        assert (np.isnan(values).all(axis=0) == np.isnan(values).any(axis=0)).all()
        assert np.isnan(one.explainable).mean() > 0.9
        assert np.nanmax(np.abs(one.explainable)) < 0.3  # nowhere a ratio to nothing


def test_too_little_to_compare_is_refused():
    with pytest.raises(ValueError, match="twice"):
        noise_ceiling_of_trials([repeats(0.5, 1)], 20)
    with pytest.raises(ValueError, match="twice"):
        noise_ceiling_of_trials([], 20)
    with pytest.raises(ValueError, match="three"):
        inter_subject_noise_ceiling(people((0.5, 0.5)), 20)
