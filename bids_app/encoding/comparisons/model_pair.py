"""The questions asked of two models, answered from averages over targets: scores, agreement, shares, comparisons.

The split of what two models explain (of the partition `subspace` with that of `against`): R²(shared,
one's rest, other's rest) is, part by part, what of `shared` is context (beyond the spaces it is held against), what
of it exactly each set of those spaces has, what each model alone adds, and what the two rests have in common.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bids_app.encoding.comparisons.averages import Average, Averages, limits, map_correlation
from bids_app.records import (
    Agreement,
    Array,
    ModelPairStatistic,
    ModelPairStatistics,
    camel,
    full_of,
    part_of,
    space_label,
    subsets,
    upper_first,
)

CONTEXT, WHOLE, RESTS = "sharedContext", "bothModels", "rests"
SHARED = "shared"  # the group of the shared subspace, the first of both partitions


@dataclass(frozen=True)
class Averaged:
    """What one fit gave: its unions, the numbers of those whose maps are compared, averages by set."""

    unions: tuple[tuple[str, ...], ...]
    maps: tuple[int, ...]
    averages: Mapping[str, Average]
    agreements: tuple[Agreement, ...] = ()

    def mean(self, targets: str, terms: Sequence[tuple[Sequence[str], int]]) -> Array:
        """(1 + n_blocks,) mean over a set of targets of a signed sum of unions' R²."""
        scores = self.averages[targets].scores
        signed = [sign * scores[:, self._number(union)] for union, sign in terms]
        return np.asarray(np.sum(signed, axis=0))

    def _number(self, union: Sequence[str]) -> int:
        return next(number for number, one in enumerate(self.unions) if set(one) == set(union))


def averaged(observer: Averages) -> Averaged:
    """Of an observer whose fit is over."""
    return Averaged(observer.unions, observer.maps, observer.averages(), observer.agreements())


def singles(unions: Sequence[tuple[str, ...]]) -> tuple[int, ...]:
    """Numbers of the unions of one unit; none where there is but one."""
    found = tuple(number for number, union in enumerate(unions) if len(union) == 1)
    return found if len(found) > 1 else ()


def findings(
    first: Averaged,
    between: tuple[str, str] | None,
    subspace: Averaged | None = None,
    against: Averaged | None = None,
    references: Averaged | None = None,
    *,
    has_ceiling: bool = False,
    prefix: str = "",
) -> ModelPairStatistics:
    """All rows, set by set.

    between: the two models' units, where they stand alone in the partition; subspace, against: the further partitions
    of their shared subspace, and `prefix` of the names of what follows from them; references: the two models, first,
    and what their agreement is held against.
    """
    rows: list[ModelPairStatistic] = []
    for targets in first.averages:
        rows += _scores(first, targets)
        rows += _agreement(first, targets, has_ceiling)
        if references is not None and targets in references.averages:
            rows += _agreement(references, targets, has_ceiling, held_against=True)
        if subspace is not None and against is not None and targets in subspace.averages:
            rows += _split(subspace, against, targets, prefix)
    return ModelPairStatistics(between, first.agreements, tuple(rows))


def _finding(kind: str, name: str, targets: str, one: Averaged, drawn: Array) -> ModelPairStatistic:
    return ModelPairStatistic(kind, name, targets, one.averages[targets].n, *limits(drawn))


def _scores(one: Averaged, targets: str) -> Iterator[ModelPairStatistic]:
    """Finding 1: what each space alone, and all together, explain."""
    for union in one.unions:
        if len(union) == 1 or union == one.unions[-1]:
            name = "full" if union == one.unions[-1] else space_label(union[0])
            yield _finding("score", name, targets, one, one.mean(targets, [(union, 1)]))


def _agreement(
    one: Averaged, targets: str, has_ceiling: bool, held_against: bool = False
) -> Iterator[ModelPairStatistic]:
    """Finding 2: of every pair of spaces alone, over targets and over time. `held_against`: of those pairs of one of
    the first two with any other."""
    average, names = one.averages[targets], [one.unions[number][0] for number in one.maps]
    places = [(a, b) for a in range(len(names)) for b in range(a + 1, len(names))]
    for pair, (a, b) in enumerate(places):
        if held_against and not a < 2 <= b:
            continue
        name = f"{camel(names[a])}{camel(names[b])}"
        if average.n > 2:
            r = np.arctanh(np.clip(map_correlation(average.maps, a, b), -1 + 1e-12, 1 - 1e-12))
            yield _of_z("map_correlation", name, targets, one, r)
        if average.n > 3 and has_ceiling:
            r = np.arctanh(np.clip(map_correlation(average.maps, a, b, len(names)), -1 + 1e-12, 1 - 1e-12))
            yield _of_z("map_correlation_partial", name, targets, one, r)
        yield _of_z("prediction_correlation", name, targets, one, average.z[:, pair])


def _of_z(kind: str, name: str, targets: str, one: Averaged, z: Array) -> ModelPairStatistic:
    value, low, high = np.tanh(limits(z)).tolist()
    return ModelPairStatistic(kind, name, targets, one.averages[targets].n, value, low, high)


def split_parts(subspace: Averaged, against: Averaged, targets: str) -> dict[str, Array]:
    """Part → (1 + n_blocks,) mean R² over a set of targets. They sum to what shared subspace and rests explain."""

    def part(one: Averaged, *chosen: str) -> Array:
        return one.mean(targets, part_of(one.unions[-1], chosen).terms)

    parts = {CONTEXT: part(against, SHARED)}
    for chosen in subsets(_others(against)):
        parts[f"shared{_joined(chosen)}"] = part(against, SHARED, *chosen)
    for model, rest in zip(_models(subspace), subspace.unions[-1][1:], strict=True):
        parts[alone(model)] = part(subspace, rest)
    whole = subspace.mean(targets, full_of(subspace.unions[-1]).terms)
    return {**parts, RESTS: whole - np.sum(list(parts.values()), axis=0)}


def alone(model: str) -> str:
    """The part of what one model's rest adds."""
    return f"{space_label(model)}Alone"


def _split(subspace: Averaged, against: Averaged, targets: str, prefix: str) -> Iterator[ModelPairStatistic]:
    """Findings 3 and 4: amounts, their shares of the whole, and what context exceeds."""
    parts = split_parts(subspace, against, targets)
    whole = np.sum(list(parts.values()), axis=0)
    found = [("amount", name, amount) for name, amount in {WHOLE: whole, **parts}.items()]
    if whole[0] > 0:
        found += [("share", name, amount / np.where(whole > 0, whole, np.nan)) for name, amount in parts.items()]
    for unit in _others(against):
        theirs = [parts[f"shared{_joined(chosen)}"] for chosen in subsets(_others(against)) if unit in chosen]
        found.append(("difference", f"{CONTEXT}Less{camel(unit)}", parts[CONTEXT] - np.sum(theirs, axis=0)))
    for model in _models(subspace):
        less = parts[CONTEXT] - parts[alone(model)]
        found.append(("difference", f"{CONTEXT}Less{camel(alone(model))}", less))
    for kind, name, drawn in found:
        yield _finding(kind, prefix + upper_first(name) if prefix else name, targets, subspace, drawn)


def _others(against: Averaged) -> tuple[str, ...]:
    return tuple(unit for unit in against.unions[-1] if unit != "shared")


def _models(subspace: Averaged) -> tuple[str, ...]:
    return tuple(unit.removesuffix("Rest") for unit in subspace.unions[-1] if unit != "shared")


def _joined(units: Sequence[str]) -> str:
    return "".join(map(camel, units))
