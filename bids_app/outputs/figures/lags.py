"""Scores by lag: a line a component, and an image of electrodes × lags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bids_app.outputs.figures.canvas import (
    GRID,
    INK,
    MUTED,
    SHARED,
    SIGNED,
    UNIT_COLOURS,
    as_pixels,
    broken,
    colour_bar,
    new_figure,
    styled,
    svg_bytes,
)
from bids_app.outputs.figures.maps import limit_of
from bids_app.outputs.wording.definitions import parts_of, totals_of
from bids_app.records import Array

Spread = Mapping[str, Sequence[float]]  # 'q25', 'median', 'q75', (n_lags,) each
SHARED_STYLES = ("-", "--", ":")  # shared parts are grey


def lag_profiles(
    units: Sequence[str], lags_s: Sequence[float], spreads: Mapping[str, Spread], shared: Sequence[str]
) -> bytes:
    """SVG: R² by lag of the models at the left, of the unique parts and the `shared` ones named at the right."""
    parts = {name: chosen for name, chosen in parts_of(units).items() if len(chosen) == 1 or name in shared}
    panels = {"Models": totals_of(units), "Parts": parts} if len(units) > 1 else {"Model": {"full": tuple(units)}}
    with styled():
        figure = new_figure(9 if len(panels) > 1 else 5.5, 3.8)
        axes = np.atleast_1d(figure.subplots(1, len(panels)))
        figure.subplots_adjust(left=0.07, right=0.99, top=0.92, bottom=0.38, wspace=0.2)
        for one, (title, members) in zip(axes, panels.items(), strict=True):
            _lines(one, units, lags_s, members, spreads)
            one.set_title(title)
            one.set_xlabel("Time after the word's onset (s)")
            one.legend(loc="upper left", bbox_to_anchor=(-0.05, -0.2), fontsize=7.5, ncols=2)
        axes[0].set_ylabel("R²")
        return svg_bytes(figure)


def _lines(
    axes: Any,
    units: Sequence[str],
    lags_s: Sequence[float],
    members: Mapping[str, Sequence[str]],
    spreads: Mapping[str, Spread],
) -> None:
    grey = iter(SHARED_STYLES)
    for name, chosen in members.items():
        alone = len(chosen) == 1
        colour = UNIT_COLOURS[units.index(chosen[0])] if alone else INK if name == "full" else SHARED
        style = "-" if alone or name == "full" else next(grey, "-")
        spread = {quartile: np.asarray(line, dtype=float) for quartile, line in spreads[name].items()}
        axes.fill_between(lags_s, spread["q25"], spread["q75"], color=colour, alpha=0.12, linewidth=0)
        axes.plot(lags_s, spread["median"], linestyle=style, color=colour, linewidth=1.5, label=name)
    axes.axhline(0, color=MUTED, linewidth=0.7)
    axes.axvline(0, color=MUTED, linewidth=0.7)
    axes.set_xlim(lags_s[0], lags_s[-1])
    axes.grid(axis="y", color=GRID, linewidth=0.6)


def lag_images(names: Sequence[str], lags_s: Sequence[float], images: Mapping[str, Array]) -> bytes:
    """SVG: electrodes × lags, a panel a component (title → (n_electrodes, n_lags), at least two
    lags), all on one colour scale."""
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
        figure.text(0.5, 0.5 / whole, "Time after the word's onset (s)", ha="center", fontsize=8.5)
        colour_bar(figure, (0.4, 0.2 / whole, 0.22, 0.07 / whole), limit, "")
        figure.text(0.39, 0.235 / whole, "R²", ha="right", va="center", fontsize=8)
        return svg_bytes(figure)
