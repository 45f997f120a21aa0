"""What a unit's results say of each region: means, shares, profiles and peaks of the targets that it has there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bids_app.records import Array, Partition, Targets, WrittenUnit
from bids_app.records.regions.atlases import Atlas, Placed
from bids_app.records.regions.scores import (
    LagTable,
    LayerChoice,
    RegionElectrode,
    RegionLag,
    RegionLayer,
    RegionScore,
    UnitRegions,
)
from bids_app.regions.place import places_mm

NONE = "n/a"


def region_scores(
    unit: WrittenUnit,
    placed: Sequence[tuple[Atlas, Placed]],
    layers: Mapping[str, LayerChoice],
    lags: LagTable | None = None,
) -> UnitRegions:
    """All regions of a unit that have a usable target, in the order of the atlases and of their labels.

    Parameters
    ----------
    unit : its results, as read back.
    placed : each atlas with its labels of the unit's targets.
    layers : feature space → best layers.
    lags : values by lag, of electrodes.
    """
    inference = unit.summary.provenance.inference
    chosen = _chosen(unit.partition, placed)
    return UnitRegions(
        scores=scores_of(unit.targets, unit.partition, inference.level if inference else np.nan, placed),
        layers=tuple(row for where in chosen for row in _layers(layers, where)),
        lags=tuple(row for where in chosen for row in _lags(lags, where)) if lags else (),
        electrodes=tuple(_electrodes(unit, placed)),
    )


def scores_of(
    targets: Targets, partition: Partition, level: float, placed: Sequence[tuple[Atlas, Placed]]
) -> tuple[RegionScore, ...]:
    """A row a region that has a usable target, and component.

    Parameters
    ----------
    targets, partition : of a fit.
    level : of p and q, from 0 to 1; NaN where there are none.
    placed : each atlas with its labels of the targets.
    """
    places = places_mm(targets)
    chosen = _chosen(partition, placed)
    return tuple(row for where in chosen for row in _scores(targets, partition, level, where, places))


def means_by_region(values: Array, placed: Sequence[tuple[Atlas, Placed]]) -> dict[tuple[str, str], float]:
    """(atlas, region) → the mean over its targets that have a value (`mean_of_most`); regions without are left out.

    Parameters
    ----------
    values : (n_targets,), NaN where there is none.
    placed : each atlas with its labels of the targets.
    """
    found = {
        (atlas.name, name): mean_of_most(values[labels.labels == label])
        for atlas, labels in placed
        for label, name in atlas.regions.items()
    }
    return {region: mean for region, mean in found.items() if np.isfinite(mean)}


def mean_of_most(values: Array) -> float:
    """The mean of those that there are; NaN where fewer than half are there. A noise ceiling is of targets with a
    reliable signal alone: where these are few, theirs is far above the region's.

    Parameters
    ----------
    values : (n_targets,) of a region, NaN where there is none.
    """
    known = np.isfinite(values)
    return float(values[known].mean()) if 2 * known.sum() >= max(1, len(known)) else np.nan


Where = tuple[str, str, Array]  # atlas, region, rows of targets


def _chosen(partition: Partition, placed: Sequence[tuple[Atlas, Placed]]) -> list[Where]:
    """Usable targets of each region that has any."""
    usable = np.isfinite(np.asarray(partition.values["full"]["rsquared"], dtype=float))
    return [
        (atlas.name, name, rows)
        for atlas, labels in placed
        for label, name in atlas.regions.items()
        if len(rows := np.flatnonzero(usable & (labels.labels == label)))
    ]


def _scores(
    targets: Targets, partition: Partition, level: float, where: Where, places: Array
) -> Iterator[RegionScore]:
    atlas, region, rows = where
    for component, stats in partition.values.items():
        rsquared = np.asarray(stats["rsquared"], dtype=float)[rows] if "rsquared" in stats else None
        if rsquared is None or not np.isfinite(rsquared).any():
            continue
        pfwe, q = (_of(stats, stat, rows) for stat in ("pfwe", "q"))
        at = rows[int(np.nanargmax(rsquared))]
        x_mm, y_mm, z_mm = places[at].tolist()
        yield RegionScore(
            atlas=atlas,
            region=region,
            component=component,
            n=int(np.isfinite(rsquared).sum()),
            rsquared=float(np.nanmean(rsquared)),
            r=_mean_r(_of(stats, "r", rows)),
            share_pfwe=_share(pfwe, level),
            share_q=_share(q, level),
            pfwe=float(np.nanmin(pfwe)) if np.isfinite(pfwe).any() else np.nan,
            ceiling=mean_of_most(_of(stats, "ceiling", rows)),
            peak=targets.names[at],
            peak_rsquared=float(np.nanmax(rsquared)),
            peak_mm=(x_mm, y_mm, z_mm),
        )


def _of(stats: Mapping[str, Array], stat: str, rows: Array) -> Array:
    return np.asarray(stats[stat], dtype=float)[rows] if stat in stats else np.full(len(rows), np.nan)


def _mean(values: Array) -> float:
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else np.nan


def _mean_r(r: Array) -> float:
    """Through Fisher's z, as means of r are elsewhere."""
    return float(np.tanh(_mean(np.arctanh(np.clip(r, -0.999999, 0.999999)))))


def _share(p: Array, level: float) -> float:
    known = p[np.isfinite(p)]
    return float((known <= level).mean()) if len(known) else np.nan


def _layers(layers: Mapping[str, LayerChoice], where: Where) -> Iterator[RegionLayer]:
    atlas, region, rows = where
    for space, one in layers.items():
        best = one.best[rows]
        best = best[np.isfinite(best)]
        for place, (layer, number) in enumerate(zip(one.layers, one.numbers, strict=True)):
            yield RegionLayer(
                atlas=atlas,
                region=region,
                space=space,
                layer=layer,
                n=len(best),
                best_share=float((best == number).mean()) if len(best) else np.nan,
                rsquared=np.nan if one.rsquared is None else _mean(one.rsquared[place, rows]),
            )


def _lags(lags: LagTable, where: Where) -> Iterator[RegionLag]:
    atlas, region, rows = where
    for column, values in lags.columns.items():
        there = values[rows]
        for place, lag_s in enumerate(lags.lags_s):
            yield RegionLag(
                atlas, region, column, lag_s, int(np.isfinite(there[:, place]).sum()), _mean(there[:, place])
            )


def _electrodes(unit: WrittenUnit, placed: Sequence[tuple[Atlas, Placed]]) -> Iterator[RegionElectrode]:
    for atlas, labels in placed:
        if labels.distance_mm is None:
            continue
        for name, label, apart in zip(
            unit.targets.names, labels.labels.tolist(), labels.distance_mm.tolist(), strict=True
        ):
            yield RegionElectrode(name, atlas.name, atlas.regions.get(label, NONE), apart)
