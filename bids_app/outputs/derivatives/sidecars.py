"""The JSON of maps and tables: what the number is and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping

from bids_app.outputs.files.files import Sidecar
from bids_app.outputs.wording.alignment import alignment_facts
from bids_app.outputs.wording.controls import baseline_facts
from bids_app.outputs.wording.definitions import Definitions
from bids_app.outputs.wording.inference import inference_in_words, responsive_in_words
from bids_app.outputs.wording.rows import rows_of
from bids_app.outputs.wording.scores import STAT_TITLE, score_of_solver
from bids_app.records import FeatureProvenance, Partition, Provenance, Responsive, Targets, UnitResult, entities_of
from bids_app.records.regions.spaces import is_standard

SUBSPACE_TABLE = "One row an outer fold and pair of canonical variates of two models' word rows."
IN_SHAPE = "One array a number, in the shape of the responses: entry k is of their column k, NaN where unusable."
SCORE_TABLE = "One row a target: held-out scores of encoding models and the split of their explained variance."
NO_VALUE = {
    "volume": "NaN outside the mask (the voxels that all recordings' brain masks share) and in voxels that never "
    "vary or have missing samples.",
    "surface": "NaN at vertices that never vary or have missing samples, the medial wall among them.",
    "greyordinates": "NaN at greyordinates that never vary or have missing samples.",
    "parcels": "NaN in parcels that never vary or have missing samples.",
}


def common(unit: UnitResult) -> Sidecar:
    """What all JSON files of a unit hold."""
    provenance = unit.provenance
    return {
        "Samples": rows_of(provenance.design).samples(provenance),
        "Inference": inference_in_words(provenance.inference),
        "Ceiling": unit.ceiling,
        **baseline_facts(provenance.controls),
        "Sources": sorted({source for recording in unit.recordings for source in recording.sources}),
        "Analysis": provenance.analysis.name,
        "AnalysisHash": provenance.analysis.hash,
        "FeatureSpaces": models(provenance.spaces),
        "SoftwareVersions": dict(provenance.software),
        "Warnings": list(unit.warnings),
        "Alignment": alignment_facts(unit.alignments, unit.excluded),
    }


def models(spaces: Mapping[str, FeatureProvenance]) -> dict[str, Sidecar]:
    """Space → its kind, model, revision, the weights' hash, and the seed where they are random (`untrained`)."""
    return {
        name: {key: value for key, value in _facts(space).items() if value is not None}
        for name, space in spaces.items()
    }


def _facts(space: FeatureProvenance) -> Sidecar:
    """What JSON files say of a space's features, None for what is not known."""
    return {
        "kind": space.kind,
        "model": space.model,
        "revision": space.revision,
        "weights_sha256": space.weights_sha256,
        "untrained": space.untrained,
        "stand_in": space.stand_in,
        "causal": space.causal,
        "stamp": space.stamp,
        "dimensions": space.dimensions,
        "description": space.description,
    }


def shared_by_maps(unit: UnitResult) -> Sidecar:
    """What holds for all maps of a unit."""
    return {
        "Description": "What holds for all maps of this name. What each map is stands in the JSON of its stat.",
        "MissingValues": NO_VALUE[unit.targets.kind],
        **_grid(unit),
        **common(unit),
    }


def definitions_of(partition: Partition, provenance: Provenance) -> Definitions:
    """What a unit's numbers are, in words.

    Parameters
    ----------
    partition : the unit's components and their values.
    provenance : how they were made; its solver decides what a score is.
    """
    return Definitions(partition.groups, partition.extra, score_of_solver(provenance.analysis.fit.solver))


def _grid(unit: UnitResult) -> Sidecar:
    """What BIDS asks of images: the brain alone, and what space, resolution and density stand for."""
    metadata, entities = unit.recordings[0].metadata, entities_of(unit.stem)
    grid: Sidecar = {"SkullStripped": True} if unit.targets.kind == "volume" else {}
    if not is_standard(unit.targets.space):
        source = unit.recordings[0].sources[0] if unit.recordings[0].sources else unit.recordings[0].label
        grid["SpatialReference"] = metadata.get("SpatialReference", source)
    for key, term in (("res", "Resolution"), ("den", "Density")):
        if key in entities:
            grid[term] = metadata.get(term, f"that of the responses ({key}-{entities[key]})")
    return grid


def table_sidecar(unit: UnitResult, columns: Mapping[str, Mapping[str, str]], note: str = "") -> Sidecar:
    """JSON of a table: what it holds, then every column.

    Parameters
    ----------
    unit : the result.
    columns : name → definition.
    note : a sentence to add to the description.
    """
    return {"Description": f"{SCORE_TABLE} {note}".strip(), **common(unit), **columns}


def score_columns(partition: Partition, provenance: Provenance) -> dict[str, dict[str, str]]:
    """Definition of each `<component>_<stat>` column.

    Parameters
    ----------
    partition : whose values they are.
    provenance : of the unit: what its scores are.
    """
    definitions = definitions_of(partition, provenance)
    return {
        f"{label}_{stat}": {
            "LongName": f"{label}: {STAT_TITLE[stat]}",
            "Description": definitions.define(partition.components[label], stat),
        }
        for label, stats in partition.values.items()
        for stat in stats
    }


def responsive_columns(test: Responsive) -> dict[str, dict[str, str]]:
    """Definition of the columns that say whether an electrode responds to speech."""
    how = responsive_in_words(test)
    return {
        "responsive": {"Description": f"Whether q ≤ {test.level:g}. No model and no score enters: {how}"},
        "responsive_p": {
            "Description": f"p that the signal is higher in speech than in the silence before it: {how}"
        },
        "responsive_q": {
            "Description": "Benjamini and Hochberg's q over all electrodes of this table, of responsive_p"
        },
    }


def target_columns(targets: Targets) -> dict[str, dict[str, str]]:
    """Definition of the columns that name a target."""
    words = {
        "volume": "Voxel i,j,k in the grid of the responses",
        "surface": "Hemisphere and vertex number",
        "greyordinates": "Structure and vertex number, or voxel i,j,k in the grid of the responses",
        "array": "Column of the responses' array",
        "parcels": f"Parcel of {targets.space}, as the responses' table names it",
        "electrodes": "Channel",
    }
    columns = {"name": {"Description": words[targets.kind]}}
    if targets.kind == "electrodes":
        columns |= {
            axis: {"Description": f"Position along {axis} in {targets.space}; n/a where unknown", "Units": "mm"}
            for axis in "xyz"
        }
    return columns
