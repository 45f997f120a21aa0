"""The eigenbasis of one candidate's training samples, in which every alpha and target is a vector of coordinates.

The model of bands X_b with weights g_b ≥ 0 and one alpha: minimise ‖y − Σ X_b √g_b w_b‖² + α Σ ‖w_b‖², intercept
unpenalised (Nunez-Elizalde et al. 2019, NeuroImage 197:482; Dupré la Tour et al. 2022, NeuroImage 264:119728).
With V the orthonormal left singular vectors of the weighted training columns and λ their squared singular values (the
eigenvalues of the Gram matrix), predictions are H (φ_α ∘ V'y), φ_α = λ / (λ + α).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch

from bids_app.encoding.ridge.splits import Split, Weights
from bids_app.encoding.side_by_side import made_once
from bids_app.records import Array

NEGLIGIBLE = {
    torch.float64: 1e-12,
    torch.float32: 1e-6,
}  # share of the largest eigenvalue below which one is rounding
DROPPED = 1e-6  # ‖change of held-out predictions‖ / ‖training responses‖ that leaving out directions may make


@dataclass(frozen=True, eq=False)
class Basis:
    """The eigenbasis of one candidate's training samples; all float64.

    Parameters
    ----------
    split : rows to fit on and to evaluate on.
    weights : the candidate's band weights.
    eigenvalues : (r,) ascending.
    eval_projection : (n_eval, r) H above.
    basis_map : what gives V'y. `primal`: (n_columns, r) on the columns of the bands that have weight, side by side,
        so that V = X basis_map and V'y = basis_map'(X'y). Else (n_train, r), V itself, or V in the `Split.spanned`
        directions, where there are some.
    primal : which of the two.
    """

    split: Split
    weights: Weights
    eigenvalues: torch.Tensor
    eval_projection: torch.Tensor
    basis_map: torch.Tensor
    primal: bool

    @made_once
    def samples(self) -> torch.Tensor:
        """V (n_train, r), its columns orthonormal and of zero mean."""
        if self.primal:
            return self.split.project(self.weights, self.basis_map, evaluate=False)
        spanned = self.split.spanned
        return self.basis_map if spanned is None else spanned.to(self.basis_map.dtype) @ self.basis_map

    @made_once
    def lost(self) -> torch.Tensor:
        """(q, r) nuisance that the directions lost with the columns: V and H had `Split.train_nuisance` and
        `eval_nuisance` times it besides."""
        if self.primal:
            return self.split.side_by_side(self.split.columns.lost.T, self.weights).T @ self.basis_map
        return self.split.lost_kernel(self.weights) @ (self.samples / self.eigenvalues)

    @made_once
    def reach(self) -> torch.Tensor:
        """(r,) Σ H², what a coordinate of one is in held-out predictions."""
        return self.eval_projection.square().sum(dim=0)

    def band_parts(self, coordinates: torch.Tensor) -> BandParts:
        """Some models, band by band.

        Parameters
        ----------
        coordinates : (r, n) φ_α ∘ V'y of each.
        """
        if self.primal:
            sizes = [self.split.columns.band(band).shape[1] for band in self.weights]
            weights = torch.split(self.basis_map.to(coordinates.dtype) @ coordinates, sizes)
            return PrimalParts(self.split, dict(zip(self.weights, weights, strict=True)))
        return DualParts(self.split, self.weights, (self.samples / self.eigenvalues) @ coordinates.double())

    def shrinkage(self, alphas: torch.Tensor) -> torch.Tensor:
        """φ (n_alphas, r) for alphas (n_alphas,)."""
        return shrinkage_of(self.eigenvalues, alphas)

    def keep(self, chosen: torch.Tensor) -> Basis:
        """The chosen directions (r,) bool."""
        if chosen.all():
            return self
        return replace(
            self,
            eigenvalues=self.eigenvalues[chosen],
            eval_projection=self.eval_projection[:, chosen],
            basis_map=self.basis_map[:, chosen],
        )


class BandParts(Protocol):
    """What models are on each band's own columns, by the cheaper of two ways to hold them; in order of the bands."""

    def predicted(self, band: int) -> torch.Tensor:
        """(n_eval, n) the band's part of held-out predictions."""

    def lost(self, band: int) -> torch.Tensor:
        """(q, n) nuisance that the part would have besides, were it of columns as before they lost it."""

    def weights(self, band: int) -> torch.Tensor:
        """(n_columns_b, n) on the band's own columns."""


@dataclass(frozen=True)
class PrimalParts:
    """`BandParts` of models that are held as weights.

    Parameters
    ----------
    split : rows to fit on and to evaluate on.
    of_band : {band: (n_columns_b, n)}.
    """

    split: Split
    of_band: Mapping[int, torch.Tensor]

    def predicted(self, band: int) -> torch.Tensor:
        """See BandParts."""
        weights = self.of_band[band]
        return self.split.project({band: 1.0}, weights.double(), evaluate=True).to(weights.dtype)

    def lost(self, band: int) -> torch.Tensor:
        """See BandParts."""
        columns, weights = self.split.columns, self.of_band[band]
        return columns.lost[:, columns.at[band]].to(weights.dtype) @ weights

    def weights(self, band: int) -> torch.Tensor:
        """See BandParts."""
        return self.of_band[band]


@dataclass(frozen=True)
class DualParts:
    """`BandParts` of models that are held by training sample, as there are fewer of these than columns: a band's
    weights are g_b X_b' times the dual coefficients, and its predictions need no weights but the band's kernel.

    Parameters
    ----------
    split : rows to fit on and to evaluate on.
    band_weights : {band: g_b}.
    dual : (n_train, n) float64.
    """

    split: Split
    band_weights: Weights
    dual: torch.Tensor

    def predicted(self, band: int) -> torch.Tensor:
        """See BandParts."""
        return self.split.through_kernel(band, self.band_weights[band] * self.dual)

    def lost(self, band: int) -> torch.Tensor:
        """See BandParts."""
        return self.split.lost_kernel({band: self.band_weights[band]}) @ self.dual

    def weights(self, band: int) -> torch.Tensor:
        """See BandParts."""
        return self.split.through_columns(band, self.band_weights[band] * self.dual)


def decompose(split: Split, weights: Weights, dtype: torch.dtype = torch.float64) -> Basis:
    """The eigenbasis of a candidate's training samples, from the smaller of Gram matrix and kernel.

    Parameters
    ----------
    split : rows to fit on and to evaluate on.
    weights : the candidate's band weights.
    dtype : of a kernel, and of what is made of it. In float32 directions of small eigenvalues are lost, so it will do
        for alphas that are not small beside the largest. Gram matrices are decomposed in float64.
    """
    if split.is_primal(weights):
        # X'X of the weighted columns is scaled after it is made, so that all candidates share one Gram matrix
        scale = split.scale(weights)
        eigenvalues, Q = torch.linalg.eigh(scale[:, None] * split.gram(weights) * scale)
        kept = _significant(eigenvalues)
        basis_map = scale[:, None] * Q[:, kept] / torch.sqrt(eigenvalues[kept])
        eval_projection = split.project(weights, basis_map, evaluate=True)
        return Basis(split, weights, eigenvalues[kept], eval_projection, basis_map, primal=True)
    # more columns than samples: V are the kernel's eigenvectors, H = K_eval V / λ
    K, K_eval = split.kernels(weights, dtype)
    eigenvalues, V = torch.linalg.eigh(K)
    kept = _significant(eigenvalues)
    return Basis(
        split, weights, eigenvalues[kept], K_eval @ (V[:, kept] / eigenvalues[kept]), V[:, kept], primal=False
    )


def cholesky_predictor(
    split: Split, weights: Weights, alphas: Sequence[float], factors: dict[float, torch.Tensor]
) -> Callable[[torch.Tensor, Array], torch.Tensor] | None:
    """Held-out predictions of one candidate at a few alphas, without its eigenbasis.

    Parameters
    ----------
    split : rows to fit on and to evaluate on.
    weights : the candidate's band weights.
    alphas : those in question.
    factors : of each alpha, those that were made already; added to.

    Returns
    -------
    X'y (n_columns of all bands, n) where `Split.is_primal`, else training responses (n_train, n) of zero mean, or
    what `Split.spanned` directions have of them, and alphas (n,) → held-out predictions (n_eval, n). None where an
    alpha does not show beside the rounding of the largest eigenvalues.
    """
    primal = split.is_primal(weights)
    if primal:
        scale = split.scale(weights)[:, None]
        A = scale * split.gram(weights) * scale.T
    else:
        A, K_eval = split.kernels(weights)
    if min(alphas) < NEGLIGIBLE[A.dtype] * A.trace():
        return None
    for alpha in alphas:
        if alpha not in factors:
            penalised = A.clone()
            penalised.diagonal().add_(alpha)
            factor, failed = torch.linalg.cholesky_ex(penalised)
            if failed:
                return None
            factors[alpha] = factor

    def predict(given: torch.Tensor, alphas: Array) -> torch.Tensor:
        if primal:
            given = scale * split.side_by_side(given, weights)
        solved = torch.empty_like(given)
        for alpha in np.unique(alphas):
            alike = torch.as_tensor(np.flatnonzero(alphas == alpha), device=given.device)
            solved[:, alike] = torch.cholesky_solve(given[:, alike], factors[float(alpha)])
        return split.project(weights, scale * solved, evaluate=True) if primal else K_eval @ solved

    return predict


def _significant(eigenvalues: torch.Tensor) -> slice:
    """Places of those that are more than rounding, of ascending ones."""
    least = NEGLIGIBLE[eigenvalues.dtype] * eigenvalues[-1].clamp_min(torch.finfo(eigenvalues.dtype).tiny)
    return slice(int((eigenvalues <= least).sum()), None)


def reduced(basis: Basis, least_alpha: float) -> Basis:
    """Without directions that cannot matter at any alpha from `least_alpha` on.

    Parameters
    ----------
    basis : of one candidate.
    least_alpha : the lowest alpha that will be used.
    """
    return basis.keep(influential_directions(basis.eigenvalues, basis.reach, least_alpha))


def shrinkage_of(eigenvalues: torch.Tensor, alphas: torch.Tensor) -> torch.Tensor:
    """φ (n_alphas, r) of eigenvalues (r,) for alphas (n_alphas,)."""
    return eigenvalues / (eigenvalues + alphas[:, None])


def influential_directions(eigenvalues: torch.Tensor, reach: torch.Tensor, least_alpha: float) -> torch.Tensor:
    """All directions but those that cannot matter at any alpha from `least_alpha` on.

    As ‖V'y‖ ≤ ‖y‖, leaving out the directions D moves held-out predictions by at most √(Σ_D ‖H_k‖² φ_k²) ‖y‖
    (Cauchy–Schwarz), which is kept below DROPPED ‖y‖; φ decreases with alpha, so the smallest alpha is the worst.

    Parameters
    ----------
    eigenvalues, reach : (r,) of a candidate's basis.
    least_alpha : the smallest that counts.

    Returns
    -------
    (r,) bool.
    """
    moved = reach * shrinkage_of(eigenvalues, eigenvalues.new_tensor([least_alpha]))[0].square()
    # the least influential first, for as long as all of them together stay below the limit
    ranked, order = torch.sort(moved)
    kept = torch.ones_like(moved, dtype=torch.bool)
    kept[order[torch.cumsum(ranked, dim=0) <= DROPPED**2]] = False
    return kept
