"""Maps of any kind of targets in their file formats: written, and read back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bids_app.errors import ReadWriteError
from bids_app.outputs.files import cifti, images
from bids_app.records import TRAITS, Array, MapFile, Targets, TargetsSummary


@dataclass(frozen=True)
class WrittenMap:
    """A map as read back: all places of its file or files, one after the other, NaN where no target is; `cifti`: the
    XML of the axis of CIFTI's."""

    values: Array
    cifti: str = ""


def has_maps(targets: Targets) -> bool:
    """Whether numbers of these targets are written as maps, alone or beside a table."""
    return TRAITS[targets.kind].layout == "maps" or bool(targets.cifti)


def encoded(targets: Targets, file: MapFile, values: Sequence[Array]) -> Iterator[tuple[str, bytes]]:
    """Maps in their file format.

    Parameters
    ----------
    targets : of a kind that has maps.
    file : which maps these are.
    values : (n_targets,) of each of them.

    Returns
    -------
    (hemisphere, or empty where all is in one file; bytes), one or two.
    """
    if targets.kind == "volume":
        yield "", images.nifti_bytes(targets, values, stacked=not file.is_single)
    elif targets.kind == "surface":
        whole = [images.hemispheres(targets, one) for one in values]
        for number, side in enumerate(TRAITS["surface"].sides):
            maps = zip(file.maps, (one[number] for one in whole), strict=True)
            yield side, images.gifti_bytes(dict(maps), number)
    else:
        yield "", cifti.cifti_bytes(targets, dict(zip(file.maps, values, strict=True)))


def read_maps(paths: Sequence[Path], file: MapFile, grid: TargetsSummary) -> Iterator[WrittenMap]:
    """Maps as they were written, in their order.

    Parameters
    ----------
    paths : of their file, or of both hemispheres.
    file : which maps these should be.
    grid : of the targets.

    Raises
    ------
    ReadWriteError : a file is gone or damaged, lies on another grid, or holds other maps.
    """
    if grid.kind == "volume":
        shape = grid.shape if file.is_single else (*grid.shape, len(file.maps))
        volumes = _of_shape(images.read_volume(paths[0]), shape, paths[0]).reshape(*grid.shape, -1)
        yield from (WrittenMap(volumes[..., number].ravel()) for number in range(len(file.maps)))
    elif grid.kind == "surface":
        sides = []
        for path, size in zip(paths, grid.shape, strict=True):
            names, arrays = images.read_surface(path)
            _require_names(names, file, path)
            sides.append([_of_shape(one, (size,), path) for one in arrays])
        yield from (WrittenMap(np.concatenate(both)) for both in zip(*sides, strict=True))
    else:
        names, rows, axis_xml = cifti.read_cifti(paths[0])
        _require_names(names, file, paths[0])
        yield from (WrittenMap(row, axis_xml) for row in rows)


def _of_shape(values: Array, shape: tuple[int, ...], path: Path) -> Array:
    if values.shape != shape:
        raise ReadWriteError(f"the map has the shape {values.shape}, its summary {shape}", path, "run with --force")
    return values


def _require_names(names: Sequence[str], file: MapFile, path: Path) -> None:
    if tuple(names) != file.maps:
        what = f"the file holds the maps {', '.join(names)}, its summary names {', '.join(file.maps)}"
        raise ReadWriteError(what, path, "run with --force")


def places_of(targets: Targets) -> Array:
    """(n_targets,) where each target's value stands in `WrittenMap.values`."""
    if targets.kind == "volume":
        return np.asarray(np.ravel_multi_index(tuple(np.asarray(targets.index).T), targets.shape))
    if targets.kind == "surface":
        index = np.asarray(targets.index)
        return np.asarray(index[:, 0] * targets.shape[0] + index[:, 1])
    return np.asarray(targets.columns)


def targets_with_values(one: WrittenMap, grid: TargetsSummary) -> Targets:
    """The targets that have a value in a map.

    Parameters
    ----------
    one : the map.
    grid : of the targets.
    """
    there, affine = np.isfinite(one.values), None if grid.affine is None else np.array(grid.affine)
    if grid.kind == "volume":
        return images.volume_targets(grid.space, np.asarray(affine), there.reshape(grid.shape))
    if grid.kind == "surface":
        return images.surface_targets(grid.space, np.split(there, [grid.shape[0]]))
    columns = np.flatnonzero(there)
    names = cifti.names_on(one.cifti, columns)
    return Targets(grid.kind, grid.space, names, None, grid.shape, affine, columns=columns, cifti=one.cifti)
