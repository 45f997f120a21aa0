"""What a report says and shows of one unit: figures drawn, tables filled, all from out_dir."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.outputs.derivatives.sidecars import count_of, inference_in_words, is_published, is_standard
from bids_app.outputs.derivatives.summary import PREDICTED
from bids_app.outputs.derivatives.unit import read_best
from bids_app.outputs.figures import charts, maps
from bids_app.outputs.files import names
from bids_app.outputs.files.files import write_bytes
from bids_app.outputs.report.baseline import baseline_sentences
from bids_app.outputs.report.lags import lag_figures, responsive_sentence
from bids_app.outputs.report.layers import best_map, layer_profiles, layer_sentences, layer_table
from bids_app.outputs.report.leakage_audit import audit_rows
from bids_app.outputs.report.model_pair import model_pair_figures, model_pair_sentences
from bids_app.outputs.report.planted import NOISE_ONLY, PLANTED, Recovery, Truth, recoveries
from bids_app.outputs.report.render import number
from bids_app.outputs.report.subspace import subspace_sentences
from bids_app.outputs.wording.definitions import about, define, parts_of, scored
from bids_app.outputs.wording.methods import methods_text
from bids_app.records import (
    SCORES,
    Array,
    Targets,
    WrittenUnit,
    component_names,
    component_of,
)

TITLES = {"volume": "voxels", "surface": "vertices", "parcels": "parcels", "electrodes": "electrodes"}
MAPPED_SHARED = 3  # shared parts drawn as maps: those with the highest mean; all parts are files and in the chart
ROWS = 40  # targets of the heat map
Figure = Mapping[str, str]


def heading(space: str, kind: str) -> str:
    """Where targets lie and what they are, or that alone where the space is not known."""
    return TITLES[kind].capitalize() if space == "n/a" else f"{space}: {TITLES[kind]}"


def unit_section(out_dir: Path, unit: WrittenUnit, truth: Truth) -> dict[str, Any]:
    """Context of `unit.html.j2`; writes the unit's figures."""
    summary = unit.summary
    found = recoveries(unit, truth)
    figures, notes = unit_figures(out_dir, unit)
    whose = "" if "sub" in names.entities_of(unit.stem) else "Mean response, "
    return {
        "id": unit.stem,
        "title": f"{whose}{heading(unit.targets.space, unit.targets.kind)}",
        "summary": summary,
        "predicted_above": PREDICTED,
        "figures": figures,
        "notes": notes,
        "components": component_rows(summary),
        "inference": inference_in_words(summary["provenance"]["inference"]),
        "planted": planted_section(out_dir, unit.stem, found),
        "subspace": subspace_part(out_dir, unit),
        "layers": layers_part(out_dir, unit),
        "baseline": baseline_sentences(unit),
        "findings": model_pair_part(out_dir, unit),
        "audit": audit_rows(summary),
        "methods": methods_text(summary),
        "checks": summary["checks"],
        "repeated": repeated_stimuli(summary["recordings"]),
        "feature_notes": feature_notes(summary["provenance"]["spaces"]),
    }


def component_rows(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row a component and stat; `significant`: numbers of targets, beside R² where there was inference."""
    found = summary["significant"] or {}
    return [
        {
            "component": component,
            "stat": stat,
            **spread,
            "significant": found.get(component, {}) if stat == "rsquared" else {},
        }
        for component, stats in summary["components"].items()
        for stat, spread in stats.items()
    ]


def definition_rows(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(name, what it is) of every score of a unit, and of p, q and limits of a total, a unique and a shared part."""
    units, further, stats = summary["units"], summary["further"], summary["stats"]
    scores = [(name, stat) for name, mine in stats.items() for stat in mine if stat in SCORES]
    examples = {len(chosen): name for name, chosen in reversed(parts_of(units).items())} | {0: "full"}
    shown = [examples[size] for size in (0, 1, 2) if size in examples]
    inferred = [(name, stat) for name in shown for stat in stats[name] if stat not in SCORES]
    published = is_published(summary["provenance"])
    shown_stats = (*scores, *inferred)
    return [(f"{name}, {stat}", scored(define(name, stat, units, further), published)) for name, stat in shown_stats]


def feature_notes(spaces: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What the features' makers noted, and what a reader must know of their time."""
    lines = [f"{name}: {note}" for name, made in spaces.items() for note in made.get("notes") or ()]
    looks_ahead = [name for name, made in spaces.items() if made.get("causal") is False]
    ahead = [f"{name}: a row may depend on what comes after its time stamp (not causal)" for name in looks_ahead]
    return lines + ahead


def repeated_stimuli(recordings: Sequence[Mapping[str, Any]]) -> list[str]:
    """`stimulus (n recordings)` of everything heard in more than one."""
    heard = Counter(name for one in recordings for name in {event["stimulus_id"] for event in one["stimuli"]})
    return [f"{name} ({count} recordings)" for name, count in sorted(heard.items()) if count > 1]


# ------------------------------------------------------------------------------------------------ figures
def unit_figures(out_dir: Path, unit: WrittenUnit) -> tuple[list[Figure], list[str]]:
    """Maps, components, profile; and what cannot be shown."""
    full, parts = chosen_maps(unit)
    figures, notes = map_figures(out_dir, unit, full, parts)
    return [*figures, *_charts(out_dir, unit)], notes


def chosen_maps(unit: WrittenUnit) -> tuple[dict[str, Array], dict[str, Array]]:
    """The full model's map; and the unique parts with the largest shared ones, where there is more than one unit."""
    values = {component: np.asarray(stats["rsquared"]) for component, stats in unit.partition.values.items()}
    parts = parts_of(unit.partition.units)
    if len(unit.partition.units) == 1:
        return {"full": values["full"]}, {}
    means = {name: _mean(unit.summary["components"][name]["rsquared"]) for name in parts}
    shared = sorted((name for name in parts if len(parts[name]) > 1), key=lambda name: -means[name])[:MAPPED_SHARED]
    kept = [name for name in parts if len(parts[name]) == 1 or name in shared]
    return {"full": values["full"]}, {name: values[name] for name in kept}


def _mean(spread: Mapping[str, Any]) -> float:
    """Over predicted targets, else over all usable ones."""
    means = [spread[which]["mean"] for which in ("predicted", "usable")]
    return next((float(mean) for mean in means if mean is not None), 0.0)


def map_figures(
    out_dir: Path, unit: WrittenUnit, full: Mapping[str, Array], parts: Mapping[str, Array]
) -> tuple[list[Figure], list[str]]:
    """Brains where there is one to draw on; parcels (and electrodes without positions) as a heat map."""
    targets, figures, notes = unit.targets, [], []
    if maps.can_draw(targets):
        for label, rows in (("full", full), ("parts", parts)):
            if rows:
                content = maps.brain_maps(targets, rows, "R²")
                figures.append(
                    save(
                        out_dir, unit.stem, f"{label}Map", content, f"Maps of {', '.join(rows)}", caption(unit, label)
                    )
                )
    elif targets.kind == "surface":
        notes.append(f"{targets.space} has no mesh in this program: see the .func.gii files for its maps.")
    if targets.kind == "electrodes":
        notes.append(responsive_sentence(unit.summary["responsive"]))
    if targets.kind in ("parcels", "electrodes") and len(targets.names):
        figures.append(_heat_map(out_dir, unit, {**full, **parts}))
    return figures, notes


def caption(unit: WrittenUnit, label: str) -> str:
    """What a brain shows."""
    what = (
        "Held-out R² of the full model."
        if label == "full"
        else "Unique parts, and the shared parts with the highest mean."
    )
    return f"{what} {reading(unit.targets)}"


def reading(targets: Targets) -> str:
    """How to read a brain of these targets."""
    how = {
        "volume": "Each pixel is the largest absolute value along the line of sight; nothing is thresholded.",
        "surface": "Inflated fsaverage5; values within 5 % of the scale around 0 are left grey.",
        "electrodes": "A dot is an electrode, the strongest in front; nothing is thresholded.",
    }[targets.kind]
    on_mni = targets.kind == "surface" or is_standard(targets.space)
    foreign = "" if on_mni else " The outline is the MNI brain's and fits only roughly."
    return f"{how} The colour scale ends at the 99.5th percentile.{foreign}"


def _heat_map(out_dir: Path, unit: WrittenUnit, columns: Mapping[str, Array]) -> Figure:
    full = np.nan_to_num(np.asarray(columns["full"], dtype=float), nan=-np.inf)
    rows = np.arange(len(full)) if len(full) <= ROWS else np.sort(np.argsort(-full, kind="stable")[:ROWS])
    labels = [unit.targets.names[row] for row in rows]
    content = charts.table_chart(labels, {name: values[rows] for name, values in columns.items()}, "R²")
    which = "All targets" if len(rows) == len(full) else f"The {ROWS} of {len(full)} targets with the highest full R²"
    return save(
        out_dir, unit.stem, "table", content, "R² by target and component", f"{which}, in the order of the table."
    )


def _which(summary: Mapping[str, Any]) -> str:
    return "predicted" if summary["targets"]["n_predicted"] else "usable"


def _who(summary: Mapping[str, Any]) -> str:
    """The targets that charts are about, in words."""
    targets = summary["targets"]
    some = f"the {count_of(targets['n_predicted'], 'target')} with full R² above {PREDICTED:g}"
    return some if targets["n_predicted"] else f"all {count_of(targets['n_usable'], 'usable target')}"


def _spreads(components: Mapping[str, Any], which: str) -> dict[str, dict[str, Any]]:
    """Median and quartiles of R², as `components_chart` takes them."""
    shown = {name: stats["rsquared"][which] for name, stats in components.items()}
    return {
        name: {**one, "centre": one["median"], "low": one["q25"], "high": one["q75"]} for name, one in shown.items()
    }


def _charts(out_dir: Path, unit: WrittenUnit) -> list[Figure]:
    summary, units = unit.summary, unit.partition.units
    which = _which(summary)
    spreads = _spreads({name: summary["components"][name] for name in component_names(units)}, which)
    told = f"Median and quartiles over {_who(summary)}"
    chosen = " (chosen by the numbers shown: a description, not a test)" if which == "predicted" else ""
    content = charts.components_chart(units, spreads, "median R²")
    figures = [save(out_dir, unit.stem, "components", content, "R² of models and parts", f"{told}{chosen}.")]
    if summary["lags"] and len(summary["lags"]["lags_s"]) > 1:
        shared = [name for name in chosen_maps(unit)[1] if len(parts_of(units).get(name, ())) > 1]
        made = lag_figures(summary["lags"], units, shared, _who(summary))
        figures += [save(out_dir, unit.stem, *one) for one in made]
    profile = summary["profile"]
    if len(profile["delays_s"]) > 1 and profile["bands"]:
        content = charts.profile_chart(profile["delays_s"], profile["bands"], unit.modality)
        words = (
            f"Size of the full model's weights (norm over a space's dimensions, mean over outer folds): median and "
            f"quartiles over {count_of(profile['n_targets'], 'target')}."
        )
        figures.append(save(out_dir, unit.stem, "profile", content, "Weights by delay", words))
    return figures


def save(out_dir: Path, stem: str, label: str, content: bytes, alt: str, words: str) -> Figure:
    """Write a figure; what a template needs of it."""
    file = names.figure_file(stem, label)
    write_bytes(out_dir / file, content)
    return {"src": str(file), "alt": alt, "caption": words}


# ------------------------------------------------------------------------------------------------ two models
def model_pair_part(out_dir: Path, unit: WrittenUnit) -> dict[str, Any] | None:
    """Sentences and figures, where the analysis has two models."""
    found = unit.summary["findings"]
    if found is None or found["between"] is None:
        return None
    figures = [save(out_dir, unit.stem, *one) for one in model_pair_figures(unit)]
    return {"sentences": model_pair_sentences(unit.summary), "figures": figures}


# ------------------------------------------------------------------------------------------------ shared subspace
def subspace_part(out_dir: Path, unit: WrittenUnit) -> dict[str, Any] | None:
    """Sentences and a chart of each further partition, where a shared subspace was fitted."""
    if unit.summary["subspace"] is None:
        return None
    figures = []
    for name, units in unit.partition.further.items():
        stats = {part: unit.summary["components"][component_of(name, part)] for part in component_names(units)}
        content = charts.components_chart(units, _spreads(stats, _which(unit.summary)), "median R²")
        words = f"{about(name)}. Median and quartiles over {_who(unit.summary)}."
        figures.append(save(out_dir, unit.stem, name, content, f"R² of {', '.join(units)}", words))
    return {"sentences": subspace_sentences(unit.summary), "figures": figures}


# ------------------------------------------------------------------------------------------------ layers
def layers_part(out_dir: Path, unit: WrittenUnit) -> dict[str, Any] | None:
    """Sentences and figures of spaces with several layers."""
    found = unit.summary["layers"]
    if not found:
        return None
    figures = [save(out_dir, unit.stem, *layer_profiles(found, _who(unit.summary)))]
    for space, one in found.items():
        places, scores = read_best(out_dir, unit, space)
        drawn = best_map(unit.targets, space, one, places, scores)
        figures += [save(out_dir, unit.stem, *each) for each in (drawn, layer_table(space, one)) if each]
    return {"sentences": layer_sentences(found), "figures": figures}


# ------------------------------------------------------------------------------------------------ planted
def planted_section(out_dir: Path, stem: str, found: Sequence[Recovery]) -> dict[str, Any] | None:
    """Scatter and table, where the truth knows this unit."""
    if not found:
        return None
    panels = {one.component: (one.planted, one.recovered, _note(one)) for one in found if len(one.planted)}
    words = f"A dot is a target in which the component is planted (|R²| above {PLANTED:g}); the line is equality."
    content = charts.planted_chart(panels) if panels else None
    figure = save(out_dir, stem, "planted", content, "Recovered on planted R²", words) if content else None
    return {"rows": found, "figure": figure, "above": PLANTED, "noise_below": NOISE_ONLY}


def _note(one: Recovery) -> str:
    return f"n {len(one.planted)}, slope {number(one.slope, 2)}\nr {number(one.correlation, 2)}"
