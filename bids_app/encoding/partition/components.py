"""Unique and shared parts of the explained variance, by inclusion–exclusion over unions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bids_app.encoding.partition.shapley import shapley_values
from bids_app.records import (
    Array,
    Component,
    Fit,
    InferenceResult,
    Inferred,
    Partition,
    alone_of,
    partition_components,
)

ENDS = ("025", "975")  # of a 95 % confidence interval


def partition(
    fit: Fit,
    tests: InferenceResult | None = None,
    bands: Mapping[str, Sequence[str]] | None = None,
    partial_r: Mapping[str, Array] | None = None,
) -> Partition:
    """Components of a fit, signed and never clipped: the parts sum to `full` exactly.

    Parameters
    ----------
    fit : of all unions of its feature groups.
    tests : p and intervals of each component.
    bands : feature group → its bands, for the product measure.
    partial_r : unique part's label → its partial correlation, of `Additions`.

    Returns
    -------
    Partition
        Of several feature groups each also has its Shapley value and, given `bands`, its product measure.
    """
    groups = fit.unions[-1]
    rsquared = {frozenset(union): fit.rsquared[index] for index, union in enumerate(fit.unions)}
    values: dict[str, dict[str, Array]] = {}
    for component in partition_components(groups):
        stats = {"rsquared": component.of(rsquared), **correlation(component, fit, partial_r or {})}
        if tests is not None:
            stats |= inferred(tests.components[component.label])
        values[component.label] = stats
    if len(groups) > 1:
        for group, stats in _shares(fit, rsquared, groups, bands, tests).items():
            values[alone_of(group).label] |= stats
    return Partition(groups, values)


def correlation(component: Component, fit: Fit, partial_r: Mapping[str, Array]) -> dict[str, Array]:
    """A component's `r` by stat, or nothing where it has none: shared parts are a sum of more than two models.

    Parameters
    ----------
    component : of the fit's partition, or of none.
    fit : of all unions that the component is about.
    partial_r : label → partial correlation, of differences of two models.
    """
    if component.label in partial_r:
        return {"r": partial_r[component.label]}
    if len(component.terms) > 1:
        return {}
    (union, _), *_ = component.terms
    return {"r": fit.r[[frozenset(each) for each in fit.unions].index(frozenset(union))]}


def _shares(
    fit: Fit,
    rsquared: dict[frozenset[str], Array],
    groups: tuple[str, ...],
    bands: Mapping[str, Sequence[str]] | None,
    tests: InferenceResult | None,
) -> dict[str, dict[str, Array]]:
    """Feature group → its Shapley value and product measure, with intervals where there are any."""
    by_stat = {"shapley": shapley_values(rsquared, groups)}
    if bands is not None and fit.product:  # the published solver has none
        by_stat["product"] = {group: np.sum([fit.product[band] for band in bands[group]], axis=0) for group in groups}
    shares: dict[str, dict[str, Array]] = {group: {} for group in groups}
    for stat, values in by_stat.items():
        for group, value in values.items():
            shares[group][stat] = value
            ends = tests.share_intervals.get((group, stat), ()) if tests is not None else ()
            shares[group] |= {f"{stat}{label}": end for label, end in zip(ENDS, ends, strict=False)}
    return shares


def inferred(component: Inferred) -> dict[str, Array]:
    """What inference says of a component, by stat."""
    return {
        "p": component.p,
        "pfwe": component.p_family,
        "q": component.q,
        "ci025": component.low,
        "ci975": component.high,
    }
