"""A map on slices through the MNI brain that a reader moves through: nilearn's viewer, a page without a network."""

from __future__ import annotations

import re
import warnings
from functools import cache
from html import escape
from typing import Any

import numpy as np

from bids_app.outputs.figures.canvas import SIGNED
from bids_app.outputs.figures.maps import HIDDEN, can_draw, limit_of
from bids_app.outputs.figures.surface import N_VERTICES
from bids_app.outputs.files.images import hemispheres
from bids_app.records import Array, Targets

GRID_MM = 3  # of the brain under the map: finer ones take a second a page
RADIUS_MM = {"electrodes": 5.0, "surface": 3.0}  # of what stands for an electrode or a vertex
STYLE = "body{font:16px/1.5 system-ui,sans-serif;margin:1rem 1.5rem;background:#fff;color:#1d2733}p{max-width:46rem}"


def brain_page(targets: Targets, values: Array, title: str, words: str, back: str) -> str | None:
    """The page; None where targets have no place in the brain, or no value.

    Parameters
    ----------
    targets : voxels, electrodes or vertices of fsaverage5, in MNI space.
    values : (n_targets,), NaN where there is none.
    title : of the page.
    words : what it shows.
    back : the report, as a link.
    """
    if targets.kind not in ("volume", "electrodes", "surface") or not can_draw(targets):
        return None
    if not np.isfinite(values).any():
        return None
    from nilearn import plotting

    limit = limit_of([values])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values outside the brain
        viewer = plotting.view_img(
            _image(targets, np.asarray(values, dtype=np.float32)),
            bg_img=_background(),
            threshold=1e-6 if targets.kind == "electrodes" else HIDDEN * limit,
            vmax=limit,
            symmetric_cmap=True,
            cmap=SIGNED,
            resampling_interpolation="nearest",
            title=None,
            width_view=900,
        )
        return _own(viewer.get_standalone(), title, words, back)


def _own(page: str, title: str, words: str, back: str) -> str:
    """nilearn's page without its icon, which lies on the network, and with the same names each time."""
    page = re.sub(r'<link rel="icon".*?/>', "", page, count=1, flags=re.DOTALL)
    page = re.sub(r"-[0-9a-f]{32}", "-brain", page)
    page = page.replace('<input type="range"', '<input aria-label="Opacity of the map" type="range"')
    named = f"<title>{escape(title)}</title><style>{STYLE}</style>"
    page = re.sub(r"<title>.*?</title>", lambda _: named, page, count=1, flags=re.DOTALL)
    head = f'<h1>{escape(title)}</h1><p>{escape(words)}</p><p><a href="{escape(back)}">Back to the report</a></p>'
    page = re.sub(r"<body>", lambda _: f"<body><main>{head}", page, count=1)
    return page.replace("</body>", "</main></body>", 1)


@cache
def _background() -> Any:
    """The MNI brain that nilearn brings; half a second, hence once a process."""
    from nilearn.datasets import load_mni152_template

    return load_mni152_template(resolution=GRID_MM)


def _image(targets: Targets, values: Array) -> Any:
    """The map as an image, 0 where there is no value."""
    from nibabel.nifti1 import Nifti1Image

    if targets.kind == "volume":
        grid = np.zeros(targets.shape, dtype=np.float32)
        grid[tuple(np.asarray(targets.index).T)] = np.nan_to_num(values)
        return Nifti1Image(grid, np.asarray(targets.affine, dtype=float))
    xyz_mm, known = _places(targets, values)
    grid = np.zeros(_background().shape, dtype=np.float32)
    affine = np.asarray(_background().affine, dtype=float)
    for place, value in _balls(xyz_mm, known, affine, RADIUS_MM[targets.kind]):
        inside = ((place >= 0) & (place < grid.shape)).all(axis=1)
        spot = tuple(place[inside].T)
        grid[spot] = np.where(np.abs(grid[spot]) < abs(value), value, grid[spot])
    return Nifti1Image(grid, affine)


def _places(targets: Targets, values: Array) -> tuple[Array, Array]:
    """(n, 3) positions of all that has a value, and (n,) values."""
    if targets.kind == "electrodes":
        xyz_mm = np.asarray(targets.xyz_mm, dtype=float)
    else:
        from nilearn.datasets import load_fsaverage

        sides = load_fsaverage("fsaverage5")["pial"].parts
        xyz_mm = np.concatenate([np.asarray(sides[side].coordinates)[:N_VERTICES] for side in ("left", "right")])
        values = np.concatenate([side[:N_VERTICES] for side in hemispheres(targets, values)])
    known = np.isfinite(values) & np.isfinite(xyz_mm).all(axis=1)
    return xyz_mm[known], values[known]


def _balls(xyz_mm: Array, values: Array, affine: Array, radius_mm: float) -> list[tuple[Array, float]]:
    """Of each position the voxels (n, 3) within a radius, and its value."""
    reach = int(np.ceil(radius_mm / GRID_MM))
    steps = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    steps = steps[np.linalg.norm(steps * GRID_MM, axis=1) <= radius_mm]
    centres = np.rint((xyz_mm - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T).astype(int)
    return [(centre + steps, float(value)) for centre, value in zip(centres, values, strict=True)]
