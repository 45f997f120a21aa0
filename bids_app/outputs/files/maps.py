"""Maps of any kind of targets in their file formats: written, and read back onto the targets that have a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bids_app.errors import ReadWriteError
from bids_app.outputs.files import cifti, images
from bids_app.records import TRAITS, Array, Targets, TargetsSummary


@dataclass(frozen=True)
class WrittenMap:
    """A map as read back: all places of its files, one after the other, NaN where no target is; `cifti`: the XML of
    the axis of CIFTI's."""

    values: Array
    cifti: str = ""


def has_maps(targets: Targets) -> bool:
    """Whether a number of these targets is written as a map, alone or beside a table."""
    return TRAITS[targets.kind].layout == "maps" or bool(targets.cifti)


def encoded(targets: Targets, values: Array, title: str) -> Iterator[tuple[str, bytes]]:
    """A map in its file format.

    Parameters
    ----------
    targets : of a kind that has maps.
    values : (n_targets,).
    title : its name, where the format holds one.

    Returns
    -------
    (hemisphere, or empty where all is in one file; bytes), one or two.
    """
    if targets.kind == "volume":
        yield "", images.nifti_bytes(targets, values)
    elif targets.kind == "surface":
        sides = zip(TRAITS["surface"].sides, images.hemispheres(targets, values), strict=True)
        for number, (side, one) in enumerate(sides):
            yield side, images.gifti_bytes(one, number)
    else:
        yield "", cifti.cifti_bytes(targets, values, title)


def read_map(paths: Sequence[Path], grid: TargetsSummary) -> WrittenMap:
    """A map as it was written.

    Parameters
    ----------
    paths : of its file, or of both hemispheres.
    grid : of the targets.

    Raises
    ------
    ReadWriteError : a file is gone or damaged, or lies on another grid.
    """
    if grid.kind == "volume":
        return WrittenMap(_of_shape(images.read_volume(paths[0]), grid.shape, paths[0]).ravel())
    if grid.kind == "surface":
        sides = zip(paths, grid.shape, strict=True)
        return WrittenMap(np.concatenate([_of_shape(images.read_surface(path), (n,), path) for path, n in sides]))
    return WrittenMap(*cifti.read_cifti(paths[0]))


def _of_shape(values: Array, shape: tuple[int, ...], path: Path) -> Array:
    if values.shape != shape:
        raise ReadWriteError(f"the map has the shape {values.shape}, its summary {shape}", path, "run with --force")
    return values


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


def values_at(targets: Targets, maps: Mapping[str, WrittenMap]) -> dict[str, Array]:
    """Values of targets in several maps.

    Parameters
    ----------
    targets : of one grid.
    maps : name → map on that grid.

    Raises
    ------
    ReadWriteError : a map has another number of places.
    """
    places = places_of(targets)
    for name, one in maps.items():
        if one.cifti != targets.cifti:
            raise ReadWriteError(f"the map of {name} has other greyordinates than the full model's", hint="--force")
    return {name: one.values[places] for name, one in maps.items()}
