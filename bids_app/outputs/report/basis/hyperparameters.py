"""What a report shows of the penalties and band weights that targets chose."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bids_app.outputs.derivatives.hyperparameters import read_hyperparameters
from bids_app.outputs.derivatives.summary import predicted
from bids_app.outputs.figures.charts import hyperparameters_chart
from bids_app.outputs.report.drawing import Drawing
from bids_app.outputs.report.unit.figures import who_is_shown
from bids_app.outputs.wording.phrases import listed, number
from bids_app.records import LOG_ALPHA, SOLVERS, Array, WrittenUnit, band_weight_label

CLOSE = 1e-4  # of log10: what a file of maps rounds
AT_AN_END = (
    " In many folds the penalty was at an end of those that its band weights were tried with, which a warning "
    "counts: widen fit.alphas."
)
WARNED = "alpha lies at an end of its grid"  # how the unit's warning says so


def hyperparameters_drawing(out_dir: Path, unit: WrittenUnit) -> Drawing | None:
    """Distributions over targets of the full model's penalty and band weights; None where the fit does not say them.

    Parameters
    ----------
    out_dir : where results lie.
    unit : as read back.
    """
    read = read_hyperparameters(out_dir, unit)
    shown = _shown(unit, read) if read else np.zeros(0, dtype=bool)
    if not shown.any():
        return None
    analysis = unit.summary.provenance.analysis
    lowest, highest, _ = analysis.fit.alphas
    grid, log_alpha = (float(np.log10(lowest)), float(np.log10(highest))), read[LOG_ALPHA][shown].astype(float)
    bands = [band for members in analysis.groups.values() for band in members]
    weights = {
        band: read[band_weight_label(band)][shown].astype(float)
        for band in bands
        if SOLVERS[analysis.fit.solver].searches_bands and len(bands) > 1
    }
    content = hyperparameters_chart(log_alpha, grid, weights, unit.partition.groups)
    words = _penalty(unit, log_alpha, grid) + _weights(weights)
    alt = f"Distributions over targets of log10 alpha, median {number(float(np.median(log_alpha)), 1)}"
    return Drawing("hyperparameters", content, f"{alt}, and of band weights" if weights else alt, words)


def _shown(unit: WrittenUnit, read: dict[str, Array]) -> Array:
    """(n_targets,) of the targets that charts are about."""
    known = np.isfinite(np.column_stack(list(read.values()))).all(axis=1)
    full = np.asarray(unit.partition.values["full"]["rsquared"])
    return np.asarray(known & (predicted(full) if unit.summary.targets.n_predicted else np.isfinite(full)))


def _penalty(unit: WrittenUnit, log_alpha: Array, grid: tuple[float, float]) -> str:
    lowest, highest = int((log_alpha <= grid[0] + CLOSE).sum()), int((log_alpha >= grid[1] - CLOSE).sum())
    warned = any(WARNED in line for line in unit.summary.warnings)
    return (
        f"What the full model chose in its inner folds, over {who_is_shown(unit.summary)}. The median log10 of alpha "
        f"is {number(float(np.median(log_alpha)), 1)}; the grid goes from {grid[0]:.3g} to {grid[1]:.3g} (dashed). "
        f"{lowest} of {len(log_alpha)} targets lie at its lowest penalty, {highest} at its highest or beyond."
        f"{AT_AN_END if warned else ''}"
    )


def _weights(weights: dict[str, Array]) -> str:
    if not weights:
        return " All bands are penalised alike."
    medians = (f"{band} {number(float(np.median(values)), 2)}" for band, values in weights.items())
    return (
        f" A band's weight says how little it is penalised beside the others, not how much it explains; medians over "
        f"targets (lines): {listed(medians)}."
    )
