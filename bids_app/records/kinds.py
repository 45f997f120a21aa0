"""What each kind of targets can do: how its results are laid out in files, and what its targets are called; and what
a file of maps holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from bids_app.records.arrays import TargetKind

Layout = Literal["maps", "table"]


@dataclass(frozen=True)
class TargetTraits:
    """One kind of targets.

    Parameters
    ----------
    noun, nouns : one of them, and several.
    layout : whether numbers are read back from maps or from one table.
    map_ending : of a file of maps; empty where there are none. Of a table's kind, maps stand beside it where places
        are known.
    table_ending : of a table with a row a target.
    sides : of maps: one file, or one a hemisphere.
    by_name : few, each with a name of its own: shown and averaged one by one.
    """

    noun: str
    nouns: str
    layout: Layout
    map_ending: str = ""
    table_ending: str = ".tsv"
    sides: tuple[str, ...] = ("",)
    by_name: bool = False


TRAITS: Mapping[TargetKind, TargetTraits] = MappingProxyType(
    {
        "volume": TargetTraits("voxel", "voxels", "maps", ".nii.gz"),
        "surface": TargetTraits("vertex", "vertices", "maps", ".func.gii", sides=("L", "R")),
        "greyordinates": TargetTraits("greyordinate", "greyordinates", "maps", ".dscalar.nii"),
        "parcels": TargetTraits("parcel", "parcels", "table", ".pscalar.nii", by_name=True),
        "electrodes": TargetTraits("electrode", "electrodes", "table", by_name=True),
        "array": TargetTraits("column", "columns", "table", table_ending=".h5"),
    }
)


@dataclass(frozen=True)
class MapFile:
    """A file of maps (of surfaces one a hemisphere), and which numbers they are.

    Parameters
    ----------
    stat, desc : as in its name; empty where that has none.
    maps : their names, in order: labels of components; of a file without `stat`, the stats of the component `desc`.
    """

    stat: str
    desc: str
    maps: tuple[str, ...]

    @property
    def is_single(self) -> bool:
        """Whether it is made for the one map that it is named after."""
        return self.maps == (self.desc,)

    @property
    def numbers(self) -> tuple[tuple[str, str], ...]:
        """(component, stat) of each map."""
        return tuple((name, self.stat) if self.stat else (self.desc, name) for name in self.maps)
