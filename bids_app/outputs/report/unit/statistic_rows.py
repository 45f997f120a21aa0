"""Statistics of two models by what they are about, of one set of targets: of a participant, or over participants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from bids_app.outputs.wording.phrases import number
from bids_app.records import GroupStatistic, SplitPart, StatisticKind, StatisticSummary, TargetSet

Row = StatisticSummary | GroupStatistic
AnyRow = TypeVar("AnyRow", StatisticSummary, GroupStatistic)
Key = tuple[StatisticKind, frozenset[str], SplitPart | None, SplitPart | None]


class StatisticRows(Generic[AnyRow]):
    """Rows of one set of targets, found by their subject.

    Parameters
    ----------
    rows : of all sets of targets.
    targets : the set.
    """

    def __init__(self, rows: Sequence[AnyRow], targets: TargetSet) -> None:
        self.targets = targets
        self.rows: tuple[AnyRow, ...] = tuple(row for row in rows if row.targets == targets)
        self._by_subject: dict[Key, AnyRow] = {
            (row.about.kind, frozenset(row.about.models), row.about.part, row.about.less): row for row in self.rows
        }

    def score(self, *models: str) -> AnyRow | None:
        """Mean R² of a feature group alone; of none, of the full model."""
        return self._by_subject.get(("score", frozenset(models), None, None))

    def correlation(self, kind: StatisticKind, one: str, other: str) -> AnyRow | None:
        """A correlation of two models.

        Parameters
        ----------
        kind : of maps, partial, or of predictions.
        one, other : the two models, in any order.
        """
        return self._by_subject.get((kind, frozenset((one, other)), None, None))

    def agreement_beyond(self, models: tuple[str, str], control: str) -> AnyRow | None:
        """By how much two models agree more with each other than with a control (difference in Fisher's z).

        Parameters
        ----------
        models : the two.
        control : the baseline's or a control's label.
        """
        return self._by_subject.get(("agreement_beyond", frozenset((*models, control)), None, None))

    def of_part(self, kind: StatisticKind, part: SplitPart, less: SplitPart | None = None) -> AnyRow | None:
        """An amount, share or difference of a part.

        Parameters
        ----------
        kind : amount, share or difference.
        part : of what both models explain.
        less : of a difference, the part that is taken off.
        """
        return self._by_subject.get((kind, frozenset(), part, less))


def with_interval(row: Row | None, percent: bool = False) -> str:
    """`.12 (.10 to .14)`: a value and its 95 % confidence interval, where there is one.

    Parameters
    ----------
    row : the statistic; None where there is none.
    percent : whether it is shown in per cent.
    """
    if row is None or row.value is None:
        return "–"

    def shown(value: float) -> str:
        """A value as text, in per cent where asked for."""
        return f"{number(100 * value, 0)} %" if percent else number(value)

    if row.low is None or row.high is None:
        return shown(row.value)
    return f"{shown(row.value)} ({shown(row.low)} to {shown(row.high)})"
