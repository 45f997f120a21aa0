"""Training and evaluation rows of a fold, and the products of its columns over them, each made once.

An inner fold trains on what its outer fold trains on less a few rows, so its sums are those of the outer fold less
the sums over these rows, centred by rank-one corrections: no product runs over most of the data twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations_with_replacement, pairwise

import numpy as np
import torch

from bids_app.encoding.side_by_side import Kept, made_once
from bids_app.records import Array

Weights = Mapping[int, float]  # band → g > 0; bands of weight zero are left out
SPANNED_ROWS = 2048  # at most: with more of them, kernels in other directions would take much memory
FEWER = 0.95  # of the rows: so many directions are worth products in them
NOTHING = 1e-13  # share of the largest eigenvalue that is rounding of zero


def row_slices(rows: Array) -> list[slice]:
    """Ascending row numbers as contiguous slices, so that rows are read in place."""
    # a slice ends where row numbers jump
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    edges = [0, *breaks.tolist(), len(rows)]
    return [slice(int(rows[a]), int(rows[b - 1]) + 1) for a, b in pairwise(edges) if b > a]


def cross(left: torch.Tensor, right: torch.Tensor, rows: Sequence[slice]) -> torch.Tensor:
    """left'right over some rows.

    Parameters
    ----------
    left, right : (n_times, p) and (n_times, q).
    rows : contiguous ones, read in place.

    Returns
    -------
    (p, q).
    """
    total = left.new_zeros((left.shape[1], right.shape[1]))
    for at in rows:
        total.addmm_(left[at].T, right[at])
    return total


def cross_rows(left: torch.Tensor, right: torch.Tensor, rows: Sequence[slice]) -> torch.Tensor:
    """left'right, where only the right side holds all rows.

    Parameters
    ----------
    left : (n, p), whose rows are those of `right` in `rows`, one after another.
    right : (n_times, q).
    rows : contiguous ones, n in all.

    Returns
    -------
    (p, q).
    """
    total = left.new_zeros((left.shape[1], right.shape[1]))
    for part, at in _parts(left, rows):
        total.addmm_(part.T, right[at])
    return total


class Columns:
    """Bands of one outer fold side by side: X (n_times, n_columns) float64.

    Parameters
    ----------
    bands : (n_times, n_columns_b) of each.
    train : row numbers of the fold's training samples, by whose means columns are centred.
    nuisance : what the bands lost (`columns_and_lost`): orthonormal columns (n_times, q), and how much of each every
        band had of them, (q, n_columns_b); None: they lost nothing.
    """

    def __init__(
        self,
        bands: Sequence[torch.Tensor],
        train: Array,
        nuisance: tuple[torch.Tensor, Sequence[torch.Tensor]] | None = None,
    ) -> None:
        self.X = torch.cat(list(bands), dim=1)
        nothing = self.X[:, :0], [self.X[:0]]
        self.nuisance, lost = nothing if nuisance is None else nuisance
        self.lost = torch.cat(list(lost), dim=1)
        # centred before any product, so that products of inner folds cancel little
        self.X -= cross(self.X, torch.ones_like(self.X[:, :1]), row_slices(train)).T / len(train)
        self._train = torch.as_tensor(train, device=self.X.device)
        starts = np.cumsum([0, *(band.shape[1] for band in bands)]).tolist()
        self.at = [slice(a, b) for a, b in pairwise(starts)]
        self._kernels, self._lost_kernels = Kept[tuple[int, torch.dtype], torch.Tensor](), Kept[int, torch.Tensor]()
        self._cast = Kept[torch.dtype, torch.Tensor]()

    def band(self, number: int) -> torch.Tensor:
        """(n_times, n_columns_b), a view."""
        return self.X[:, self.at[number]]

    def cast(self, dtype: torch.dtype) -> torch.Tensor:
        """X in another type, made once."""
        return self.X if dtype == self.X.dtype else self._cast.get(dtype, lambda: self.X.to(dtype))

    @made_once
    def constant(self) -> frozenset[int]:
        """Numbers of the bands of which no column varies over the fold's training samples."""
        return frozenset(number for number, at in enumerate(self.at) if not self.X[self._train, at].any())

    def kernel(self, number: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
        """X_b X_b' over all rows (n_times, n_times), made once in float64, and once more in another type."""
        if dtype != torch.float64:
            return self._kernels.get((number, dtype), lambda: self.kernel(number).to(dtype))
        return self._kernels.get((number, dtype), lambda: self.band(number) @ self.band(number).T)

    def lost_kernel(self, number: int) -> torch.Tensor:
        """What a band lost, times X_b' over all rows (q, n_times), made once."""
        return self._lost_kernels.get(number, lambda: self.lost[:, self.at[number]] @ self.band(number).T)


class Split:
    """Rows to fit on and rows to evaluate on; all its products are float64 and centred by the training rows.

    Parameters
    ----------
    columns : of the outer fold.
    train, evaluate : (n_train,) and (n_eval,) row numbers, ascending.
    outer : the split whose training rows include this one's, from whose products this one's are made.
    """

    def __init__(self, columns: Columns, train: Array, evaluate: Array, outer: Split | None = None) -> None:
        self.columns, self.train, self.evaluate, self.outer = columns, train, evaluate, outer
        self.train_slices, self.eval_slices = row_slices(train), row_slices(evaluate)
        left_out = np.array([], dtype=int) if outer is None else np.setdiff1d(outer.train, train, assume_unique=True)
        self.left_out_slices = row_slices(left_out)
        self._grams, self._kernel_means = Kept[tuple[int, int], torch.Tensor](), Kept[int, torch.Tensor]()
        self._spanned_kernels = Kept[tuple[int, torch.dtype], tuple[torch.Tensor, torch.Tensor]]()

    @made_once
    def train_nuisance(self) -> torch.Tensor:
        """(n_train, q) what the columns lost, centred by the training rows as they are: times what they lost of it,
        that is what the rows had besides."""
        nuisance = self.columns.nuisance
        return torch.cat([nuisance[at] for at in self.train_slices]) - self._nuisance_mean

    @made_once
    def eval_nuisance(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The same of the evaluation rows, (n_eval, k) times (k, q): k is one more than their runs have nuisance."""
        rows = torch.cat([self.columns.nuisance[at] for at in self.eval_slices])
        there, mean = rows.any(dim=0), self._nuisance_mean
        if not len(mean):
            return rows, rows.new_zeros((0, 0))
        apart = torch.eye(len(mean), dtype=mean.dtype, device=mean.device)[there]
        return torch.cat([rows[:, there], torch.ones_like(rows[:, :1])], dim=1), torch.cat([apart, -mean[None]])

    @made_once
    def _nuisance_mean(self) -> torch.Tensor:
        nuisance = self.columns.nuisance
        return torch.stack([nuisance[at].sum(dim=0) for at in self.train_slices]).sum(dim=0) / len(self.train)

    def is_primal(self, weights: Weights) -> bool:
        """Whether columns are no more than training samples, so that the Gram matrix is the smaller one."""
        return self.n_columns(weights) <= len(self.train)

    def n_columns(self, weights: Weights) -> int:
        """Columns of the bands that have weight."""
        return sum(self.columns.band(band).shape[1] for band in weights)

    def scale(self, weights: Weights) -> torch.Tensor:
        """(n_columns,) square roots of the weights, for the columns of `side_by_side`."""
        return torch.cat([self.mean.new_full((len(self.mean[at]),), g**0.5) for at, g in self._weighted(weights)])

    def side_by_side(self, values: torch.Tensor, weights: Weights) -> torch.Tensor:
        """Values of the bands that have weight, in their order.

        Parameters
        ----------
        values : (n_columns of all bands, …).
        weights : band weights of a candidate.
        """
        parts = [values[at] for at, _ in self._weighted(weights)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def gram(self, weights: Weights) -> torch.Tensor:
        """X'X (n_columns, n_columns) of the training rows, bands side by side, without their weights."""
        rows = [torch.cat([self._centred(band, column_band) for column_band in weights], dim=1) for band in weights]
        return torch.cat(rows)

    @made_once
    def spanned(self) -> torch.Tensor | None:
        """P (n_train, r), orthonormal directions that hold the training rows of every band but for rounding: of all
        bands, so that it is the same whichever are asked for. What runs lost as nuisance is in none of them. None
        where nothing was lost, where they are hardly fewer than the rows, or where these are many."""
        if len(self.train) > SPANNED_ROWS or not self.columns.nuisance.shape[1]:
            return None
        total = self.columns.X.new_zeros((len(self.train), len(self.train)))
        for band in range(len(self.columns.at)):
            K, _ = self._centred_kernels({band: 1.0}, torch.float64)
            total += K / K.norm().clamp_min(torch.finfo(K.dtype).tiny)
        eigenvalues, V = torch.linalg.eigh(total)
        first = int((eigenvalues <= NOTHING * eigenvalues[-1]).sum())
        return V[:, first:] if 0 < len(V) - first <= FEWER * len(V) else None

    def kernels(self, weights: Weights, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
        """Σ g_b X_b X_b' of a type: (n_train, n_train), and evaluation against training rows (n_eval, n_train); where
        there are `spanned` directions, of these in place of training rows."""
        P = self.spanned
        if P is None:
            return self._centred_kernels(weights, dtype)
        of_bands = [(self._spanned_kernel(band, P, dtype), g) for band, g in weights.items()]
        first, g_first = of_bands[0]
        K, K_eval = first[0] * g_first, first[1] * g_first
        for (K_b, K_eval_b), g in of_bands[1:]:
            K.add_(K_b, alpha=g)
            K_eval.add_(K_eval_b, alpha=g)
        return K, K_eval

    def _spanned_kernel(self, band: int, P: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        """P' X_b X_b' P and that of the evaluation rows, made once in float64, and once more in another type."""

        def made() -> tuple[torch.Tensor, torch.Tensor]:
            if dtype != torch.float64:
                K, K_eval = self._spanned_kernel(band, P, torch.float64)
                return K.to(dtype), K_eval.to(dtype)
            K, K_eval = self._centred_kernels({band: 1.0}, dtype)
            return P.T @ (K @ P), K_eval @ P

        return self._spanned_kernels.get((band, dtype), made)

    def _centred_kernels(self, weights: Weights, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        """`kernels` of training rows as they are."""
        K, K_eval = self._kernel(weights, self.train_slices, dtype), self._kernel(weights, self.eval_slices, dtype)
        # centring the columns by the training mean centres the kernel's rows and columns; K is symmetric
        mean = K.mean(dim=0)
        K_eval -= mean - mean.mean() + K_eval.mean(dim=1, keepdim=True)
        K -= mean
        return K.sub_((mean - mean.mean())[:, None]), K_eval

    def _kernel(self, weights: Weights, rows: Sequence[slice], dtype: torch.dtype) -> torch.Tensor:
        """Σ g_b X_b X_b' of some rows against training rows, as the columns are; kernels are read in place."""
        bands = [(self.columns.kernel(band, dtype), g) for band, g in weights.items()]
        size = sum(at.stop - at.start for at in rows), len(self.train)
        total = self.columns.X.new_zeros(size, dtype=dtype)
        for part, at in _parts(total, rows):
            for block, train in _parts(part.T, self.train_slices):
                for kernel, g in bands:
                    block.T.add_(kernel[at, train], alpha=g)
        return total

    def lost_kernel(self, weights: Weights) -> torch.Tensor:
        """Σ g_b times what each band lost, times X_b' of the training rows: (q, n_train)."""
        lost = self.columns.lost.new_zeros((len(self.columns.lost), len(self.train)))
        for band, g in weights.items():
            lost += g * torch.cat([self.columns.lost_kernel(band)[:, at] for at in self.train_slices], dim=1)
        return lost - lost.mean(dim=1, keepdim=True)

    def through_kernel(self, band: int, dual: torch.Tensor) -> torch.Tensor:
        """A band's centred evaluation rows times `through_columns`, without its columns.

        Parameters
        ----------
        band : its number.
        dual : (n_train, n) float64, of zero mean.

        Returns
        -------
        (n_eval, n).
        """
        kernel = self.columns.kernel(band)
        made = dual.new_zeros((len(self.evaluate), dual.shape[1]))
        for part, at in _parts(made, self.eval_slices):
            for coefficients, train in _parts(dual, self.train_slices):
                part.addmm_(kernel[at, train], coefficients)
        return made.sub_(self._kernel_mean(band) @ dual)

    def through_columns(self, band: int, dual: torch.Tensor) -> torch.Tensor:
        """X_b' of the training rows times coefficients of these.

        Parameters
        ----------
        band : its number.
        dual : (n_train, n) float64, of zero mean, so that the rows need not be centred.

        Returns
        -------
        (n_columns_b, n).
        """
        X, made = self.columns.band(band), dual.new_zeros((self.columns.band(band).shape[1], dual.shape[1]))
        for coefficients, at in _parts(dual, self.train_slices):
            made.addmm_(X[at].T, coefficients)
        return made

    def _kernel_mean(self, band: int) -> torch.Tensor:
        """(n_train,) means of X_b X_b' over the training rows."""
        return self._kernel_means.get(band, lambda: self._mean_of_kernel(self.columns.kernel(band)))

    def _mean_of_kernel(self, kernel: torch.Tensor) -> torch.Tensor:
        total = torch.stack([kernel[at].sum(dim=0) for at in self.train_slices]).sum(dim=0) / len(self.train)
        return torch.cat([total[at] for at in self.train_slices])

    def prepare(self, candidates: Iterable[Weights], dtype: torch.dtype = torch.float64) -> None:
        """Make what candidates have in common, before they are decomposed side by side, kernels in a type.

        So all of it is made with all threads, whichever candidates there are: with others its last bits would differ.
        """
        self.mean, self.eval_nuisance  # noqa: B018
        for weights in candidates:
            if self.is_primal(weights):
                for row_band, column_band in combinations_with_replacement(sorted(weights), 2):
                    self._raw(row_band, column_band)
            else:
                for band in weights:
                    if self.spanned is None:
                        self.columns.kernel(band, dtype)
                    else:
                        self._spanned_kernel(band, self.spanned, dtype)

    def rows(self, weights: Weights, evaluate: bool) -> torch.Tensor:
        """Rows of the bands that have weight, centred.

        Parameters
        ----------
        weights : band weights of a candidate, which do not scale the columns.
        evaluate : whether evaluation rows; else training rows.

        Returns
        -------
        (n, n_columns).
        """
        chosen = torch.cat([self.columns.X[:, at] for at, _ in self._weighted(weights)], dim=1)
        kept = torch.cat([chosen[at] for at in (self.eval_slices if evaluate else self.train_slices)])
        return kept - self.side_by_side(self.mean, weights)

    def project(self, weights: Weights, basis_map: torch.Tensor, evaluate: bool) -> torch.Tensor:
        """`rows` @ basis_map, without a copy of the rows.

        Parameters
        ----------
        weights, evaluate : as of `rows`.
        basis_map : (n_columns, k).

        Returns
        -------
        (n, k).
        """
        chosen = [at for at, _ in self._weighted(weights)]
        parts = torch.split(basis_map, [at.stop - at.start for at in chosen])
        projected = []
        for rows in self.eval_slices if evaluate else self.train_slices:
            X, total = self.columns.X[rows], basis_map.new_zeros((rows.stop - rows.start, basis_map.shape[1]))
            for at, part in zip(chosen, parts, strict=True):
                total.addmm_(X[:, at], part)
            projected.append(total)
        return torch.cat(projected) - self.side_by_side(self.mean, weights) @ basis_map

    @made_once
    def mean(self) -> torch.Tensor:
        """(n_columns of all bands,) means over the training rows."""
        return self.sums(self.train_slices) / len(self.train)

    def sums(self, rows: Sequence[slice]) -> torch.Tensor:
        """(n_columns of all bands,) sums over `rows`."""
        X = self.columns.X
        return torch.stack([X[at].sum(dim=0) for at in rows]).sum(dim=0) if rows else X.new_zeros(X.shape[1])

    def _weighted(self, weights: Weights) -> list[tuple[slice, float]]:
        return [(self.columns.at[band], g) for band, g in weights.items()]

    def _centred(self, row_band: int, column_band: int) -> torch.Tensor:
        """(n_columns_one, n_columns_other) of two bands, less the training means."""
        # blocks below the diagonal are those above it, transposed
        if row_band > column_band:
            return self._centred(column_band, row_band).T
        mean_of_rows, mean_of_columns = (self.mean[self.columns.at[band]] for band in (row_band, column_band))
        return torch.addr(self._raw(row_band, column_band), mean_of_rows, mean_of_columns, alpha=-len(self.train))

    def _raw(self, row_band: int, column_band: int) -> torch.Tensor:
        """X_one'X_other over the training rows, as the columns are."""
        return self._grams.get((row_band, column_band), lambda: self._products(row_band, column_band))

    def _products(self, row_band: int, column_band: int) -> torch.Tensor:
        a, b = self.columns.band(row_band), self.columns.band(column_band)
        if self.outer is None:
            return cross(a, b, self.train_slices)
        return self.outer._raw(row_band, column_band) - cross(a, b, self.left_out_slices)


def _parts(values: torch.Tensor, rows: Sequence[slice]) -> Iterator[tuple[torch.Tensor, slice]]:
    """Views of the parts (n, m) of `values` that some contiguous rows of something larger make up, and these."""
    start = 0
    for at in rows:
        stop = start + at.stop - at.start
        yield values[start:stop], at
        start = stop
