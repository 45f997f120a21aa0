"""A dot a region, a panel a component, with intervals where there are any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bids_app.outputs.figures.canvas import (
    GRID,
    GROUP_COLOURS,
    INK,
    MUTED,
    SHARED,
    broken,
    new_figure,
    styled,
    svg_bytes,
)
from bids_app.records import Component

LETTERS = 34  # of a region's name that are shown


@dataclass(frozen=True)
class Dot:
    """A value, the ends of its interval (NaN: none), and whether it is drawn filled."""

    value: float
    low: float
    high: float
    filled: bool


def dot_chart(
    groups: Sequence[str], regions: Sequence[str], panels: Mapping[Component, Sequence[Dot | None]], label: str
) -> bytes:
    """SVG: regions from top to bottom, one panel a component, all on one scale but the first, the full model's.

    Parameters
    ----------
    groups : feature groups of the partition, which have colours.
    regions : (n_regions,) names.
    panels : component → (n_regions,) dots; None where there is none.
    label : of the horizontal axes.
    """
    titles = [broken(component.label, 13) for component in panels]
    head, foot = 0.2 + 0.14 * max(title.count("\n") + 1 for title in titles), 0.5
    height = head + foot + 0.2 * len(regions)
    left = 0.3 + 0.068 * max(len(_clipped(name)) for name in regions)
    width = min(9.5, left + 1.55 * len(panels) + 0.15)
    with styled():
        figure = new_figure(width, height)
        axes = np.atleast_1d(figure.subplots(1, len(panels), sharey=True))
        edges = {"left": left / width, "right": 1 - 0.12 / width}
        figure.subplots_adjust(**edges, top=1 - head / height, bottom=foot / height, wspace=0.14)
        parts = [dots for component, dots in panels.items() if component.kind != "full"]
        for panel, title, (component, dots) in zip(axes, titles, panels.items(), strict=True):
            _dots(panel, _colour(groups, component), dots)
            panel.set_title(title, fontsize=8)
            panel.set_xlim(*_ends([dots] if component.kind == "full" else parts))
            panel.set_xlabel(label, fontsize=8)
            panel.tick_params(axis="x", labelsize=7)
        axes[0].set_yticks(range(len(regions)), [_clipped(name) for name in regions], fontsize=7.5)
        axes[0].set_ylim(len(regions) - 0.4, -0.6)
        return svg_bytes(figure)


def _colour(groups: Sequence[str], component: Component) -> str:
    if component.kind == "full":
        return INK
    return GROUP_COLOURS[groups.index(component.groups[0])] if len(component.groups) == 1 else SHARED


def _clipped(name: str) -> str:
    return name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"


def _ends(panels: Sequence[Sequence[Dot | None]]) -> tuple[float, float]:
    """Of an axis that holds all dots with their intervals, and zero."""
    numbers = [number for dots in panels for dot in dots if dot for number in (dot.value, dot.low, dot.high)]
    known = [0.0, *(number for number in numbers if np.isfinite(number))]
    low, high = min(known), max(max(known), 0.005)
    margin = 0.06 * (high - low)
    return low - margin, high + margin


def _dots(axes: Any, colour: str, dots: Sequence[Dot | None]) -> None:
    axes.axvline(0, color=MUTED, linewidth=0.7)
    for row, dot in enumerate(dots):
        if dot is None:
            continue
        axes.plot([dot.low, dot.high], [row, row], color=colour, linewidth=1.1, solid_capstyle="butt")
        inside = colour if dot.filled else "white"
        axes.plot(dot.value, row, "o", color=colour, markerfacecolor=inside, markersize=4.6, markeredgewidth=1.0)
    axes.grid(axis="both", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.xaxis.get_major_locator().set_params(nbins=4)
