"""Methods text: sentences whose every fact is read from the run's settings."""

from __future__ import annotations

from collections.abc import Sequence

from bids_app.outputs.wording.layers import layers_methods
from bids_app.outputs.wording.methods.comparisons import controls_methods, model_pair_methods, subspace_methods
from bids_app.outputs.wording.methods.data import features_methods, responses_methods
from bids_app.outputs.wording.methods.references import SOFTWARE, cited
from bids_app.outputs.wording.phrases import listed
from bids_app.outputs.wording.rows import rows_of
from bids_app.outputs.wording.scores import score_of_solver
from bids_app.records import (
    SOLVERS,
    AnalysisProvenance,
    FitSpec,
    Provenance,
    UnitSummary,
)

PARTS = (
    "Unique parts have the larger p of two tests. In one, what the model without the feature group leaves of the "
    "response changes its sign by block, and both models are fitted again ({}). In the other, "
    "the difference of the two models' squared errors changes its sign by block. Shared parts: the signed sum of the "
    "models' squared errors changes its sign by block, and its null distribution is made wider by what blocks teach "
    "one another in training. Their p is also no smaller than that of any set of the sharing feature groups adding "
    "to the others. No part has a smaller p than the full model."
).format(cited("freedman1983"))
MANY_TARGETS = (
    "Family-wise p compares each target with the largest studentised value over all targets, sign vector by sign "
    "vector (max-T; {}). q is Benjamini and Hochberg's false discovery rate ({})."
).format(cited("nichols2002"), cited("benjamini1995"))
INTERVALS = (
    "95 % confidence intervals are Student's t over blocks. The variance between blocks is made larger by how much "
    "blocks change each other's gains when they are left out of training. The degrees of freedom follow from the "
    "kurtosis of the blocks' deviations."
)


def methods_text(summary: UnitSummary) -> tuple[str, ...]:
    """Paragraphs on a unit: features, responses, design, fit, what was fitted beside, scores, inference, software."""
    made = summary.provenance
    return (
        features_methods(made.analysis, made.spaces),
        responses_methods(summary),
        rows_of(made.design).design(made),
        _fit(made.analysis, len(summary.folds), made.design.purge_s),
        *layers_methods(summary),
        *subspace_methods(summary.subspace),
        *controls_methods(made.controls),
        _scores(summary.groups, made.analysis),
        *model_pair_methods(summary.model_pair),
        _inference(summary),
        _software(made),
    )


def _fit(analysis: AnalysisProvenance, n_folds: int, purge_s: float) -> str:
    """Solver, penalties and folds."""
    fit = analysis.fit
    solver = SOLVERS[fit.solver]
    if not solver.signed_rsquared:
        return _published(fit, n_folds)
    is_banded = solver.searches_bands and fit.candidates > 1 and len(analysis.spaces) > 1
    return (
        f"Fit. {_banded(fit) if is_banded else _ridge(fit)} Scores come from {n_folds} outer folds "
        f"({_folds(fit.outer)}). All hearings of one second of a stimulus lie in one fold. Samples within "
        f"{purge_s:g} s of a test sample, in its run or in its stimulus, were left out of training. Centring, "
        "scaling, principal components and all that was chosen come from training samples alone."
    )


def _ridge(fit: FitSpec) -> str:
    """One penalty for all columns."""
    low, high, n_alphas = fit.alphas
    return (
        f"Ridge regression with a penalty from {n_alphas} values between {low:g} and {high:g}: for every target the "
        f"one with the least squared error in the inner folds ({_folds(fit.inner)})."
    )


def _banded(fit: FitSpec) -> str:
    """A weight for each feature space, and the penalties that models of fewer spaces may take."""
    low, high, n_alphas = fit.alphas
    return (
        f"Banded ridge regression ({cited('nunez2019', 'dupre2022')}): every target has a penalty and a weight "
        f"for each feature space, those with the "
        f"least squared error in the inner folds ({_folds(fit.inner)}). Where errors hardly differ, the model with "
        f"weights for the fewest spaces was taken. Weights were drawn once, for all models ({fit.candidates} "
        f"candidates, seed {fit.seed}): equal ones, each space alone, each space left out, and random ones. A model "
        "of fewer spaces takes the same draws without the others. Whatever a model may choose, a larger one may "
        f"choose too. Where all spaces have weights, the penalty is one of {n_alphas} values between {low:g} and "
        f"{high:g}. Where some have none, these values are divided by the share of the draw's weight that the others "
        "have, so that each space is penalised as it is beside all. A space alone may take penalties between these "
        "values, in finer steps, and higher ones."
    )


def _published(fit: FitSpec, n_folds: int) -> str:
    low, high, n_alphas = fit.alphas
    return (
        f"Fit. As in the published code of Chen et al. (2024): {n_folds} contiguous folds of all samples, without "
        "purge; centring, scaling, principal components and weights of ridge regression without intercept from the "
        f"first four fifths of each training part, not refitted; of {n_alphas} penalties from {low:g} to {high:g} "
        "the one with the highest Pearson r on the last fifth."
    )


def _folds(folds: str | int) -> str:
    by_run = "by run; contiguous blocks where there is a single run"
    return by_run if folds == "by_run" else f"{folds} contiguous blocks"


def _scores(groups: Sequence[str], analysis: AnalysisProvenance) -> str:
    """What R² is, which unions were fitted, and which spaces make a feature group."""
    score = score_of_solver(analysis.fit.solver)
    sentences = [f"Scores. {score.rsquared}."]
    if len(groups) > 1:
        sentences.append(
            f"All {2 ** len(groups) - 1} unions of {listed(groups)} were fitted. Unique and shared parts are signed "
            f"sums of their R² (inclusion–exclusion; {cited('deheer2017')}). They may be negative and are never "
            f"clipped."
        )
        if score.is_signed:
            sentences.append(
                f"Beside them stand each feature group's Shapley value ({cited('shapley1953')}), from the same "
                f"unions, "
                f"and its product measure ({cited('pratt1987')}), from the full model alone."
            )
    if len(groups) > 1 or not score.is_signed:
        sentences += [
            f"The feature group {name} joins {listed(spaces)}."
            for name, spaces in analysis.groups.items()
            if spaces != (name,)
        ]
    return " ".join(sentences)


def _inference(summary: UnitSummary) -> str:
    """Tests of totals and parts, and intervals."""
    made = summary.provenance.inference
    if made is None:
        return "Inference. No inference was made."
    sentences = [
        f"Inference. {made.permutations} sign vectors over {made.n_blocks} blocks of time of at least "
        f"{made.block_s:.0f} s, the same for all targets. Blocks differ in noise: they count as "
        f"{made.effective_blocks:.0f} equal ones. p = (b + 1)/(m + 1), where b of m sign vectors give at least the "
        f"value observed ({cited('phipson2010')}). Models: blocks of the response change their sign, and the "
        f"model is fitted again with "
        "its penalty and weights as they were chosen."
    ]
    if made.frequencies:
        sentences.append(
            "As the data are smooth, groups of frequencies of the response were flipped as well. The larger p counts."
        )
    if len(summary.groups) > 1:
        sentences.append(PARTS)
    if summary.has_no_p:
        sentences.append("On these data nothing can be tested, and every p is n/a: see the warnings.")
    elif summary.has_unreliable_p:
        sentences.append("On these data p does not hold: see the warnings.")
    return " ".join([*sentences, MANY_TARGETS, INTERVALS])


def _software(made: Provenance) -> str:
    works = {name: f" ({cited(SOFTWARE[name])})" if name in SOFTWARE else "" for name in made.software}
    versions = ", ".join(f"{name} {version}{works[name]}" for name, version in made.software.items())
    return f"Software. {versions}; analysis {made.analysis.name} ({made.analysis.hash})."
