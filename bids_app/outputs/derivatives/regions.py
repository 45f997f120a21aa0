"""Regions of a unit in files: a table each of scores, layers, lags and electrodes, and a summary that proves them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.outputs.derivatives import tables
from bids_app.outputs.derivatives.read_unit import read_best
from bids_app.outputs.derivatives.saved.models import read_weight_sizes
from bids_app.outputs.files import names
from bids_app.outputs.files.file_set import File, write_set
from bids_app.outputs.files.files import Sidecar, json_text, numbers, read_tsv, tsv_text, typed_rows
from bids_app.outputs.files.proof import proof_of, require_files, saved_of, whole_regions
from bids_app.outputs.files.serialise import summary_text
from bids_app.outputs.wording.scores import HELD_OUT
from bids_app.records import TRAITS, Array, UnitSummary, WrittenUnit, space_label
from bids_app.records.regions.scores import (
    LagTable,
    LayerChoice,
    RegionElectrode,
    RegionLag,
    RegionLayer,
    RegionScore,
    RegionsSummary,
    UnitRegions,
)

ATLAS = {"atlas": "Atlas, or `localiser` for the participant's own masks", "region": "Region, as its table calls it"}
SCORES = {
    **ATLAS,
    "component": "Component of the partition, or model",
    "n": "Usable targets in the region",
    "rsquared": f"Mean over them of R². {HELD_OUT}",
    "r": "Mean over them of r, through Fisher's z; n/a for shared parts",
    "share_pfwe": "Share of them with a family-wise p (over all targets) of at most the level; n/a without tests",
    "share_q": "Share of them with a q (over all targets) of at most the level; n/a without tests",
    "pfwe": "Smallest family-wise p (over all targets) among them; n/a without tests",
    "ceiling": "Mean noise ceiling of R² of those that have one: that of all may be lower; n/a where under half have",
    "peak": "Target with the highest R². It is the highest of n, and so too high: it says where, not how much",
    "peak_rsquared": "R² of that target",
    "x": "Place of that target in mm; n/a where it is not known",
    "y": "The same",
    "z": "The same",
}
LAYERS = {
    **ATLAS,
    "space": "Feature space",
    "layer": "Layer, as the model numbers it (0: the input of the first block)",
    "n": "Usable targets in the region that have a best layer, chosen inside training samples",
    "best_share": "Share of them whose best layer this is",
    "rsquared": "Mean over usable targets of the layer's held-out R², fitted alone by ridge; n/a of voxels, vertices "
    "and greyordinates, whose layers' scores are not kept one by one",
}
LAGS = {
    **ATLAS,
    "column": "Of electrodes a column of the table of lags (desc-lags). `<space>_weight`, also of voxels and "
    "vertices where weights were saved: the size of the full model's weights of the space at this delay, as the "
    "Euclidean norm over its standardised dimensions or principal components, averaged over outer folds",
    "lag_s": "Time of the response after the feature, or after the word's onset, in seconds",
    "n": "Targets with a value",
    "mean": "Mean over them",
}
ELECTRODES = {
    "name": "Channel",
    "atlas": ATLAS["atlas"],
    "region": "Region of the nearest labelled voxel; n/a where it is further away than stated above, or the "
    "electrode's place is not known",
    "distance_mm": "Distance in mm to that voxel's centre, 0 within it; n/a where the place is not known",
}
ABOUT = {
    "regions": ("One row a region and component: means over the region's usable targets.", SCORES),
    "regionLayers": ("One row a region, feature space and layer.", LAYERS),
    "regionLags": ("One row a region, column, and lag or delay.", LAGS),
    "regionElectrodes": ("One row an electrode and atlas.", ELECTRODES),
}
AXES = ("x", "y", "z")


def write_regions(
    out_dir: Path, unit: WrittenUnit, regions: UnitRegions, atlases: Mapping[str, str], furthest_mm: float
) -> tuple[Path, ...]:
    """A unit's tables of regions, in the place of those of before.

    Parameters
    ----------
    out_dir : where results are.
    unit : whose results regions were read off.
    regions : what they say.
    atlases : name → file and SHA-256.
    furthest_mm : from an electrode to the nearest label of a region that it counts to.

    Returns
    -------
    The files written.

    Raises
    ------
    CannotCreate : where one cannot be written.
    """
    of_unit = proof_of(unit.summary)

    def summarise(hashes: Mapping[str, str]) -> str:
        """The text of their summary."""
        return summary_text(RegionsSummary(unit.stem, unit.participant, atlases, regions.notes, of_unit, hashes))

    files = _files(unit, regions, atlases, furthest_mm)
    return write_set(out_dir, names.regions_file(unit.stem), files, summarise)


def _files(unit: WrittenUnit, regions: UnitRegions, atlases: Mapping[str, str], furthest_mm: float) -> Iterator[File]:
    kind, summary = unit.targets.kind, unit.summary
    facts: Sidecar = {
        "Atlases": dict(atlases),
        "Notes": list(regions.notes),
        "AnalysisHash": summary.provenance.analysis.hash,
        "Sources": [f"bids::{file}" for file in summary.files if file.endswith((".nii.gz", ".gii", ".nii", ".tsv"))],
    }
    if summary.provenance.inference:
        facts["Level"] = summary.provenance.inference.level
    if kind == "electrodes":
        facts["FurthestDistance"] = f"{furthest_mm:g} mm from an electrode to the nearest labelled voxel's centre"
    tabled: dict[str, Sequence[Any]] = {
        "regions": regions.scores,
        "regionLayers": regions.layers,
        "regionLags": regions.lags,
        "regionElectrodes": regions.electrodes,
    }
    for label, rows in tabled.items():
        if not rows and label != "regions":
            continue
        file, (words, columns) = names.own_table(unit.stem, kind, label), ABOUT[label]
        yield file, tsv_text(_cells(rows, columns)).encode()
        meaning = {name: {"Description": said} for name, said in columns.items()}
        yield names.sidecar_of(file), json_text({"Description": words, **facts, **meaning}).encode()


def _cells(rows: Sequence[Any], columns: Iterable[str]) -> dict[str, list[object]]:
    return {name: [_cell(row, name) for row in rows] for name in columns}


def _cell(row: Any, column: str) -> object:
    return row.peak_mm[AXES.index(column)] if column in AXES else getattr(row, column)


# ------------------------------------------------------------------------------------------------ read back
def read_regions(out_dir: Path, summary: UnitSummary) -> UnitRegions | None:
    """What regions were read off a unit's results; None where none were, or not of these.

    Parameters
    ----------
    out_dir : where results are.
    summary : of the unit.
    """
    regions = whole_regions(out_dir, summary)
    if regions is None:
        return None
    return UnitRegions(
        scores=tuple(map(_score, _rows(out_dir, summary, regions, "regions"))),
        layers=tuple(RegionLayer(**row) for row in _rows(out_dir, summary, regions, "regionLayers")),
        lags=tuple(RegionLag(**row) for row in _rows(out_dir, summary, regions, "regionLags")),
        electrodes=tuple(RegionElectrode(**row) for row in _rows(out_dir, summary, regions, "regionElectrodes")),
        notes=regions.notes,
    )


def _score(row: dict[str, Any]) -> RegionScore:
    x_mm, y_mm, z_mm = (row.pop(axis) for axis in AXES)
    return RegionScore(**row, peak_mm=(x_mm, y_mm, z_mm))


TYPES = {
    one.name: str(one.type) for kind in (RegionScore, RegionLayer, RegionLag, RegionElectrode) for one in fields(kind)
}


def _rows(out_dir: Path, summary: UnitSummary, regions: RegionsSummary, label: str) -> Iterator[dict[str, Any]]:
    """Rows of a table that was written, none where it was not."""
    file = names.own_table(summary.stem, summary.targets.kind, label)
    if str(file) not in regions.files:
        return
    yield from typed_rows(read_tsv(out_dir / file), TYPES)


# ------------------------------------------------------------------------------------------------ profiles
def read_layers(out_dir: Path, unit: WrittenUnit) -> dict[str, LayerChoice]:
    """Feature space → best layers of a unit's targets, and each layer's R² where a table has it.

    Parameters
    ----------
    out_dir : where results are.
    unit : as read back.

    Raises
    ------
    ReadWriteError : where a file is gone or broken.
    """
    return {
        space: LayerChoice(
            layers=one.layers,
            numbers=one.numbers,
            best=read_best(out_dir, unit, space)[0],
            rsquared=_by_target(out_dir, unit, space, one.layers) if TRAITS[unit.targets.kind].by_name else None,
        )
        for space, one in unit.summary.layers.items()
    }


def _by_target(out_dir: Path, unit: WrittenUnit, space: str, layers: Sequence[str]) -> Array:
    """(n_layers, n_targets) R² of parcels or electrodes; NaN where the table has none."""
    cells = read_tsv(out_dir / names.layers_file(unit.stem, unit.targets.kind))
    rows = zip(cells["space"], cells["layer"], cells["region"], numbers(cells["rsquared"]).tolist(), strict=True)
    known = {(layer, region): value for one, layer, region, value in rows if one == space}
    values = [
        [known.get((layer, f"{name} (target)"), known.get((layer, name), np.nan)) for name in unit.targets.names]
        for layer in layers
    ]
    return np.array(values, dtype=float)


def read_lags(out_dir: Path, unit: WrittenUnit) -> LagTable | None:
    """R² of components, or sizes of weights, by target and lag: of electrodes those of their table, of voxels and
    vertices those of the saved weights; None where there are none.

    Parameters
    ----------
    out_dir : where results are.
    unit : as read back.

    Raises
    ------
    ReadWriteError : where it is gone or broken.
    """
    if unit.targets.kind != "electrodes":
        return _weights_by_delay(out_dir, unit)
    file = names.lags_file(unit.stem)
    if str(file) not in unit.summary.files:
        return None
    path = out_dir / file
    columns = tables.read_columns(path)
    lags = tables.column_of(columns, "lag_s", path)
    n_lags = len(lags) // max(1, len(unit.targets.names))
    shown = [name for name in columns if name.endswith(("_rsquared", "_weight"))]
    values = {name: tables.column_of(columns, name, path).reshape(-1, n_lags) for name in shown}
    return LagTable(tuple(lags[:n_lags].tolist()), values)


def _weights_by_delay(out_dir: Path, unit: WrittenUnit) -> LagTable | None:
    """Sizes of weights by target and delay, where weights were saved of these results."""
    saved = saved_of(out_dir, unit.summary)
    if saved is None or "weights" not in saved.what:
        return None
    file = names.models_file(unit.stem, unit.targets.kind, "weights")
    require_files(out_dir, saved, [file])
    own, delays_s, sizes = read_weight_sizes(out_dir / file)
    place = {name: column for column, name in enumerate(own)}
    columns = np.array([place[name] for name in unit.targets.names], dtype=int)
    values = {f"{space_label(band)}_weight": size[:, columns].T for band, size in sizes.items()}
    return LagTable(tuple(map(float, delays_s)), values)
