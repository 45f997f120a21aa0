"""The questions asked of two models, answered from averages over targets: scores, agreement, shares, comparisons.

The split of what two models explain (of the partition `subspace` with that of `against`): R²(shared,
one's rest, other's rest) is, part by part, what of `shared` is context (beyond the spaces it is compared with), what
of it exactly each set of those spaces has, what each model alone adds, and what the two rests have in common.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bids_app.encoding.comparisons.averages import Averaged, map_correlation, pairs_of, with_interval
from bids_app.records import (
    CONTEXT,
    RESTS,
    SHARED_GROUP,
    WHOLE,
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


@dataclass(frozen=True)
class SubspaceSplit:
    """Averages of two partitions of a shared subspace, from which what two models explain is split up.

    Parameters
    ----------
    subspace : of the partition of what is shared and the rest of each model.
    against : of the partition of what is shared and other spaces.
    models : the two, in the order of their rests.
    in_sample : whether the subspace was fitted on test stimuli too.
    """

    subspace: Averaged
    against: Averaged
    models: tuple[str, ...]
    in_sample: bool = False


def singles(unions: Sequence[tuple[str, ...]]) -> tuple[int, ...]:
    """Numbers of the unions of one feature group; none where there is but one."""
    alone = tuple(number for number, union in enumerate(unions) if len(union) == 1)
    return alone if len(alone) > 1 else ()


def model_pair_statistics(
    main: Averaged,
    compared_models: tuple[str, str] | None,
    split: SubspaceSplit | None = None,
    control_models: Averaged | None = None,
    *,
    has_ceiling: bool = False,
) -> ModelPairStatistics:
    """All statistics of two models, set by set of targets.

    Parameters
    ----------
    main : averages of the analysis's own partition.
    compared_models : the two models' feature groups, where they stand alone in the partition.
    split : averages from which what the two explain is split up.
    control_models : of the two models, first, and what their agreement is compared with, each alone.
    has_ceiling : whether maps are compared with the noise ceiling taken out, too.
    """
    rows: list[ModelPairStatistic] = []
    for targets in main.averages:
        rows += _scores(main, targets)
        rows += _agreement(main, targets, has_ceiling)
        if control_models is not None and targets in control_models.averages:
            rows += _agreement(control_models, targets, has_ceiling, only_first_two=True)
            rows += _agreement_beyond(control_models, targets)
        if split is not None and targets in split.subspace.averages:
            rows += _split(split, targets)
    return ModelPairStatistics(compared_models, main.agreements, tuple(rows))


def _statistic(about: StatisticSubject, targets: TargetSet, averaged: Averaged, drawn: Array) -> ModelPairStatistic:
    return ModelPairStatistic(about, targets, averaged.averages[targets].n, *with_interval(drawn))


def _scores(averaged: Averaged, targets: TargetSet) -> Iterator[ModelPairStatistic]:
    """What each feature group alone, and all together, explain."""
    for union in averaged.unions:
        if len(union) == 1 or union == averaged.unions[-1]:
            about = StatisticSubject("score", () if union == averaged.unions[-1] else union)
            yield _statistic(about, targets, averaged, averaged.mean(targets, [(union, 1)]))


def _agreement(
    averaged: Averaged, targets: TargetSet, has_ceiling: bool, only_first_two: bool = False
) -> Iterator[ModelPairStatistic]:
    """Of every pair of models alone, over targets and over time. `only_first_two`: of those pairs of one of the first
    two with any other."""
    average, names = averaged.averages[targets], [averaged.unions[number][0] for number in averaged.maps]
    for pair, (a, b) in enumerate(pairs_of(range(len(names)))):
        if only_first_two and not a < 2 <= b:
            continue
        models = names[a], names[b]
        if average.n > 2:
            r = np.arctanh(np.clip(map_correlation(average.maps, a, b), -1 + 1e-12, 1 - 1e-12))
            yield _of_z(StatisticSubject("map_correlation", models), targets, averaged, r)
        if average.n > 3 and has_ceiling:
            r = np.arctanh(np.clip(map_correlation(average.maps, a, b, len(names)), -1 + 1e-12, 1 - 1e-12))
            yield _of_z(StatisticSubject("map_correlation_partial", models), targets, averaged, r)
        yield _of_z(StatisticSubject("prediction_correlation", models), targets, averaged, average.z[:, pair])


def _agreement_beyond(averaged: Averaged, targets: TargetSet) -> Iterator[ModelPairStatistic]:
    """How much more the predictions of the first two models agree with each other than with each further model.

    Two models that each know the baseline agree for that alone. So from Fisher's z of their agreement with each other
    that of the one that agrees more with the control is taken off, in the data and without each block.
    """
    average, names = averaged.averages[targets], [averaged.unions[number][0] for number in averaged.maps]
    z = dict(zip(pairs_of(range(len(names))), average.z.T, strict=True))
    for control in range(2, len(names)):
        about = StatisticSubject("agreement_beyond", (names[0], names[1], names[control]))
        yield _statistic(about, targets, averaged, z[0, 1] - np.maximum(z[0, control], z[1, control]))


def _of_z(about: StatisticSubject, targets: TargetSet, averaged: Averaged, z: Array) -> ModelPairStatistic:
    value, low, high = np.tanh(with_interval(z)).tolist()
    return ModelPairStatistic(about, targets, averaged.averages[targets].n, value, low, high)


def split_parts(split: SubspaceSplit, targets: TargetSet) -> dict[SplitPart, Array]:
    """Parts of what the shared subspace and the rests explain; they sum to all of it.

    Parameters
    ----------
    split : averages of both partitions.
    targets : name of a set of targets.

    Returns
    -------
    Part → (1 + n_blocks,) mean R²: of the data, then without each block.
    """
    subspace, against = split.subspace, split.against

    def part(averaged: Averaged, *chosen: str) -> Array:
        """(1 + n_blocks,) mean R² of one part.

        Parameters
        ----------
        averaged : of the unions.
        chosen : feature groups of one part of the partition.
        """
        return averaged.mean(targets, part_of(averaged.unions[-1], chosen).terms)

    parts = {CONTEXT: part(against, SHARED_GROUP)}
    for chosen in subsets(_others(against)):
        parts[SplitPart("spaces", chosen)] = part(against, SHARED_GROUP, *chosen)
    for model, rest in zip(split.models, subspace.unions[-1][1:], strict=True):
        parts[SplitPart("alone", (model,))] = part(subspace, rest)
    both_models = subspace.mean(targets, full_of(subspace.unions[-1]).terms)
    return {**parts, RESTS: both_models - np.sum(list(parts.values()), axis=0)}


def _split(split: SubspaceSplit, targets: TargetSet) -> Iterator[ModelPairStatistic]:
    """Amounts, their shares of what both models explain, and what context exceeds."""
    parts = split_parts(split, targets)
    others = _others(split.against)
    both_models = np.sum(list(parts.values()), axis=0)

    def statistic(
        kind: StatisticKind, part: SplitPart, drawn: Array, less: SplitPart | None = None
    ) -> ModelPairStatistic:
        """One line of the table.

        Parameters
        ----------
        kind : amount, share or difference.
        part : what it is of.
        drawn : (1 + n_blocks,): of the data, then without each block.
        less : what is subtracted, in a difference.
        """
        about = StatisticSubject(kind, part=part, less=less, in_sample=split.in_sample)
        return _statistic(about, targets, split.subspace, drawn)

    for part, amount in {WHOLE: both_models, **parts}.items():
        yield statistic("amount", part, amount)
    if both_models[0] > 0:
        for part, amount in parts.items():
            yield statistic("share", part, amount / np.where(both_models > 0, both_models, np.nan))
    for space in others:
        theirs = [parts[SplitPart("spaces", chosen)] for chosen in subsets(others) if space in chosen]
        yield statistic("difference", CONTEXT, parts[CONTEXT] - np.sum(theirs, axis=0), SplitPart("space", (space,)))
    for model in split.models:
        alone = SplitPart("alone", (model,))
        yield statistic("difference", CONTEXT, parts[CONTEXT] - parts[alone], alone)


def _others(against: Averaged) -> tuple[str, ...]:
    """The spaces that the shared subspace is compared with."""
    return tuple(group for group in against.unions[-1] if group != SHARED_GROUP)
