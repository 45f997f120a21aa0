"""A unit's result, from its fits: partition, intervals, warnings, and how it came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from bids_app import encoding
from bids_app.encoding import NoiseCeiling
from bids_app.pipeline.job.job import Job
from bids_app.pipeline.runs.load_runs import LoadedRuns
from bids_app.pipeline.runs.rows import Rows
from bids_app.pipeline.unit.excerpt.minute import minute_of
from bids_app.pipeline.unit.fitted import FittedUnit
from bids_app.pipeline.unit.model_pair import model_pair_statistics
from bids_app.pipeline.unit.provenance import provenance
from bids_app.pipeline.unit.task import UnitTask
from bids_app.pipeline.unit.unit_warnings import at_edge, collect_warnings, dead_targets
from bids_app.records import Array, Partition, SavedFit, UnitResult, entities_of, group_findings, warnings_of
from bids_app.records.summaries import LEAST_PREDICTED

FEW = 10  # targets: components of weights are of no fewer


def unit_result(task: UnitTask, job: Job, rows: Rows, loaded: LoadedRuns, fitted: FittedUnit) -> UnitResult:
    """What `outputs` writes of a unit.

    Parameters
    ----------
    task : the unit, and what preflight knows of it.
    job : what the run was asked for.
    rows : what a row of the design is.
    loaded : its runs.
    fitted : its fits.
    """
    analysis, unit = job.analysis, task.unit
    partition = fitted.partition(analysis.groups, analysis.extra_partitions)
    results = rows.results(partition, fitted.main.fit, fitted.design.usable)
    excluded = (*task.unused, *loaded.excluded)
    labels = dict.fromkeys([*(one.label for one in loaded.recordings), *(one.label for one in excluded)])
    alignments = tuple(task.alignments[label] for label in labels if label in task.alignments)
    dead = [name for name, alive in zip(loaded.targets.names, results.usable, strict=True) if not alive]
    return UnitResult(
        stem=unit.stem,
        participant=unit.participant,
        modality=unit.modality,
        space=unit.space,
        targets=loaded.targets,
        partition=_with_ceiling(results.partition, loaded.ceiling),
        fit=results.fit,
        lags=results.lags,
        responsive=loaded.responsive,
        recordings=loaded.recordings,
        excluded=excluded,
        alignments=alignments,
        warnings=(
            *(notice.line for notice in group_findings((*warnings_of(alignments), *loaded.findings))),
            *loaded.warnings,
            *dead_targets(dead),
            *at_edge({"": results.fit, **{name: one.fit for name, one in fitted.extra.items()}}),
            *encoding.small_sample_bias_warnings(fitted.design, results.fit, analysis.groups),
            *encoding.nuisance_warnings(
                fitted.design, _bands(analysis.groups, loaded), rows.settings.response.residualise_features is True
            ),
            *collect_warnings(fitted),
            *fitted.controls.warnings,
            *encoding.disagreements(partition),
        ),
        provenance=provenance(task, job, rows.settings, loaded, fitted),
        subspace=fitted.subspace,
        layers=fitted.layers,
        minute=minute_of(rows, loaded, results.partition) if "sub" in entities_of(unit.stem) else None,
        ceiling=loaded.ceiling_in_words,
        model_pair=model_pair_statistics(fitted, analysis.compared_models, analysis.extra_partitions),
        saved=_with_components(fitted.saved, np.asarray(results.partition.values["full"]["rsquared"])),
    )


def _with_components(saved: SavedFit | None, full: Array) -> SavedFit | None:
    """What is kept, with principal components of weights over the targets that the full model predicts, or over all
    where these are few."""
    if saved is None or not saved.weights:
        return saved
    chosen = np.nan_to_num(full, nan=-1.0) > LEAST_PREDICTED
    if chosen.sum() < FEW:
        chosen = np.isfinite(full)
    found = {band: encoding.weight_components(weights, chosen) for band, weights in saved.weights.items()}
    return replace(saved, components={band: one for band, one in found.items() if one is not None})


def _bands(groups: Mapping[str, Sequence[str]], loaded: LoadedRuns) -> list[str]:
    """All bands that models are made of: those of feature groups, and of the baseline."""
    return [*(band for bands in groups.values() for band in bands), *loaded.baseline.bands]


def _with_ceiling(partition: Partition, ceiling: NoiseCeiling | None) -> Partition:
    """The full model's score beside the noise ceiling, and as a share of it."""
    if ceiling is None:
        return partition
    full = partition.values["full"]
    stats = {"ceiling": ceiling.explainable, "share": encoding.share(full["rsquared"], ceiling)}
    return replace(partition, values={**partition.values, "full": {**full, **stats}})
