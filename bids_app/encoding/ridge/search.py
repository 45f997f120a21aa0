"""Random search over band weights and alphas: squared errors at all alphas from products that know no alpha.

With eigenvalues λ, coordinates u = V'y and c = H'(y_eval − ȳ), the error at alpha is Σy² − 2 Σ_k φ_k u_k c_k + Σ_kl
φ_k φ_l u_k u_l (H'H)_kl. For directions of different eigenvalues, φ_k φ_l = (λ_l φ_k − λ_k φ_l) / (λ_l − λ_k): the
double sum becomes Σ_k φ_k u_k (A u)_k with one matrix A for all alphas (partial fractions in alpha, as in Loewner
matrices). For those near each other, where this would cancel, φ_k φ_l ≈ (λ_l/λ_k φ_k² + λ_k/λ_l φ_l²) / 2, which is
too large by less than spacing² / 2 of itself.

Or without an eigenbasis: what a model predicts at any alpha is near a combination of what a few predict, as
λ / (λ + α) is near one of λ / (λ + α_j) over all eigenvalues (a rational approximation): each takes a Cholesky factor
of the kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from bids_app.encoding.ridge.basis import Basis, decompose, reduced
from bids_app.encoding.ridge.candidates import Grid
from bids_app.encoding.ridge.moments import TF32, Moments, Rounding, rounding_of, tf32_products
from bids_app.encoding.ridge.splits import Split, Weights, cross_rows
from bids_app.encoding.side_by_side import made_once, side_by_side
from bids_app.records import Array

NEEDLESS = 0.1  # of 1 / n of the power, what a needless column costs: smaller gains are none
SMALLEST = 1e-3  # of the largest eigenvalue: errors at such an alpha are off by 2e-4 of the power in single precision
LEAST_SHARE, STEP, N_FACTORS = 7e-4, 4.0, 7  # alphas of Cholesky factors as shares of the norm: the least, and steps
LOWER_SHARE, TINY = LEAST_SHARE / STEP**N_FACTORS, 1e-300
MANY_COLUMNS = 1 / 3  # of the samples: on a GPU, factors of the kernel are cheaper than a Gram matrix's eigenvectors
ROWS_AT_ONCE = 64  # of the near pairs, which lie about the diagonal as eigenvalues ascend


@dataclass(frozen=True)
class Choice:
    """What a union chose, (n,) of every target.

    Parameters
    ----------
    candidate : number in the grid.
    alpha_index : place of the alpha among the grid's.
    error : mean squared error over all inner folds.
    power : that of predicting the training means.
    """

    candidate: Array
    alpha_index: Array
    error: Array
    power: Array

    @property
    def rsquared(self) -> Array:
        """(n,) held out of the inner folds; 0 where nothing varies in them."""
        saved = self.power - self.error
        return np.asarray(np.divide(saved, self.power, out=np.zeros_like(saved), where=self.power > 0))


class Errors:
    """Sums of squared errors of one split and candidate on the evaluation rows, for every alpha and any targets.

    Parameters
    ----------
    split : rows to fit on and to evaluate on.
    weights : the candidate's band weights.
    alphas : (n_alphas,).
    dtype : of the products; the decomposition is in float64.
    rounding : how the products round; None: as their type does.
    exact : whether decompositions are in float64 in any case. Else kernels are decomposed in the type of the
        products, in two thirds to a half of the time; where some target then does best with an alpha that is too
        small for it (`SMALLEST`), in float64 after all.
    """

    def __init__(
        self,
        split: Split,
        weights: Weights,
        alphas: Array,
        dtype: torch.dtype,
        rounding: Rounding | None = None,
        exact: bool = True,
    ) -> None:
        self._given = split, weights, alphas, dtype, rounding
        rounding = rounding or rounding_of(dtype)
        self._split, self._weights = split, weights
        basis = decompose(split, weights, torch.float64 if exact else dtype)
        # how many of the alphas, which ascend, are too small for a decomposition in single precision
        lowest = SMALLEST * float(basis.eigenvalues[-1:].sum())
        self._n_small = int((alphas < lowest).sum()) if basis.eigenvalues.dtype == torch.float32 else 0
        basis = reduced(basis, float(alphas.min()))
        self._by_columns = by_columns(basis, float(alphas.min()), rounding)
        self._spanned = not basis.primal and split.spanned is not None
        self._basis_map = (basis.basis_map if self._by_columns or self._spanned else basis.samples).to(dtype)
        self._eval_projection = basis.eval_projection.to(dtype)
        self._eval_sum = basis.eval_projection.sum(dim=0).to(dtype)
        self._shrinkage = basis.shrinkage(basis.eigenvalues.new_tensor(alphas)).to(dtype)
        self._far, self._near = _pairs(basis, spacing(rounding.eps), dtype)

    def __call__(self, moments: Moments) -> torch.Tensor:
        """(n_alphas, n) less Σ (y − ȳ_train)², which is the same for all and would swallow small differences."""
        errors, small = self._errors(moments), self._n_small
        if not small:
            return errors
        if small == len(errors) or bool((errors.argmin(dim=0) < small).any()):
            return self._exact(moments)
        # no better than the smallest alpha that is exact enough, so that none of these is chosen
        errors[:small] = torch.maximum(errors[:small], errors[small])
        return errors

    @made_once
    def _exact(self) -> Errors:
        """The same with a decomposition in float64."""
        return Errors(*self._given)

    def _errors(self, moments: Moments) -> torch.Tensor:
        # Σ_k φ_k u_k ((A u)_k − 2 c_k), the far pairs, and Σ_k φ_k² u_k (N u)_k, the near ones
        u, c = self._coordinates(moments)
        first = torch.addmm(c, self._far, u, beta=-2).mul_(u)
        second = torch.cat([matrix @ u[at] for matrix, at in self._near]).mul_(u)
        return torch.addmm(self._shrinkage @ first, self._shrinkage.square(), second)

    def _coordinates(self, moments: Moments) -> tuple[torch.Tensor, torch.Tensor]:
        """u and c above, (r, n) each."""
        split, basis_map = self._split, self._basis_map
        if self._spanned and moments.spanned is not None:
            u = basis_map.T @ moments.spanned
        elif not self._by_columns:
            u = cross_rows(basis_map, moments.Y, split.train_slices)
        else:
            u = basis_map.T @ split.side_by_side(moments.cross, self._weights)
            if len(basis_map) < len(split.evaluate):  # fewer columns than rows: c from X'y too
                return u, basis_map.T @ split.side_by_side(moments.cross_eval, self._weights)
        c = cross_rows(self._eval_projection, moments.Y, split.eval_slices)
        return u, c - torch.outer(self._eval_sum, moments.mean)


class FactorErrors:
    """`Errors` from a few Cholesky factors of a candidate's kernel, off by less than a thousandth of the power where
    alphas are best. Alphas below the lowest of these have further factors, in float64; still lower ones are no better
    than the lowest of all, so that none of them is chosen. All targets in all splits alike: errors are summed over
    splits, and what one of them would leave out another would count.

    Parameters
    ----------
    split, weights, alphas, dtype, rounding : as of `Errors`.
    lowest : alpha of the lowest factor, as a share of the kernel's Frobenius norm.
    """

    def __init__(
        self,
        split: Split,
        weights: Weights,
        alphas: Array,
        dtype: torch.dtype,
        rounding: Rounding,
        lowest: float = LEAST_SHARE,
    ) -> None:
        self._given, self._split, self._n_alphas, self._first = (
            (split, weights, alphas, dtype, rounding), split, len(alphas), lowest == LEAST_SHARE,
        )  # fmt: skip
        K, K_eval = split.kernels(weights, dtype if self._first else torch.float64)
        scale = max(float(K.norm()), TINY)
        hats = [K_eval.T / scale]
        self._n_small = int((alphas < lowest * scale).sum())
        with tf32_products(False):  # factors of a matrix that is rounded so would be of another one
            for share in _shares(lowest):
                penalised = K.clone()
                penalised.diagonal().add_(share * scale)
                factor, failed = torch.linalg.cholesky_ex(penalised)
                if failed:
                    self._n_small, self._first = len(alphas), False
                hats.append(torch.cholesky_solve(K_eval.T, factor))
        self._hats = torch.cat(hats, dim=1).to(dtype)
        mixed = combinations(lowest, alphas[self._n_small :] / scale)
        # of products of two predictions, each pair once, and of predictions with responses
        first, second = np.triu_indices(len(hats))
        products = mixed[:, first] * mixed[:, second] * np.where(first == second, 1.0, 2.0)
        self._pairs = list(zip(first.tolist(), second.tolist(), strict=True))
        self._combined = K.new_tensor(np.hstack([products, -2 * mixed])).to(dtype)

    def __call__(self, moments: Moments) -> torch.Tensor:
        """As `Errors` does."""
        small = self._n_small
        if small == self._n_alphas:
            return self._further(moments)
        given = moments.spanned
        rows = self._split.train_slices
        made = cross_rows(self._hats, moments.Y, rows) if given is None else self._hats.T @ given
        predicted = made.view(-1, len(self._split.evaluate), made.shape[1])
        terms = [(predicted[i] * predicted[j]).sum(dim=0) for i, j in self._pairs]
        terms += [(each * moments.evaluated).sum(dim=0) for each in predicted]
        errors = self._combined @ torch.stack(terms)
        if not small:
            return errors
        lower = self._further(moments)[:small] if self._first else errors[:1].expand(small, -1)
        return torch.cat([lower, errors])

    @made_once
    def _further(self) -> Callable[[Moments], torch.Tensor]:
        return FactorErrors(*self._given, LOWER_SHARE) if self._first else Errors(*self._given)


def _shares(lowest: float) -> list[float]:
    """Alphas of factors as shares of the kernel's norm: of lower ones, the next above too."""
    return [lowest * STEP**step for step in range(N_FACTORS + (lowest < LEAST_SHARE))]


def combinations(lowest: float, shares: Array) -> Array:
    """How K y / norm and what factors predict combine to what is predicted at other alphas,
    (n_alphas, 1 + n_factors): the least squares of λ / (λ + α) over eigenvalues.

    Parameters
    ----------
    lowest : of the factors' alphas.
    shares : (n_alphas,) alphas as shares of the norm, which no eigenvalue exceeds.
    """
    eigenvalues = np.geomspace(1e-2 * lowest, 1.0, 200)[:, None]
    functions = np.hstack([eigenvalues, eigenvalues / (eigenvalues + _shares(lowest))])
    return np.linalg.lstsq(functions, eigenvalues / (eigenvalues + shares), rcond=None)[0].T


def errors_of(
    split: Split, weights: Weights, alphas: Array, dtype: torch.dtype, rounding: Rounding, exact: bool
) -> Callable[[Moments], torch.Tensor]:
    """`Errors`; on a GPU, in a search that may be approximate and of many columns, `FactorErrors`: by shapes alone.

    Parameters
    ----------
    split, weights, alphas, dtype, rounding, exact : as of `Errors`.
    """
    if exact and dtype == torch.float32 and split.n_columns(weights) > MANY_COLUMNS * len(split.train):
        return FactorErrors(split, weights, alphas, dtype, rounding)
    return Errors(split, weights, alphas, dtype, rounding, exact)


def spacing(eps: float) -> float:
    """Share of an eigenvalue within which another counts as near: there, what the approximation of near pairs and
    the cancellation of far ones cost is of one size, spacing² / 2 = eps / spacing."""
    return float((2 * eps) ** (1 / 3))


def by_columns(basis: Basis, least_alpha: float, rounding: Rounding) -> bool:
    """Whether u may be made from X'y, as λ^-½ ∘ Q'(X'y) with λ the eigenvalues; otherwise it is made from y.

    An error δ of X'y becomes λ^-½ ∘ Q'δ, so held-out predictions are off by H (φ λ^-½ ∘ Q'δ): for rounding, spread
    evenly over r directions with ‖δ‖ = eps ‖X'y‖ ≤ eps λ_max^½ ‖y‖, in the mean square by eps ‖y‖
    times √(mean_k ‖H_k‖² φ_k² λ_max / λ_k), the most at the smallest alpha. That is kept below rounding.limit ‖y‖.

    Parameters
    ----------
    basis : of a candidate.
    least_alpha : the smallest of the grid.
    rounding : of the products of X'y.
    """
    if not basis.primal or not len(basis.eigenvalues):
        return basis.primal
    magnified = torch.sqrt(basis.eigenvalues[-1:] / basis.eigenvalues) * basis.shrinkage(
        basis.eigenvalues.new_tensor([least_alpha])
    )
    size = float((basis.eval_projection * magnified).norm()) / len(basis.eigenvalues) ** 0.5
    return bool(size * rounding.eps < rounding.limit)


def _pairs(basis: Basis, share: float, dtype: torch.dtype) -> tuple[torch.Tensor, list[tuple[torch.Tensor, slice]]]:
    """The matrix A of far pairs (r, r), and that of near ones as blocks of rows with the columns they reach."""
    eigenvalues, H = basis.eigenvalues, basis.eval_projection.T @ basis.eval_projection
    # eigenvalues ascend, so those near to one are neighbours: places first … last − 1
    first = torch.searchsorted(eigenvalues, eigenvalues * (1 - share))
    last = torch.searchsorted(eigenvalues, eigenvalues / (1 - share), right=True)
    number = torch.arange(len(eigenvalues), device=eigenvalues.device)
    near = (number >= first[:, None]) & (number < last[:, None])
    blocks = []
    for start in range(0, max(1, len(eigenvalues)), ROWS_AT_ONCE):
        rows = slice(start, min(start + ROWS_AT_ONCE, len(eigenvalues)))
        # all columns that any row of the block is near to
        reach = slice(int(first[start]), int(last[rows.stop - 1])) if len(eigenvalues) else rows
        close = near[rows, reach] * H[rows, reach] * eigenvalues[reach] / eigenvalues[rows, None]
        blocks.append((close.to(dtype), reach))
    # an infinite gap leaves near pairs out of A
    gaps = (eigenvalues - eigenvalues[:, None]).masked_fill_(near, torch.inf)
    return H.mul_(2 * eigenvalues).div_(gaps).to(dtype), blocks


class Search:
    """Errors over candidates × alphas by inner cross-validation; weights that several unions share are tried once.

    Parameters
    ----------
    inner : the inner splits, taken one at a time, so that no two of them need be held.
    blocks : moments of each block of targets in the split that holds the inner ones.
    grid : candidates and alphas.
    tf32 : whether a GPU may make products in TF32, those of the blocks' moments too, which nothing else should then
        use.
    n_workers : candidates that are tried side by side (`side_by_side.workers`).
    tried : called when a candidate was tried in an inner split.
    """

    def __init__(
        self,
        inner: Iterable[Split],
        blocks: Sequence[Moments],
        grid: Grid,
        tf32: bool = False,
        n_workers: int = 0,
        tried: Callable[[], None] = lambda: None,
    ) -> None:
        self._n_workers, self._tried = n_workers, tried
        with tf32_products() if tf32 else nullcontext():
            self._search(inner, blocks, grid, TF32 if tf32 else rounding_of(blocks[0].Y.dtype))

    def _search(self, inner: Iterable[Split], blocks: Sequence[Moments], grid: Grid, rounding: Rounding) -> None:
        # of all distinct weights (n_places, n_targets), errors less the power; the targets of all blocks side by side
        n_targets = sum(block.Y.shape[1] for block in blocks)
        tried = [(alike, grid.places(alike)) for alike in grid.alike]
        less = [blocks[0].Y.new_zeros((len(places), n_targets)) for _, places in tried]
        at = np.cumsum([0, *(block.Y.shape[1] for block in blocks)]).tolist()
        power = torch.zeros(n_targets, dtype=torch.float64, device=blocks[0].Y.device)
        n_eval, dtype = 0, blocks[0].Y.dtype
        exact = dtype == torch.float64 or power.device.type != "cpu"
        distinct = [grid.candidates[alike[0]] for alike in grid.alike]
        for split in inner:
            n_eval += len(split.evaluate)
            # an inner split's moments are made from the outer ones
            parts = [Moments(block.Y, split, block) for block in blocks]
            power += torch.cat([part.power for part in parts])
            if self._n_workers:  # what candidates share is made with all threads, before each has one
                self._prepare(split, parts, distinct, torch.float64 if exact else dtype)

            def add_errors(number: int, split: Split = split, parts: Sequence[Moments] = parts) -> None:
                """Of one candidate; each has a table of its own."""
                alphas = grid.alphas[tried[number][1]]
                errors = errors_of(split, distinct[number], alphas, dtype, rounding, exact)
                for part, (first, stop) in zip(parts, pairwise(at), strict=True):
                    less[number][:, first:stop] += errors(part)
                self._tried()

            for _ in side_by_side(add_errors, range(len(less)), self._n_workers):
                pass
        self._power = power.cpu().numpy() / n_eval
        self._alpha_index = np.zeros((len(grid.candidates), n_targets), dtype=np.int64)
        self._error = np.zeros((len(grid.candidates), n_targets))
        for alike, places in tried:
            # popped, so that each table is let go as soon as the best alphas are known
            errors = less.pop(0)
            for number in alike:
                own = grid.offered[number]
                among = errors if len(own) == len(places) else errors[np.searchsorted(places, own)]
                best = _best_alpha(among, power.cpu().numpy(), n_eval, own)
                self._alpha_index[number], self._error[number] = best
        self._n_bands = np.array([len(weights) for weights in grid.candidates])
        # a gain that counts is more than rounding, and than a share of what a needless column costs
        self._equal = max(NEEDLESS / n_eval, rounding.limit / 10) * self._power

    def _prepare(
        self, split: Split, parts: Sequence[Moments], distinct: Sequence[Weights], dtype: torch.dtype
    ) -> None:
        split.prepare(distinct, dtype)
        primal = [split.n_columns(weights) for weights in distinct if split.is_primal(weights)]
        for part in parts if primal else ():
            part.cross, min(primal) < len(split.evaluate) and part.cross_eval
        for part in parts if len(primal) < len(distinct) else ():
            part.spanned  # noqa: B018

    def choose(self, allowed: Sequence[int]) -> Choice:
        """The least error among the candidates of these numbers, target by target, by the fewest bands that reach it.

        Errors are equal within a tenth of what a needless column costs (1 / n of the power), or within what rounding
        costs where that is more: then no union is the better one for having met, by other weights, a slightly other
        penalty. Among candidates of as many bands the least error counts; exact ties go to the first, and to the
        largest alpha.
        """
        errors, n_bands = self._error[allowed], self._n_bands[allowed]
        limit, target = errors.min(axis=0) + self._equal, np.arange(errors.shape[1])
        place = np.argmin(errors, axis=0)
        # the fewest bands last, so that they have the last word
        for count in np.unique(n_bands)[::-1]:
            alike = np.flatnonzero(n_bands == count)
            best = alike[np.argmin(errors[alike], axis=0)]
            place = np.where(errors[best, target] <= limit, best, place)
        candidate = np.asarray(allowed)[place]
        return Choice(candidate, self._alpha_index[candidate, target], errors[place, target], self._power)


def _best_alpha(less: torch.Tensor, power: Array, n_eval: int, places: Array) -> tuple[Array, Array]:
    """Place of the alpha with the least of `less` (n_offered, n), the last among equals, and the mean squared error
    there."""
    least = less.amin(dim=0)
    # the last place of the least: comparisons and maxima are many times faster than `argmin` down the rows
    number = torch.arange(len(less), dtype=less.dtype, device=less.device)[:, None]
    at = torch.where(less > least, -1.0, number).amax(dim=0).to(torch.int64)
    return places[at.cpu().numpy()], (power + least.double().cpu().numpy()) / n_eval
