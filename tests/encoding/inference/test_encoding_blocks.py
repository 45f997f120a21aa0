"""Blocks: where they lie, how long they must be, and when p is not to be trusted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from bids_app.encoding.errors import CannotFit
from bids_app.encoding.inference.blocks import block_labels, lost_variance, make_blocks, product_autocorrelation


@given(st.lists(st.integers(1, 90), min_size=1, max_size=5), st.floats(0.1, 3.0), st.floats(1.0, 80.0))
@settings(deadline=None, max_examples=60)
def test_blocks_are_contiguous_within_runs_and_long_enough(lengths, period_s, length_s):
    runs = np.repeat(np.arange(len(lengths)), lengths)
    times_s = np.concatenate([7.0 + np.arange(count) * period_s for count in lengths])
    labels = block_labels(runs, times_s, length_s)
    assert (np.diff(labels) >= 0).all()
    assert set(labels) == set(range(labels.max() + 1))
    for block in set(labels):
        mine = labels == block
        (run,) = set(runs[mine])
        whole_run = mine.sum() == lengths[run]
        assert whole_run or (mine.sum() + 1) * period_s > length_s
    for run, count in enumerate(lengths):
        sizes = np.unique(labels[runs == run], return_counts=True)[1]
        assert len(sizes) == max(1, min(count, int(count * period_s / length_s * (1 + 1e-9))))
        assert np.ptp(sizes) <= 1


def test_a_gap_in_time_leaves_no_empty_block():
    times_s = np.concatenate([np.arange(0, 100, 2.0), np.arange(400, 500, 2.0)])
    labels = block_labels(np.zeros(100), times_s, 60.0)
    assert set(labels) == set(range(labels.max() + 1))
    assert labels[49] < labels[50]


def smooth(rho, n_runs, n, count, seed):
    rng = np.random.default_rng(seed)
    return lfilter([1], [1, -rho], rng.standard_normal((n_runs, n + 100, count)), axis=1)[:, 100:].reshape(-1, count)


def test_the_autocorrelation_is_the_product_of_those_of_responses_and_predictions():
    runs = np.repeat(np.arange(4), 2000)
    product = product_autocorrelation(smooth(0.8, 4, 2000, 20, 0), smooth(0.9, 4, 2000, 20, 1), runs)
    np.testing.assert_allclose(product[:8], 0.72 ** np.arange(8), atol=0.02)


def test_the_autocorrelation_stays_within_runs():
    level = np.repeat(np.arange(10.0), 50)[:, None]  # differs between runs alone
    values = level + np.random.default_rng(0).standard_normal((500, 40))
    assert product_autocorrelation(values, values, np.repeat(np.arange(10), 50))[1] < 0.05
    assert product_autocorrelation(values, values, np.zeros(500))[1] > 0.5


def test_useless_targets_are_passed_over():
    runs, Y = np.repeat([0, 1], 100), smooth(0.8, 2, 100, 3, 0)
    bad = np.concatenate([Y, np.full((200, 1), np.nan), np.zeros((200, 1))], axis=1)
    expected = product_autocorrelation(Y, Y, runs)
    np.testing.assert_allclose(product_autocorrelation(bad, bad, runs), expected, rtol=1e-9)
    np.testing.assert_array_equal(product_autocorrelation(bad[:, 3:], bad[:, 3:], runs), [1.0])


@pytest.mark.parametrize(("rho", "length"), [(0.0, 10), (0.5, 10), (0.81, 30)])
def test_lost_variance_is_that_between_blocks(rho, length):
    correlation = rho ** np.arange(400.0)
    n_blocks = 40
    covariance = rho ** np.abs(np.subtract.outer(np.arange(length * n_blocks), np.arange(length * n_blocks)))
    block = np.arange(length * n_blocks) // length
    within = covariance[np.equal.outer(block, block)].sum()
    middle = length * n_blocks * (1 + 2 * correlation[1:].sum())  # of an endless series
    assert lost_variance(correlation, length) == pytest.approx(1 - within / middle, abs=1e-9)


def test_blocks_grow_with_the_autocorrelation_down_to_twelve_and_then_warn():
    runs, times_s = np.repeat(np.arange(5), 200), np.tile(np.arange(200) * 2.0, 5)
    white, smooth_, endless = np.ones(1), 0.81 ** np.arange(50.0), 0.99 ** np.arange(300.0)
    short, longer, longest = (make_blocks(runs, times_s, 60.0, rho, 2.0) for rho in (white, smooth_, endless))
    assert short.length_s == 60.0
    assert short.count == 30
    assert short.warnings == ()
    assert longer.length_s > 100
    assert 12 <= longer.count < short.count
    assert longest.count >= 12
    assert "unreliable" in longest.warnings[0]
    few = make_blocks(runs[:200], times_s[:200], 60.0, white, 2.0)
    assert few.count == 6
    assert "6 blocks" in few.warnings[0]


@pytest.mark.parametrize(("n_runs", "expected"), [(1, (58, 64)), (5, (58, 64)), (80, (80, 80))])
def test_long_recordings_have_longer_blocks(n_runs, expected):
    """10 hours, which are 600 blocks of a minute."""
    runs = np.repeat(np.arange(n_runs), 18_000 // n_runs)
    times_s = 2.0 * np.concatenate([np.arange(18_000 // n_runs)] * n_runs)
    made = make_blocks(runs, times_s, 60.0, np.ones(1), 2.0)
    assert expected[0] <= made.count <= expected[1]
    assert made.length_s > 200
    sizes = np.bincount(made.labels)
    assert sizes.max() <= 1.1 * sizes.min()
    assert made.warnings == ()


def test_no_sample_is_an_error():
    with pytest.raises(CannotFit, match="no sample"):
        make_blocks(np.zeros(0), np.zeros(0), 60.0, np.ones(1), 2.0)
