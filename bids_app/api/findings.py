"""What reports say of a unit or of a group, as rows of a table: sentences, and the numbers that they rest on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from bids_app.outputs.report.group.model_pair import group_model_pair_sentences
from bids_app.outputs.report.group.page import means_of, participant_means
from bids_app.outputs.report.unit.controls import controls_sentences, group_controls_sentences
from bids_app.outputs.report.unit.model_pair import model_pair_sentences
from bids_app.outputs.report.unit.statistic_rows import with_interval
from bids_app.outputs.wording.definitions import Definitions
from bids_app.outputs.wording.inference import family_wise
from bids_app.outputs.wording.model_pair import KINDS
from bids_app.outputs.wording.phrases import capitalised, count_of, count_targets, number
from bids_app.records import (
    GroupResultSummary,
    GroupStatistic,
    StatisticSummary,
    UnitSummary,
    WrittenUnit,
    all_components,
)

Row = dict[str, Any]
Topic = Literal["warning", "component", "baseline", "models", "statistic"]
COLUMNS = ("participant", "unit", "topic", "about", "finding", "value", "low", "high", "p", "n")
GROUP = "group"
NAN = float("nan")


def unit_rows(unit: WrittenUnit) -> list[Row]:
    """Of a participant's unit.

    Parameters
    ----------
    unit : as read back.
    """
    summary, whose = unit.summary, (unit.participant, unit.stem)
    pair = summary.model_pair
    return [
        *_sentences(whose, "warning", summary.warnings),
        *_unit_components(summary),
        *_sentences(whose, "baseline", controls_sentences(unit)),
        *_sentences(whose, "models", model_pair_sentences(summary)),
        *(_statistic(whose, one, one.n_targets) for one in (pair.rows if pair else ())),
    ]


def group_rows(group: GroupResultSummary) -> list[Row]:
    """Over participants.

    Parameters
    ----------
    group : one group of the group level's summary.
    """
    whose, means = (GROUP, group.stem), means_of(participant_means(group))
    return [
        *_sentences(whose, "warning", group.notes),
        *_group_components(group),
        *_sentences(whose, "baseline", group_controls_sentences(group, means)),
        *_sentences(whose, "models", group_model_pair_sentences(group)),
        *(_statistic(whose, one, one.n_participants) for one in group.statistics),
    ]


def _row(whose: tuple[str, str], topic: Topic, about: str, finding: str, **numbers: float | None) -> Row:
    known = {key: NAN if value is None else value for key, value in numbers.items()}
    blank = dict.fromkeys(("value", "low", "high", "p", "n"), NAN)
    said = {"participant": whose[0], "unit": whose[1], "topic": topic, "about": about, "finding": finding}
    return {**said, **blank, **known}


def _sentences(whose: tuple[str, str], topic: Topic, sentences: Sequence[str]) -> list[Row]:
    return [_row(whose, topic, "", sentence) for sentence in sentences]


def _unit_components(summary: UnitSummary) -> Iterator[Row]:
    """Mean R² of each component over usable targets, and where it is significant."""
    definitions, made = Definitions(summary.groups, summary.extra), summary.provenance.inference
    for label, component in summary.by_label.items():
        found = summary.components[label]
        spread = found.spreads["rsquared"].usable
        where = count_targets(spread.n, summary.targets.kind)
        tested = "not tested"
        if found.significant is not None and made is not None and not summary.has_no_p:
            criterion = family_wise(made.level, summary.has_unreliable_p)
            tested = f"significant in {found.significant.pfwe} of {where} ({criterion})"
        text = f"{capitalised(definitions.short(component))}: mean R² {number(spread.mean)} over {where}; {tested}."
        yield _row((summary.participant, summary.stem), "component", label, text, value=spread.mean, n=spread.n)


def _group_components(group: GroupResultSummary) -> Iterator[Row]:
    """Mean over participants of each one's mean R²; of electrodes with interval and p."""
    definitions, components = Definitions(group.groups, group.extra), _there(group)
    means, electrodes = participant_means(group), {}
    for row in group.electrodes:
        if row.electrodes == "all":
            electrodes[row.component] = row
    for label, component in components.items():
        mean, own = means[label], electrodes.get(label)
        text = f"{capitalised(definitions.short(component))}: mean R² {number(mean.mean)}"
        text += f" over {count_of(len(mean.points), 'participant')}, above 0 in {mean.n_positive}"
        if significant := (group.significant or {}).get(label):
            where, level = count_targets(group.targets.n, group.targets.kind), group.level
            by_tfce = f"; by TFCE in {group.enhanced[label]}" if label in group.enhanced else ""
            text += f"; significant over participants in {significant.pfwe} of {where} "
            text += f"(family-wise p ≤ {level:g}{by_tfce})"
        numbers = {} if own is None else {"low": own.ci025, "high": own.ci975, "p": own.p}
        known = {"value": mean.mean, "n": len(mean.points), **numbers}
        yield _row((GROUP, group.stem), "component", label, f"{text}.", **known)


def _there(group: GroupResultSummary) -> dict[str, Any]:
    """Label → component, of those that some participant has."""
    there = {row.component for row in group.scores}
    every = all_components(group.groups, group.extra, group.controls)
    return {label: component for label, component in every.items() if label in there}


def _statistic(whose: tuple[str, str], one: StatisticSummary | GroupStatistic, n: int) -> Row:
    """A number of two models, over a set of targets."""
    kind = KINDS[one.about.kind].partition(".")[0]
    text = f"{one.about.name}, {one.targets} targets: {with_interval(one)}. {kind}."
    numbers = {"value": one.value, "low": one.low, "high": one.high}
    return _row(whose, "statistic", f"{one.about.kind}: {one.about.name}", text, **numbers, n=n)
