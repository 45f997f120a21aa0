"""What a report says of two models: sentences that follow from the statistics' numbers and intervals, and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bids_app.outputs.figures.model_pair import agreement_chart, shares_chart
from bids_app.outputs.report.drawing import Drawing
from bids_app.outputs.report.unit.statistic_rows import AnyRow, Row, StatisticRows, with_interval
from bids_app.outputs.wording.controls import name_of
from bids_app.outputs.wording.inference import family_wise
from bids_app.outputs.wording.model_pair import (
    compared_spaces,
    context_rivals,
    part_in_words,
    split_parts,
    subspace_models,
)
from bids_app.outputs.wording.phrases import capitalised, count_of, count_targets, noun_of
from bids_app.outputs.wording.scores import score_of_solver
from bids_app.records import (
    CONTEXT,
    WHOLE,
    Component,
    ExtraPartition,
    StatisticSummary,
    TargetKind,
    UnitSummary,
    WrittenUnit,
    alone_of,
)

PUBLISHED = (
    "Scores are those of the published code (mean over folds of squared r): above 0 on noise, and without confidence "
    "intervals. They are for comparison with that code; claims come from chen2024-cv."
)
NOT_TESTABLE = (
    "Whether the full model predicts anything cannot be tested on these data (see the warnings). The numbers below "
    "are descriptions."
)
NO_TEST = "No test was made (inference: permutations): the numbers below are descriptions."


@dataclass(frozen=True)
class Comparison:
    """The two models that an analysis compares.

    Parameters
    ----------
    models : their feature groups.
    extra : the partitions of their shared subspace, if any.
    control_models : baseline and controls, with whose predictions theirs are compared.
    """

    models: tuple[str, str]
    extra: tuple[ExtraPartition, ...]
    control_models: tuple[Component, ...]


def control_models_of(controls: Sequence[Component]) -> tuple[Component, ...]:
    """The components of no partition with whose predictions those of the two models are compared."""
    return tuple(component for component in controls if component.kind in ("baseline", "control"))


def n_significant(summary: UnitSummary) -> int | None:
    """Targets whose full model is significant over all of them; None where nothing was tested or could be."""
    significant = summary.components["full"].significant
    return None if significant is None or summary.has_no_p else significant.pfwe


def shown_rows(summary: UnitSummary) -> StatisticRows[StatisticSummary]:
    """Over targets that are reliably predicted, where there are some; else over all."""
    rows = summary.model_pair.rows if summary.model_pair else ()
    reliable = StatisticRows(rows, "reliable")
    return reliable if reliable.rows and n_significant(summary) else StatisticRows(rows, "all")


def model_pair_sentences(summary: UnitSummary) -> list[str]:
    """Scores, agreement, shares and comparisons; on noise that there are none."""
    if summary.model_pair is None or summary.model_pair.compared_models is None:
        return []
    count, made = n_significant(summary), summary.provenance.inference
    criterion = family_wise(made.level, summary.has_unreliable_p) if made is not None else ""
    if count == 0:
        return [
            f"No {noun_of(summary.targets.kind)} is significantly predicted by the full model ({criterion}). "
            "So nothing is said of what the models share, and no parts are compared."
        ]
    rows = shown_rows(summary)
    if not score_of_solver(summary.provenance.analysis.fit.solver).is_signed:
        first = PUBLISHED
    else:
        untested = NOT_TESTABLE if summary.has_no_p else NO_TEST
        first = (
            untested if count is None else f"{_significant(count, summary.targets.kind, criterion)} {_chosen(rows)}"
        )
    comparison = Comparison(summary.model_pair.compared_models, summary.extra, control_models_of(summary.controls))
    return [first, *comparison_sentences(rows, comparison, claims=bool(count))]


def comparison_sentences(rows: StatisticRows[AnyRow], comparison: Comparison, claims: bool) -> list[str]:
    """Scores, agreement beside that with control models, shares and comparisons.

    Parameters
    ----------
    rows : statistics over one set of targets.
    comparison : the two models.
    claims : whether there may be comparisons of parts.
    """
    return [
        _scores(rows, comparison),
        *_agreement(rows, comparison),
        *_shares(rows, comparison.extra),
        *(_differences(rows, comparison.extra) if claims else ()),
    ]


def _significant(count: int, kind: TargetKind, criterion: str) -> str:
    """How many targets the full model predicts."""
    return f"The full model predicts {count_targets(count, kind)} ({criterion})."


def _chosen(rows: StatisticRows[StatisticSummary]) -> str:
    """Which targets what follows is over."""
    n_targets = rows.rows[0].n_targets if rows.rows else 0
    if rows.targets != "reliable":
        return f"What follows is over all {n_targets} usable targets."
    return (
        f"What follows is over the {count_of(n_targets, 'reliable target')}: there the 95 % confidence interval of "
        "the full model's R² lies above 0. The full model alone chose them, before its parts were compared. "
        "desc-findings has the same over all."
    )


def _scores(rows: StatisticRows[AnyRow], comparison: Comparison) -> str:
    first, second = (with_interval(rows.score(model)) for model in comparison.models)
    return (
        f"Scores. Mean R² is {first} for {comparison.models[0]} alone, {second} for {comparison.models[1]} alone, "
        f"{with_interval(rows.score())} for all together."
    )


def _agreement(rows: StatisticRows[AnyRow], comparison: Comparison) -> list[str]:
    over_time = rows.correlation("prediction_correlation", *comparison.models)
    if over_time is None:
        return []
    over_targets = rows.correlation("map_correlation", *comparison.models)
    partial = rows.correlation("map_correlation_partial", *comparison.models)
    less = f", {with_interval(partial)} once the noise ceiling is partialled out" if partial else ""
    maps = f"Over targets their R² correlate by {with_interval(over_targets)}{less}. " if over_targets else ""
    courses = f"The time courses that they predict correlate by {with_interval(over_time)} on average."
    verdict = _verdict_on_agreement(over_time, rows, comparison)
    beside: list[str] = [_reference(rows, comparison.models, reference) for reference in comparison.control_models]
    return [f"Agreement. {maps}{courses} {verdict}".rstrip(), *(line for line in beside if line)]


def _verdict_on_agreement(over_time: Row, rows: StatisticRows[AnyRow], comparison: Comparison) -> str:
    """What follows from the correlation of two models' predictions: that they predict the same only where they agree
    more with each other than with the baseline and with every control."""
    if over_time.low is None or over_time.high is None:
        return ""
    if over_time.high < 0:
        return "They predict in part the opposite."
    if over_time.low <= 0:
        return "That is not reliably different from 0."
    beyond = {
        control: row
        for control in comparison.control_models
        if (row := rows.agreement_beyond(comparison.models, control.label))
    }
    if not any(control.kind == "baseline" for control in beyond):
        return "There is no baseline to compare this correlation with."
    compared = " ".join(_compared(row, name_of(control)) for control, row in beyond.items())
    is_more = all(_is_above(row) for row in beyond.values())
    return f"{compared} The models predict in part the same." if is_more else compared


def _compared(row: Row, control: str) -> str:
    """Whether two models agree more with each other than with a control, and what that leaves open."""
    difference = f"(difference in Fisher's z {with_interval(row)})"
    if _is_above(row):
        return f"They agree more with each other than either does with {control} {difference}."
    if row.high is not None and row.high < 0:
        return (
            f"At least one of them agrees more with {control} than with the other {difference}: "
            f"they may agree only in what {control} predicts."
        )
    return (
        f"They do not reliably agree more with each other than with {control} {difference}: "
        f"this mean over targets does not show that they agree in more than {control} predicts."
    )


def _is_above(row: Row) -> bool:
    return row.low is not None and row.low > 0


def _reference(rows: StatisticRows[AnyRow], models: tuple[str, str], reference: Component) -> str:
    """How the two models agree with one that knows less; empty where that was not computed."""
    over_time = [rows.correlation("prediction_correlation", model, reference.label) for model in models]
    if None in over_time:
        return ""
    over_targets = [rows.correlation("map_correlation", model, reference.label) for model in models]
    control = capitalised(name_of(reference))
    courses = _with_each(over_time, models)
    maps = f" Over targets, its R² correlates by {_with_each(over_targets, models)}." if all(over_targets) else ""
    return f"{control}. The time courses that it predicts correlate by {courses}.{maps}"


def _with_each(rows: Sequence[Row | None], models: tuple[str, str]) -> str:
    """Correlations of a control with two models."""
    return " and by ".join(f"{with_interval(row)} with {model}'s" for row, model in zip(rows, models, strict=True))


def _shares(rows: StatisticRows[AnyRow], extra: Sequence[ExtraPartition]) -> list[str]:
    whole = rows.of_part("amount", WHOLE)
    if whole is None:
        return []
    if not rows.of_part("share", CONTEXT) or (whole.low is not None and whole.low <= 0):
        return [
            f"Shares. What both models explain ({with_interval(whole)}) is not reliably above 0: no shares are given."
        ]
    parts = [
        f"{with_interval(row, percent=True)} {part_in_words(part, compared_spaces(extra))}"
        for part in split_parts(extra)
        if (row := rows.of_part("share", part))
    ]
    in_sample = any(one.in_sample for one in extra)
    how = " (in-sample: the subspace was fitted on test stimuli too)" if in_sample else ""
    return [
        f"Shares. The two models' shared subspace and the rest of each together explain a mean R² of "
        f"{with_interval(whole)}{how}. Of this: {'; '.join(parts)}. Shares are of sums over targets; they are signed "
        "and add up to 100 %."
    ]


def _differences(rows: StatisticRows[AnyRow], extra: Sequence[ExtraPartition]) -> list[str]:
    """What shared context is more than, where both models explain something."""
    whole = rows.of_part("amount", WHOLE)
    if whole is None or whole.low is None or whole.low <= 0:
        return []
    verdicts = [
        f"{_verdict(row)} {part_in_words(rival, compared_spaces(extra))} (difference in R² {with_interval(row)})."
        for rival in context_rivals(extra)
        if (row := rows.of_part("difference", CONTEXT, rival))
    ]
    return [f"Comparison. Shared context explains {' It explains '.join(verdicts)}"] if verdicts else []


def _verdict(row: Row) -> str:
    if _is_above(row):
        return "more than"
    is_less = row.high is not None and row.high < 0
    return "less than" if is_less else "neither reliably more nor less than"


# ------------------------------------------------------------------------------------------------ figures
def model_pair_drawings(unit: WrittenUnit) -> list[Drawing]:
    """Both models' scores against each other with the spread of their agreement; shares and differences."""
    compared = unit.summary.model_pair
    if compared is None or compared.compared_models is None:
        return []
    models = compared.compared_models
    first, second = (
        np.asarray(unit.partition.values[alone_of(model).label]["rsquared"], dtype=float) for model in models
    )
    words = (
        "Left: a dot is a target, the line is equality. Targets that are noisy for one model are noisy for the "
        "other, which alone makes scores agree. Right: how the held-out time courses that both predict correlate, "
        "target by target."
    )
    content = agreement_chart(models, (first, second), compared.agreement)
    drawings = [Drawing("agreement", content, f"Agreement of {' and '.join(models)}", words)]
    rows = shown_rows(unit.summary)
    has_subspace = bool(subspace_models(unit.summary.extra))
    if has_subspace and n_significant(unit.summary) != 0 and rows.of_part("share", CONTEXT):
        drawings.append(_shares_drawing(rows, unit.summary.extra))
    return drawings


def _shares_drawing(rows: StatisticRows[StatisticSummary], extra: Sequence[ExtraPartition]) -> Drawing:
    spaces = compared_spaces(extra)
    shares = {part_in_words(part, spaces): row for part in split_parts(extra) if (row := rows.of_part("share", part))}
    differences = {
        f"less {part_in_words(rival, spaces)}": row
        for rival in context_rivals(extra)
        if (row := rows.of_part("difference", CONTEXT, rival))
    }
    n_targets = rows.rows[0].n_targets if rows.rows else 0
    words = (
        f"Over {count_of(n_targets, 'target')} ({rows.targets}). Above: shares of what the two models' shared "
        "subspace and rests explain, ratios of sums over targets. Below: differences in mean R². Lines are 95 % "
        "confidence intervals; where there are none, none were made."
    )
    alt = "Shares of what both models explain, and what shared context exceeds"
    return Drawing("shares", shares_chart(shares, differences), alt, words)
