"""What a score is, in words: held-out R², or the score of published code; and what stats and intervals are called."""

from __future__ import annotations

from dataclasses import dataclass

from bids_app.records import SOLVERS, SolverName

HELD_OUT = (
    "R² = 1 − Σ(y−ŷ)² / Σ(y−ȳ)², both sums over the samples of all outer folds together. ŷ is predicted by a model "
    "fitted to the other folds alone, and ȳ is the mean of the samples that model was fitted to. y is the response "
    "after cleaning, so R² is a share of what confounds and drift leave of it. What features have in common with "
    "these is not in it. R² is signed: below 0 the prediction is worse than ȳ"
)
PEARSON = (
    "Pearson correlation of prediction and response within each outer fold, averaged over folds through Fisher's z, "
    "each fold weighted by its samples"
)
PARTIAL = (
    "The correlation, within each outer fold, of the response with what the added features predict in the larger "
    "model, given the smaller model's prediction and what the larger one predicts from the smaller one's features; "
    "averaged over folds as r is. Tests over participants rest on it. It says whether something is added, not how "
    "much: that is R²"
)
NOISE_CEILING = (
    "Noise ceiling of R²: the share of a single presentation's variance that its stimulus decides, the mean "
    "covariance of pairs of presentations over their mean variance (bias-corrected, so it may be below 0; its square "
    "root is CCmax, Schoppe et al. 2016)"
)
SHARE_OF_CEILING = (
    "Held-out R² of the full model over its noise ceiling, where that is above 0 beyond its 95 % confidence interval"
)
STAT_TITLE = {
    "rsquared": "R²",
    "r": "r",
    "ceiling": "noise ceiling of R²",
    "share": "R² over its noise ceiling",
    "shapley": "Shapley value",
    "shapley025": "lower end of the Shapley value's 95 % confidence interval",
    "shapley975": "upper end of the Shapley value's 95 % confidence interval",
    "product": "product measure",
    "product025": "lower end of the product measure's 95 % confidence interval",
    "product975": "upper end of the product measure's 95 % confidence interval",
    "p": "p",
    "pfwe": "p, family-wise",
    "q": "q",
    "ci025": "lower end of the 95 % confidence interval of R²",
    "ci975": "upper end of the 95 % confidence interval of R²",
}


@dataclass(frozen=True)
class ScoreDefinition:
    """What the scores of a result are.

    Parameters
    ----------
    rsquared : what R² is, without a full stop.
    parts_by : how unique and shared parts are made from it.
    is_signed : whether it is held-out R², which may be negative, and claims may rest on it.
    """

    rsquared: str
    parts_by: str
    is_signed: bool


SIGNED = ScoreDefinition(HELD_OUT, "by inclusion–exclusion on held-out R²", True)
AS_PUBLISHED = ScoreDefinition(
    "R² here is the score of the published code of Chen et al. (2024): the mean over five contiguous folds, without "
    "purge, of the squared Pearson correlation of prediction and response. It cannot be negative, is .02 to .04 on "
    "noise with 200 test samples, and is no share of variance; sums and differences of it are ours",
    "by inclusion–exclusion on it",
    False,
)


def score_definition(signed_rsquared: bool) -> ScoreDefinition:
    """The definition of held-out R², or that of the published code's score."""
    return SIGNED if signed_rsquared else AS_PUBLISHED


def score_of_solver(solver: SolverName) -> ScoreDefinition:
    """What the scores of a solver are."""
    return score_definition(SOLVERS[solver].signed_rsquared)
