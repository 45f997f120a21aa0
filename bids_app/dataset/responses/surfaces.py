"""fMRI on surfaces: a pair of GIFTI files, left and right."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bids_app.dataset.files.tables import decode, number
from bids_app.dataset.files.written import header_seconds
from bids_app.dataset.responses.gifti import array_shapes, read_arrays
from bids_app.errors import DataError
from bids_app.inputs.opening import open_input
from bids_app.records import Array, Recording, Targets

HEMISPHERES = "LR"
MESH_OF = {
    "fsaverage3": 642, "fsaverage4": 2562, "fsaverage5": 10242, "fsaverage6": 40962, "fsaverage": 163842,
    "fsaverage7": 163842,
}  # fmt: skip
KNOWN_MESHES = frozenset({*MESH_OF.values(), 4002, 7842, 32492, 59292, 81924})  # and fsLR's, CIVET's
TIME_STEP = re.compile(rb"TimeStep(?:\]\]>)?\s*</Name>\s*<Value>\s*(?:<!\[CDATA\[)?\s*([0-9.eE+-]+)")
HEAD_BYTES = 2**20  # holds a GIFTI file's metadata and the head of its first array


def read_hemisphere(path: Path, time_axis: int = 0) -> Array:
    """Values of one GIFTI file.

    Parameters
    ----------
    path : an array a sample, or one array of all.
    time_axis : which of the two dimensions, arrays × their length or those of the one array, is time.

    Returns
    -------
    (n_times, n_vertices) float32.

    Raises
    ------
    DataError : the file is damaged, or holds arrays of several sizes.
    """
    arrays = [np.asarray(array, dtype=np.float32) for array in read_arrays(path)]
    if len({array.shape for array in arrays}) != 1:
        raise DataError("file has no arrays, or arrays of several sizes", path)
    values = (
        arrays[0] if len(arrays) == 1 and arrays[0].ndim == 2 else np.stack([array.squeeze() for array in arrays])
    )
    if values.ndim != 2:
        raise DataError(f"file has {len(arrays)} arrays of {arrays[0].shape}, not samples × vertices", path)
    return np.ascontiguousarray(values.T) if time_axis else values


@dataclass(frozen=True)
class StoredShape:
    """The two dimensions of a GIFTI file's values, as stored: arrays × their length, or those of its one array.

    Parameters
    ----------
    sizes : of both dimensions.
    one_array : whether one array holds all samples; then nothing in the format says which dimension is time.
    """

    sizes: tuple[int, int]
    one_array: bool


def stored_shape(path: Path) -> StoredShape:
    """By the tags of a file's arrays, without decoding. Raises DataError."""
    shapes = array_shapes(path)
    if len(set(shapes)) != 1 or not shapes[0]:
        raise DataError("file has no arrays, or arrays of several sizes", path)
    sizes = shapes[0]
    if len(shapes) == 1 and len(sizes) == 2:
        return StoredShape((sizes[0], sizes[1]), True)
    return StoredShape((len(shapes), sizes[0]), False)


def time_axis(recording: Recording) -> tuple[int, StoredShape]:
    """Which of the two stored dimensions is time: the one that fits meshes, the other hemisphere and the confounds.

    An array a sample is GIFTI's own way, and is taken at its word unless numbers contradict it. Where one array holds
    all samples, programs write samples × vertices and vertices × samples.

    Returns
    -------
    0 or 1, and how the left hemisphere is stored.

    Raises
    ------
    DataError : one array holds all samples, and numbers fit neither dimension, or both.
    """
    left = stored_shape(recording.paths[0])
    shapes = [left] if not left.one_array else [left, *(stored_shape(path) for path in recording.paths[1:])]
    sizes = [shape.sizes for shape in shapes]
    meshes = {MESH_OF[recording.space]} if recording.space in MESH_OF else KNOWN_MESHES
    n_confounds = _rows(recording.companions.get("confounds"))
    by_mesh = _only([axis for axis in (0, 1) if all(size[1 - axis] in meshes for size in sizes)])
    by_confounds = _only([axis for axis in (0, 1) if all(size[axis] == n_confounds for size in sizes)])
    if not left.one_array:
        return int(by_mesh | by_confounds == {1}), left
    found = by_mesh | by_confounds | _by_hemispheres(sizes)
    if len(found) == 1:
        return found.pop(), left
    written = " and ".join(f"{first}×{second}" for first, second in sizes)
    raise DataError(
        f"one array holds all samples ({written}), and nothing says which dimension is time",
        recording.paths[0],
        "write an array a sample, or put the confounds beside it",
    )


def _only(axes: list[int]) -> set[int]:
    return set(axes) if len(axes) == 1 else set()


def _by_hemispheres(sizes: list[tuple[int, int]]) -> set[int]:
    """The one dimension along which both are as long, where there are more vertices than samples along the other."""
    same = _only([axis for axis in (0, 1) if len({size[axis] for size in sizes}) == 1])
    return {axis for axis in same if all(size[1 - axis] > size[axis] for size in sizes)}


def _rows(path: Path | None) -> int | None:
    return None if path is None else len([line for line in decode(path).splitlines() if line.strip()]) - 1


def surface_targets(recording: Recording) -> Targets:
    """Every vertex of both hemispheres; medial walls are left to the fit, which drops what never varies."""
    axis, left = time_axis(recording)
    shapes = (left, *(stored_shape(path) for path in recording.paths[1:]))
    sizes = tuple(shape.sizes[1 - axis] for shape in shapes)
    names = tuple(f"{side}:{vertex}" for side, size in zip(HEMISPHERES, sizes, strict=True) for vertex in range(size))
    index = np.concatenate([np.column_stack([np.full(size, h), np.arange(size)]) for h, size in enumerate(sizes)])
    return Targets("surface", recording.space, names, index, sizes)


def count_frames(recording: Recording) -> int:
    """Number of samples, without decoding where a file's tags say it. Raises DataError."""
    axis, left = time_axis(recording)
    return left.sizes[axis]


def header_period_s(path: Path) -> float:
    """Seconds between samples by the metadata `TimeStep`, in seconds or milliseconds; 0 where it says nothing."""
    with open_input(path) as file:
        step = TIME_STEP.search(file.read(HEAD_BYTES))
    return header_seconds(number(step[1].decode())) if step else 0.0


def surface_values(recording: Recording, targets: Targets) -> Array:
    """Values of vertices.

    Parameters
    ----------
    recording : GIFTI files of the left and right hemisphere.
    targets : vertices of both, in the order wanted.

    Returns
    -------
    (n_times, n_targets) float32.

    Raises
    ------
    DataError : the hemispheres do not fit the targets or each other.
    """
    axis, _ = time_axis(recording)
    sides = [read_hemisphere(path, axis) for path in recording.paths]
    for side, size, path in zip(sides, targets.shape, recording.paths, strict=True):
        if side.shape[1] != size:
            raise DataError(f"surface of {side.shape[1]} vertices, expected {size}", path, "runs must share a mesh")
    if len(sides[0]) != len(sides[1]):
        raise DataError(f"hemispheres of {len(sides[0])} and {len(sides[1])} samples", recording.paths[0])
    index = np.asarray(targets.index)
    return np.concatenate(sides, axis=1)[:, index[:, 0] * targets.shape[0] + index[:, 1]]
