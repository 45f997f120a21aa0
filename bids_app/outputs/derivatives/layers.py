"""Layers of a model in files: each target's best one, and every layer's scores by region."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from bids_app.outputs.files.plain_numbers import as_row, as_rows, finite
from bids_app.outputs.wording.rows import rows_of
from bids_app.outputs.wording.scores import HELD_OUT
from bids_app.records import (
    TRAITS,
    Array,
    LayerRows,
    LayerScores,
    LayersSummary,
    RegionScores,
    Targets,
    UnitResult,
    best_layer_label,
)
from bids_app.records.regions.spaces import is_standard

BEFORE = {"cnn": -2, "projection": -1}  # parts of a speech model before its first block, as numbers
ROWS = 40  # targets whose scores by layer are drawn
PREDICTED_REGION = "predicted"
SIDES = {"LEFT": -1.0, "RIGHT": 1.0}
ALONE = "every layer of {} fitted alone, by ridge with a penalty of each target's own"
INNER = (
    "R² in the folds inside the training samples, which also choose the penalty; mean over outer folds. It is the "
    "highest of those of all penalties, and so a little too high: it chooses, it is no result"
)
BEST = {
    "layer": "The best layer of {space} as a number (0: the input of the first block{parts}): of {alone}, the one "
    "with the highest {inner}. NaN (n/a) where no layer has one above 0. Not a test and not thresholded: read it "
    "where R² is reliably above 0",
    "rsquared": "Held-out R² of the best layer of {space}, chosen anew in each outer fold among {alone}, by R² in "
    "the folds inside that fold's training samples, then scored on its test samples: not the highest of all layers' "
    "scores, which would be too high. {held_out}",
    "agreement": "Share of outer folds (0…1) that on their own choose the layer of {space} that stat-layer names; "
    "chance is one over the number of layers at least. NaN (n/a) where that names none",
}
COLUMNS = {
    "space": {"Description": "Feature space"},
    "layer": {"Description": "Layer, as the model numbers it (0: the input of the first block)"},
    "region": {
        "Description": "Targets that the numbers of this row are of: all usable ones; left and right: of a "
        "hemisphere, where known; predicted: those whose full model has R² above 0.01 (chosen by a held-out score: a "
        "description); or a single parcel or electrode by name"
    },
    "n": {"Description": "Number of usable targets in the region"},
    "rsquared": {"Description": f"Mean over them of the layer's held-out R², fitted alone by ridge. {HELD_OUT}"},
    "rsquared_median": {"Description": "Median over them of the same"},
    "inner": {"Description": f"Mean over them of the layer's {INNER}"},
    "n_best": {"Description": "Number of them whose best layer this is, by the inner R²; those that no layer "
               "predicts in training have none"},
}  # fmt: skip


def layer_number(name: str) -> int:
    """`7` → 7; `cnn` and `projection`, which come before the blocks, are −2 and −1."""
    return BEFORE[name] if name in BEFORE else int(name)


def best_values(layers: Mapping[str, LayerScores]) -> dict[tuple[str, str], tuple[Array, str]]:
    """(component, stat) → values (n_targets,) and what they are."""
    values = {}
    for space, scores in layers.items():
        numbers = np.array([layer_number(name) for name in scores.layers], dtype=float)
        best = np.where(np.isfinite(scores.best), numbers[np.nan_to_num(scores.best).astype(int)], np.nan)
        parts = "; −2: cnn, −1: projection" if set(scores.layers) & set(BEFORE) else ""
        alone = ALONE.format(space)
        for stat, one in (("layer", best), ("rsquared", scores.best_rsquared), ("agreement", scores.agreement)):
            words = BEST[stat].format(space=space, parts=parts, alone=alone, inner=INNER, held_out=HELD_OUT)
            values[best_layer_label(space), stat] = (np.asarray(one), f"{words}.")
    return values


# ------------------------------------------------------------------------------------------------ regions
def regions(targets: Targets, usable: Array, shown: Array) -> dict[str, Array]:
    """Regions of targets whose layers are averaged: all, hemispheres where known, predicted ones, and each parcel or
    electrode.

    Parameters
    ----------
    targets : of the unit.
    usable : (n_targets,) bool.
    shown : (n_targets,) bool, the targets that count as predicted.

    Returns
    -------
    Name → (n_targets,) bool.
    """
    x_mm = side_of(targets)
    named = {
        "all": usable,
        "left": usable & (x_mm < 0),
        "right": usable & (x_mm > 0),
        PREDICTED_REGION: usable & shown,
    }
    kept = {name: chosen for name, chosen in named.items() if name == "all" or chosen.any()}
    if TRAITS[targets.kind].by_name:
        kept |= {
            f"{name} (target)" if name in named else name: np.arange(len(usable)) == row
            for row, name in enumerate(targets.names)
            if usable[row]
        }
    return kept


def side_of(targets: Targets) -> Array:
    """(n_targets,) below 0 on the left, above 0 on the right; NaN where that is not known."""
    unknown = np.full(len(targets.names), np.nan)
    if targets.kind == "surface":
        return np.asarray(np.where(np.asarray(targets.index)[:, 0] == 0, -1.0, 1.0))
    if targets.kind == "greyordinates":
        structures = [name.split(":")[0] for name in targets.names]
        return np.array([SIDES.get(name.rsplit("_", 1)[-1], np.nan) for name in structures])
    if not is_standard(targets.space):
        return unknown
    if targets.kind == "volume":
        affine = np.asarray(targets.affine)
        return np.asarray(np.asarray(targets.index) @ affine[0, :3] + affine[0, 3])
    return unknown if targets.xyz_mm is None else np.asarray(targets.xyz_mm)[:, 0]


def region_scores(scores: LayerScores, chosen: Array) -> RegionScores:
    """By layer: mean, median and quartiles of R², mean inner R², and of how many targets it is the best.

    Parameters
    ----------
    scores : of the layers of a space.
    chosen : (n_targets,) bool, the region.
    """
    n_layers = len(scores.layers)
    low, middle, high = (
        np.percentile(scores.rsquared[:, chosen], [25, 50, 75], axis=1)
        if chosen.any()
        else np.full((3, n_layers), np.nan)
    )
    best = scores.best[chosen]
    return RegionScores(
        n=int(chosen.sum()),
        rsquared=as_row(scores.rsquared[:, chosen].mean(axis=1) if chosen.any() else middle),
        rsquared_median=as_row(middle),
        q25=as_row(low),
        q75=as_row(high),
        inner=as_row(scores.inner[:, chosen].mean(axis=1) if chosen.any() else middle),
        n_best=tuple(np.bincount(best[np.isfinite(best)].astype(int), minlength=n_layers).tolist()),
    )


def _by_region(unit: UnitResult, scores: LayerScores, shown: Array) -> dict[str, RegionScores]:
    usable = np.isfinite(scores.best_rsquared)
    return {name: region_scores(scores, chosen) for name, chosen in regions(unit.targets, usable, shown).items()}


def table_cells(unit: UnitResult, shown: Array) -> dict[str, Iterable[object]]:
    """Columns of the table of layers: a row a space, region and layer.

    Parameters
    ----------
    unit : the result.
    shown : (n_targets,) bool, the targets that count as predicted.
    """
    rows = [
        (space, layer, region, of.n, of.rsquared[place], of.rsquared_median[place], of.inner[place], of.n_best[place])
        for space, scores in unit.layers.items()
        for region, of in _by_region(unit, scores, shown).items()
        for place, layer in enumerate(scores.layers)
    ]
    return dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))


def table_in_words(unit: UnitResult) -> str:
    """What the table of layers holds."""
    window = rows_of(unit.provenance.design).own_value
    return (
        "One row a space, region and layer: scores of each layer fitted alone, by ridge, in the same outer and inner "
        f"folds as all else. {window}"
    ).strip()


# ------------------------------------------------------------------------------------------------ for reports
def layers_summary(unit: UnitResult, shown: Array) -> dict[str, LayersSummary]:
    """By space: layers, the partition's by outer fold, scores of regions of several targets, how many targets have a
    best layer, and of parcels and electrodes the scores of those with the highest R².

    Parameters
    ----------
    unit : the result.
    shown : (n_targets,) bool, the targets that count as predicted.
    """
    kept = ("all", "left", "right", PREDICTED_REGION)
    return {
        space: LayersSummary(
            layers=scores.layers,
            numbers=tuple(layer_number(name) for name in scores.layers),
            chosen={str(fold): layer for fold, layer in scores.chosen.items()},
            regions={name: of for name, of in _by_region(unit, scores, shown).items() if name in kept},
            n_usable=len(finite(scores.best_rsquared)),
            n_best=len(finite(scores.best)),
            best_mean=_mean(scores.best_rsquared),
            rows=_rows(unit.targets.names, scores) if TRAITS[unit.targets.kind].by_name else None,
        )
        for space, scores in unit.layers.items()
    }


def _mean(values: Array) -> float | None:
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else None


def _rows(names: Sequence[str], scores: LayerScores) -> LayerRows:
    """R² by layer of the targets with the highest held-out R² of their best layer, in the order of the table."""
    usable = np.flatnonzero(np.isfinite(scores.best_rsquared))
    strongest = usable[np.argsort(-scores.best_rsquared[usable], kind="stable")[:ROWS]]
    rows = np.sort(strongest)
    return LayerRows(tuple(names[row] for row in rows), as_rows(scores.rsquared[:, rows].T.round(5)))
