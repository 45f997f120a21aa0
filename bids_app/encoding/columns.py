"""Bands as columns: scaling and PCA fitted on training samples, delays side by side."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh

from bids_app.records import Array


def band_columns(values: Array, train: Array, n_components: int | None) -> Array:
    """values (n_times, n_delays, n_dims) → (n_times, n_delays · k) float64, delay by delay; all fitted on the rows
    `train` (n_times,) bool.

    Without PCA each column is centred and scaled to unit variance. With it, dimensions are centred and scaled (over
    the training rows of all delays), projected on their k leading components, and the band as a whole is scaled to
    a mean variance of one, so that components keep their relative size. A column that never varies becomes zero.
    """
    if n_components is None:
        flat = np.asarray(values, np.float64).reshape(len(values), -1)
        return standardized(flat, train)
    n_times, _, n_dims = values.shape
    rows = np.asarray(values, np.float64)
    fitted = rows[train].reshape(-1, n_dims)
    mean, scale = fitted.mean(axis=0), _scale(fitted)
    axes, variances = principal_axes((fitted - mean) / scale, n_components)
    scores = ((rows - mean) / scale).reshape(-1, n_dims) @ axes
    return np.asarray(scores.reshape(n_times, -1) / np.sqrt(max(float(variances.mean()), np.finfo(float).tiny)))


def standardized(columns: Array, train: Array) -> Array:
    """(n_times, n_columns) centred and scaled by the training rows."""
    return np.asarray((columns - columns[train].mean(axis=0)) / _scale(columns[train]))


def _scale(rows: Array) -> Array:
    """Standard deviations; infinity for what does not vary, so that it becomes zero."""
    deviation = rows.std(axis=0)
    tiny = 1e-10 * np.abs(rows).max(axis=0, initial=0.0)
    return np.where(deviation > tiny, deviation, np.inf)


def principal_axes(rows: Array, n_components: int) -> tuple[Array, Array]:
    """rows (n, n_dims) centred → axes (n_dims, k) and variances (k,), largest first, k ≤ n_components; each axis's
    entry of largest magnitude is positive, so that equal input gives equal signs."""
    n_dims, k = rows.shape[1], min(n_components, rows.shape[1])
    variances, axes = eigh(rows.T @ rows / len(rows), subset_by_index=[n_dims - k, n_dims - 1])
    axes, variances = axes[:, ::-1], variances[::-1]
    largest = np.argmax(np.abs(axes), axis=0)
    return axes * np.sign(axes[largest, np.arange(k)]), np.maximum(variances, 0.0)
