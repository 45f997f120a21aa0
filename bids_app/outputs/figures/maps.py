"""Maps on brains: volumes and electrodes on a glass brain, vertices on fsaverage. Works without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from bids_app.outputs.figures.glass import EDGE, draw_markers, draw_projection, glass_views
from bids_app.outputs.figures.greyordinates import FSAVERAGE, drawn_parts
from bids_app.outputs.figures.surface import N_VERTICES, VIEWS, draw_surface, surface_views
from bids_app.outputs.files.images import hemispheres
from bids_app.records import Array, Targets

WIDTH, NAMES, ROW, TOP, BAR = 8.6, 1.75, 1.6, 0.22, 0.55  # inches
HIDDEN = 0.05  # of the scale: smaller values leave the sulci visible
ENDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # of colour scales, in R²
SIDE_ROW = 1.95  # inches, of electrodes
SIDES = {"l": "from the left", "r": "from the right", "z": "from above"}
GLASS_NAMES = {"l": "left half", "y": "coronal", "r": "right half", "z": "axial"}
LARGE, SMALL = 1.8, 0.55  # dots of electrodes that are marked, and that are not, beside those of no marks
Place = tuple[float, float, float, float]


@dataclass(frozen=True)
class Dots:
    """Electrodes of one row: (n,) values, NaN where there is none, and (n,) which are in front where several lie on a
    line of sight, the size of the values where not given."""

    values: Array
    strength: Array | None = None


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


def electrode_maps(
    xyz_mm: Array, rows: Mapping[str, Dots], marked: Array | None, label: str, ends: tuple[float, float] | None = None
) -> bytes:
    """SVG of everybody's electrodes from the left, the right and above, a row a map, all on one colour scale.

    Parameters
    ----------
    xyz_mm : (n, 3) positions in MNI space; NaN where there is none.
    rows : title → what is drawn in it.
    marked : (n, n_rows) bool, whose dots are large and which are small; None: all are alike.
    label : of the colour bar.
    ends : of a scale of ordered numbers; None: R², from its largest size below 0 to above.
    """
    limit = limit_of([row.values for row in rows.values()])
    scale = Scale(*ends, ORDERED) if ends else Scale(-limit, limit)
    views = [view for view in glass_views() if view.direction in SIDES]
    size = float(np.clip(900 / len(xyz_mm), 8, 30))
    whole = TOP + SIDE_ROW * len(rows) + BAR
    with styled():
        figure = new_figure(WIDTH, whole)
        left, width = NAMES / WIDTH, 1 - NAMES / WIDTH - 0.005
        _heads(figure, [view.width for view in views], list(SIDES.values()), (whole - 0.6 * TOP) / whole)
        for number, (title, row) in enumerate(rows.items()):
            bottom = (whole - TOP - SIDE_ROW * (number + 1)) / whole
            _title(figure, title, bottom + 0.5 * SIDE_ROW / whole)
            sizes = size if marked is None else size * np.where(marked[:, number], LARGE, SMALL)
            axes = _columns(figure, (left, bottom, width, 0.94 * SIDE_ROW / whole), [view.width for view in views])
            for one, view in zip(axes, views, strict=True):
                draw_markers(one, view, xyz_mm, row.values, sizes, scale, row.strength)
        bar: Place = (0.48, 0.22 / whole, 0.22, 0.09 / whole)
        if ends:
            ordered_bar(figure, bar, scale, label)
        else:
            colour_bar(figure, bar, limit, label)
        if marked is not None:
            _legend(figure, (0.02, 0.1 / whole, 0.3, 0.4 / whole), size)
        return svg_bytes(figure)


def _legend(figure: Any, place: Place, size: float) -> None:
    """What large and small dots are."""
    axes = figure.add_axes(place)
    axes.scatter([0, 0], [1, 0], s=[size * LARGE, size * SMALL], color="white", edgecolors=EDGE, linewidths=0.6)
    for height, words in ((1, "significant electrode"), (0, "not significant")):
        axes.text(0.06, height, words, fontsize=8, va="center")
    axes.set(xlim=(-0.05, 1), ylim=(-0.6, 1.6))
    axes.set_axis_off()


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
            _title(figure, title, middle)
            place = (NAMES / WIDTH, bottom, 1 - NAMES / WIDTH - 0.005, 0.94 * ROW / whole)
            if part.targets.kind == "surface":
                _surface_row(figure, place, part.targets, values[part.rows], scale)
            else:
                _glass_row(figure, place, part.targets, values[part.rows], scale, shown_first)
        top -= TOP + ROW * len(maps)
    return figure, (0.48, 0.22 / whole, 0.22, 0.09 / whole)


def _head(figure: Any, targets: Targets, height: float) -> None:
    """What each column shows."""
    if targets.kind == "surface":
        widths = [view.shown.shape[1] for view in surface_views()]
        heads = [f"{('left', 'right')[side]}, {view}" for side, view in VIEWS]
    else:
        widths = [view.width for view in glass_views()]
        heads = [GLASS_NAMES[view.direction] for view in glass_views()]
    _heads(figure, widths, heads, height)


def _title(figure: Any, title: str, middle: float) -> None:
    """Of a row."""
    figure.text(0.005, middle, broken(title, 17), va="center", fontsize=9, fontweight="bold", linespacing=1.3)


def _heads(figure: Any, widths: Sequence[float], heads: Sequence[str], height: float) -> None:
    """Words over columns that are as wide as `widths` ask."""
    left, width = NAMES / WIDTH, 1 - NAMES / WIDTH - 0.005
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
