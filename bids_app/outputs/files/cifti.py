"""CIFTI-2 maps as bytes and back, and where their greyordinates and parcels lie."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.sax.saxutils import unescape

import numpy as np

from bids_app.disk import read_whole
from bids_app.inputs.nifti import quiet_nibabel
from bids_app.outputs.files.files import reading_back
from bids_app.records import Array, Targets

INTENTS = {
    "greyordinates": ("NIFTI_INTENT_CONNECTIVITY_DENSE_SCALARS", "ConnDenseScalar"),
    "parcels": ("NIFTI_INTENT_CONNECTIVITY_PARCELLATED_SCALAR", "ConnParcelScalr"),
}
EXTENSION = 32  # NIfTI's code of CIFTI's XML
HEAD_BYTES = 540  # of a NIfTI-2 header
SECOND_AXIS = '<MatrixIndicesMap AppliesToMatrixDimension="1"'
MAP_NAME = re.compile(r"<MapName>(.*?)</MapName>", re.DOTALL)
CORTEX = ("CORTEX_LEFT", "CORTEX_RIGHT")


def cifti_bytes(targets: Targets, maps: Mapping[str, Array]) -> bytes:
    """A CIFTI-2 file, float32, on the axis of the responses.

    Parameters
    ----------
    targets : greyordinates or parcels, with their axis and their columns on it.
    maps : name, as Workbench shows it → (n_targets,), in the map's own unit.
    """
    import nibabel
    from nibabel.nifti1 import Nifti1Extension

    rows = np.full((len(maps), axis_length(targets.cifti)), np.nan, dtype=np.float32)
    for row, values in zip(rows, maps.values(), strict=True):
        row[np.asarray(targets.columns)] = values
    image = nibabel.Nifti2Image(rows[None, None, None, None], None)
    code, name = INTENTS[targets.kind]
    image.header.set_intent(code, name=name)
    image.header["pixdim"][:] = 1
    image.header.extensions.append(Nifti1Extension(EXTENSION, _document(targets.cifti, tuple(maps)).encode()))
    return bytes(image.to_bytes())


def series_head(targets: Targets, n_times: int, step_s: float) -> bytes:
    """What stands before the numbers of a CIFTI-2 series, which are float32, greyordinate by greyordinate.

    Parameters
    ----------
    targets : greyordinates, with their axis.
    n_times, step_s : how many samples, and seconds from one to the next.
    """
    import nibabel
    from nibabel import cifti2
    from nibabel.nifti1 import Nifti1Extension

    header = nibabel.Nifti2Header()
    header.set_data_dtype(np.float32)
    header.set_data_shape((1, 1, 1, 1, n_times, axis_length(targets.cifti)))
    header.set_intent("NIFTI_INTENT_CONNECTIVITY_DENSE_SERIES", name="ConnDenseSeries")
    header["pixdim"][:] = 1
    series = cifti2.Cifti2Header.from_axes((cifti2.SeriesAxis(0, step_s, n_times),)).to_xml().decode()
    document = str(series.replace("</Matrix>", f"{targets.cifti}</Matrix>"))
    header.extensions.append(Nifti1Extension(EXTENSION, document.encode()))
    buffer = BytesIO()
    header.write_to(buffer)
    return buffer.getvalue()


def _document(axis_xml: str, names: Sequence[str]) -> str:
    """The XML of a file of maps. The axis stands as it was read: to write 91,282 places anew takes long."""
    from nibabel import cifti2

    scalars = cifti2.Cifti2Header.from_axes((cifti2.ScalarAxis(names),)).to_xml().decode()
    return str(scalars.replace("</Matrix>", f"{axis_xml}</Matrix>"))


def read_cifti(path: Path) -> tuple[tuple[str, ...], Array, str]:
    """Names of the maps of a file that `cifti_bytes` made, (n_maps, n_columns) float32, and the XML of the axis of
    its columns. That is not parsed, which would take longest.

    Raises
    ------
    ReadWriteError : the file is gone or damaged.
    """
    with reading_back(path, "map"):
        nibabel, content = quiet_nibabel(), read_whole(path)
        header = nibabel.Nifti2Header(content[:HEAD_BYTES])
        shape, start = header.get_data_shape(), int(header.get_data_offset())
        values = np.frombuffer(content, header.get_data_dtype(), int(np.prod(shape)), start)
        text = content[HEAD_BYTES:start].rstrip(b"\0").decode(errors="replace")
        second = text.index(SECOND_AXIS)
        axis_xml = text[second : text.index("</Matrix>")]
        names = tuple(map(unescape, MAP_NAME.findall(text[:second])))
        rows = values.reshape(shape[-2:], order="F").astype(np.float32, order="C")
    return names, rows, axis_xml


@lru_cache(maxsize=2)
def _axis(axis_xml: str) -> Any:
    """Axis of nibabel. A unit's maps all lie on one."""
    from nibabel.cifti2.parse_cifti2 import Cifti2Parser

    parser = Cifti2Parser()
    parser.parse(string=_document(axis_xml, ("",)).encode())
    return parser.header.get_axis(1)


@lru_cache(maxsize=2)
def axis_length(axis_xml: str) -> int:
    """How many greyordinates or parcels lie on an axis, by its XML."""
    return len(_axis(axis_xml))


def names_on(axis_xml: str, columns: Array) -> tuple[str, ...]:
    """Names of greyordinates, as responses have them.

    Parameters
    ----------
    axis_xml : of the axis.
    columns : which of it.
    """
    axis = _axis(axis_xml)[np.asarray(columns)]
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
