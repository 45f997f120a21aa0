"""Scores by layer: a panel a space, R² above and how often each layer is the best below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bids_app.outputs.figures.canvas import BAND_COLOURS, GRID, MUTED, new_figure, styled, svg_bytes

TICKS = 14  # labels of layers at most
Panel = tuple[Sequence[str], Mapping[str, Sequence[float]]]


def profile_panels(panels: Mapping[str, Panel]) -> bytes:
    """SVG: title → names of layers, and by layer 'rsquared', 'q25', 'q75' and 'n_best'."""
    width = 0.7 + 4.2 * len(panels)
    with styled():
        figure = new_figure(width, 3.6)
        grid = figure.subplots(2, len(panels), squeeze=False, sharex="col", height_ratios=(2.4, 1))
        figure.subplots_adjust(
            left=0.75 / width, right=1 - 0.1 / width, top=0.91, bottom=0.13, wspace=0.25, hspace=0.12
        )
        for column, (title, (layers, values)) in enumerate(panels.items()):
            _panel(grid[0, column], grid[1, column], layers, values, BAND_COLOURS[column % len(BAND_COLOURS)])
            grid[0, column].set_title(title)
            grid[1, column].set_xlabel("Layer")
        grid[0, 0].set_ylabel("R²")
        grid[1, 0].set_ylabel("Best in")
        return svg_bytes(figure)


def _panel(top: Any, bottom: Any, layers: Sequence[str], values: Mapping[str, Sequence[float]], colour: str) -> None:
    x = np.arange(len(layers))
    line = {name: np.asarray(values[name], dtype=float) for name in ("rsquared", "q25", "q75", "n_best")}
    top.fill_between(x, line["q25"], line["q75"], color=colour, alpha=0.15, linewidth=0)
    top.plot(x, line["rsquared"], color=colour, marker="o", markersize=4, linewidth=1.6)
    top.axhline(0, color=MUTED, linewidth=0.7)
    bottom.bar(x, line["n_best"], color=colour, width=0.7)
    step = -(-len(layers) // TICKS)
    bottom.set_xticks(x[::step], list(layers)[::step])
    for axes in (top, bottom):
        axes.grid(axis="y", color=GRID, linewidth=0.6)
        axes.set_axisbelow(True)
