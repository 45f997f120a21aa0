"""Scores against scipy and scikit-learn."""

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr
from sklearn.metrics import r2_score

from bids_app.encoding.ridge.scores import FoldScores, held_out, partial_correlation, pearson, pooled

RNG = np.random.default_rng(0)
Y, P = np.add(RNG.standard_normal((2, 40, 3)), [0.0, 2.0, -1.0])


def test_pearson_is_scipys():
    found = pearson(torch.as_tensor(Y), torch.as_tensor(P)).numpy()
    np.testing.assert_allclose(found, [pearsonr(Y[:, k], P[:, k]).statistic for k in range(3)], atol=1e-12)


def test_a_constant_has_no_correlation_and_a_perfect_one_stays_finite():
    one = torch.as_tensor(Y)
    assert (pearson(one, torch.zeros_like(one)) == 0).all()
    perfect = [held_out(one, sign * one, np.zeros(3, bool)) for sign in (1, -1)]
    assert all(np.isfinite(pooled([fold], [40])[1]).all() for fold in perfect)
    np.testing.assert_allclose([pooled([fold], [40])[1] for fold in perfect], [[1] * 3, [-1] * 3], atol=1e-9)


def test_rsquared_pools_sums_of_squares_over_folds():
    centred = Y - Y.mean(axis=0)
    folds = [
        held_out(torch.as_tensor(centred[rows]), torch.as_tensor(P[rows]), np.zeros(3, bool))
        for rows in (slice(0, 10), slice(10, 40))
    ]
    np.testing.assert_allclose(pooled(folds, [10, 30])[0], r2_score(centred, P, multioutput="raw_values"), atol=1e-12)
    by_fold = np.mean([1 - fold.residual / fold.total for fold in folds], axis=0)
    assert np.abs(by_fold - pooled(folds, [10, 30])[0]).max() > 1e-3  # the mean of folds is another number


def test_r_is_averaged_through_fishers_z_by_the_folds_samples():
    r = np.array([[0.9, -0.2], [0.1, 0.4], [0.5, 0.0]])
    folds = [FoldScores(np.ones(2), np.ones(2), row, np.zeros(2)) for row in r]
    alike, weighted = (pooled(folds, n_test)[1] for n_test in ([50, 50, 50], [100, 50, 50]))
    np.testing.assert_allclose(alike, np.tanh(np.arctanh(r).mean(axis=0)))
    assert alike[0] - r.mean(axis=0)[0] > 0.05
    twice = np.concatenate([r[:1], r])
    np.testing.assert_allclose(weighted, np.tanh(np.arctanh(twice).mean(axis=0)))


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_a_prediction_that_is_constant_but_for_rounding_has_no_correlation(precision):
    """Where features do not vary in a fold, sums leave it a last digit up or down."""
    rng = np.random.default_rng(0)
    y = torch.as_tensor(rng.standard_normal((300, 4)), dtype=precision)
    last_digits = torch.as_tensor(rng.integers(-2, 3, (300, 4)), dtype=precision)
    rounded = 7.3e-10 * (1 + torch.finfo(precision).eps * last_digits)
    assert (rounded != rounded[0]).any()
    assert (pearson(y, rounded) == 0).all()
    assert (partial_correlation(y, rounded, [y.flip(1)]) == 0).all()
    small = 1e-10 * y + 7.3e-10  # as of a large penalty
    np.testing.assert_allclose(pearson(y, small), 1, atol=1e-5)


def test_a_partial_correlation_is_that_of_residuals_of_regressions():
    Z = RNG.standard_normal((2, 40, 3))
    found = partial_correlation(*map(torch.as_tensor, (Y, P)), [torch.as_tensor(each) for each in Z]).numpy()
    for k in range(3):
        given = np.column_stack([np.ones(40), *Z[:, :, k]])
        left = [one - given @ np.linalg.lstsq(given, one, rcond=None)[0] for one in (Y[:, k], P[:, k])]
        assert found[k] == pytest.approx(pearsonr(*left).statistic, abs=1e-12)


def test_what_is_given_already_has_no_partial_correlation():
    one, other = (torch.as_tensor(values, dtype=torch.float32) for values in (Y, P))
    for given in ([other], [other, 2 * other + 1], [other.flip(0), other]):
        assert (partial_correlation(one, 3 * other, given) == 0).all()
    assert (partial_correlation(one, torch.zeros_like(one), [other]) == 0).all()


def test_the_share_of_folds_at_the_edge():
    folds = [FoldScores(np.ones(1), np.ones(1), np.zeros(1), np.array([edge])) for edge in (1.0, 0.0, 0.0, 0.0)]
    assert pooled(folds, [10] * 4)[2].tolist() == [0.25]
