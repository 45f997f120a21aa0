"""Spaces with several layers: every layer scored alone, and in each outer fold the one that stands for the space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from bids_app import encoding
from bids_app.encoding import FitContext
from bids_app.pipeline.runs.rows import Rows
from bids_app.pipeline.unit.fit_inputs import FitInputs
from bids_app.records import Design, FeatureProvenance, FitSpec, LayerScores, word_band


def with_layers(
    inputs: FitInputs, rows: Rows, spaces: Mapping[str, FeatureProvenance]
) -> tuple[Design, dict[str, LayerScores]]:
    """Choose a layer in every outer fold, for each space with several.

    Layers are scored and chosen for each response's own value.

    Parameters
    ----------
    inputs : the design with all layers side by side; solver, device and memory.
    rows : what a row of the design is.
    spaces : feature space → how its features were made.

    Returns
    -------
    The design with a layer chosen in every fold, and the scores by space.
    """
    spans = {name: made.layers for name, made in spaces.items() if len(made.layers) > 1}
    by_word = {word_band(name): one for name, one in spans.items() if word_band(name) in inputs.design.bands}
    design, scores = encoding.layered(inputs.design, {**spans, **by_word}), {}
    for name in spans:
        attempt = partial(_score, rows.summary_design(design), name, inputs.spec, 1 / len(spans))
        scored, warnings = inputs.with_backoff(attempt)
        scores[name] = replace(scored, warnings=warnings)
        for band in {name, word_band(name)} & {*design.layered}:
            design = encoding.choose_layers(design, band, scores[name].chosen)
    return design, scores


def _score(design: Design, name: str, spec: FitSpec, share: float, context: FitContext) -> LayerScores:
    """Of one space, which is such a share of all that is told."""
    watch = context.watch
    part = replace(context, watch=lambda stage, done: watch(stage, share * done))
    return encoding.score_layers(design, name, spec, part)
