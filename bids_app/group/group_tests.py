"""Inference and ceilings over people, beside a group's means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bids_app.encoding import Ceiling, share
from bids_app.group.electrodes import over_electrodes
from bids_app.group.participant_tests import participant_tests, shared_parts
from bids_app.group.statistics import Values, on_targets, participant_statistics, participant_table
from bids_app.records import (
    INTER_SUBJECT,
    Array,
    InferenceSpec,
    ParticipantCeiling,
    SharedStimulusResult,
    Targets,
    UnitResult,
    WrittenUnit,
    component_names,
    component_of,
)

STIMULUS_FIXED = "none: electrodes are not common to people"
ALL, RESPONSIVE = "all", "responsive"


def with_tests(
    members: Sequence[WrittenUnit],
    targets: Targets,
    values: Values,
    spec: InferenceSpec,
    together: SharedStimulusResult,
) -> tuple[Values, dict[str, Any]]:
    """values with p, family-wise p, q and limits of every component's rsquared; and how they were made."""
    tested = dict(values)
    for units, own in partitions_of(members):
        people = {part: participant_table(members, targets.names, name, "rsquared") for part, name in own.items()}
        mean = None if together.mean is None else _of_mean(together.mean, targets.names, own)
        found = participant_tests(people, units, spec.permutations, spec.seed, mean)
        biased = shared_parts(units) if mean is None and _plain(members[0]) else ()
        for part, name in own.items():
            p = {stat: np.full(len(targets.names), np.nan) for stat in ("p", "pfwe", "q")} if part in biased else {}
            tested[name] = {**values[name], "rsquared": {**values[name]["rsquared"], **found[part], **p}}
    how = {"stimulus": together.stimulus, "guarded": together.mean is not None, "biased": _plain(members[0])}
    return tested, _how(len(members), spec) | how


def _plain(unit: WrittenUnit) -> bool:
    """Plain ridge gives several units one penalty: what is shared comes out too high in all people alike, and is
    called significant over 12 people in 10 to 12 % where there is nothing (benchmarks/CALIBRATION.md)."""
    return len(unit.partition.units) > 1 and unit.summary["provenance"]["analysis"]["fit"]["solver"] == "ridge"


def partitions_of(members: Sequence[WrittenUnit]) -> list[tuple[tuple[str, ...], dict[str, str]]]:
    """Units of the first partition and of each further one, and its components: name there → name among all. What
    everybody has beside them (the baseline, models beyond it, controls) stands alone: one test, of one value."""
    units, further = members[0].partition.units, members[0].partition.further
    found = [(units, {name: name for name in component_names(units)})]
    for partition, inner in further.items():
        found.append((tuple(inner), {name: component_of(partition, name) for name in component_names(inner)}))
    return found + [((name,), {component_names((name,))[-1]: name}) for name in common_controls(members)]


def common_controls(members: Sequence[WrittenUnit]) -> tuple[str, ...]:
    """Components beside the partition that everybody has."""
    first = members[0].partition
    return tuple(name for name in first.beside if all(name in unit.partition.values for unit in members))


def _of_mean(mean: UnitResult, names: Sequence[str], own: Mapping[str, str]) -> dict[str, dict[str, Array]]:
    """p and family-wise p of the mean response, on these targets; NaN where it has no such component."""
    values, theirs = mean.partition.values, mean.targets.names
    unknown = np.full(len(theirs), np.nan)
    return {
        part: {stat: on_targets(names, theirs, values.get(name, {}).get(stat, unknown)) for stat in ("p", "pfwe")}
        for part, name in own.items()
    }


def _how(n_people: int, spec: InferenceSpec) -> dict[str, Any]:
    exact = 2**n_people <= 1 + spec.permutations
    return {"n_people": n_people, "exact": exact, "n_signs": 2**n_people if exact else 1 + spec.permutations}


# ------------------------------------------------------------------------------------------------ electrodes
def electrode_rows(
    members: Sequence[WrittenUnit], spec: InferenceSpec
) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    """A row a component and choice of electrodes (all, those that respond to speech): the mean over people."""
    rows: list[dict[str, Any]] = []
    plain = _plain(members[0])
    for choice in (ALL, RESPONSIVE):
        chosen = [(unit, mask) for unit in members if (mask := _mask(unit, choice)).any()]
        for units, own in partitions_of(members) if chosen else ():
            people = [
                {part: np.asarray(unit.partition.values[name]["rsquared"])[mask] for part, name in own.items()}
                for unit, mask in chosen
            ]
            counts = {"n_people": len(chosen), "n_electrodes": int(sum(mask.sum() for _, mask in chosen))}
            found = over_electrodes(people, units, spec.seed)
            untested = {part: {"p": np.nan} for part in (shared_parts(units) if plain else ())}
            rows += [
                {"component": own[part], "electrodes": choice, **counts, **stats, **untested.get(part, {})}
                for part, stats in found.items()
            ]
    return tuple(rows), {"n_people": len(members), "stimulus": STIMULUS_FIXED, "guarded": False, "biased": plain}


def _mask(unit: WrittenUnit, choice: str) -> Array:
    """(n_electrodes,) bool: usable, and responsive if that is asked."""
    usable: Array = np.isfinite(np.asarray(unit.partition.values["full"]["rsquared"]))
    if choice == ALL:
        return usable
    called = unit.targets.table.get("responsive", ("n/a",) * len(usable))
    return np.asarray(usable & (np.array(called) == "true"))


# ------------------------------------------------------------------------------------------------ ceilings
def ceilings_by_person(
    members: Sequence[WrittenUnit], targets: Targets, ceilings: Sequence[ParticipantCeiling]
) -> dict[str, dict[str, Array]]:
    """Unit → 'ceiling', 'ci025', 'ci975' and 'share' of the full model's rsquared, (n_targets,) each."""
    unit_of = {unit.stem: unit for unit in members}
    found = {}
    for one in ceilings:
        if one.stem not in unit_of:
            continue
        explainable, low, high = (on_targets(targets.names, one.targets.names, values)
                                  for values in (one.explainable, one.low, one.high))  # fmt: skip
        full = participant_table([unit_of[one.stem]], targets.names, "full", "rsquared")[0]
        shares = share(full, Ceiling(explainable, low, high, explainable))
        found[one.stem] = {"ceiling": explainable, "ci025": low, "ci975": high, "share": shares}
    return found


def with_ceilings(values: Values, by_person: Mapping[str, Mapping[str, Array]]) -> Values:
    """values and, where there are ceilings between people, statistics of these and of the shares."""
    if not by_person:
        return values
    tables = {stat: np.stack([one[stat] for one in by_person.values()]) for stat in ("ceiling", "share")}
    return {**values, INTER_SUBJECT: {stat: participant_statistics(table, stat) for stat, table in tables.items()}}
