"""Principal components of weights over targets: the few patterns over dimensions in which targets differ most."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.linalg import eigh

from bids_app.records import Array
from bids_app.records.fits import SavedWeights, WeightComponents

MOST = 4  # components that are kept of a band
AT_ONCE = 4096  # targets whose weights are in memory together


def weight_components(weights: SavedWeights, chosen: Array, most: int = MOST) -> WeightComponents | None:
    """Principal components of a band's weights, averaged over delays and folds (Huth et al. 2012, Neuron 76:1210).

    Weights are brought to the band's scaled dimensions first, which are the same in all folds. Components are fitted
    to the weights of some targets, less their mean, and all targets are projected on them. The largest loading of
    each is positive.

    Parameters
    ----------
    weights : of one band in the full model.
    chosen : (n_targets,) bool, targets that components are fitted to.
    most : components that are kept.

    Returns
    -------
    None where weights have fewer than two dimensions, targets are fewer than three, or folds have dimensions of
    several sizes, as layers may have.
    """
    n_dims = weights.mean.shape[2]
    rows = np.flatnonzero(chosen)
    if n_dims < 2 or len(rows) < 3 or not np.isfinite(weights.mean).all():
        return None
    mean = sum(block.sum(axis=1) for _, block in _blocks(weights, rows)) / len(rows)
    covariance = np.zeros((n_dims, n_dims))
    for _, block in _blocks(weights, rows):
        rest = block - mean[:, None]
        covariance += rest @ rest.T
    count = min(most, n_dims, len(rows) - 1)
    sizes, axes = eigh(covariance, subset_by_index=[n_dims - count, n_dims - 1])
    sizes, axes = np.maximum(sizes[::-1], 0.0), axes[:, ::-1]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(count)])
    scores = np.full((count, weights.values.shape[-1]), np.nan)
    for at, block in _blocks(weights, np.arange(scores.shape[1])):
        scores[:, at] = axes.T @ (block - mean[:, None])
    total = float(np.trace(covariance))
    return WeightComponents(scores, axes.T, sizes / total if total else sizes, len(rows))


def _blocks(weights: SavedWeights, rows: Array) -> Iterator[tuple[Array, Array]]:
    """Targets, and their weights on the band's scaled dimensions (n_dims, n), averaged over delays and folds."""
    for start in range(0, len(rows), AT_ONCE):
        at = rows[start : start + AT_ONCE]
        folds = []
        for fold, values in enumerate(weights.values):
            of_columns = np.asarray(values[..., at], np.float64).mean(axis=0)
            folds.append(of_columns if weights.axes is None else weights.axes[fold] @ of_columns)
        yield at, np.mean(folds, axis=0)
