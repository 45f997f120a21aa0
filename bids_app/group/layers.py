"""Scores of layers over participants, from each one's means over targets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bids_app.records import GroupLayerScore, RegionScores, WrittenUnit

REGIONS = ("all", "left", "right")  # regions that mean the same in everybody


def layer_rows(units: Sequence[WrittenUnit]) -> tuple[GroupLayerScore, ...]:
    """One row a space, region and layer: mean and standard deviation over participants (n − 1) of the layer's mean
    R², and the mean share of targets with a best layer whose best it is. Units of one participant count as
    participants do elsewhere."""
    rows: list[GroupLayerScore] = []
    everyones = [unit.summary.layers for unit in units]
    for space, first in (everyones[0] if everyones else {}).items():
        for region in REGIONS:
            scores = [
                one[space].regions[region] for one in everyones if space in one and region in one[space].regions
            ]
            if scores:
                rows += _rows(space, region, first.layers, scores)
    return tuple(rows)


def _rows(space: str, region: str, layers: Sequence[str], scores: Sequence[RegionScores]) -> list[GroupLayerScore]:
    rsquared = np.array([one.rsquared for one in scores], dtype=float)  # (n_participants, n_layers)
    best = np.array([one.n_best for one in scores], dtype=float)
    share = best / np.maximum(best.sum(axis=1, keepdims=True), 1)
    sd = rsquared.std(axis=0, ddof=1) if len(scores) > 1 else np.full(len(layers), np.nan)
    return [
        GroupLayerScore(
            space=space,
            layer=layer,
            region=region,
            n=len(scores),
            rsquared_mean=float(rsquared[:, place].mean()),
            rsquared_sd=float(sd[place]),
            best_share=float(share[:, place].mean()),
        )
        for place, layer in enumerate(layers)
    ]
