"""A region's mean over participants, its interval, and its test.

Each participant's region is one value: the mean over its targets, of R² and of Fisher's z of r. It is tested as each
target is (`participant_tests`): flips of participants' signs, max-T and q over the regions of an
atlas. What all responses to one stimulus have in common by chance is in everyone's region. Where there is a mean
response, p is therefore no smaller than the smallest family-wise p of its targets there, which holds over all targets
and so for any region. Electrodes of different people, and their own masks, are not the same place: there p is no
smaller than what participants' own tests allow (`any_electrode`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bids_app.group.electrodes import any_electrode
from bids_app.group.group_tests import has_biased_shared_parts, tested_together
from bids_app.group.participant_tests import ParticipantValues, participant_tests, shared_parts, t_interval
from bids_app.records import FEWEST_TESTED, Array, Component, InferenceSpec, WrittenUnit
from bids_app.records.regions.atlases import LOCALISER
from bids_app.records.regions.scores import GroupRegion, GroupRegions, RegionScore, UnitRegions

Key = tuple[str, str, str]  # atlas, region, component


@dataclass(frozen=True)
class _Family:
    """The regions of one atlas, and what each participant, and the mean response, say of them."""

    atlas: str
    names: tuple[str, ...]
    rows: tuple[Mapping[Key, RegionScore], ...]
    mean: Mapping[Key, RegionScore] | None
    guard: str

    def table(self, component: str, value: str) -> Array:
        """(n_participants, n_regions) of one number, NaN where a participant has none."""
        return np.array([[_value(rows, (self.atlas, name, component), value) for name in self.names]
                         for rows in self.rows]).reshape(len(self.rows), len(self.names))  # fmt: skip

    def stimulus(self, component: str) -> dict[str, Array] | None:
        """p that are guarded against what is common by chance: (n_regions,); None where nothing guards."""
        if self.guard == "none":
            return None
        if self.mean is not None and self.guard == "mean response":
            own = np.array([_value(self.mean, (self.atlas, name, component), "pfwe") for name in self.names])
            return {"p": own, "pfwe": own}
        return {
            "p": np.array([self._any_participant(name, component) for name in self.names]),
            "pfwe": np.array([self._any_participant(name, component, of_all=True) for name in self.names]),
        }

    def _any_participant(self, name: str, component: str, of_all: bool = False) -> float:
        """p that nobody has anything in a region, by the tests of those who have it. `of_all`: in any region, by
        all participants' tests; each one's family-wise p is over all targets."""
        key = (self.atlas, name, component)
        own = [np.array([rows[key].pfwe if key in rows else np.nan]) for rows in self.rows if of_all or key in rows]
        return any_electrode(own)


def _value(rows: Mapping[Key, RegionScore], key: Key, value: str) -> float:
    return float(getattr(rows[key], value)) if key in rows else np.nan


def region_rows(
    members: Sequence[WrittenUnit], found_in: GroupRegions, spec: InferenceSpec | None
) -> tuple[GroupRegion, ...]:
    """One row a region and component, in the order of the first participant who has the region.

    Parameters
    ----------
    members : units of a group, one a participant.
    found_in : their regions, those of the fit of their mean response, and noise ceilings; units without any count for
        none.
    spec : how many sign vectors, and the seed; None for no tests.
    """
    regions, mean = found_in.units, found_in.mean
    having = [unit for unit in members if unit.stem in regions]
    atlases = dict.fromkeys(row.atlas for unit in having for row in regions[unit.stem].scores)
    found: list[GroupRegion] = []
    for atlas in atlases:
        family = _family(atlas, having, regions, mean)
        for components in tested_together(having):
            found += _rows(family, components, spec, has_biased_shared_parts(having[0]))
    order = {(row.atlas, row.region): place for place, row in reversed([*enumerate(found)])}
    ceilings = [found_in.ceilings[unit.stem] for unit in having if unit.stem in found_in.ceilings]
    found = [_with_ceiling(row, ceilings) for row in found]
    return tuple(sorted(found, key=lambda row: order[row.atlas, row.region]))


def _with_ceiling(row: GroupRegion, of_each: Sequence[Mapping[tuple[str, str], float]]) -> GroupRegion:
    """The full model's row with the mean of participants' noise ceilings there."""
    known = [own[row.atlas, row.region] for own in of_each if (row.atlas, row.region) in own]
    return replace(row, ceiling=float(np.mean(known))) if known and row.component == "full" else row


def _family(
    atlas: str, members: Sequence[WrittenUnit], regions: Mapping[str, UnitRegions], mean: Sequence[RegionScore]
) -> _Family:
    scores = [[row for row in regions[unit.stem].scores if row.atlas == atlas] for unit in members]
    own = atlas == LOCALISER or members[0].targets.kind == "electrodes"
    of_mean = {_key(row): row for row in mean if row.atlas == atlas}
    return _Family(
        atlas=atlas,
        names=tuple(dict.fromkeys(row.region for rows in scores for row in rows)),
        rows=tuple({_key(row): row for row in rows} for rows in scores),
        mean=of_mean or None,
        guard="own tests" if own else "mean response" if of_mean else "none",
    )


def _key(row: RegionScore) -> Key:
    return row.atlas, row.region, row.component


def _rows(
    family: _Family, components: Sequence[Component], spec: InferenceSpec | None, biased: bool
) -> list[GroupRegion]:
    """Of components that are tested together. Regions that fewer than `FEWEST_TESTED` participants have neither p
    nor interval."""
    labels = [one.label for one in components]
    rsquared = {label: family.table(label, "rsquared") for label in labels}
    r = {one.label: family.table(one.label, "r") for one in components if one.kind != "shared"}
    n = np.isfinite(next(iter(rsquared.values()))).sum(axis=0)
    tested = n >= FEWEST_TESTED
    p = {label: {stat: np.full(len(n), np.nan) for stat in ("p", "pfwe", "q")} for label in labels}
    if spec is not None and tested.any():
        values = ParticipantValues(_some(rsquared, tested), _some(r, tested))
        guards = {label: guard for label in labels if (guard := family.stimulus(label)) is not None}
        stimulus = {label: _some(guard, tested) for label, guard in guards.items()}
        made = participant_tests(values, components, spec.permutations, spec.seed, stimulus or None)
        for label, stats in made.items():
            for stat, some in stats.items():
                p[label][stat][tested] = some
    if family.guard != "mean response" and biased:  # nobody's own tests of them keep their level either
        p |= {label: dict.fromkeys(("p", "pfwe", "q"), np.full(len(n), np.nan)) for label in shared_parts(components)}
    return [
        GroupRegion(
            atlas=family.atlas,
            region=name,
            component=label,
            n_participants=int(there.sum()),
            n_targets=int(np.nansum(targets)),
            mean=float(np.nanmean(values)) if there.any() else np.nan,
            ci025=float(ends["ci025"][place]) if tested[place] else np.nan,
            ci975=float(ends["ci975"][place]) if tested[place] else np.nan,
            p=float(p[label]["p"][place]),
            pfwe=float(p[label]["pfwe"][place]),
            q=float(p[label]["q"][place]),
            guard=family.guard,
        )
        for label in labels
        for ends in (t_interval(rsquared[label]),)
        for place, name in enumerate(family.names)
        for values in (rsquared[label][:, place],)
        for there in (np.isfinite(values),)
        for targets in (family.table(label, "n")[:, place],)
    ]


def _some(tables: Mapping[str, Array], chosen: Array) -> dict[str, Array]:
    """(…, n_regions) tables of some regions."""
    return {label: table[..., chosen] for label, table in tables.items()}
