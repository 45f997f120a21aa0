"""The JSON beside each map and table: what the number is and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bids_app.outputs.files.names import entities_of
from bids_app.outputs.wording.controls import baseline_facts
from bids_app.outputs.wording.definitions import STAT_TITLE, define, scored
from bids_app.records import Partition, Responsive, Targets, UnitResult

STANDARD_SPACES = ("MNI", "fsaverage", "fsLR", "ICBM", "Talairach", "tpl-")
NO_INFERENCE = "No inference was made: there are no p-values and no intervals, and no threshold was applied."
SUBSPACE_TABLE = "One row an outer fold and pair of canonical variates of two models' word rows."
SCORE_TABLE = "One row a target: held-out scores of encoding models and the split of their explained variance."
LAG_TABLE = "One row an electrode and lag: the size of the full model's weights."
FAMILIES = "Family-wise p and q are over all electrodes, lags and the electrodes' own windows together."
OF_MEAN = "Fitted to the mean of people's z-scored responses, not to any person's own."
NO_VALUE = {
    "volume": "NaN outside the mask (the voxels that all recordings' brain masks share) and in voxels that never "
    "vary or have missing samples.",
    "surface": "NaN at vertices that never vary or have missing samples, the medial wall among them.",
}


def is_standard(space: str) -> bool:
    """Whether coordinates in `space` are comparable between people."""
    return space.startswith(STANDARD_SPACES)


def samples_in_words(provenance: Mapping[str, Any]) -> str:
    """Which samples a score rests on."""
    used = [one[0] for one in provenance["samples"].values()]
    total = [one[1] for one in provenance["samples"].values()]
    design = provenance["design"]
    skip = design["skip_onset_s"]
    if design["epoch"]:
        return _words_in_words(sum(used), sum(total), len(used), design)
    early = f"the first {skip:g} s after the first word or sound of stimuli over 60 s, " if skip else ""
    return (
        f"{sum(used)} of the {sum(total)} samples of {count_of(len(used), 'recording')} are used, each tested once; "
        f"left out are {early}samples without stimulus and samples marked bad or non-steady-state."
    )


def _words_in_words(used: int, total: int, n_recordings: int, design: Mapping[str, Any]) -> str:
    """Which words a score rests on."""
    first_s, last_s = design["epoch_span_s"]
    skip = design["skip_onset_s"]
    early = f", or the first {skip:g} s of stimuli over 60 s" if skip else ""
    return (
        f"{used} of the {total} words of {count_of(n_recordings, 'recording')} are used, each tested once; left out "
        f"are words whose epoch ({first_s:g} to {last_s:g} s from the onset) leaves the recording or touches samples "
        f"marked bad{early}, and words of which a feature space says nothing."
    )


def summary_window(provenance: Mapping[str, Any]) -> str:
    """What an electrode's own value is where rows are words; nothing otherwise."""
    epoch = provenance["design"]["epoch"]
    if not epoch:
        return ""
    first_s, last_s = epoch["summary_s"]
    return (
        f"The response is its mean from {first_s:g} to {last_s:g} s after each word's onset, predicted as a target "
        f"of its own; lag by lag, see desc-lags. {FAMILIES}"
    )


def lag_scores(provenance: Mapping[str, Any]) -> str:
    """What the table of electrode × lag holds where rows are words."""
    width_s = provenance["design"]["epoch"]["window_s"]
    response = f"its mean over {width_s:g} s around" if width_s else "its sample nearest to"
    return (
        f"One row an electrode and lag: held-out scores, one row of the models a word; the response is {response} "
        "the word's onset + lag_s. A score says what a word's features tell of the response then; neighbouring lags "
        "share samples, and the features of neighbouring words are correlated, so scores spread over lags. "
        f"{FAMILIES}"
    )


def inference_in_words(made: Mapping[str, Any] | None) -> str:
    """How p and intervals were made."""
    if made is None:
        return NO_INFERENCE
    kinds = "of blocks and of frequencies" if made["frequencies"] else "of blocks"
    return (
        f"Tests by {made['permutations']} sign flips {kinds}, intervals by Student's t over blocks: "
        f"{made['n_blocks']} blocks of at least {made['block_s']:.0f} s."
    )


def count_of(number: int, noun: str) -> str:
    """`1 recording`, `2 recordings`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def common(unit: UnitResult) -> dict[str, Any]:
    """What all JSON files of a unit hold."""
    provenance = unit.provenance
    return {
        "Samples": samples_in_words(provenance),
        "Inference": inference_in_words(provenance["inference"]),
        "Ceiling": unit.ceiling,
        **baseline_facts(provenance["beside"]),
        "Sources": sorted({source for recording in unit.recordings for source in recording.sources}),
        "Analysis": provenance["analysis"]["name"],
        "AnalysisHash": provenance["analysis_hash"],
        "FeatureSpaces": models(provenance["spaces"]),
        "SoftwareVersions": dict(provenance["software"]),
        "Warnings": list(unit.warnings),
    }


def models(spaces: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Space → its kind, model, revision, the weights' hash, and the seed where they are random (`untrained`)."""
    weights = ("model", "revision", "weights_sha256", "untrained", "stand_in")
    kept = ("kind", *weights, "causal", "stamp", "dimensions", "description")
    return {name: {key: space[key] for key in kept if space.get(key) is not None} for name, space in spaces.items()}


def map_sidecar(unit: UnitResult, component: str, stat: str) -> dict[str, Any]:
    """JSON of one map."""
    words = define(component, stat, unit.partition.units, unit.partition.further)
    return described_map(unit, scored(words, is_published(unit.provenance)))


def described_map(unit: UnitResult, words: str) -> dict[str, Any]:
    """JSON of a map of which `words` say what it is."""
    return {"Description": f"{words} {NO_VALUE[unit.targets.kind]}", **_grid(unit), **common(unit)}


def is_published(provenance: Mapping[str, Any]) -> bool:
    """Whether scores are those of the published code, by the solver `chen2024`."""
    return bool(provenance["analysis"]["fit"]["solver"] == "chen2024")


def _grid(unit: UnitResult) -> dict[str, Any]:
    """What BIDS asks of images: the brain alone, and what space, resolution and density stand for."""
    metadata, entities = unit.recordings[0].metadata, entities_of(unit.stem)
    grid: dict[str, Any] = {"SkullStripped": True} if unit.targets.kind == "volume" else {}
    if not is_standard(unit.targets.space):
        source = unit.recordings[0].sources[0] if unit.recordings[0].sources else unit.recordings[0].label
        grid["SpatialReference"] = metadata.get("SpatialReference", source)
    for key, term in (("res", "Resolution"), ("den", "Density")):
        if key in entities:
            grid[term] = metadata.get(term, f"that of the responses ({key}-{entities[key]})")
    return grid


def table_sidecar(unit: UnitResult, columns: Mapping[str, Mapping[str, str]], note: str = "") -> dict[str, Any]:
    """JSON of a table: what it holds, then every column."""
    return {"Description": f"{SCORE_TABLE} {note}".strip(), **common(unit), **columns}


def score_columns(partition: Partition, published: bool = False) -> dict[str, dict[str, str]]:
    """Definition of each `<component>_<stat>` column; `published`: see `scored`."""
    return {
        f"{component}_{stat}": {
            "LongName": f"{component}: {STAT_TITLE[stat]}",
            "Description": scored(define(component, stat, partition.units, partition.further), published),
        }
        for component, stats in partition.values.items()
        for stat in stats
    }


def responsive_in_words(found: Mapping[str, Any]) -> str:
    """How speech was compared with silence."""
    (first_s, last_s), (quiet_s, until_s) = found["speech_s"], found["quiet_s"]
    return (
        f"mean signal {first_s:g} to {last_s:g} s from the onset of words that end a silence of at least "
        f"{found['silence_s']:g} s, against {quiet_s:g} to {until_s:g} s, {count_of(found['n_pairs'], 'pair')}, "
        "one-sided paired t-test"
    )


def responsive_columns(found: Responsive) -> dict[str, dict[str, str]]:
    """Definition of the columns that say whether an electrode responds to speech."""
    how = responsive_in_words(vars(found))
    return {
        "responsive": {"Description": f"Whether q ≤ {found.level:g}. No model and no score enters: {how}"},
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
