"""The answer over participants, in the same four sentences."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from bids_app.outputs.wording.answer.parts import (
    NO_BASELINE,
    NOT_SPLIT,
    ONE_GROUP,
    baseline_is,
    model_of,
    split_of,
    split_sentence,
    unknown_ceiling,
)
from bids_app.outputs.wording.answer.unit import is_tested, n_significant
from bids_app.outputs.wording.controls import baseline_words
from bids_app.outputs.wording.phrases import count_of, count_targets, from_to, nouns_of, number
from bids_app.records import FEWEST_TESTED, Component, ElectrodeMean, GroupResultSummary, UnitSummary

FEWER = f"fewer than {FEWEST_TESTED} participants allow no test over them"


def group_answer(group: GroupResultSummary, units: Sequence[UnitSummary]) -> tuple[str, ...]:
    """Four sentences. Numbers are means over participants of their means over all usable targets.

    Parameters
    ----------
    group : results over participants.
    units : its participants' own.
    """
    return _predicted(group, units), _ceiling(group), _baseline(group, units), _split(group, units)


def mean_of(group: GroupResultSummary, label: str) -> float | None:
    """Mean over participants of a component's mean R²; None where nobody has one.

    Parameters
    ----------
    group : results over participants.
    label : of the component.
    """
    means = participants_means(group, label)
    return fmean(means) if means else None


def participants_means(group: GroupResultSummary, label: str) -> list[float]:
    """Each participant's mean R² of a component.

    Parameters
    ----------
    group : results over participants.
    label : of the component.
    """
    rows = [row for row in group.scores if (row.component, row.stat) == (label, "rsquared")]
    return [row.spread.mean for row in rows if row.spread.mean is not None]


def _predicted(group: GroupResultSummary, units: Sequence[UnitSummary]) -> str:
    means, n = participants_means(group, "full"), len(group.participants)
    score = "mean held-out R²" if group.signed_rsquared else "mean of the published code's score, above 0 on noise,"
    over = f" ({from_to(min(means), max(means))} from participant to participant)" if len(means) > 1 else ""
    amount = f"{model_of(group.groups)} has a {score} of {number(mean_of(group, 'full'))}{over}"
    own, tested = _in_each(group, units), _tested(group, "full")
    text = "; ".join(one for one in (f"{amount}, as the mean over {count_of(n, 'participant')}", tested, own) if one)
    return f"{text}."


def _tested(group: GroupResultSummary, label: str) -> str:
    """What a test over participants gave, or that there is none."""
    if group.inference is None:
        return "nothing was tested over participants"
    row = _electrodes(group, label)
    if group.targets.kind == "electrodes":
        if row is None or row.p is None:
            return f"{FEWER} (p is n/a)" if len(group.participants) < FEWEST_TESTED else "p is n/a"
        return f"over their electrodes p = {number(row.p)}"
    counts = (group.significant or {}).get(label)
    if counts is None or len(group.participants) < FEWEST_TESTED:
        return f"{FEWER} (p is n/a)" if len(group.participants) < FEWEST_TESTED else "p is n/a"
    if group.inference.n_signs and 1 / group.inference.n_signs > group.level:
        return f"{group.inference.n_signs} sign vectors allow no p ≤ {group.level:g}"
    n_tested = group.targets.n if group.inference.n_targets is None else group.inference.n_targets
    where = count_targets(n_tested, group.targets.kind)
    by_tfce = f"; by TFCE in {group.enhanced[label] or 'none'}" if label in group.enhanced else ""
    # what is tested is r, also where the mean R² is not above 0: docs/inference.md, Over participants
    found = f"{counts.pfwe or 'none'} of {where} (family-wise p ≤ {group.level:g}{by_tfce})"
    return f"its r is significantly above 0 in {found}"


def _electrodes(group: GroupResultSummary, label: str) -> ElectrodeMean | None:
    rows = (row for row in group.electrodes if (row.component, row.electrodes) == (label, "all"))
    return next(rows, None)


def _in_each(group: GroupResultSummary, units: Sequence[UnitSummary]) -> str:
    """How many targets participants' own tests find."""
    counts = [n_significant(unit, "full") for unit in units if is_tested(unit)]
    found = sorted(count for count in counts if count is not None)
    if not found:
        return ""
    kind = group.targets.kind
    equal, differing = count_targets(found[0], kind), f"{found[0]} to {found[-1]} {nouns_of(kind)}"
    span = equal if found[0] == found[-1] else differing
    n_doubted = sum(unit.has_unreliable_p for unit in units)
    doubt = f", by a p that is unreliable in {n_doubted} of {len(units)}" if n_doubted else ""
    return f"in their own tests it predicts {span} a participant{doubt}"


def _ceiling(group: GroupResultSummary) -> str:
    known = group.inter_subject
    if known is None:
        return unknown_ceiling(group.ceiling)
    if not known.share.n:
        return "Of what ceiling: what other participants share is in no target reliably above 0."
    return (
        f"Of what ceiling: what other participants share has a median of {number(known.ceiling.median)} where it is "
        f"known ({known.ceiling.n} of {known.n_targets} targets of all); in {known.share.n} of these it is reliably "
        f"above 0, and there the model reaches {number(known.share.median, 2)} of it (median)."
    )


def _baseline(group: GroupResultSummary, units: Sequence[UnitSummary]) -> str:
    by_kind = {component.kind: component.label for component in group.controls}
    if "baseline" not in by_kind:
        return NO_BASELINE
    words = baseline_words(units[0].provenance.controls) if units else []
    what = baseline_is(words, mean_of(group, by_kind["baseline"]))
    if "full_beyond_baseline" not in by_kind:
        return f"Beyond what baseline: {what} is part of the model itself, which is not compared with it."
    label = by_kind["full_beyond_baseline"]
    means = participants_means(group, label)
    above = sum(mean > 0 for mean in means)
    return (
        f"Beyond {what} it adds a mean R² of {number(mean_of(group, label))}, above 0 in {above} of "
        f"{count_of(len(means), 'participant')}; {_tested(group, label)}."
    )


def _split(group: GroupResultSummary, units: Sequence[UnitSummary]) -> str:
    if len(group.groups) == 1:
        return ONE_GROUP
    counts = [n_significant(unit, "full") for unit in units]
    split = split_of(group.groups, lambda part: mean_of(group, part.label))
    if split is None or (counts and all(count == 0 for count in counts)):
        return NOT_SPLIT

    def described(part: Component) -> str:
        """Its mean R², and in how many participants that is above 0."""
        means = participants_means(group, part.label)
        return f"{number(mean_of(group, part.label))}, above 0 in {sum(mean > 0 for mean in means)} of {len(means)}"

    return split_sentence(mean_of(group, "full"), split, described)
