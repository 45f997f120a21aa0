"""fMRI volumes in a mask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bids_app.dataset.files.written import header_seconds
from bids_app.errors import DataError
from bids_app.inputs.nifti import open_nifti
from bids_app.inputs.opening import reading
from bids_app.records import MOST_OFFSET, Array, Recording, Targets, grid_offset

BLOCK_BYTES = 128 * 2**20  # of volumes decompressed at a time
EDGE = 0.02  # a mask's values nearer than this to 0 or 1 are those, but for rounding


def open_volume(path: Path) -> Any:
    """A NIfTI image of three or four dimensions that says where it lies, its data still on disk. Raises DataError."""
    image = open_nifti(path, keep_open=True)  # else every block would be decompressed from the start
    shape = image.shape
    if len(shape) not in (3, 4):
        raise DataError(f"image has {len(shape)} dimensions", path)
    if not np.isfinite(image.affine).all():
        raise DataError("the header does not say where its voxels lie: numbers of its affine are not finite", path)
    return image


def volume_targets(recording: Recording) -> Targets:
    """The mask's voxels; without a mask those that are not 0 in the first volume. Raises DataError."""
    index, shape, affine = voxels_in_mask(recording)
    names = tuple(f"{i},{j},{k}" for i, j, k in index.tolist())
    return Targets("volume", recording.space, names, index, shape, affine)


def voxels_in_mask(recording: Recording) -> tuple[Array, tuple[int, ...], Array]:
    """(n_voxels, 3) voxels of the mask, the grid's shape and its affine. Raises DataError."""
    image = open_volume(recording.paths[0])
    shape, affine = tuple(int(size) for size in image.shape[:3]), np.asarray(image.affine, dtype=float)
    index = np.argwhere(_mask(recording, image, shape, affine))
    if not len(index):
        raise DataError("no voxel in the mask", recording.companions.get("mask", recording.paths[0]))
    return index, shape, affine


def _mask(recording: Recording, image: Any, shape: tuple[int, ...], affine: Array) -> Array:
    path = recording.companions.get("mask")
    if path is None:
        with reading(recording.paths[0]):
            first = np.asarray(image.dataobj[..., 0])
        return np.asarray(np.isfinite(first) & (first != 0))
    mask = open_volume(path)
    if mask.shape[:3] != shape:
        raise DataError(f"mask {mask.shape[:3]} does not lie on the grid of its image {shape}", path)
    offset = grid_offset(shape, affine, mask.affine)
    if offset > MOST_OFFSET:
        raise DataError(f"mask does not lie on the grid of its image: {offset:.2g} voxels off", path, "resample it")
    return np.asarray(_fractions(path, shape) > 0.5)


def _fractions(path: Path, shape: tuple[int, ...]) -> Array:
    """(i, j, k) of a mask as stored."""
    mask = open_volume(path)
    with reading(path):
        return np.asarray(mask.dataobj).reshape(*shape, -1)[..., 0]


def is_on_grid(mask: Path, image: Path) -> bool:
    """Whether a mask lies on the grid of an image, but for rounding. Raises DataError.

    Parameters
    ----------
    mask, image : NIfTI images.
    """
    return _offset(open_volume(mask), open_volume(image)) <= MOST_OFFSET


def mask_offset(recording: Recording) -> float | None:
    """How many voxels the mask lies off its image, by their headers; infinite where shapes differ, None without both.

    Raises
    ------
    DataError : a header cannot be read.
    """
    path = recording.companions.get("mask")
    if path is None or not recording.paths[0].name.endswith((".nii", ".nii.gz")):
        return None
    return _offset(open_volume(path), open_volume(recording.paths[0]))


def _offset(mask: Any, image: Any) -> float:
    alike = mask.shape[:3] == image.shape[:3]
    return grid_offset(image.shape, image.affine, mask.affine) if alike else float("inf")


def mask_note(recording: Recording) -> str:
    """What counts as inside, where a mask holds fractions; '' where it holds none.

    Raises
    ------
    DataError : the mask cannot be read.
    """
    path = recording.companions.get("mask")
    if path is None or not recording.paths[0].name.endswith((".nii", ".nii.gz")):
        return ""
    values = _fractions(path, tuple(int(size) for size in open_volume(path).shape[:3])).astype(float)
    between = int(((values > EDGE) & (values < 1 - EDGE)).sum())
    return f"the mask holds fractions in {between} voxels: above 0.5 counts as inside" if between else ""


def count_volumes(path: Path) -> int:
    """Number of volumes, from the header."""
    shape = open_volume(path).shape
    return int(shape[3]) if len(shape) == 4 else 1


def header_period_s(path: Path) -> float:
    """Seconds between volumes by the header; 0 where it does not say: no unit, 0 or 1."""
    header = open_volume(path).header
    scale = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}.get(_unit_of_time(header), 0.0)
    zooms = header.get_zooms()
    value = float(zooms[3]) if len(zooms) == 4 else 0.0
    return 0.0 if value in (0.0, 1.0) else header_seconds(value * scale)


def _unit_of_time(header: Any) -> str:
    """By its code; nothing where that is none of NIfTI's."""
    try:
        return str(header.get_xyzt_units()[1])
    except KeyError:
        return ""


def volume_values(path: Path, targets: Targets) -> Array:
    """Values of voxels.

    Parameters
    ----------
    path : a NIfTI image of four dimensions.
    targets : voxels of its grid, in the order wanted.

    Returns
    -------
    (n_times, n_targets) float32.

    Raises
    ------
    DataError : the file is cut off or the grid is not theirs.
    """
    image = open_volume(path)
    if image.shape[:3] != targets.shape or targets.affine is None or targets.index is None:
        raise DataError(f"image of {image.shape[:3]} voxels, expected {targets.shape}", path)
    if grid_offset(targets.shape, targets.affine, image.affine) > MOST_OFFSET:
        raise DataError("image's affine differs from that of the other runs", path, "runs must share a grid")
    if len(image.shape) != 4:
        raise DataError("image has one volume only", path)
    n_times, voxels = int(image.shape[3]), tuple(targets.index.T)
    values = np.empty((n_times, len(targets.names)), dtype=np.float32)
    step = max(1, BLOCK_BYTES // (8 * int(np.prod(targets.shape))))
    for start in range(0, n_times, step):
        with reading(path):
            block = np.asarray(image.dataobj[..., start : start + step])
        if block.dtype.names:  # colours
            raise DataError(f"image of {block.dtype}, not of numbers", path)
        values[start : start + step] = block[voxels].T
    return values
