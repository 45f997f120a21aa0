"""What a report shows and says of layers: profiles, each target's best layer, and where layers were fitted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bids_app.outputs.derivatives.layers import PREDICTED_REGION, component_of_best
from bids_app.outputs.derivatives.sidecars import count_of
from bids_app.outputs.figures import charts, maps
from bids_app.outputs.figures.layers import profile_panels
from bids_app.outputs.report.render import number
from bids_app.records import Array, Targets

Summary = Mapping[str, Any]
Drawn = tuple[str, bytes, str, str]  # label, content, words in place of the picture, caption


def layer_profiles(found: Summary, who: str) -> Drawn:
    """R² by layer of each space, over the targets that `who` says, and of how many each layer is the best."""
    content = profile_panels({space: (one["layers"], _shown(one)) for space, one in found.items()})
    words = (
        f"Top: held-out R² of each layer fitted alone by ridge, mean (line) and quartiles over {who}. Bottom: of how "
        "many of them it is the best layer, chosen inside training samples."
    )
    return "layerProfiles", content, "R² by layer", words


def _shown(one: Summary) -> Summary:
    """The targets that other charts show too: predicted ones, or all, were there none."""
    return dict(one["regions"].get(PREDICTED_REGION, one["regions"]["all"]))


def group_layers(rows: Sequence[Mapping[str, Any]]) -> list[Drawn]:
    """Mean R² by layer over people, of all targets; nothing where no space has several layers."""
    spaces: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["region"] == "all":
            spaces.setdefault(row["space"], []).append(row)
    panels = {}
    for space, mine in spaces.items():
        mean, sd, n = (np.array([row[key] for row in mine], float) for key in ("rsquared_mean", "rsquared_sd", "n"))
        error = np.nan_to_num(sd / np.sqrt(n))
        share = np.array([row["best_share"] for row in mine], float)
        line = {"rsquared": mean, "q25": mean - error, "q75": mean + error, "n_best": share}
        panels[space] = ([row["layer"] for row in mine], line)
    if not panels:
        return []
    words = (
        "Top: each layer fitted alone, mean over people of their mean held-out R² over usable targets, plus and "
        "minus one standard error. Bottom: share of targets with a best layer that have this one, mean over people."
    )
    return [("groupLayers", profile_panels(panels), "R² by layer over people", words)]


def best_map(targets: Targets, space: str, one: Summary, numbers: Array, scores: Array) -> Drawn | None:
    """Best layers on a brain, where their held-out R² is above 0; None without a brain, or a target to draw."""
    drawn = np.where(scores > 0, numbers, np.nan)
    if not maps.can_draw(targets) or not np.isfinite(drawn).any():
        return None
    label, ends = component_of_best(space), (min(one["numbers"]), max(one["numbers"]))
    content = maps.number_map(targets, label, drawn, np.nan_to_num(scores), ends, "layer")
    front = (
        "" if targets.kind == "surface" else " Where targets hide each other, the one with the highest R² is seen."
    )
    words = (
        f"The layer of {space} that predicts each target best, chosen inside training samples; drawn where the "
        f"held-out R² of layers so chosen is above 0, which is no test.{front}"
    )
    return f"{label}Map", content, f"Best layer of {space}", words


def layer_table(space: str, one: Summary) -> Drawn | None:
    """R² of parcels or electrodes by layer."""
    rows = one["rows"]
    if not rows or not rows["names"]:
        return None
    values = np.asarray(rows["rsquared"], dtype=float)
    columns = {name: values[:, place] for place, name in enumerate(one["layers"])}
    content = charts.table_chart(rows["names"], columns, "R²")
    most = count_of(len(rows["names"]), "target")
    words = (
        f"Layers of {space}, each fitted alone: held-out R² of the {most} with the highest R² of their best layer."
    )
    return f"{component_of_best(space)}Table", content, f"R² by target and layer of {space}", words


def layer_sentences(found: Summary) -> tuple[str, ...]:
    """Of each space: how many targets have a best layer, and what it predicts."""
    return tuple(
        f"{space}: {len(one['layers'])} layers, each fitted alone. {one['n_best']} of {one['n_usable']} usable "
        f"targets have a layer that predicts their training samples; over all usable targets the layer chosen there "
        f"reaches a mean held-out R² of {number(one['best_mean'])}, the best single layer "
        f"({one['layers'][_highest(one)]}, the highest of {len(one['layers'])}) {number(_means(one)[_highest(one)])}."
        for space, one in found.items()
    )


def _means(one: Summary) -> list[float]:
    return [np.nan if mean is None else float(mean) for mean in one["regions"]["all"]["rsquared"]]


def _highest(one: Summary) -> int:
    return int(np.nan_to_num(_means(one), nan=-np.inf).argmax())


def layers_methods(summary: Summary) -> tuple[str, ...]:
    """A paragraph, where a space has several layers."""
    found = summary["layers"]
    if not found:
        return ()
    said = []
    for space, one in found.items():
        counts = Counter(one["chosen"].values()).most_common()
        folds = ", ".join(f"{layer} in {count_of(times, 'fold')}" for layer, times in counts)
        said.append(
            f"{space} (layers {one['layers'][0]} to {one['layers'][-1]}, {len(one['layers'])} of them): {folds}"
        )
    epoch = summary["provenance"]["design"]["epoch"]
    window = " Targets were the electrodes' own windows here, without lags." if epoch else ""
    return (
        "Layers. Each layer was fitted alone, by ridge with a penalty of each target's own chosen in the inner "
        "folds, once in every outer fold. A target's best layer is the one with the highest R² in the inner folds; "
        "its score is that of the layer so chosen in each outer fold, on the samples held out. In unions of spaces a "
        "space is represented, in each outer fold, by the layer with the highest R² in that fold's inner folds, "
        f"averaged over targets, negative values counted as 0: {'; '.join(said)}.{window}",
    )
