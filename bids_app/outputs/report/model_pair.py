"""What a report says of two models: sentences that follow from the findings' numbers and intervals, and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bids_app.outputs.derivatives.sidecars import count_of, is_published
from bids_app.outputs.figures.model_pair import agreement_chart, shares_chart
from bids_app.outputs.report.baseline import NOUNS
from bids_app.outputs.report.render import number
from bids_app.outputs.wording.model_pair import CONTEXT, WHOLE, difference_words, models_of, part_words
from bids_app.records import WrittenUnit, camel, space_label

Summary = Mapping[str, Any]
Further = Mapping[str, Sequence[str]]
Row = Mapping[str, Any]
Drawn = tuple[str, bytes, str, str]  # label, content, words in place of the picture, caption
IN_SAMPLE = "inSample"
RELIABLE = "reliable"
PUBLISHED = (
    "Scores are those of the published code (mean over folds of squared r): above 0 on noise, and without intervals. "
    "They are for comparison with that code; claims come from chen2024-cv."
)
NO_TEST = "No test was made (inference: permutations): the numbers below are descriptions."


class Rows:
    """Statistics of one set of targets: of a person, or over people."""

    def __init__(self, rows: Sequence[Row], targets: str) -> None:
        self._rows = {(row["kind"], row["name"]): row for row in rows if row["targets"] == targets}
        self.targets = targets
        self.n = next((row.get("n_targets", row.get("n_people", 0)) for row in self._rows.values()), 0)

    def get(self, kind: str, name: str) -> Row | None:
        """One finding, under its own name or that of an in-sample one."""
        long = f"{IN_SAMPLE}{name[:1].upper()}{name[1:]}"
        return self._rows.get((kind, name)) or self._rows.get((kind, long))

    @property
    def in_sample(self) -> bool:
        """Whether the shared subspace was fitted on test stimuli too."""
        return any(name.startswith(IN_SAMPLE) for _, name in self._rows)


def shown_rows(summary: Summary) -> Rows:
    """Over targets that are reliably predicted, where there are some; else over all."""
    rows = summary["findings"]["rows"]
    reliable = Rows(rows, RELIABLE)
    return reliable if reliable.n and n_significant(summary) else Rows(rows, "all")


def n_significant(summary: Summary) -> int | None:
    """Targets whose full model is significant over all of them; None where nothing was tested."""
    found = summary["significant"]
    return None if found is None else int(found["full"]["pfwe"])


def model_pair_sentences(summary: Summary) -> list[str]:
    """The four findings; on noise that there are none."""
    between = summary["findings"]["between"]
    if between is None:
        return []
    noun, count = NOUNS[summary["targets"]["kind"]], n_significant(summary)
    if count == 0:
        level = summary["provenance"]["inference"]["fdr"]
        return [
            f"No {noun} is predicted by the full model (family-wise p ≤ {level:g}): nothing is said of what the "
            "models share, and no parts are compared."
        ]
    rows = shown_rows(summary)
    first = (
        PUBLISHED if is_published(summary["provenance"]) else NO_TEST if count is None else _chosen(rows, noun, count)
    )
    return [
        first,
        *said_of(rows, between, summary["further"], _held_against(summary), claims=bool(count)),
    ]


def said_of(
    rows: Rows, between: Sequence[str], further: Further, references: Sequence[str], claims: bool
) -> list[str]:
    """Scores, agreement beside that with `references`, shares and, where there may be claims, comparisons."""
    return [
        _scores(rows, between),
        *_agreement(rows, between, references),
        *_shares(rows, further),
        *(_comparisons(rows, further) if claims else ()),
    ]


def _chosen(rows: Rows, noun: str, count: int) -> str:
    if rows.targets != RELIABLE:
        return f"The full model predicts {count_of(count, noun)} (family-wise). What follows is over all {rows.n}."
    return (
        f"The full model predicts {count_of(count, noun)} (family-wise). What follows is over the {rows.n} whose "
        "full R² is above 0 beyond its interval, chosen before its parts were compared; desc-findings has the same "
        "over all."
    )


def _with_limits(row: Row | None, percent: bool = False) -> str:
    """`.12 (.10 to .14)`."""
    if row is None or row["value"] is None:
        return "–"

    def said(value: float) -> str:
        return f"{number(100 * value, 0)} %" if percent else number(value)

    limits = row["low"], row["high"]
    return said(row["value"]) + ("" if None in limits else f" ({said(limits[0])} to {said(limits[1])})")


def _scores(rows: Rows, between: Sequence[str]) -> str:
    one, other = (_with_limits(rows.get("score", space_label(name))) for name in between)
    full = _with_limits(rows.get("score", "full"))
    return (
        f"Scores. Mean R² is {one} for {between[0]} alone, {other} for {between[1]} alone, {full} for all together."
    )


def _agreement(rows: Rows, between: Sequence[str], references: Sequence[str]) -> list[str]:
    pair = "".join(map(camel, between))
    over_time = rows.get("prediction_correlation", pair)
    if over_time is None:
        return []
    over_targets, partial = rows.get("map_correlation", pair), rows.get("map_correlation_partial", pair)
    less = f", {_with_limits(partial)} once the ceiling is partialled out" if partial else ""
    maps = f"Over targets their R² correlate by {_with_limits(over_targets)}{less}. " if over_targets else ""
    said = f"The time courses that they predict correlate by {_with_limits(over_time)} on average."
    lines = [f"Agreement. {maps}{said}{_same(over_time)}"]
    held = [_beside(rows, between, name) for name in references]
    return [*lines, *(line for line in held if line)]


def _same(row: Row) -> str:
    if row["low"] is None:
        return ""
    if row["low"] > 0:
        return " The models predict in part the same."
    return " They predict in part the opposite." if row["high"] < 0 else " That is not reliably different from 0."


def _held_against(summary: Summary) -> list[str]:
    comparisons = summary["provenance"]["beside"]["comparisons"]
    return [name for name, one in comparisons.items() if not one["without"]]


def _beside(rows: Rows, between: Sequence[str], reference: str) -> str:
    found = [rows.get("prediction_correlation", f"{camel(name)}{camel(reference)}") for name in between]
    if None in found:
        return ""
    maps = [rows.get("map_correlation", f"{camel(name)}{camel(reference)}") for name in between]
    both = " and ".join(f"{_with_limits(row)} ({name})" for row, name in zip(found, between, strict=True))
    over = " and ".join(_with_limits(row) for row in maps if row)
    also = f"; their maps by {over}" if over else ""
    return f"Beside it: with what {reference} predicts, their time courses correlate by {both}{also}."


def _shares(rows: Rows, further: Further) -> list[str]:
    words = part_words(further)
    whole = rows.get("amount", WHOLE)
    if whole is None:
        return []
    if not rows.get("share", CONTEXT) or (whole["low"] is not None and whole["low"] <= 0):
        return [
            f"Shares. What both models explain ({_with_limits(whole)}) is not reliably above 0: no shares are given."
        ]
    parts = [
        f"{_with_limits(row, percent=True)} {said}"
        for name, said in words.items()
        if (row := rows.get("share", name))
    ]
    how = " (in-sample: the subspace was fitted on test stimuli too)" if rows.in_sample else ""
    return [
        f"Shares. Of the R² of the two models' shared subspace and the rest of each, {_with_limits(whole)}{how}: "
        f"{'; '.join(parts)}. Signed shares of sums over targets; they add up to 100 %."
    ]


def _comparisons(rows: Rows, further: Further) -> list[str]:
    """Finding 4, where both models explain something."""
    whole = rows.get("amount", WHOLE)
    if whole is None or whole["low"] is None or whole["low"] <= 0:
        return []
    said = [
        f"{_verdict(row)} {against} (difference in R² {_with_limits(row)})"
        for name, against in difference_words(further)
        if (row := rows.get("difference", name))
    ]
    return [f"Comparison. Shared context explains {'; it explains '.join(said)}."] if said else []


def _verdict(row: Row) -> str:
    if row["low"] > 0:
        return "more than"
    return "less than" if row["high"] < 0 else "neither reliably more nor less than"


# ------------------------------------------------------------------------------------------------ figures
def model_pair_figures(unit: WrittenUnit) -> list[Drawn]:
    """Both models' scores against each other with the spread of their agreement; shares and differences."""
    summary = unit.summary
    found = summary["findings"]
    if found is None or found["between"] is None:
        return []
    names = found["between"]
    scores = [np.asarray(unit.partition.values[space_label(name)]["rsquared"], dtype=float) for name in names]
    content = agreement_chart(
        names, (scores[0], scores[1]), found["agreement"]["counts"], found["agreement"]["edges"]
    )
    words = (
        "Left: a dot is a target, the line is equality. Targets that are noisy for one model are noisy for the "
        "other, which alone makes scores agree. Right: how the held-out time courses that both predict correlate, "
        "target by target."
    )
    drawn = [("agreement", content, f"Agreement of {' and '.join(names)}", words)]
    rows = shown_rows(summary)
    if len(models_of(summary["further"])) == 2 and n_significant(summary) != 0 and rows.get("share", CONTEXT):
        drawn.append(_shares_figure(summary, rows))
    return drawn


def _shares_figure(summary: Summary, rows: Rows) -> Drawn:
    shares = {said: rows.get("share", name) for name, said in part_words(summary["further"]).items()}
    less = {f"less {said}": rows.get("difference", name) for name, said in difference_words(summary["further"])}
    content = shares_chart(
        {said: row for said, row in shares.items() if row}, {said: row for said, row in less.items() if row}
    )
    words = (
        f"Over {count_of(rows.n, 'target')} ({rows.targets}). Above: shares of what the two models' shared subspace "
        "and rests explain, ratios of sums over targets. Below: differences in mean R². Lines are 95 % intervals; "
        "where there are none, none were made."
    )
    return "shares", content, "Shares of what both models explain, and what shared context exceeds", words
