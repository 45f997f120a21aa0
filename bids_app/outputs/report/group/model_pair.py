"""What the group report says of two models."""

from __future__ import annotations

from bids_app.outputs.report.unit.model_pair import PUBLISHED, Comparison, comparison_sentences, control_models_of
from bids_app.outputs.report.unit.statistic_rows import StatisticRows
from bids_app.records import GroupResultSummary


def group_model_pair_sentences(group: GroupResultSummary) -> list[str]:
    """Of participants' means, where the analysis has two models; no part is compared unless the full model's mean is
    reliably above zero over participants."""
    if not group.statistics or group.compared_models is None or len(group.participants) < 2:
        return []
    reliable, everywhere = StatisticRows(group.statistics, "reliable"), StatisticRows(group.statistics, "all")
    rows = reliable if reliable.score() else everywhere
    full, full_everywhere = rows.score(), everywhere.score()
    if full is None or full_everywhere is None:
        return []
    has_interval = full_everywhere.low is not None
    if full_everywhere.low is not None and full_everywhere.low <= 0 and rows is everywhere:
        return ["Over participants the full model's mean R² is not reliably above 0: no parts are compared."]
    which = "usable" if rows is everywhere else "reliably predicted"
    first = (
        f"Means over {full.n_participants} participants, of each participant's {which} targets; 95 % confidence "
        "intervals by Student's t over participants."
        if group.signed_rsquared
        else PUBLISHED
    )
    comparison = Comparison(group.compared_models, group.extra, control_models_of(group.controls))
    return [first, *comparison_sentences(rows, comparison, claims=has_interval)]
