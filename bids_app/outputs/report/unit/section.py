"""What a report says of one unit: what its template is filled with, all from out_dir."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bids_app.outputs.derivatives.read_unit import read_best
from bids_app.outputs.derivatives.summary import PREDICTED
from bids_app.outputs.figures import maps
from bids_app.outputs.files import names
from bids_app.outputs.report.basis.folds import folds_drawing
from bids_app.outputs.report.basis.hyperparameters import hyperparameters_drawing
from bids_app.outputs.report.basis.quality import Quality, quality_of
from bids_app.outputs.report.brain import save_brain
from bids_app.outputs.report.drawing import Drawing, Figure, save
from bids_app.outputs.report.regions import RegionsPart, unit_regions
from bids_app.outputs.report.unit.controls import controls_sentences
from bids_app.outputs.report.unit.figures import (
    extra_partition_drawing,
    planted_drawing,
    unit_figures,
    who_is_shown,
)
from bids_app.outputs.report.unit.lags import responsive_sentence
from bids_app.outputs.report.unit.layers import best_map, layer_profiles, layer_sentences, layer_table
from bids_app.outputs.report.unit.leakage_audit import audit_rows
from bids_app.outputs.report.unit.minute import minute_drawing
from bids_app.outputs.report.unit.model_pair import model_pair_drawings, model_pair_sentences
from bids_app.outputs.report.unit.planted import (
    FEWEST,
    LEAST_SD,
    NOISE_ONLY,
    PLANTED,
    PlantedRecovery,
    Truth,
    recoveries,
)
from bids_app.outputs.report.unit.subspace import subspace_sentences
from bids_app.outputs.wording.definitions import Definitions
from bids_app.outputs.wording.inference import WHERE_ESTIMATES_GO, inference_in_words
from bids_app.outputs.wording.methods.text import methods_text
from bids_app.outputs.wording.noise_ceiling import noise_ceiling_in_words
from bids_app.outputs.wording.phrases import capitalised, nouns_of
from bids_app.outputs.wording.scores import score_of_solver
from bids_app.records import (
    SCORES,
    TRAITS,
    FeatureProvenance,
    Kind,
    RecordingSummary,
    SignificantCounts,
    StatSpreads,
    TargetKind,
    UnitSummary,
    WrittenUnit,
    entities_of,
)

EXAMPLES: tuple[Kind, ...] = ("full", "unique", "shared")  # whose tests and intervals are defined


@dataclass(frozen=True)
class Part:
    """A part of a section: sentences, then figures."""

    sentences: tuple[str, ...]
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class ComponentRow:
    """A row of the table of components. significant: numbers of targets, of R² where there was inference."""

    component: str
    stat: str
    spreads: StatSpreads
    significant: SignificantCounts | None


@dataclass(frozen=True)
class PlantedPart:
    """Recovered beside planted R².

    above, noise_below : R² that counts as planted, and as noise alone. fewest, least_sd : targets and standard
    deviation of planted R² that a slope asks for.
    """

    rows: tuple[PlantedRecovery, ...]
    figure: Figure | None
    above: float = PLANTED
    noise_below: float = NOISE_ONLY
    fewest: int = FEWEST
    least_sd: float = LEAST_SD


@dataclass(frozen=True)
class UnitSection:
    """All that the template needs of a unit. None: the analysis has no such part."""

    id: str
    title: str
    nouns: str
    summary: UnitSummary
    figures: tuple[Figure, ...]
    notes: tuple[str, ...]
    feature_notes: tuple[str, ...]
    components: tuple[ComponentRow, ...]
    inference: str
    baseline: tuple[str, ...]
    model_pair: Part | None
    subspace: Part | None
    layers: Part | None
    regions: RegionsPart | None
    planted: PlantedPart | None
    audit: tuple[tuple[str, str], ...]
    methods: tuple[str, ...]
    repeated: tuple[str, ...]
    bias: str
    noise_ceiling: str
    minute: Figure | None
    hyperparameters: Figure | None
    folds: Figure | None
    quality: Quality
    brain: str | None
    predicted_above: float = PREDICTED


def heading(space: str, kind: TargetKind) -> str:
    """Where targets lie and what they are, or that alone where the space is not known.

    Parameters
    ----------
    space : of the targets, `n/a` where it is not known.
    kind : of the targets.
    """
    return capitalised(nouns_of(kind)) if space == "n/a" else f"{space}: {nouns_of(kind)}"


def unit_section(out_dir: Path, unit: WrittenUnit, truth: Truth) -> UnitSection:
    """A unit's section; writes its figures.

    Parameters
    ----------
    out_dir : where results lie.
    unit : as read back.
    truth : planted values of its participant; empty where there are none.
    """
    summary = unit.summary
    whose = "" if "sub" in entities_of(unit.stem) else "Mean response, "
    return UnitSection(
        folds=_saved(out_dir, unit, folds_drawing(unit)),
        quality=quality_of(summary),
        id=unit.stem,
        title=f"{whose}{heading(unit.targets.space, unit.targets.kind)}",
        nouns=nouns_of(unit.targets.kind),
        summary=summary,
        figures=tuple(unit_figures(out_dir, unit)),
        notes=tuple(_notes(unit)),
        feature_notes=tuple(feature_notes(summary.provenance.spaces)),
        components=tuple(component_rows(summary)),
        inference=inference_in_words(summary.provenance.inference),
        baseline=tuple(controls_sentences(unit)),
        model_pair=_model_pair(out_dir, unit),
        subspace=_subspace(out_dir, unit),
        layers=_layers(out_dir, unit),
        regions=unit_regions(out_dir, summary),
        planted=planted_part(out_dir, unit.stem, recoveries(unit, truth)),
        audit=tuple(audit_rows(summary)),
        methods=methods_text(summary),
        repeated=tuple(repeated_stimuli(summary.recordings)),
        bias=WHERE_ESTIMATES_GO if len(summary.groups) > 1 else "",
        noise_ceiling=noise_ceiling_in_words(summary),
        brain=_brain(out_dir, unit),
        minute=_saved(out_dir, unit, minute_drawing(out_dir, unit)),
        hyperparameters=_saved(out_dir, unit, hyperparameters_drawing(out_dir, unit)),
    )


def _saved(out_dir: Path, unit: WrittenUnit, drawing: Drawing | None) -> Figure | None:
    return save(out_dir, unit.stem, drawing) if drawing else None


# ------------------------------------------------------------------------------------------------ tables
def component_rows(summary: UnitSummary) -> list[ComponentRow]:
    """One row a component and stat."""
    return [
        ComponentRow(label, stat, spreads, component.significant if stat == "rsquared" else None)
        for label, component in summary.components.items()
        for stat, spreads in component.spreads.items()
    ]


def definition_rows(summary: UnitSummary) -> list[tuple[str, str]]:
    """(name, what it is) of every score of a unit, and of the tests and intervals of a total, a unique and a shared
    part."""
    score = score_of_solver(summary.provenance.analysis.fit.solver)
    definitions, by_label = Definitions(summary.groups, summary.extra, score), summary.by_label
    scores = [(label, stat) for label, one in summary.components.items() for stat in one.stats if stat in SCORES]
    own = [one for one in by_label.values() if not one.partition]
    first = {one.kind: one.label for one in reversed(own)}
    examples = [first[kind] for kind in EXAMPLES if kind in first]
    inferred = [(label, stat) for label in examples for stat in summary.components[label].stats if stat not in SCORES]
    return [(f"{label}, {stat}", definitions.define(by_label[label], stat)) for label, stat in (*scores, *inferred)]


def feature_notes(spaces: Mapping[str, FeatureProvenance]) -> list[str]:
    """What the features' makers noted, and what a reader must know of their time."""
    lines = [f"{name}: {note}" for name, made in spaces.items() for note in made.notes]
    looks_ahead = [name for name, made in spaces.items() if made.causal is False]
    ahead = [f"{name}: a row may depend on what comes after its time stamp (not causal)" for name in looks_ahead]
    return lines + ahead


def repeated_stimuli(recordings: Sequence[RecordingSummary]) -> list[str]:
    """`stimulus (n recordings)` of everything heard in more than one."""
    heard = Counter(name for one in recordings for name in {event.stimulus_id for event in one.stimuli})
    return [f"{name} ({count} recordings)" for name, count in sorted(heard.items()) if count > 1]


# ------------------------------------------------------------------------------------------------ parts
def _notes(unit: WrittenUnit) -> list[str]:
    """What cannot be shown, and which electrodes respond to speech."""
    notes = []
    ending = TRAITS[unit.targets.kind].map_ending
    if unit.targets.kind in ("surface", "greyordinates") and not maps.can_draw(unit.targets):
        notes.append(f"{unit.targets.space} has no mesh in this program: see the {ending} files for its maps.")
    if unit.targets.kind == "array":
        notes.append("Columns of an array have no place: see the .h5 file for their numbers.")
    if unit.targets.kind == "electrodes":
        notes.append(responsive_sentence(unit.summary.responsive))
    return notes


def _brain(out_dir: Path, unit: WrittenUnit) -> str | None:
    """The page of an interactive brain, of participants' own units."""
    if "sub" not in entities_of(unit.stem):
        return None
    full = np.asarray(unit.partition.values["full"]["rsquared"])
    return save_brain(out_dir, unit.stem, unit.targets, full, names.report_file(unit.participant))


def _model_pair(out_dir: Path, unit: WrittenUnit) -> Part | None:
    compared = unit.summary.model_pair
    if compared is None or compared.compared_models is None:
        return None
    figures = tuple(save(out_dir, unit.stem, drawing) for drawing in model_pair_drawings(unit))
    return Part(tuple(model_pair_sentences(unit.summary)), figures)


def _subspace(out_dir: Path, unit: WrittenUnit) -> Part | None:
    """Sentences, and a chart of each of its partitions."""
    if unit.summary.subspace is None:
        return None
    drawings = [extra_partition_drawing(unit.summary, extra) for extra in unit.partition.extra]
    figures = tuple(save(out_dir, unit.stem, drawing) for drawing in drawings)
    return Part(subspace_sentences(unit.summary), figures)


def _layers(out_dir: Path, unit: WrittenUnit) -> Part | None:
    """Spaces with several layers."""
    layers = unit.summary.layers
    if not layers:
        return None
    drawings = [layer_profiles(layers, who_is_shown(unit.summary))]
    for space, scores in layers.items():
        made = (best_map(unit.targets, space, scores, read_best(out_dir, unit, space)), layer_table(space, scores))
        drawings += [drawing for drawing in made if drawing]
    return Part(layer_sentences(layers), tuple(save(out_dir, unit.stem, drawing) for drawing in drawings))


def planted_part(out_dir: Path, stem: str, recovered: Sequence[PlantedRecovery]) -> PlantedPart | None:
    """Scatter and table, where the truth knows this unit.

    Parameters
    ----------
    out_dir : where results lie.
    stem : of the unit or group.
    recovered : one a component; none where the truth does not know it.
    """
    if not recovered:
        return None
    drawing = planted_drawing(recovered)
    return PlantedPart(tuple(recovered), save(out_dir, stem, drawing) if drawing else None)
