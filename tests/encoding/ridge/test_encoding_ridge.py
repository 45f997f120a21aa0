"""Banded ridge against closed forms, scikit-learn and himalaya."""

import itertools

import numpy as np
import pytest
import torch
from himalaya.kernel_ridge import solve_multiple_kernel_ridge_random_search
from himalaya.scoring import l2_neg_loss
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold

from bids_app.encoding.ridge.candidates import Grid, alpha_grid, as_candidates, band_weights, nested_grid
from bids_app.encoding.ridge.chosen import TargetBlock, fit_chosen
from bids_app.encoding.ridge.moments import Moments
from bids_app.encoding.ridge.search import Choice, Errors, Search
from bids_app.encoding.ridge.splits import Columns, Split

ALPHAS = np.logspace(-3, 5, 9)
DOUBLE = torch.float64


def problem(n, columns, n_targets, seed=0, noise=1.0):
    """Bands (n, n_columns_b) and targets that follow each band in turn."""
    rng = np.random.default_rng(seed)
    X = [rng.standard_normal((n, count)) + 3 for count in columns]
    Y = 5 + noise * rng.standard_normal((n, n_targets))
    for target in range(n_targets):
        band = X[target % len(X)]
        Y[:, target] += band @ rng.standard_normal(band.shape[1]) / np.sqrt(band.shape[1])
    return X, Y


def split_of(X, fitted, evaluated, whole=None):
    columns = Columns([torch.as_tensor(band, dtype=DOUBLE) for band in X], np.arange(len(X[0])))
    return Split(columns, np.asarray(fitted), np.asarray(evaluated), whole)


def search(X, Y, candidates, alphas=ALPHAS, folds=4, dtype=torch.float32):
    """The choice within one outer fold that trains on all samples."""
    rows = np.arange(len(Y))
    whole = split_of(X, rows, rows)
    outer = Moments(torch.as_tensor(Y - Y.mean(axis=0)).to(dtype), whole)
    inner = [Split(whole.columns, *pair, whole) for pair in KFold(folds).split(rows)]
    return Search(inner, [outer], Grid.of_all(candidates, alphas)).choose(range(len(candidates)))


def refit(X, Y, split, candidates, choice, alphas=ALPHAS):
    """Held-out predictions less the training mean, and weights {band: …}."""
    predictions = np.full((len(split.evaluate), Y.shape[1]), np.nan)
    weights = {band: np.zeros((x.shape[1], Y.shape[1])) for band, x in enumerate(X)}
    moments = Moments(torch.as_tensor(Y, dtype=DOUBLE), split)
    for models in fit_chosen(
        0, [TargetBlock(np.arange(Y.shape[1]), moments)], Grid.of_all(candidates, alphas), [choice]
    ):
        predictions[:, models.targets] = models.predictions
        for band, values in models.band_weights().items():
            weights[band][:, models.targets] = values
    return predictions, weights


def fixed(candidate, alpha):
    return Choice(np.asarray(candidate), np.asarray(alpha), np.zeros(len(alpha)), np.ones(len(alpha)))


@given(
    st.integers(8, 60), st.lists(st.integers(1, 25), min_size=1, max_size=4), st.integers(1, 4), st.integers(0, 999)
)
@settings(deadline=None, max_examples=40)
def test_predictions_and_weights_are_scikit_learns(n, columns, n_targets, seed):
    X, Y = problem(n, columns, n_targets, seed)
    rng = np.random.default_rng(seed)
    gamma = rng.dirichlet(np.ones(len(X)))
    chosen = rng.integers(0, len(ALPHAS), n_targets)
    fitted, evaluated = np.arange(n - n // 3), np.arange(n - n // 3, n)
    candidates = as_candidates(gamma[None], range(len(X)))
    choice = fixed(np.zeros(n_targets, int), chosen)
    found, weights = refit(X, Y, split_of(X, fitted, evaluated), candidates, choice)
    scale = np.repeat(np.sqrt(gamma), columns)
    stacked = np.hstack(X) * scale
    for target, alpha in enumerate(ALPHAS[chosen]):
        reference = Ridge(alpha=alpha, solver="svd").fit(stacked[fitted], Y[fitted, target])
        expected = reference.predict(stacked[evaluated]) - Y[fitted, target].mean()
        np.testing.assert_allclose(found[:, target], expected, atol=1e-8, rtol=1e-8)
        mine = np.concatenate([weights[band][:, target] for band in range(len(X))])
        np.testing.assert_allclose(mine, reference.coef_ * scale, atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize("columns", [(5, 7, 4), (60, 80, 50)], ids=["primal", "dual"])
@pytest.mark.parametrize("n_eval", [6, 40])
@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float32, 1e-4), (DOUBLE, 1e-9)])
def test_errors_of_every_alpha_are_those_of_predictions(columns, n_eval, dtype, rtol):
    X, Y = problem(90, columns, 5)
    split = split_of(X, np.arange(50), np.arange(50, 50 + n_eval))
    weights = {0: 0.2, 2: 0.8}
    moments = Moments(torch.as_tensor(Y - Y.mean(axis=0)).to(dtype), split)
    errors = (moments.power + Errors(split, weights, ALPHAS, dtype)(moments)).numpy()
    stacked = np.hstack([np.sqrt(g) * X[band] for band, g in weights.items()])
    for number, alpha in enumerate(ALPHAS):
        predicted = Ridge(alpha=alpha, solver="svd").fit(stacked[:50], Y[:50]).predict(stacked[50 : 50 + n_eval])
        expected = ((Y[50 : 50 + n_eval] - predicted) ** 2).sum(axis=0)
        np.testing.assert_allclose(errors[number], expected, rtol=rtol)


def test_primal_and_dual_agree():
    X, Y = problem(60, (20, 18), 6)
    wide = [np.hstack([band, np.zeros((60, 40))]) for band in X]  # more columns than samples, the same model
    candidates = as_candidates(band_weights(2, 8, 0), (0, 1))
    rows = np.arange(45), np.arange(45, 60)
    narrow, dual = (search(bands, Y, candidates) for bands in (X, wide))
    np.testing.assert_allclose(narrow.error, dual.error, rtol=1e-5)
    found, _ = refit(X, Y, split_of(X, *rows), candidates, narrow)
    again, _ = refit(wide, Y, split_of(wide, *rows), candidates, narrow)
    np.testing.assert_allclose(found, again, atol=1e-10)


@pytest.mark.parametrize("columns", [(6, 8, 5), (40, 60, 50)], ids=["primal", "dual"])
def test_search_chooses_as_himalaya_does(columns):
    X, Y = problem(80, columns, 12, noise=2.0)
    candidates = as_candidates(band_weights(3, 14, seed=3), range(3))
    gammas = np.array([[weights.get(band, 0.0) for band in range(3)] for weights in candidates])
    choice = search(X, Y, candidates)
    kernels = np.stack([band @ band.T for band in X])
    with np.errstate(divide="ignore"):  # it takes the logarithm of its zero weights
        deltas, _, scores, _ = solve_multiple_kernel_ridge_random_search(
            kernels,
            Y,
            n_iter=gammas,
            alphas=ALPHAS,
            score_func=l2_neg_loss,
            cv=KFold(4),
            fit_intercept=True,
            return_weights="dual",
            progress_bar=False,
            random_state=0,
        )
    best = np.sort(np.asarray(scores), axis=0)[::-1]
    equal = 0.1 / 80 * choice.power  # within which fewer bands are taken instead
    assert (choice.error <= -best[0] + equal + 1e-4).all()
    clear = best[0] - best[1] > equal + 1e-4
    assert clear.any()
    np.testing.assert_array_equal(choice.candidate[clear], np.argmax(scores, axis=0)[clear])
    theirs = 1 / np.exp(np.asarray(deltas, float)).sum(axis=0)  # deltas are log(gamma / alpha), gammas sum to one
    np.testing.assert_allclose(ALPHAS[choice.alpha_index][clear], theirs[clear], rtol=1e-4)


def test_search_is_the_least_cross_validated_error():
    X, Y = problem(60, (4, 5), 3)
    candidates = as_candidates(band_weights(2, 7, 0), (0, 1))
    choice = search(X, Y, candidates)
    table = np.zeros((len(candidates), len(ALPHAS), 3))
    for number, weights in enumerate(candidates):
        stacked = np.hstack([np.sqrt(g) * X[band] for band, g in weights.items()])
        for fitted, evaluated in KFold(4).split(Y):
            for at, alpha in enumerate(ALPHAS):
                model = Ridge(alpha=alpha).fit(stacked[fitted], Y[fitted])
                table[number, at] += ((Y[evaluated] - model.predict(stacked[evaluated])) ** 2).sum(axis=0) / 60
    flat = table.reshape(-1, 3)
    np.testing.assert_allclose(choice.error, flat.min(axis=0), rtol=1e-5)
    candidate, alpha = np.unravel_index(flat.argmin(axis=0), table.shape[:2])
    best, following = np.sort(flat, axis=0)[:2]
    clear = following > (1 + 1e-5) * best  # others are a matter of rounding
    assert clear.any()
    np.testing.assert_array_equal(choice.candidate[clear], candidate[clear])
    np.testing.assert_array_equal(choice.alpha_index[clear], alpha[clear])


@pytest.mark.parametrize("columns", [(5, 4), (40, 30)], ids=["primal", "dual"])
def test_targets_that_chose_differently_are_refitted_each_their_own_way(columns):
    X, Y = problem(60, columns, 8, seed=4)
    rng = np.random.default_rng(0)
    candidates = as_candidates(band_weights(2, 6, 0), (0, 1))
    choice = fixed(rng.integers(0, len(candidates), 8), rng.integers(0, len(ALPHAS), 8))
    found, _ = refit(X, Y, split_of(X, np.arange(45), np.arange(45, 60)), candidates, choice)
    assert len(set(choice.candidate.tolist())) > 2
    for target in range(8):
        weights = candidates[choice.candidate[target]]
        stacked = np.hstack([np.sqrt(g) * X[band] for band, g in weights.items()])
        model = Ridge(alpha=ALPHAS[choice.alpha_index[target]], solver="svd").fit(stacked[:45], Y[:45, target])
        np.testing.assert_allclose(found[:, target], model.predict(stacked[45:]) - Y[:45, target].mean(), atol=1e-8)


def test_ties_go_to_the_fewest_bands_the_first_candidate_and_the_largest_alpha():
    X, Y = [np.zeros((30, 2)), np.zeros((30, 3))], np.random.default_rng(0).standard_normal((30, 2))
    candidates = as_candidates(band_weights(2, 5, 0), (0, 1))
    choice = search(X, Y, candidates)
    assert [candidates[number] for number in choice.candidate] == [{0: 1.0}] * 2
    assert choice.alpha_index.tolist() == [len(ALPHAS) - 1] * 2


def test_collinear_and_constant_columns_give_finite_predictions():
    X, Y = problem(40, (6, 5), 3)
    X[0][:, 1] = X[0][:, 0]
    X[1][:, 2] = 0.0
    X[1] = np.hstack([X[1], X[0]])
    candidates = as_candidates(band_weights(2, 6, 0), (0, 1))
    alphas = np.logspace(-5, 10, 6)
    choice = search(X, Y, candidates, alphas)
    found, _ = refit(X, Y, split_of(X, np.arange(30), np.arange(30, 40)), candidates, choice, alphas)
    assert np.isfinite(found).all()


def test_a_band_of_zeros_predicts_the_mean():
    X, Y = [np.zeros((30, 4))], np.random.default_rng(0).standard_normal((30, 2))
    choice = search(X, Y, [{0: 1.0}])
    found, _ = refit(X, Y, split_of(X, np.arange(20), np.arange(20, 30)), [{0: 1.0}], choice)
    assert (found == 0).all()


@given(st.integers(1, 6), st.integers(2, 30), st.integers(0, 99))
def test_candidates_hold_the_corners(n_bands, candidates, seed):
    table = band_weights(n_bands, candidates, seed)
    assert (table >= 0).all()
    np.testing.assert_array_equal(table, band_weights(n_bands, candidates, seed))
    kept = as_candidates(table, range(n_bands))
    assert all(sum(weights.values()) == pytest.approx(1.0) for weights in kept)
    assert all(min(weights.values()) >= 1e-4 * max(weights.values()) for weights in kept)
    supports = [set(weights) for weights in kept]
    assert supports[0] == set(range(n_bands))
    assert len(set(kept[0].values())) == 1
    assert all({band} in supports for band in range(n_bands))
    assert all(any(band not in support for support in supports) for band in range(n_bands) if n_bands > 1)
    corners = 1 if n_bands == 1 else 3 if n_bands == 2 else 2 * n_bands + 1
    assert len(table) == (1 if n_bands == 1 else max(corners + candidates // 2, candidates))


def test_one_candidate_is_plain_ridge():
    assert as_candidates(band_weights(3, 1, 0), (4, 5, 6)) == [dict.fromkeys((4, 5, 6), 1 / 3)]


def test_alpha_grid():
    np.testing.assert_allclose(alpha_grid(1e-2, 1e2, 5), [0.01, 0.1, 1, 10, 100])
    assert alpha_grid(3.0, 1e5, 1).tolist() == alpha_grid(3.0, 3.0, 4).tolist() == [3.0]


def all_unions(members):
    return [chosen for size in range(1, len(members) + 1) for chosen in itertools.combinations(members, size)]


@pytest.mark.parametrize("alphas", [(1e-1, 1e5, 8), (1e-5, 1e10, 30), (1e2, 1e2, 1)])
def test_unions_are_nested_both_ways(alphas):
    """What is tried without a group is tried with it; what is tried for the others beside it is tried without it."""
    unions = all_unions([[0], [1, 2], [3]])
    grid, allowed = nested_grid(unions, band_weights(4, 9, seed=2), alpha_grid(*alphas))
    assert len({frozenset(weights.items()) for weights in grid.candidates}) == len(grid.candidates)
    step = np.diff(np.log(grid.alphas)).max()
    assert step <= 0.15 * (1 + 1e-9)
    for smaller, mine in zip(unions, allowed, strict=True):
        bands = {band for group in smaller for band in group}
        assert all(set(grid.candidates[number]) <= bands for number in mine)
        for larger, theirs in zip(unions, allowed, strict=True):
            if not set(map(tuple, smaller)) <= set(map(tuple, larger)):
                continue
            assert set(mine) <= set(theirs)
            for number in theirs:
                kept = {band: g for band, g in grid.candidates[number].items() if band in bands}
                if not kept:
                    continue
                share = sum(kept.values())
                same = [
                    one
                    for one in mine
                    if set(grid.candidates[one]) == set(kept)
                    and all(grid.candidates[one][band] == pytest.approx(g / share) for band, g in kept.items())
                ]
                assert len(same) == 1
                tried = np.log(grid.alphas[grid.offered[same[0]]])
                wanted = np.log(grid.alphas[grid.offered[number]] / share)
                # shares are rounded to the fine grid, once in each of the two
                assert np.abs(tried[:, None] - wanted).min(axis=0).max() <= step * (1 + 1e-9)


def test_the_default_analysis_tries_no_more_than_with_draws_of_each_union():
    """Five bands in four groups: 193 candidates of 30 alphas each, where every union drew for itself."""
    unions = all_unions([[0, 1], [2], [3], [4]])
    grid, _ = nested_grid(unions, band_weights(5, 20, 0), alpha_grid(1e-5, 1e10, 30))
    assert len(grid.candidates) <= 193
    assert sum(map(len, grid.offered)) <= 193 * 30


def test_plain_ridge_has_one_candidate_a_union_and_the_alphas_asked_for():
    grid, allowed = nested_grid([[[0]], [[1]], [[0], [1]]], band_weights(2, 1, 0), ALPHAS)
    assert grid.candidates == [{0: 1.0}, {1: 1.0}, {0: 0.5, 1: 0.5}]
    assert allowed == [[0], [1], [2]]
    for places in grid.offered:
        np.testing.assert_array_equal(grid.alphas[places], ALPHAS)
    assert len(grid.offered) == 3
    assert grid.at_edge(0, grid.offered[0]).tolist() == [True, *[False] * (len(ALPHAS) - 2), True]


def test_an_edge_is_the_lowest_alpha_on_offer_or_the_highest_asked_for():
    grid = Grid([{0: 1.0}, {0: 0.5, 1: 0.5}], np.geomspace(1, 1e4, 9), [np.arange(9), np.arange(2, 9, 2)], top=6)
    assert grid.at_edge(0, np.array([0, 1, 5, 6, 8])).tolist() == [True, False, False, True, True]
    assert grid.at_edge(1, np.array([2, 4])).tolist() == [True, False]
    assert not Grid.of_all([{0: 1.0}], np.array([3.0])).at_edge(0, np.array([0])).any()


def test_a_band_that_gains_less_than_a_needless_column_costs_is_not_taken():
    """A copy of a band, but for a trace of noise: its errors differ, and it gets no weight."""
    X, Y = problem(120, (6,), 40, seed=2)
    X.append(X[0] + 1e-4 * np.random.default_rng(1).standard_normal(X[0].shape))
    choice = search(X, Y, [{0: 1.0}, {0: 0.5, 1: 0.5}, {0: 0.1, 1: 0.9}])
    assert (choice.candidate == 0).all()
    X, Y = problem(120, (6, 6), 40, seed=2)  # every second target follows the other band
    assert (search(X, Y, [{0: 1.0}, {0: 0.5, 1: 0.5}]).candidate == np.arange(40) % 2).mean() > 0.9
