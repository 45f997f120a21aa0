"""Inference over participants, beside a group's means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Literal

import numpy as np

from bids_app.encoding.inference.flips.signs import n_sign_vectors
from bids_app.group.electrodes import any_electrode, over_electrodes
from bids_app.group.maps.neighbours import NOT_OF
from bids_app.group.maps.prevalence import counts
from bids_app.group.maps.side_by_side import IN_MEMORY, Room, SideBySide
from bids_app.group.maps.tfce import Enhancer, enhancer_of
from bids_app.group.participant_tests import InBlocks, ParticipantValues, flipped_in_blocks, shared_parts
from bids_app.group.statistics import Values, on_targets
from bids_app.records import (
    FEWEST_TESTED,
    SOLVERS,
    Array,
    Component,
    ElectrodeMean,
    GroupInference,
    InferenceSpec,
    SharedStimulusResult,
    UnitResult,
    WrittenUnit,
    partition_components,
)
from bids_app.records.specs import GroupSpec

OWN_TESTS = "the smallest family-wise p of any participant's electrodes, times the number of participants"
Choice = Literal["all", "responsive"]
CHOICES: tuple[Choice, ...] = ("all", "responsive")


def with_tests(
    side: SideBySide,
    values: Values,
    spec: InferenceSpec,
    shared: SharedStimulusResult,
    asked: GroupSpec,
    room: Room = IN_MEMORY,
) -> tuple[Values, GroupInference]:
    """The values with p, family-wise p (by max-T and, where it is asked for and can be, by TFCE) and q of every
    component's rsquared; and how they were made.

    There is no p of fewer participants than `FEWEST_TESTED`: none could be .05 or less.

    Parameters
    ----------
    side : a group, one unit a participant.
    values : component → stat → statistic → (n_targets,).
    spec : how many sign vectors, and the seed.
    shared : the fit of their mean response, where there is one.
    asked : how participants are joined.
    room : where their values wait while maps are enhanced.
    """
    members, names = side.members, side.targets.names
    biased, n = has_biased_shared_parts(members[0]), len(members)
    enhancer = enhancer_of(side.targets, room) if asked.tfce and n >= FEWEST_TESTED else ""
    tested = dict(values)
    for components in tested_together(members):
        labels = [one.label for one in components]
        mean = None if shared.mean is None else _of_mean(shared.mean, names, labels)
        stats: dict[str, dict[str, Array]] = {label: {} for label in labels}
        if n >= FEWEST_TESTED:
            read = partial(_values_in_blocks, side, components, asked.least_participants(n))
            in_blocks = InBlocks(read, components, components)
            stats = flipped_in_blocks(in_blocks, spec.permutations, spec.seed, mean)
            if isinstance(enhancer, Enhancer):
                for label, p in enhancer.pfwe(in_blocks, spec.permutations, spec.seed, mean).items():
                    stats[label]["pfweTfce"] = p
        for label in shared_parts(components) if mean is None and biased else ():
            stats[label] = {stat: np.full(len(names), np.nan) for stat in stats[label]}
        for label in labels:
            tested[label] = {**values[label], "rsquared": _in_order({**values[label]["rsquared"], **stats[label]})}
    n_signs = n_sign_vectors(spec.permutations, n)
    how = GroupInference(
        n_participants=n,
        stimulus=shared.stimulus,
        guarded=shared.mean is not None,
        biased=biased,
        exact=n_signs == 2**n,
        n_signs=n_signs,
        asked=asked,
        uncounted=_uncounted(members),
        n_targets=_n_tested(tested),
        tfce=enhancer.how if isinstance(enhancer, Enhancer) else None,
        no_tfce="" if isinstance(enhancer, Enhancer) else enhancer,
    )
    return tested, how


def _n_tested(values: Values) -> int | None:
    """How many targets have a family-wise p of the full model; None where nothing was tested."""
    family = values["full"]["rsquared"].get("pfwe")
    return None if family is None else int(np.isfinite(family).sum())


def _in_order(statistics: Mapping[str, Array]) -> dict[str, Array]:
    """What participants have, then what is tested, then the rest."""
    order = ("mean", "sd", "n", "nPositive", "p", "pfwe", "pfweTfce", "q")
    return {name: statistics[name] for name in (*(one for one in order if one in statistics), *statistics)}


def _uncounted(members: Sequence[WrittenUnit]) -> tuple[str, ...]:
    return tuple(unit.participant for unit in members if not counts(unit))


def _values_in_blocks(side: SideBySide, components: Sequence[Component], least: int) -> Iterator[ParticipantValues]:
    """Values of components, some targets at a time; NaN where fewer participants than `least` have the target."""
    rsquared = [(one.label, "rsquared") for one in components]
    r = [(one.label, "r") for one in components if one.kind != "shared"]
    for some in side.blocks(4 * len(components)):
        tables = side.tables([*rsquared, *r], some)
        few = np.isfinite(tables[rsquared[0]]).sum(axis=0) < least
        for table in tables.values():
            table[:, few] = np.nan
        yield ParticipantValues(*({label: tables[label, stat] for label, stat in each} for each in (rsquared, r)))


def prevalence_labels(members: Sequence[WrittenUnit]) -> list[str]:
    """Components whose own p has its level in each participant."""
    biased = has_biased_shared_parts(members[0])
    return [one.label for each in tested_together(members) for one in each if not (biased and one.kind == "shared")]


def has_biased_shared_parts(unit: WrittenUnit) -> bool:
    """Whether one penalty for several groups makes what is shared too large in all participants alike: it is called
    significant over 12 of them in 10 to 12 % where there is nothing (benchmarks/CALIBRATION.md)."""
    solver = unit.summary.provenance.analysis.fit.solver
    return len(unit.partition.groups) > 1 and SOLVERS[solver].biases_shared_parts


def tested_together(members: Sequence[WrittenUnit]) -> list[tuple[Component, ...]]:
    """Components of the partition and of each extra one, whose tests rest on each other. What everybody has beside
    them (the baseline, models beyond it, controls) stands alone: one test, of one value."""
    first = members[0].partition
    partitions = [partition_components(first.groups)]
    partitions += [partition_components(tuple(extra.groups), extra.name) for extra in first.extra]
    return [*partitions, *((control,) for control in common_controls(members))]


def common_controls(members: Sequence[WrittenUnit]) -> tuple[Component, ...]:
    """Components of no partition that everybody has."""
    controls = members[0].partition.controls
    return tuple(one for one in controls if all(one.label in unit.partition.values for unit in members))


def _of_mean(mean: UnitResult, names: Sequence[str], labels: Sequence[str]) -> dict[str, dict[str, Array]]:
    """p and family-wise p of the mean response, on these targets; NaN where it has no such component."""
    values, its_names = mean.partition.values, mean.targets.names
    unknown = np.full(len(its_names), np.nan)
    return {
        label: {
            stat: on_targets(names, its_names, values.get(label, {}).get(stat, unknown)) for stat in ("p", "pfwe")
        }
        for label in labels
    }


# ------------------------------------------------------------------------------------------------ electrodes
def electrode_rows(
    members: Sequence[WrittenUnit], spec: InferenceSpec, asked: GroupSpec
) -> tuple[tuple[ElectrodeMean, ...], GroupInference]:
    """A row a component and choice of electrodes (all, those that respond to speech): the mean over participants.

    Parameters
    ----------
    members : units of a group, one a participant.
    spec : the bootstrap's seed, and the permutations of participants' own tests.
    asked : how participants are joined.

    Returns
    -------
    The rows, and how tests were made.
    """
    biased = has_biased_shared_parts(members[0])
    rows = [row for choice in CHOICES for row in _rows_of(members, choice, spec.seed, biased)]
    least = len(members) / n_sign_vectors(spec.permutations)
    stimulus = f"{OWN_TESTS} (at least {least:.2g})"
    how = GroupInference(
        len(members),
        stimulus,
        guarded=True,
        biased=biased,
        asked=asked,
        uncounted=_uncounted(members),
        no_tfce=NOT_OF.format("electrodes") if asked.tfce else "",
    )
    return tuple(rows), how


def _rows_of(members: Sequence[WrittenUnit], choice: Choice, seed: int, biased: bool) -> list[ElectrodeMean]:
    """Of one choice of electrodes; none where nobody has such an electrode."""
    chosen = [(unit, mask) for unit in members if (mask := _mask(unit, choice)).any()]
    rows = []
    for components in tested_together(members) if chosen else ():
        participants = [_electrodes_of(unit, mask, components) for unit, mask in chosen]
        stimulus = {
            one.label: any_electrode([_family(unit, mask, one) for unit, mask in chosen]) for one in components
        }
        untested = shared_parts(components) if biased else ()
        rows += [
            ElectrodeMean(
                component=label,
                electrodes=choice,
                n_participants=len(chosen),
                n_electrodes=int(sum(mask.sum() for _, mask in chosen)),
                mean=estimate.mean,
                ci025=estimate.low,
                ci975=estimate.high,
                p=np.nan if label in untested else estimate.p,
            )
            for label, estimate in over_electrodes(participants, components, seed, stimulus).items()
        ]
    return rows


def _electrodes_of(unit: WrittenUnit, mask: Array, components: Sequence[Component]) -> ParticipantValues:
    """Values (n_electrodes,) of some of a participant's electrodes."""
    values = unit.partition.values
    rsquared, r = (
        {
            one.label: np.asarray(values[one.label][stat], dtype=np.float64)[mask]
            for one in components
            if stat == "rsquared" or one.kind != "shared"
        }
        for stat in ("rsquared", "r")
    )
    return ParticipantValues(rsquared, r)


def _family(unit: WrittenUnit, mask: Array, component: Component) -> Array:
    """(n_electrodes,) family-wise p of some of a participant's electrodes; NaN where there is none."""
    stats = unit.partition.values.get(component.label, {})
    return np.asarray(stats.get("pfwe", np.full(len(mask), np.nan)))[mask]


def _mask(unit: WrittenUnit, choice: Choice) -> Array:
    """(n_electrodes,) bool: usable, and responsive if that is asked."""
    usable: Array = np.isfinite(np.asarray(unit.partition.values["full"]["rsquared"]))
    if choice == "all":
        return usable
    called = unit.targets.table.get("responsive", ("n/a",) * len(usable))
    return np.asarray(usable & (np.array(called) == "true"))
