"""Intervals: Student's t over blocks, and what pairs of blocks add."""

from itertools import combinations

import numpy as np
import pytest
import torch
from scipy import stats

from bids_app.encoding import intervals
from bids_app.encoding.intervals import Interactions, interval

N_BLOCKS, N_TARGETS = 9, 5
PAIRS = list(combinations(range(N_BLOCKS), 2))


def random_pairs(n_unions, seed=0, n_targets=N_TARGETS):
    return torch.as_tensor(np.random.default_rng(seed).standard_normal((n_unions, n_targets, len(PAIRS))))


def left_over(pairs):
    """Pairs (n_pairs,) less their least-squares fit by a constant and an effect of each block."""
    known = np.zeros((len(PAIRS), 1 + N_BLOCKS))
    known[:, 0] = 1
    for row, (i, j) in enumerate(PAIRS):
        known[row, [1 + i, 1 + j]] = 1
    return pairs - known @ np.linalg.lstsq(known, pairs, rcond=None)[0]


@pytest.mark.parametrize("at_once", [1, 2**22])
def test_interactions_are_what_no_blocks_own_effects_account_for(at_once, monkeypatch):
    monkeypatch.setattr(intervals, "ELEMENTS_AT_ONCE", at_once)
    pairs, signed = random_pairs(3), np.array([1.0, -1.0, 0.5])
    found = Interactions(list(pairs), N_BLOCKS).of(signed)
    together = np.einsum("u,utp->tp", signed, pairs.numpy())
    for target, value in enumerate(found.tolist()):
        expected = (left_over(together[target]) ** 2).sum() * len(PAIRS) / (len(PAIRS) - N_BLOCKS)
        assert value == pytest.approx(expected)


def test_blocks_own_effects_do_not_count_and_noise_counts_by_its_size():
    effects = np.random.default_rng(1).standard_normal((2000, N_BLOCKS))
    own = np.stack([2.0 + effects[:, i] + effects[:, j] for i, j in PAIRS], axis=1)
    assert Interactions([torch.as_tensor(own)], N_BLOCKS).of(np.ones(1)).max() < 1e-12
    noisy = torch.as_tensor(own) + 3 * random_pairs(1, n_targets=2000)[0]
    found = Interactions([noisy], N_BLOCKS).of(np.ones(1))
    assert found.mean() == pytest.approx(9 * len(PAIRS), rel=0.02)


def test_unions_with_equal_pairs_have_no_interaction_between_them():
    one = random_pairs(1)[0]
    assert Interactions([one, one.clone()], N_BLOCKS).of(np.array([1.0, -1.0])).max() < 1e-12


def gains(n_blocks, n_targets=4, seed=0):
    rng = np.random.default_rng(seed)
    return torch.as_tensor(rng.normal(0.2, 0.3, (n_blocks, n_targets)))


def test_blocks_of_one_size_give_students_interval_of_their_mean():
    contrast = torch.linspace(-1, 2, N_BLOCKS, dtype=torch.float64)[:, None] * torch.tensor([1.0, 2.0, 3.0, -4.0])
    low, high = interval(contrast, torch.ones_like(contrast), torch.zeros(4, dtype=torch.float64)).numpy()
    expected = stats.t.interval(0.95, N_BLOCKS - 1, contrast.mean(dim=0), stats.sem(contrast, axis=0))
    np.testing.assert_allclose((low, high), expected)


def test_heavy_tails_of_blocks_cost_degrees_of_freedom():
    contrast = gains(30, 50) ** 5
    low, high = interval(contrast, torch.ones_like(contrast), torch.zeros(50, dtype=torch.float64)).numpy()
    kurtosis = stats.kurtosis(contrast.numpy(), axis=0, fisher=False)
    freedom = np.clip(60 / (kurtosis - 1), 1, 29)
    assert (freedom < 10).mean() > 0.5
    expected = stats.t.interval(0.95, freedom, contrast.mean(dim=0), stats.sem(contrast, axis=0))
    np.testing.assert_allclose((low, high), expected)


def test_an_interaction_adds_to_the_variance_and_is_at_most_the_blocks_own():
    contrast = gains(N_BLOCKS)
    total = torch.ones_like(contrast)
    between = N_BLOCKS * contrast.var(dim=0)
    alone, most = (interval(contrast, total, each).diff(dim=0)[0] for each in (0 * between, between))
    np.testing.assert_allclose(most / alone, np.sqrt(2))
    np.testing.assert_allclose(interval(contrast, total).diff(dim=0)[0], most)
    np.testing.assert_allclose(interval(contrast, total, 3 * between).diff(dim=0)[0], most)


def test_a_perfect_model_and_equal_models_have_no_width():
    total = gains(6).abs() + 1
    np.testing.assert_allclose(interval(total, total, torch.zeros(4, dtype=torch.float64)), 1)
    np.testing.assert_array_equal(interval(0 * total, total, torch.full((4,), 1e-9, dtype=torch.float64)), 0)


def test_one_block_says_nothing_and_missing_responses_stay_missing():
    assert interval(gains(1), torch.ones((1, 4))).isnan().all()
    contrast = gains(5)
    contrast[2, 1] = torch.nan
    found = interval(contrast, torch.ones_like(contrast), torch.zeros(4, dtype=torch.float64))
    assert found.isnan().any(dim=0).tolist() == [False, True, False, False]
