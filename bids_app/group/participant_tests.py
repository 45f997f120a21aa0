"""Tests over participants, target by target: sign flips, max-T, and intervals for the mean.

The null hypothesis of a model, and of what one adds to another: over the participants, the correlation of what it
predicts with the response is as often below zero as above. Flips of signed R² would be nearly blind: a model of
nothing predicts worse than the mean, so that R² lies below zero without a signal, and with a weak one. A shared part
is a signed sum of R², which no correlation stands for: its null hypotheses are that this sum, and the R² that any set
of the sharing groups adds to the others, are as often below zero as above. All of them must fall, as its bias is
common to participants, and no number of them averages it out.

Sign flips of participants take the stimulus as fixed: what all responses to it have in common by chance is in every
one of them. p of the same components in the mean response (`stimulus`), where blocks of all participants' responses
change their sign alike, guards against that; the larger p counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import t as student

from bids_app.encoding.inference.flips.signs import draw_signs
from bids_app.encoding.inference.multiple_testing import MaxTNull, NullSummary, fdr, summarise
from bids_app.encoding.inference.null_hypotheses import Contrast, Total, null_hypotheses
from bids_app.group.moderation import moderated, variance_about_zero
from bids_app.group.statistics import fisher_z
from bids_app.records import FEWEST_TESTED, NO_DIFFERENCE, Array, Component, full_of, subsets

AT_ONCE = 2**21  # numbers of a null made at once; bounds memory
Values = Mapping[str, Array]  # component's label → values


@dataclass(frozen=True)
class OwnCorrelation:
    """Null hypothesis: the component's own correlation is as often below zero as above."""

    label: str


Null = Total | Contrast | OwnCorrelation


@dataclass(frozen=True)
class ParticipantValues:
    """What participants' components are tested by.

    Parameters
    ----------
    rsquared : label → (n_participants, n_targets), NaN where a participant has none; of all parts of the partition,
        of any of its totals, or of a component of no partition.
    r : label → the same of the correlations, of all of these but shared parts; the full model's is among them where
        a unique part is.
    """

    rsquared: Values
    r: Values


def participant_tests(
    values: ParticipantValues,
    components: Sequence[Component],
    permutations: int,
    seed: int,
    stimulus: Mapping[str, Values] | None = None,
) -> dict[str, dict[str, Array]]:
    """p, family-wise p and q of every component that has values.

    Parameters
    ----------
    values : of each participant.
    components : all of one partition, or one of none.
    permutations, seed : sign vectors are `draw_signs` of the participants.
    stimulus : label → {'p', 'pfwe': (n_targets,)} of the mean response; p is NaN where it is.

    Returns
    -------
    Label → {'p', 'pfwe', 'q': (n_targets,)}.
    """
    tested = [one for one in components if one.label in values.rsquared]
    return flipped_in_blocks(InBlocks(lambda: iter((values,)), tested, components), permutations, seed, stimulus)


@dataclass(frozen=True)
class InBlocks:
    """What participants' components are tested by, some targets at a time.

    Parameters
    ----------
    read : gives the values of one block of targets after the other; it is called anew for every pass.
    tested : components that are asked for.
    components : all of their partition, or one of none.
    """

    read: Callable[[], Iterator[ParticipantValues]]
    tested: Sequence[Component]
    components: Sequence[Component]

    def tables(self) -> Iterator[dict[Null, Array]]:
        """Of each block, null hypothesis → (n_participants, n_targets of the block)."""
        return (null_values(self.tested, self.components, values) for values in self.read())


def flipped_in_blocks(
    values: InBlocks, permutations: int, seed: int, stimulus: Mapping[str, Values] | None = None
) -> dict[str, dict[str, Array]]:
    """As `participant_tests`, of all targets of all blocks together: what is drawn from all targets (deviations, the
    largest of each sign vector) is made in two passes.

    Parameters
    ----------
    values : of each participant.
    permutations, seed, stimulus : as of `participant_tests`.
    """
    deviations = deviations_of(values)
    tests = _families(values, deviations, permutations, seed)
    return {
        one.label: _significance([tests[null] for null in nulls_of(one)], (stimulus or {}).get(one.label))
        for one in values.tested
    }


def deviations_of(values: InBlocks) -> dict[Null, Array]:
    """Of each null hypothesis the deviation (n_targets,) of the mean, steadied by those of all targets.

    Parameters
    ----------
    values : of each participant; they are read once.
    """
    met: dict[Null, list[tuple[Array, Array]]] = {}
    for tables in values.tables():
        for null, table in tables.items():
            met.setdefault(null, []).append(variance_about_zero(table))
    return {null: moderated(*map(np.concatenate, zip(*blocks, strict=True))) for null, blocks in met.items()}


def nulls_of(component: Component) -> tuple[Null, ...]:
    """The null hypotheses that must all fall for a component to be significant over participants.

    Of a unique part, as in each participant, also that the full model predicts nothing.
    """
    if component.kind == "shared":
        return null_hypotheses(component)
    own = OwnCorrelation(component.label)
    if component.kind != "unique":
        return (own,)
    everyone = max((union for union, _ in component.terms), key=len)
    return own, OwnCorrelation(full_of(everyone, component.partition).label)


def shared_parts(components: Sequence[Component]) -> tuple[str, ...]:
    """Labels of shared parts, signed sums of R² whose bias participants have in common."""
    return tuple(one.label for one in components if one.kind == "shared")


def null_values(
    tested: Sequence[Component], components: Sequence[Component], values: ParticipantValues
) -> dict[Null, Array]:
    """Every null hypothesis that some tested component needs to fall, once, with the values that it is about.

    Parameters
    ----------
    tested : components whose nulls are asked for.
    components : all of their partition.
    values : (…, n_targets) of each component.

    Returns
    -------
    Null hypothesis → (…, n_targets): Fisher's z of correlations, or sums of rsquared.
    """
    nulls = dict.fromkeys(null for component in tested for null in nulls_of(component))
    unions = union_values(values.rsquared, components)

    def table(null: Null) -> Array:
        """(…, n_targets) values that a null hypothesis is about."""
        if isinstance(null, OwnCorrelation):
            return fisher_z(values.r[null.label])
        if isinstance(null, Total):
            return without_rounding(unions[null.union])
        terms = sorted(null.terms, key=lambda term: (len(term[0]), sorted(term[0])))  # a set has no order of its own
        return without_rounding(np.sum([sign * unions[union] for union, sign in terms], axis=0))

    return {null: table(null) for null in nulls}


def without_rounding(table: Array) -> Array:
    """Sums of R², 0 where they are but rounding: that may have one sign in all participants alike.

    Parameters
    ----------
    table : R² or differences of R², of any shape.
    """
    return np.where(np.abs(table) <= NO_DIFFERENCE, 0.0, table)


def union_values(values: Values, components: Sequence[Component]) -> dict[frozenset[str], Array]:
    """rsquared of every union of a partition's groups, as the sum of the parts that any of its groups has
    (inclusion–exclusion).

    Parameters
    ----------
    values : label → (…, n_targets) of all parts.
    components : all of the partition.

    Returns
    -------
    Union → (…, n_targets).
    """
    parts = [one for one in components if one.is_part]
    groups = [one.groups[0] for one in parts if one.kind == "unique"]
    return {
        frozenset(union): np.asarray(np.sum([values[one.label] for one in parts if {*union} & {*one.groups}], axis=0))
        for union in subsets(groups)
    }


def _families(
    values: InBlocks, deviations: Mapping[Null, Array], permutations: int, seed: int
) -> dict[Null, tuple[Array, Array]]:
    """Null hypothesis → p and family-wise p (n_targets,) of the mean under flips of participants' signs; over the
    family, deviations are those given."""
    nulls: dict[Null, NullSummary] = {}
    first = 0
    for tables in values.tables():
        signs = _signs(next(iter(tables.values())), permutations, seed)
        for null, table in tables.items():
            if null not in nulls:
                nulls[null] = _nothing_yet(len(signs), len(deviations[null]))
            _add(nulls[null], table, deviations[null], signs, first)
        first += next(iter(tables.values())).shape[1]
    return {null: _of_family(summary) for null, summary in nulls.items()}


def _signs(table: Array, permutations: int, seed: int) -> torch.Tensor:
    return torch.as_tensor(draw_signs(len(table), permutations, seed), dtype=torch.float64)


def _nothing_yet(n_signs: int, n_targets: int) -> NullSummary:
    """Room for a null of all targets, made once: many small arrays that stay between large ones that go would keep
    these from being used again."""
    return NullSummary(np.full(n_signs, -np.inf), np.full(n_targets, np.nan), np.full(n_targets, np.nan))


def _add(family: NullSummary, table: Array, deviation: Array, signs: torch.Tensor, start: int) -> None:
    """Meet a block of targets, the first of which is number `start`: table (n_participants, n_targets of the block),
    deviation (n_targets,) of all."""
    there = np.isfinite(table)
    summed = torch.as_tensor(np.where(there, table, 0.0), dtype=torch.float64)
    n = torch.as_tensor(np.where(there.any(axis=0), there.sum(axis=0), np.nan), dtype=torch.float64)
    by = torch.as_tensor(deviation[start : start + table.shape[1]], dtype=torch.float64)
    at_once = max(1, AT_ONCE // len(signs))
    for first in range(0, table.shape[1], at_once):
        some = slice(first, first + at_once)
        met = summarise(signs @ summed[:, some] / n[some], by[some])
        place = slice(start + first, start + first + len(met.p))
        family.p[place], family.scores[place] = met.p, met.scores
        np.maximum(family.largest, met.largest, out=family.largest)


def _of_family(summary: NullSummary) -> tuple[Array, Array]:
    """p and family-wise p (n_targets,)."""
    family = MaxTNull()
    family.add(summary)
    found = family.significance()
    return found.p, found.p_family


def _significance(tests: Sequence[tuple[Array, Array]], stimulus: Values | None) -> dict[str, Array]:
    """The largest p of all tests."""
    p, p_family = (np.max([each[kind] for each in tests], axis=0) for kind in (0, 1))
    if stimulus is not None:
        p, p_family = np.maximum(p, stimulus["p"]), np.maximum(p_family, stimulus["pfwe"])
    return {"p": p, "pfwe": p_family, "q": fdr(p)}


def t_interval(table: Array) -> dict[str, Array]:
    """95 % confidence interval of the mean over participants by Student's t.

    Parameters
    ----------
    table : (n_participants, n_targets), NaN where a participant has no value.

    Returns
    -------
    'ci025' and 'ci975', (n_targets,) each; NaN for fewer than `FEWEST_TESTED` participants: nothing is tested there.
    """
    table = np.asarray(table, dtype=np.float64)
    there = np.isfinite(table)
    n = np.where(there.sum(axis=0) >= FEWEST_TESTED, there.sum(axis=0), np.nan)
    mean = np.where(there, table, 0.0).sum(axis=0) / n
    variance = np.where(there, (table - mean) ** 2, 0.0).sum(axis=0) / (n - 1)
    half = student.ppf(0.975, n - 1) * np.sqrt(variance / n)
    return {"ci025": mean - half, "ci975": mean + half}
