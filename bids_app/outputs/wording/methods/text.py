"""Methods text: sentences whose every fact is read from the run's settings."""

from __future__ import annotations

from collections.abc import Sequence

from bids_app.outputs.wording.layers import layers_methods
from bids_app.outputs.wording.methods.comparisons import controls_methods, model_pair_methods, subspace_methods
from bids_app.outputs.wording.methods.data import features_methods, responses_methods
from bids_app.outputs.wording.phrases import listed
from bids_app.outputs.wording.rows import rows_of
from bids_app.outputs.wording.scores import score_of_solver
from bids_app.records import (
    SOLVERS,
    AnalysisProvenance,
    FitSpec,
    InferenceProvenance,
    Provenance,
    UnitSummary,
)


def methods_text(summary: UnitSummary) -> tuple[str, ...]:
    """Paragraphs on a unit: features, responses, design, fit, what was fitted beside, scores, inference, software."""
    made = summary.provenance
    return (
        features_methods(made.analysis, made.spaces),
        responses_methods(summary),
        rows_of(made.design).design(made),
        _fit(made.analysis.fit, len(summary.folds), made.design.purge_s),
        *layers_methods(summary),
        *subspace_methods(summary.subspace),
        *controls_methods(made.controls),
        _scores(summary.groups, made.analysis),
        *model_pair_methods(summary.model_pair),
        _inference(made.inference, summary.groups),
        _software(made),
    )


def _fit(fit: FitSpec, n_folds: int, purge_s: float) -> str:
    """Solver, penalties and folds."""
    low, high, n_alphas = fit.alphas
    solver = SOLVERS[fit.solver]
    if not solver.signed_rsquared:
        return _published(fit, n_folds)
    how = (
        f"Banded ridge regression: a weight for every feature space and target, from {fit.candidates} candidates "
        f"(seed {fit.seed}), and"
        if solver.searches_bands
        else "Ridge regression with"
    )
    return (
        f"Fit. {how} a penalty from {n_alphas} values between {low:g} and {high:g}, chosen for every target by "
        f"inner folds ({_folds(fit.inner)}). Scores come from {n_folds} outer folds ({_folds(fit.outer)}); runs that "
        f"share a stimulus stay in one fold, and within a run samples nearer than {purge_s:g} s to a test sample "
        "were left out of training. Centring, scaling, principal components and hyper-parameters were fitted on "
        "training samples alone."
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
    by_run = "by run, contiguous blocks where there is a single one"
    return by_run if folds == "by_run" else f"{folds} contiguous blocks"


def _scores(groups: Sequence[str], analysis: AnalysisProvenance) -> str:
    """What R² is, which unions were fitted, and which spaces make a feature group."""
    score = score_of_solver(analysis.fit.solver)
    sentences = [f"Scores. {score.rsquared}."]
    if len(groups) > 1:
        sentences.append(
            f"All {2 ** len(groups) - 1} unions of {listed(groups)} were fitted; unique and shared parts follow by "
            "inclusion–exclusion on R², signed, never clipped."
        )
        if score.is_signed:
            sentences.append(
                "Beside them stand each feature group's Shapley value, from the same unions, and its product "
                "measure, from the full model alone."
            )
    if len(groups) > 1 or not score.is_signed:
        sentences += [
            f"{name} joins {listed(spaces)}." for name, spaces in analysis.groups.items() if spaces != (name,)
        ]
    return " ".join(sentences)


def _inference(made: InferenceProvenance | None, groups: Sequence[str]) -> str:
    """Tests of totals and parts, and intervals."""
    if made is None:
        return "Inference. No inference was made."
    kinds = (
        "As the data are smooth, groups of frequencies were flipped besides blocks, and the larger p counts. "
        if made.frequencies
        else ""
    )
    parts = (
        "Unique parts, the larger p of two: what the model without the feature group left of the response was "
        "flipped and both models fitted again (Freedman and Lane, 1983); and flips of the difference of their losses "
        "by block. Shared parts: flips of the signed sum of losses by block, widened by what blocks taught one "
        "another in training, and no smaller p than that of any set of the sharing feature groups adding to the "
        "others. No part has a smaller p than the full model. "
        if len(groups) > 1
        else ""
    )
    return (
        f"Inference. {made.permutations} sign vectors over {made.n_blocks} blocks of time of at least "
        f"{made.block_s:.0f} s (they count as {made.effective_blocks:.0f} equal ones), the same for all targets; "
        f"p = (b + 1)/(m + 1). Totals: models were fitted again "
        f"to the flipped responses, at the hyper-parameters they had chosen. {kinds}{parts}Family-wise p: the "
        "largest studentised value over targets; q: Benjamini and Hochberg. 95 % confidence intervals: Student's t "
        "over blocks, whose variance has added to it how much blocks change each other's gains when left out of "
        "training; degrees of freedom by the kurtosis of the blocks' deviations."
    )


def _software(made: Provenance) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in made.software.items())
    return f"Software. {versions}; analysis {made.analysis.name} ({made.analysis.hash})."
