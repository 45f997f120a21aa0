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
    CONTEXT,
    RESTS,
    WHOLE,
    Agreement,
    Array,
    ModelPairStatistic,
    ModelPairStatistics,
    SplitPart,
    StatisticKind,
    StatisticSubject,
    TargetSet,
    full_of,
    part_of,
    subsets,
)

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


@dataclass(frozen=True)
class Split:
    """Averages of the partitions `subspace` and `against` of the shared subspace of two `models`; in_sample: whether
    it was fitted on test stimuli too."""

    subspace: Averaged
    against: Averaged
    models: tuple[str, ...]
    in_sample: bool = False


def averaged(observer: Averages) -> Averaged:
    """Of an observer whose fit is over."""
    return Averaged(observer.unions, observer.maps, observer.averages(), observer.agreements())


def singles(unions: Sequence[tuple[str, ...]]) -> tuple[int, ...]:
    """Numbers of the unions of one unit; none where there is but one."""
    found = tuple(number for number, union in enumerate(unions) if len(union) == 1)
    return found if len(found) > 1 else ()


def findings(
    first: Averaged,
    compared_models: tuple[str, str] | None,
    split: Split | None = None,
    references: Averaged | None = None,
    *,
    has_ceiling: bool = False,
) -> ModelPairStatistics:
    """All rows, set by set.

    compared_models: the two models' feature groups, where they stand alone in the partition; split: of what they
    explain; references: the two models, first, and what their agreement is compared with.
    """
    rows: list[ModelPairStatistic] = []
    for targets in first.averages:
        rows += _scores(first, targets)
        rows += _agreement(first, targets, has_ceiling)
        if references is not None and targets in references.averages:
            rows += _agreement(references, targets, has_ceiling, only_first_two=True)
        if split is not None and targets in split.subspace.averages:
            rows += _split(split, targets)
    return ModelPairStatistics(compared_models, first.agreements, tuple(rows))


def _statistic(about: StatisticSubject, targets: TargetSet, one: Averaged, drawn: Array) -> ModelPairStatistic:
    return ModelPairStatistic(about, targets, one.averages[targets].n, *limits(drawn))


def _scores(one: Averaged, targets: TargetSet) -> Iterator[ModelPairStatistic]:
    """Finding 1: what each space alone, and all together, explain."""
    for union in one.unions:
        if len(union) == 1 or union == one.unions[-1]:
            about = StatisticSubject("score", () if union == one.unions[-1] else union)
            yield _statistic(about, targets, one, one.mean(targets, [(union, 1)]))


def _agreement(
    one: Averaged, targets: TargetSet, has_ceiling: bool, only_first_two: bool = False
) -> Iterator[ModelPairStatistic]:
    """Finding 2: of every pair of spaces alone, over targets and over time. `only_first_two`: of those pairs of one
    of the first two with any other."""
    average, names = one.averages[targets], [one.unions[number][0] for number in one.maps]
    places = [(a, b) for a in range(len(names)) for b in range(a + 1, len(names))]
    for pair, (a, b) in enumerate(places):
        if only_first_two and not a < 2 <= b:
            continue
        models = names[a], names[b]
        if average.n > 2:
            r = np.arctanh(np.clip(map_correlation(average.maps, a, b), -1 + 1e-12, 1 - 1e-12))
            yield _of_z(StatisticSubject("map_correlation", models), targets, one, r)
        if average.n > 3 and has_ceiling:
            r = np.arctanh(np.clip(map_correlation(average.maps, a, b, len(names)), -1 + 1e-12, 1 - 1e-12))
            yield _of_z(StatisticSubject("map_correlation_partial", models), targets, one, r)
        yield _of_z(StatisticSubject("prediction_correlation", models), targets, one, average.z[:, pair])


def _of_z(about: StatisticSubject, targets: TargetSet, one: Averaged, z: Array) -> ModelPairStatistic:
    value, low, high = np.tanh(limits(z)).tolist()
    return ModelPairStatistic(about, targets, one.averages[targets].n, value, low, high)


def split_parts(split: Split, targets: TargetSet) -> dict[SplitPart, Array]:
    """Part → (1 + n_blocks,) mean R² over a set of targets. They sum to what shared subspace and rests explain."""
    subspace, against = split.subspace, split.against

    def part(one: Averaged, *chosen: str) -> Array:
        return one.mean(targets, part_of(one.unions[-1], chosen).terms)

    parts = {CONTEXT: part(against, SHARED)}
    for chosen in subsets(_others(against)):
        parts[SplitPart("spaces", chosen)] = part(against, SHARED, *chosen)
    for model, rest in zip(split.models, subspace.unions[-1][1:], strict=True):
        parts[SplitPart("alone", (model,))] = part(subspace, rest)
    whole = subspace.mean(targets, full_of(subspace.unions[-1]).terms)
    return {**parts, RESTS: whole - np.sum(list(parts.values()), axis=0)}


def _split(split: Split, targets: TargetSet) -> Iterator[ModelPairStatistic]:
    """Findings 3 and 4: amounts, their shares of the whole, and what context exceeds."""
    parts = split_parts(split, targets)
    others = _others(split.against)
    whole = np.sum(list(parts.values()), axis=0)

    def statistic(
        kind: StatisticKind, part: SplitPart, drawn: Array, less: SplitPart | None = None
    ) -> ModelPairStatistic:
        about = StatisticSubject(kind, part=part, less=less, in_sample=split.in_sample)
        return _statistic(about, targets, split.subspace, drawn)

    for part, amount in {WHOLE: whole, **parts}.items():
        yield statistic("amount", part, amount)
    if whole[0] > 0:
        for part, amount in parts.items():
            yield statistic("share", part, amount / np.where(whole > 0, whole, np.nan))
    for space in others:
        theirs = [parts[SplitPart("spaces", chosen)] for chosen in subsets(others) if space in chosen]
        yield statistic("difference", CONTEXT, parts[CONTEXT] - np.sum(theirs, axis=0), SplitPart("space", (space,)))
    for model in split.models:
        alone = SplitPart("alone", (model,))
        yield statistic("difference", CONTEXT, parts[CONTEXT] - parts[alone], alone)


def _others(against: Averaged) -> tuple[str, ...]:
    """The spaces that the shared subspace is compared with."""
    return tuple(group for group in against.unions[-1] if group != SHARED)
