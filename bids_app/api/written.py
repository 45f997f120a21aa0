"""Numbers of a unit, or over participants, in OUT_DIR: which there are, and each read from files that are what was
written."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from bids_app.errors import ReadWriteError
from bids_app.outputs.derivatives import tables
from bids_app.outputs.derivatives.hyperparameters import hyperparameter_stats
from bids_app.outputs.files import names
from bids_app.outputs.files.maps import encoded, places_of, targets_with_values
from bids_app.outputs.files.proof import require_files
from bids_app.outputs.files.written_maps import WrittenMaps, maps_of_group, maps_of_unit
from bids_app.records import (
    HYPERPARAMETERS,
    TRAITS,
    Array,
    GroupResultSummary,
    GroupSummary,
    MapFile,
    Targets,
    TargetsSummary,
    UnitSummary,
    all_components,
)

if TYPE_CHECKING:
    import pandas as pd

Number = tuple[str, str]  # component, stat


@dataclass(frozen=True)
class Written:
    """Numbers of a unit or over participants, wherever they lie.

    Parameters
    ----------
    out_dir : where results are.
    proof : the summary that names files with their hashes.
    grid : of the targets.
    columns : (component, stat) of each number → the column that holds it, of a table.
    table : where the numbers of a table lie, relative to OUT_DIR; None where they lie in maps.
    maps : where the others lie.
    chosen : the table of what the full model chose, in the same rows; None where there is none.
    """

    out_dir: Path
    proof: UnitSummary | GroupSummary
    grid: TargetsSummary
    columns: Mapping[Number, str]
    table: PurePosixPath | None
    maps: WrittenMaps
    chosen: PurePosixPath | None = None

    @property
    def numbers(self) -> tuple[Number, ...]:
        """(component, stat) of all there are."""
        if self.table is not None:
            return tuple(self.columns)
        return tuple(number for file in self.maps.files for number in file.numbers)

    def values(self, numbers: Sequence[Number]) -> tuple[Targets, dict[Number, Array]]:
        """Some numbers of all targets that the full model has a value of.

        Parameters
        ----------
        numbers : of those there are.

        Returns
        -------
        The targets, and (n_targets,) of each number.

        Raises
        ------
        ReadWriteError : where a file is gone, broken, or not what was written.
        """
        if self.table is not None:
            read = {
                file: self._read_table(file) for file in dict.fromkeys((self.table, *map(self._table_of, numbers)))
            }
            targets = tables.table_targets(read[self.table], self.grid, self.out_dir / self.table)
            places = {one: self._table_of(one) for one in numbers}
            return targets, {
                one: tables.column_of(read[file], self.columns[one], self.out_dir / file)
                for one, file in places.items()
            }
        full = ("full", "rsquared")
        self._require(self._map_files([full, *numbers]))
        targets = self.maps.targets(full)
        return targets, self.maps.values(targets, numbers)

    def image(self, number: Number, hemi: str) -> Any:
        """A map as an image of nibabel.

        Parameters
        ----------
        number : of those there are.
        hemi : L or R of a surface; else of no matter.

        Raises
        ------
        ReadWriteError : as `values` does.
        """
        import nibabel

        self._require(self._map_files([number]))
        one = self.maps.one(number)
        targets = targets_with_values(one, self.grid)
        component, stat = number
        files = dict(encoded(targets, MapFile(stat, component, (component,)), [one.values[places_of(targets)]]))
        if self.grid.kind == "volume":
            return nibabel.Nifti1Image.from_bytes(gzip.decompress(files[""]))
        if self.grid.kind == "surface":
            return nibabel.GiftiImage.from_bytes(files[hemi])
        return nibabel.Cifti2Image.from_bytes(files[""])

    def series(self, number: Number) -> pd.Series[Any]:
        """A column of a table, by the names of its targets; of electrodes of several participants by participant and
        name.

        Parameters
        ----------
        number : of those there are.

        Raises
        ------
        ReadWriteError : as `values` does.
        """
        import pandas as pd

        _, read = self.values([number])
        columns, stat = self._read_table(self._table_of(number)), number[1]
        index: Any = pd.RangeIndex(self.grid.shape[0]) if "name" not in columns else list(columns["name"])
        if "participant" in columns:
            index = pd.MultiIndex.from_arrays([list(columns["participant"]), index], names=["participant", "name"])
        series = pd.Series(read[number], index=index, name=f"{number[0]}_{stat}")
        return series if isinstance(index, pd.MultiIndex) else series.rename_axis("name")

    def _table_of(self, number: Number) -> PurePosixPath:
        """The table that a number lies in. Raises ReadWriteError."""
        file = self.chosen if number[0] == HYPERPARAMETERS else self.table
        if file is None:
            raise ReadWriteError("the numbers lie in maps", self.out_dir)
        return file

    def _read_table(self, file: PurePosixPath) -> Mapping[str, tables.Column]:
        """Raises ReadWriteError."""
        self._require([file])
        return tables.read_columns(self.out_dir / file)

    def _map_files(self, numbers: Iterable[Number]) -> list[PurePosixPath]:
        """Files that hold some numbers."""
        wanted = set(numbers)
        files = [file for file in self.maps.files if wanted & {*file.numbers}]
        return [self.maps.name(file.desc, file.stat, side) for file in files for side in TRAITS[self.grid.kind].sides]

    def _require(self, files: Iterable[PurePosixPath]) -> None:
        require_files(self.out_dir, self.proof, files)


def written_unit(out_dir: Path, summary: UnitSummary) -> Written:
    """Numbers of a participant's unit.

    Parameters
    ----------
    out_dir : where results are.
    summary : of the unit.
    """
    columns = {
        (label, stat): f"{label}_{stat}"
        for label in summary.by_label
        if label in summary.components
        for stat in summary.components[label].stats
    }
    maps, kind = maps_of_unit(out_dir, summary), summary.targets.kind
    if summary.layout != "table":
        return Written(out_dir, summary, summary.targets, columns, None, maps)
    chosen = names.hyperparameters_file(summary.stem, kind)
    if str(chosen) not in summary.files:
        return Written(out_dir, summary, summary.targets, columns, names.table_file(summary.stem, kind), maps)
    columns |= {(HYPERPARAMETERS, stat): stat for stat in hyperparameter_stats(summary)}
    return Written(out_dir, summary, summary.targets, columns, names.table_file(summary.stem, kind), maps, chosen)


def written_group(out_dir: Path, proof: GroupSummary, summary: GroupResultSummary) -> Written:
    """Numbers over participants; `rsquared`, `r`, … are means, other stats are of R².

    Parameters
    ----------
    out_dir : where results are.
    proof : of the group level.
    summary : of one of its groups.
    """
    kind, maps = summary.targets.kind, maps_of_group(out_dir, summary)
    if TRAITS[kind].layout == "maps":
        return Written(out_dir, proof, summary.targets, {}, None, maps)
    table = names.group_table_file(summary.stem, kind)
    require_files(out_dir, proof, [table])
    columns = _group_columns(summary, tables.read_columns(out_dir / table))
    return Written(out_dir, proof, summary.targets, columns, table, maps)


def _group_columns(summary: GroupResultSummary, there: Iterable[str]) -> dict[Number, str]:
    """Numbers of a group's table → its columns, `<component>_<stat>` of electrodes, else `<component>_<stat>_<over
    participants>`, by the names that maps have."""
    found: dict[Number, str] = {}
    components = all_components(summary.groups, summary.extra, summary.controls)
    for column in there:
        label, _, rest = column.partition("_")
        stat, _, statistic = rest.partition("_")
        if label in components and statistic in ("", "mean"):
            found[label, stat] = column
        elif label in components and stat == "rsquared":
            found[label, statistic] = column
    return found
