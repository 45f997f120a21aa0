"""The page of a comparison: what was compared, and of each unit the two scores and their difference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

import numpy as np

from bids_app.outputs.compare.regions import LEVEL, group_part, unit_part
from bids_app.outputs.compare.words import HOW, HOW_OVER, HOW_REGIONS
from bids_app.outputs.wording.phrases import count_targets, number
from bids_app.records.compared.differences import ComparedRuns, ComparedUnit

FEWEST = 12  # blocks, for p to be trusted
SIDE, EDGE, MOST_POINTS = 220, 34, 1500  # of a figure, in pixels; and points that are drawn
STYLE = """
:root { color-scheme: light dark; --text: #1b1b1b; --back: #fff; --line: #bbb; --dot: #0b6fa4; }
@media (prefers-color-scheme: dark) { :root { --text: #e8e8e8; --back: #16181a; --line: #555; --dot: #6cc0ee; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); max-width: 62rem;
  margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
th, td { border-bottom: 1px solid var(--line); padding: 0.3rem 0.6rem; text-align: left; vertical-align: top; }
td a { overflow-wrap: anywhere; display: inline-block; min-width: 14rem; }
td.number { white-space: nowrap; font-variant-numeric: tabular-nums; }
figure { display: inline-block; vertical-align: top; margin: 0.5rem 1rem 0.5rem 0; }
figcaption { font-size: 0.8rem; max-width: 240px; }
.wide { overflow-x: auto; }
svg circle { fill: var(--dot); fill-opacity: 0.5; } svg text { font-size: 10px; fill: var(--text); }
svg circle.sure { fill-opacity: 1; } svg circle.open { fill: var(--back); fill-opacity: 1; stroke: var(--dot); }
svg .range { stroke: var(--dot); stroke-width: 1.5; fill: none; }
svg line { stroke: var(--text); stroke-dasharray: 3 3; } svg .frame { fill: none; stroke: var(--line); }
"""


def page(pairs: Sequence[ComparedRuns], files: Mapping[tuple[int, str], Sequence[str]]) -> str:
    """The page as HTML, which needs nothing else.

    Parameters
    ----------
    pairs : every two runs that were compared.
    files : (place of the pair, unit or group) → its files, relative to the page.
    """
    title = f"Runs compared: {pairs[0].component}"
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1><p>{escape(HOW)}</p>",
    ]
    for place, pair in enumerate(pairs):
        stems = [*(unit.stem for unit in pair.units), *(group.stem for group in pair.groups)]
        parts += _pair(pair, {stem: files[place, stem] for stem in stems})
    return "\n".join([*parts, "</body></html>", ""])


def _pair(pair: ComparedRuns, files: Mapping[str, Sequence[str]]) -> Iterator[str]:
    first, second = map(escape, pair.names)
    yield f"<h2>{first} less {second}</h2>"
    yield f"<ul><li>{first}: {escape(pair.models[0])}</li><li>{second}: {escape(pair.models[1])}</li></ul>"
    if pair.left_out:
        yield f"<p>Left out: {escape('; '.join(pair.left_out))}.</p>"
    for name, lines in zip((first, second), pair.doubts, strict=True):
        if lines:
            yield f"<h3>What stands against trusting {name}</h3>"
            yield f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"
    yield '<div class="wide"><table><thead><tr><th>unit</th><th>mean R², first</th><th>second</th>'
    yield "<th>mean difference [95 % confidence interval]</th><th>p (two-sided)</th>"
    yield f"<th>targets where the first is higher / lower (family-wise p ≤ {LEVEL:g})</th><th>files</th>"
    yield "</tr></thead><tbody>"
    for unit in pair.units:
        yield _row(unit, files[unit.stem])
    yield "</tbody></table></div>"
    for unit in pair.units:
        yield _figure(unit, pair.names)
    if any(unit.regions or unit.notes for unit in pair.units):
        yield f"<h3>By region</h3><p>{escape(HOW_REGIONS)}</p>"
        for unit in pair.units:
            yield from unit_part(unit)
    if pair.groups:
        yield f"<h3>Over participants</h3><p>{escape(HOW_OVER)}</p>"
        for group in pair.groups:
            yield from group_part(group)
            yield f"<p>{_links(files[group.stem], group.stem)}</p>"


def _row(unit: ComparedUnit, files: Sequence[str]) -> str:
    mean, values = unit.mean, unit.values
    sure = np.nan_to_num(values["pfwe"], nan=1.0) <= LEVEL
    higher, lower = int((sure & (values["difference"] > 0)).sum()), int((sure & (values["difference"] < 0)).sum())
    n = int(np.isfinite(values["difference"]).sum())
    between = f"{number(mean['difference'])} [{number(mean['ci025'])}, {number(mean['ci975'])}]"
    p = "n/a: too few blocks" if np.isnan(mean["p"]) else f"{mean['p']:.3g}"
    counts = "n/a" if np.isnan(mean["p"]) else f"{higher} / {lower} of {count_targets(n, unit.targets.kind)}"
    cells = [number(mean["first"]), number(mean["second"]), between, p, counts]
    row = "".join(f'<td class="number">{escape(cell)}</td>' for cell in cells)
    few = f": fewer than {FEWEST}, p is unreliable" if unit.n_blocks < FEWEST else ""
    return (
        f"<tr><td>{escape(unit.stem)} ({unit.n_blocks} blocks{few})</td>{row}<td>{_links(files, unit.stem)}</td></tr>"
    )


def _links(files: Sequence[str], stem: str) -> str:
    """Files by what their names say beyond the stem."""
    named = {
        file: [part for part in file.rsplit("/", 1)[-1].split("_") if part not in stem.split("_")] for file in files
    }
    return "<br>".join(f'<a href="{escape(file)}">{escape("_".join(parts))}</a>' for file, parts in named.items())


def _figure(unit: ComparedUnit, names: tuple[str, str]) -> str:
    """R² of every target in one run against the other, with the line where they are equal."""
    there = np.flatnonzero(np.isfinite(unit.first) & np.isfinite(unit.second))
    shown = there[:: max(1, -(-len(there) // MOST_POINTS))]
    both = np.concatenate([unit.first[there], unit.second[there], [0.0]])
    low, high = float(both.min()), float(max(both.max(), both.min() + 1e-3))
    scale = (SIDE - 2 * EDGE) / (high - low)

    def at(x: float, y: float) -> tuple[float, float]:
        """Pixels of R² in the second (x) and the first run (y)."""
        return EDGE + (x - low) * scale, SIDE - EDGE - (y - low) * scale

    dots = "".join(
        '<circle cx="{:.1f}" cy="{:.1f}" r="1.8"/>'.format(*at(x, y))
        for x, y in zip(unit.second[shown].tolist(), unit.first[shown].tolist(), strict=True)
    )
    (x0, y0), (x1, y1) = at(low, low), at(high, high)
    texts = "".join(
        f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{escape(text)}</text>'
        for x, y, anchor, text in (
            (x0, SIDE - EDGE + 14, "start", f"{low:.2f}"),
            (x1, SIDE - EDGE + 14, "end", f"{high:.2f}"),
            (SIDE / 2, SIDE - 6, "middle", f"R², {names[1]}"),
            (4, EDGE - 10, "start", f"R², {names[0]}"),
        )
    )
    alt = f"R² of each target in {names[0]} against {names[1]}, {unit.stem}"
    caption = f"{unit.stem}: a dot a target ({len(shown)} of {len(there)}); on the line both predict equally well."
    box = SIDE - 2 * EDGE
    frame = f'<rect class="frame" x="{EDGE}" y="{EDGE}" width="{box}" height="{box}"/>'
    line = f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"/>'
    size = f'width="{SIDE}" height="{SIDE}"'
    svg = f'<svg role="img" aria-label="{escape(alt)}" {size}>{frame}{dots}{line}{texts}</svg>'
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"
