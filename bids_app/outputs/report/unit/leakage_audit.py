"""The leakage audit: on what each stage was fitted, and what of test samples training has seen."""

from __future__ import annotations

from collections.abc import Mapping

from bids_app.outputs.wording.layers import layers_in_audit
from bids_app.outputs.wording.methods.data import confounds_of
from bids_app.outputs.wording.phrases import count_of
from bids_app.records import SOLVERS, ContextLeakage, FeatureFacts, LayersSummary, UnitSummary

WHOLE_RUN = "each whole run; where folds split it, that includes its test samples (they see no stimulus)"
TRAINING_WORDS = "words of the training stimuli of each outer fold"
Row = tuple[str, str]  # stage, on what it was fitted or what it has seen


def audit_rows(summary: UnitSummary) -> list[Row]:
    """A row a stage of what this analysis did: the stage, and on what it was fitted or what it has seen."""
    made = summary.provenance
    train = f"training samples of each of {count_of(len(summary.folds), 'outer fold')}"
    refitted = SOLVERS[made.analysis.fit.solver].signed_rsquared
    scaled = train if refitted else "first four fifths of each fold's training samples, not refitted"
    rows = [("centring and scaling of features", scaled)]
    reduced = [name for name, settings in made.analysis.features.items() if settings.pca]
    if reduced:
        rows.append((f"principal components of {', '.join(reduced)}", scaled))
    rows += _projections(summary)
    rows += _layers(made.analysis.features, summary.layers or {})
    if refitted:
        rows.append(("penalties, band weights", f"inner folds of the {train}, for every target by itself"))
    else:
        rows.append(("penalties", "last fifth of each fold's training samples; folds are contiguous, without purge"))
    if confounds_of(made.response) or made.response.spec.high_pass_s:
        whose = "responses and features" if made.design.residualised else "responses"
        rows.append((f"confounds and drift of {whose}", WHOLE_RUN))
    if made.response.spec.standardize == "run":
        rows.append(("mean and deviation of responses", WHOLE_RUN))
    return [*rows, *(_context(space, leak) for space, leak in made.contexts.items())]


def _projections(summary: UnitSummary) -> list[Row]:
    """What is fitted on words: a shared subspace, and spaces that are projections of others."""
    rows = []
    if summary.subspace is not None:
        trained = summary.subspace.spec.fit == "training"
        seen = TRAINING_WORDS if trained else "all words, those of test stimuli included (in-sample)"
        rows.append(("canonical correlation, its principal components and its rank", seen))
    features = summary.provenance.analysis.features
    projected = [name for name, settings in features.items() if settings.sources]
    if projected:
        rows.append((f"regression that leaves {', '.join(projected)}", TRAINING_WORDS))
    return rows


def _layers(features: Mapping[str, FeatureFacts], chosen: Mapping[str, LayersSummary]) -> list[Row]:
    """Layers that the analysis names, and those that are chosen."""
    named = {name: settings.options.get("layer") for name, settings in features.items()}
    fixed = [f"{name} {layer}" for name, layer in named.items() if layer is not None and name not in chosen]
    rows = [(f"layers ({', '.join(fixed)})", "named in the analysis, not chosen by any score")] if fixed else []
    choices = [
        (f"layers of {space}, and the choice among them", layers_in_audit(one)) for space, one in chosen.items()
    ]
    return [*rows, *choices]


def _context(space: str, leak: ContextLeakage) -> Row:
    """What of the stimulus a model has read or heard for test samples that training samples lie in."""
    seen = "no context crosses a fold: no run is split"
    if leak.split:
        seen = (
            f"{leak.crossing} of {leak.total} test samples draw on {leak.reach} before them, amid which training "
            "samples lie: the model's input is shared there, responses are not"
        )
    return f"context of {space}", seen
