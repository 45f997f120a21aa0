"""What each kind of targets can do: how its results are laid out in files, and what its targets are called."""

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
    layout : whether numbers are read back from maps (a file a number) or from one table.
    map_ending : of a map's file; empty where there are none. Of a table's kind, maps stand beside it where places are
        known.
    table_ending : of a table with a row a target.
    sides : of a map: one file, or one a hemisphere.
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
