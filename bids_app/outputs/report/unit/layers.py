"""What a report shows and says of layers: profiles, and each target's best layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bids_app.outputs.derivatives.layers import PREDICTED_REGION
from bids_app.outputs.figures import charts, maps
from bids_app.outputs.figures.layers import LayerLine, layer_panels
from bids_app.outputs.report.drawing import Drawing
from bids_app.outputs.wording.phrases import count_of, number
from bids_app.records import Array, GroupLayerScore, LayersSummary, Targets, best_layer_label


def layer_profiles(layers: Mapping[str, LayersSummary], who: str) -> Drawing:
    """R² by layer of each space, and of how many targets each layer is the best.

    Parameters
    ----------
    layers : space → scores of its layers.
    who : the targets that lines are over, in words.
    """
    content = layer_panels({space: _line(scores) for space, scores in layers.items()})
    words = (
        f"Top: held-out R² of each layer fitted alone by ridge, mean (line) and quartiles over {who}. Bottom: of how "
        "many of them it is the best layer, chosen inside training samples."
    )
    return Drawing("layerProfiles", content, "R² by layer", words)


def _line(scores: LayersSummary) -> LayerLine:
    """Over the targets that other charts show too: predicted ones, or all, were there none."""
    shown = scores.regions.get(PREDICTED_REGION, scores.regions["all"])
    middle, low, high, n_best = (
        np.array(line, dtype=float) for line in (shown.rsquared, shown.q25, shown.q75, shown.n_best)
    )
    return LayerLine(scores.layers, middle, low, high, n_best)


def group_layers(rows: Sequence[GroupLayerScore]) -> list[Drawing]:
    """Mean R² by layer over participants, of all targets; nothing where no space has several layers."""
    spaces: dict[str, list[GroupLayerScore]] = {}
    for row in rows:
        if row.region == "all":
            spaces.setdefault(row.space, []).append(row)
    if not spaces:
        return []
    words = (
        "Top: each layer fitted alone, mean over participants of their mean held-out R² over usable targets, plus "
        "and minus one standard error. Bottom: share of targets with a best layer that have this one, mean over "
        "participants."
    )
    panels = {space: _group_line(scores) for space, scores in spaces.items()}
    return [Drawing("groupLayers", layer_panels(panels), "R² by layer over participants", words)]


def _group_line(rows: Sequence[GroupLayerScore]) -> LayerLine:
    mean = np.array([row.rsquared_mean for row in rows], float)
    error = np.nan_to_num(np.array([row.rsquared_sd for row in rows], float) / np.sqrt([row.n for row in rows]))
    share = np.array([row.best_share for row in rows], float)
    return LayerLine(tuple(row.layer for row in rows), mean, mean - error, mean + error, share)


def best_map(targets: Targets, space: str, layers: LayersSummary, best: tuple[Array, Array]) -> Drawing | None:
    """Best layers on a brain, where their held-out R² is above 0; None without a brain, or a target to draw.

    Parameters
    ----------
    targets, space, layers : of which they are.
    best : (n_targets,) numbers of the best layers, and (n_targets,) their held-out R².
    """
    numbers, scores = best
    drawn = np.where(scores > 0, numbers, np.nan)
    if not maps.can_draw(targets) or not np.isfinite(drawn).any():
        return None
    label, ends = best_layer_label(space), (min(layers.numbers), max(layers.numbers))
    content = maps.number_map(targets, label, drawn, np.nan_to_num(scores), ends, "layer")
    front = (
        "" if targets.kind == "surface" else " Where targets hide each other, the one with the highest R² is seen."
    )
    words = (
        f"The layer of {space} that predicts each target best, chosen inside training samples; drawn where the "
        f"held-out R² of layers so chosen is above 0, which is no test.{front}"
    )
    return Drawing(f"{label}Map", content, f"Best layer of {space}", words)


def layer_table(space: str, layers: LayersSummary) -> Drawing | None:
    """R² of parcels or electrodes by layer; None of other targets.

    Parameters
    ----------
    space : whose layers they are.
    layers : scores of them.
    """
    rows = layers.rows
    if rows is None or not rows.names:
        return None
    values = np.asarray(rows.rsquared, dtype=float)
    columns = {name: values[:, place] for place, name in enumerate(layers.layers)}
    content = charts.table_chart(rows.names, columns, "R²")
    most = count_of(len(rows.names), "target")
    words = (
        f"Layers of {space}, each fitted alone: held-out R² of the {most} with the highest R² of their best layer."
    )
    return Drawing(f"{best_layer_label(space)}Table", content, f"R² by target and layer of {space}", words)


def layer_sentences(layers: Mapping[str, LayersSummary]) -> tuple[str, ...]:
    """Of each space: how many targets have a best layer, and what it predicts."""
    return tuple(_layers(space, scores) for space, scores in layers.items())


def _layers(space: str, scores: LayersSummary) -> str:
    means = np.array(scores.regions["all"].rsquared, dtype=float)
    highest = int(np.nan_to_num(means, nan=-np.inf).argmax())
    return (
        f"{space}: {len(scores.layers)} layers, each fitted alone. {scores.n_best} of {scores.n_usable} usable "
        "targets have a layer that predicts their training samples. Over all usable targets, the layers chosen there "
        f"have a mean held-out R² of {number(scores.best_mean)}. Of single layers, {scores.layers[highest]} has the "
        f"highest: {number(float(means[highest]))}. It is the highest of {len(scores.layers)}, chosen on held-out "
        "samples: do not conclude that it is the better choice."
    )
