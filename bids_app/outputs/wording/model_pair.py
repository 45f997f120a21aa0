"""What statistics of two models are, in words: kinds, sets of targets, parts and differences."""

from __future__ import annotations

from collections.abc import Sequence

from bids_app.outputs.wording.phrases import listed
from bids_app.records import (
    CONTEXT,
    RESTS,
    SHARED_GROUP,
    ExtraPartition,
    SplitPart,
    StatisticKind,
    TargetSet,
    subsets,
)

INTERVAL = (
    "95 % confidence interval by Student's t over blocks of time left out in turn (jackknife, the same blocks for "
    "all targets). The variance is doubled, as folds share training data. Targets are not resampled. Each "
    "interval is for itself: nothing is corrected for the number of statistics"
)
TARGETS: dict[TargetSet, str] = {
    "all": "all usable targets (of an electrode its own value, not its lags)",
    "responsive": "electrodes that respond to speech, which no model has a part in choosing",
    "reliable": "targets whose full R² is above 0 beyond such an interval: chosen by the full model, before its "
    "parts were compared",
}
KINDS: dict[StatisticKind, str] = {
    "score": "Mean over targets of held-out R² of this model alone (full: all together)",
    "map_correlation": "Correlation over targets of the R² of two models, each alone. Targets differ in noise, which "
    "alone makes maps agree: compare map_correlation_partial, and the baseline's agreement",
    "map_correlation_partial": "The same, less what each map's correlation with the noise ceiling accounts for",
    "prediction_correlation": "Correlation of the held-out time courses that two models predict, each alone, within "
    "outer fold; averaged over folds and targets through Fisher's z",
    "agreement_beyond": "Fisher's z of the correlation of the time courses that two models predict, less the larger "
    "z of either with a third (the baseline or a control). Above 0: the two agree more with each other than either "
    "does with the third",
    "amount": "Mean over targets of this part of the R² of two models' shared subspace and the rest of each "
    "(bothModels), signed",
    "share": "Sum over targets of this part over the sum of the whole: a ratio of sums, not a mean of ratios; "
    "signed, so that shares sum to one and may lie outside 0 to 1",
    "difference": "Mean over targets of the first part's R² less the second's",
}
PREDICTIONS = (
    "Pearson correlation of the held-out time courses that {} and {} predict here, each alone, within each outer "
    "fold, averaged over folds through Fisher's z; a prediction that does not vary counts as 0"
)


def subspace_models(extra: Sequence[ExtraPartition]) -> tuple[str, ...]:
    """The two models of the shared subspace; none where there is no such partition."""
    return next((one.models for one in extra if one.role == "subspace"), ())


def compared_spaces(extra: Sequence[ExtraPartition]) -> tuple[str, ...]:
    """The feature groups that the shared subspace is compared with."""
    groups = next((tuple(one.groups) for one in extra if one.role == "against"), ())
    return tuple(group for group in groups if group != SHARED_GROUP)


def split_parts(extra: Sequence[ExtraPartition]) -> tuple[SplitPart, ...]:
    """The parts of what two models explain, which sum to the whole."""
    spaces = tuple(SplitPart("spaces", chosen) for chosen in subsets(compared_spaces(extra)))
    models = tuple(SplitPart("alone", (model,)) for model in subspace_models(extra))
    return (CONTEXT, *spaces, *models, RESTS)


def context_rivals(extra: Sequence[ExtraPartition]) -> tuple[SplitPart, ...]:
    """The parts that shared context is compared with."""
    spaces = tuple(SplitPart("space", (space,)) for space in compared_spaces(extra))
    return (*spaces, *(SplitPart("alone", (model,)) for model in subspace_models(extra)))


def part_in_words(part: SplitPart, spaces: Sequence[str]) -> str:
    """A few words.

    Parameters
    ----------
    part : of what two models explain.
    spaces : all feature groups that the shared subspace is compared with.
    """
    match part.kind:
        case "whole":
            return "both models"
        case "context":
            return f"shared context (beyond {', '.join(spaces)})"
        case "spaces":
            alone = "" if len(part.groups) == len(spaces) else " alone of these"
            return f"shared, and in {listed(part.groups)}{alone}"
        case "space":
            return f"what {part.groups[0]} has of the shared subspace"
        case "alone":
            return f"{part.groups[0]} alone"
        case "rests":
            return "common to the models' rests"
