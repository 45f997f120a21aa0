"""All files over participants, and logs/group.json for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bids_app.outputs.derivatives.group.electrodes import electrode_files
from bids_app.outputs.derivatives.group.inter_subject import ceiling_summary, inter_subject_files
from bids_app.outputs.derivatives.group.layers import layer_files
from bids_app.outputs.derivatives.group.model_pair import write_statistics
from bids_app.outputs.derivatives.group.participants import write_scores
from bids_app.outputs.derivatives.group.targets import group_map_files, target_files
from bids_app.outputs.derivatives.summary import significant, targets_summary
from bids_app.outputs.files import names
from bids_app.outputs.files.files import json_text, write_bytes, write_text
from bids_app.outputs.files.serialise import to_json
from bids_app.records import Array, GroupResult, GroupResultSummary, GroupSummary, SignificantCounts

MAKERS = (target_files, layer_files, inter_subject_files, electrode_files)


def write_group(
    out_dir: Path,
    results: Sequence[GroupResult],
    missing: Sequence[str],
    common: Mapping[str, object],
    level: float = 0.05,
) -> tuple[Path, ...]:
    """All files over participants, the summary last.

    Parameters
    ----------
    out_dir : where they go.
    results : one a group.
    missing : participants asked for, or in the data set, who have no results.
    common : goes into every JSON: AnalysisHash, SoftwareVersions.
    level : of p and q, at which the report counts.

    Returns
    -------
    The files written.

    Raises
    ------
    CannotCreate : where a file cannot be written.
    """
    written = [
        (file, write_bytes(out_dir / file, content))
        for result in results
        for made in MAKERS
        for file, content in made(result, common)
    ]
    tables = [write_scores(out_dir, results)] if results else []
    tables += write_statistics(out_dir, results, common)
    summary = GroupSummary(
        groups=tuple(group_summary(result, level) for result in results),
        missing=tuple(sorted(missing)),
        files=tuple(str(file) for file, _ in written),
    )
    last = write_text(out_dir / names.GROUP_SUMMARY, json_text(to_json(summary)))
    return (*(path for _, path in written), *tables, last)


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
