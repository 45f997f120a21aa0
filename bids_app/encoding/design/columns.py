"""Bands as columns: scaling and PCA fitted on training samples, delays side by side, less what responses are cleaned
of."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.linalg import block_diag, eigh

from bids_app.encoding.design.folds import outer_split
from bids_app.records import Array, Design, Projected

LOST = 0.99  # share of its variance that a column may lose to nuisance; of one that loses more, chance is left
NOTHING = 1e-20  # variance of a projected band's column below which it is empty


def design_columns(design: Design, band: str, fold: int, train: Array) -> Array:
    """A band of the design, its own or projected, as columns of one outer fold, residualised where the design is.

    Columns are scaled before they lose nuisance and never after. One that loses more than `LOST` of its variance over
    the training rows is zero.

    Parameters
    ----------
    design : of which the bands, projections, layers and PCA count.
    band : its name.
    fold : number of the outer fold, which decides layers and projections.
    train : (n_times,) bool, rows that scaling and PCA are fitted on.

    Returns
    -------
    (n_times, n_delays · k) float64, delay by delay.
    """
    return columns_and_lost(design, band, fold, train)[0]


def columns_and_lost(design: Design, band: str, fold: int, train: Array) -> tuple[Array, Array]:
    """`design_columns`, and what they lost: with `nuisance_columns` times it they are as they were.

    Cleaned responses have no nuisance in them, so columns have the same product with those of a run as before they
    lost it. The sums of its blocks that such a product is made of are as good as independent only with columns as
    they were, which know nothing of what cleaning has tied together: so these are what sums by block meet.

    Parameters
    ----------
    design, band, fold, train : as of `design_columns`.

    Returns
    -------
    (n_times, n_delays · k) and (q, n_delays · k) float64, zero in both for a column that is left out. q is 0 where
    columns are not residualised.
    """
    columns = _scaled_columns(design, band, fold, train)
    if not design.residualised:
        return columns, np.zeros((0, columns.shape[1]))
    residualised, lost, left_out = _residualised(columns, design, train)
    lost[:, left_out] = 0.0
    return residualised, lost


def nuisance_columns(design: Design) -> Array:
    """Orthonormal nuisance of each run beside that of the others, zero in them: (n_times, q), of a design that is not
    residualised (n_times, 0)."""
    return np.asarray(block_diag(*design.nuisance)) if design.residualised else np.zeros((len(design.runs), 0))


def what_is_lost(design: Design, band: str) -> tuple[int, float]:
    """What a band loses where it is residualised: columns that are left out, as nuisance explains them, the most in
    any outer fold; and the share of its variance that nuisance takes, the least in any.

    Parameters
    ----------
    design : with its folds and nuisance, residualised or not.
    band : its name.
    """
    n_lost, shares = 0, [1.0]
    for fold in np.unique(design.folds).tolist():
        train = outer_split(design, fold)[0]
        columns = _scaled_columns(design, band, fold, train)
        before = _squares(columns, train).sum()
        residualised, _, left_out = _residualised(columns, design, train)
        n_lost = max(n_lost, int(left_out.sum()))
        shares.append(1 - float(_squares(residualised, train).sum() / before) if before else 1.0)
    return n_lost, min(shares)


def _residualised(columns: Array, design: Design, train: Array) -> tuple[Array, Array, Array]:
    """Columns (n_times, n_columns), which are overwritten, less the nuisance of each run; how much they lost of each
    (q, n_columns); and (n_columns,) bool: those that have lost too much and are zero."""
    before, lost = _squares(columns, train), []
    ends = np.cumsum([len(basis) for basis in design.nuisance])
    for basis, end in zip(design.nuisance, ends.tolist(), strict=True):
        run = columns[end - len(basis) : end]
        lost.append(basis.T @ run)
        run -= basis @ lost[-1]
    left_out = (before > 0) & (_squares(columns, train) < (1 - LOST) * before)
    columns[:, left_out] = 0.0
    return columns, np.concatenate([columns[:0], *lost]), left_out


def _squares(columns: Array, train: Array) -> Array:
    """(n_columns,) sums of squares over the training rows, without a copy of them."""
    return np.asarray(np.einsum("tc,tc,t->c", columns, columns, train.astype(np.float64)))


def _scaled_columns(design: Design, band: str, fold: int, train: Array) -> Array:
    """`design_columns` before nuisance is taken out of them, in an array of their own."""
    if band in design.projected:
        projected = design.projected[band]
        return projected_columns(
            {name: in_fold(design, name, fold) for name in projected.sources}, projected, fold, train
        )
    return band_columns(in_fold(design, band, fold), train, design.pca.get(band))


def in_fold(design: Design, band: str, fold: int) -> Array:
    """A band in an outer fold: of a band of layers a view of the one chosen there.

    Parameters
    ----------
    design : of which bands and layers count.
    band : its name, not that of a projected one.
    fold : number of the outer fold.

    Returns
    -------
    (n_times, n_delays, n_dims).
    """
    layered = design.layered.get(band)
    return design.bands[band] if layered is None else design.bands[band][:, :, layered.dims(fold)]


def n_delays(design: Design, band: str) -> int:
    """Those of the design, but for a band that has its own.

    Parameters
    ----------
    design : of which bands and projected bands count.
    band : its name.
    """
    source = design.projected[band].sources[0] if band in design.projected else band
    return int(design.bands[source].shape[1])


def n_dims(design: Design, band: str) -> int:
    """k of `design_columns`, the most in any fold.

    Parameters
    ----------
    design : of which bands, layers and PCA count.
    band : its name.
    """
    if band in design.projected:
        return design.projected[band].n_dims
    most = max(in_fold(design, band, fold).shape[2] for fold in np.unique(design.folds).tolist())
    return int(min(design.pca.get(band) or np.inf, most))


def projected_columns(bands: Mapping[str, Array], projected: Projected, fold: int, train: Array) -> Array:
    """A projected band as columns: sources times the fold's matrix, delay by delay.

    Columns are centred by the rows `train` and scaled by one factor to a mean variance of one over them, columns that
    never vary apart. Resampling, sums over words and delays are linear along time, so the same comes of projecting
    rows first; the matrix's constant then needs a source that is one in every row.

    Parameters
    ----------
    bands : source → (n_times, n_delays, n_dims).
    projected : sources and matrices.
    fold : number of the outer fold.
    train : (n_times,) bool.

    Returns
    -------
    (n_times, n_delays · k) float64.
    """
    columns: Array = projected_values(bands, projected, fold).reshape(len(train), -1)
    columns -= columns[train].mean(axis=0)
    variances = np.square(columns[train]).mean(axis=0)
    varies = variances > NOTHING
    return columns / np.sqrt(variances[varies].mean()) if varies.any() else np.zeros_like(columns)


def projected_values(bands: Mapping[str, Array], projected: Projected, fold: int) -> Array:
    """Sources side by side times the fold's matrix.

    Parameters
    ----------
    bands : source → (n_times, n_delays, n_dims).
    projected : sources and matrices.
    fold : number of the outer fold.

    Returns
    -------
    (n_times, n_delays, k) float64.
    """
    values, row = np.zeros(1), 0
    for source in projected.sources:
        stop = row + bands[source].shape[2]
        # each source meets its own rows of the matrix: no source is copied beside the others
        values = values + bands[source] @ projected.matrices[fold][row:stop]
        row = stop
    return values


def band_columns(values: Array, train: Array, n_components: int | None) -> Array:
    """A band as columns, all fitted on the training rows.

    Without PCA each column is centred and scaled to unit variance. With it, dimensions are centred and scaled (over
    the training rows of all delays), projected on their k leading components, and the band as a whole is scaled to a
    mean variance of one, so that components keep their relative size. A column that never varies becomes zero.

    Parameters
    ----------
    values : (n_times, n_delays, n_dims).
    train : (n_times,) bool.
    n_components : kept by PCA; None: no PCA.

    Returns
    -------
    (n_times, n_delays · k) float64, delay by delay.
    """
    if n_components is None:
        flat = np.asarray(values, np.float64).reshape(len(values), -1)
        return standardized(flat, train)
    n_times, _, n_dims = values.shape
    rows = np.asarray(values, np.float64)
    fitted = rows[train].reshape(-1, n_dims)
    mean, scale = fitted.mean(axis=0), column_scale(fitted)
    # one set of axes for all delays, so that a dimension means the same at each
    axes, variances = principal_axes((fitted - mean) / scale, n_components)
    scores = ((rows - mean) / scale).reshape(-1, n_dims) @ axes
    return np.asarray(scores.reshape(n_times, -1) / np.sqrt(max(float(variances.mean()), np.finfo(float).tiny)))


def standardized(columns: Array, train: Array) -> Array:
    """Columns centred and scaled to unit variance by the training rows; those that never vary become zero.

    Parameters
    ----------
    columns : (n_times, n_columns).
    train : (n_times,) bool.
    """
    return np.asarray((columns - columns[train].mean(axis=0)) / column_scale(columns[train]))


def column_scale(rows: Array) -> Array:
    """(n_columns,) standard deviations of (n, n_columns); infinity for what does not vary, so that it becomes 0."""
    deviation = rows.std(axis=0)
    tiny = 1e-10 * np.abs(rows).max(axis=0, initial=0.0)
    return np.where(deviation > tiny, deviation, np.inf)


def principal_axes(rows: Array, n_components: int) -> tuple[Array, Array]:
    """Leading principal axes; each one's entry of largest magnitude is positive, so that equal input gives equal
    signs.

    Parameters
    ----------
    rows : (n, n_dims), centred.
    n_components : k at most.

    Returns
    -------
    Axes (n_dims, k) and variances (k,), largest first.
    """
    n_dims, k = rows.shape[1], min(n_components, rows.shape[1])
    variances, axes = eigh(rows.T @ rows / len(rows), subset_by_index=[n_dims - k, n_dims - 1])
    axes, variances = axes[:, ::-1], variances[::-1]
    largest = np.argmax(np.abs(axes), axis=0)
    return axes * np.sign(axes[largest, np.arange(k)]), np.maximum(variances, 0.0)
