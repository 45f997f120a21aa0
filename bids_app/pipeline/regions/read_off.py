"""Regions read off a unit's finished results, which they change nothing of."""

from __future__ import annotations

from collections.abc import Container, Sequence

import numpy as np

from bids_app import outputs, regions
from bids_app.boundary import boundary
from bids_app.errors import ConcordError
from bids_app.group import GroupKey, key_of_written
from bids_app.pipeline.job.job import Job, Notify
from bids_app.pipeline.regions.laid import Laid, lay
from bids_app.records import ParticipantNoiseCeiling, SharedStimulusResult, UnitResult, WrittenUnit
from bids_app.records.regions.scores import GroupRegions, RegionScore, UnitRegions
from bids_app.records.results import UnitReader


def write_regions(job: Job, participant: str, untrue: Container[str], notify: Notify) -> int:
    """Read regions off a participant's whole units, and write them. Whoever calls holds the participant's lock.

    Parameters
    ----------
    job : with the atlases that were asked for; nothing is done where none were.
    participant : label, without `sub-`.
    untrue : stems of units whose results do not count.
    notify : takes a line of each unit that has none, and why.

    Returns
    -------
    Of how many units they could not be read off.
    """
    stems = outputs.stems_of(job.out_dir, participant) if job.options.regions.any else []
    failed = 0
    for stem in stems:
        if stem in untrue or outputs.prove_unit(job.out_dir, stem).state != "whole":
            continue
        lost: list[ConcordError] = []
        with boundary(lost.append):
            unit = outputs.read_unit(outputs.summary_path(job.out_dir, stem))
            _of_unit(job, unit, notify)
        for error in lost:
            outputs.remove_regions(job.out_dir, stem)  # of another atlas, or an earlier state of this one
            notify(f"{stem}: no regions: {error}")
        failed += len(lost)
    return failed


def _of_unit(job: Job, unit: WrittenUnit, notify: Notify) -> None:
    """Regions of one unit, written. Those that no atlas can be laid on have none, and a line says why."""
    laid = lay(job.atlases, job.atlases.masks(unit.participant), unit.targets)
    refusals = [*laid.refusals.values()]
    for line in refusals:
        notify(f"{unit.stem}: {line}")
    layers, lags = outputs.read_layers(job.out_dir, unit), outputs.read_lags(job.out_dir, unit)
    scores = regions.region_scores(unit, laid.placed, layers, lags)
    found = UnitRegions(scores.scores, scores.layers, scores.lags, scores.electrodes, (*laid.notes, *refusals))
    outputs.write_regions(job.out_dir, unit, found, laid.files, regions.FURTHEST_MM)


def group_regions(
    job: Job, units: Sequence[UnitReader], shared: dict[GroupKey, SharedStimulusResult]
) -> dict[GroupKey, GroupRegions]:
    """Of each group what regions were read off its units, and those of the fit of their mean response.

    Parameters
    ----------
    job : with the atlases that were asked for.
    units : those that count.
    shared : of each group, the fit of its mean response where there is one.
    """
    if not job.options.regions.any:
        return {}
    found: dict[GroupKey, GroupRegions] = {}
    for key in dict.fromkeys(map(key_of_written, units)):
        members = [unit for unit in units if key_of_written(unit) == key]
        own = {unit.stem: outputs.read_regions(job.out_dir, unit.summary) for unit in members}
        mean = shared[key].mean if key in shared else None
        known = {stem: one for stem, one in own.items() if one is not None}
        ceilings = _ceilings(job, shared[key].ceilings) if key in shared else {}
        found[key] = GroupRegions(known, () if mean is None else _of_mean(job, mean), ceilings)
    return found


def _ceilings(job: Job, several: Sequence[ParticipantNoiseCeiling]) -> dict[str, dict[tuple[str, str], float]]:
    """Stem of a unit → regions' noise ceilings from the others, whose targets are the same in everybody."""
    if not several:
        return {}
    placed = lay(job.atlases, (), several[0].targets).placed
    return {one.stem: regions.means_by_region(np.asarray(one.explainable), placed) for one in several}


def _of_mean(job: Job, mean: UnitResult) -> tuple[RegionScore, ...]:
    """The fit of a mean response by region: its targets are those of the participants."""
    laid: Laid = lay(job.atlases, (), mean.targets)
    return regions.scores_of(mean.targets, mean.partition, np.nan, laid.placed)
