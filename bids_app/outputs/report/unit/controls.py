"""What a report says of the baseline and of controls, in sentences that can be quoted."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bids_app.outputs.wording.controls import baseline_words, left_out_of_baseline, name_of, subject_of
from bids_app.outputs.wording.inference import family_wise
from bids_app.outputs.wording.phrases import capitalised, count_of, count_targets, from_to, listed, number
from bids_app.records import Array, Component, GroupResultSummary, WrittenUnit, above_zero

NAMED = 12  # targets, up to which they are named


def controls_sentences(unit: WrittenUnit) -> list[str]:
    """Of the baseline, each model beyond it, trained models beyond untrained ones, and the control of time."""
    made = unit.summary.provenance.controls
    sentences = [_baseline(unit)]
    for component in unit.partition.controls:
        if component.kind in ("beyond_baseline", "full_beyond_baseline"):
            sentences.append(_claim(unit, component, "more than the baseline"))
        elif component.kind == "beyond_untrained":
            sentences.append(_claim(unit, component, "more than the same model with random weights"))
    of_time = [component for component in unit.partition.controls if component.kind == "autocorrelation"]
    if of_time:
        sentences.append(_time(unit, of_time[0]))
    elif made.autocorrelation != "not asked for":
        sentences.append(f"The autocorrelation control, which knows only time, was {made.autocorrelation}.")
    return sentences


def group_controls_sentences(group: GroupResultSummary, means: Mapping[str, float | None]) -> list[str]:
    """Over participants, what is known of every component of no partition.

    Parameters
    ----------
    group : of which they are.
    means : label → mean over participants of each one's mean R².
    """
    return [_over_participants(group, component, means[component.label]) for component in group.controls]


def _over_participants(group: GroupResultSummary, component: Component, mean: float | None) -> str:
    n_participants = len(group.participants)
    what = "the baseline alone" if component.kind == "baseline" else name_of(component)
    text = f"{capitalised(what)}: mean R² {number(mean)} over {count_of(n_participants, 'participant')}"
    rows = [row for row in group.electrodes if (row.component, row.electrodes) == (component.label, "all")]
    if rows and n_participants > 1:
        interval = from_to(rows[0].ci025, rows[0].ci975)
        p = "" if rows[0].p is None else f", p = {number(rows[0].p)}"
        return f"{text} (their electrodes; 95 % confidence interval {interval}{p})."
    significant = (group.significant or {}).get(component.label)
    n_signs = group.inference.n_signs if group.inference else None
    if significant is None or n_signs is None:
        return f"{text}; not tested over participants."
    if 1 / n_signs > group.level:
        return f"{text}; {n_signs} sign vectors allow no p ≤ {group.level:g}."
    where = count_targets(group.targets.n, group.targets.kind)
    return (
        f"{text}; r is above 0 in {significant.pfwe} of {where} (family-wise p ≤ {group.level:g} over participants)."
    )


def _baseline(unit: WrittenUnit) -> str:
    made = unit.summary.provenance.controls
    left_out = ", ".join(f"{name} ({why})" for name, why in left_out_of_baseline(made).items())
    without = f" Not in it: {left_out}." if left_out else ""
    baseline = [component for component in unit.partition.controls if component.kind == "baseline"]
    if not baseline:
        return (
            f"No baseline was fitted: nothing here says whether a model predicts more than word rate does.{without}"
        )
    mean = number(_mean(unit.partition.values[baseline[0].label]["rsquared"]))
    compared = {component.groups[0] for component in unit.partition.controls if component.kind == "beyond_baseline"}
    own = [group for group in unit.partition.groups if group not in compared]
    part = f" {listed(own)} {'is' if len(own) == 1 else 'are'} part of the baseline itself." if own else ""
    return f"The baseline is {listed(baseline_words(made))}. Alone it has a mean R² of {mean}.{without}{part}"


def _claim(unit: WrittenUnit, component: Component, what: str) -> str:
    """In which targets the difference is significant over all of them, and in which it is not."""
    stats, subject = unit.partition.values[component.label], subject_of(component)
    value = np.asarray(stats["rsquared"], dtype=float)
    usable, mean = np.isfinite(value), number(_mean(value))
    where = count_targets(int(usable.sum()), unit.targets.kind)
    made = unit.summary.provenance.inference
    if made is None or unit.summary.has_no_p:
        tested = "was made" if made is None else "is possible on these data (see the warnings)"
        above = int(above_zero(value[usable]).sum())
        return (
            f"Adding {subject} to {_smaller(component)} raises R² in {above} of {where} (mean change {mean}). "
            f"But no test {tested} of whether {subject} predicts {what}."
        )
    names = np.array(unit.targets.names)
    beats = usable & (np.nan_to_num(np.asarray(stats["pfwe"], dtype=float), nan=1.0) <= made.level)
    short, at = usable & ~beats, f"({family_wise(made.level, unit.summary.has_unreliable_p)})"
    amount = f"Over all {where} its mean R² beyond {_smaller(component)} is {mean}."
    if not beats.any():
        return f"In none of {where} does {subject} significantly predict {what} {at}{_named(names, short)}. {amount}"
    yes = f"In {int(beats.sum())} of {where} {subject} predicts {what} {at}{_named(names, beats)}."
    if not short.any():
        return f"{yes} {amount}"
    return f"{yes} In the other {int(short.sum())} that is not significant{_named(names, short)}. {amount}"


def _smaller(component: Component) -> str:
    """The model inside the one that a difference is about."""
    return "the untrained model" if component.kind == "beyond_untrained" else "the baseline"


def _named(names: Array, chosen: Array) -> str:
    some = names[chosen]
    return f": {', '.join(some)}" if 0 < len(some) <= NAMED else ""


def _time(unit: WrittenUnit, component: Component) -> str:
    stats = unit.partition.values[component.label]
    mean = number(_mean(stats["rsquared"]))
    what = "smooth bumps in time that know nothing of the stimulus"
    text = f"The autocorrelation control, {what}, has a mean R² of {mean}"
    made = unit.summary.provenance.inference
    if made is None or unit.summary.has_no_p:
        return f"{text}; above 0 it would be a sign of leakage."
    count = int((np.asarray(stats["pfwe"], dtype=float) <= made.level).sum())
    verdict = "a sign that training samples have leaked into test samples" if count else "no sign of leakage"
    at = family_wise(made.level, unit.summary.has_unreliable_p)
    return f"{text} and predicts {count_of(count, 'target')} ({at}): {verdict}."


def _mean(values: Array) -> float | None:
    values = np.asarray(values, dtype=float)
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else None
