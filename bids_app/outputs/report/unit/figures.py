"""Figures of one unit: maps, components, lags, weights, the shared subspace, layers; all from out_dir."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from bids_app.outputs.derivatives.summary import PREDICTED
from bids_app.outputs.figures import charts, maps
from bids_app.outputs.report.drawing import Drawing, Figure, save
from bids_app.outputs.report.unit.lags import lag_drawings
from bids_app.outputs.report.unit.planted import PLANTED, PlantedRecovery
from bids_app.outputs.wording.definitions import about
from bids_app.outputs.wording.inference import family_wise
from bids_app.outputs.wording.phrases import count_of, count_targets, listed, number
from bids_app.records import (
    TRAITS,
    Array,
    Component,
    ExtraPartition,
    Spread,
    StatSpreads,
    Targets,
    UnitSummary,
    WrittenUnit,
    full_of,
    partition_components,
)
from bids_app.records.regions.spaces import is_standard

MAPPED_SHARED = 3  # shared parts drawn as maps: those with the highest mean; all parts are files and in the chart
ROWS = 40  # targets of the heat map
SCALE = "The colour scale ends at the 1, 2 or 5 of a decimal place that 99.5 % of the values stay within."
Maps = Mapping[Component, Array]  # (n_targets,) each


def unit_figures(out_dir: Path, unit: WrittenUnit) -> list[Figure]:
    """Maps, components, lags and weights, written.

    Parameters
    ----------
    out_dir : where results lie.
    unit : as read back.
    """
    mapped = {
        component: np.asarray(unit.partition.values[component.label]["rsquared"])
        for component in mapped_components(unit)
    }
    drawings = [*_map_drawings(unit, mapped), _components(unit), *_lags(unit, list(mapped)), *_profile(unit)]
    return [save(out_dir, unit.stem, drawing) for drawing in drawings]


# ------------------------------------------------------------------------------------------------ maps
def mapped_components(unit: WrittenUnit) -> tuple[Component, ...]:
    """The full model, and the unique parts with the largest shared ones, where there is more than one group."""

    def mean(component: Component) -> float:
        """Mean R² over predicted targets, else over usable ones, else 0."""
        spreads = unit.summary.components[component.label].spreads["rsquared"]
        means = (spreads.predicted.mean, spreads.usable.mean)
        return next((value for value in means if value is not None), 0.0)

    groups = unit.partition.groups
    parts = largest_parts(partition_components(groups), mean) if len(groups) > 1 else ()
    return (full_of(groups), *parts)


def largest_parts(components: Iterable[Component], mean: Callable[[Component], float]) -> tuple[Component, ...]:
    """Unique parts, and the shared ones with the highest mean, in order.

    Parameters
    ----------
    components : of a partition, in order.
    mean : component → its mean R².
    """
    parts = [component for component in components if component.is_part]
    shared = sorted((part for part in parts if part.kind == "shared"), key=lambda part: -mean(part))[:MAPPED_SHARED]
    return tuple(part for part in parts if part.kind == "unique" or part in shared)


def _map_drawings(unit: WrittenUnit, mapped: Maps) -> list[Drawing]:
    """Brains where there is one to draw on; parcels (and electrodes) as a heat map."""
    targets, drawings = unit.targets, []
    if maps.can_draw(targets):
        full = {component: values for component, values in mapped.items() if component.kind == "full"}
        parts = {component: values for component, values in mapped.items() if component.is_part}
        significant, more = _significant(unit, full)
        words = f"Held-out R² of the full model.{more}"
        drawings.append(_brain("full", targets, {**_named(full), **significant}, words, not significant))
        if parts:
            words = "Unique parts, and the shared parts with the highest mean."
            drawings.append(_brain("parts", targets, _named(parts), words))
    if TRAITS[targets.kind].by_name and len(targets.names):
        drawings.append(_heat_map(unit, mapped))
    return drawings


def _named(mapped: Maps) -> dict[str, Array]:
    """Label → values."""
    return {component.label: values for component, values in mapped.items()}


def _significant(unit: WrittenUnit, full: Maps) -> tuple[dict[str, Array], str]:
    """The full model's map where its family-wise p is small enough, under its title, and what to say of it; nothing
    where nothing was tested."""
    made, (values,) = unit.summary.provenance.inference, full.values()
    if made is None or unit.summary.has_no_p:
        return {}, ""
    pfwe = np.nan_to_num(np.asarray(unit.partition.values["full"]["pfwe"], dtype=float), nan=1.0)
    shown = pfwe <= made.level
    at = family_wise(made.level, unit.summary.has_unreliable_p)
    words = f" Below, the same where it is significant ({at}): {count_targets(int(shown.sum()), unit.targets.kind)}."
    return {f"full,\np ≤ {made.level:g}": np.where(shown, values, np.nan)}, words


def _brain(label: str, targets: Targets, mapped: Mapping[str, Array], words: str, is_whole: bool = True) -> Drawing:
    content = maps.brain_maps(targets, mapped, "R²")
    alt = f"Maps of {', '.join(title.replace(chr(10), ' ') for title in mapped)}"
    return Drawing(f"{label}Map", content, alt, f"{words} {reading(targets, is_whole)}")


def reading(targets: Targets, is_whole: bool = True) -> str:
    """How to read a brain of these targets.

    Parameters
    ----------
    targets : of the map.
    is_whole : whether nothing is thresholded.
    """
    whole = "; nothing is thresholded" if is_whole else ""
    how = {
        "volume": f"Each pixel is the largest absolute value along the line of sight{whole}.",
        "surface": "Inflated fsaverage5; values within 5 % of the scale around 0 are left grey.",
        "greyordinates": "Cortex on the inflated fsaverage5, each vertex with the value of the nearest vertex of the "
        "responses' mesh, values within 5 % of the scale around 0 left grey; of voxels each pixel is the largest "
        "absolute value along the line of sight. A part whose mesh is not known is not drawn.",
        "electrodes": f"A dot is an electrode, the strongest in front{whole}.",
    }[targets.kind]
    on_mni = targets.kind in ("surface", "greyordinates") or is_standard(targets.space)
    foreign = "" if on_mni else " The outline is the MNI brain's and fits only roughly."
    return f"{how} {SCALE}{foreign}"


def strongest_rows(full: Array) -> Array:
    """Rows of the heat map: those with the highest full R², in the order of the table."""
    known = np.nan_to_num(np.asarray(full, dtype=float), nan=-np.inf)
    return np.sort(np.argsort(-known, kind="stable")[:ROWS])


def _heat_map(unit: WrittenUnit, mapped: Maps) -> Drawing:
    columns = {component.label: values for component, values in mapped.items()}
    rows = strongest_rows(columns["full"])
    labels = [unit.targets.names[row] for row in rows]
    content = charts.table_chart(labels, {name: values[rows] for name, values in columns.items()}, "R²")
    n_targets = len(unit.targets.names)
    which = "All targets" if len(rows) == n_targets else f"The {ROWS} of {n_targets} targets with the highest full R²"
    return Drawing(
        "table",
        content,
        "R² by target and component",
        f"R² by target and component. {which}, in the order of the table.",
    )


# ------------------------------------------------------------------------------------------------ charts
def who_is_shown(summary: UnitSummary) -> str:
    """The targets that charts are about, in words."""
    targets = summary.targets
    if not targets.n_predicted:
        return f"all {count_of(targets.n_usable, 'usable target')}"
    return f"the {count_of(targets.n_predicted, 'target')} with full R² above {PREDICTED:g}"


def _shown(summary: UnitSummary, spreads: StatSpreads) -> Spread:
    return spreads.predicted if summary.targets.n_predicted else spreads.usable


def _bars(summary: UnitSummary, components: Iterable[Component]) -> dict[Component, charts.Bar]:
    """Median and quartiles of R² over the targets that charts are about."""
    spreads = {
        component: _shown(summary, summary.components[component.label].spreads["rsquared"])
        for component in components
    }
    return {component: charts.Bar(spread.median, spread.q25, spread.q75) for component, spread in spreads.items()}


def models_and_parts(groups: Sequence[str]) -> str:
    """What a chart of components shows.

    Parameters
    ----------
    groups : feature groups of the partition; a single one has no parts.
    """
    if len(groups) == 1:
        return f"R² of the model of {groups[0]}."
    return "R² of models (left) and of parts (right); the dots below say which feature groups each is of."


def _components(unit: WrittenUnit) -> Drawing:
    summary, groups = unit.summary, unit.partition.groups
    content = charts.components_chart(groups, _bars(summary, partition_components(groups)), "median R²")
    chosen = " (chosen by the numbers shown: a description, not a test)" if summary.targets.n_predicted else ""
    words = f"{models_and_parts(groups)} Median and quartiles over {who_is_shown(summary)}{chosen}."
    return Drawing("components", content, "R² of models and parts", words)


def _lags(unit: WrittenUnit, mapped: list[Component]) -> list[Drawing]:
    """Models and the parts that are mapped, by lag, where rows are words."""
    lags, groups = unit.summary.lags, unit.partition.groups
    if lags is None or len(lags.lags_s) < 2:
        return []
    totals = [component for component in partition_components(groups) if component.is_total]
    drawn = [*totals, *(component for component in mapped if component.is_part)]
    return lag_drawings(lags, groups, drawn, who_is_shown(unit.summary))


def _profile(unit: WrittenUnit) -> list[Drawing]:
    """The size of weights, where there are several delays."""
    profile = unit.summary.profile
    if len(profile.delays_s) < 2 or not profile.bands:
        return []
    words = (
        "Size of the full model's weights (norm over a feature space's dimensions, mean over outer folds): median "
        f"and quartiles over {count_of(profile.n_targets, 'target')}."
    )
    return [
        Drawing(
            "profile", charts.profile_chart(profile, unit.modality, unit.partition.groups), "Weights by delay", words
        )
    ]


def extra_partition_drawing(summary: UnitSummary, extra: ExtraPartition) -> Drawing:
    """The chart of a partition of a shared subspace.

    Parameters
    ----------
    summary : of the unit.
    extra : the partition.
    """
    groups = tuple(extra.groups)
    bars = _bars(summary, partition_components(groups, extra.name))
    words = f"{about(extra)}. {models_and_parts(groups)} Median and quartiles over {who_is_shown(summary)}."
    return Drawing(extra.name, charts.components_chart(groups, bars, "median R²"), f"R² of {listed(groups)}", words)


def planted_drawing(recovered: Iterable[PlantedRecovery]) -> Drawing | None:
    """Recovered on planted R², a panel a component that is planted anywhere; None where none is."""
    panels = {
        recovery.component: (recovery.planted, recovery.recovered, recovery_note(recovery))
        for recovery in recovered
        if len(recovery.planted)
    }
    if not panels:
        return None
    words = f"A dot is a target in which the component is planted (|R²| above {PLANTED:g}); the line is equality."
    return Drawing("planted", charts.planted_chart(panels), "Recovered on planted R²", words)


def recovery_note(recovery: PlantedRecovery) -> str:
    """What a panel says: how many targets, and the slope where there is one."""
    count = f"n {len(recovery.planted)}"
    if not np.isfinite(recovery.slope):
        return count
    return f"{count}, slope {number(recovery.slope, 2)}\nr {number(recovery.correlation, 2)}"
