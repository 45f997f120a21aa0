"""Two runs: the units that both have, block by block of time, their regions, and participants together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from bids_app import group, outputs
from bids_app.boundary import boundary
from bids_app.errors import ConcordError, DataError, NoInput, UsageError, did_you_mean
from bids_app.pipeline.job.atlases import Atlases
from bids_app.pipeline.regions.laid import lay
from bids_app.records import SOLVERS, Array, Component, Targets, UnitSummary
from bids_app.records.compared.differences import ComparedGroup, ComparedRuns, ComparedUnit, Region
from bids_app.records.fits import BlockSums
from bids_app.records.regions.atlases import Atlas


@dataclass(frozen=True)
class Asked:
    """What is compared: a component by its label, and the regions."""

    component: str
    atlases: Atlases


@dataclass(frozen=True)
class _Side:
    """A unit of one run: what it is, its targets that have a value, and sums by block of all its targets by name."""

    summary: UnitSummary
    targets: Targets
    names: tuple[str, ...]
    sums: BlockSums

    @property
    def columns(self) -> Array:
        """(n_targets,) where its targets stand among those of the sums."""
        place = {name: number for number, name in enumerate(self.names)}
        return np.array([place[name] for name in self.targets.names], dtype=int)


@dataclass(frozen=True)
class _Regions:
    """Region → columns of the sums; of each atlas its file; notes and lines on what is not there; how much went
    wrong."""

    columns: Mapping[Region, Array]
    files: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    lost: int = 0


def participants_of_both(out_dirs: tuple[Path, Path]) -> list[str]:
    """Participants, without `sub-`, of whom two runs have results.

    Parameters
    ----------
    out_dirs : of the runs.
    """
    first, second = map(outputs.participants_of, out_dirs)
    return [who for who in first if who in second]


def compared_pair(names: tuple[str, str], out_dirs: tuple[Path, Path], asked: Asked) -> ComparedRuns:
    """Two runs.

    Parameters
    ----------
    names, out_dirs : of either.
    asked : the component and the regions.

    Raises
    ------
    NoInput, DataError, UsageError, ReadWriteError : as `compare` has it.
    """
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
    units: list[tuple[group.GroupKey, ComparedUnit]] = []
    shared: dict[group.GroupKey, group.SharedBlocks] = {}
    summaries: list[tuple[UnitSummary, UnitSummary]] = []
    models, refused = ("", ""), list[DataError]()
    for stem in common:
        one, other = (_side(out_dir, stem) for out_dir in out_dirs)
        models = _models(one.summary), _models(other.summary)
        try:
            unit, own = _compared(one, other, names, asked)
        except DataError as error:
            refused.append(error)
            continue
        key = _key(one)
        units.append((key, unit))
        shared[key] = group.joined(shared.get(key), own)
        summaries.append((one.summary, other.summary))
    if not units:
        raise refused[0]
    left_out += map(str, refused)
    against = tuple(_doubts([pair[which] for pair in summaries]) for which in (0, 1))
    return ComparedRuns(
        names=names,
        component=asked.component,
        models=models,
        units=tuple(unit for _, unit in units),
        left_out=tuple(left_out),
        doubts=(against[0], against[1]),
        groups=tuple(_groups(units, shared, _why_no_p(summaries[0], asked.component))),
    )


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


def _compared(
    one: _Side, other: _Side, names: tuple[str, str], asked: Asked
) -> tuple[ComparedUnit, group.SharedBlocks]:
    """Of two runs by their names; and what the participant adds to the others. Raises DataError where the two cannot
    be paired, and UsageError for an unknown component."""
    stem, participant = one.summary.stem, one.summary.participant
    if why := group.why_not_paired(one.sums, other.sums, (one.names, other.names)):
        raise DataError(f"cannot be compared: {why}", stem, _mended((one.summary, other.summary), names))
    terms = _component(one.summary, asked.component), _component(other.summary, asked.component)
    blocks = group.paired_blocks((one.sums, other.sums), terms)
    regions = _regions(one, asked.atlases)
    unit = replace(
        group.compared_unit(stem, participant, one.targets, blocks, one.columns),
        regions=group.compared_regions(blocks, regions.columns),
        atlases=regions.files,
        notes=regions.notes,
        lost_regions=regions.lost,
    )
    sets = {group.WHOLE: np.flatnonzero(blocks.usable), **regions.columns}
    return unit, group.blocks_of(blocks, _heard(one), () if _why_no_targets(one.targets) else one.names, sets)


def _regions(side: _Side, atlases: Atlases) -> _Regions:
    """What can be laid on a unit's targets. A damaged mask costs the unit its own masks, in a line."""
    if not (atlases.asked or atlases.localisers):
        return _Regions({})
    masks, lost = list[Atlas](), list[ConcordError]()
    with boundary(lost.append):
        masks = atlases.masks(side.summary.participant)
    laid = lay(atlases, masks, side.targets)
    found = {
        (atlas.name, name): side.columns[placed.labels == label]
        for atlas, placed in laid.placed
        for label, name in atlas.regions.items()
    }
    without = [f"{side.summary.stem}: no regions of own masks: {error}" for error in lost]
    return _Regions(found, laid.files, (*laid.notes, *laid.refusals.values(), *without), len(lost))


def _heard(side: _Side) -> group.Heard:
    """Of each block what was played in its run, and how long after the first onset it begins."""
    played = {one.label: one.stimuli for one in side.summary.recordings}

    def of(run: str, start_s: float) -> tuple[tuple[str, ...], float]:
        """Of a block; nothing was played, as far as is known, in a run without stimuli."""
        stimuli = played.get(run, ())
        contents = tuple(content for one in stimuli for content in one.contents)
        return contents, start_s - (stimuli[0].onset_s if stimuli else 0)

    return tuple(of(run, float(start_s)) for run, start_s in zip(side.sums.runs, side.sums.starts_s, strict=True))


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


# ------------------------------------------------------------------------------------------------ participants
def _key(side: _Side) -> group.GroupKey:
    summary = side.summary
    pool = summary.provenance.analysis.pool
    return group.group_key(summary.stem, summary.modality, side.targets.kind, summary.space, pool)


def _why_no_targets(targets: Targets) -> str:
    """Why targets are not the same places in everybody; empty where they are."""
    if targets.kind == "electrodes":
        return (
            "electrodes of two participants are at other places: over participants there are no values by electrode"
        )
    if targets.space in group.INDIVIDUAL:
        return f"{targets.space} is no space that participants share: there are no values by target over them"
    return ""


def _why_no_p(summaries: tuple[UnitSummary, UnitSummary], label: str) -> str:
    """Why no p over participants of a component's difference holds; empty where they do. Of a shared part neither
    flips of participants nor of their common blocks see what one penalty adds to it in everybody."""
    biased = any(SOLVERS[one.provenance.analysis.fit.solver].biases_shared_parts for one in summaries)
    if not biased or _component(summaries[0], label).kind != "shared":
        return ""
    return (
        "shared parts have no p over participants: plain ridge makes them too large in all participants alike, and "
        "no test of these participants holds; banded ridge does not"
    )


def _groups(
    units: Sequence[tuple[group.GroupKey, ComparedUnit]],
    shared: Mapping[group.GroupKey, group.SharedBlocks],
    why_no_p: str,
) -> Iterator[ComparedGroup]:
    """Participants together, of each group of two or more."""
    for key, blocks in sorted(shared.items()):
        members = [unit for own, unit in units if own == key]
        if len(members) > 1:
            yield group.compared_group(members, blocks, _why_no_targets(members[0].targets), why_no_p)
