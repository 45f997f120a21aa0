"""fsaverage5 from four sides. Which triangle a pixel shows is found once; maps are then mere look-ups."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from bids_app.outputs.figures.canvas import Scale, new_figure
from bids_app.records import Array

N_VERTICES = 10242  # of a hemisphere; finer fsaverage meshes begin with these same vertices
VIEWS = ((0, "lateral"), (0, "medial"), (1, "medial"), (1, "lateral"))
PIXELS_PER_MM = 1.4
MARGIN_MM = 4.0


@dataclass(frozen=True)
class View:
    """faces (n_faces, 3) vertices; shown (height, width) the face a pixel shows, −1 outside; grey (n_faces,) 0…1."""

    side: int
    faces: Array
    shown: Array
    grey: Array


@cache
def surface_views() -> tuple[View, ...]:
    """`VIEWS` of the inflated mesh that nilearn brings."""
    from nilearn.datasets import load_fsaverage, load_fsaverage_data

    meshes = load_fsaverage("fsaverage5")["inflated"].parts
    sulci = load_fsaverage_data(mesh="fsaverage5", data_type="sulcal", mesh_type="inflated").data.parts
    views = []
    for side, view in VIEWS:
        mesh, depth = meshes[("left", "right")[side]], sulci[("left", "right")[side]]
        faces = np.asarray(mesh.faces)
        from_left = (side == 0) == (view == "lateral")
        shown = _visible_faces(np.asarray(mesh.coordinates), faces, from_left)
        views.append(View(side, faces, shown, np.where(depth[faces].mean(axis=1) > 0, 0.68, 0.84)))
    return tuple(views)


def _visible_faces(xyz_mm: Array, faces: Array, from_left: bool) -> Array:
    """The face that each pixel shows: all are painted, far to near, each in a colour that is its number."""
    from matplotlib.collections import PolyCollection

    flat = np.column_stack([-xyz_mm[:, 1] if from_left else xyz_mm[:, 1], xyz_mm[:, 2]])
    near = -xyz_mm[:, 0] if from_left else xyz_mm[:, 0]
    order = np.argsort(near[faces].mean(axis=1), kind="stable")
    code = order + 1
    colours = np.column_stack([code >> 16, code >> 8 & 255, code & 255]) / 255.0
    low, high = flat.min(axis=0) - MARGIN_MM, flat.max(axis=0) + MARGIN_MM
    figure = new_figure(*(high - low) * PIXELS_PER_MM / 100)
    figure.set_dpi(100)
    figure.patch.set_facecolor("black")  # no face has the number 0
    axes = figure.add_axes((0, 0, 1, 1), xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    axes.set_axis_off()
    triangles: Any = flat[faces[order]]  # as one array, of which matplotlib makes paths fastest
    axes.add_collection(
        PolyCollection(triangles, facecolors=colours, edgecolors=colours, linewidths=0.5, antialiaseds=False)
    )
    figure.canvas.draw()
    red, green, blue, _ = np.moveaxis(np.asarray(figure.canvas.buffer_rgba()).astype(int), -1, 0)
    return np.asarray((red << 16) + (green << 8) + blue - 1)


def draw_surface(axes: Any, view: View, values: Array, scale: Scale) -> None:
    """Values over grey sulci; a face shows the mean of its corners that have one: single vertices are seen too.

    Parameters
    ----------
    axes : matplotlib's, to draw on.
    view : one side of a hemisphere.
    values : (n_vertices,) of the hemisphere, NaN where there is none.
    scale : colours of the values.
    """
    colours = np.repeat(view.grey[:, None], 4, axis=1)
    colours[:, 3] = 1
    corners = values[view.faces]
    n_valued = np.isfinite(corners).sum(axis=1)
    mean = np.nansum(corners, axis=1) / np.maximum(n_valued, 1)
    strong = (n_valued > 0) & (np.abs(mean) >= scale.hidden)
    colours[strong] = scale(mean[strong])
    pixels = np.ones((*view.shown.shape, 4))
    there = view.shown >= 0
    pixels[there] = colours[view.shown[there]]
    axes.imshow(pixels, interpolation="antialiased")
    axes.set_axis_off()
