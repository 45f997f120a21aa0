"""Scores of layers over people, from each one's means over targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bids_app.records import WrittenUnit

REGIONS = ("all", "left", "right")  # regions that mean the same in everybody


def layer_rows(units: Sequence[WrittenUnit]) -> tuple[dict[str, Any], ...]:
    """One row a space, region and layer: mean and standard deviation over people (n − 1) of the layer's mean R², and
    the mean share of targets with a best layer whose best it is. Units of one person count as people do elsewhere."""
    rows = []
    found = [unit.summary["layers"] for unit in units]
    for space, first in (found[0] if found else {}).items():
        for region in REGIONS:
            mine = [one[space]["regions"][region] for one in found if region in one.get(space, {}).get("regions", {})]
            if mine:
                rows += _rows(space, region, first["layers"], mine)
    return tuple(rows)


def _rows(space: str, region: str, layers: Sequence[str], mine: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    scores = np.array([one["rsquared"] for one in mine], dtype=float)  # (n_people, n_layers)
    best = np.array([one["n_best"] for one in mine], dtype=float)
    share = best / np.maximum(best.sum(axis=1, keepdims=True), 1)
    sd = scores.std(axis=0, ddof=1) if len(mine) > 1 else np.full(len(layers), np.nan)
    return [
        {
            "space": space,
            "layer": layer,
            "region": region,
            "n": len(mine),
            "rsquared_mean": float(scores[:, place].mean()),
            "rsquared_sd": float(sd[place]),
            "best_share": float(share[:, place].mean()),
        }
        for place, layer in enumerate(layers)
    ]
