"""What each number is, in words: for sidecars, column definitions and reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from bids_app.outputs.report.render import listed
from bids_app.outputs.wording.controls import formula as difference
from bids_app.outputs.wording.controls import is_control, is_difference, meaning
from bids_app.records import SCORES, component_names, component_of, space_label

HELD_OUT = (
    "R² = 1 − Σ(y−ŷ)² / Σ(y−ȳ)², both sums over the samples of all outer folds together; ŷ is predicted by a model "
    "fitted to the other folds alone, ȳ is the mean of the samples that model was fitted to. Signed: below 0 the "
    "prediction is worse than that mean"
)
AS_PUBLISHED = (
    "R² here is the score of the published code of Chen et al. (2024): the mean over five contiguous folds, without "
    "purge, of the squared Pearson correlation of prediction and response. It cannot be negative, is .02 to .04 on "
    "noise with 200 test samples, and is no share of variance; sums and differences of it are ours"
)
PEARSON = (
    "Pearson correlation of prediction and response within each outer fold, averaged over folds through Fisher's z"
)
EXPLAINABLE = (
    "Ceiling of R²: the share of a single hearing's variance that its stimulus decides, the mean covariance of pairs "
    "of hearings over their mean variance (bias-corrected, so it may be below 0; its square root is CCmax, Schoppe "
    "et al. 2016)"
)
SHARE = "Held-out R² of the full model over its ceiling, where that is above 0 beyond its 95 % interval"
Further = Mapping[str, Sequence[str]]  # further partitions: name → units
IN_SAMPLE = "inSample"  # what the name of a partition of an in-sample subspace begins with
SHARED_BAND = (
    "shared is the mean of the two models' canonical variates, pair by pair; a model's Rest is what these leave of "
    "its own scaled word rows; both are"
)
TRAINED = "fitted on the words of each fold's training stimuli"
FITTED_ON_ALL = "fitted on all words, those of test stimuli included (in-sample: expect values that are too high)"
ASKS = {
    "subspace": "Two models' shared subspace and the rest of each",
    "against": "The shared subspace against other spaces",
    "own": "Each model's own canonical variates (speechShared: the speech model's)",
}
STAT_TITLE = {
    "rsquared": "R²",
    "r": "r",
    "ceiling": "ceiling of R²",
    "share": "R² over its ceiling",
    "shapley": "Shapley value",
    "shapley025": "lower limit of the Shapley value",
    "shapley975": "upper limit of the Shapley value",
    "product": "product measure",
    "product025": "lower limit of the product measure",
    "product975": "upper limit of the product measure",
    "p": "p",
    "pfwe": "p, family-wise",
    "q": "q",
    "ci025": "lower limit of R²",
    "ci975": "upper limit of R²",
}
REFITTED = (
    "the share of sign vectors that give a value at least as large as the observed one, which counts itself; whole "
    "blocks of time change their sign, the model is fitted again at the hyper-parameters it had chosen, and scored "
    "anew; where responses and predictions are smooth, the same with groups of frequencies, and the larger p counts"
)
COMPARED = (
    "the share of sign vectors that give a value at least as large as the observed one, which counts itself; the {} "
    "changes its sign by block of time; one-sided"
)
DIFFERENCE, SUM = "difference of the nested models' losses", "signed sum of the models' losses"
GUARDED = "no smaller than the p of any set of the sharing spaces {}"
FAMILY = "over all targets of this map or table: the largest studentised value of each sign vector (max-T)"
DISCOVERY = "Benjamini and Hochberg's q over all targets of this map or table, of"
LIMITS = {"ci025": "2.5", "ci975": "97.5"}
ENDS = {"025": "2.5", "975": "97.5"}
SHARES = {
    "shapley": "Shapley value: what {} adds to the R² of the others in the model, averaged over all orders in which "
    "the units may enter; every shared part is dealt out evenly among those who share it, and the values sum to the "
    "full model's R²",
    "product": "Product measure of {}: Σ ŷ_b (2(y − ȳ) − ŷ) / Σ (y − ȳ)² over the held-out samples, ŷ_b its part of "
    "the full model's prediction ŷ, ȳ the training mean; of one fit, and the values sum to the full model's R²",
}
LIMIT = (
    "for what models trained on this many samples are expected to reach on new data: Student's t over blocks of "
    "time, and what blocks taught each other's models. Not a test: see p"
)


def sets_of(units: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The units of each part, in the order of `component_names` after full and the single spaces."""
    return tuple(chosen for size in range(1, len(units) + 1) for chosen in combinations(units, size))


def parts_of(units: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Part → the units that have it: {'uniqueSpeech': ('speech',), 'sharedSpeechLanguage': (…), …}."""
    return dict(zip(component_names(tuple(units))[1 + len(units) :], sets_of(units), strict=True))


def totals_of(units: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Total → the units in its model: {'full': all, 'speech': ('speech',), …}."""
    return {"full": tuple(units)} | {space_label(unit): (unit,) for unit in units}


def formula(units: Sequence[str], chosen: Sequence[str]) -> str:
    """A part as a signed sum of R² of unions: `R²(a+b) − R²(b)`."""
    rest = [unit for unit in units if unit not in chosen]
    terms = []
    for size in range(len(chosen), -1, -1):
        for subset in combinations(chosen, size):
            union = [unit for unit in units if unit in rest or unit in subset]
            if union:
                terms.append(("+" if size % 2 else "−", f"R²({'+'.join(union)})"))
    terms.sort(key=lambda term: term[0] != "+")  # a sum reads better beginning with what is added
    first, *others = terms
    return " ".join([first[1] if first[0] == "+" else f"−{first[1]}", *(f"{sign} {term}" for sign, term in others)])


def local(component: str, further: Further) -> tuple[str, str] | None:
    """(partition, its component) of one that belongs to a further partition."""
    for name, units in further.items():
        for part in component_names(tuple(units)):
            if component == component_of(name, part):
                return name, part
    return None


def about(partition: str) -> str:
    """What a further partition is about, and how its bands were made."""
    asked = partition.removeprefix(IN_SAMPLE)
    how = FITTED_ON_ALL if asked != partition else TRAINED
    return f"{ASKS[asked[:1].lower() + asked[1:]]}: {SHARED_BAND} {how}"


def define(component: str, stat: str, units: Sequence[str], further: Further | None = None) -> str:
    """One sentence or two: what this component's `stat` is."""
    if stat in ("ceiling", "share"):
        return f"{EXPLAINABLE if stat == 'ceiling' else f'{SHARE}. {EXPLAINABLE}'}."
    if found := local(component, further or {}):
        partition, part = found
        return f"{about(partition)}. {define(part, stat, (further or {})[partition])}"
    totals, parts = totals_of(units), parts_of(units)
    if stat.startswith(tuple(SHARES)):
        return _share(totals[component][0], stat)
    if stat not in SCORES:
        return _inferred(component, stat, units)
    if component not in totals and component not in parts and is_control(component):
        said = meaning(component)
        if is_difference(component):
            return f"{said[0].upper()}{said[1:]}: {difference(component)}. {HELD_OUT}."
        return f"Held-out {STAT_TITLE[stat]} of {said}. {HELD_OUT if stat == 'rsquared' else PEARSON}."
    if component in totals:
        model = f"the model with {listed(totals[component])}"
        model += " alone" if component != "full" else " together" if len(units) > 1 else ""
        return f"Held-out {STAT_TITLE[stat]} of {model}. {HELD_OUT if stat == 'rsquared' else PEARSON}."
    chosen = parts[component]
    others = [unit for unit in units if unit not in chosen]
    whose = f"What only {chosen[0]} explains" if len(chosen) == 1 else f"What exactly {listed(chosen)} share"
    beyond = f" and {listed(others)} {'do' if len(others) > 1 else 'does'} not" if others else ""
    return (
        f"{whose}{beyond}: {formula(units, chosen)}, by inclusion–exclusion on held-out R². Signed, never clipped; "
        f"the {2 ** len(units) - 1} parts sum to the full model's. {HELD_OUT}."
    )


def _share(unit: str, stat: str) -> str:
    """A unit's share of the full model's R², or a limit of it."""
    kind = next(name for name in SHARES if stat.startswith(name))
    whole = SHARES[kind].format(unit)
    if stat == kind:
        return f"{whole}."
    most = "; that is taken to be the most it can" if kind == "product" else ""
    return f"The {ENDS[stat[-3:]]} % limit, {LIMIT.partition('. Not a test')[0]}{most}. {whole}."


def _inferred(component: str, stat: str, units: Sequence[str]) -> str:
    """What a p, q or limit of a component is."""
    if stat in LIMITS:
        return f"The {LIMITS[stat]} % limit of R² of {short(component, units)}, {LIMIT}."
    chosen = parts_of(units).get(component, ())
    whole = component in totals_of(units) or (is_control(component) and not is_difference(component))
    whole |= len(units) == 1 and bool(chosen)
    how = REFITTED if whole else COMPARED.format(SUM if len(chosen) > 1 else DIFFERENCE)
    alone = "adding to the others" if len(chosen) < len(units) else "predicting at all"
    guard = f"; {GUARDED.format(alone)}" if len(chosen) > 1 else ""
    p = f"p of {short(component, units)}: {how}{guard}; 1 where the value is not above 0"
    return {"p": f"{p}.", "pfwe": f"Family-wise {p}; {FAMILY}.", "q": f"{DISCOVERY} {p}."}[stat]


def short(component: str, units: Sequence[str], further: Further | None = None) -> str:
    """A few words, for descriptions.tsv and charts' captions."""
    if found := local(component, further or {}):
        partition, part = found
        in_sample = " (in-sample)" if partition.startswith(IN_SAMPLE) else ""
        return f"shared subspace{in_sample}: {short(part, (further or {})[partition])}"
    totals, parts = totals_of(units), parts_of(units)
    if component == "full":
        return f"the model with {listed(units)}"
    if component in totals:
        return f"the model with {totals[component][0]} alone"
    if component not in parts and is_control(component):
        return meaning(component)
    chosen = parts[component]
    return f"what only {chosen[0]} explains" if len(chosen) == 1 else f"what exactly {listed(chosen)} share"


def scored(words: str, published: bool) -> str:
    """A definition, as scores are the published code's or not."""
    return words.replace(HELD_OUT, AS_PUBLISHED).replace("on held-out R²", "on it") if published else words
