"""What of greyordinates can be drawn: cortex on fsaverage5, voxels on the glass brain."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from bids_app.outputs.figures.surface import N_VERTICES
from bids_app.outputs.files.cifti import greyordinate_places
from bids_app.records import Array, Targets

FSAVERAGE = {"fsaverage5": 10242, "fsaverage6": 40962, "fsaverage": 163842}
FSLR_32K = 32492  # vertices of a hemisphere
NEAREST = Path(__file__).with_name("fslr32k_of_fsaverage5.npz")  # its .txt says how it was made


@dataclass(frozen=True)
class Part:
    """Targets that are drawn on one brain, and `rows` (n,): which of the whole's values are theirs."""

    targets: Targets
    rows: Array


@cache
def nearest_fslr() -> tuple[Array, Array]:
    """(10242,) of each hemisphere: the 32k fs_LR vertex nearest to each vertex of fsaverage5."""
    with np.load(NEAREST, allow_pickle=False) as sides:
        return sides["left"].astype(int), sides["right"].astype(int)


def drawn_parts(targets: Targets) -> tuple[Part, ...]:
    """The whole where it is of one part; of greyordinates the cortex, whose mesh must be known, and the voxels."""
    if targets.kind != "greyordinates":
        return (Part(targets, np.arange(len(targets.names))),)
    places = greyordinate_places(targets.names, targets.affine)
    parts = []
    on_mesh = [_on_fsaverage5(side, *places.sides[side], targets) for side in (0, 1)]
    rows = np.concatenate([rows for rows, _ in on_mesh])
    if len(rows):
        index = np.concatenate(
            [np.column_stack([np.full(len(at), side), at]) for side, (_, at) in enumerate(on_mesh)]
        )
        names = tuple(f"{'LR'[side]}:{vertex}" for side, vertex in index.tolist())
        parts.append(Part(Targets("surface", "fsaverage5", names, index, (N_VERTICES, N_VERTICES)), rows))
    if len(places.voxels):
        index = np.array([targets.names[row].split(":")[1].split(",") for row in places.voxels], dtype=int)
        names = tuple(",".join(map(str, voxel)) for voxel in index.tolist())
        volume = Targets("volume", targets.space, names, index, tuple(targets.shape[2:]), targets.affine)
        parts.append(Part(volume, places.voxels))
    return tuple(parts)


def _on_fsaverage5(side: int, rows: Array, vertices: Array, targets: Targets) -> tuple[Array, Array]:
    """Of a hemisphere's greyordinates: which are seen, and at which vertices of fsaverage5."""
    size = targets.shape[side]
    if size == FSLR_32K:
        shown = nearest_fslr()[side]
    elif size in FSAVERAGE.values():
        shown = np.arange(N_VERTICES)
    else:
        return np.empty(0, dtype=int), np.empty(0, dtype=int)
    row_of = np.full(size, -1)
    row_of[vertices] = rows
    seen = row_of[shown]
    return seen[seen >= 0], np.flatnonzero(seen >= 0)
