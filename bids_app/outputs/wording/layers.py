"""Layers of a model, in words: how they were fitted and chosen."""

from __future__ import annotations

from collections import Counter

from bids_app.outputs.wording.phrases import count_of
from bids_app.outputs.wording.rows import rows_of
from bids_app.records import LayersSummary, UnitSummary


def layers_methods(summary: UnitSummary) -> tuple[str, ...]:
    """A paragraph of the methods text; none where no space has several layers."""
    if not summary.layers:
        return ()
    window = rows_of(summary.provenance.design).layer_window
    spaces = "; ".join(_chosen(space, scores) for space, scores in summary.layers.items())
    return (
        "Layers. Each layer was fitted alone in every outer fold, by ridge, with a penalty of each target's own "
        "chosen in the inner folds. A target's best layer is the one with the highest R² in the inner folds. Its "
        "score is that of the layer so chosen in each outer fold, on held-out samples. In unions of spaces one layer "
        "stands for a space in each outer fold: the one with the highest mean R² over targets in the inner folds, "
        "negative "
        f"values counted as 0. These are {spaces}.{window}",
    )


def layers_in_audit(scores: LayersSummary) -> str:
    """For the leakage audit: where layers of a space were fitted, and which one each fold took."""
    folds = ", ".join(f"{layer} (fold {fold})" for fold, layer in scores.chosen.items())
    return f"training samples of each outer fold, by its inner folds; layer of the partition: {folds}"


def _chosen(space: str, scores: LayersSummary) -> str:
    """Which layers there are, and in how many folds each stands for the space."""
    counts = Counter(scores.chosen.values()).most_common()
    folds = ", ".join(f"{layer} in {count_of(times, 'fold')}" for layer, times in counts)
    return f"{space} (layers {scores.layers[0]} to {scores.layers[-1]}, {len(scores.layers)} of them): {folds}"
