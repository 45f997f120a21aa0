"""CIFTI-2 maps as bytes and back, and where their greyordinates and parcels lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.errors import ReadWriteError
from bids_app.outputs.files.reading import reading_map
from bids_app.records import Array, Targets

INTENTS = {
    "greyordinates": ("NIFTI_INTENT_CONNECTIVITY_DENSE_SCALARS", "ConnDenseScalar"),
    "parcels": ("NIFTI_INTENT_CONNECTIVITY_PARCELLATED_SCALAR", "ConnParcelScalr"),
}
CORTEX = ("CORTEX_LEFT", "CORTEX_RIGHT")


def cifti_bytes(targets: Targets, values: Array, title: str) -> bytes:
    """A CIFTI-2 file of one map, float32, on the axis of the responses.

    Parameters
    ----------
    targets : greyordinates or parcels, with their axis and their columns on it.
    values : (n_targets,), in the map's own unit.
    title : the map's name, as Workbench shows it.
    """
    import nibabel
    from nibabel import cifti2

    axis = _axis(targets.cifti)
    row = np.full((1, len(axis)), np.nan, dtype=np.float32)
    row[0, np.asarray(targets.columns)] = values
    header = cifti2.Cifti2Header.from_axes((cifti2.ScalarAxis([title]), axis))
    image = nibabel.Cifti2Image(row, header)
    code, name = INTENTS[targets.kind]
    image.nifti_header.set_intent(code, name=name)
    return bytes(image.to_bytes())


def read_cifti(path: Path) -> tuple[Array, str]:
    """(n_columns,) float32 of a file of one map, and the XML of the axis of its columns. Raises ReadWriteError."""
    import nibabel

    with reading_map(path) as image:
        values, axis = np.asarray(image.dataobj, dtype=np.float32), image.header.get_axis(1)
        xml = str(nibabel.cifti2.Cifti2Header.from_axes((axis,)).to_xml().decode())
    if values.shape != (1, len(axis)):
        raise ReadWriteError(f"the map has the shape {values.shape}", path, "run with --force")
    return values[0], xml


@lru_cache(maxsize=2)
def _axis(xml: str) -> Any:
    """Axis of nibabel, from the text of a header of one axis. A unit's maps all lie on one."""
    from nibabel.cifti2.parse_cifti2 import Cifti2Parser

    parser = Cifti2Parser()
    parser.parse(string=xml.encode())
    return parser.header.get_axis(0)


def names_on(xml: str, columns: Array) -> tuple[str, ...]:
    """Names of greyordinates, as responses have them.

    Parameters
    ----------
    xml : of the axis.
    columns : which of it.
    """
    axis = _axis(xml)[np.asarray(columns)]
    structures = [name.removeprefix("CIFTI_STRUCTURE_") for name in axis.name.tolist()]
    voxels = [",".join(map(str, voxel)) for voxel in axis.voxel.tolist()]
    rows = zip(structures, axis.surface_mask.tolist(), axis.vertex.tolist(), voxels, strict=True)
    return tuple(f"{name}:{vertex if on_surface else voxel}" for name, on_surface, vertex, voxel in rows)


@dataclass(frozen=True)
class GreyordinatePlaces:
    """Where greyordinates lie.

    sides : of the left and of the right hemisphere, which targets are on it (n,), and their vertices (n,).
    voxels, xyz_mm : which targets are voxels (n,), and where (n, 3).
    """

    sides: tuple[tuple[Array, Array], tuple[Array, Array]]
    voxels: Array
    xyz_mm: Array


def greyordinate_places(names: Sequence[str], affine: Array | None) -> GreyordinatePlaces:
    """Vertices of the cortex, and positions of voxels.

    Parameters
    ----------
    names : `CORTEX_LEFT:vertex`, `THALAMUS_LEFT:i,j,k`.
    affine : (4, 4) voxel → mm; None where there is no voxel.
    """
    split = [name.split(":") for name in names]
    sides = []
    for side in CORTEX:
        rows = [(row, int(place)) for row, (name, place) in enumerate(split) if name == side]
        table = np.array(rows, dtype=int).reshape(-1, 2)
        sides.append((table[:, 0], table[:, 1]))
    there = [(row, *map(int, place.split(","))) for row, (_, place) in enumerate(split) if "," in place]
    table = np.array(there, dtype=int).reshape(-1, 4)
    to_mm = np.eye(4) if affine is None else np.asarray(affine)
    xyz_mm = table[:, 1:] @ to_mm[:3, :3].T + to_mm[:3, 3]
    return GreyordinatePlaces((sides[0], sides[1]), table[:, 0], xyz_mm)
