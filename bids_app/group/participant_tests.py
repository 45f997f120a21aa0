"""Tests over people, target by target: sign flips of people's values, max-T, and intervals for their mean.

The null hypothesis of a component: over the people, its held-out rsquared is as often and as far below zero as above.
A shared part is a signed sum of unions' values, whose bias people have in common, so that no number of them averages
it out; as in each person, it is significant only where every set of the sharing spaces adds to the others. Sign flips
of people take the stimulus as fixed: what all responses to it have in common by chance is in every person. p of the
same components in the mean response (`stimulus`), where blocks of all people's responses change their sign alike,
guards against that; the larger p counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from scipy.stats import t as student

from bids_app.encoding.inference.component_tests import Contrast, Total, null_hypotheses
from bids_app.encoding.inference.multiple_testing import MaxTNull, fdr
from bids_app.encoding.inference.sign_flips import draw_signs
from bids_app.encoding.ridge.fit import unions_of
from bids_app.records import Array, Component, partition_components

AT_ONCE = 2**21  # numbers of a null made at once; bounds memory
Values = Mapping[str, Array]


def participant_tests(
    values: Values, units: Sequence[str], permutations: int, seed: int, stimulus: Mapping[str, Values] | None = None
) -> dict[str, dict[str, Array]]:
    """values {component: (n_people, n_targets)} of rsquared, NaN where a person has none, of all parts of `units`
    and any of their totals → {component: {'p', 'pfwe', 'q', 'ci025', 'ci975': (n_targets,)}}.

    `stimulus` {component: {'p', 'pfwe': (n_targets,)}}: of the mean response; p is NaN where it is. Sign vectors are
    all 2^n of n people where that is at most 1 + permutations, else drawn.
    """
    found = {one.label: one for one in partition_components(units) if one.label in values}
    unions = union_values(values, tuple(units))
    tests = {test: _family(value_of(test, unions), permutations, seed) for test in tests_of(found)}
    return {
        name: {
            **_significance([tests[test] for test in null_hypotheses(component)], (stimulus or {}).get(name)),
            **t_interval(values[name]),
        }
        for name, component in found.items()
    }


def shared_parts(units: Sequence[str]) -> tuple[str, ...]:
    """The components that more than one null must fall for."""
    return tuple(one.label for one in partition_components(units) if len(null_hypotheses(one)) > 1)


def tests_of(found: Mapping[str, Component]) -> tuple[Total | Contrast, ...]:
    """Every null that some of these components needs to fall, once."""
    return tuple(dict.fromkeys(test for component in found.values() for test in null_hypotheses(component)))


def union_values(values: Values, units: tuple[str, ...]) -> dict[frozenset[str], Array]:
    """rsquared of every union of units, as the sum of the parts that any of its units has (inclusion–exclusion)."""
    parts = [one for one in partition_components(units) if one.is_part]
    return {
        frozenset(union): np.asarray(np.sum([values[one.label] for one in parts if {*union} & {*one.groups}], axis=0))
        for union in unions_of(units)
    }


def value_of(test: Total | Contrast, unions: Mapping[frozenset[str], Array]) -> Array:
    """A test's signed sum of unions' rsquared."""
    if isinstance(test, Total):
        return unions[test.union]
    return np.asarray(np.sum([sign * unions[union] for union, sign in test.terms], axis=0))


def _family(table: Array, permutations: int, seed: int) -> tuple[Array, Array]:
    """(n_people, n_targets) → p and family-wise p (n_targets,) of the mean over people under flips of their signs."""
    there = np.isfinite(table)
    summed = torch.as_tensor(np.where(there, table, 0.0), dtype=torch.float64)
    n = torch.as_tensor(np.where(there.any(axis=0), there.sum(axis=0), np.nan), dtype=torch.float64)
    signs = torch.as_tensor(draw_signs(len(table), permutations, seed), dtype=torch.float64)
    family = MaxTNull()
    at_once = max(1, AT_ONCE // len(signs))
    for first in range(0, table.shape[1], at_once):
        some = slice(first, first + at_once)
        family.add(signs @ summed[:, some] / n[some])
    found = family.significance()
    return found.p, found.p_family


def _significance(found: Sequence[tuple[Array, Array]], stimulus: Values | None) -> dict[str, Array]:
    """The largest p of all tests."""
    p, p_family = (np.max([each[kind] for each in found], axis=0) for kind in (0, 1))
    if stimulus is not None:
        p, p_family = np.maximum(p, stimulus["p"]), np.maximum(p_family, stimulus["pfwe"])
    return {"p": p, "pfwe": p_family, "q": fdr(p)}


def t_interval(table: Array) -> dict[str, Array]:
    """(n_people, n_targets) → 95 % limits of the mean over people by Student's t, NaN for fewer than two people."""
    table = np.asarray(table, dtype=np.float64)
    there = np.isfinite(table)
    n = np.where(there.sum(axis=0) > 1, there.sum(axis=0), np.nan)
    mean = np.where(there, table, 0.0).sum(axis=0) / n
    variance = np.where(there, (table - mean) ** 2, 0.0).sum(axis=0) / (n - 1)
    half = student.ppf(0.975, n - 1) * np.sqrt(variance / n)
    return {"ci025": mean - half, "ci975": mean + half}
