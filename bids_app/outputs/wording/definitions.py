"""What each number is, in words: for sidecars, column definitions and reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bids_app.outputs.wording.controls import difference_formula, is_difference, meaning
from bids_app.outputs.wording.phrases import capitalised, listed
from bids_app.outputs.wording.scores import (
    NOISE_CEILING,
    PARTIAL,
    PEARSON,
    SHARE_OF_CEILING,
    SIGNED,
    STAT_TITLE,
    ScoreDefinition,
)
from bids_app.records import PARTITION_KINDS, SCORES, Component, ExtraPartition, PartitionRole

SHARED_BAND = (
    "Shared is the mean of the two models' canonical variates, pair by pair. A model's Rest is what its own variates "
    "leave of its scaled word rows. Both are"
)
TRAINED = "fitted on the words of each fold's training stimuli"
FITTED_ON_ALL = "fitted on all words, those of test stimuli included (in-sample: expect values that are too high)"
ASKS: dict[PartitionRole, str] = {
    "subspace": "Two models' shared subspace and the rest of each",
    "against": "The shared subspace compared with other spaces",
    "own": "Each model's own canonical variates (speechShared: the speech model's)",
}
COUNTED = "the share of sign vectors that give a value at least as large as the observed one, which counts itself"
REFITTED = (
    "Whole blocks of time of the response change their sign. The model is fitted again at the hyper-parameters it "
    "had chosen, and scored anew. Where responses and predictions are smooth, the same is done with groups of "
    "frequencies, and the larger p counts."
)
ADDED = (
    "It is the larger of two. In one test, what the smaller model leaves of the response changes its sign by block "
    "of time, and both models are fitted again. In the other, the difference of the two models' squared errors "
    "changes its sign by block. Both are one-sided."
)
SUMMED = (
    "The signed sum of the models' squared errors changes its sign by block of time, more widely as blocks teach one "
    "another in training. The test is one-sided."
)
LARGER = "It is no smaller than the p of the larger model."
GUARDED = "Nor is it smaller than the p of any set of the sharing feature groups {}."
ONE = "It is 1 where the value is not above 0."
SIGNIFICANCE = {
    "p": "p of {}",
    "pfwe": "Family-wise p of {}, over all targets of this map or table by the largest studentised value of each "
    "sign vector (max-T)",
    "q": "Benjamini and Hochberg's q over all targets of this map or table, of p of {}",
}
SHARES = {
    "shapley": "Shapley value: what {} adds to the R² of the others in the model, averaged over all orders in which "
    "the feature groups may enter. Every shared part is dealt out evenly among those who share it. The values sum to "
    "the full model's R²",
    "product": "Product measure of {}: Σ ŷ_b (2(y − ȳ) − ŷ) / Σ (y − ȳ)² over the held-out samples, ŷ_b its part of "
    "the full model's prediction ŷ, ȳ the training mean. It needs one fit alone. The values sum to the full "
    "model's R²",
}
LOWER, UPPER = "Lower", "Upper"
ENDS = {"ci025": LOWER, "ci975": UPPER}
SHARE_ENDS = {f"{kind}{end}": (kind, side) for kind in SHARES for end, side in (("025", LOWER), ("975", UPPER))}
INTERVAL = (
    "for what models trained on this many samples are expected to reach on new data. It is Student's t over blocks "
    "of time, made wider as blocks share training data"
)


def formula(component: Component) -> str:
    """A component as a signed sum of R² of unions: `R²(a+b) − R²(b)`; what is added comes first."""
    terms = sorted(component.terms, key=lambda term: (term[1] < 0, -len(term[0])))
    text = " ".join(f"{'+' if sign > 0 else '−'} R²({'+'.join(union)})" for union, sign in terms)
    return text.removeprefix("+ ")


def about(extra: ExtraPartition) -> str:
    """What an extra partition is about, and how its bands were made."""
    return f"{ASKS[extra.role]}. {SHARED_BAND} {FITTED_ON_ALL if extra.in_sample else TRAINED}"


@dataclass(frozen=True)
class Definitions:
    """Sentences on the numbers of one result.

    Parameters
    ----------
    groups : feature groups of the analysis's own partition, in order.
    extra : the partitions beside it.
    score : what its scores are.
    """

    groups: tuple[str, ...]
    extra: tuple[ExtraPartition, ...] = ()
    score: ScoreDefinition = SIGNED

    def define(self, component: Component, stat: str) -> str:
        """One sentence or two: what a component's stat is.

        Parameters
        ----------
        component : of the partition, of an extra one, or of none.
        stat : as in tables: `rsquared`, `r`, `p`, `ci025`, `shapley`, …
        """
        if stat == "ceiling":
            return f"{NOISE_CEILING}."
        if stat == "share":
            return f"{SHARE_OF_CEILING}. {NOISE_CEILING}."
        extra = self._extra_of(component)
        of_what = f"{about(extra)}. " if extra else ""
        if stat in SHARES or stat in SHARE_ENDS:
            return of_what + _share(component.groups[0], stat)
        groups = self._groups_of(component)
        if stat not in SCORES:
            return of_what + self._inferred(component, stat, groups)
        if stat == "r" and component.difference:
            return f"{of_what}Held-out partial correlation of {_short(component)}. {PARTIAL}."
        if stat == "rsquared" and component.is_part:
            return of_what + self._part(component, groups)
        if is_difference(component):
            text = f"{capitalised(meaning(component))}: {difference_formula(component)}"
            return f"{text}. {self.score.rsquared}."
        what = self.score.rsquared if stat == "rsquared" else PEARSON
        return f"{of_what}Held-out {STAT_TITLE[stat]} of {_model(component)}. {what}."

    def short(self, component: Component) -> str:
        """A few words, for descriptions.tsv and captions of charts."""
        extra = self._extra_of(component)
        prefix = f"shared subspace{' (in-sample)' if extra.in_sample else ''}: " if extra else ""
        return prefix + _short(component)

    def _extra_of(self, component: Component) -> ExtraPartition | None:
        return next((one for one in self.extra if component.partition == one.name), None)

    def _groups_of(self, component: Component) -> tuple[str, ...]:
        """All feature groups of its partition."""
        extra = self._extra_of(component)
        return tuple(extra.groups) if extra else self.groups

    def _part(self, component: Component, groups: Sequence[str]) -> str:
        chosen = component.groups
        others = [group for group in groups if group not in chosen]
        whose = f"What only {chosen[0]} explains" if len(chosen) == 1 else f"What exactly {listed(chosen)} share"
        beyond = f" and {listed(others)} {'do' if len(others) > 1 else 'does'} not" if others else ""
        return (
            f"{whose}{beyond}: {formula(component)}, {self.score.parts_by}. Signed, never clipped. The "
            f"{2 ** len(groups) - 1} parts sum to the full model's. {self.score.rsquared}."
        )

    def _inferred(self, component: Component, stat: str, groups: Sequence[str]) -> str:
        """What a p, a q or an end of a confidence interval is."""
        of_what = _short(component)
        if stat in ENDS:
            end = f"{ENDS[stat]} end of the 95 % confidence interval of R² of {of_what}"
            return f"{end}, {INTERVAL}. It is not a test: see p."
        return f"{SIGNIFICANCE[stat].format(of_what)}: {COUNTED}. {' '.join(_tests(component, groups))}"


def _tests(component: Component, groups: Sequence[str]) -> list[str]:
    """Sentences on how p is made."""
    if component.is_total or (component.kind == "unique" and len(groups) == 1):
        return [REFITTED, ONE]
    if component.kind != "shared":
        return [ADDED, LARGER, ONE]
    all_share = len(component.groups) == len(groups)
    return [SUMMED, LARGER, GUARDED.format("predicting at all" if all_share else "adding to the others"), ONE]


def _share(group: str, stat: str) -> str:
    """A feature group's share of the full model's R², or an end of its interval."""
    if stat in SHARES:
        return f"{SHARES[stat].format(group)}."
    kind, end = SHARE_ENDS[stat]
    most = " What blocks share is taken to be the most it can be." if kind == "product" else ""
    return f"{end} end of the 95 % confidence interval, {INTERVAL}.{most} {SHARES[kind].format(group)}."


def _model(component: Component) -> str:
    """The model whose score a total is; of a single feature group its unique part is that model."""
    if component.kind == "full":
        return f"the model with {listed(component.groups)}{' together' if len(component.groups) > 1 else ''}"
    return _short(component)


def _short(component: Component) -> str:
    """A few words, whatever its partition."""
    if component.kind not in PARTITION_KINDS:
        return meaning(component)
    match component.kind:
        case "full":
            return f"the model with {listed(component.groups)}"
        case "alone":
            return f"the model with {component.groups[0]} alone"
        case "unique":
            return f"what only {component.groups[0]} explains"
        case _:
            return f"what exactly {listed(component.groups)} share"
