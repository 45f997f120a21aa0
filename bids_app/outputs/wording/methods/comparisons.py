"""Methods text of what is asked besides: a shared subspace, baseline and controls, the agreement of two models."""

from __future__ import annotations

from bids_app.outputs.wording.controls import baseline_words
from bids_app.outputs.wording.methods.references import cited
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
    where = (
        f"the {words} words of the training stimuli of each outer fold"
        if trained
        else f"all {words} words, those of test stimuli included (in-sample)"
    )
    limit = ", at most one for ten words" if trained else ""
    kept = (
        "How many pairs are kept was tested on folds of these words. For the null distribution, one model's words "
        "were shifted circularly within folds, and everything was fitted again. Pairs were kept up to the first "
        "whose correlation on held-out words did not exceed the 95th percentile of the first pair's in these shifts."
        if spec.components is None
        else f"The {spec.components} leading pairs were kept."
    )
    return (
        f"Shared subspace. Each word has a row of each of {listed(spec.between)}. Where a space has no rows by word, "
        f"its frames were averaged over the word. What follows was fitted on {where}. Rows were scaled and reduced "
        f"to the principal components that hold 95 % of their variance{limit}. Canonical correlation "
        f"({cited('hotelling1936')}) then finds pairs of directions, one in each model, whose values over words "
        f"(variates) correlate most. {kept} The "
        "shared subspace is the mean of each pair's two variates. The rest of a model is its scaled rows less their "
        "regression on its "
        "own variates. Both were brought to the responses' times as words are.",
    )


def controls_methods(made: ControlsProvenance) -> tuple[str, ...]:
    """The baseline, models beyond it, and controls; nothing where none was fitted."""
    baseline, kinds = baseline_words(made), {component.kind for component in made.components}
    sentences = []
    if baseline:
        sentences.append(
            f"The baseline ({listed(baseline)}) is one model, and each of these is a band of its own. Every analysis "
            "fits it."
        )
    if kinds & {"beyond_baseline", "full_beyond_baseline"}:
        sentences.append(
            "A model's R² beyond the baseline is that of both together less that of the baseline alone. What is "
            "tried for the baseline alone is tried for both together, too. Tests and confidence intervals are made "
            "as those of unique parts."
        )
    sentences += [_beyond_untrained(one) for one in made.components if one.kind == "beyond_untrained"]
    if "autocorrelation" in kinds:
        sentences.append(
            "A control of smooth bumps in time knows nothing of the stimulus. If it predicts anything, training "
            "samples have leaked into test samples."
        )
    return (f"Baseline and controls. {' '.join(sentences)}",) if sentences else ()


def _beyond_untrained(component: Component) -> str:
    """A trained model and the one with random weights, which alone is the last of its terms."""
    (untrained,), _ = component.terms[-1]
    return (
        f"{component.groups[0]} was compared with {untrained}, the same model with random weights: R² of both "
        f"together less that of {untrained} alone."
    )


def model_pair_methods(compared: ModelPairSummary | None) -> tuple[str, ...]:
    """How the two models were compared, where the analysis has two."""
    if compared is None or compared.compared_models is None:
        return ()
    kinds = {row.about.kind for row in compared.rows}
    sentences = [
        f"Agreement of {listed(compared.compared_models)}. Over targets, the R² maps of the two, each fitted "
        "alone, were correlated."
    ]
    if "map_correlation_partial" in kinds:
        sentences.append("A partial correlation, given the noise ceiling, stands beside it.")
    sentences.append(
        "In each target, their held-out predicted time courses were correlated within outer folds, and averaged over "
        "folds and targets through Fisher's z."
    )
    if kinds & {"share", "amount"}:
        sentences.append("Shares are signed: the sum over targets of a part over the sum of the whole.")
    if any(row.low is not None for row in compared.rows):
        sentences.append(f"Intervals: {INTERVAL}.")
    return (" ".join(sentences),)
