"""Methods text of what is asked besides: a shared subspace, baseline and controls, the agreement of two models."""

from __future__ import annotations

from bids_app.outputs.wording.controls import baseline_words
from bids_app.outputs.wording.model_pair import INTERVAL
from bids_app.outputs.wording.phrases import listed
from bids_app.records import Component, ControlsProvenance, ModelPairSummary, SubspaceSummary


def subspace_methods(fitted: SubspaceSummary | None) -> tuple[str, ...]:
    """How a shared subspace was fitted, where it was."""
    if fitted is None:
        return ()
    spec = fitted.spec
    counts = sorted({fold.n_words for fold in fitted.folds})
    words = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    trained = spec.fit == "training"
    where = f"the {words} words of the training stimuli of each outer fold" if trained else f"all {words} words"
    limit = ", and at most one for ten words" if trained else " (test stimuli included: in-sample)"
    kept = (
        "Pairs were kept up to the first whose correlation in folds left out among these words, averaged through "
        "Fisher's z, did not exceed 95 % of those of the first pair when one model's words were shifted "
        "circularly within folds and everything was fitted again."
        if spec.components is None
        else f"The {spec.components} leading pairs were kept."
    )
    return (
        f"Shared subspace. Rows of {listed(spec.between)} (frames averaged over each word, where a space has no "
        f"rows by word) were scaled on {where}, reduced to the principal components that hold 95 % of their variance"
        f"{limit}, and analysed by canonical correlation (singular values). {kept} The shared subspace is the mean "
        "of each pair's two variates; the rest of a model is its scaled rows less their regression on its own "
        "variates; both were brought to the responses as words are.",
    )


def controls_methods(made: ControlsProvenance) -> tuple[str, ...]:
    """The baseline, models beyond it, and controls; nothing where none was fitted."""
    baseline, kinds = baseline_words(made), {component.kind for component in made.components}
    sentences = []
    if baseline:
        sentences.append(f"The baseline ({listed(baseline)}) was fitted whatever else was, each a band of its own.")
    if kinds & {"beyond_baseline", "full_beyond_baseline"}:
        sentences.append(
            "A model's R² beyond the baseline is that of both together less that of the baseline alone, each with a "
            "search of its own that includes the smaller one's; its tests and confidence intervals are made as those "
            "of unique parts."
        )
    sentences += [_beyond_untrained(one) for one in made.components if one.kind == "beyond_untrained"]
    if "autocorrelation" in kinds:
        sentences.append(
            "A control of smooth bumps in time, which knows nothing of the stimulus, was fitted to see leaks."
        )
    return (f"Baseline and controls. {' '.join(sentences)}",) if sentences else ()


def _beyond_untrained(component: Component) -> str:
    """A trained model and the one with random weights, which alone is the last of its terms."""
    (untrained,), _ = component.terms[-1]
    return (
        f"{component.groups[0]} was compared with {untrained}, which differs in its weights alone, in the same way."
    )


def model_pair_methods(compared: ModelPairSummary | None) -> tuple[str, ...]:
    """How the two models were compared, where the analysis has two."""
    if compared is None or compared.compared_models is None:
        return ()
    kinds = {row.about.kind for row in compared.rows}
    partial = "; partial, given the noise ceiling, besides" if "map_correlation_partial" in kinds else ""
    shares = (
        " Shares are sums over targets of a part over sums of the whole, signed."
        if kinds & {"share", "amount"}
        else ""
    )
    interval = f" Intervals: {INTERVAL}." if any(row.low is not None for row in compared.rows) else ""
    return (
        f"Agreement of {listed(compared.compared_models)}. Their R² maps, each alone, were correlated over targets"
        f"{partial}, and their held-out predictions in each target, within outer folds, averaged over folds and "
        f"targets through Fisher's z.{shares}{interval}",
    )
