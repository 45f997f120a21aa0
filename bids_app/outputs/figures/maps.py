"""Maps on brains: volumes and electrodes on a glass brain, vertices on fsaverage. Works without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from bids_app.outputs.figures.canvas import (
    MUTED,
    ORDERED,
    Scale,
    broken,
    colour_bar,
    new_figure,
    ordered_bar,
    styled,
    svg_bytes,
)
from bids_app.outputs.figures.glass import draw_markers, draw_projection, glass_views
from bids_app.outputs.figures.greyordinates import FSAVERAGE, drawn_parts
from bids_app.outputs.figures.surface import N_VERTICES, VIEWS, draw_surface, surface_views
from bids_app.outputs.files.images import hemispheres
from bids_app.records import Array, Targets

WIDTH, NAMES, ROW, TOP, BAR = 8.6, 1.75, 1.6, 0.22, 0.55  # inches
HIDDEN = 0.05  # of the scale: smaller values leave the sulci visible
ENDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # of colour scales, in R²
GLASS_NAMES = {"l": "left half", "y": "coronal", "r": "right half", "z": "axial"}
Place = tuple[float, float, float, float]


def can_draw(targets: Targets) -> bool:
    """Whether there is a brain to draw these targets on."""
    if targets.kind == "surface":
        return targets.shape == (FSAVERAGE.get(targets.space, -1),) * 2
    if targets.kind == "electrodes":
        return targets.xyz_mm is not None and bool(np.isfinite(targets.xyz_mm).all(axis=1).any())
    return targets.kind == "volume" or (targets.kind == "greyordinates" and bool(drawn_parts(targets)))


def limit_of(values: Sequence[Array]) -> float:
    """A colour scale's end: the first of `ENDS` that the 99.5th percentile of absolute values does not exceed, so
    that maps of participants and of parts mostly share one."""
    finite = np.concatenate([np.abs(one[np.isfinite(one)]) for one in values])
    most = float(np.percentile(finite, 99.5)) if len(finite) else 0.0
    return next((end for end in ENDS if most <= end), most)


def brain_maps(targets: Targets, maps: Mapping[str, Array], label: str) -> bytes:
    """SVG of one row a map, all on one colour scale.

    Parameters
    ----------
    targets : where the values lie.
    maps : title → (n_targets,) values, NaN where there is none.
    label : of the colour bar.
    """
    limit = limit_of(list(maps.values()))
    scale = Scale(-limit, limit, hidden=HIDDEN * limit)
    with styled():
        figure, place = _rows(targets, maps, scale)
        colour_bar(figure, place, limit, label)
        return svg_bytes(figure)


def number_map(
    targets: Targets, title: str, values: Array, strength: Array, ends: tuple[float, float], label: str
) -> bytes:
    """SVG of one map of whole numbers.

    Parameters
    ----------
    targets : where the values lie.
    title : of the row.
    values : (n_targets,) whole numbers, NaN where there is none.
    strength : (n_targets,) where one value hides another, that of more strength is seen.
    ends : of the colour scale.
    label : of the colour bar.
    """
    scale = Scale(*ends, ORDERED)
    with styled():
        figure, place = _rows(targets, {title: values}, scale, strength)
        ordered_bar(figure, place, scale, label)
        return svg_bytes(figure)


def _rows(
    targets: Targets, maps: Mapping[str, Array], scale: Scale, strength: Array | None = None
) -> tuple[Any, Place]:
    """A figure with a row a map (of greyordinates rows of the cortex, then of voxels), and where its colour bar
    belongs."""
    parts = drawn_parts(targets)
    whole = (TOP + ROW * len(maps)) * len(parts) + BAR
    figure, top = new_figure(WIDTH, whole), whole
    for part in parts:
        _head(figure, part.targets, (top - 0.6 * TOP) / whole)
        shown_first = None if strength is None else strength[part.rows]
        for row, (title, values) in enumerate(maps.items()):
            bottom = (top - TOP - ROW * (row + 1)) / whole
            middle = bottom + 0.5 * ROW / whole
            figure.text(0.005, middle, broken(title, 17), va="center", fontsize=9, fontweight="bold", linespacing=1.3)
            place = (NAMES / WIDTH, bottom, 1 - NAMES / WIDTH - 0.005, 0.94 * ROW / whole)
            if part.targets.kind == "surface":
                _surface_row(figure, place, part.targets, values[part.rows], scale)
            else:
                _glass_row(figure, place, part.targets, values[part.rows], scale, shown_first)
        top -= TOP + ROW * len(maps)
    return figure, (0.48, 0.22 / whole, 0.22, 0.09 / whole)


def _head(figure: Any, targets: Targets, height: float) -> None:
    """What each column shows."""
    left, width = NAMES / WIDTH, 1 - NAMES / WIDTH - 0.005
    if targets.kind == "surface":
        widths = [view.shown.shape[1] for view in surface_views()]
        heads = [f"{('left', 'right')[side]}, {view}" for side, view in VIEWS]
    else:
        widths = [view.width for view in glass_views()]
        heads = [GLASS_NAMES[view.direction] for view in glass_views()]
    middles = left + width * (np.cumsum(widths) - 0.5 * np.asarray(widths)) / np.sum(widths)
    for middle, words in zip(middles, heads, strict=True):
        figure.text(middle, height, words, ha="center", va="center", fontsize=7.5, color=MUTED)


def _columns(figure: Any, place: Place, widths: Sequence[float]) -> list[Any]:
    """Axes side by side, as wide as `widths` ask."""
    left, bottom, width, height = place
    ends = np.concatenate([[0.0], np.cumsum(widths)]) / np.sum(widths)
    return [
        figure.add_axes((left + width * start, bottom, width * (end - start), height))
        for start, end in pairwise(ends)
    ]


def _glass_row(
    figure: Any, place: Place, targets: Targets, values: Array, scale: Scale, strength: Array | None
) -> None:
    views = glass_views()
    for axes, view in zip(_columns(figure, place, [view.width for view in views]), views, strict=True):
        if targets.kind == "electrodes":
            xyz_mm = np.asarray(targets.xyz_mm)
            draw_markers(axes, view, xyz_mm, values, float(np.clip(900 / len(xyz_mm), 8, 30)), scale, strength)
            continue
        affine = np.asarray(targets.affine)
        xyz_mm = np.asarray(targets.index) @ affine[:3, :3].T + affine[:3, 3]
        step_mm = float(np.linalg.norm(affine[:3, :3], axis=0).max())
        draw_projection(axes, view, xyz_mm, values, step_mm, scale, strength)


def _surface_row(figure: Any, place: Place, targets: Targets, values: Array, scale: Scale) -> None:
    views = surface_views()
    sides = hemispheres(targets, values)
    for axes, view in zip(_columns(figure, place, [view.shown.shape[1] for view in views]), views, strict=True):
        draw_surface(axes, view, sides[view.side][:N_VERTICES], scale)
