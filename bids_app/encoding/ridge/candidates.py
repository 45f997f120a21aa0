"""Band weights tried by the random search, and the grid of alphas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bids_app.encoding.ridge.splits import Weights
from bids_app.encoding.side_by_side import made_once
from bids_app.records import Array

CONCENTRATIONS = (0.1, 1.0)  # sparse and even draws in turn, as himalaya's tutorials mix them


LEAST_WEIGHT = 1e-4  # draws have no band with less than this share of the largest weight: it becomes zero
FINE_STEP = 0.15  # of the logarithm of alpha, at most: between such penalties errors of ridge hardly differ


@dataclass(frozen=True)
class Grid:
    """What the search tries.

    Parameters
    ----------
    candidates : band weights, {band: weight > 0} each. Weights may come again, for other unions and at other
        penalties (`together`).
    alphas : (n_alphas,) penalties, ascending.
    offered : of every candidate the places among `alphas` that it may take, ascending.
    top : place of the highest alpha that was asked for; 0 where only one was.
    """

    candidates: Sequence[Weights]
    alphas: Array
    offered: Sequence[Array]
    top: int

    @classmethod
    def of_all(cls, candidates: Sequence[Weights], alphas: Array) -> Grid:
        """Every candidate with every alpha, those that were asked for."""
        return cls(candidates, alphas, [np.arange(len(alphas))] * len(candidates), len(alphas) - 1)

    @made_once
    def alike(self) -> list[list[int]]:
        """Numbers of the candidates of each distinct weights, which one decomposition serves."""
        numbers: dict[tuple[tuple[int, float], ...], list[int]] = {}
        for number, weights in enumerate(self.candidates):
            numbers.setdefault(tuple(weights.items()), []).append(number)
        return list(numbers.values())

    def places(self, alike: Sequence[int]) -> Array:
        """Those among `alphas` that any of some candidates may take, ascending."""
        return np.unique(np.concatenate([self.offered[number] for number in alike]))

    def at_edge(self, candidate: int, places: Array) -> Array:
        """Whether a penalty might have been another one in a wider grid of alphas.

        Parameters
        ----------
        candidate : its number.
        places : (n,) of alphas that it may take.

        Returns
        -------
        (n,) bool: at the lowest that the candidate may take, or at or beyond the highest that was asked for.
        """
        return np.asarray((self.top > 0) & ((places == self.offered[candidate][0]) | (places >= self.top)))


Searched = tuple[Grid, Sequence[Sequence[int]]]  # what is tried, and the numbers that each union may choose


def band_weights(n_bands: int, candidates: int, seed: int) -> Array:
    """Weights for the random search of banded ridge (Dupré la Tour et al. 2022, NeuroImage 264:119728).

    Always among them: equal weights, each band alone, and every band left out of the others' equal weights (exact
    zeros); then Dirichlet draws until there are `candidates`, and at least half as many as these.

    Parameters
    ----------
    n_bands : all bands of a fit.
    candidates : how many to make; 1 is plain ridge, equal weights alone.
    seed : of the draws.

    Returns
    -------
    (n_candidates, n_bands), non-negative; only what rows say of bands relative to each other counts.
    """
    fixed = [np.ones(n_bands)]
    if candidates == 1:
        return np.array(fixed)
    if n_bands > 1:
        fixed += list(np.eye(n_bands))
    if n_bands > 2:  # of two bands, one left out is the other alone
        fixed += list(1 - np.eye(n_bands))
    rng = np.random.default_rng(seed)
    drawn = max(candidates - len(fixed), candidates // 2) if n_bands > 1 else 0
    random = [rng.dirichlet(np.full(n_bands, CONCENTRATIONS[k % len(CONCENTRATIONS)])) for k in range(drawn)]
    return np.array([*fixed, *(np.where(row < LEAST_WEIGHT * row.max(), 0.0, row) for row in random)])


def alpha_grid(lowest: float, highest: float, count: int) -> Array:
    """(count,) log-spaced from `lowest` to `highest`; `lowest` alone where `count` is one or both are equal.

    Parameters
    ----------
    lowest, highest : alphas, above zero.
    count : how many.
    """
    return np.geomspace(lowest, highest, count) if highest > lowest and count > 1 else np.array([lowest])


def as_candidates(table: Array, bands: Sequence[int]) -> list[Weights]:
    """Rows of band weights as candidates whose weights sum to one; rows that repeat an earlier one are dropped.

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
        weights = _candidate(row, bands)
        if weights and weights not in kept:
            kept.append(weights)
    return kept


def _candidate(row: Array, bands: Sequence[int]) -> Weights:
    return {band: float(g / row.sum()) for band, g in zip(bands, row, strict=True) if g > 0}


def nested_grid(
    unions: Sequence[Sequence[Sequence[int]]], table: Array, alphas: Array, subsets: bool = True
) -> Searched:
    """All distinct candidates with their penalties, and of every union those that it may choose.

    No union is searched more than another, so that none is the better model only for that (docs/inference.md):

    - What is tried without a feature group is tried with it too, at weight zero.
    - What is tried for the others beside a group is tried without it as well. All unions take the same draws, less
      the groups that they lack. Of a draw in which a union's bands have the share s of all weight, it takes their
      weights relative to each other, which sum to one, and the penalties alpha / s: so alpha / weight of each band
      is what it is beside the others.
    - A band alone may take any penalty between those, in steps so fine that no union gains by another one.

    Penalties lie on a grid that splits each step of the alphas asked for into equal parts; s is rounded to it.

    Parameters
    ----------
    unions : of feature groups, each a sequence of bands (their numbers).
    table : (n_draws, n_bands) weights, `band_weights` of all bands; a single row is plain ridge, which has equal
        weights of the union's bands and the alphas asked for.
    alphas : (n_asked,) ascending, log-spaced.
    subsets : whether a union may choose the candidates of all its subsets; else of those among `unions` alone.

    Returns
    -------
    The grid, and for every union the numbers of the candidates allowed: of the smallest unions first.
    """
    parts, step = _fine_step(alphas)
    furthest = int(np.rint(np.log(table.shape[1] / LEAST_WEIGHT) / step)) if len(table) > 1 else 0
    asked, anywhere = np.arange(len(alphas)) * parts, np.arange((len(alphas) - 1) * parts + furthest + 1)
    fine = alphas[0] * np.exp(step * anywhere)
    fine[asked] = alphas
    top = (len(alphas) - 1) * parts
    if len(table) == 1:
        equal = [_candidate(np.ones(len(bands)), bands) for bands in map(_flat, unions)]
        distinct = list({tuple(weights): weights for weights in equal}.values())
        grid = Grid(distinct, fine, [asked] * len(distinct), top)
        return grid, [[distinct.index(weights)] for weights in equal]
    offered: dict[tuple[tuple[int, float], ...], Array] = {}
    chosen = []
    for union in unions:
        own: dict[tuple[tuple[int, float], ...], Array] = {}
        for bands in map(_flat, _within(union, unions, subsets)):
            for row, total in zip(table[:, bands], table.sum(axis=1), strict=True):
                if not row.any():
                    continue
                key = tuple(_candidate(row, bands).items())
                # how many fine steps the share of these bands in the draw's weight raises their penalty
                places = asked + int(np.rint(np.log(total / row.sum()) / step))
                own[key] = offered[key] = np.union1d(offered.get(key, places), places) if len(key) > 1 else anywhere
        chosen.append(list(own))
    numbers = {key: number for number, key in enumerate(offered)}
    grid = Grid([dict(key) for key in offered], fine, list(offered.values()), top)
    return grid, [[numbers[key] for key in own] for own in chosen]


def together(searches: Sequence[Searched]) -> Searched:
    """Searches of the same alphas as one.

    Parameters
    ----------
    searches : of each its grid, in common numbers of bands, and what each of its unions may choose.

    Returns
    -------
    All candidates, one search's after another's, and the same of all unions.
    """
    grids = [grid for grid, _ in searches]
    widest = max(grids, key=lambda grid: len(grid.alphas))  # they begin alike, in equal steps
    grid = Grid(
        candidates=[weights for each in grids for weights in each.candidates],
        alphas=widest.alphas,
        offered=[places for each in grids for places in each.offered],
        top=widest.top,
    )
    starts = np.cumsum([0, *(len(each.candidates) for each in grids)]).tolist()
    unions = zip(starts, (allowed for _, allowed in searches), strict=False)
    return grid, [[start + number for number in numbers] for start, allowed in unions for numbers in allowed]


def _fine_step(alphas: Array) -> tuple[int, float]:
    """Parts of a step between alphas, none longer than `FINE_STEP`, and their length in logarithms."""
    if len(alphas) == 1:
        return 1, FINE_STEP
    step = float(np.log(alphas[-1] / alphas[0])) / (len(alphas) - 1)
    parts = max(1, int(np.ceil(step / FINE_STEP)))
    return parts, step / parts


def _flat(union: Sequence[Sequence[int]]) -> list[int]:
    return [band for group in union for band in group]


def _within(
    union: Sequence[Sequence[int]], unions: Sequence[Sequence[Sequence[int]]], subsets: bool
) -> list[Sequence[Sequence[int]]]:
    """The unions within one, itself last."""
    if subsets:
        return [chosen for size in range(1, len(union) + 1) for chosen in combinations(union, size)]
    members = {tuple(group) for group in union}
    return [other for other in sorted(unions, key=len) if {tuple(group) for group in other} <= members]
