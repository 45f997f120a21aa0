"""fMRI on surfaces: a pair of GIFTI files, left and right."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from bids_app.dataset.files.reading import reading
from bids_app.dataset.files.tables import number
from bids_app.dataset.files.written import header_seconds
from bids_app.errors import DataError
from bids_app.records import Array, Recording, Targets

HEMISPHERES = "LR"
TIME_STEP = re.compile(rb"TimeStep(?:\]\]>)?\s*</Name>\s*<Value>\s*(?:<!\[CDATA\[)?\s*([0-9.eE+-]+)")
HEAD_BYTES = 2**20  # holds a GIFTI file's metadata and the head of its first array


def read_hemisphere(path: Path) -> Array:
    """(n_times, n_vertices) float32 of one GIFTI: an array a sample, or one array of all. Raises DataError."""
    import nibabel

    with reading(path):
        arrays = [np.asarray(array.data, dtype=np.float32) for array in nibabel.load(path).darrays]
    if len(arrays) == 1 and arrays[0].ndim == 2:
        return np.ascontiguousarray(arrays[0].T)  # (n_vertices, n_times) in one array
    if len({array.shape for array in arrays}) != 1:
        raise DataError("file has no arrays, or arrays of several sizes", path)
    return np.stack(arrays)


def surface_targets(recording: Recording) -> Targets:
    """Every vertex of both hemispheres; medial walls are left to the fit, which drops what never varies."""
    sizes = tuple(count_vertices(path) for path in recording.paths)
    names = tuple(f"{side}:{vertex}" for side, size in zip(HEMISPHERES, sizes, strict=True) for vertex in range(size))
    index = np.concatenate([np.column_stack([np.full(size, h), np.arange(size)]) for h, size in enumerate(sizes)])
    return Targets("surface", recording.space, names, index, sizes)


def count_vertices(path: Path) -> int:
    """Vertices of a GIFTI file, from its first array's size where that can be seen without decoding."""
    with reading(path), path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    size = re.search(rb'<DataArray [^>]*\bDim0="(\d+)"', head)
    return int(size[1]) if size else int(read_hemisphere(path).shape[1])


def count_frames(path: Path) -> int:
    """Number of samples of a GIFTI file, without decoding its data where each has an array of its own."""
    with reading(path):
        content = path.read_bytes()
    n_arrays = content.count(b"<DataArray ")
    return n_arrays if n_arrays > 1 else len(read_hemisphere(path))


def header_period_s(path: Path) -> float:
    """Seconds between samples by the metadata `TimeStep`, in seconds or milliseconds; 0 where it says nothing."""
    with reading(path), path.open("rb") as file:
        step = TIME_STEP.search(file.read(HEAD_BYTES))
    return header_seconds(number(step[1].decode())) if step else 0.0


def surface_values(paths: tuple[Path, ...], targets: Targets) -> Array:
    """Values of vertices.

    Parameters
    ----------
    paths : GIFTI files of the left and right hemisphere.
    targets : vertices of both, in the order wanted.

    Returns
    -------
    (n_times, n_targets) float32.

    Raises
    ------
    DataError : the hemispheres do not fit the targets or each other.
    """
    sides = [read_hemisphere(path) for path in paths]
    for side, size, path in zip(sides, targets.shape, paths, strict=True):
        if side.shape[1] != size:
            raise DataError(f"surface of {side.shape[1]} vertices, expected {size}", path, "runs must share a mesh")
    if len(sides[0]) != len(sides[1]):
        raise DataError(f"hemispheres of {len(sides[0])} and {len(sides[1])} samples", paths[0])
    index = np.asarray(targets.index)
    return np.concatenate(sides, axis=1)[:, index[:, 0] * targets.shape[0] + index[:, 1]]
