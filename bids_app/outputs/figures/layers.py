"""Scores by layer: a panel a space, R² above and how often each layer is the best below."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bids_app.outputs.figures.canvas import GRID, INK, MUTED, new_figure, styled, svg_bytes
from bids_app.records import Array

TICKS = 14  # labels of layers at most


@dataclass(frozen=True)
class LayerLine:
    """Of one space by layer, (n_layers,) each: names, a line with its band from `low` to `high`, and how often each
    layer is the best one."""

    layers: tuple[str, ...]
    middle: Array
    low: Array
    high: Array
    n_best: Array


def layer_panels(panels: Mapping[str, LayerLine]) -> bytes:
    """SVG: a panel a feature space, R² above and how often each layer is the best below."""
    width = 0.7 + 4.2 * len(panels)
    with styled():
        figure = new_figure(width, 3.6)
        grid = figure.subplots(2, len(panels), squeeze=False, sharex="col", height_ratios=(2.4, 1))
        figure.subplots_adjust(
            left=0.75 / width, right=1 - 0.1 / width, top=0.91, bottom=0.13, wspace=0.25, hspace=0.12
        )
        for column, (title, line) in enumerate(panels.items()):
            _panel(grid[0, column], grid[1, column], line, INK)
            grid[0, column].set_title(title)
            grid[1, column].set_xlabel("Layer")
        grid[0, 0].set_ylabel("R²")
        grid[1, 0].set_ylabel("Best in")
        return svg_bytes(figure)


def _panel(top: Any, bottom: Any, line: LayerLine, colour: str) -> None:
    x = np.arange(len(line.layers))
    top.fill_between(x, line.low, line.high, color=colour, alpha=0.15, linewidth=0)
    top.plot(x, line.middle, color=colour, marker="o", markersize=4, linewidth=1.6)
    top.axhline(0, color=MUTED, linewidth=0.7)
    bottom.bar(x, line.n_best, color=colour, width=0.7)
    step = -(-len(line.layers) // TICKS)
    bottom.set_xticks(x[::step], line.layers[::step])
    for axes in (top, bottom):
        axes.grid(axis="y", color=GRID, linewidth=0.6)
        axes.set_axisbelow(True)
