"""What two models' word rows have in common: canonical correlation analysis by singular values, and its rank.

Both sides are scaled, reduced to the principal components that hold `SHARE` of their variance (and, unless asked for
more, to a tenth as many as words, beyond which every training correlation tends to 1), and turned so that pair after
pair correlates most (Hotelling 1936; by singular values, Björck & Golub 1973).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from bids_app.records import Array

SHARE = 0.95  # of the variance that principal components keep
WORDS_A_DIMENSION = 10  # at least so many for a principal component
LEAST = 1e-10  # of the largest eigenvalue: what is below it does not vary
LEVEL = 0.05  # of the test of a pair
DRAWS = 200  # shifts of one side against the other


@dataclass(frozen=True)
class Pairs:
    """Directions (p, k) and (q, k) whose scores have unit variance, and the correlation of each pair (k,),
    largest first; all on the rows they were fitted to."""

    one: Array
    other: Array
    correlation: Array


def canonical(one: Array, other: Array, count: int) -> Pairs:
    """The `count` leading pairs (fewer where ranks are lower) of centred rows one (n, p) and other (n, q).

    Each direction of `one` has a positive entry of largest magnitude, that of `other` the sign that makes the
    correlation positive.
    """
    n = len(one)
    return _canonical(one.T @ one / n, other.T @ other / n, one.T @ other / n, count)


def _canonical(gram: Array, other: Array, cross: Array, count: int) -> Pairs:
    """The same from second moments (p, p), (q, q) and (p, q)."""
    a, b = whitening(gram), whitening(other)
    left, correlation, right = scipy.linalg.svd(a.T @ cross @ b, full_matrices=False, check_finite=False)
    k = min(count, len(correlation))
    u, v = a @ left[:, :k], b @ right[:k].T
    signs = np.sign(u[np.abs(u).argmax(axis=0), np.arange(k)]) if len(u) else np.ones(k)
    return Pairs(u * signs, v * signs, np.clip(correlation[:k], 0.0, 1.0))


def whitening(gram: Array) -> Array:
    """gram (p, p) → W (p, r) with W' gram W = 1, r the rank."""
    values, vectors = scipy.linalg.eigh(gram, check_finite=False)
    kept = values > LEAST * max(float(values[-1]), np.finfo(float).tiny)
    return np.asarray(vectors[:, kept] / np.sqrt(values[kept]))


# ------------------------------------------------------------------------------------------------ two models' words
@dataclass(frozen=True)
class Scaled:
    """One model's rows as scores of its principal components: (x − mean) / scale @ axes; scale is infinite for
    dimensions that never vary. gram (d, d): second moments of the scaled rows."""

    mean: Array
    scale: Array
    gram: Array
    axes: Array

    def scores(self, rows: Array) -> Array:
        """(n, p)."""
        return np.asarray((rows - self.mean) / self.scale @ self.axes)


def scaled(rows: Array, limited: bool = True) -> Scaled:
    """rows (n_words, d), centred, scaled and reduced; `limited`: to at most a tenth as many dimensions as words.

    Raises ValueError for too few words, or rows that never vary.
    """
    most = len(rows) // WORDS_A_DIMENSION
    if most < 1:
        raise ValueError(f"{len(rows)} words are too few for a shared subspace: {WORDS_A_DIMENSION} at least")
    mean, scale = moments(rows)
    z = (rows - mean) / scale
    gram = z.T @ z / len(z)
    axes, variances = principal(gram)
    if not len(variances):
        raise ValueError("the rows of one model never vary: there is no shared subspace")
    p = int(np.searchsorted(np.cumsum(variances) / variances.sum(), SHARE * (1 - 1e-12)) + 1)
    return Scaled(mean, scale, gram, axes[:, : min(p, most) if limited else p])


def moments(rows: Array) -> tuple[Array, Array]:
    """(d,) means and standard deviations; infinity for what does not vary, which scaling then makes zero."""
    deviation = rows.std(axis=0)
    return rows.mean(axis=0), np.where(deviation > LEAST * np.abs(rows).max(axis=0), deviation, np.inf)


def principal(gram: Array) -> tuple[Array, Array]:
    """Principal axes (d, r) and variances (r,), largest first; entries of largest magnitude are positive."""
    values, vectors = scipy.linalg.eigh(gram, check_finite=False)
    kept = np.flatnonzero(values > LEAST * max(float(values[-1]), 1.0))[::-1]
    axes = vectors[:, kept]
    return axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(len(kept))]), values[kept]


@dataclass(frozen=True)
class Subspace:
    """Linear maps of rows with a one at their end, side by side in the order (one, other, 1).

    shared (d + e + 1, k): the mean of both variates of each pair. variates: those of each model, (d + 1, k) and
    (e + 1, k). rest: what is left of each model's scaled rows when their regression on its own variates is taken
    out, as principal components, (d + 1, r) and (e + 1, s). correlation (k,): of each pair, on the rows fitted; dims:
    principal components of each model.
    """

    shared: Array
    variates: tuple[Array, Array]
    rest: tuple[Array, Array]
    correlation: Array
    dims: tuple[int, int]


def subspace(
    one: Array,
    other: Array,
    count: int,
    most_rest: tuple[int | None, int | None] = (None, None),
    limited: bool = True,
) -> Subspace:
    """Fitted on word rows one (n, d) and other (n, e), keeping `count` pairs; `most_rest`: principal components kept
    of each rest (None: all); `limited`: see `scaled`. Raises ValueError for too few words."""
    sides = scaled(one, limited), scaled(other, limited)
    pairs = canonical(sides[0].scores(one), sides[1].scores(other), count)
    weights = [side.axes @ directions for side, directions in zip(sides, (pairs.one, pairs.other), strict=True)]
    u, v = (_with_constant(side, each) for side, each in zip(sides, weights, strict=True))
    shared = np.vstack([u[:-1], v[:-1], u[-1:] + v[-1:]]) / 2
    first, second = (_rest(*each) for each in zip(sides, weights, most_rest, strict=True))
    dims = sides[0].axes.shape[1], sides[1].axes.shape[1]
    return Subspace(shared, (u, v), (first, second), pairs.correlation, dims)


def _rest(side: Scaled, weights: Array, most: int | None) -> Array:
    """z − u B with u = z @ weights of unit variance and B = weights' gram, on its principal axes."""
    remover = np.eye(len(weights)) - weights @ (weights.T @ side.gram)
    axes, _ = principal(remover.T @ side.gram @ remover)
    return _with_constant(side, remover @ axes[:, :most])


def _with_constant(side: Scaled, weights: Array) -> Array:
    """weights (d, k) on scaled rows → (d + 1, k) on rows with a one at their end."""
    on_rows = weights / side.scale[:, None]
    return np.vstack([on_rows, -side.mean @ on_rows])


# ------------------------------------------------------------------------------------------------ how many pairs
@dataclass(frozen=True)
class Held:
    """Pairs in folds among the training words. correlation (m,): held out, averaged through Fisher's z;
    p (m,): against `DRAWS` shifts; null_95: the largest correlation but a twentieth of those draws; rank: leading
    pairs with p ≤ `LEVEL`."""

    correlation: Array
    p: Array
    null_95: float
    rank: int


def held_out(one: Array, other: Array, folds: Array, seed: int, most: int | None = None) -> Held:
    """Word rows one (n, d) and other (n, e), folds (n,) int, −1 for rows left out → how many pairs hold up.

    Pairs fitted without a fold are correlated in it. The null turns the rows of `other` within each fold against
    those of `one`, by a share of the fold that is drawn between a tenth and nine tenths, fits again, and keeps the
    first pair: autocorrelation stays as it is, in training and held-out rows alike. Components are those of all
    rows, since they see one side only. Raises ValueError for too few words or fewer than two folds.
    """
    numbers = [number for number in np.unique(folds) if number >= 0]
    if len(numbers) < 2:
        raise ValueError("the rank of a shared subspace needs at least two folds of words")
    rows = [np.flatnonzero(folds == number) for number in numbers]
    fitted = np.concatenate(rows)
    a, b = scaled(one[fitted]).scores(one), scaled(other[fitted]).scores(other)
    parts = _Folds([a[at] for at in rows], [b[at] for at in rows])
    correlation = parts.correlations(parts.crosses([0] * len(rows)), most)
    rng = np.random.default_rng(seed)
    shifts = [
        [int(len(at) * share) for at, share in zip(rows, rng.uniform(0.1, 0.9, len(rows)), strict=True)]
        for _ in range(DRAWS)
    ]
    null = np.array([parts.correlations(parts.crosses(each), 1)[0] for each in shifts])
    p = (1 + (null[:, None] >= correlation).sum(axis=0)) / (1 + len(null))
    failed = np.flatnonzero(p > LEVEL)
    rank = int(failed[0]) if len(failed) else len(p)
    return Held(correlation, p, float(np.quantile(null, 1 - LEVEL)), rank)


class _Folds:
    """Scores of both sides by fold, as second moments; of the other side's shifts, only the cross moments change."""

    def __init__(self, one: list[Array], other: list[Array]) -> None:
        self._rows = one, other
        self.n = np.array([len(rows) for rows in one])
        self._sums = [np.array([rows.sum(axis=0) for rows in side]) for side in self._rows]
        self._grams = [np.array([rows.T @ rows for rows in side]) for side in self._rows]
        self._whitening = [[whitening(self._centred_gram(side, k)) for k in range(len(one))] for side in (0, 1)]

    def crosses(self, shifts: list[int]) -> Array:
        """(n_folds, p, q), the other side's rows turned by `shifts` within each fold."""
        return np.array([a.T @ np.roll(b, by, axis=0) for a, b, by in zip(*self._rows, shifts, strict=True)])

    def correlations(self, crosses: Array, most: int | None) -> Array:
        """(m,) of the leading pairs fitted without each fold and correlated in it, averaged over folds."""
        z = [self._z(crosses, fold, most) for fold in range(len(self.n))]
        m = min(len(each) for each in z)
        return np.asarray(np.tanh(np.average([each[:m] for each in z], axis=0, weights=self.n)))

    def _z(self, crosses: Array, fold: int, most: int | None) -> Array:
        whitened = [side[fold] for side in self._whitening]
        n = self.n.sum() - self.n[fold]
        means = [(sums.sum(axis=0) - sums[fold]) / n for sums in self._sums]
        cross = (crosses.sum(axis=0) - crosses[fold]) / n - np.outer(*means)
        u, v = _leading(whitened[0].T @ cross @ whitened[1], most)
        u, v = whitened[0] @ u, whitened[1] @ v
        held = [sums[fold] / self.n[fold] for sums in self._sums]
        grams = [
            gram[fold] / self.n[fold] - np.outer(mean, mean) for gram, mean in zip(self._grams, held, strict=True)
        ]
        covariance = (u * ((crosses[fold] / self.n[fold] - np.outer(*held)) @ v)).sum(axis=0)
        size = np.sqrt((u * (grams[0] @ u)).sum(axis=0) * (v * (grams[1] @ v)).sum(axis=0))
        return np.asarray(np.arctanh(np.clip(covariance / np.where(size > 0, size, np.inf), -0.999999, 0.999999)))

    def _centred_gram(self, side: int, fold: int) -> Array:
        n = self.n.sum() - self.n[fold]
        mean = (self._sums[side].sum(axis=0) - self._sums[side][fold]) / n
        gram = (self._grams[side].sum(axis=0) - self._grams[side][fold]) / n
        return np.asarray(gram - np.outer(mean, mean))


def _leading(matrix: Array, most: int | None) -> tuple[Array, Array]:
    """Singular vectors (p, m) and (q, m), largest first; one alone by way of the smaller square, which is faster."""
    if most != 1:
        left, _, right = scipy.linalg.svd(matrix, full_matrices=False, check_finite=False)
        return left[:, :most], right[:most].T
    if matrix.shape[0] > matrix.shape[1]:
        v, u = _leading(matrix.T, 1)
        return u, v
    n = len(matrix)
    _, u = scipy.linalg.eigh(matrix @ matrix.T, subset_by_index=[n - 1, n - 1], check_finite=False)
    v = matrix.T @ u
    size = float(np.linalg.norm(v))
    return u, v / (size if size > 0 else 1.0)


def leakage(correlation: Array) -> Array:
    """Share of a signal of one model alone that a pair's mean carries, (1 − ρ) / (2 (1 + ρ))."""
    return np.asarray((1 - correlation) / (2 * (1 + correlation)))
