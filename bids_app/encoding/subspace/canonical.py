"""What two models' word rows have in common: canonical correlation analysis by singular values.

Both sides are scaled, reduced to the principal components that hold `SHARE` of their variance (and, unless asked for
more, to a tenth as many as words, beyond which every training correlation tends to 1), and turned so that pair after
pair correlates most (Hotelling 1936; by singular values, Björck & Golub 1973).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from bids_app.encoding.errors import CannotFit
from bids_app.records import Array

SHARE = 0.95  # of the variance that principal components keep
WORDS_A_DIMENSION = 10  # at least so many for a principal component
MORE_WORDS = "use stimuli with more words"
LEAST = 1e-10  # of the largest eigenvalue: what is below it does not vary


@dataclass(frozen=True)
class Pairs:
    """Canonical pairs, on the rows they were fitted to.

    Parameters
    ----------
    first, second : (p, k) and (q, k) directions whose scores have unit variance.
    correlation : (k,) of each pair, largest first.
    """

    first: Array
    second: Array
    correlation: Array


def canonical(first: Array, second: Array, count: int) -> Pairs:
    """Canonical correlation analysis by singular values (Hotelling 1936; Björck & Golub 1973).

    Each direction of `first` has a positive entry of largest magnitude, that of `second` the sign that makes the
    correlation positive.

    Parameters
    ----------
    first, second : (n, p) and (n, q), centred rows.
    count : leading pairs to keep; fewer where ranks are lower.
    """
    n = len(first)
    return _canonical(first.T @ first / n, second.T @ second / n, first.T @ second / n, count)


def _canonical(first_gram: Array, second_gram: Array, cross: Array, count: int) -> Pairs:
    """The same from second moments (p, p), (q, q) and (p, q)."""
    a, b = whitening(first_gram), whitening(second_gram)
    # canonical correlations are the singular values of the whitened cross moments
    left, correlation, right = scipy.linalg.svd(a.T @ cross @ b, full_matrices=False, check_finite=False)
    k = min(count, len(correlation))
    u, v = a @ left[:, :k], b @ right[:k].T
    # equal input gives equal signs, whatever the library's
    signs = np.sign(u[np.abs(u).argmax(axis=0), np.arange(k)]) if len(u) else np.ones(k)
    return Pairs(u * signs, v * signs, np.clip(correlation[:k], 0.0, 1.0))


def whitening(gram: Array) -> Array:
    """The map that makes coordinates uncorrelated and of unit variance.

    Parameters
    ----------
    gram : (p, p) second moments.

    Returns
    -------
    W (p, r) with W' gram W = 1, r the rank.
    """
    values, vectors = scipy.linalg.eigh(gram, check_finite=False)
    kept = values > LEAST * max(float(values[-1]), np.finfo(float).tiny)
    return np.asarray(vectors[:, kept] / np.sqrt(values[kept]))


# ------------------------------------------------------------------------------------------------ two models' words
@dataclass(frozen=True)
class Scaled:
    """One model's rows as scores of its principal components: (x − mean) / scale @ axes.

    Parameters
    ----------
    mean, scale : (d,); scale is infinite for dimensions that never vary.
    gram : (d, d) second moments of the scaled rows.
    axes : (d, p) principal axes that are kept.
    """

    mean: Array
    scale: Array
    gram: Array
    axes: Array

    def scores(self, rows: Array) -> Array:
        """(n, p)."""
        return np.asarray((rows - self.mean) / self.scale @ self.axes)


def scaled(rows: Array, limited: bool = True) -> Scaled:
    """A model's rows centred, scaled and reduced to the components that hold `SHARE` of their variance.

    Parameters
    ----------
    rows : (n_words, d).
    limited : whether to keep at most a tenth as many dimensions as there are words.

    Raises
    ------
    CannotFit
        For too few words, or rows that never vary.
    """
    most = len(rows) // WORDS_A_DIMENSION
    if most < 1:
        raise CannotFit(
            f"{len(rows)} words are too few for a shared subspace: {WORDS_A_DIMENSION} at least", MORE_WORDS
        )
    mean, scale = mean_and_scale(rows)
    z = (rows - mean) / scale
    gram = z.T @ z / len(z)
    axes, variances = principal(gram)
    if not len(variances):
        raise CannotFit("the rows of one model never vary: there is no shared subspace", MORE_WORDS)
    # the fewest components that hold the share, but for rounding
    p = int(np.searchsorted(np.cumsum(variances) / variances.sum(), SHARE * (1 - 1e-12)) + 1)
    return Scaled(mean, scale, gram, axes[:, : min(p, most) if limited else p])


def mean_and_scale(rows: Array) -> tuple[Array, Array]:
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
    """Linear maps of rows with a one at their end, side by side in the order (first, second, 1).

    Parameters
    ----------
    shared : (d + e + 1, k) the mean of both variates of each pair.
    variates : (d + 1, k) and (e + 1, k), those of each model.
    rest : (d + 1, r) and (e + 1, s), what is left of each model's scaled rows when their regression on its own
        variates is taken out, as principal components.
    correlation : (k,) of each pair, on the rows fitted.
    dims : principal components of each model.
    """

    shared: Array
    variates: tuple[Array, Array]
    rest: tuple[Array, Array]
    correlation: Array
    dims: tuple[int, int]


def subspace(
    first: Array,
    second: Array,
    count: int,
    most_rest: tuple[int | None, int | None] = (None, None),
    limited: bool = True,
) -> Subspace:
    """The shared subspace of two models' word rows, and what is left of each.

    Parameters
    ----------
    first, second : (n, d) and (n, e) word rows.
    count : pairs to keep.
    most_rest : principal components kept of each rest; None: all.
    limited : see `scaled`.

    Raises
    ------
    CannotFit
        For too few words.
    """
    sides = scaled(first, limited), scaled(second, limited)
    pairs = canonical(sides[0].scores(first), sides[1].scores(second), count)
    weights = [side.axes @ directions for side, directions in zip(sides, (pairs.first, pairs.second), strict=True)]
    u, v = (_with_constant(side, each) for side, each in zip(sides, weights, strict=True))
    # both maps on top of each other, their constants added, halved: the mean of both variates
    shared = np.vstack([u[:-1], v[:-1], u[-1:] + v[-1:]]) / 2
    rests = tuple(_rest(*each) for each in zip(sides, weights, most_rest, strict=True))
    dims = sides[0].axes.shape[1], sides[1].axes.shape[1]
    return Subspace(shared, (u, v), (rests[0], rests[1]), pairs.correlation, dims)


def _rest(side: Scaled, weights: Array, most: int | None) -> Array:
    """z − u B with u = z @ weights of unit variance and B = weights' gram, on its principal axes."""
    # z ↦ z − z w w'G: the regression on u = z w is w'G, as u has unit variance
    remover = np.eye(len(weights)) - weights @ (weights.T @ side.gram)
    axes, _ = principal(remover.T @ side.gram @ remover)
    return _with_constant(side, remover @ axes[:, :most])


def _with_constant(side: Scaled, weights: Array) -> Array:
    """weights (d, k) on scaled rows → (d + 1, k) on rows with a one at their end."""
    # (x − mean) / scale @ w = x @ (w / scale) − mean @ (w / scale)
    on_rows = weights / side.scale[:, None]
    return np.vstack([on_rows, -side.mean @ on_rows])


def leakage(correlation: Array) -> Array:
    """Share of a signal of one model alone that a pair's mean carries: (1 − ρ) / (2 (1 + ρ)).

    Parameters
    ----------
    correlation : (k,) ρ of each pair; below 0 it counts as 0, where the share is a half.
    """
    rho = np.maximum(correlation, 0.0)
    return np.asarray((1 - rho) / (2 * (1 + rho)))
