"""Losses by block: components and their flips."""

import numpy as np
import pytest
import torch

from bids_app.encoding.inference.block_losses import BlockLosses, BlockShares, flipped_sums
from bids_app.encoding.inference.blocks import FEWEST
from bids_app.encoding.inference.fit_and_infer import EQUAL
from bids_app.encoding.inference.flips.signs import draw_signs
from bids_app.encoding.inference.multiple_testing import p_values

N, N_BLOCKS, N_TARGETS = 120, 12, 3
LABELS = np.arange(N) // 10
FOLDS = np.arange(N) // 40


def losses(predictions, seed=0):
    """Of unions' predictions (n_unions, N, N_TARGETS), in three folds."""
    Y = np.random.default_rng(seed).standard_normal((N, N_TARGETS))
    found = BlockLosses(torch.as_tensor(LABELS), N_BLOCKS, len(predictions), N_TARGETS)
    for fold in range(3):
        rows = np.flatnonzero(fold == FOLDS)
        for columns in ([2, 0], [1]):
            mine = torch.as_tensor(columns)
            found.add_total(mine, torch.as_tensor(rows), torch.as_tensor(Y[rows][:, columns]))
            for union, predicted in enumerate(predictions):
                gain = predicted[rows] * (2 * Y[rows] - predicted[rows])
                found.add(
                    {union: torch.arange(len(columns))},
                    mine,
                    torch.as_tensor(rows),
                    torch.as_tensor(gain[:, columns]),
                )
    return Y, found


def random_predictions(n_unions, seed=1):
    return np.random.default_rng(seed).standard_normal((n_unions, N, N_TARGETS)) / 3


def test_contrasts_are_signed_sums_of_rsquared():
    predictions = random_predictions(3)
    Y, found = losses(predictions)
    mean = (found.contrast(np.array([1, 0, -1])).sum(0) / found.total.sum(0)).numpy()
    residual = ((Y - predictions) ** 2).sum(axis=1)
    np.testing.assert_allclose(mean, (residual[2] - residual[0]) / (Y**2).sum(axis=0), atol=1e-12)
    whole = (found.contrast(np.array([1, 0, 0])).sum(0) / found.total.sum(0)).numpy()
    np.testing.assert_allclose(whole, 1 - residual[0] / (Y**2).sum(axis=0), atol=1e-12)
    block = LABELS == 7
    expected = (Y[block] ** 2).sum(axis=0) - ((Y[block] - predictions[1][block]) ** 2).sum(axis=0)
    np.testing.assert_allclose(found.gains[1, 7], expected, atol=1e-12)


def test_equal_predictions_have_p_one_and_a_worse_model_is_never_significant():
    one, other = random_predictions(2)
    _, found = losses([one, one * (1 + 1e-9), one + other])
    signs = torch.as_tensor(draw_signs(N_BLOCKS, 500, seed=0))
    np.testing.assert_array_equal(p_values(flipped_sums(found.tested(np.array([1, -1, 0])), signs)), 1)
    worse = found.contrast(np.array([-1, 0, 1]))
    assert (worse.sum(dim=0) < 0).all()
    np.testing.assert_array_equal(p_values(flipped_sums(worse, signs)), 1)


def test_a_better_model_is_found_and_all_sign_vectors_are_counted():
    contrast = torch.as_tensor(np.abs(random_predictions(1)[0, :6]))
    signs = torch.as_tensor(draw_signs(6, 1000, seed=0))
    np.testing.assert_array_equal(p_values(flipped_sums(contrast, signs)), 1 / 64)
    expected = signs.numpy() @ contrast.numpy()
    np.testing.assert_allclose(flipped_sums(contrast, signs), expected)


def test_what_folds_taught_one_another_widens_the_null_but_not_what_was_observed():
    """By the root of the variance's ratio, with no upper end."""
    contrast = torch.as_tensor(np.abs(random_predictions(1)[0, :6]))
    signs = torch.as_tensor(draw_signs(6, 1000, seed=0))
    null = flipped_sums(contrast, signs, taught=8 * contrast.square().sum(dim=0))
    np.testing.assert_allclose(null[1:], 3 * signs.numpy()[1:] @ contrast.numpy())
    np.testing.assert_allclose(null[0], contrast.sum(dim=0))


def test_missing_responses_stay_missing():
    predictions = random_predictions(1)
    predictions[0, 5, 1] = np.nan
    _, found = losses(predictions)
    contrast = found.contrast(np.array([1]))
    p = p_values(flipped_sums(contrast, torch.as_tensor(draw_signs(N_BLOCKS, 50, seed=0)))).numpy()
    assert np.isnan(p).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("deviations", "count_as"), [((1,) * 12, 12), ((5, 5, 5) + (1,) * 9, 3.745), ((1,) + (1e-9,) * 11, 1)]
)
@pytest.mark.parametrize("n_targets", [1, 300])
def test_blocks_count_as_so_many_equal_ones(deviations, count_as, n_targets):
    """(Σσ²)² / Σσ⁴, of one target as of many; batches add up."""
    noise = np.random.default_rng(0).standard_normal((12, 30, n_targets)) * np.array(deviations)[:, None, None]
    residual, shares = torch.as_tensor(np.square(noise).sum(axis=1)), BlockShares()
    shares.add(0, residual[:, :100])
    shares.add(100, residual[:, 100:])
    assert shares.effective == pytest.approx(count_as, rel=0.1)
    assert shares.effective <= 12


def test_equal_blocks_of_a_single_target_seldom_count_as_few():
    """Of 30 samples each: in no more than one set of twenty are they below the limit."""
    rng, found = np.random.default_rng(0), []
    for _ in range(300):
        shares = BlockShares()
        shares.add(0, torch.as_tensor(np.square(rng.standard_normal((12, 30, 1))).sum(axis=1)))
        found.append(shares.effective)
    assert np.mean(np.array(found) < EQUAL * FEWEST) <= 0.05


def test_targets_without_a_residual_tell_nothing_of_blocks():
    shares = BlockShares()
    shares.add(0, torch.tensor([[0.0, np.nan]] * 5, dtype=torch.float64))
    assert shares.effective == 5
