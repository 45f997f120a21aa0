"""Intervals: Student's t over blocks, and what blocks taught each other."""

import numpy as np
import torch
from scipy import stats

from bids_app.encoding.inference.intervals import interval

N_BLOCKS = 9
NOTHING = (torch.zeros(1, dtype=torch.float64),) * 2  # taught


def gains(n_blocks, n_targets=4, seed=0):
    rng = np.random.default_rng(seed)
    return torch.as_tensor(rng.normal(0.2, 0.3, (n_blocks, n_targets)))


def test_blocks_of_one_size_give_students_interval_of_their_mean():
    contrast = torch.linspace(-1, 2, N_BLOCKS, dtype=torch.float64)[:, None] * torch.tensor([1.0, 2.0, 3.0, -4.0])
    low, high = interval(contrast, torch.ones_like(contrast), NOTHING).numpy()
    expected = stats.t.interval(0.95, N_BLOCKS - 1, contrast.mean(dim=0), stats.sem(contrast, axis=0))
    np.testing.assert_allclose((low, high), expected)


def test_heavy_tails_of_blocks_cost_degrees_of_freedom():
    contrast = gains(30, 50) ** 5
    low, high = interval(contrast, torch.ones_like(contrast), NOTHING).numpy()
    kurtosis = stats.kurtosis(contrast.numpy(), axis=0, fisher=False)
    freedom = np.clip(60 / (kurtosis - 1), 1, 29)
    assert (freedom < 10).mean() > 0.5
    expected = stats.t.interval(0.95, freedom, contrast.mean(dim=0), stats.sem(contrast, axis=0))
    np.testing.assert_allclose((low, high), expected)


def test_what_was_taught_adds_to_the_variance_and_is_at_most_the_blocks_own():
    contrast = gains(N_BLOCKS)
    total = torch.ones_like(contrast)
    between = N_BLOCKS * contrast.var(dim=0)
    alone, most = (interval(contrast, total, (each, each)).diff(dim=0)[0] for each in (0 * between, between))
    np.testing.assert_allclose(most / alone, np.sqrt(1 + N_BLOCKS / (N_BLOCKS - 1)))
    np.testing.assert_allclose(interval(contrast, total).diff(dim=0)[0], most)
    np.testing.assert_allclose(interval(contrast, total, (3 * between, 3 * between)).diff(dim=0)[0], most)
    half = interval(contrast, total, (3 * between, 1.5 * between)).diff(dim=0)[0]  # taught, not each other
    np.testing.assert_allclose(half / alone, np.sqrt(1 + 0.5 * N_BLOCKS / (N_BLOCKS - 1)))


def test_a_perfect_model_and_equal_models_have_no_width():
    total = gains(6).abs() + 1
    np.testing.assert_allclose(interval(total, total, NOTHING), 1)
    np.testing.assert_array_equal(interval(0 * total, total, (1e-9 * total[0],) * 2), 0)


def test_one_block_says_nothing_and_missing_responses_stay_missing():
    assert interval(gains(1), torch.ones((1, 4))).isnan().all()
    contrast = gains(5)
    contrast[2, 1] = torch.nan
    ends = interval(contrast, torch.ones_like(contrast), NOTHING)
    assert ends.isnan().any(dim=0).tolist() == [False, True, False, False]
