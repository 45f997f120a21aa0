"""Scores against scipy and scikit-learn."""

import numpy as np
import torch
from scipy.stats import pearsonr
from sklearn.metrics import r2_score

from bids_app.encoding.ridge.scores import FoldScores, held_out, pearson, pooled

RNG = np.random.default_rng(0)
Y, P = np.add(RNG.standard_normal((2, 40, 3)), [0.0, 2.0, -1.0])


def test_pearson_is_scipys():
    found = pearson(torch.as_tensor(Y), torch.as_tensor(P)).numpy()
    np.testing.assert_allclose(found, [pearsonr(Y[:, k], P[:, k]).statistic for k in range(3)], atol=1e-12)


def test_a_constant_has_no_correlation_and_a_perfect_one_stays_finite():
    one = torch.as_tensor(Y)
    assert (pearson(one, torch.zeros_like(one)) == 0).all()
    perfect = [held_out(one, sign * one, np.zeros(3, bool)) for sign in (1, -1)]
    assert all(np.isfinite(pooled([fold])[1]).all() for fold in perfect)
    np.testing.assert_allclose([pooled([fold])[1] for fold in perfect], [[1] * 3, [-1] * 3], atol=1e-9)


def test_rsquared_pools_sums_of_squares_over_folds():
    centred = Y - Y.mean(axis=0)
    folds = [
        held_out(torch.as_tensor(centred[rows]), torch.as_tensor(P[rows]), np.zeros(3, bool))
        for rows in (slice(0, 10), slice(10, 40))
    ]
    np.testing.assert_allclose(pooled(folds)[0], r2_score(centred, P, multioutput="raw_values"), atol=1e-12)
    by_fold = np.mean([1 - fold.residual / fold.total for fold in folds], axis=0)
    assert np.abs(by_fold - pooled(folds)[0]).max() > 1e-3  # the mean of folds is another number


def test_r_is_averaged_through_fishers_z():
    r = np.array([[0.9, -0.2], [0.1, 0.4], [0.5, 0.0]])
    folds = [FoldScores(np.ones(2), np.ones(2), row, np.zeros(2)) for row in r]
    np.testing.assert_allclose(pooled(folds)[1], np.tanh(np.arctanh(r).mean(axis=0)))
    assert pooled(folds)[1][0] - r.mean(axis=0)[0] > 0.05


def test_the_share_of_folds_at_the_edge():
    folds = [FoldScores(np.ones(1), np.ones(1), np.zeros(1), np.array([edge])) for edge in (1.0, 0.0, 0.0, 0.0)]
    assert pooled(folds)[2].tolist() == [0.25]
