"""Band weights tried by the random search, and the grid of alphas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bids_app.encoding.ridge.splits import Weights
from bids_app.records import Array

CONCENTRATIONS = (0.1, 1.0)  # sparse and even draws in turn, as himalaya's tutorials mix them


@dataclass(frozen=True)
class Grid:
    """What the search tries.

    Parameters
    ----------
    candidates : band weights, {band: weight > 0} each.
    alphas : (n_alphas,) penalties, ascending.
    """

    candidates: Sequence[Weights]
    alphas: Array


def band_weights(n_bands: int, candidates: int, seed: int) -> Array:
    """Weights for the random search of banded ridge (Dupré la Tour et al. 2022, NeuroImage 264:119728).

    Always among them: equal weights, each band alone, and every band left out of the others' equal weights (exact
    zeros); then Dirichlet draws until there are `candidates`.

    Parameters
    ----------
    n_bands : bands of the union.
    candidates : how many to make; 1 is plain ridge, equal weights alone.
    seed : of the draws.

    Returns
    -------
    (n_candidates, n_bands), non-negative, each row's sum one.
    """
    if candidates == 1:
        return np.full((1, n_bands), 1 / n_bands)
    fixed = [np.full(n_bands, 1 / n_bands)]
    if n_bands > 1:
        fixed += list(np.eye(n_bands))
    if n_bands > 2:  # of two bands, one left out is the other alone
        fixed += [(1 - row) / (n_bands - 1) for row in np.eye(n_bands)]
    rng = np.random.default_rng(seed)
    drawn = max(0, candidates - len(fixed)) if n_bands > 1 else 0
    random = [rng.dirichlet(np.full(n_bands, CONCENTRATIONS[k % len(CONCENTRATIONS)])) for k in range(drawn)]
    return np.array([*fixed, *random])


def alpha_grid(lowest: float, highest: float, count: int) -> Array:
    """(count,) log-spaced from `lowest` to `highest`; `lowest` alone where `count` is one.

    Parameters
    ----------
    lowest, highest : alphas, above zero.
    count : how many.
    """
    return np.geomspace(lowest, highest, count) if count > 1 else np.array([lowest])


def as_candidates(table: Array, bands: Sequence[int]) -> list[Weights]:
    """Rows of band weights as candidates; rows that repeat an earlier one are dropped.

    Parameters
    ----------
    table : (n_candidates, n_bands).
    bands : numbers of the bands.

    Returns
    -------
    {band: weight} each, zeros left out.
    """
    kept: list[Weights] = []
    for row in table:
        weights = {band: float(g) for band, g in zip(bands, row, strict=True) if g > 0}
        if weights not in kept:
            kept.append(weights)
    return kept


def nested_candidates(
    unions: Sequence[Sequence[Sequence[int]]], candidates: int, seed: int, subsets: bool = True
) -> tuple[list[Weights], list[list[int]]]:
    """All distinct candidates, and of every union those that it may choose.

    What is tried without a feature group is tried with it too, at weight zero: otherwise the larger union may do
    better, or worse, only for having been searched otherwise, and an idle group has a unique part
    (docs/inference.md).

    Parameters
    ----------
    unions : of feature groups, each a sequence of bands (their numbers).
    candidates : how many a union has of its own; 1 is plain ridge, equal weights of the union's bands.
    seed : of the random draws.
    subsets : whether a union may choose the candidates of all its subsets; else of those among `unions` alone.

    Returns
    -------
    The distinct candidates, and for every union the numbers of those allowed: of the smallest unions first.
    """
    table: list[Weights] = []
    allowed = []
    for union in unions:
        numbers = []
        for within in _within(union, unions, subsets) if candidates > 1 else [union]:
            bands = [band for group in within for band in group]
            for weights in as_candidates(band_weights(len(bands), candidates, seed), bands):
                if weights not in table:
                    table.append(weights)
                numbers.append(table.index(weights))
        allowed.append(list(dict.fromkeys(numbers)))
    return table, allowed


def _within(
    union: Sequence[Sequence[int]], unions: Sequence[Sequence[Sequence[int]]], subsets: bool
) -> list[Sequence[Sequence[int]]]:
    """The unions within one, itself last."""
    if subsets:
        return [chosen for size in range(1, len(union) + 1) for chosen in combinations(union, size)]
    members = {tuple(group) for group in union}
    return [other for other in sorted(unions, key=len) if {tuple(group) for group in other} <= members]
