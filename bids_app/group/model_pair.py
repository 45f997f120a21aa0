"""Statistics of two models over participants: means with Student's t, participants being what varies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import stdtrit

from bids_app.records import (
    WHOLE,
    Array,
    GroupStatistic,
    Number,
    StatisticKind,
    StatisticSubject,
    TargetSet,
    UnitSummary,
    WrittenUnit,
)

UPPER = 0.975
RELIABLE: TargetSet = "reliable"
BELOW_ONE = 1 - 1e-12
CORRELATIONS: tuple[StatisticKind, ...] = ("map_correlation", "map_correlation_partial", "prediction_correlation")
Key = tuple[StatisticSubject, TargetSet]
Estimate = tuple[float, float, float]  # a value and the ends of its 95 % confidence interval


def group_statistics(members: Sequence[WrittenUnit], signed_rsquared: bool = True) -> tuple[GroupStatistic, ...]:
    """A row a statistic that at least two participants have (or the one that there is).

    Correlations are averaged through Fisher's z. A share is the participants' mean amount over their mean whole, its
    interval by linearisation. Reliable targets count in participants of whom some target is significant over all of
    theirs.

    Parameters
    ----------
    members : units of a group, one a participant.
    signed_rsquared : whether scores are held-out R²; without there are no intervals.
    """
    participants = [_values(unit.summary) for unit in members]
    keys = dict.fromkeys(key for values in participants for key, value in values.items() if value is not None)
    rows = []
    for about, targets in keys:
        n, (value, low, high) = _over((about, targets), participants)
        if n >= min(2, len(members)):
            ends = (low, high) if signed_rsquared and np.isfinite(low) else (None, None)
            rows.append(GroupStatistic(about, targets, n, value, *ends))
    return tuple(rows)


def _values(summary: UnitSummary) -> dict[Key, Number]:
    """One participant's."""
    significant = summary.components["full"].significant
    is_predicted = significant is not None and significant.pfwe > 0
    rows = summary.model_pair.rows if summary.model_pair else ()
    return {(row.about, row.targets): row.value for row in rows if is_predicted or row.targets != RELIABLE}


def _over(key: Key, participants: Sequence[Mapping[Key, Number]]) -> tuple[int, Estimate]:
    """Over how many participants, and the estimate."""
    about, targets = key
    if about.kind == "share":
        amount = StatisticSubject("amount", part=about.part, in_sample=about.in_sample), targets
        whole = StatisticSubject("amount", part=WHOLE, in_sample=about.in_sample), targets
        both = [(values.get(amount), values.get(whole)) for values in participants]
        pairs = np.array([pair for pair in both if None not in pair], dtype=float)
        return len(pairs), ratio(pairs[:, 0], pairs[:, 1])
    numbers = np.array([values[key] for values in participants if values.get(key) is not None], dtype=float)
    if about.kind not in CORRELATIONS:
        return len(numbers), mean(numbers)
    z = mean(np.arctanh(np.clip(numbers, -BELOW_ONE, BELOW_ONE)))
    return len(numbers), (float(np.tanh(z[0])), float(np.tanh(z[1])), float(np.tanh(z[2])))


def mean(values: Array) -> Estimate:
    """Mean of (n_participants,) values and its 95 % confidence interval by Student's t; NaN for fewer than two."""
    return _with_interval(float(values.mean()), values - values.mean())


def ratio(amounts: Array, wholes: Array) -> Estimate:
    """Ratio of two sums over participants, and its 95 % confidence interval: it varies as amount − ratio · whole.

    Parameters
    ----------
    amounts, wholes : (n_participants,) each, both in one unit.

    Returns
    -------
    The ratio, and the lower and upper end of its interval; these are NaN for fewer than two participants.
    """
    value = float(amounts.sum() / wholes.sum())
    return _with_interval(value, (amounts - value * wholes) / wholes.mean())


def _with_interval(value: float, deviations: Array) -> Estimate:
    n = len(deviations)
    if n < 2:
        return value, np.nan, np.nan
    half = float(stdtrit(n - 1, UPPER)) * float(np.sqrt(np.square(deviations).sum() / (n - 1) / n))
    return value, value - half, value + half
