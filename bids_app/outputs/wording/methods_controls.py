"""Methods text of what is asked besides: the shared subspace, the baseline and controls, the agreement of two models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bids_app.outputs.report.render import listed
from bids_app.outputs.wording.controls import KNOWN
from bids_app.outputs.wording.model_pair import LIMITS
from bids_app.records import AUTOCORRELATION, BEYOND_BASELINE, BEYOND_UNTRAINED

Settings = Mapping[str, Any]


def subspace(summary: Settings) -> tuple[str, ...]:
    """How a shared subspace was fitted, where it was."""
    found = summary["subspace"]
    if found is None:
        return ()
    spec, folds = found["spec"], found["folds"]
    counts = sorted({fold["n_words"] for fold in folds})
    words = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    trained = spec["fit"] == "training"
    where = f"the {words} words of the training stimuli of each outer fold" if trained else f"all {words} words"
    limit = ", and at most one a ten words" if trained else " (test stimuli included: in-sample)"
    kept = f"The {spec['components']} leading pairs were kept."
    if spec["components"] is None:
        kept = (
            "Pairs were kept up to the first whose correlation in folds left out among these words, averaged through "
            "Fisher's z, did not exceed 95 % of those of the first pair when one model's words were shifted "
            "circularly within folds and everything was fitted again."
        )
    return (
        f"Shared subspace. Rows of {listed(spec['between'])} (frames averaged over each word, where a space has no "
        f"rows by word) were scaled on {where}, reduced to the principal components that hold 95 % of their variance"
        f"{limit}, and analysed by canonical correlation (singular values). {kept} The shared subspace is the mean "
        "of each pair's two variates; the rest of a model is its scaled rows less their regression on its own "
        "variates; both were brought to the responses as words are.",
    )


def beside(told: Settings) -> tuple[str, ...]:
    """The baseline, models beyond it, and controls; nothing where none was fitted."""
    baseline, asked, lines = [KNOWN[name] for name in told["baseline"]["spaces"]], told["comparisons"], []
    if baseline:
        lines.append(f"The baseline ({listed(baseline)}) was fitted whatever else was, each a band of its own.")
    if any(name.endswith(BEYOND_BASELINE) for name in asked):
        lines.append(
            "A model's R² beyond the baseline is that of both together less that of the baseline alone, each with a search "
            "of its own that includes the smaller one's; tested and bounded as unique parts are."
        )
    lines += [
        f"{one['bands'][1]} was held against {one['bands'][0]}, which differs in its weights alone, in the same way."
        for name, one in asked.items()
        if name.endswith(BEYOND_UNTRAINED)
    ]
    if AUTOCORRELATION in asked:
        lines.append(
            "A control of smooth bumps in time, which knows nothing of the stimulus, was fitted to see leaks."
        )
    return (f"Baseline and controls. {' '.join(lines)}",) if lines else ()


def two_models(summary: Settings) -> tuple[str, ...]:
    """How the two models were compared, where the analysis has two."""
    found = summary["findings"]
    if found is None or found["between"] is None:
        return ()
    kinds = {row["kind"] for row in found["rows"]}
    partial = "; partial, given the ceiling, besides" if "map_correlation_partial" in kinds else ""
    shares = (
        " Shares are sums over targets of a part over sums of the whole, signed."
        if "share" in kinds or "amount" in kinds
        else ""
    )
    limited = any(row["low"] is not None for row in found["rows"])
    limits = f" Limits: {LIMITS}." if limited else ""
    models = listed(found["between"])
    return (
        f"Agreement of {models}. Their R² maps, each alone, were correlated over targets{partial}, "
        "and their held-out predictions in each target, within outer folds, averaged over folds and targets through "
        f"Fisher's z.{shares}{limits}",
    )
