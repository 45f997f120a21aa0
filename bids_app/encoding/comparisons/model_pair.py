"""The questions asked of two models, answered from averages over targets: scores, agreement, shares, comparisons.

The split of what two models explain (of the partition `subspace` with that of `against`): R²(shared,
one's rest, other's rest) is, part by part, what of `shared` is context (beyond the spaces it is compared with), what
of it exactly each set of those spaces has, what each model alone adds, and what the two rests have in common.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bids_app.encoding.comparisons.averages import Averaged, limits, map_correlation, pairs_of
from bids_app.records import (
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


def singles(unions: Sequence[tuple[str, ...]]) -> tuple[int, ...]:
    """Numbers of the unions of one feature group; none where there is but one."""
    alone = tuple(number for number, union in enumerate(unions) if len(union) == 1)
    return alone if len(alone) > 1 else ()


@dataclass(frozen=True)
class ModelPairAverages:
    """Averages of a unit's fits, from which the questions about two models are answered.

    Parameters
    ----------
    main : of the analysis's own partition.
    subspace, against : of the extra partitions of the two models' shared subspace.
    control_models : of the two models, first, and what their agreement is compared with, each alone.
    has_ceiling : whether maps are compared with the noise ceiling taken out, too.
    prefix : of the names of what follows from the subspace.
    """

    main: Averaged
    subspace: Averaged | None = None
    against: Averaged | None = None
    control_models: Averaged | None = None
    has_ceiling: bool = False
    prefix: str = ""


def model_pair_statistics(
    averages: ModelPairAverages, compared_models: tuple[str, str] | None
) -> ModelPairStatistics:
    """All statistics, set by set of targets.

    Parameters
    ----------
    averages : of all fits of a unit.
    compared_models : the two models' feature groups, where they stand alone in the partition.
    """
    rows: list[ModelPairStatistic] = []
    main, controls = averages.main, averages.control_models
    subspace, against = averages.subspace, averages.against
    for targets in main.averages:
        rows += _scores(main, targets)
        rows += _agreement(main, targets, averages.has_ceiling)
        if controls is not None and targets in controls.averages:
            rows += _agreement(controls, targets, averages.has_ceiling, with_controls=True)
        if subspace is not None and against is not None and targets in subspace.averages:
            rows += _split(subspace, against, targets, averages.prefix)
    return ModelPairStatistics(compared_models, main.agreements, tuple(rows))


def _statistic(kind: str, name: str, targets: str, averaged: Averaged, drawn: Array) -> ModelPairStatistic:
    return ModelPairStatistic(kind, name, targets, averaged.averages[targets].n, *limits(drawn))


def _scores(averaged: Averaged, targets: str) -> Iterator[ModelPairStatistic]:
    """What each feature group alone, and all together, explain."""
    for union in averaged.unions:
        if len(union) == 1 or union == averaged.unions[-1]:
            name = "full" if union == averaged.unions[-1] else space_label(union[0])
            yield _statistic("score", name, targets, averaged, averaged.mean(targets, [(union, 1)]))


def _agreement(
    averaged: Averaged, targets: str, has_ceiling: bool, with_controls: bool = False
) -> Iterator[ModelPairStatistic]:
    """Of every pair of models alone, over targets and over time. `with_controls`: of those pairs of one of the first
    two with any other."""
    average, names = averaged.averages[targets], [averaged.unions[number][0] for number in averaged.maps]
    for pair, (a, b) in enumerate(pairs_of(range(len(names)))):
        if with_controls and not a < 2 <= b:
            continue
        name = f"{camel(names[a])}{camel(names[b])}"
        if average.n > 2:
            r = np.arctanh(np.clip(map_correlation(average.maps, a, b), -1 + 1e-12, 1 - 1e-12))
            yield _of_z("map_correlation", name, targets, averaged, r)
        if average.n > 3 and has_ceiling:
            r = np.arctanh(np.clip(map_correlation(average.maps, a, b, len(names)), -1 + 1e-12, 1 - 1e-12))
            yield _of_z("map_correlation_partial", name, targets, averaged, r)
        yield _of_z("prediction_correlation", name, targets, averaged, average.z[:, pair])


def _of_z(kind: str, name: str, targets: str, averaged: Averaged, z: Array) -> ModelPairStatistic:
    value, low, high = np.tanh(limits(z)).tolist()
    return ModelPairStatistic(kind, name, targets, averaged.averages[targets].n, value, low, high)


def split_parts(subspace: Averaged, against: Averaged, targets: str) -> dict[str, Array]:
    """Part → (1 + n_blocks,) mean R² over a set of targets. They sum to what shared subspace and rests explain."""

    def part(averaged: Averaged, *chosen: str) -> Array:
        return averaged.mean(targets, part_of(averaged.unions[-1], chosen).terms)

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
    """Amounts, their shares of what both models explain, and what context exceeds."""
    parts = split_parts(subspace, against, targets)
    whole = np.sum(list(parts.values()), axis=0)
    rows = [("amount", name, amount) for name, amount in {WHOLE: whole, **parts}.items()]
    if whole[0] > 0:
        rows += [("share", name, amount / np.where(whole > 0, whole, np.nan)) for name, amount in parts.items()]
    for group in _others(against):
        theirs = [parts[f"shared{_joined(chosen)}"] for chosen in subsets(_others(against)) if group in chosen]
        rows.append(("difference", f"{CONTEXT}Less{camel(group)}", parts[CONTEXT] - np.sum(theirs, axis=0)))
    for model in _models(subspace):
        less = parts[CONTEXT] - parts[alone(model)]
        rows.append(("difference", f"{CONTEXT}Less{camel(alone(model))}", less))
    for kind, name, drawn in rows:
        yield _statistic(kind, prefix + upper_first(name) if prefix else name, targets, subspace, drawn)


def _others(against: Averaged) -> tuple[str, ...]:
    return tuple(group for group in against.unions[-1] if group != SHARED)


def _models(subspace: Averaged) -> tuple[str, ...]:
    return tuple(group.removesuffix("Rest") for group in subspace.unions[-1] if group != SHARED)


def _joined(groups: Sequence[str]) -> str:
    return "".join(map(camel, groups))
