"""Which targets of a map are neighbours: voxels of a grid, vertices of fsaverage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from bids_app.records import Array, TargetKind, Targets

GRADES = MappingProxyType({642: 3, 2562: 4, 10242: 5, 40962: 6, 163842: 7})  # vertices of an icosahedral mesh → grade
WORDS = MappingProxyType(
    {"volume": "voxels with a side in common", "surface": "vertices that an edge of fsaverage's mesh joins"}
)
NOT_OF = "TFCE is made of voxels, and of vertices of fsaverage's meshes: of {} there is none"


@dataclass(frozen=True)
class Neighbours:
    """Pairs of neighbours.

    Parameters
    ----------
    pairs : (n_pairs, 2) rows of targets, each pair once.
    words : which are neighbours.
    """

    pairs: Array
    words: str

    def among(self, some: Array) -> Array:
        """Pairs of which both are among some targets, by their place among these.

        Parameters
        ----------
        some : (n_targets,) bool.
        """
        place = np.cumsum(some) - 1
        return np.asarray(place[self.pairs[some[self.pairs].all(axis=1)]])


def neighbours_of(targets: Targets) -> Neighbours | str:
    """Neighbours among targets, or why none are known.

    Voxels have up to six, with which they share a side (the default of FSL's randomise). Vertices have those at the
    other end of an edge; no edge leads from one hemisphere to the other.

    Parameters
    ----------
    targets : of a map; `index` says where each lies.
    """
    if targets.kind not in _MAKERS or targets.index is None:
        return NOT_OF.format(targets.kind)
    if targets.kind == "surface" and not _is_fsaverage(targets):
        return NOT_OF.format(targets.space)
    pairs = _MAKERS[targets.kind](np.asarray(targets.index), tuple(targets.shape))
    return Neighbours(pairs, WORDS[targets.kind])


def _is_fsaverage(targets: Targets) -> bool:
    """Meshes of fsaverage are divided icosahedra; so is no other of as many vertices, by its space's name."""
    return targets.space.startswith("fsaverage") and {*targets.shape} <= {*GRADES} and len({*targets.shape}) == 1


def _sides_in_common(index: Array, shape: tuple[int, ...]) -> Array:
    """Pairs of voxels (n_targets, 3) of a grid that are one step apart along one axis."""
    rows = np.full(shape, -1, dtype=np.int32)
    rows[tuple(index.T)] = np.arange(len(index))
    found = []
    for axis in range(len(shape)):
        along = np.moveaxis(rows, axis, 0)
        found.append(np.stack([along[:-1].ravel(), along[1:].ravel()], axis=1))
    pairs = np.concatenate(found)
    return np.asarray(pairs[(pairs >= 0).all(axis=1)])


def _edges_in_common(index: Array, shape: tuple[int, ...]) -> Array:
    """Pairs of vertices (n_targets, 2: hemisphere, vertex) that an edge of the mesh joins."""
    from mne import grade_to_tris

    n_vertices = shape[0]
    triangles = np.asarray(grade_to_tris(GRADES[n_vertices], verbose="ERROR"), dtype=np.int64)  # of both hemispheres
    sides = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    first, second = np.divmod(np.unique(sides[:, 0] * 2 * n_vertices + sides[:, 1]), 2 * n_vertices)
    rows = np.full(2 * n_vertices, -1, dtype=np.int32)
    rows[index[:, 0] * n_vertices + index[:, 1]] = np.arange(len(index))
    pairs = np.stack([rows[first], rows[second]], axis=1)
    return np.asarray(pairs[(pairs >= 0).all(axis=1)])


_MAKERS: Mapping[TargetKind, Callable[[Array, tuple[int, ...]], Array]] = MappingProxyType(
    {"volume": _sides_in_common, "surface": _edges_in_common}
)
