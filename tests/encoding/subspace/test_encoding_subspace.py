"""Canonical correlation against scikit-learn, planted latents, invariances, and a rank that noise does not have."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from sklearn.cross_decomposition import CCA

from bids_app.encoding.errors import CannotFit
from bids_app.encoding.subspace import rank as rank_module
from bids_app.encoding.subspace.canonical import canonical, leakage, scaled, subspace
from bids_app.encoding.subspace.rank import held_out


def centred(rows):
    return rows - rows.mean(axis=0)


def related(n=400, p=6, q=9, seed=0):
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((n, 3))
    one = latent @ rng.standard_normal((3, p)) + 0.7 * rng.standard_normal((n, p))
    other = latent @ rng.standard_normal((3, q)) + 0.7 * rng.standard_normal((n, q))
    return centred(one), centred(other)


def applied(matrix, *rows):
    return np.hstack([*rows, np.ones((len(rows[0]), 1))]) @ matrix


def r_of(a, b):
    return np.array([np.corrcoef(x, y)[0, 1] for x, y in zip(a.T, b.T, strict=True)])


@pytest.mark.parametrize(("p", "q", "seed"), [(6, 9, 0), (12, 5, 1), (3, 3, 2)])
def test_correlations_are_those_of_scikit_learn(p, q, seed):
    one, other = related(p=p, q=q, seed=seed)
    k = min(p, q)
    pairs = canonical(one, other, k)
    theirs = CCA(n_components=k, max_iter=100_000, tol=1e-14, scale=False).fit(one, other)
    a, b = theirs.transform(one, other)
    np.testing.assert_allclose(pairs.correlation, np.abs(r_of(a, b)), atol=1e-4)
    np.testing.assert_allclose(np.abs(r_of(one @ pairs.first, a)), 1, atol=1e-3)


def test_variates_have_unit_variance_and_correlate_within_pairs_alone():
    one, other = related()
    pairs = canonical(one, other, 6)
    u, v = one @ pairs.first, other @ pairs.second
    n = len(u)
    np.testing.assert_allclose(u.T @ u / n, np.eye(6), atol=1e-10)
    np.testing.assert_allclose(v.T @ v / n, np.eye(6), atol=1e-10)
    np.testing.assert_allclose(u.T @ v / n, np.diag(pairs.correlation), atol=1e-10)
    assert (np.diff(pairs.correlation) <= 1e-12).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(2, 6))
def test_correlations_do_not_depend_on_the_basis(seed, p, q):
    rng = np.random.default_rng(seed)
    one, other = related(200, p, q, seed)
    turns = [np.linalg.qr(rng.standard_normal((k, k)))[0] * rng.uniform(0.1, 10, k) for k in (p, q)]
    expected, found = canonical(one, other, 6), canonical(one @ turns[0], other @ turns[1], 6)
    np.testing.assert_allclose(found.correlation, expected.correlation, atol=1e-7)
    np.testing.assert_allclose(canonical(other, one, 6).correlation, expected.correlation, atol=1e-9)


def test_columns_that_depend_on_each_other_add_no_pair():
    one, other = related()
    again = canonical(np.hstack([one, one @ np.ones((6, 2))]), other, 20)
    np.testing.assert_allclose(again.correlation, canonical(one, other, 20).correlation, atol=1e-8)


# ------------------------------------------------------------------------------------------------ the three bands
def models(n=3000, seed=0, noise=0.3):
    """Rows of two models: a latent both have, one that each has alone, noise; as (one, other, latent, private)."""
    rng = np.random.default_rng(seed)
    latent, mine, yours = (rng.standard_normal((n, 2)) for _ in range(3))
    one = 5 + np.hstack([latent, mine]) @ rng.standard_normal((4, 12)) + noise * rng.standard_normal((n, 12))
    other = -3 + np.hstack([latent, yours]) @ rng.standard_normal((4, 15)) + noise * rng.standard_normal((n, 15))
    return one, other, latent, (mine, yours)


def explained(X, Y):
    X, Y = centred(X), centred(Y)
    residual = Y - X @ np.linalg.lstsq(X, Y, rcond=None)[0]
    return 1 - residual.var(axis=0) / Y.var(axis=0)


def test_planted_latents_come_apart():
    one, other, latent, (mine, yours) = models()
    maps = subspace(one, other, 2)
    shared = applied(maps.shared, one, other)
    rest = applied(maps.rest[0], one), applied(maps.rest[1], other)
    assert (explained(shared, latent) > 0.95).all()
    assert (explained(shared, np.hstack([mine, yours])) < 0.03).all()
    assert (explained(rest[0], mine) > 0.9).all()
    assert (explained(rest[1], yours) > 0.9).all()
    assert (explained(rest[0], latent) < 0.1).all()
    assert (explained(rest[1], latent) < 0.1).all()


def test_shared_is_the_mean_of_both_variates_and_rest_is_orthogonal_to_ones_own():
    one, other, _, _ = models(400)
    maps = subspace(one, other, 2)
    u, v = applied(maps.variates[0], one), applied(maps.variates[1], other)
    np.testing.assert_allclose(applied(maps.shared, one, other), (u + v) / 2, atol=1e-10)
    np.testing.assert_allclose(r_of(u, v), maps.correlation, atol=1e-10)
    for rest, own, rows in ((maps.rest[0], u, one), (maps.rest[1], v, other)):
        left = applied(rest, rows)
        np.testing.assert_allclose(left.mean(axis=0), 0, atol=1e-10)
        np.testing.assert_allclose(left.T @ own / len(rows), 0, atol=1e-10)
        assert left.shape[1] == rows.shape[1] - 2
    z = (one - one.mean(axis=0)) / one.std(axis=0)
    residual = z - u @ np.linalg.lstsq(u, z, rcond=None)[0]
    left = applied(maps.rest[0], one)
    np.testing.assert_allclose(left @ left.T, residual @ residual.T, atol=1e-8)  # turned to its principal axes


def test_what_components_leave_out_stays_in_the_rest():
    rng = np.random.default_rng(0)
    one, other, _, _ = models(1000)
    weak = rng.standard_normal((1000, 1))
    one = np.hstack([np.repeat(one, 3, axis=1), weak])
    assert scaled(one).axes.shape[1] < 12
    maps = subspace(one, other, 2)
    assert explained(applied(maps.rest[0], one), weak)[0] > 0.9


def test_units_of_a_dimension_do_not_matter_and_dead_ones_are_ignored():
    one, other, _, _ = models(500)
    maps = subspace(one, other, 2)
    wide = np.hstack([one * np.geomspace(1e-3, 1e3, 12), np.full((500, 1), 7.0)])
    again = subspace(wide, other, 2)
    np.testing.assert_allclose(applied(again.shared, wide, other), applied(maps.shared, one, other), atol=1e-8)
    assert (again.shared[12] == 0).all()


def test_no_pair_leaves_everything_in_the_rest():
    one, other, _, _ = models(300)
    maps = subspace(one, other, 0)
    assert maps.shared.shape == (28, 0)
    z = (one - one.mean(axis=0)) / one.std(axis=0)
    left = applied(maps.rest[0], one)
    np.testing.assert_allclose(left @ left.T, z @ z.T, atol=1e-8)


def test_a_rest_may_be_cut_to_its_leading_components():
    one, other, _, _ = models(300)
    whole, cut = subspace(one, other, 2), subspace(one, other, 2, (3, None))
    np.testing.assert_allclose(cut.rest[0], whole.rest[0][:, :3])
    assert cut.rest[1].shape == whole.rest[1].shape


def test_dimensions_are_at_most_a_tenth_of_the_words():
    rng = np.random.default_rng(0)
    assert scaled(rng.standard_normal((100, 60))).axes.shape == (60, 10)
    with pytest.raises(CannotFit, match="9 words are too few"):
        scaled(rng.standard_normal((9, 3)))


def test_the_leak_of_a_private_signal_is_that_of_its_formula():
    """Latents of both models correlate by ρ; a target that follows what one has alone, seen through (U + V) / 2."""
    rng = np.random.default_rng(0)
    for rho in (0.3, 0.6, 0.9):
        common, mine, yours = rng.standard_normal((3, 200_000))
        u, v = (np.sqrt(rho) * common + np.sqrt(1 - rho) * own for own in (mine, yours))
        seen = np.corrcoef((u + v) / 2, mine)[0, 1] ** 2
        assert seen == pytest.approx(leakage(np.array([rho]))[0], abs=0.01)


# ------------------------------------------------------------------------------------------------ rank
def slow(rng, n, dims, a=0.8):
    return lfilter([1.0], [1.0, -a], rng.standard_normal((n + 50, dims)), axis=0)[50:]


FOLDS = np.repeat(np.arange(4), 100)


def rate(a, count):
    """How often independent noise, slow by `a`, is given a rank."""
    rngs = [np.random.default_rng(seed) for seed in range(count)]
    ranks = [held_out(slow(rng, 400, 8, a), slow(rng, 400, 10, a), FOLDS, k).rank for k, rng in enumerate(rngs)]
    return np.mean(np.array(ranks) > 0)


@pytest.mark.parametrize("a", [0.0, 0.8])
def test_noise_has_no_rank_but_at_the_nominal_rate(a, monkeypatch):
    monkeypatch.setattr(rank_module, "DRAWS", 59)
    assert 0 < rate(a, 100) <= 0.10  # 5 %, and the 98 % limit of a hundred; none at all would be a broken count


def test_a_null_that_scatters_rows_gives_slow_noise_a_rank(monkeypatch):
    def scattered(rows, by, axis):
        return np.random.default_rng(by).permutation(rows, axis=axis) if by else rows

    monkeypatch.setattr(rank_module, "DRAWS", 59)
    monkeypatch.setattr(rank_module.np, "roll", scattered)
    assert rate(0.9, 60) > 0.15


@pytest.mark.parametrize("n_shared", [1, 3])
def test_planted_rank_is_found(n_shared):
    ranks = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        latent = slow(rng, 800, n_shared)
        sides = [latent @ rng.standard_normal((n_shared, d)) + 1.5 * slow(rng, 800, d) for d in (10, 12)]
        ranks.append(held_out(*sides, np.repeat(np.arange(4), 200), seed).rank)
    assert np.median(ranks) == n_shared
    assert max(ranks) <= n_shared + 1


def test_held_out_correlations_are_those_of_a_plain_loop():
    one, other, _, _ = models(400, noise=2.0)
    folds = FOLDS.copy()
    folds[95:105] = -1
    found = held_out(one, other, folds, 0)
    kept = folds >= 0
    a, b = scaled(one[kept]).scores(one), scaled(other[kept]).scores(other)
    z = []
    for fold in range(4):
        train, test = kept & (folds != fold), folds == fold
        pairs = canonical(a[train] - a[train].mean(axis=0), b[train] - b[train].mean(axis=0), 50)
        z.append(np.arctanh(r_of(a[test] @ pairs.first, b[test] @ pairs.second)))
    weights = [(folds == fold).sum() for fold in range(4)]
    np.testing.assert_allclose(found.correlation, np.tanh(np.average(z, axis=0, weights=weights)), atol=1e-8)
    assert found.rank == int(np.argmax(np.append(found.p, 1) > 0.05))


def test_the_rank_repeats_and_needs_folds():
    one, other, _, _ = models(200)
    folds = np.repeat([0, 1], 100)
    np.testing.assert_array_equal(held_out(one, other, folds, 3).p, held_out(one, other, folds, 3).p)
    with pytest.raises(CannotFit, match="two folds"):
        held_out(one, other, np.zeros(200, int), 0)
