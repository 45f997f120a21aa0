"""Unique and shared parts of the explained variance, by inclusion–exclusion over unions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bids_app.encoding.partition.shapley import shapley_values
from bids_app.records import Array, Fit, InferenceResult, Inferred, Partition, alone_of, partition_components

LIMITS = ("025", "975")


def partition(
    fit: Fit, tests: InferenceResult | None = None, bands: Mapping[str, Sequence[str]] | None = None
) -> Partition:
    """Components of `fit`, signed and never clipped: the parts sum to `full` exactly; with what `tests` says of each.
    Of several feature groups each also has its Shapley value and, given its `bands`, its product measure."""
    groups = fit.unions[-1]
    rsquared = {frozenset(union): fit.rsquared[index] for index, union in enumerate(fit.unions)}
    r = {frozenset(union): fit.r[index] for index, union in enumerate(fit.unions)}
    values: dict[str, dict[str, Array]] = {}
    for one in partition_components(groups):
        values[one.label] = {"rsquared": one.of(rsquared)}
        if one.is_total:
            values[one.label]["r"] = r[frozenset(one.terms[0][0])]
        if tests is not None:
            values[one.label] |= inferred(tests.components[one.label])
    if len(groups) > 1:
        for group, stats in _shares(fit, rsquared, groups, bands, tests).items():
            values[alone_of(group).label] |= stats
    return Partition(groups, values)


def _shares(
    fit: Fit,
    rsquared: dict[frozenset[str], Array],
    units: tuple[str, ...],
    bands: Mapping[str, Sequence[str]] | None,
    tests: InferenceResult | None,
) -> dict[str, dict[str, Array]]:
    """Unit → its Shapley value and product measure, with limits where there are any."""
    found = {"shapley": shapley_values(rsquared, units)}
    if bands is not None and fit.product:  # the published solver has none
        found["product"] = {unit: np.sum([fit.product[band] for band in bands[unit]], axis=0) for unit in units}
    shares: dict[str, dict[str, Array]] = {unit: {} for unit in units}
    for stat, values in found.items():
        for unit, value in values.items():
            shares[unit][stat] = value
            limits = tests.limits.get((unit, stat), ()) if tests is not None else ()
            shares[unit] |= {f"{stat}{end}": limit for end, limit in zip(LIMITS, limits, strict=False)}
    return shares


def inferred(found: Inferred) -> dict[str, Array]:
    """What inference says of a component, by stat."""
    return {"p": found.p, "pfwe": found.p_family, "q": found.q, "ci025": found.low, "ci975": found.high}
