"""All files over participants, and logs/group.json for the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bids_app.outputs.derivatives.group.electrodes import electrode_files
from bids_app.outputs.derivatives.group.inter_subject import ceiling_summary, inter_subject_files
from bids_app.outputs.derivatives.group.layers import layer_files
from bids_app.outputs.derivatives.group.model_pair import statistics_files
from bids_app.outputs.derivatives.group.participants import score_files
from bids_app.outputs.derivatives.group.regions import region_files
from bids_app.outputs.derivatives.group.targets import group_map_files, target_files
from bids_app.outputs.derivatives.summary import significant, targets_summary
from bids_app.outputs.files import names
from bids_app.outputs.files.file_set import File, remove_set, write_set
from bids_app.outputs.files.proof import proof_of
from bids_app.outputs.files.serialise import read_summary, summary_text
from bids_app.records import (
    Array,
    Excluded,
    GroupResult,
    GroupResultSummary,
    GroupSummary,
    SignificantCounts,
    UnitSummary,
)
from bids_app.records.results import UnitReader

MAKERS = (target_files, layer_files, inter_subject_files, electrode_files, region_files)


@dataclass(frozen=True)
class Membership:
    """Whose results a group level is of.

    Parameters
    ----------
    units : those that count.
    left_out : units whose results do not count, and why.
    missing : participants asked for, or in the data set, who have no results.
    means : stems of the mean responses that were fitted with it.
    """

    units: tuple[UnitReader, ...] = ()
    left_out: tuple[Excluded, ...] = ()
    missing: tuple[str, ...] = ()
    means: tuple[str, ...] = ()


def write_group(
    out_dir: Path,
    results: Sequence[GroupResult],
    members: Membership,
    common: Mapping[str, object],
    level: float = 0.05,
) -> tuple[Path, ...]:
    """All files over participants; their summary goes before the first and comes last.

    What an earlier group level left and this one does not make is removed, mean responses too.

    Parameters
    ----------
    out_dir : where they go.
    results : one a group.
    members : whose they are.
    common : goes into every JSON: AnalysisHash, SoftwareVersions.
    level : of p and q, at which the report counts.

    Returns
    -------
    The files written.

    Raises
    ------
    CannotCreate : where a file cannot be written.
    """
    for path in names.summary_paths(out_dir, None):
        if path not in [names.summary_path(out_dir, stem) for stem in members.means]:
            remove_set(out_dir, names.LOGS / path.name)
    groups = tuple(group_summary(result, level) for result in results)
    means = [read_summary(names.summary_path(out_dir, stem), UnitSummary) for stem in members.means]
    units = {one.stem: proof_of(one) for one in (*(unit.summary for unit in members.units), *means)}

    def summarise(hashes: Mapping[str, str]) -> str:
        """The summary's text."""
        return summary_text(GroupSummary(groups, members.missing, members.left_out, units, hashes))

    return write_set(out_dir, names.GROUP_SUMMARY, _files(results, common), summarise)


def _files(results: Sequence[GroupResult], common: Mapping[str, object]) -> Iterator[File]:
    for result in results:
        for made in MAKERS:
            yield from made(result, common)
    yield from score_files(results)
    yield from statistics_files(results, common)


def group_summary(result: GroupResult, level: float) -> GroupResultSummary:
    """What the group's report needs of a result.

    Parameters
    ----------
    result : of one group of units.
    level : of p and q, from 0 to 1, at which targets count as significant.
    """
    return GroupResultSummary(
        stem=result.stem,
        modality=result.modality,
        targets=targets_summary(result.targets, _full(result)),
        has_values=bool(result.values),
        participants=result.participants,
        groups=result.groups,
        extra=result.extra,
        controls=result.controls,
        scores=result.scores,
        left_out=result.left_out,
        notes=result.notes,
        layers=result.layers,
        inference=result.inference,
        significant=_significant(result, level) if result.inference else None,
        level=level,
        electrodes=result.electrodes,
        ceiling=result.ceiling,
        inter_subject=ceiling_summary(result),
        signed_rsquared=result.signed_rsquared,
        statistics=result.statistics,
        compared_models=result.compared_models,
        maps=group_map_files(result),
        prevalence=result.prevalence,
        enhanced=_enhanced(result, level),
    )


def _full(result: GroupResult) -> Array:
    """(n_targets,) R² of the full model: of an electrode its own, else the mean over participants."""
    statistics = result.values.get("full", {}).get("rsquared", {})
    values = statistics.get("mean", statistics.get("value"))
    return np.full(len(result.targets.names), np.nan) if values is None else np.asarray(values)


def _significant(result: GroupResult, level: float) -> dict[str, SignificantCounts]:
    """Label → how many targets have a family-wise p, and a q, of at most `level` over participants."""
    return {
        label: significant(stats["rsquared"], level)
        for label, stats in result.values.items()
        if "pfwe" in stats.get("rsquared", ())
    }


def _enhanced(result: GroupResult, level: float) -> dict[str, int]:
    """Label → how many targets have a family-wise p by TFCE of at most `level` over participants."""
    tests = {label: stats.get("rsquared", {}).get("pfweTfce") for label, stats in result.values.items()}
    return {label: int((np.asarray(p) <= level).sum()) for label, p in tests.items() if p is not None}
