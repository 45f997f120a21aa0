"""Atlases and masks: labels of places, and what each is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bids_app.records.arrays import Array

LOCALISER = "localiser"  # the atlas that users' own masks make together


@dataclass(frozen=True)
class VolumeLabels:
    """`labels` (n_i, n_j, n_k) whole numbers, 0 where there is no region; `affine` (4, 4) voxel → mm."""

    labels: Array
    affine: Array


@dataclass(frozen=True)
class SurfaceLabels:
    """Labels (n_vertices,) of the vertices of the left and of the right hemisphere, 0 where there is no region."""

    left: Array
    right: Array


@dataclass(frozen=True)
class GreyordinateLabels:
    """`labels` by the name of a greyordinate (`CORTEX_LEFT:12`, `THALAMUS_LEFT:3,4,5`); `affine` (4, 4) of its
    voxels, None where it has none; `n_vertices` of the left and of the right hemisphere's mesh."""

    labels: Mapping[str, int]
    affine: Array | None
    n_vertices: tuple[int, int]


@dataclass(frozen=True)
class Atlas:
    """Regions of one space.

    Parameters
    ----------
    name : what tables call it.
    space : the space that its file's name states; empty where it states none.
    regions : label → name of the region.
    labels : where each label lies.
    path, sha256 : of its (first) file.
    notes : what its reader must say of it.
    of_participant : label of the participant whose own mask it is, without `sub-`; empty for an atlas.
    """

    name: str
    space: str
    regions: Mapping[int, str]
    labels: VolumeLabels | SurfaceLabels | GreyordinateLabels
    path: str
    sha256: str
    notes: tuple[str, ...] = ()
    of_participant: str = ""


@dataclass(frozen=True)
class Placed:
    """An atlas on targets: `labels` (n_targets,), 0 where there is none; `distance_mm` (n_targets,) from an electrode
    to the nearest labelled place, NaN where its place is unknown, None for targets that are not electrodes."""

    labels: Array
    distance_mm: Array | None = None
