"""How a band's dimensions became the columns that were fitted: what weights on columns need to be read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bids_app.encoding.design.columns import NOTHING, column_scale, in_fold, principal_axes, projected_values
from bids_app.records import Array, Design


@dataclass(frozen=True)
class ColumnMap:
    """Columns of an outer fold, centred as the fit centres them, are (x − mean) / scale of a band's dimensions x at
    each delay, times `axes` where the band has principal components; then less nuisance, where the design is
    residualised.

    mean, scale : (n_delays, n_dims); scale is infinite for what does not vary. axes : (n_dims, k), or none.
    """

    mean: Array
    scale: Array
    axes: Array | None = None


def column_map(design: Design, band: str, fold: int, train: Array) -> ColumnMap:
    """That of `design_columns`, made again from the same rows.

    Parameters
    ----------
    design : of which the bands, projections, layers and PCA count.
    band : its name; of a projected one the dimensions are those of its sources times the fold's matrix.
    fold : number of the outer fold.
    train : (n_times,) bool, rows that scaling and PCA are fitted on.
    """
    if band in design.projected:
        projected = design.projected[band]
        sources = {name: in_fold(design, name, fold) for name in projected.sources}
        values = projected_values(sources, projected, fold)[train]
        spread = values.var(axis=0)
        varies = spread > NOTHING
        factor = np.sqrt(spread[varies].mean()) if varies.any() else np.inf
        return ColumnMap(values.mean(axis=0), np.full(values.shape[1:], factor))
    rows = np.asarray(in_fold(design, band, fold)[train], np.float64)
    n_delays, n_dims = rows.shape[1:]
    n_components = design.pca.get(band)
    if n_components is None:
        scale = column_scale(rows.reshape(len(rows), -1)).reshape(n_delays, n_dims)
        return ColumnMap(rows.mean(axis=0), scale)
    flat = rows.reshape(-1, n_dims)
    mean, scale = flat.mean(axis=0), column_scale(flat)
    axes, variances = principal_axes((flat - mean) / scale, n_components)
    axes = axes / np.sqrt(max(float(variances.mean()), np.finfo(float).tiny))
    # the fit centres columns delay by delay, whatever components were centred by
    return ColumnMap(rows.mean(axis=0), np.tile(scale, (n_delays, 1)), axes)
