"""Scores by lag: a line a component, and an image of electrodes × lags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bids_app.outputs.figures.canvas import (
    GRID,
    GROUP_COLOURS,
    INK,
    MUTED,
    SHARED,
    SIGNED,
    as_pixels,
    broken,
    colour_bar,
    new_figure,
    styled,
    svg_bytes,
)
from bids_app.outputs.figures.maps import limit_of
from bids_app.records import Array, Component, Quartiles

Lines = Mapping[Component, Quartiles]
ONSET = "Time after the word's onset (s)", "R²"  # of images by lag
SHARED_STYLES = ("-", "--", ":")  # shared parts are grey


def lag_profiles(groups: Sequence[str], lags_s: Sequence[float], lines: Lines) -> bytes:
    """SVG: R² by lag of the models at the left, of parts at the right.

    Parameters
    ----------
    groups : feature groups of the partition, in order; a single one has no parts.
    lags_s : (n_lags,) seconds after a word's onset.
    lines : component of the partition → quartiles of R², (n_lags,) each.
    """
    totals = {component: line for component, line in lines.items() if component.is_total}
    panels = {"Models": totals, "Parts": {component: line for component, line in lines.items() if component.is_part}}
    if len(groups) == 1:
        panels = {"Model": {component: line for component, line in totals.items() if component.kind == "full"}}
    with styled():
        figure = new_figure(9 if len(panels) > 1 else 5.5, 3.8)
        axes = np.atleast_1d(figure.subplots(1, len(panels)))
        figure.subplots_adjust(left=0.07, right=0.99, top=0.92, bottom=0.38, wspace=0.2)
        for panel, (title, members) in zip(axes, panels.items(), strict=True):
            _lines(panel, groups, lags_s, members)
            panel.set_title(title)
            panel.set_xlabel("Time after the word's onset (s)")
            panel.legend(loc="upper left", bbox_to_anchor=(-0.05, -0.2), fontsize=7.5, ncols=2)
        axes[0].set_ylabel("R²")
        return svg_bytes(figure)


def _lines(axes: Any, groups: Sequence[str], lags_s: Sequence[float], members: Lines) -> None:
    grey = iter(SHARED_STYLES)
    for component, line in members.items():
        single, is_full = len(component.groups) == 1, component.kind == "full"
        colour = GROUP_COLOURS[groups.index(component.groups[0])] if single else INK if is_full else SHARED
        style = "-" if single or is_full else next(grey, "-")
        low, middle, high = (np.asarray(part, dtype=float) for part in (line.q25, line.median, line.q75))
        axes.fill_between(lags_s, low, high, color=colour, alpha=0.12, linewidth=0)
        axes.plot(lags_s, middle, linestyle=style, color=colour, linewidth=1.5, label=component.label)
    axes.axhline(0, color=MUTED, linewidth=0.7)
    axes.axvline(0, color=MUTED, linewidth=0.7)
    axes.set_xlim(lags_s[0], lags_s[-1])
    axes.grid(axis="y", color=GRID, linewidth=0.6)


def lag_images(
    names: Sequence[str], lags_s: Sequence[float], images: Mapping[str, Array], words: tuple[str, str] = ONSET
) -> bytes:
    """SVG: electrodes (or regions) × lags, a panel a component, all on one colour scale.

    Parameters
    ----------
    names : of n_electrodes.
    lags_s : (n_lags,) seconds after a word's onset, at least two.
    images : title → (n_electrodes, n_lags) R².
    words : what lags are counted from, and what the numbers are.
    """
    limit = limit_of(list(images.values()))
    body = max(1.6, 0.13 * len(names))
    whole, width = body + 1.15, 1.1 + 1.75 * len(images)
    half = (lags_s[-1] - lags_s[0]) / (2 * (len(lags_s) - 1))
    span = (lags_s[0] - half, lags_s[-1] + half, len(names) - 0.5, -0.5)
    with styled():
        figure = new_figure(width, whole)
        grid = np.atleast_1d(figure.subplots(1, len(images), sharey=True))
        figure.subplots_adjust(
            left=0.95 / width, right=1 - 0.1 / width, top=1 - 0.3 / whole, bottom=0.85 / whole, wspace=0.12
        )
        for axes, (title, values) in zip(grid, images.items(), strict=True):
            axes.imshow(
                values, extent=span, aspect="auto", cmap=SIGNED, vmin=-limit, vmax=limit, interpolation="nearest"
            )
            axes.axvline(0, color=MUTED, linewidth=0.7)
            axes.set_title(broken(title, 18), fontsize=8.5)
            axes.tick_params(length=2, labelsize=7)
            as_pixels([axes])
        grid[0].set_yticks(range(len(names)), [name[:16] for name in names], fontsize=6.5)
        figure.text(0.5, 0.5 / whole, words[0], ha="center", fontsize=8.5)
        colour_bar(figure, (0.4, 0.2 / whole, 0.22, 0.07 / whole), limit, "")
        figure.text(0.39, 0.235 / whole, words[1], ha="right", va="center", fontsize=8)
        return svg_bytes(figure)
