"""Means over electrodes, with people as the sample: a hierarchical bootstrap of people, then of their electrodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import t as student

from bids_app.encoding.inference.component_tests import null_hypotheses
from bids_app.group.participant_tests import tests_of, union_values, value_of
from bids_app.records import Array, partition_components

DRAWS = 2000
Values = Mapping[str, Array]


def over_electrodes(people: Sequence[Values], units: Sequence[str], seed: int) -> dict[str, dict[str, float]]:
    """people: {component: (n_electrodes,)} rsquared of each person, of all parts of `units` and any of their totals,
    the same electrodes for all components, NaN where there is none → {component: {'mean', 'ci025', 'ci975', 'p'}} of
    the mean over people of their electrodes' mean.

    The standard error is the bootstrap's, times √(n / (n − 1)) for n people, and limits and p are Student's with
    n − 1 degrees of freedom: percentiles of so few people would be too narrow. p is one-sided, the largest of all
    nulls a component has (`encoding.inference`), no smaller than 2^−n, and 1 where the mean is not above zero.
    Two people are the least; with fewer there is nothing but the mean.
    """
    found = {one.label: one for one in partition_components(units) if one.label in people[0]}
    tests = tests_of(found)
    names = list(found)
    tables = [_table(one, tuple(units), names, tests) for one in people]
    tables = [table for table in tables if len(table)]
    if not tables:
        return {}
    mean, error = mean_and_error(tables, seed)
    low, high, p = student_limits(mean, error, len(tables))
    p_of = dict(zip(tests, p[len(names) :], strict=True))
    return {
        name: {
            "mean": float(mean[row]),
            "ci025": float(low[row]),
            "ci975": float(high[row]),
            "p": float(max(p[row], *(p_of[test] for test in null_hypotheses(found[name])))),
        }
        for row, name in enumerate(names)
    }


def _table(values: Values, units: tuple[str, ...], names: Sequence[str], tests: Sequence[Any]) -> Array:
    """(n_electrodes with a value, n_components + n_tests)."""
    unions = union_values(values, units)
    table = np.column_stack([*(values[name] for name in names), *(value_of(test, unions) for test in tests)])
    return np.asarray(table[np.isfinite(table).all(axis=1)], dtype=np.float64)


def mean_and_error(tables: Sequence[Array], seed: int, draws: int = DRAWS) -> tuple[Array, Array]:
    """tables: (n_electrodes, n_columns) of each person → the mean over people of their means, and its standard error
    (n_columns,), NaN for one person."""
    n = len(tables)
    mean = np.mean([table.mean(axis=0) for table in tables], axis=0)
    if n == 1:
        return mean, np.full_like(mean, np.nan)
    rng = np.random.default_rng(seed)
    total = np.zeros((draws, len(mean)))
    for chosen in rng.integers(0, n, (n, draws)):
        for number, table in enumerate(tables):
            mine = np.flatnonzero(chosen == number)
            size = len(table)
            total[mine] += rng.multinomial(size, np.full(size, 1 / size), size=len(mine)) @ table / size
    return mean, np.asarray((total / n).std(axis=0, ddof=1) * np.sqrt(n / (n - 1)))


def student_limits(mean: Array, error: Array, n: int) -> tuple[Array, Array, Array]:
    """95 % limits and one-sided p of a mean over n people."""
    if n == 1:
        return error, error, error
    half = student.ppf(0.975, n - 1) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        p = student.sf(np.where(error > 0, mean / error, np.where(mean > 0, np.inf, 0.0)), n - 1)
    return mean - half, mean + half, np.where(mean > 0, np.maximum(p, 0.5**n), 1.0)
