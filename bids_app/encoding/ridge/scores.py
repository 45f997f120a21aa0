"""Held-out scores: sums of squares by fold, pooled to signed R²; Pearson's r by fold, averaged through Fisher's z."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bids_app.records import Array

R_LIMIT = 1 - 1e-12  # so that Fisher's z of a perfect prediction is finite


@dataclass(frozen=True)
class FoldScores:
    """Scores of one outer fold and union, (n_targets,) each.

    Parameters
    ----------
    residual : Σ(y − ŷ)².
    total : Σ(y − ȳ_train)².
    r : Pearson's.
    at_edge : 1 where alpha lies at an end of the grid or beyond, else 0.
    """

    residual: Array
    total: Array
    r: Array
    at_edge: Array


def held_out(Y: torch.Tensor, predictions: torch.Tensor, at_edge: Array) -> FoldScores:
    """Scores of one outer fold.

    Parameters
    ----------
    Y, predictions : (n_eval, n_targets), less the training mean.
    at_edge : (n_targets,) bool, whether the chosen alpha lies at an end of the grid or beyond.
    """
    return FoldScores(
        residual=((Y - predictions) ** 2).sum(dim=0).cpu().numpy(),
        total=(Y**2).sum(dim=0).cpu().numpy(),
        r=pearson(Y, predictions).cpu().numpy(),
        at_edge=at_edge.astype(float),
    )


def pearson(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Correlation of columns.

    Parameters
    ----------
    first, second : (n, n_targets).

    Returns
    -------
    (n_targets,); 0 where one is constant, and short of ±1 so that Fisher's z is finite.
    """
    a, b = first - first.mean(dim=0), second - second.mean(dim=0)
    size = a.norm(dim=0) * b.norm(dim=0)
    r = torch.where(size > 0, (a * b).sum(dim=0) / torch.where(size > 0, size, 1.0), 0.0)
    return r.clamp(-R_LIMIT, R_LIMIT)


def pooled(folds: Sequence[FoldScores]) -> tuple[Array, Array, Array]:
    """rsquared = 1 − Σ residual / Σ total over folds, r by Fisher's z, and the share of folds at the grid's edge."""
    residual = np.sum([fold.residual for fold in folds], axis=0)
    total = np.sum([fold.total for fold in folds], axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        # sums of squares are pooled before the ratio: folds count by their variance
        rsquared = 1 - residual / total
    r = np.tanh(np.mean([np.arctanh(fold.r) for fold in folds], axis=0))
    return rsquared, r, np.mean([fold.at_edge for fold in folds], axis=0)
