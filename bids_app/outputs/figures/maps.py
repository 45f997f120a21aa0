"""Maps on brains: volumes and electrodes on a glass brain, vertices on fsaverage. Works without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from bids_app.outputs.figures.canvas import MUTED, broken, colour_bar, new_figure, styled, svg_bytes
from bids_app.outputs.figures.glass import draw_markers, draw_projection, glass_views
from bids_app.outputs.figures.surface import N_VERTICES, VIEWS, draw_surface, surface_views
from bids_app.outputs.images import hemispheres
from bids_app.records import Array, Targets

FSAVERAGE = {"fsaverage5": 10242, "fsaverage6": 40962, "fsaverage": 163842}
WIDTH, NAMES, ROW, TOP, BAR = 8.6, 1.75, 1.6, 0.22, 0.55  # inches
GLASS_NAMES = {"l": "left half", "y": "coronal", "r": "right half", "z": "axial"}
Place = tuple[float, float, float, float]


def can_draw(targets: Targets) -> bool:
    """Whether there is a brain to draw these targets on."""
    if targets.kind == "surface":
        return targets.shape == (FSAVERAGE.get(targets.space, -1),) * 2
    if targets.kind == "electrodes":
        return targets.xyz_mm is not None and bool(np.isfinite(targets.xyz_mm).all(axis=1).any())
    return targets.kind == "volume"


def limit_of(values: Sequence[Array]) -> float:
    """A colour scale's end: the 99.5th percentile of absolute values, at least 0.001."""
    finite = np.concatenate([np.abs(one[np.isfinite(one)]) for one in values])
    return max(float(np.percentile(finite, 99.5)), 1e-3) if len(finite) else 1e-3


def brain_maps(targets: Targets, maps: Mapping[str, Array], label: str) -> bytes:
    """SVG of one row a map (title → (n_targets,)), all on one colour scale."""
    limit = limit_of(list(maps.values()))
    whole = TOP + ROW * len(maps) + BAR
    draw = _surface_row if targets.kind == "surface" else _glass_row
    with styled():
        figure = new_figure(WIDTH, whole)
        _head(figure, targets, 1 - 0.6 * TOP / whole)
        for row, (title, values) in enumerate(maps.items()):
            bottom = (whole - TOP - ROW * (row + 1)) / whole
            middle = bottom + 0.5 * ROW / whole
            figure.text(0.005, middle, broken(title, 17), va="center", fontsize=9, fontweight="bold", linespacing=1.3)
            place = (NAMES / WIDTH, bottom, 1 - NAMES / WIDTH - 0.005, 0.94 * ROW / whole)
            draw(figure, place, targets, values, limit)
        colour_bar(figure, (0.48, 0.22 / whole, 0.22, 0.09 / whole), limit, label)
        return svg_bytes(figure)


def _head(figure: Any, targets: Targets, height: float) -> None:
    """What each column shows."""
    left, width = NAMES / WIDTH, 1 - NAMES / WIDTH - 0.005
    if targets.kind == "surface":
        widths = [view.shown.shape[1] for view in surface_views()]
        said = [f"{('left', 'right')[side]}, {view}" for side, view in VIEWS]
    else:
        widths = [view.width for view in glass_views()]
        said = [GLASS_NAMES[view.direction] for view in glass_views()]
    middles = left + width * (np.cumsum(widths) - 0.5 * np.asarray(widths)) / np.sum(widths)
    for middle, words in zip(middles, said, strict=True):
        figure.text(middle, height, words, ha="center", va="center", fontsize=7.5, color=MUTED)


def _columns(figure: Any, place: Place, widths: Sequence[float]) -> list[Any]:
    """Axes side by side, as wide as `widths` ask."""
    left, bottom, width, height = place
    ends = np.concatenate([[0.0], np.cumsum(widths)]) / np.sum(widths)
    return [
        figure.add_axes((left + width * start, bottom, width * (end - start), height))
        for start, end in pairwise(ends)
    ]


def _glass_row(figure: Any, place: Place, targets: Targets, values: Array, limit: float) -> None:
    views = glass_views()
    for axes, view in zip(_columns(figure, place, [view.width for view in views]), views, strict=True):
        if targets.kind == "electrodes":
            xyz_mm = np.asarray(targets.xyz_mm)
            draw_markers(axes, view, xyz_mm, values, float(np.clip(900 / len(xyz_mm), 8, 30)), limit)
            continue
        affine = np.asarray(targets.affine)
        xyz_mm = np.asarray(targets.index) @ affine[:3, :3].T + affine[:3, 3]
        step_mm = float(np.linalg.norm(affine[:3, :3], axis=0).max())
        draw_projection(axes, view, xyz_mm, values, step_mm, limit)


def _surface_row(figure: Any, place: Place, targets: Targets, values: Array, limit: float) -> None:
    views = surface_views()
    sides = hemispheres(targets, values)
    for axes, view in zip(_columns(figure, place, [view.shown.shape[1] for view in views]), views, strict=True):
        draw_surface(axes, view, sides[view.side][:N_VERTICES], limit)
