"""Two models beside each other: their scores, their agreement, and whose their explained variance is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bids_app.outputs.figures.canvas import GRID, GROUP_COLOURS, INK, MUTED, as_pixels, new_figure, styled, svg_bytes
from bids_app.records import AgreementHistogram, Array, StatisticSummary


def agreement_chart(names: tuple[str, str], scores: tuple[Array, Array], agreement: AgreementHistogram) -> bytes:
    """SVG: R² of one model on that of the other, and a histogram of the correlations of what they predict.

    Parameters
    ----------
    names : of the two models.
    scores : R² of each alone, (n_targets,) each.
    agreement : how many targets have which correlation.
    """
    with styled():
        figure = new_figure(7.2, 3.0)
        left, right = figure.subplots(1, 2)
        figure.subplots_adjust(left=0.09, right=0.98, top=0.9, bottom=0.17, wspace=0.3)
        both = np.concatenate(scores)
        both = both[np.isfinite(both)]
        low, high = float(both.min(initial=0.0)), float(both.max(initial=0.02))
        margin = 0.06 * (high - low)
        ends = (low - margin, high + margin)
        left.plot(ends, ends, color=MUTED, linewidth=0.9)
        left.plot(*scores, "o", color=GROUP_COLOURS[0], alpha=0.45, markersize=3.2, markeredgewidth=0)
        left.set(xlim=ends, ylim=ends, xlabel=f"R² of {names[0]}", ylabel=f"R² of {names[1]}")
        left.set_title("Scores")
        as_pixels([left])
        edges = agreement.edges
        right.bar(edges[:-1], agreement.counts, width=np.diff(edges), align="edge", color=GROUP_COLOURS[0], alpha=0.7)
        right.axvline(0, color=MUTED, linewidth=0.8)
        right.set(xlim=(-1, 1), xlabel="r of predicted time courses", ylabel="targets")
        right.set_title("Predictions")
        return svg_bytes(figure)


def shares_chart(shares: Mapping[str, StatisticSummary], differences: Mapping[str, StatisticSummary]) -> bytes:
    """SVG: rows of words, each a share or a difference with its 95 % confidence interval.

    Parameters
    ----------
    shares : words → share of a part, a bar in %.
    differences : words → difference in R², a dot.
    """
    rows = len(shares) + len(differences)
    height = 0.25 * rows + 1.4
    with styled():
        figure = new_figure(7.2, height)
        above, below = figure.subplots(2, 1, height_ratios=[len(shares), max(len(differences), 1)])
        figure.subplots_adjust(left=0.44, right=0.97, top=1 - 0.1 / height, bottom=0.5 / height, hspace=0.5)
        _rows(above, shares, 100, bars=True)
        above.set(xlabel="% of what both models explain")
        _rows(below, differences, 1, bars=False)
        below.set(xlabel="shared context, less …: difference in mean R²")
        return svg_bytes(figure)


def _rows(axes: Any, rows: Mapping[str, StatisticSummary], scale: float, bars: bool) -> None:
    for y, row in enumerate(rows.values()):
        value = np.nan if row.value is None else scale * row.value
        if bars:
            axes.barh(y, value, height=0.62, color=GROUP_COLOURS[0], alpha=0.75, linewidth=0)
        else:
            axes.plot(value, y, "o", color=GROUP_COLOURS[0], markersize=5)
        if row.low is not None and row.high is not None:
            axes.plot([scale * row.low, scale * row.high], [y, y], color=INK, linewidth=1.2, solid_capstyle="butt")
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), list(rows), fontsize=7.5)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
