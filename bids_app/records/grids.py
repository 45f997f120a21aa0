"""How far apart two grids of voxels lie."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from bids_app.records.arrays import Array

# Of a voxel. Below the first, affines differ by how they are written; up to the second a voxel's value is still
# mostly its own (resampling blurs by more); above it the two are different places.
UNTOLD_OFFSET, MOST_OFFSET = 0.01, 0.1


def grid_offset(shape: Sequence[int], affine: Array, other: Array) -> float:
    """The largest distance between where two affines put a voxel, in widths of the grid's narrowest voxel.

    An affine map is furthest from another one at a corner, so corners alone are looked at.

    Parameters
    ----------
    shape : voxels along each axis of both.
    affine, other : (4, 4) voxel → mm.

    Returns
    -------
    Infinite where an affine is not finite.
    """
    if not (np.isfinite(affine).all() and np.isfinite(other).all()):
        return float("inf")
    corners = np.array([(*corner, 1.0) for corner in product(*[(0, max(int(size) - 1, 0)) for size in shape[:3]])])
    apart = np.linalg.norm(corners @ (np.asarray(affine, dtype=float) - np.asarray(other, dtype=float)).T, axis=1)
    widths = np.linalg.norm(np.asarray(affine, dtype=float)[:3, :3], axis=0)
    offset = float(apart.max() / widths.min()) if widths.min() > 0 else float("inf")
    return offset if np.isfinite(offset) else float("inf")
