"""What findings are, in words: kinds, sets of targets, parts and differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from bids_app.records import camel, space_label

LIMITS = (
    "95 % limits by Student's t over blocks of time left out in turn (jackknife, the same blocks for all targets), "
    "the variance doubled for the training data that folds share; targets are not resampled. Each interval is for "
    "itself: nothing is corrected for the number of findings"
)
TARGETS = {
    "all": "all usable targets (of an electrode its own value, not its lags)",
    "responsive": "electrodes that respond to speech, which no model has a part in choosing",
    "reliable": "targets whose full R² is above 0 beyond such an interval: chosen by the full model, before its "
    "parts were compared",
}
KINDS = {
    "score": "Mean over targets of held-out R² of this model alone (full: all together)",
    "map_correlation": "Correlation over targets of the R² of two models, each alone. Targets differ in noise, which "
    "alone makes maps agree: compare map_correlation_partial, and the baseline's agreement",
    "map_correlation_partial": "The same, less what each map's correlation with the ceiling accounts for",
    "prediction_correlation": "Correlation of the held-out time courses that two models predict, each alone, within "
    "outer fold; averaged over folds and targets through Fisher's z",
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
CONTEXT, WHOLE, RESTS = "sharedContext", "bothModels", "rests"


def models_of(further: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The two models of the shared subspace."""
    units = next((units for name, units in further.items() if name.lower().endswith("subspace")), ())
    return tuple(unit.removesuffix("Rest") for unit in units if unit != "shared")


def others_of(further: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The spaces that the shared subspace is held against."""
    units = next((units for name, units in further.items() if name.lower().endswith("against")), ())
    return tuple(unit for unit in units if unit != "shared")


def part_words(further: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Part of what two models explain → a few words."""
    others, models = others_of(further), models_of(further)
    words = {WHOLE: "both models", CONTEXT: f"shared context (beyond {', '.join(others)})"}
    for size in range(1, len(others) + 1):
        for chosen in combinations(others, size):
            beyond = "" if size == len(others) else " alone of these"
            words[f"shared{''.join(map(camel, chosen))}"] = f"shared, and in {' and '.join(chosen)}{beyond}"
    words |= {f"{space_label(model)}Alone": f"{model} alone" for model in models}
    return {**words, RESTS: "common to the models' rests"}


def difference_words(further: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """(name of a difference, what shared context is compared with)."""
    for unit in others_of(further):
        yield f"{CONTEXT}Less{camel(unit)}", f"what {unit} has of the shared subspace"
    for model in models_of(further):
        yield f"{CONTEXT}Less{camel(space_label(model))}Alone", f"{model} alone"
