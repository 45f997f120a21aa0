"""A glass brain: nilearn's outlines of the MNI brain, drawn once, under projections of any number of maps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from bids_app.outputs.figures.canvas import MUTED, Scale, new_figure, styled
from bids_app.records import Array

MODE = "lyrz"  # left half from the left, from the front, right half from the right, from above
PLANE = {"l": (1, 2), "r": (1, 2), "y": (0, 2), "z": (0, 1)}  # the axes of mm a view shows
OUTLINE_DPI = 220
EDGE = "#444444"  # of dots


@dataclass(frozen=True)
class View:
    """One outline: pixels (height, width, 4) in 0…1 that span `x` and `y` (first and last mm) of `plane`."""

    direction: str
    plane: tuple[int, int]
    pixels: Array
    x: tuple[float, float]
    y: tuple[float, float]

    @property
    def width(self) -> float:
        """Extent in mm across."""
        return abs(self.x[1] - self.x[0])


@cache
def glass_views() -> tuple[View, ...]:
    """The views of `MODE`; nilearn takes a second for them, hence once a process."""
    from nilearn import plotting

    with styled():
        figure = new_figure(7.2, 1.75)
        figure.set_dpi(OUTLINE_DPI)
        figure.patch.set_alpha(0)
        display = plotting.plot_glass_brain(
            None, display_mode=MODE, axes=(0, 0, 1, 1), figure=figure, colorbar=False, annotate=False, black_bg=False
        )
        for axes in figure.axes:
            axes.patch.set_alpha(0)
        figure.canvas.draw()
        pixels = np.asarray(figure.canvas.buffer_rgba()) / 255.0
        return tuple(_view(direction, display.axes[direction].ax, pixels) for direction in MODE)


def _view(direction: str, axes: Any, pixels: Array) -> View:
    box = axes.get_window_extent()
    top, bottom = len(pixels) - round(box.y1), len(pixels) - round(box.y0)
    inside = pixels[max(top, 0) : bottom, max(round(box.x0), 0) : round(box.x1)]
    return View(direction, PLANE[direction], inside, axes.get_xlim(), axes.get_ylim())


def project(
    view: View, xyz_mm: Array, values: Array, step_mm: float, strength: Array | None = None
) -> tuple[Array, tuple[float, ...]]:
    """The value of largest size (or of most `strength`) along each line of sight.

    Parameters
    ----------
    view : the outline under which the map lies.
    xyz_mm : (n, 3) positions.
    values : (n,) of them; NaN where there is none.
    step_mm : size of a pixel.
    strength : (n,) which value is seen where several lie on a line; the size of the values where not given.

    Returns
    -------
    (rows, columns) values, NaN where none is; and the mm that they span: left, right, bottom, top.
    """
    seen = seen_from(view, xyz_mm) & np.isfinite(values)
    flat, chosen = xyz_mm[seen][:, view.plane], values[seen]
    low = np.array([min(view.x), min(view.y)])
    shape = np.ceil((np.array([max(view.x), max(view.y)]) - low) / step_mm).astype(int)
    if len(flat):
        low = flat.min(axis=0) - step_mm / 2 - np.ceil((flat.min(axis=0) - low) / step_mm) * step_mm
    place = np.floor((flat - low) / step_mm + 1e-6).astype(int)
    fits = ((place >= 0) & (place < shape)).all(axis=1)
    by = np.abs(chosen) if strength is None else strength[seen]
    order = np.flatnonzero(fits)[np.argsort(by[fits], kind="stable")]  # the largest is written last
    image = np.full(shape[::-1], np.nan)
    image[place[order, 1], place[order, 0]] = chosen[order]
    ends = low + shape * step_mm
    return image, (float(low[0]), float(ends[0]), float(low[1]), float(ends[1]))


def seen_from(view: View, xyz_mm: Array) -> Array:
    """(n,) bool: side views show their own half.

    Parameters
    ----------
    view : from where.
    xyz_mm : (n, 3) positions.
    """
    if view.direction == "l":
        return np.asarray(xyz_mm[:, 0] <= 0)
    return np.asarray(xyz_mm[:, 0] >= 0) if view.direction == "r" else np.ones(len(xyz_mm), dtype=bool)


def draw_projection(
    axes: Any, view: View, xyz_mm: Array, values: Array, step_mm: float, scale: Scale, strength: Array | None = None
) -> None:
    """A volume's map under the outline.

    Parameters
    ----------
    axes : matplotlib's, to draw on.
    view : the outline.
    xyz_mm : (n, 3) positions.
    values : (n,) of them; NaN where there is none.
    step_mm : size of a pixel.
    scale : colours of the values.
    strength : (n,) which value is in front; the size of the values where not given.
    """
    image, span = project(view, xyz_mm, values, step_mm, strength)
    axes.imshow(image, extent=span, origin="lower", interpolation="nearest", zorder=1, **scale.drawn)
    _finish(axes, view)


def draw_markers(
    axes: Any,
    view: View,
    xyz_mm: Array,
    values: Array,
    size: float | Array,
    scale: Scale,
    strength: Array | None = None,
) -> None:
    """A dot a finite value, the strongest (of largest size, or most `strength`) in front.

    Parameters
    ----------
    axes : matplotlib's, to draw on.
    view : the outline.
    xyz_mm : (n, 3) positions.
    values : (n,) of them; NaN where there is none.
    size : of a dot, or (n,) of each, in points².
    scale : colours of the values.
    strength : (n,) which value is in front; the size of the values where not given.
    """
    shown = np.flatnonzero(seen_from(view, xyz_mm) & np.isfinite(xyz_mm).all(axis=1) & np.isfinite(values))
    shown = shown[np.argsort((np.abs(values) if strength is None else strength)[shown], kind="stable")]
    flat = xyz_mm[shown][:, view.plane]
    axes.scatter(
        flat[:, 0], flat[:, 1], c=values[shown], s=np.broadcast_to(size, len(xyz_mm))[shown], edgecolors=EDGE,
        linewidths=0.4, zorder=3, **scale.drawn,
    )  # fmt: skip
    _finish(axes, view)


def _finish(axes: Any, view: View) -> None:
    axes.imshow(view.pixels, extent=(*view.x, *view.y), origin="upper", interpolation="antialiased", zorder=2)
    axes.set(xlim=view.x, ylim=view.y, aspect="equal")
    if view.plane[0] == 0:  # left and right are both in view
        for side, letter in ((0.03, "L"), (0.97, "R")):
            axes.text(side, 0.95, letter, transform=axes.transAxes, ha="center", va="top", fontsize=7, color=MUTED)
    axes.set_axis_off()
