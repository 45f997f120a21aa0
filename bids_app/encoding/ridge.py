"""Ridge and banded ridge on arrays: one decomposition a split and candidate serves every alpha and target.

The model of bands X_b with weights g_b ≥ 0 and one alpha: minimise ‖y − Σ X_b √g_b w_b‖² + α Σ ‖w_b‖², intercept
unpenalised (Nunez-Elizalde et al. 2019, NeuroImage 197:482; Dupré la Tour et al. 2022, NeuroImage 264:119728).
With fewer columns than training samples everything follows from Gram matrices X'X, else from kernels XX' by band.
Sums and decompositions are in float64; the search alone multiplies in float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from bids_app.records import Array

NEGLIGIBLE = 1e-12  # kernel eigenvalues below this share of the largest are rounding
Weights = Mapping[int, float]  # band → g > 0; bands of weight zero are left out


@dataclass
class Split:
    """Training and evaluation samples of one split, all centred by the training means.

    X and X_eval: (n, n_columns_b) of each band; Y and Y_eval (n, n_targets). Products are made once, when asked for.
    """

    X: Sequence[torch.Tensor]
    Y: torch.Tensor
    X_eval: Sequence[torch.Tensor]
    Y_eval: torch.Tensor
    _products: dict[tuple[str, int, int], torch.Tensor] = field(default_factory=dict)

    def is_primal(self, weights: Weights) -> bool:
        """Whether columns are no more than training samples, so that the Gram matrix is the smaller one."""
        return sum(self.X[band].shape[1] for band in weights) <= len(self.Y)

    def gram(self, weights: Weights, evaluation: bool = False) -> torch.Tensor:
        """X'X (n_columns, n_columns) of the weighted bands side by side."""
        name, scale = "gram_eval" if evaluation else "gram", self._scale(weights)
        blocks = [torch.cat([self._block(name, one, other) for other in weights], dim=1) for one in weights]
        return scale[:, None] * torch.cat(blocks) * scale

    def cross(self, weights: Weights, evaluation: bool = False) -> torch.Tensor:
        """X'Y (n_columns, n_targets)."""
        name = "cross_eval" if evaluation else "cross"
        return self._scale(weights)[:, None] * torch.cat([self._product(name, band) for band in weights])

    def kernel(self, weights: Weights, evaluation: bool = False) -> torch.Tensor:
        """Σ g_b X_b X_b' (n_train, n_train), or evaluation against training samples (n_eval, n_train)."""
        name = "kernel_eval" if evaluation else "kernel"
        total = torch.zeros((), dtype=self.Y.dtype, device=self.Y.device)
        for band, g in weights.items():
            total = total + g * self._product(name, band)
        return total

    def evaluated(self, weights: Weights) -> torch.Tensor:
        """(n_eval, n_columns) weighted bands side by side."""
        return torch.cat([g**0.5 * self.X_eval[band] for band, g in weights.items()], dim=1)

    def _scale(self, weights: Weights) -> torch.Tensor:
        return torch.cat([self.Y.new_full((self.X[band].shape[1],), g**0.5) for band, g in weights.items()])

    def _block(self, name: str, one: int, other: int) -> torch.Tensor:
        return self._product(name, one, other) if one <= other else self._product(name, other, one).T

    def _product(self, name: str, one: int, other: int = -1) -> torch.Tensor:
        key = name, one, other
        if key not in self._products:
            X, X_eval = self.X, self.X_eval
            make = {
                "gram": lambda: X[one].T @ X[other],
                "gram_eval": lambda: X_eval[one].T @ X_eval[other],
                "cross": lambda: X[one].T @ self.Y,
                "cross_eval": lambda: X_eval[one].T @ self.Y_eval,
                "kernel": lambda: X[one] @ X[one].T,
                "kernel_eval": lambda: X_eval[one] @ X[one].T,
            }
            self._products[key] = make[name]()
        return self._products[key]


def make_split(X: Sequence[torch.Tensor], Y: torch.Tensor, train: torch.Tensor, evaluate: torch.Tensor) -> Split:
    """Rows `train` and `evaluate` (indices) of bands and targets, centred by the training rows' means."""
    means = [band[train].mean(dim=0) for band in X]
    y_mean = Y[train].mean(dim=0)
    return Split(
        [band[train] - mean for band, mean in zip(X, means, strict=True)],
        Y[train] - y_mean,
        [band[evaluate] - mean for band, mean in zip(X, means, strict=True)],
        Y[evaluate] - y_mean,
    )


@dataclass(frozen=True)
class Basis:
    """Eigenbasis of one candidate: the solution at alpha has coordinates M / (lam + alpha), (r, n_targets).

    lam (r,); M (r, n_targets); Q (n_columns, r) on weighted columns if `primal`, else (n_train, r) on samples.
    """

    lam: torch.Tensor
    M: torch.Tensor
    Q: torch.Tensor
    primal: bool

    def predictor(self, split: Split, weights: Weights) -> torch.Tensor:
        """(n_eval, r): held-out predictions are this times the coordinates."""
        evaluated = split.evaluated(weights) if self.primal else split.kernel(weights, evaluation=True)
        return evaluated @ self.Q

    def directions(self, split: Split, weights: Weights) -> dict[int, torch.Tensor]:
        """{band: (n_columns_b, r)}: a band's weights, on its own columns, are this times the coordinates."""
        if not self.primal:
            return {band: g * (split.X[band].T @ self.Q) for band, g in weights.items()}
        pieces = torch.split(self.Q, [split.X[band].shape[1] for band in weights])
        return {band: g**0.5 * piece for (band, g), piece in zip(weights.items(), pieces, strict=True)}


def decompose(split: Split, weights: Weights) -> Basis:
    """Eigendecomposition of the smaller of Gram matrix and kernel."""
    if split.is_primal(weights):
        lam, Q = torch.linalg.eigh(split.gram(weights))
        return Basis(lam.clamp_min(0.0), Q.T @ split.cross(weights), Q, primal=True)
    lam, V = torch.linalg.eigh(split.kernel(weights))
    keep = lam > NEGLIGIBLE * lam[-1]
    root = torch.sqrt(lam[keep])
    return Basis(lam[keep], root[:, None] * (V[:, keep].T @ split.Y), V[:, keep] / root, primal=False)


def squared_errors(split: Split, weights: Weights, alphas: Array) -> torch.Tensor:
    """(n_alphas, n_targets) sums of squared errors on the evaluation samples, one alpha at a time.

    From predictions, or where columns are fewer than evaluation samples from Gram matrices alone:
    Σy² − 2w'X'y + w'X'Xw.
    """
    basis = decompose(split, weights)
    if basis.primal and len(basis.lam) <= len(split.Y_eval):
        return _errors_from_gram(split, weights, basis, alphas)
    predictor, Y = basis.predictor(split, weights).float(), split.Y_eval.float()
    lam, M = basis.lam.float()[:, None], basis.M.float()
    residuals = (torch.addmm(Y, predictor, M / (lam + alpha), alpha=-1) for alpha in alphas.tolist())
    return torch.stack([residual.square_().sum(dim=0) for residual in residuals])


def _errors_from_gram(split: Split, weights: Weights, basis: Basis, alphas: Array) -> torch.Tensor:
    H = (basis.Q.T @ split.gram(weights, evaluation=True) @ basis.Q).float()
    twice = 2 * (basis.Q.T @ split.cross(weights, evaluation=True)).float()
    lam, M = basis.lam.float()[:, None], basis.M.float()
    power = (split.Y_eval**2).sum(dim=0)
    errors = []
    for alpha in alphas.tolist():
        w = M / (lam + alpha)
        errors.append(power + (w * torch.addmm(twice, H, w, beta=-1)).sum(dim=0))
    return torch.stack(errors)


@dataclass(frozen=True)
class Choice:
    """Per target: index of the candidate and of the alpha, and the mean squared error over all inner folds."""

    candidate: Array
    alpha: Array
    error: Array


class Search:
    """Random search over candidates × alphas by inner cross-validation; a candidate that several unions share is
    tried once."""

    def __init__(self, inner: Sequence[Split], alphas: Array) -> None:
        self._inner, self._alphas = inner, alphas
        self._tried: dict[frozenset[tuple[int, float]], tuple[Array, Array]] = {}

    def choose(self, candidates: Sequence[Weights]) -> Choice:
        """The least error pooled over inner folds, target by target; ties go to the first candidate and the largest
        alpha."""
        tried = [self._best_alpha(weights) for weights in candidates]
        errors = np.stack([error for _, error in tried])
        candidate = np.argmin(errors, axis=0)
        alpha = np.stack([at for at, _ in tried])
        chosen = candidate, np.arange(errors.shape[1])
        return Choice(candidate, alpha[chosen], errors[chosen])

    def _best_alpha(self, weights: Weights) -> tuple[Array, Array]:
        key = frozenset(weights.items())
        if key not in self._tried:
            n_eval = sum(len(split.Y_eval) for split in self._inner)
            summed = [squared_errors(split, weights, self._alphas) for split in self._inner]
            errors = (torch.stack(summed).sum(dim=0, dtype=torch.float64) / n_eval).cpu().numpy()
            at = len(self._alphas) - 1 - np.argmin(errors[::-1], axis=0)
            self._tried[key] = at, np.take_along_axis(errors, at[None], axis=0)[0]
        return self._tried[key]


def refit(split: Split, candidates: Sequence[Weights], alphas: Array, choice: Choice) -> torch.Tensor:
    """Held-out predictions (n_eval, n_targets), less the training mean, of the chosen models fitted on all training
    samples of `split`."""
    predictions = torch.zeros_like(split.Y_eval)
    for weights, mine, basis, coordinates in _chosen(split, candidates, alphas, choice):
        predictions = torch.where(mine, basis.predictor(split, weights) @ coordinates, predictions)
    return predictions


def total_weights(
    split: Split, candidates: Sequence[Weights], alphas: Array, choice: Choice
) -> dict[int, torch.Tensor]:
    """Weights {band: (n_columns_b, n_targets)} on the bands' own columns, of the models `refit` predicts from."""
    bands = sorted({band for weights in candidates for band in weights})
    total = {band: split.Y.new_zeros((split.X[band].shape[1], split.Y.shape[1])) for band in bands}
    for weights, mine, basis, coordinates in _chosen(split, candidates, alphas, choice):
        for band, directions in basis.directions(split, weights).items():
            total[band] = torch.where(mine, directions @ coordinates, total[band])
    return total


def _chosen(
    split: Split, candidates: Sequence[Weights], alphas: Array, choice: Choice
) -> Iterator[tuple[Weights, torch.Tensor, Basis, torch.Tensor]]:
    """Every chosen candidate: its weights, the targets that chose it (n_targets,), its basis and coordinates.

    Coordinates are of all targets, for callers to take theirs from the product: a product's last bits depend on its
    shape, and so a target's would on its neighbours' choices.
    """
    alpha = torch.as_tensor(alphas[choice.alpha], dtype=split.Y.dtype, device=split.Y.device)
    for number in np.unique(choice.candidate):
        basis = decompose(split, candidates[number])
        mine = torch.as_tensor(choice.candidate == number, device=split.Y.device)
        yield candidates[number], mine, basis, basis.M / (basis.lam[:, None] + alpha)


def as_candidates(table: Array, bands: Sequence[int]) -> list[dict[int, float]]:
    """Rows of band weights → {band: weight}, zeros left out; rows that repeat an earlier one are dropped."""
    kept: list[dict[int, float]] = []
    for row in table:
        weights = {band: float(g) for band, g in zip(bands, row, strict=True) if g > 0}
        if weights not in kept:
            kept.append(weights)
    return kept
