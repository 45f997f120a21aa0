"""What both reports show of regions: dots with intervals, profiles, and a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bids_app.outputs.derivatives.group.regions import GUARDS, read_group_regions
from bids_app.outputs.derivatives.regions import read_regions
from bids_app.outputs.figures.charts import table_chart
from bids_app.outputs.figures.lags import lag_images
from bids_app.outputs.figures.regions.dots import Dot, dot_chart
from bids_app.outputs.files import names
from bids_app.outputs.report.drawing import Drawing, Figure, save
from bids_app.outputs.wording.phrases import count_of, from_to, listed, number
from bids_app.records import (
    Component,
    GroupResultSummary,
    GroupSummary,
    UnitSummary,
    partition_components,
)
from bids_app.records.regions.scores import GroupRegion, RegionScore, UnitRegions

SHOWN = 30  # regions that are drawn
LEVEL = 0.05
NO_REGION = "No region has usable targets here."
NO_P = "Nothing is filled: there is no p, as the regions have too few participants or nothing was tested."
Where = tuple[str, str]  # atlas, region


@dataclass(frozen=True)
class RegionTable:
    """Titles of columns, and rows of cells; the first column is text."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class RegionsPart:
    """A section's part on regions: sentences, figures, a table, and the file that has all of it."""

    sentences: tuple[str, ...]
    notes: tuple[str, ...]
    figures: tuple[Figure, ...]
    table: RegionTable
    file: str


# ------------------------------------------------------------------------------------------------ a participant
def unit_regions(out_dir: Path, summary: UnitSummary) -> RegionsPart | None:
    """Regions of a unit; writes their figures. None where none were read off it.

    Parameters
    ----------
    out_dir : where results lie.
    summary : of the unit.
    """
    found = read_regions(out_dir, summary)
    if found is None:
        return None
    groups, shown = summary.groups, shown_components(summary.groups)
    rows = {(one.atlas, one.region, one.component): one for one in found.scores}
    order = _by_size({(one.atlas, one.region): one.rsquared for one in found.scores if one.component == "full"})
    drawings = []
    if order:
        dots = {one: [_dot(rows.get((*where, one.label))) for where in order[:SHOWN]] for one in shown}
        drawings = [_drawn(groups, order, dots, _words(found, summary)), *_profiles(found, order)]
    counted = f"{count_of(len(order), 'region')} of {_atlases(order)} with usable targets." if order else NO_REGION
    return RegionsPart(
        sentences=(counted, *_electrodes(found)),
        notes=found.notes,
        figures=tuple(save(out_dir, summary.stem, one) for one in drawings),
        table=_unit_table(found, rows, order, shown),
        file=str(names.own_table(summary.stem, summary.targets.kind, "regions")),
    )


def shown_components(groups: Sequence[str]) -> list[Component]:
    """The full model, every unique part, and what all groups share."""
    components = partition_components(tuple(groups))
    all_of_them = [one for one in components if one.kind == "shared" and len(one.groups) == len(groups)]
    return [
        *(one for one in components if one.kind == "full"),
        *(one for one in components if one.kind == "unique" and len(groups) > 1),
        *all_of_them,
    ]


def _by_size(full: Mapping[Where, float]) -> list[Where]:
    """Regions by the full model's R², the highest first; equal ones in their own order."""
    return sorted(full, key=lambda where: -np.nan_to_num(full[where], nan=-np.inf))


def _dot(row: RegionScore | None) -> Dot | None:
    return Dot(row.rsquared, np.nan, np.nan, row.share_pfwe > 0) if row else None


def _atlases(order: Sequence[Where]) -> str:
    return listed(dict.fromkeys(atlas for atlas, _ in order))


def _drawn(
    groups: Sequence[str], order: Sequence[Where], dots: Mapping[Component, Sequence[Dot | None]], words: str
) -> Drawing:
    several = len({atlas for atlas, _ in order}) > 1
    called = [f"{region} ({atlas})" if several else region for atlas, region in order[:SHOWN]]
    most = f" The {SHOWN} regions with the highest R² of {len(order)}." if len(order) > SHOWN else ""
    content = dot_chart(groups, called, dots, "mean R²")
    return Drawing("regions", content, "Mean R² of regions by component", words + most)


def _words(found: UnitRegions, summary: UnitSummary) -> str:
    spec = summary.provenance.inference
    words = "Mean held-out R² over each region's usable targets. Parts share one scale; the full model has its own."
    if spec is None or all(np.isnan(one.share_pfwe) for one in found.scores):
        return f"{words} Nothing was tested."
    test = f"a target with a family-wise p ≤ {spec.level} (over all targets)"
    return f"{words} Filled: the region has {test}. That is no test of the region's mean."


def _profiles(found: UnitRegions, order: Sequence[Where]) -> list[Drawing]:
    """Best layers by region, and R² of the full model by region and lag."""
    drawings = []
    for space in dict.fromkeys(one.space for one in found.layers):
        share = {(one.atlas, one.region, one.layer): one.best_share for one in found.layers if one.space == space}
        layers = dict.fromkeys(layer for _, _, layer in share)
        some = [where for where in order[:SHOWN] if np.isfinite([share[*where, one] for one in layers]).any()]
        if some:
            columns = {layer: np.array([share[*where, layer] for where in some]) for layer in layers}
            content = table_chart([region for _, region in some], columns, "share")
            words = f"Of each region's targets with a best layer of {space}, the share whose best layer this is."
            drawings.append(
                Drawing(f"regionLayers{space.title()}", content, f"Best layers of {space} by region", words)
            )
    lags = {(one.atlas, one.region, one.lag_s): one.mean for one in found.lags if one.column == "full_rsquared"}
    if lags:
        times = tuple(dict.fromkeys(lag for _, _, lag in lags))
        values = np.array([[lags[*where, lag] for lag in times] for where in order[:SHOWN]])
        content = lag_images([region for _, region in order[:SHOWN]], times, {"full": values})
        words = "Mean held-out R² of the full model over each region's electrodes, by lag from the word's onset."
        drawings.append(Drawing("regionLags", content, "R² by region and lag", words))
    return [*drawings, *_weights(found, order[:SHOWN])]


def _weights(found: UnitRegions, order: Sequence[Where]) -> list[Drawing]:
    """Sizes of weights by region and delay, a panel a space; none of a single delay."""
    sizes = {(one.column, one.atlas, one.region, one.lag_s): one.mean
             for one in found.lags if one.column.endswith("_weight")}  # fmt: skip
    columns, times = dict.fromkeys(key[0] for key in sizes), tuple(dict.fromkeys(key[3] for key in sizes))
    if len(times) < 2:
        return []
    images = {
        column.removesuffix("_weight"): np.array([[sizes[column, *where, lag] for lag in times] for where in order])
        for column in columns
    }
    content = lag_images([region for _, region in order], times, images, ("Delay (s)", "weights"))
    words = (
        "Mean size of the full model's weights of each space by delay, over each region's targets: Euclidean norm "
        "over the space's standardised dimensions, averaged over outer folds. Weights grow with what is predicted "
        "and shrink with the penalty: compare delays within a region."
    )
    return [Drawing("regionWeights", content, "Weights by region and delay", words)]


def _electrodes(found: UnitRegions) -> list[str]:
    """How many electrodes have a region, and how far the others' nearest label is, by atlas."""
    lines = []
    for atlas in dict.fromkeys(one.atlas for one in found.electrodes):
        own = [one for one in found.electrodes if one.atlas == atlas]
        known = [one for one in own if np.isfinite(one.distance_mm)]
        within = [one.distance_mm for one in known if one.region != "n/a"]
        line = f"{atlas}: {len(within)} of {count_of(len(own), 'electrode')} have a region, that of the nearest label"
        line += f" (up to {max(within):.1f} mm away)" if within else ""
        line += f"; {len(known) - len(within)} lie too far from any" if len(known) > len(within) else ""
        line += f"; of {len(own) - len(known)} the place is not known" if len(own) > len(known) else ""
        lines.append(f"{line}.")
    return lines


def _unit_table(
    found: UnitRegions,
    rows: Mapping[tuple[str, str, str], RegionScore],
    order: Sequence[Where],
    shown: Sequence[Component],
) -> RegionTable:
    profiles = _peaks_of_profiles(found)
    columns = ("Region", "atlas", "targets", *(one.label for one in shown), "noise ceiling, of those that have one",
               "significant", "peak at", *profiles)  # fmt: skip
    made = []
    for atlas, region in order:
        full = rows[atlas, region, "full"]
        values = [rows.get((atlas, region, one.label)) for one in shown]
        place = ", ".join(number(mm, 0) for mm in full.peak_mm) if np.isfinite(full.peak_mm).all() else ""
        made.append((
            region, atlas, str(full.n), *(number(one.rsquared if one else None) for one in values),
            number(full.ceiling), "–" if np.isnan(full.share_pfwe) else f"{full.share_pfwe:.0%}",
            f"{place} mm" if place else full.peak, *(peaks.get((atlas, region), "–") for peaks in profiles.values()),
        ))  # fmt: skip
    return RegionTable(columns, tuple(made))


def _peaks_of_profiles(found: UnitRegions) -> dict[str, dict[Where, str]]:
    """Title → region → the layer that is most often the best, or the lag of the full model's highest R²."""
    titles: dict[str, dict[Where, tuple[float, str]]] = {}
    for layer in found.layers:
        _keep(titles, f"best layer of {layer.space}", (layer.atlas, layer.region), layer.best_share, layer.layer)
    for lag in found.lags:
        if lag.column == "full_rsquared":
            _keep(titles, "lag of the peak", (lag.atlas, lag.region), lag.mean, f"{lag.lag_s:g} s")
    return {title: {where: said for where, (_, said) in peaks.items()} for title, peaks in titles.items()}


def _keep(
    titles: dict[str, dict[Where, tuple[float, str]]], title: str, where: Where, value: float, said: str
) -> None:
    """The highest so far; the first of equal ones."""
    peaks = titles.setdefault(title, {})
    if np.isfinite(value) and (where not in peaks or value > peaks[where][0]):
        peaks[where] = value, said


# ------------------------------------------------------------------------------------------------ a group
def group_regions_part(out_dir: Path, group: GroupResultSummary, summary: GroupSummary) -> RegionsPart | None:
    """Regions over participants; writes their figure. None where the group level was asked for none.

    Parameters
    ----------
    out_dir : where results lie.
    group : of the group.
    summary : of the group level.

    Raises
    ------
    ReadWriteError : where their table cannot be read.
    """
    found = read_group_regions(out_dir, group, summary)
    if not found:
        return None
    shown = shown_components(group.groups)
    rows = {(one.atlas, one.region, one.component): one for one in found}
    order = _by_size({(one.atlas, one.region): one.mean for one in found if one.component == "full"})
    dots = {one: [_group_dot(rows.get((*where, one.label))) for where in order[:SHOWN]] for one in shown}
    tested = [one for one in found if np.isfinite(one.pfwe)]
    filled = f"Filled: family-wise p ≤ {LEVEL} over the regions of the atlas." if tested else NO_P
    spread = ", with its 95 % confidence interval" if any(np.isfinite(one.ci025) for one in found) else ""
    words = (
        f"Mean over participants of their mean held-out R² in the region{spread}. "
        f"{filled} Parts share one scale; the full model has its own."
    )
    drawing = _drawn(group.groups, order, dots, words)
    guards = dict.fromkeys(one.guard for one in tested)
    return RegionsPart(
        sentences=(f"{count_of(len(order), 'region')} of {_atlases(order)}.",
                   *(f"p is {GUARDS[guard]}{_whose(guard, found)}." for guard in guards)),
        notes=(),
        figures=(save(out_dir, group.stem, drawing),),
        table=_group_table(rows, order, shown),
        file=str(names.own_table(group.stem, group.targets.kind, "regions")),
    )  # fmt: skip


def _whose(guard: str, found: Sequence[GroupRegion]) -> str:
    atlases = dict.fromkeys(one.atlas for one in found if one.guard == guard)
    return f" ({listed(atlases)})"


def _group_dot(row: GroupRegion | None) -> Dot | None:
    return Dot(row.mean, row.ci025, row.ci975, row.pfwe <= LEVEL) if row else None


def _group_table(
    rows: Mapping[tuple[str, str, str], GroupRegion], order: Sequence[Where], shown: Sequence[Component]
) -> RegionTable:
    titles = [title for one in shown for title in (one.label, "95 % interval", "family-wise p")]
    has_ceilings = any(np.isfinite(row.ceiling) for row in rows.values())
    made = []
    for atlas, region in order:
        full = rows[atlas, region, "full"]
        cells = []
        for one in shown:
            row = rows.get((atlas, region, one.label))
            cells += [number(row.mean), from_to(row.ci025, row.ci975), number(row.pfwe)] if row else ["–"] * 3
        ceiling = [number(full.ceiling)] if has_ceilings else []
        made.append((region, atlas, str(full.n_participants), str(full.n_targets), *cells, *ceiling))
    last = ["inter-subject noise ceiling, of targets that have one"] if has_ceilings else []
    return RegionTable(("Region", "atlas", "participants", "targets", *titles, *last), tuple(made))
