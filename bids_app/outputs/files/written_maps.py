"""Maps of a unit or group in OUT_DIR: asked for by component and stat, wherever they lie."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np

from bids_app.errors import ReadWriteError
from bids_app.outputs.files import names
from bids_app.outputs.files.maps import WrittenMap, places_of, read_maps, targets_with_values
from bids_app.records import (
    TRAITS,
    Array,
    GroupResultSummary,
    MapFile,
    Targets,
    TargetsSummary,
    UnitSummary,
)

Number = tuple[str, str]  # component, stat
Namer = Callable[[str, str, str], PurePosixPath]  # desc, stat, hemi → a file's name


def maps_of_unit(out_dir: Path, summary: UnitSummary) -> WrittenMaps:
    """Maps of a participant's unit.

    Parameters
    ----------
    out_dir : where results are.
    summary : of the unit.
    """
    return WrittenMaps(
        out_dir,
        summary.targets,
        summary.maps,
        lambda desc, stat, hemi: names.map_file(summary.stem, summary.targets.kind, desc, stat, hemi),
    )


def maps_of_group(out_dir: Path, summary: GroupResultSummary) -> WrittenMaps:
    """Maps over participants.

    Parameters
    ----------
    out_dir : where results are.
    summary : of the group.
    """
    grid = summary.targets
    return WrittenMaps(
        out_dir,
        grid,
        summary.maps,
        lambda desc, stat, hemi: names.group_map_file(summary.stem, grid.kind, grid.space, desc, stat, hemi),
    )


@dataclass(frozen=True)
class WrittenMaps:
    """Reads maps.

    Parameters
    ----------
    out_dir : where results are.
    grid : of the targets.
    files : which numbers lie in which file.
    name : gives a file's name.
    """

    out_dir: Path
    grid: TargetsSummary
    files: tuple[MapFile, ...]
    name: Namer

    def targets(self, number: Number) -> Targets:
        """Targets that have a value of a number.

        Raises
        ------
        ReadWriteError : where its file is gone or broken, or there is none.
        """
        return targets_with_values(self.one(number), self.grid)

    def one(self, number: Number) -> WrittenMap:
        """A whole map. Raises ReadWriteError."""
        file = self._file_of(number)
        return next(one for held, one in zip(file.numbers, self._read(file), strict=True) if held == number)

    def values(self, targets: Targets, numbers: Collection[Number]) -> dict[Number, Array]:
        """Numbers of targets; each file is read once.

        Parameters
        ----------
        targets : of this grid.
        numbers : which ones.

        Returns
        -------
        Number → (n_targets,) float32, in the order asked for.

        Raises
        ------
        ReadWriteError : where a file is gone or broken, lies on another grid, or there is none of a number.
        """
        places, found = places_of(targets), dict.fromkeys(numbers, np.empty(0))
        for file in dict.fromkeys(map(self._file_of, numbers)):
            for number, one in zip(file.numbers, self._read(file), strict=True):
                if one.cifti != targets.cifti:
                    what = f"the map of {' '.join(number)} has other greyordinates than the full model's"
                    raise ReadWriteError(what, hint="run with --force")
                if number in found:
                    found[number] = one.values[places]
        return found

    @cached_property
    def _files(self) -> Mapping[Number, MapFile]:
        return {number: file for file in self.files for number in file.numbers}

    def _file_of(self, number: Number) -> MapFile:
        if number not in self._files:
            raise ReadWriteError(f"the summary names no map of {' '.join(number)}", self.out_dir, "run with --force")
        return self._files[number]

    def _read(self, file: MapFile) -> Iterator[WrittenMap]:
        sides = TRAITS[self.grid.kind].sides
        return read_maps([self.out_dir / self.name(file.desc, file.stat, side) for side in sides], file, self.grid)
