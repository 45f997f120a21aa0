"""The answer of one unit: what was predicted and how well, of what ceiling, beyond what baseline, shared or alone."""

from __future__ import annotations

from bids_app.outputs.wording.answer.parts import (
    NO_BASELINE,
    NOT_SPLIT,
    NOT_TESTABLE,
    NOT_TESTED,
    ONE_GROUP,
    OWN_RECORDINGS,
    baseline_is,
    model_of,
    split_of,
    split_sentence,
    unknown_ceiling,
)
from bids_app.outputs.wording.controls import baseline_words
from bids_app.outputs.wording.inference import family_wise
from bids_app.outputs.wording.phrases import count_targets, number
from bids_app.outputs.wording.scores import score_of_solver
from bids_app.records import Component, UnitSummary

NO_TEST_HOLDS = "; no test of parts holds on these data."
PUBLISHED = "the score is the published code's, which is above 0 on noise"


def unit_answer(summary: UnitSummary) -> tuple[str, ...]:
    """Four sentences. Numbers are means over all usable targets: nothing is chosen by what is reported of it.

    Parameters
    ----------
    summary : of the unit.
    """
    return _predicted(summary), _ceiling(summary), _baseline(summary), _split(summary)


def is_tested(summary: UnitSummary) -> bool:
    """Whether its components have a p that could be made."""
    return summary.provenance.inference is not None and not summary.has_no_p


def n_significant(summary: UnitSummary, label: str) -> int | None:
    """Targets in which a component is significant over all of them; None where that was not tested.

    Parameters
    ----------
    summary : of the unit.
    label : of the component.
    """
    counts = summary.components[label].significant
    return counts.pfwe if counts is not None and is_tested(summary) else None


def mean_of(summary: UnitSummary, label: str) -> float | None:
    """A component's mean R² over usable targets.

    Parameters
    ----------
    summary : of the unit.
    label : of the component.
    """
    return summary.components[label].spreads["rsquared"].usable.mean


def _predicted(summary: UnitSummary) -> str:
    kind, full = summary.targets.kind, summary.components["full"].spreads["rsquared"].usable
    model, where = model_of(summary.groups), count_targets(full.n, kind)
    amount = f"mean held-out R² of {number(full.mean)} (median {number(full.median)}) over {where}"
    if not score_of_solver(summary.provenance.analysis.fit.solver).is_signed:
        return f"{model} has a mean R² of {number(full.mean)} over {where}; {PUBLISHED}."
    if summary.provenance.inference is None:
        return f"{model} has a {amount}; {NOT_TESTED}."
    if not is_tested(summary):
        return f"{model} has a {amount}; {NOT_TESTABLE}."
    count, at = n_significant(summary, "full"), _at(summary)
    if not count:
        return f"{model} significantly predicts none of {where} ({at}); its mean held-out R² is {number(full.mean)}."
    return (
        f"{model} predicts {count} of {where} ({at}), with a mean held-out R² of {number(full.mean)} over all of "
        f"them (median {number(full.median)})."
    )


def _at(summary: UnitSummary) -> str:
    made = summary.provenance.inference
    return "" if made is None else family_wise(made.level, summary.has_unreliable_p)


def _ceiling(summary: UnitSummary) -> str:
    full, kind = summary.components["full"].spreads, summary.targets.kind
    if "ceiling" not in full:
        return unknown_ceiling(summary.ceiling, OWN_RECORDINGS)
    ceiling, share = full["ceiling"].usable, full["share"].usable
    reached = (
        f"in {count_targets(share.n, kind)} it is reliably above 0, and there the model reaches "
        f"{number(share.median, 2)} of it (median)"
        if share.n
        else "in no target is it reliably above 0, so the model is not compared with it"
    )
    return (
        f"Of what ceiling: repeats of a stimulus give a median noise ceiling of {number(ceiling.median)}; {reached}."
    )


def _baseline(summary: UnitSummary) -> str:
    by_kind = {component.kind: component.label for component in summary.controls}
    if "baseline" not in by_kind:
        return NO_BASELINE
    what = baseline_is(baseline_words(summary.provenance.controls), mean_of(summary, by_kind["baseline"]))
    if "full_beyond_baseline" not in by_kind:
        return f"Beyond what baseline: {what} is part of the model itself, which is not compared with it."
    label = by_kind["full_beyond_baseline"]
    count, n_usable = n_significant(summary, label), summary.components[label].spreads["rsquared"].usable.n
    where = count_targets(n_usable, summary.targets.kind)
    tested = "untested" if count is None else f"significantly in {count or 'none'} of {where}"
    doubt = " (by a p that does not hold here)" if count and summary.has_unreliable_p else ""
    return f"Beyond {what} it adds a mean R² of {number(mean_of(summary, label))}, {tested}{doubt}."


def _split(summary: UnitSummary) -> str:
    if len(summary.groups) == 1:
        return ONE_GROUP
    if is_tested(summary) and not n_significant(summary, "full"):
        return NOT_SPLIT
    split = split_of(summary.groups, lambda part: mean_of(summary, part.label))
    if split is None:
        return NOT_SPLIT

    def described(part: Component) -> str:
        """Its mean R², and in how many targets it is significant."""
        count, mean = n_significant(summary, part.label), number(mean_of(summary, part.label))
        is_told = count is not None and not summary.has_unreliable_p
        return f"{mean}, significant in {count or 'none'}" if is_told else mean

    text = split_sentence(mean_of(summary, "full"), split, described)
    return text.removesuffix(".") + NO_TEST_HOLDS if summary.has_unreliable_p else text
