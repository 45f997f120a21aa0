"""The page's parts on regions and on participants together: a sentence, dots with intervals, and a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeVar

import numpy as np

from bids_app.outputs.compare.words import GUARDS
from bids_app.outputs.wording.phrases import count_of, count_targets, from_to, listed, number
from bids_app.records.compared.differences import (
    FEWEST_FLIPPED,
    ComparedGroup,
    ComparedUnit,
    MeanDifference,
    RegionDifference,
)

R = TypeVar("R", bound=RegionDifference | MeanDifference)
LEVEL = 0.05
SHOWN = 20  # regions in a figure and a table
LETTERS = 38  # of a region's name that are shown in a figure
ROW, TOP, FOOT, LEFT, RIGHT, PLOT = 18, 8, 34, 250, 14, 300  # of a figure, in pixels


@dataclass(frozen=True)
class _Row:
    """Of a figure: a name, the difference with its interval, and whether it is significant in the family."""

    name: str
    value: float
    low: float
    high: float
    sure: bool


def unit_part(unit: ComparedUnit) -> Iterator[str]:
    """Regions of a unit; nothing where there are none.

    Parameters
    ----------
    unit : of two runs.
    """
    if not (unit.regions or unit.notes):
        return
    yield f"<h4>{escape(unit.stem)}</h4>"
    if unit.notes:
        yield f"<p>{escape('; '.join(unit.notes))}.</p>"
    if not unit.regions:
        return
    titles = ("targets", "mean R², first", "second", "difference", "95 % interval", "p", "family-wise p")

    def cells(one: RegionDifference) -> tuple[str, ...]:
        """Of a row of the table."""
        scores = number(one.first), number(one.second), number(one.difference)
        return (str(one.n), *scores, _interval(one), number(one.p), number(one.pfwe))

    found = [(one.difference, one) for one in unit.regions]
    yield from _drawn(found, f"Differences by region, {unit.stem}", titles, cells)


def group_part(group: ComparedGroup) -> Iterator[str]:
    """Participants together.

    Parameters
    ----------
    group : of two runs.
    """
    people = len(group.participants)
    yield f"<h4>{escape(group.stem)}: {count_of(people, 'participant')}</h4>"
    few = "" if people >= FEWEST_FLIPPED else f" Fewer than {FEWEST_FLIPPED}: there is no p over participants."
    whole = group.whole
    yield (
        f"<p>Mean difference over all targets {number(whole.mean)}"
        f"{_between(whole)}, p {_p(whole.p)}.{few} {escape(_by_target(group))}</p>"
    )
    guards = [one.guard for one in (whole, *group.regions) if np.isfinite(one.p)]
    if group.values and np.isfinite(group.values["p"]).any():
        guards.append(group.guard)
    for guard in dict.fromkeys(guards):
        yield f"<p>{escape(GUARDS[guard])}.</p>"
    if group.notes:
        yield f"<p>{escape('; '.join(group.notes))}.</p>"
    if not group.regions:
        return
    titles = ("participants", "targets", "mean difference", "95 % interval", "p", "family-wise p", "guard")

    def cells(one: MeanDifference) -> tuple[str, ...]:
        """Of a row of the table."""
        counts = str(one.n_participants), str(one.n_targets)
        tests = number(one.p), number(one.pfwe), one.guard if np.isfinite(one.p) else "–"
        return (*counts, number(one.mean), _interval(one), *tests)

    found = [(one.mean, one) for one in group.regions]
    yield from _drawn(found, f"Mean differences over participants by region, {group.stem}", titles, cells)


def _drawn(
    found: Sequence[tuple[float, R]], alt: str, titles: Sequence[str], cells: Callable[[R], tuple[str, ...]]
) -> Iterator[str]:
    """Regions with their differences: how many differ, a figure, and a table with these columns."""
    shown = _largest(found)
    yield f"<p>{escape(_counted(found))}</p>"
    yield _figure([_Row(row.region, value, row.ci025, row.ci975, _sure(row)) for value, row in shown], alt)
    yield _table(("region", "atlas", *titles), [(row.region, row.atlas, *cells(row)) for _, row in shown])


def _sure(row: RegionDifference | MeanDifference) -> bool:
    return bool(np.nan_to_num(row.pfwe, nan=1.0) <= LEVEL)


def _interval(row: RegionDifference | MeanDifference) -> str:
    return from_to(row.ci025, row.ci975) if np.isfinite(row.ci025) else "–"


def _between(row: MeanDifference) -> str:
    return f" [{number(row.ci025)}, {number(row.ci975)}]" if np.isfinite(row.ci025) else ""


def _p(p: float) -> str:
    return "n/a" if np.isnan(p) else f"{p:.3g}"


def _by_target(group: ComparedGroup) -> str:
    """How many targets have a difference over participants."""
    if not group.values or np.isnan(group.values["pfwe"]).all():
        return ""
    sure, mean = np.nan_to_num(group.values["pfwe"], nan=1.0) <= LEVEL, group.values["mean"]
    higher, lower = int((sure & (mean > 0)).sum()), int((sure & (mean < 0)).sum())
    tested = int(np.isfinite(group.values["pfwe"]).sum())
    return (
        f"The first is higher in {higher} and lower in {lower} of {count_targets(tested, group.targets.kind)} "
        f"(family-wise p ≤ {LEVEL:g})."
    )


def _largest(regions: Sequence[tuple[float, R]]) -> list[tuple[float, R]]:
    """Of regions with their values those that are furthest from 0, the highest first."""
    shown = sorted(regions, key=lambda one: -abs(one[0]))[:SHOWN]
    return sorted(shown, key=lambda one: -one[0])


def _counted(regions: Sequence[tuple[float, R]]) -> str:
    """Of regions with their values: how many differ."""
    sure = [value for value, one in regions if _sure(one)]
    higher, lower = sum(value > 0 for value in sure), sum(value < 0 for value in sure)
    atlases = listed(dict.fromkeys(one.atlas for _, one in regions))
    most = f" Shown are the {SHOWN} with the largest differences." if len(regions) > SHOWN else ""
    found = "nothing was tested"
    if any(np.isfinite(one.pfwe) for _, one in regions):
        found = f"the first is higher in {higher} and lower in {lower} (family-wise p ≤ {LEVEL:g} over the regions "
        found += "of an atlas; filled dots)"
    return f"{count_of(len(regions), 'region')} of {atlases}: {found}.{most}"


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    body = "".join(
        "<tr>" + "".join(f'<td class="{"number" if place > 1 else "text"}">{escape(cell)}</td>'
                         for place, cell in enumerate(row)) + "</tr>"
        for row in rows
    )  # fmt: skip
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<details><summary>As a table</summary><div class="wide">{table}</div></details>'


def _figure(rows: Sequence[_Row], alt: str) -> str:
    """A dot a region with its interval, about the line of no difference."""
    ends = [end for row in rows for end in (row.value, row.low, row.high) if np.isfinite(end)]
    low, high = min([*ends, -0.001]), max([*ends, 0.001])
    scale = PLOT / (high - low)
    bottom, width = TOP + ROW * len(rows), LEFT + PLOT + RIGHT

    def at(value: float) -> float:
        """Pixels of a difference."""
        return LEFT + (value - low) * scale

    marks = [f'<line x1="{at(0):.1f}" y1="{TOP}" x2="{at(0):.1f}" y2="{bottom}"/>']
    for place, row in enumerate(rows):
        y = TOP + ROW * (place + 0.5)
        name = row.name if len(row.name) <= LETTERS else f"{row.name[: LETTERS - 1]}…"
        marks.append(f'<text x="{LEFT - 10}" y="{y + 3.5:.1f}" text-anchor="end">{escape(name)}</text>')
        if np.isfinite(row.low):
            marks.append(f'<path class="range" d="M{at(row.low):.1f} {y:.1f}H{at(row.high):.1f}"/>')
        marks.append(
            f'<circle class="{"sure" if row.sure else "open"}" cx="{at(row.value):.1f}" cy="{y:.1f}" r="4"/>'
        )
    for value, anchor in ((low, "start"), (0.0, "middle"), (high, "end")):
        if value and abs(at(value) - at(0)) < 40:  # its number would lie on that of 0
            continue
        marks.append(
            f'<text x="{at(value):.1f}" y="{bottom + 14}" text-anchor="{anchor}">{escape(number(value))}</text>'
        )
    centre = f'x="{LEFT + PLOT / 2:.0f}" y="{bottom + 28}" text-anchor="middle"'
    marks.append(f"<text {centre}>difference of mean R², first less second</text>")
    size = f'width="{width}" height="{bottom + FOOT}"'
    svg = f'<svg role="img" aria-label="{escape(alt)}" {size}>{"".join(marks)}</svg>'
    return f'<figure class="regions">{svg}</figure>'
