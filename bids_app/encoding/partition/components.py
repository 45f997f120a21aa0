"""Unique and shared parts of the explained variance, by inclusion–exclusion over unions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from bids_app.encoding.partition.shapley import shapley_values
from bids_app.records import Array, Fit, InferenceResult, Inferred, Partition, component_names, space_label

LIMITS = ("025", "975")


def partition(
    fit: Fit, tests: InferenceResult | None = None, bands: Mapping[str, Sequence[str]] | None = None
) -> Partition:
    """Components of `fit`, signed and never clipped: the parts sum to `full` exactly; with what `tests` says of each.
    Of several units each also has its Shapley value and, given its `bands`, its product measure.

    The part of a set S of units K is what exactly S shares: Σ_{T ⊆ S} (−1)^{|T|+1} R²((K∖S) ∪ T), R²(∅) = 0
    (inclusion–exclusion on `rsquared`; for |S| = 1 it is R²(K) − R²(K∖S), the unique part).
    """
    units = fit.unions[-1]
    rsquared = {frozenset(union): fit.rsquared[index] for index, union in enumerate(fit.unions)}
    r = {frozenset(union): fit.r[index] for index, union in enumerate(fit.unions)}
    whole = frozenset(units)
    values = {"full": {"rsquared": rsquared[whole], "r": r[whole]}}
    for unit in units:
        alone = frozenset([unit])
        values[space_label(unit)] = {"rsquared": rsquared[alone], "r": r[alone]}
    names = component_names(units)[1 + len(units) :]
    sets = [chosen for size in range(1, len(units) + 1) for chosen in combinations(units, size)]
    for name, chosen in zip(names, sets, strict=True):
        values[name] = {"rsquared": part(rsquared, units, chosen)}
    if tests is not None:
        values = {name: {**stats, **inferred(tests.components[name])} for name, stats in values.items()}
    if len(units) > 1:
        for unit, stats in _shares(fit, rsquared, units, bands, tests).items():
            values[space_label(unit)] = {**values[space_label(unit)], **stats}
    return Partition(units, values)


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


def part(rsquared: dict[frozenset[str], Array], units: tuple[str, ...], chosen: tuple[str, ...]) -> Array:
    """What exactly the units `chosen` share and no other has, (n_targets,)."""
    rest = frozenset(units) - frozenset(chosen)
    total = np.zeros_like(rsquared[frozenset(units)])
    for size in range(len(chosen) + 1):
        for subset in combinations(chosen, size):
            union = rest | frozenset(subset)
            if union:
                total += (-1) ** (size + 1) * rsquared[union]
    return total
