"""How many canonical pairs of two models' words hold up: held-out correlations against shifts, fitted again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from bids_app.encoding.errors import CannotFit
from bids_app.encoding.subspace.canonical import MORE_WORDS, scaled, whitening
from bids_app.records import Array

LEVEL = 0.05  # of the test of a pair
DRAWS = 200  # shifts of one side against the other


@dataclass(frozen=True)
class HeldOutPairs:
    """Pairs in folds among the training words.

    Parameters
    ----------
    correlation : (m,) held out, averaged through Fisher's z.
    p : (m,) against `DRAWS` shifts.
    null_95 : the largest correlation but a twentieth of those draws.
    rank : leading pairs with p ≤ `LEVEL`.
    """

    correlation: Array
    p: Array
    null_95: float
    rank: int


def held_out(first: Array, second: Array, folds: Array, seed: int, most: int | None = None) -> HeldOutPairs:
    """How many canonical pairs hold up on words that they were not fitted to.

    Pairs fitted without a fold are correlated in it. The null turns the rows of `second` within each fold against
    those of `first`, by a share of the fold that is drawn between a tenth and nine tenths, fits again, and keeps the
    first pair: autocorrelation stays as it is, in training and held-out rows alike. Components are those of all rows,
    since they see one side only.

    Parameters
    ----------
    first, second : (n, d) and (n, e) word rows.
    folds : (n,) int, −1 for rows left out.
    seed : of the shifts.
    most : pairs to try; None: all.

    Raises
    ------
    CannotFit
        For too few words or fewer than two folds.
    """
    numbers = [number for number in np.unique(folds) if number >= 0]
    if len(numbers) < 2:
        raise CannotFit("the rank of a shared subspace needs at least two folds of words", MORE_WORDS)
    rows = [np.flatnonzero(folds == number) for number in numbers]
    fitted = np.concatenate(rows)
    a, b = scaled(first[fitted]).scores(first), scaled(second[fitted]).scores(second)
    # components are of all rows: each sees one side only, so the null is as free to use them
    parts = _WordFolds([a[at] for at in rows], [b[at] for at in rows])
    correlation = parts.correlations(parts.crosses([0] * len(rows)), most)
    rng = np.random.default_rng(seed)
    # one shift a draw and fold
    shifts = [
        [int(len(at) * share) for at, share in zip(rows, rng.uniform(0.1, 0.9, len(rows)), strict=True)]
        for _ in range(DRAWS)
    ]
    null = np.array([parts.correlations(parts.crosses(each), 1)[0] for each in shifts])
    p = (1 + (null[:, None] >= correlation).sum(axis=0)) / (1 + len(null))
    # pairs count up to the first that does not hold up
    failed = np.flatnonzero(p > LEVEL)
    rank = int(failed[0]) if len(failed) else len(p)
    return HeldOutPairs(correlation, p, float(np.quantile(null, 1 - LEVEL)), rank)


class _WordFolds:
    """Scores of both sides by fold, as second moments; of the other side's shifts, only the cross moments change."""

    def __init__(self, first: list[Array], second: list[Array]) -> None:
        self._rows = first, second
        self.n = np.array([len(rows) for rows in first])
        self._sums = [np.array([rows.sum(axis=0) for rows in side]) for side in self._rows]
        self._grams = [np.array([rows.T @ rows for rows in side]) for side in self._rows]
        self._whitening = [[whitening(self._centred_gram(side, k)) for k in range(len(first))] for side in (0, 1)]

    def crosses(self, shifts: list[int]) -> Array:
        """(n_folds, p, q), the other side's rows turned by `shifts` within each fold."""
        return np.array([a.T @ np.roll(b, by, axis=0) for a, b, by in zip(*self._rows, shifts, strict=True)])

    def correlations(self, crosses: Array, most: int | None) -> Array:
        """(m,) of the leading pairs fitted without each fold and correlated in it, averaged over folds.

        Parameters
        ----------
        crosses : (n_folds, p, q) of `crosses`.
        most : the most pairs; None: all.
        """
        z = [self._z(crosses, fold, most) for fold in range(len(self.n))]
        m = min(len(each) for each in z)
        return np.asarray(np.tanh(np.average([each[:m] for each in z], axis=0, weights=self.n)))

    def _z(self, crosses: Array, fold: int, most: int | None) -> Array:
        whitened = [side[fold] for side in self._whitening]
        n = self.n.sum() - self.n[fold]
        # moments without the fold are all moments less the fold's: no product runs over the rows again
        means = [(sums.sum(axis=0) - sums[fold]) / n for sums in self._sums]
        cross = (crosses.sum(axis=0) - crosses[fold]) / n - np.outer(*means)
        u, v = _leading(whitened[0].T @ cross @ whitened[1], most)
        u, v = whitened[0] @ u, whitened[1] @ v
        test_means = [sums[fold] / self.n[fold] for sums in self._sums]
        grams = [
            gram[fold] / self.n[fold] - np.outer(mean, mean)
            for gram, mean in zip(self._grams, test_means, strict=True)
        ]
        covariance = (u * ((crosses[fold] / self.n[fold] - np.outer(*test_means)) @ v)).sum(axis=0)
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
