"""Methods text: sentences whose every fact is read from the run's settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bids_app.outputs.report.layers import layers_methods
from bids_app.outputs.report.render import listed
from bids_app.outputs.wording.definitions import AS_PUBLISHED, HELD_OUT
from bids_app.outputs.wording.methods_controls import beside, subspace, two_models
from bids_app.outputs.wording.methods_data import design, features, responses

Settings = Mapping[str, Any]


def methods_text(summary: Settings) -> tuple[str, ...]:
    """Paragraphs on a unit, from its summary: features, responses, design, fit, scores and partition."""
    provenance = summary["provenance"]
    analysis = provenance["analysis"]
    return (
        features(analysis, provenance["spaces"]),
        responses(summary),
        design(summary),
        _fit(analysis["fit"], summary, provenance["design"]["purge_s"]),
        *layers_methods(summary),
        *subspace(summary),
        *beside(provenance["beside"]),
        _scores(summary["units"], analysis),
        *two_models(summary),
        _inference(provenance["inference"], summary["units"]),
        _software(provenance),
    )


def _fit(fit: Settings, summary: Settings, purge_s: float) -> str:
    low, high, n_alphas = fit["alphas"]
    if fit["solver"] == "chen2024":
        return _published(low, high, n_alphas, len(summary["folds"]))
    banded = fit["solver"] == "banded_ridge"
    solver = (
        f"Banded ridge regression: a weight for every feature space and target, from {fit['candidates']} candidates "
        f"(seed {fit['seed']}), and"
        if banded
        else "Ridge regression with"
    )
    return (
        f"Fit. {solver} a penalty from {n_alphas} values between {low:g} and {high:g}, chosen for every target by "
        f"inner folds ({_folds(fit['inner'])}). Scores come from {len(summary['folds'])} outer folds "
        f"({_folds(fit['outer'])}); runs that share a stimulus stay in one fold, and within a run samples nearer "
        f"than {purge_s:g} s to a test sample were left out of training. Centring, scaling, principal components and "
        "hyper-parameters were fitted on training samples alone."
    )


def _published(low: float, high: float, n_alphas: int, n_folds: int) -> str:
    return (
        f"Fit. As in the published code of Chen et al. (2024): {n_folds} contiguous folds of all samples, without "
        "purge; centring, scaling, principal components and weights of ridge regression without intercept from the "
        f"first four fifths of each training part, not refitted; of {n_alphas} penalties from {low:g} to {high:g} "
        "the one with the highest Pearson r on the last fifth."
    )


def _folds(folds: str | int) -> str:
    by_run = "by run, contiguous blocks where there is a single one"
    return by_run if folds == "by_run" else f"{folds} contiguous blocks"


def _scores(units: Sequence[str], analysis: Settings) -> str:
    groups = analysis["partition"]["groups"]
    grouped = "".join(f" {name} joins {listed(members)}." for name, members in groups.items())
    split = (
        f" All {2 ** len(units) - 1} unions of {listed(units)} were fitted; unique and shared parts follow by "
        "inclusion–exclusion on R², signed, never clipped. Beside them stand each unit's Shapley value, from the "
        f"same unions, and its product measure, from the full model alone.{grouped}"
        if len(units) > 1
        else ""
    )
    if analysis["fit"]["solver"] == "chen2024":
        return f"Scores. {AS_PUBLISHED}.{split.split(' Beside them')[0]}{grouped}"
    return f"Scores. {HELD_OUT}.{split}"


def _inference(made: Settings | None, units: Sequence[str]) -> str:
    if made is None:
        return "Inference. No inference was made."
    kinds = (
        "As the data are smooth, groups of frequencies were flipped besides blocks, and the larger p counts. "
        if made["frequencies"]
        else ""
    )
    parts = (
        "Unique parts: flips of the blocks' loss difference of nested models, one-sided. Shared parts: the same for "
        "the signed sum of losses, and no smaller p than that of any set of the sharing spaces adding to the others. "
        if len(units) > 1
        else ""
    )
    return (
        f"Inference. {made['permutations']} sign vectors over {made['n_blocks']} blocks of time of at least "
        f"{made['block_s']:.0f} s, the same for all targets; p = (b + 1)/(m + 1). Totals: models were fitted again "
        f"to the flipped responses, at the hyper-parameters they had chosen. {kinds}{parts}Family-wise p: the "
        "largest studentised value over targets; q: Benjamini and Hochberg. Intervals: Student's t over blocks, "
        "whose variance has added to it how much blocks change each other's gains when left out of training; "
        "degrees of freedom by the kurtosis of the blocks' deviations."
    )


def _software(provenance: Settings) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in provenance["software"].items())
    return f"Software. {versions}; analysis {provenance['analysis']['name']} ({provenance['analysis_hash']})."
