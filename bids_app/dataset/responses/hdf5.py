"""fMRI as an array (volumes × columns) in an HDF5 file, and the mask whose voxels the columns are, if there is one.

Only what lies in the file itself is read: links to other files, external storage and virtual arrays are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bids_app.dataset.responses.volumes import open_volume
from bids_app.errors import DataError
from bids_app.inputs.hdf5 import open_hdf5, own_array, require_held
from bids_app.inputs.opening import reading
from bids_app.records import Array, Recording, Targets

KEY = "data"
ORDER = "VoxelOrder"  # of a recording's metadata: 'C' (numpy's own) or 'F', how columns run through the mask's voxels
MOST_BYTES = 64 * 2**30  # of an array as float32: a file that claims more is damaged, or made to harm
BLOCK_BYTES = 128 * 2**20  # of rows read at a time


@dataclass(frozen=True)
class ArrayFile:
    """Size of the array of responses in a file, and lines about what else the file holds."""

    n_times: int
    n_columns: int
    warnings: tuple[str, ...] = ()


def describe_array(path: Path) -> ArrayFile:
    """What a file holds, from its header alone. Raises DataError where it holds no array of responses."""
    with _opened(path) as (dataset, others):
        n_times, n_columns = dataset.shape
        key = dataset.name.lstrip("/")
    beside = f"'{key}' is read, not {', '.join(others)}" if others else ""
    return ArrayFile(int(n_times), int(n_columns), (beside,) if beside else ())


def count_rows(path: Path) -> int:
    """Number of samples, from the header. Raises DataError."""
    return describe_array(path).n_times


def array_targets(recording: Recording) -> Targets:
    """Every column: voxels of the mask where the recording is a volume, else columns without a place.

    Raises
    ------
    DataError : the file is damaged, or the mask has another number of voxels.
    """
    path, mask = recording.paths[0], recording.companions.get("mask")
    n_columns = describe_array(path).n_columns
    columns = np.arange(n_columns)
    if recording.kind != "volume" or mask is None:
        names = tuple(map(str, columns.tolist()))
        return Targets("array", recording.space, names, None, (n_columns,), columns=columns)
    image = open_volume(mask)
    index = mask_voxels(mask, order_of(recording))
    if len(index) != n_columns:
        raise DataError(f"{n_columns} columns, but the mask {mask.name} has {len(index)} voxels", path)
    names = tuple(f"{i},{j},{k}" for i, j, k in index.tolist())
    shape, affine = tuple(int(size) for size in image.shape[:3]), np.asarray(image.affine, dtype=float)
    return Targets("volume", recording.space, names, index, shape, affine, columns=columns)


def array_values(path: Path, targets: Targets) -> Array:
    """Values of columns.

    Parameters
    ----------
    path : an HDF5 file.
    targets : columns of it, in the order wanted.

    Returns
    -------
    (n_times, n_targets) float32; what float32 cannot hold is NaN.

    Raises
    ------
    DataError : the file is damaged or lacks a column.
    """
    columns = np.asarray(targets.columns)
    with _opened(path) as (dataset, _):
        n_times, n_columns = dataset.shape
        if len(columns) and columns.max() >= n_columns:
            raise DataError(f"array of {n_columns} columns, expected {int(columns.max()) + 1} or more", path)
        values = np.empty((n_times, len(columns)), dtype=np.float32)
        step = max(1, BLOCK_BYTES // (dataset.dtype.itemsize * n_columns))
        for start in range(0, n_times, step):
            with reading(path), np.errstate(over="ignore"):
                values[start : start + step] = dataset[start : start + step][:, columns]
    values[np.isinf(values)] = np.nan
    return values


# ------------------------------------------------------------------------------------------------ masks
def mask_voxels(path: Path, order: Literal["C", "F"] = "C") -> Array:
    """Voxels of a mask, in the order of an array's columns.

    Parameters
    ----------
    path : a NIfTI image; voxels that are not 0 are inside.
    order : 'C': the last index runs fastest, as numpy masks; 'F': the first one does, as pycortex masks.

    Returns
    -------
    (n_voxels, 3) i, j, k.

    Raises
    ------
    DataError : the image cannot be read.
    """
    image = open_volume(path)
    with reading(path):
        inside = np.nan_to_num(np.asarray(image.dataobj).reshape(*image.shape[:3], -1)[..., 0]) != 0
    return np.argwhere(inside) if order == "C" else np.argwhere(inside.T)[:, ::-1]


def order_of(recording: Recording) -> Literal["C", "F"]:
    """How columns run through the mask's voxels, by the recording's metadata. Raises DataError."""
    said = recording.metadata.get(ORDER, "C")
    if said not in ("C", "F"):
        raise DataError(f"{ORDER} is {said!r}", recording.paths[0], "'C' or 'F'")
    return "C" if said == "C" else "F"


# ------------------------------------------------------------------------------------------------ files
@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """The dataset of responses, and the names of what else lies beside it. Raises DataError."""
    with open_hdf5(path) as file:
        with reading(path):
            names = sorted(file)
            key = KEY if KEY in names else _only_array(file, names, path)
        dataset = own_array(file, key, path)
        _check(dataset, key, path)
        require_held(dataset, path)
        yield dataset, tuple(name for name in names if name != key)


def _only_array(file: Any, names: list[str], path: Path) -> str:
    """The one array of two dimensions, where none is called 'data'."""
    import h5py

    hard = [name for name in names if isinstance(file.get(name, getlink=True), h5py.HardLink)]
    there = [name for name in hard if isinstance(file[name], h5py.Dataset) and len(file[name].shape or ()) == 2]
    if len(there) == 1:
        return there[0]
    listed = ", ".join(names[:10]) or "nothing"
    raise DataError(f"no array '{KEY}': the file holds {listed}", path, f"responses are expected under '{KEY}'")


def _check(dataset: Any, key: str, path: Path) -> None:
    shape, dtype = getattr(dataset, "shape", None), getattr(dataset, "dtype", None)
    if shape is None or dtype is None:
        raise DataError(f"'{key}' is no array", path)
    written = "×".join(map(str, shape))
    if len(shape) != 2 or dtype.kind not in "fiub":
        raise DataError(f"'{key}' is {written or 'one number'} of {dtype}, not volumes × voxels of numbers", path)
    if 0 in shape:
        raise DataError(f"'{key}' of {written} is empty", path)
    if 4 * shape[0] * shape[1] > MOST_BYTES:
        raise DataError(f"'{key}' of {written} is larger than any run", path, "the file is damaged")
