"""Held-out scores: sums of squares by fold, pooled to signed R²; correlations by fold, through Fisher's z."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bids_app.records import Array

R_LIMIT = 1 - 1e-12  # so that Fisher's z of a perfect prediction is finite
COLLINEAR = 1e-6  # share of a column's variance that others leave: less is rounding of single precision


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


def partial_correlation(first: torch.Tensor, second: torch.Tensor, given: Sequence[torch.Tensor]) -> torch.Tensor:
    """Correlation of columns, each less its regression on other columns of the same target.

    Parameters
    ----------
    first, second : (n, n_targets).
    given : (n, n_targets) each; what an earlier one says already is left out.

    Returns
    -------
    (n_targets,); 0 where the others leave nothing of one of the two.
    """
    kept: list[torch.Tensor] = []  # orthonormal columns, or zeros
    for each in given:
        kept.append(_unit(_less(each - each.mean(dim=0), kept), each))
    a, b = (_unit(_less(each - each.mean(dim=0), kept), each) for each in (first, second))
    return (a * b).sum(dim=0).clamp(-R_LIMIT, R_LIMIT)


def _less(values: torch.Tensor, kept: Sequence[torch.Tensor]) -> torch.Tensor:
    """Values (n, n_targets) less their projections on orthonormal columns."""
    for column in kept:
        values = values - column * (column * values).sum(dim=0)
    return values


def _unit(rest: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    """What is left of columns, at length 1; 0 where it is but rounding."""
    left, all_of_it = rest.square().sum(dim=0), (whole - whole.mean(dim=0)).square().sum(dim=0)
    there = left > COLLINEAR * all_of_it
    return torch.where(there, rest / torch.where(there, left, 1.0).sqrt(), 0.0)


def averaged_r(r: Sequence[Array], n_test: Sequence[int]) -> Array:
    """Correlations of folds averaged through Fisher's z, each weighted by its test samples.

    Within folds: over all samples together, differences between the folds' training means bias r downwards.

    Parameters
    ----------
    r : of each fold (n_targets,) or (n_unions, n_targets).
    n_test : test samples of each fold.
    """
    return np.asarray(np.tanh(np.average([np.arctanh(fold) for fold in r], axis=0, weights=n_test)))


def pooled(folds: Sequence[FoldScores], n_test: Sequence[int]) -> tuple[Array, Array, Array]:
    """rsquared = 1 − Σ residual / Σ total over folds, `averaged_r`, and the share of folds at the grid's edge.

    Parameters
    ----------
    folds : scores of each.
    n_test : test samples of each.
    """
    residual = np.sum([fold.residual for fold in folds], axis=0)
    total = np.sum([fold.total for fold in folds], axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        # sums of squares are pooled before the ratio: folds count by their variance
        rsquared = 1 - residual / total
    r = averaged_r([fold.r for fold in folds], n_test)
    return rsquared, r, np.mean([fold.at_edge for fold in folds], axis=0)
