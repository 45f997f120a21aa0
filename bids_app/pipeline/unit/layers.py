"""Spaces with several layers: every layer scored alone, and in each outer fold the one that stands for the space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from bids_app import encoding
from bids_app.pipeline.job.job import Job
from bids_app.pipeline.runs import word_epochs
from bids_app.records import Design, EpochSpec, LayerScores, word_band


def with_layers(
    job: Job, design: Design, spaces: Mapping[str, Mapping[str, Any]], epoch: EpochSpec | None, mem_mb: int | None
) -> tuple[Design, dict[str, LayerScores]]:
    """The design with a layer chosen in every fold, and the scores by space; `spaces`: provenance of the features.

    Where rows are words, layers are scored and chosen for the electrodes' own windows.
    """
    spans = {name: one for name in job.specs if len(one := spans_of(spaces[name])) > 1}
    rows = {word_band(name): one for name, one in spans.items() if word_band(name) in design.bands}
    design, found = encoding.layered(design, {**spans, **rows}), {}
    for name in spans:
        run = partial(_score, job, word_epochs.summary_targets(design, epoch) if epoch else design, name)
        context = encoding.FitContext(job.options.models.device, mem_mb)
        scores, warnings = encoding.with_backoff(run, context)
        found[name] = replace(scores, warnings=warnings)
        for band in {name, word_band(name)} & {*design.layered}:
            design = encoding.choose_layers(design, band, found[name].chosen)
    return design, found


def _score(job: Job, design: Design, name: str, context: encoding.FitContext) -> LayerScores:
    return encoding.score_layers(design, name, job.analysis.fit_spec(), context)


def spans_of(space: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Layer → (first, end) of its dimensions, from a space's provenance; empty where it has no layers."""
    return {str(layer): (int(first), int(end)) for layer, (first, end) in space.get("layers", {}).items()}
