"""Means over electrodes, with participants as the sample: a hierarchical bootstrap of participants, then of their
electrodes.

It takes participants for independent. Where they hear one stimulus they are not: what all responses to it have in
common by chance is in everyone's electrodes. There is no mean response to guard against that, as electrodes of
different people are not the same place. What participants' own tests say is proof against it, as these change signs
by block of the stimulus's time: `any_electrode` joins them, whatever they have in common.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from bids_app.group.participant_tests import ParticipantValues, null_values, nulls_of
from bids_app.records import FEWEST_TESTED, Array, Component

DRAWS = 2000


@dataclass(frozen=True)
class MeanEstimate:
    """A mean over participants, the ends of its 95 % confidence interval and a one-sided p; NaN for what there is
    not."""

    mean: float
    low: float
    high: float
    p: float


def over_electrodes(
    participants: Sequence[ParticipantValues],
    components: Sequence[Component],
    seed: int,
    stimulus: Mapping[str, float] | None = None,
) -> dict[str, MeanEstimate]:
    """The mean over participants of their electrodes' mean.

    The standard error is the bootstrap's, times √(n / (n − 1)) for n participants, and the interval and p are
    Student's with n − 1 degrees of freedom: percentiles of so few participants would be too narrow. The mean and its
    interval are of R²; p is of Fisher's z of the correlations (of a shared part of R²: `participant_tests`).
    It is one-sided, the largest of all nulls a component has, no smaller than 2^−n, and 1 where their mean is not
    above zero. Of fewer than `FEWEST_TESTED` participants no p could be .05 or less: p and interval are NaN.

    Parameters
    ----------
    participants : of each, label → (n_electrodes,) values, the same electrodes for all components, NaN where there is
        none.
    components : all of one partition, or one of none.
    seed : of the bootstrap.
    stimulus : label → p that no electrode of anybody has anything of the component (`any_electrode`), which p is no
        smaller than; p is NaN where it is.

    Returns
    -------
    Label → estimate, of every component that has values.
    """
    tested = [one for one in components if one.label in participants[0].rsquared]
    nulls = list(dict.fromkeys(null for one in tested for null in nulls_of(one)))
    tables = [_table(values, tested, components) for values in participants]
    tables = [table for table in tables if len(table)]
    if not tables:
        return {}
    mean, error = mean_and_error(tables, seed)
    low, high, p = student_limits(mean, error, len(tables))
    if len(tables) < FEWEST_TESTED:
        low, high, p = (np.full_like(p, np.nan) for _ in range(3))
    p_of = dict(zip(nulls, p[len(tested) :], strict=True))
    return {
        one.label: MeanEstimate(
            mean=float(mean[row]),
            low=float(low[row]),
            high=float(high[row]),
            p=float(np.max([*(p_of[null] for null in nulls_of(one)), (stimulus or {}).get(one.label, 0.0)])),
        )
        for row, one in enumerate(tested)
    }


def any_electrode(family: Sequence[Array]) -> float:
    """p that no electrode of any participant has anything: the smallest family-wise p times the number of
    participants, which holds whatever they have in common (Bonferroni).

    Parameters
    ----------
    family : of each participant (n_electrodes,) family-wise p; NaN where there is none, which counts as 1.

    Returns
    -------
    p, at most 1; NaN where nobody has any.
    """
    known = np.concatenate([one[np.isfinite(one)] for one in family])
    return float(min(1.0, len(family) * known.min())) if len(known) else np.nan


def _table(values: ParticipantValues, tested: Sequence[Component], components: Sequence[Component]) -> Array:
    """(n_electrodes with a value, n_components + n_nulls)."""
    nulls = null_values(tested, components, values)
    table = np.column_stack([*(values.rsquared[one.label] for one in tested), *nulls.values()])
    return np.asarray(table[np.isfinite(table).all(axis=1)], dtype=np.float64)


def mean_and_error(tables: Sequence[Array], seed: int, draws: int = DRAWS) -> tuple[Array, Array]:
    """The mean over participants of their means, and its standard error by a bootstrap of both levels.

    Parameters
    ----------
    tables : of each participant (n_electrodes, n_columns).
    seed, draws : of the bootstrap.

    Returns
    -------
    Mean and standard error, (n_columns,) each; the latter NaN for one participant.
    """
    n = len(tables)
    mean = np.mean([table.mean(axis=0) for table in tables], axis=0)
    if n == 1:
        return mean, np.full_like(mean, np.nan)
    rng = np.random.default_rng(seed)
    total = np.zeros((draws, len(mean)))
    for chosen in rng.integers(0, n, (n, draws)):  # the participant in this place of each draw
        for number, table in enumerate(tables):
            drawn = np.flatnonzero(chosen == number)
            size = len(table)
            # how often each electrode is drawn, (n_drawn, n_electrodes), weights the electrodes' values
            total[drawn] += rng.multinomial(size, np.full(size, 1 / size), size=len(drawn)) @ table / size
    return mean, np.asarray((total / n).std(axis=0, ddof=1) * np.sqrt(n / (n - 1)))


def student_limits(mean: Array, error: Array, n: int) -> tuple[Array, Array, Array]:
    """The 95 % confidence interval of means over participants, and their one-sided p.

    Parameters
    ----------
    mean, error : (n_columns,) means and their standard errors.
    n : number of participants.

    Returns
    -------
    Lower ends, upper ends and p, (n_columns,) each; NaN for one participant.
    """
    if n == 1:
        return error, error, error
    half = student.ppf(0.975, n - 1) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        p = student.sf(np.where(error > 0, mean / error, np.where(mean > 0, np.inf, 0.0)), n - 1)
    return mean - half, mean + half, np.where(mean > 0, np.maximum(p, 0.5**n), 1.0)
