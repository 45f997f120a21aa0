"""The leakage audit: on what each stage was fitted, and what of test samples training has seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bids_app.outputs.derivatives.layers import chosen_in
from bids_app.outputs.derivatives.sidecars import count_of, is_published

Summary = Mapping[str, Any]
WHOLE_RUN = "each whole run; where folds split it, that includes its test samples (they see no stimulus)"


def audit_rows(summary: Summary) -> list[tuple[str, str]]:
    """(stage, on what it was fitted or what it has seen), for what this analysis did."""
    provenance = summary["provenance"]
    analysis, response = provenance["analysis"], provenance["response"]
    n_folds = len(summary["folds"])
    train = f"training samples of each of {count_of(n_folds, 'outer fold')}"
    rows = [("centring and scaling of features", train)]
    reduced = [name for name, one in analysis["features"].items() if one.get("pca")]
    if reduced:
        rows.append((f"principal components of {', '.join(reduced)}", train))
    rows += _projections(summary, analysis)
    rows += _layers(analysis["features"], summary["layers"])
    if is_published(provenance):
        first = "first four fifths of each fold's training samples, not refitted"
        rows = [(what, first if where == train else where) for what, where in rows]
        rows.append(("penalties", "last fifth of each fold's training samples; folds are contiguous, without purge"))
    else:
        rows.append(("penalties, band weights", f"inner folds of the {train}, for every target by itself"))
    if response["confounds"] != "none" or response["high_pass_s"]:
        rows.append(("confounds and drift of responses", WHOLE_RUN))
    if response["standardize"] == "run":
        rows.append(("mean and deviation of responses", WHOLE_RUN))
    return [*rows, *_contexts(provenance["contexts"])]


def _projections(summary: Summary, analysis: Summary) -> list[tuple[str, str]]:
    words = "words of the training stimuli of each outer fold"
    rows = []
    found = summary["subspace"]
    if found is not None:
        seen = (
            words if found["spec"]["fit"] == "training" else "all words, those of test stimuli included (in-sample)"
        )
        rows.append(("canonical correlation, its principal components and its rank", seen))
    residual = [name for name, one in analysis["features"].items() if one["kind"] == "contextual_residual"]
    if residual:
        rows.append((f"regression that leaves {', '.join(residual)}", words))
    return rows


def _layers(features: Summary, chosen: Summary) -> list[tuple[str, str]]:
    """Those that the analysis names, and those that are chosen."""
    named = {name: one["layer"] for name, one in features.items() if one.get("layer") is not None}
    fixed = [f"{name} {layer}" for name, layer in named.items() if name not in chosen]
    rows = [(f"layers ({', '.join(fixed)})", "named in the analysis, not chosen by any score")] if fixed else []
    return [
        *rows,
        *((f"layers of {space}, and the choice among them", chosen_in(one)) for space, one in chosen.items()),
    ]


def _contexts(contexts: Summary) -> list[tuple[str, str]]:
    """What of the stimulus models heard for test samples that training samples lie in."""
    rows = []
    for space, found in contexts.items():
        crossing, total = found["crossing"], found["total"]
        said = "no context crosses a fold: no run is split"
        if found["split"]:
            said = (
                f"{crossing} of {total} test samples draw on {found['reach']} before them, amid which training "
                "samples lie: the model's input is shared there, responses are not"
            )
        rows.append((f"context of {space}", said))
    return rows
