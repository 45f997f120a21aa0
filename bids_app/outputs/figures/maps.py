"""Maps on brains: volumes and electrodes on a glass brain, vertices on fsaverage. Works without a network."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bids_app.outputs.figures.canvas import SIGNED, as_pixels, colour_bar, new_figure, styled, svg_bytes
from bids_app.outputs.images import hemispheres, volume
from bids_app.records import Array, Targets

FSAVERAGE5 = 10242  # vertices of a hemisphere; finer fsaverage meshes begin with these same vertices
FSAVERAGE = {"fsaverage5": 10242, "fsaverage6": 40962, "fsaverage": 163842}
VIEWS = (("left", "lateral"), ("left", "medial"), ("right", "medial"), ("right", "lateral"))
GLASS = "lyrz"
TOP_INCH, BAR_INCH = 0.1, 0.5


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
    height = 1.55 if targets.kind == "surface" else 1.75
    whole = TOP_INCH + height * len(maps) + BAR_INCH
    with styled():
        figure = new_figure(8.6, whole)
        for row, (title, values) in enumerate(maps.items()):
            bottom = (whole - TOP_INCH - height * (row + 1)) / whole
            wrapped = textwrap.fill(title, 20, break_long_words=True)
            figure.text(0.005, bottom + 0.5 * height / whole, wrapped, va="center", fontsize=9, fontweight="bold")
            draw = _surface if targets.kind == "surface" else _glass
            draw(figure, (0.2, bottom, 0.79, 0.96 * height / whole), targets, values, limit)
        colour_bar(figure, (0.49, 0.2 / whole, 0.22, 0.1 / whole), limit, label)
        return svg_bytes(figure)


Place = tuple[float, float, float, float]


def _glass(figure: Any, place: Place, targets: Targets, values: Array, limit: float) -> None:
    before = len(figure.axes)
    axes = figure.add_axes(place)
    (_markers if targets.kind == "electrodes" else _projection)(figure, axes, targets, values, limit)
    as_pixels(figure.axes[before:])


def _projection(figure: Any, axes: Any, targets: Targets, values: Array, limit: float) -> None:
    """Largest absolute value along each line of sight."""
    import nibabel
    from nilearn import plotting

    image = nibabel.Nifti1Image(np.nan_to_num(volume(targets, values)), targets.affine)
    plotting.plot_glass_brain(
        image, display_mode=GLASS, axes=axes, figure=figure, colorbar=False, plot_abs=False, threshold=None,
        cmap=SIGNED, vmin=-limit, vmax=limit, annotate=False,
    )  # fmt: skip


def _markers(figure: Any, axes: Any, targets: Targets, values: Array, limit: float) -> None:
    """A dot an electrode, the strongest in front."""
    from nilearn import plotting

    xyz_mm = np.asarray(targets.xyz_mm)
    placed = np.flatnonzero(np.isfinite(xyz_mm).all(axis=1) & np.isfinite(values))
    shown = placed[np.argsort(np.abs(values[placed]), kind="stable")]
    display = plotting.plot_glass_brain(
        None, display_mode=GLASS, axes=axes, figure=figure, colorbar=False, annotate=False
    )
    if len(shown):
        size = float(np.clip(900 / len(shown), 8, 32))
        colours = _colours(values[shown], limit)
        display.add_markers(xyz_mm[shown], marker_color=colours, marker_size=size, edgecolors="#555555", linewidths=0.3)


def _colours(values: Array, limit: float) -> Any:
    import matplotlib

    return matplotlib.colormaps[SIGNED](np.clip((values / limit + 1) / 2, 0, 1))


def _surface(figure: Any, place: Place, targets: Targets, values: Array, limit: float) -> None:
    """Four views of the inflated surface, sulci in grey."""
    from nilearn import plotting
    from nilearn.datasets import load_fsaverage, load_fsaverage_data

    meshes = load_fsaverage("fsaverage5")["inflated"].parts
    sulci = load_fsaverage_data(mesh="fsaverage5", data_type="sulcal", mesh_type="inflated").data.parts
    sides = dict(zip(("left", "right"), hemispheres(targets, values), strict=True))
    left, bottom, width, height = place
    for number, (side, view) in enumerate(VIEWS):
        axes = figure.add_axes((left + number * width / 4, bottom, width / 4, height), projection="3d")
        plotting.plot_surf_stat_map(
            meshes[side], np.nan_to_num(sides[side][:FSAVERAGE5]), hemi=side, view=view, engine="matplotlib",
            bg_map=sulci[side], bg_on_data=False, threshold=0.05 * limit, cmap=SIGNED, vmin=-limit, vmax=limit,
            colorbar=False, axes=axes, figure=figure,
        )  # fmt: skip
        as_pixels([axes])
