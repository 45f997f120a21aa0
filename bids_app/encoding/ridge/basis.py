"""The eigenbasis of one candidate's training samples, in which every alpha and target is a vector of coordinates.

The model of bands X_b with weights g_b ≥ 0 and one alpha: minimise ‖y − Σ X_b √g_b w_b‖² + α Σ ‖w_b‖², intercept
unpenalised (Nunez-Elizalde et al. 2019, NeuroImage 197:482; Dupré la Tour et al. 2022, NeuroImage 264:119728).
With V the orthonormal left singular vectors of the weighted training columns and lam their squared singular values,
predictions are H (φ_α ∘ V'y), φ_α = lam / (lam + α).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch

from bids_app.encoding.ridge.splits import Split, Weights

NEGLIGIBLE = 1e-12  # eigenvalues below this share of the largest are rounding
DROPPED = 1e-6  # ‖change of held-out predictions‖ / ‖training responses‖ that leaving out directions may make


@dataclass(frozen=True)
class Basis:
    """lam (r,) ascending; held (n_eval, r): H above; and what gives V'y. All float64.

    `primal`: onto (n_columns, r) on the columns of the bands that have weight, side by side, so that V = X onto and
    V'y = onto'(X'y). Else onto (n_train, r) is V itself.
    """

    split: Split
    weights: Weights
    lam: torch.Tensor
    held: torch.Tensor
    onto: torch.Tensor
    primal: bool

    @cached_property
    def samples(self) -> torch.Tensor:
        """V (n_train, r), its columns orthonormal and of zero mean."""
        return self.split.project(self.weights, self.onto, evaluate=False) if self.primal else self.onto

    def directions(self) -> dict[int, torch.Tensor]:
        """{band: (n_columns_b, r)}: a band's weights, on its own columns, are this times φ_α ∘ V'y."""
        if self.primal:
            sizes = [self.split.columns.band(band).shape[1] for band in self.weights]
            return dict(zip(self.weights, torch.split(self.onto, sizes), strict=True))
        dual = self.onto / self.lam
        return {band: g * (self.split.rows({band: g}, evaluate=False).T @ dual) for band, g in self.weights.items()}

    def shrinkage(self, alphas: torch.Tensor) -> torch.Tensor:
        """φ (n_alphas, r) for alphas (n_alphas,)."""
        return self.lam / (self.lam + alphas[:, None])

    def keep(self, chosen: torch.Tensor) -> Basis:
        """The chosen directions (r,) bool."""
        return replace(self, lam=self.lam[chosen], held=self.held[:, chosen], onto=self.onto[:, chosen])


def decompose(split: Split, weights: Weights) -> Basis:
    """From the smaller of Gram matrix and kernel."""
    if split.is_primal(weights):
        scale = split.scale(weights)
        lam, Q = torch.linalg.eigh(scale[:, None] * split.gram(weights) * scale)
        kept = _significant(lam)
        onto = scale[:, None] * Q[:, kept] / torch.sqrt(lam[kept])
        held = split.project(weights, onto, evaluate=True)
        return Basis(split, weights, lam[kept], held, onto, primal=True)
    K, K_eval = split.kernels(weights)
    lam, V = torch.linalg.eigh(K)
    kept = _significant(lam)
    return Basis(split, weights, lam[kept], K_eval @ (V[:, kept] / lam[kept]), V[:, kept], primal=False)


def _significant(lam: torch.Tensor) -> torch.Tensor:
    return lam > NEGLIGIBLE * lam[-1].clamp_min(torch.finfo(lam.dtype).tiny)


def reduced(basis: Basis, least_alpha: float) -> Basis:
    """Without directions that cannot matter at any alpha from `least_alpha` on."""
    return basis.keep(mattering(basis, least_alpha))


def mattering(basis: Basis, least_alpha: float) -> torch.Tensor:
    """(r,) bool: all directions but those that cannot matter at any alpha from `least_alpha` on.

    As ‖V'y‖ ≤ ‖y‖, leaving out the directions D moves held-out predictions by at most √(Σ_D ‖H_k‖² φ_k²) ‖y‖
    (Cauchy–Schwarz), which is kept below DROPPED ‖y‖; φ decreases with alpha, so the smallest alpha is the worst.
    """
    moved = (basis.held * basis.shrinkage(basis.lam.new_tensor([least_alpha]))).square().sum(dim=0)
    ranked, order = torch.sort(moved)
    kept = torch.ones_like(moved, dtype=torch.bool)
    kept[order[torch.cumsum(ranked, dim=0) <= DROPPED**2]] = False
    return kept
