"""Maps as bytes and back. Equal numbers give equal bytes: no time stamps, no file names inside gzip."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.inputs.nifti import quiet_nibabel
from bids_app.outputs.files.files import reading_back
from bids_app.records import Array, Targets

SCANNER, STANDARD = 2, 4  # NIfTI's codes of what a coordinate is relative to
STRUCTURES = ("CortexLeft", "CortexRight")
NAME = "Name"  # of a map, in the metadata of its array, as Workbench shows it


def volume(targets: Targets, values: Array) -> Array:
    """A map in the volume's grid.

    Parameters
    ----------
    targets : voxels, with their places in the grid.
    values : (n_targets,), in the map's own unit.

    Returns
    -------
    (i, j, k) float32, NaN where no target is.
    """
    filled = np.full(targets.shape, np.nan, dtype=np.float32)
    filled[tuple(np.asarray(targets.index).T)] = values
    return filled


def hemispheres(targets: Targets, values: Array) -> tuple[Array, Array]:
    """A map on both hemispheres.

    Parameters
    ----------
    targets : vertices, with their hemisphere and place in it.
    values : (n_targets,), in the map's own unit.

    Returns
    -------
    (n_vertices,) float32 of the left and of the right hemisphere, NaN where no target is.
    """
    sides = [np.full(size, np.nan, dtype=np.float32) for size in targets.shape]
    index = np.asarray(targets.index)
    for side, filled in enumerate(sides):
        on_side = index[:, 0] == side
        filled[index[on_side, 1]] = values[on_side]
    return sides[0], sides[1]


def nifti_bytes(targets: Targets, maps: Sequence[Array], stacked: bool) -> bytes:
    """A compressed NIfTI, float32, in the grid of the responses. One volume is in memory at a time: maps are many.

    Parameters
    ----------
    targets : voxels, with their places in the grid and its affine in millimetres.
    maps : (n_targets,) each, in their own unit.
    stacked : whether maps lie along a fourth axis; else there is one map, and no such axis.
    """
    header = nifti_header(targets, (*targets.shape, len(maps)) if stacked else targets.shape)
    buffer = BytesIO()
    with gzip.GzipFile("", "wb", compresslevel=6, fileobj=buffer, mtime=0) as file:
        header.write_to(file)
        for values in maps:
            file.write(volume(targets, values).tobytes(order="F"))
    return buffer.getvalue()


def nifti_header(targets: Targets, shape: tuple[int, ...], step_s: float | None = None) -> Any:
    """The header of a NIfTI in the grid of the responses, float32.

    Parameters
    ----------
    targets : voxels, with the grid's affine in millimetres.
    shape : of the array.
    step_s : seconds from volume to volume, of a series.
    """
    import nibabel

    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.float32)
    header.set_data_shape(shape)
    code = STANDARD if targets.space.startswith("MNI") else SCANNER
    header.set_qform(targets.affine, code)
    header.set_sform(targets.affine, code)
    if step_s is not None:
        header.set_zooms((*header.get_zooms()[:3], step_s))
    header.set_xyzt_units("mm", None if step_s is None else "sec")
    header.set_slope_inter(1, 0)
    header["vox_offset"] = header.single_vox_offset
    return header


def gifti_bytes(maps: Mapping[str, Array], side: int) -> bytes:
    """A GIFTI of one hemisphere's maps, float32.

    Parameters
    ----------
    maps : name → (n_vertices,), in the map's own unit; NaN where no target is.
    side : 0 for the left hemisphere, 1 for the right.
    """
    import nibabel

    arrays = [
        nibabel.gifti.GiftiDataArray(
            np.asarray(values, dtype=np.float32),
            intent="NIFTI_INTENT_NONE",
            datatype="NIFTI_TYPE_FLOAT32",
            encoding="GIFTI_ENCODING_B64GZ",
            endian="little",
            meta=nibabel.gifti.GiftiMetaData({NAME: name}),
        )
        for name, values in maps.items()
    ]
    meta = nibabel.gifti.GiftiMetaData({"AnatomicalStructurePrimary": STRUCTURES[side]})
    return bytes(nibabel.gifti.GiftiImage(meta=meta, darrays=arrays).to_bytes())


def read_volume(path: Path) -> Array:
    """(i, j, k) float32, or (i, j, k, n_maps). Raises ReadWriteError."""
    with _reading(path) as image:
        return np.asarray(image.dataobj, dtype=np.float32)


def read_surface(path: Path) -> tuple[tuple[str, ...], list[Array]]:
    """Names of the maps, and (n_vertices,) float32 of each. Raises ReadWriteError."""
    with _reading(path) as image:
        maps = tuple(str(one.meta.get(NAME, "")) for one in image.darrays)
        return maps, [np.asarray(one.data, dtype=np.float32) for one in image.darrays]


@contextmanager
def _reading(path: Path) -> Iterator[Any]:
    """The image at `path`; whatever is wrong with it becomes one line."""
    with reading_back(path, "map"):
        yield quiet_nibabel().load(path)


def volume_targets(space: str, affine: Array, there: Array) -> Targets:
    """Targets of a volume that is read back.

    Parameters
    ----------
    space : of the volume.
    affine : (4, 4) voxel → mm.
    there : bool, the volume's shape: voxels that have a value.
    """
    index = np.argwhere(there)
    voxels = tuple(",".join(map(str, voxel)) for voxel in index.tolist())
    return Targets("volume", space, voxels, index, there.shape, affine)


def surface_targets(space: str, there: Sequence[Array]) -> Targets:
    """Targets of two hemispheres that are read back.

    Parameters
    ----------
    space : of the surface.
    there : bool (n_vertices,) of left and right: vertices that have a value.
    """
    index = np.concatenate(
        [np.column_stack([np.full(side.sum(), h), np.flatnonzero(side)]) for h, side in enumerate(there)]
    )
    vertices = tuple(f"{'LR'[side]}:{vertex}" for side, vertex in index.tolist())
    return Targets("surface", space, vertices, index, tuple(len(side) for side in there))
