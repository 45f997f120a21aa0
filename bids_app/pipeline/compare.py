"""Runs compared: the units that two OUT_DIRs have in common, block by block of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np

from bids_app import group, outputs
from bids_app.errors import DataError, NoInput, UsageError, did_you_mean
from bids_app.records import Component, Targets, UnitSummary
from bids_app.records.fits import BlockSums
from bids_app.records.results import ComparedRuns, ComparedUnit

PAGE = "compare.html"  # of the full model; of another component with its label


def page_name(component: str) -> str:
    """`compare.html`, `compare_uniqueSpeech.html`: comparisons of several components lie beside each other.

    Parameters
    ----------
    component : its label.
    """
    return PAGE if component == "full" else f"{PAGE.removesuffix('.html')}_{component}.html"


@dataclass(frozen=True)
class _Side:
    """A unit of one run: what it is, its targets that have a value, and sums by block of all its targets by name."""

    summary: UnitSummary
    targets: Targets
    names: tuple[str, ...]
    sums: BlockSums


def compare(out_dirs: Sequence[Path], to: Path, component: str, say: Callable[[str], object]) -> int:
    """Compare every two of some runs, and write maps or tables a unit and one page.

    Parameters
    ----------
    out_dirs : two or more, each fitted with `--save blocks`.
    to : the folder for what is written.
    component : label of what is compared: `full`, a feature group, `unique…`, `shared…`.
    say : takes one line at a time.

    Returns
    -------
    How many units, of both runs or of one, were left out.

    Raises
    ------
    UsageError, NoInput : a folder is no OUT_DIR, they have no unit in common, or there is no such component.
    DataError : all units have other targets, responses, folds or blocks in the two.
    ReadWriteError : a file is gone, broken or not what was written.
    CannotCreate : where nothing can be written.
    """
    named = _names(out_dirs)
    pairs = []
    for one, other in combinations(named, 2):
        found = _pair((one, other), (named[one], named[other]), component)
        for line in found.left_out:
            say(f"left out: {line}")
        pairs.append(found)
    page = page_name(component)
    outputs.write_comparison(to, pairs, page)
    say(f"{sum(len(one.units) for one in pairs)} comparisons: see {to / page}")
    return sum(len(one.left_out) for one in pairs)


def _names(out_dirs: Sequence[Path]) -> dict[str, Path]:
    """Name → OUT_DIR: its folder's, with as many folders above it as tell them apart. Raises UsageError."""
    roots = [path.resolve() for path in out_dirs]
    if len({*roots}) < max(2, len(roots)):
        raise UsageError(
            "compare takes two OUT_DIRs or more, each once", hint="concord-tools compare OUT1 OUT2 --to DIR"
        )
    depth = 1
    while len({path.parts[-depth:] for path in roots}) < len(roots):
        depth += 1
    return {"/".join(path.parts[-depth:]): path for path in roots}


def _pair(names: tuple[str, str], out_dirs: tuple[Path, Path], component: str) -> ComparedRuns:
    for out_dir in out_dirs:
        if not outputs.holds_results(out_dir):
            raise NoInput(
                "no results of Concord", out_dir, "give the OUT_DIR of a run; of several models a folder of one"
            )
    first, second = (
        [stem for who in outputs.participants_of(out_dir) for stem in outputs.stems_of(out_dir, who)]
        for out_dir in out_dirs
    )
    common = [stem for stem in first if stem in second]
    if not common:
        raise NoInput(
            f"{names[0]} and {names[1]} have no unit in common", out_dirs[1], "compare runs of one data set"
        )
    left_out = [f"{stem}: only one of the runs has it" for stem in sorted({*first} ^ {*second})]
    units, models = [], ("", "")
    summaries: tuple[list[UnitSummary], list[UnitSummary]] = [], []
    refused: list[DataError] = []
    for stem in common:
        one, other = (_side(out_dir, stem) for out_dir in out_dirs)
        models = _models(one.summary), _models(other.summary)
        try:
            units.append(_compared(one, other, (names, component)))
            for side, of_run in zip((one, other), summaries, strict=True):
                of_run.append(side.summary)
        except DataError as error:
            refused.append(error)
    if not units:
        raise refused[0]
    left_out += map(str, refused)
    against = _doubts(summaries[0]), _doubts(summaries[1])
    return ComparedRuns(names, component, models, tuple(units), tuple(left_out), against)


def _doubts(summaries: Sequence[UnitSummary]) -> tuple[str, ...]:
    """What stands against trusting a run's units: stand-in models, and their warnings, alike ones once."""
    named = outputs.stand_ins(summaries)
    untrained = [f"untrained stand-in models, whose weights are random: {', '.join(named)}"] if named else []
    return (*untrained, *outputs.doubts(summaries))


def _side(out_dir: Path, stem: str) -> _Side:
    summary = outputs.read_unit_summary(out_dir, stem)
    if summary is None:
        raise DataError("its summary in logs is not what was written", f"{out_dir}: {stem}", "run concord again")
    names, sums = outputs.read_saved_blocks(out_dir, summary)
    return _Side(summary, outputs.read_unit(outputs.summary_path(out_dir, stem)).targets, names, sums)


def _compared(one: _Side, other: _Side, asked: tuple[tuple[str, str], str]) -> ComparedUnit:
    """Of two runs by their names and a component. Raises DataError where the two cannot be paired, and UsageError for
    an unknown component."""
    stem, (names, component) = one.summary.stem, asked
    if why := group.why_not_paired(one.sums, other.sums, (one.names, other.names)):
        raise DataError(f"cannot be compared: {why}", stem, _mended((one.summary, other.summary), names))
    terms = _component(one.summary, component), _component(other.summary, component)
    return _with_values(
        group.compared_unit(stem, one.summary.participant, one.targets, (one.sums, other.sums), terms), one
    )


def _mended(summaries: tuple[UnitSummary, UnitSummary], names: tuple[str, str]) -> str:
    """What to do about two runs that cannot be paired: of blocks of two lengths the shorter are made anew."""
    lengths_s = [one.provenance.inference.block_s for one in summaries if one.provenance.inference is not None]
    if len({*lengths_s}) > 1:
        shorter = names[int(np.argmin(lengths_s))]
        key = f"inference.block_s.{summaries[0].modality}: {max(lengths_s):.6g}"
        return (
            f"blocks last {lengths_s[0]:.0f} and {lengths_s[1]:.0f} s: fit {shorter} alone again, into a new "
            f"OUT_DIR, with {key} and --save blocks"
        )
    return "fit both to the same responses and folds"


def _with_values(unit: ComparedUnit, side: _Side) -> ComparedUnit:
    """Of the targets that have a value, in the order of their maps or table."""
    place = {name: number for number, name in enumerate(side.names)}
    rows = np.array([place[name] for name in side.targets.names], dtype=int)
    values = {stat: numbers[rows] for stat, numbers in unit.values.items()}
    return replace(unit, first=unit.first[rows], second=unit.second[rows], values=values)


def _component(summary: UnitSummary, label: str) -> Component:
    """A component of the analysis's own partition. Raises UsageError."""
    known = {name: one for name, one in summary.by_label.items() if not one.partition and one not in summary.controls}
    if label not in known:
        advice = [did_you_mean(label, known), f"there are {', '.join(known)}"]
        raise UsageError(f"{summary.stem} has no component '{label}'", hint="; ".join(filter(None, advice)))
    return known[label]


def _models(summary: UnitSummary) -> str:
    """What a run's feature spaces are, in words."""
    analysis = summary.provenance.analysis
    spaces = []
    for name in analysis.spaces:
        facts = summary.provenance.spaces.get(name)
        spaces.append(f"{name} ({facts.model})" if facts is not None and facts.model else name)
    return f"{analysis.name}: {', '.join(spaces)}; {analysis.fit.solver}"
