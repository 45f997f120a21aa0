"""Charts of components, profiles, tables, participants, and recovered beside planted R²."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bids_app.outputs.figures.canvas import (
    GRID,
    GROUP_COLOURS,
    INK,
    MUTED,
    SHARED,
    SIGNED,
    as_pixels,
    band_colours,
    broken,
    colour_bar,
    new_figure,
    styled,
    svg_bytes,
)
from bids_app.outputs.wording.phrases import number
from bids_app.records import Array, Component, Modality, ProfileSummary

PARTS_OF_FOLDS = {"test": GROUP_COLOURS[1], "training": "#b9c9d8"}


@dataclass(frozen=True)
class Bar:
    """A bar of height `centre` (None: no bar), a line from `low` to `high`, and `points` drawn as dots."""

    centre: float | None
    low: float | None
    high: float | None
    points: tuple[float, ...] = ()


Bars = Mapping[Component, Bar]


def components_chart(groups: Sequence[str], bars: Bars, label: str) -> bytes:
    """SVG: models at the left, all parts at the right; dots below say which feature groups each has.

    Parameters
    ----------
    groups : feature groups of the partition, in order; a single one has no parts.
    bars : component of the partition → its bar, in order.
    label : of the vertical axis.
    """
    totals = {component: bar for component, bar in bars.items() if component.is_total}
    panels = {"Models": totals, "Parts": {component: bar for component, bar in bars.items() if component.is_part}}
    if len(groups) == 1:
        panels = {"Model": {component: bar for component, bar in totals.items() if component.kind == "full"}}
    heights = [2.3, 0.22 * len(groups)]
    with styled():
        figure = new_figure(9 if len(panels) > 1 else 3, 2.6 + 0.22 * len(groups))
        widths = [len(members) + 0.5 for members in panels.values()]
        grid = figure.add_gridspec(
            2, len(panels), width_ratios=widths, height_ratios=heights, hspace=0.06, wspace=0.28
        )
        figure.subplots_adjust(left=1.35 / figure.get_figwidth(), right=0.99, top=0.9, bottom=0.05)
        for column, (title, members) in enumerate(panels.items()):
            axes = figure.add_subplot(grid[0, column])
            _bars(axes, groups, members)
            axes.set_title(title)
            axes.set_ylabel(label, fontsize=8)
            _memberships(figure.add_subplot(grid[1, column]), groups, members, named=column == 0)
        return svg_bytes(figure)


def _bars(axes: Any, groups: Sequence[str], members: Bars) -> None:
    for x, (component, bar) in enumerate(members.items()):
        if bar.centre is None:
            continue
        colour = GROUP_COLOURS[groups.index(component.groups[0])] if len(component.groups) == 1 else SHARED
        axes.bar(x, bar.centre, width=0.72, color=colour, alpha=0.85, linewidth=0)
        axes.plot([x, x], [bar.low, bar.high], color=INK, linewidth=1.1, solid_capstyle="butt")
        offset = 0.22 * np.sin(2.4 * np.arange(len(bar.points)))  # spread out, and the same each time
        axes.plot(x + offset, bar.points, "o", color=INK, markersize=2.4, alpha=0.6, markeredgewidth=0)
    axes.axhline(0, color=MUTED, linewidth=0.7)
    axes.set_xlim(-0.7, len(members) - 0.3)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)


def _memberships(axes: Any, groups: Sequence[str], members: Bars, named: bool) -> None:
    """A dot where a feature group belongs to the model or part above."""
    for x, component in enumerate(members):
        rows = [groups.index(group) for group in component.groups]
        axes.plot([x] * len(groups), range(len(groups)), "o", color=GRID, markersize=5)
        axes.plot([x] * len(rows), rows, "-", color=SHARED, linewidth=1.2)
        for row in rows:
            axes.plot(x, row, "o", color=GROUP_COLOURS[row], markersize=5)
    axes.set_xlim(-0.7, len(members) - 0.3)
    axes.set_ylim(len(groups) - 0.4, -0.6)
    axes.set_xticks([])
    axes.set_yticks(range(len(groups)) if named else [], groups if named else [])
    axes.tick_params(length=0, labelcolor=INK)
    for spine in axes.spines.values():
        spine.set_visible(False)


def profile_chart(profile: ProfileSummary, modality: Modality, groups: Sequence[str]) -> bytes:
    """SVG: size of the full model's weights by delay, a line a feature space.

    Parameters
    ----------
    profile : quartiles of the weights' size by delay, a band each.
    modality : which names the axis of delays.
    groups : feature groups, which have colours.
    """
    colours = band_colours(list(profile.bands), groups)
    with styled():
        figure = new_figure(6.4, 2.8)
        axes = figure.subplots()
        figure.subplots_adjust(left=0.1, right=0.72, top=0.94, bottom=0.18)
        marker = "o" if len(profile.delays_s) < 12 else ""
        for band, line in profile.bands.items():
            colour = colours[band]
            low, middle, high = (np.asarray(part, dtype=float) for part in (line.q25, line.median, line.q75))
            axes.fill_between(profile.delays_s, low, high, color=colour, alpha=0.15, linewidth=0)
            axes.plot(profile.delays_s, middle, marker=marker, color=colour, label=band, linewidth=1.6, markersize=4)
        axes.set_ylim(bottom=0)
        axes.set_xlabel(f"{'Delay of the FIR model' if modality == 'fmri' else 'Lag'} (s)")
        axes.set_ylabel("Size of weights")
        axes.grid(axis="y", color=GRID, linewidth=0.6)
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.02), fontsize=8.5)
        return svg_bytes(figure)


def hyperparameters_chart(
    log_alpha: Array, grid: tuple[float, float], weights: Mapping[str, Array], groups: Sequence[str]
) -> bytes:
    """SVG: how many targets chose which penalty, the ends of its grid marked; how many which weight, a row a band.

    Parameters
    ----------
    log_alpha : (n,) log10 of the penalty of each target.
    grid : log10 of the lowest and the highest penalty on offer.
    weights : band → (n,) weights from 0 to 1; none where they are not searched.
    groups : feature groups, which have colours.
    """
    height = max(2.4, 0.9 + 0.34 * len(weights))
    with styled():
        figure = new_figure(8.6 if weights else 4.4, height)
        axes = figure.add_axes((0.08 if weights else 0.15, 0.5 / height, 0.36 if weights else 0.8, 1 - 0.95 / height))
        low, high = min(grid[0], log_alpha.min()), max(grid[1], log_alpha.max())
        axes.hist(log_alpha, bins=np.linspace(low - 0.25, high + 0.25, 32), color=SHARED, linewidth=0)
        top = axes.get_ylim()[1]
        for end, words in zip(grid, ("lowest", "highest"), strict=True):
            axes.axvline(end, color=INK, linewidth=0.9, linestyle="--")
            axes.text(end, top, words, fontsize=7.5, ha="center", va="bottom", color=INK)
        axes.set_title("Penalty", pad=14)
        axes.set_xlabel("log10 of alpha, median over folds")
        axes.set_ylabel("Targets")
        if weights:
            rows = figure.add_axes((0.61, 0.5 / height, 0.37, 1 - 0.95 / height))
            _weight_rows(rows, weights, band_colours(list(weights), groups))
        return svg_bytes(figure)


def _weight_rows(axes: Any, weights: Mapping[str, Array], colours: Mapping[str, str]) -> None:
    """A histogram a band, each of its own height, and its median as a line."""
    edges = np.linspace(0, 1, 26)
    for row, (band, values) in enumerate(weights.items()):
        counts, _ = np.histogram(values, edges)
        foot = -float(row)
        axes.bar(
            edges[:-1], 0.8 * counts / max(counts.max(), 1), width=np.diff(edges), bottom=foot, align="edge",
            color=colours[band], linewidth=0, alpha=0.85,
        )  # fmt: skip
        axes.plot([np.median(values)] * 2, [foot, foot + 0.85], color=INK, linewidth=1.3)
        axes.axhline(foot, color=GRID, linewidth=0.6, zorder=0)
    axes.set_yticks([0.3 - row for row in range(len(weights))], list(weights))
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set(xlim=(0, 1), ylim=(0.85 - len(weights), 1.0))
    axes.spines["left"].set_visible(False)
    axes.set_title("Band weights", pad=14)
    axes.set_xlabel("Weight of the band, median over folds")


def folds_chart(recordings: Sequence[str], rows: Mapping[str, Sequence[str]]) -> bytes:
    """SVG: outer folds × recordings, coloured by what each fold makes of each recording.

    Parameters
    ----------
    recordings : short names of n recordings.
    rows : name of a fold, with its numbers of samples → of each recording `test`, `training`, `both` (it is split in
        time) or nothing.
    """
    body, ends = 0.2 * len(rows) + 0.1, 0.75 if max(map(len, recordings)) > 3 else 0.35
    width, whole = float(np.clip(3.6 + 0.45 * len(recordings), 5.2, 9.0)), body + ends + 0.4
    left = 2.6 / width
    with styled():
        figure = new_figure(width, whole)
        axes = figure.add_axes((left, 0.4 / whole, 0.98 - left, body / whole))
        for place, of in enumerate(rows.values()):
            for column, part in enumerate(of):
                _fold_cell(axes, column, place, part)
        axes.set(xlim=(-0.5, len(recordings) - 0.5), ylim=(len(rows) - 0.5, -0.5))
        step = -(-len(recordings) // 24)
        axes.set_xticks(range(0, len(recordings), step), recordings[::step], fontsize=7, rotation=40, ha="left")
        axes.xaxis.tick_top()
        axes.set_yticks(range(len(rows)), list(rows), fontsize=7.5)
        axes.tick_params(length=0, labelcolor=INK, pad=2)
        for spine in axes.spines.values():
            spine.set_visible(False)
        for x, (words, colour) in zip((0.0, 0.3), PARTS_OF_FOLDS.items(), strict=True):
            figure.text(left + x, 0.1 / whole, "■", color=colour, fontsize=9)
            figure.text(left + x + 0.16 / width, 0.1 / whole, words, fontsize=8)
        return svg_bytes(figure)


def _fold_cell(axes: Any, column: int, row: int, part: str) -> None:
    """A field in one colour, or in both where a recording is split."""
    shown = ("test", "training") if part == "both" else (part,) if part else ()
    for place, which in enumerate(shown):
        share = 0.88 / len(shown)
        left = column - 0.44 + share * place
        axes.fill_between([left, left + share], row - 0.4, row + 0.4, color=PARTS_OF_FOLDS[which], linewidth=0)


def table_chart(rows: Sequence[str], columns: Mapping[str, Array], label: str) -> bytes:
    """SVG: a heat map of targets × components, with numbers where they can be read.

    Parameters
    ----------
    rows : names of n targets.
    columns : title → (n,) values, NaN where there is none.
    label : of the colour bar.
    """
    table = np.column_stack(list(columns.values()))
    limit = max(float(np.nanmax(np.abs(table), initial=0.0)), 1e-3)
    titles = [broken(name, 12) for name in columns]
    head = 0.25 + 0.13 * max(title.count("\n") + 1 for title in titles)
    body, width = 0.19 * len(rows), min(9.0, 1.8 + 0.85 * len(columns))
    whole = head + body + 0.6
    with styled():
        figure = new_figure(width, whole)
        axes = figure.add_axes((1.7 / width, 0.6 / whole, 1 - 1.75 / width, body / whole))
        axes.imshow(table, aspect="auto", cmap=SIGNED, vmin=-limit, vmax=limit, interpolation="nearest")
        axes.set_xticks(range(len(columns)), titles, fontsize=7)
        axes.xaxis.tick_top()
        axes.set_yticks(range(len(rows)), [_clipped(name) for name in rows], fontsize=7.5)
        axes.tick_params(length=0, labelcolor=INK)
        for spine in axes.spines.values():
            spine.set_visible(False)
        if table.size <= 400:
            _write_numbers(axes, table, limit)
        colour_bar(figure, (0.42, 0.22 / whole, 0.28, 0.08 / whole), limit, label)
        return svg_bytes(figure)


def _clipped(name: str) -> str:
    return name if len(name) <= 24 else f"{name[:23]}…"


def _write_numbers(axes: Any, table: Array, limit: float) -> None:
    for (row, column), value in np.ndenumerate(table):
        colour = "white" if abs(value) > 0.6 * limit else INK
        axes.text(column, row, number(float(value)), ha="center", va="center", fontsize=6.5, color=colour)


def planted_chart(panels: Mapping[str, tuple[Array, Array, str]]) -> bytes:
    """SVG: recovered on planted R², a panel a component: title → (planted, recovered, note). The line is equality."""
    across = min(5, len(panels))
    down = -(-len(panels) // across)
    whole = 1.9 * down + 0.6
    with styled():
        figure = new_figure(9 if across > 2 else 4.5, whole)
        grid = figure.subplots(down, across, squeeze=False)
        edges = {"left": 0.08, "right": 0.99, "top": 1 - 0.4 / whole, "bottom": 0.55 / whole}
        figure.subplots_adjust(**edges, hspace=0.55, wspace=0.38)
        for axes, (title, (planted, recovered, note)) in zip(grid.flat, panels.items(), strict=False):
            _scatter(axes, planted, recovered, broken(title, 22), note)
        for axes in list(grid.flat)[len(panels) :]:
            axes.set_visible(False)
        figure.supxlabel("planted R²", fontsize=9)
        figure.supylabel("recovered R²", fontsize=9)
        return svg_bytes(figure)


def _scatter(axes: Any, planted: Array, recovered: Array, title: str, note: str) -> None:
    both = np.concatenate([planted, recovered])
    low, high = float(min(both.min(initial=0.0), 0.0)), float(max(both.max(initial=0.0), 0.02))
    margin = 0.06 * (high - low)
    ends = (low - margin, high + margin)
    axes.plot(ends, ends, color=MUTED, linewidth=0.9)
    axes.plot(planted, recovered, "o", color=GROUP_COLOURS[0], alpha=0.45, markersize=3.2, markeredgewidth=0)
    axes.set(xlim=ends, ylim=ends)
    axes.set_title(title, fontsize=6.8, pad=3)
    axes.text(0.04, 0.97, note, transform=axes.transAxes, va="top", fontsize=6.5, color=MUTED)
    axes.tick_params(labelsize=6.5, length=2)
    as_pixels([axes])
