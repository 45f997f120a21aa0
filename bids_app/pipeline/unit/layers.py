"""Spaces with several layers: every layer scored alone, and in each outer fold the one that stands for the space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from bids_app import encoding
from bids_app.pipeline.job.job import Job
from bids_app.pipeline.runs import word_epochs
from bids_app.records import Design, EpochSpec, FeatureProvenance, LayerScores, word_band


def with_layers(
    job: Job, design: Design, spaces: Mapping[str, FeatureProvenance], epoch: EpochSpec | None, mem_mb: int | None
) -> tuple[Design, dict[str, LayerScores]]:
    """The design with a layer chosen in every fold, and the scores by space; `spaces`: provenance of the features.

    Where rows are words, layers are scored and chosen for the electrodes' own windows.
    """
    spans = {name: spaces[name].layers for name in job.specs if len(spaces[name].layers) > 1}
    rows = {word_band(name): one for name, one in spans.items() if word_band(name) in design.bands}
    design, found = encoding.layered(design, {**spans, **rows}), {}
    for name in spans:
        run = partial(_score, job, word_epochs.summary_targets(design, epoch) if epoch else design, name)
        scores, warnings = encoding.with_backoff(run, job.options.models.device, mem_mb)
        found[name] = replace(scores, warnings=warnings)
        for band in {name, word_band(name)} & {*design.layered}:
            design = encoding.choose_layers(design, band, found[name].chosen)
    return design, found


def _score(job: Job, design: Design, name: str, device: str, mem_mb: int | None) -> LayerScores:
    return encoding.score_layers(design, name, job.analysis.fit_spec(), device, mem_mb=mem_mb)
