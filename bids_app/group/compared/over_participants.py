"""Differences of two runs over participants: target by target, region by region, and of all targets.

Each participant has one value, the difference of R² (in a region the difference of the mean over its targets). Where
two models predict equally well it is as often below zero as above, so signs of participants are flipped; p is
two-sided, and family-wise by max-T. It is no smaller than that of flips of blocks of the mean over participants
(`shared_blocks`), where they heard the same. Electrodes and own masks of people whose blocks differ are guarded by
each one's own tests, as other places of theirs are (`any_electrode`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from bids_app.encoding import PairedDifference
from bids_app.encoding.inference.flips.signs import draw_signs
from bids_app.encoding.inference.multiple_testing import MaxTNull, fdr, summarise
from bids_app.group.compared.pairs import PERMUTATIONS, SEED
from bids_app.group.compared.shared_blocks import SharedBlocks, tested, tested_regions
from bids_app.group.electrodes import any_electrode, mean_and_error, student_limits
from bids_app.group.maps.grids import on_one_grid
from bids_app.group.membership import shared_stem
from bids_app.group.moderation import moderated_deviation
from bids_app.group.participant_tests import t_interval
from bids_app.records import FEWEST_TESTED, Array, Targets
from bids_app.records.compared.differences import (
    FEWEST_FLIPPED,
    ComparedGroup,
    ComparedUnit,
    Guard,
    MeanDifference,
    Region,
    RegionDifference,
)
from bids_app.records.inputs.joined import JoinedTargets
from bids_app.records.regions.atlases import LOCALISER

AT_ONCE = 2**21  # numbers of a null made at once; bounds memory
WHOLE: Region = ("", "all targets")
STATS = ("p", "pfwe", "q")


def two_sided(table: Array) -> dict[str, Array]:
    """p, family-wise p and q of the mean over participants, by flips of their signs.

    Parameters
    ----------
    table : (n_participants, n_targets), NaN where a participant has no value.

    Returns
    -------
    'p', 'pfwe', 'q' (n_targets,) each; NaN where fewer than `FEWEST_FLIPPED` have a value.
    """
    found = {stat: np.full(table.shape[1], np.nan) for stat in STATS}
    enough = np.flatnonzero(np.isfinite(table).sum(axis=0) >= FEWEST_FLIPPED)
    if not len(enough):
        return found
    values = table[:, enough]
    deviation = moderated_deviation(values)
    signs = torch.as_tensor(draw_signs(len(values), PERMUTATIONS, SEED), dtype=torch.float64)
    n = np.isfinite(values).sum(axis=0)
    family = MaxTNull()
    at_once = max(1, AT_ONCE // len(signs))
    for first in range(0, len(enough), at_once):
        some = slice(first, first + at_once)
        means = torch.as_tensor(np.nan_to_num(values[:, some]) / n[some], dtype=torch.float64)
        family.add(summarise((signs @ means).abs(), torch.as_tensor(deviation[some], dtype=torch.float64)))
    made = family.significance()
    found["p"][enough], found["pfwe"][enough], found["q"][enough] = made.p, made.p_family, made.q
    return found


def compared_group(members: Sequence[ComparedUnit], shared: SharedBlocks, why_no_targets: str) -> ComparedGroup:
    """Participants' differences joined.

    Parameters
    ----------
    members : units of a group, one a participant.
    shared : their blocks.
    why_no_targets : why targets are not the same places in everybody; empty where they are.
    """
    targets, values, notes = members[0].targets, dict[str, Array](), [why_no_targets]
    guard: Guard = "none"
    if not why_no_targets:
        alike = on_one_grid([one.targets for one in members])
        on_grid = [one for one, same in zip(members, alike, strict=True) if same]
        others = [one.participant for one, same in zip(members, alike, strict=True) if not same]
        notes = [f"sub-{who} lies on another grid, and is in no value by target" for who in others]
        # blocks of another grid are in the sums
        targets, values, guard = _by_target(on_grid, None if others else tested(shared), shared.names)
    return ComparedGroup(
        stem=shared_stem([one.stem for one in members]),
        participants=tuple(one.participant for one in members),
        targets=targets,
        values=values,
        guard=guard,
        whole=_whole(members, shared),
        regions=_by_region(members, shared),
        notes=tuple(notes),
    )


def _by_target(
    members: Sequence[ComparedUnit], found: PairedDifference | None, names: Sequence[str]
) -> tuple[Targets, dict[str, Array], Guard]:
    """Tested are targets that all have, as over participants elsewhere. found, names: what guards p, of which."""
    met = JoinedTargets()
    rows = [met.add(one.targets) for one in members]
    targets = met.targets
    table = np.full((len(members), len(targets.names)), np.nan)
    for who, (one, own) in enumerate(zip(members, rows, strict=True)):
        table[who, own] = one.values["difference"]
    n = np.isfinite(table).sum(axis=0)
    p = two_sided(np.where(n == len(members), table, np.nan))
    guard: Guard = "none" if found is None else "blocks"
    if found is not None:
        p = _guarded(p, _placed(targets.names, names, found))
    with np.errstate(invalid="ignore"):
        mean = np.nansum(table, axis=0) / np.where(n, n, np.nan)
    return targets, {"mean": mean, "n": n.astype(float), **t_interval(table), **p}, guard


def _placed(names: Sequence[str], own: Sequence[str], found: PairedDifference) -> dict[str, Array]:
    """p and family-wise p of some targets among all, NaN elsewhere."""
    row = {name: number for number, name in enumerate(names)}
    of = [number for number, name in enumerate(own) if name in row]
    at = [row[own[number]] for number in of]
    placed = {stat: np.full(len(names), np.nan) for stat in ("p", "pfwe")}
    placed["p"][at], placed["pfwe"][at] = found.p[of], found.p_family[of]
    return placed


def _guarded(p: Mapping[str, Array], guard: Mapping[str, Array]) -> dict[str, Array]:
    """The larger p."""
    own, family = np.maximum(p["p"], guard["p"]), np.maximum(p["pfwe"], guard["pfwe"])
    return {"p": own, "pfwe": family, "q": fdr(own)}


# ------------------------------------------------------------------------------------------------ regions
def _by_region(members: Sequence[ComparedUnit], shared: SharedBlocks) -> tuple[MeanDifference, ...]:
    of_each = [{(row.atlas, row.region): row for row in one.regions} for one in members]
    regions = list(dict.fromkeys(region for rows in of_each for region in rows))
    electrodes = members[0].targets.kind == "electrodes"
    rows: list[MeanDifference] = []
    for atlas in dict.fromkeys(atlas for atlas, _ in regions):
        own = [region for region in regions if region[0] == atlas]
        table = np.array([[_value(each, region) for region in own] for each in of_each])
        p, found = two_sided(table), tested_regions(shared, own)
        guard: Guard = "none"
        if found is not None:
            guard, p = "blocks", _guarded(p, {"p": found.p, "pfwe": found.p_family})
        elif electrodes or atlas == LOCALISER:
            guard, p = "own tests", _guarded(p, _own_tests(of_each, own))
        ends = t_interval(table)
        rows += [
            MeanDifference(
                atlas=atlas,
                region=region[1],
                n_participants=int(np.isfinite(table[:, place]).sum()),
                n_targets=sum(each[region].n for each in of_each if region in each),
                mean=float(np.nanmean(table[:, place])),
                ci025=float(ends["ci025"][place]),
                ci975=float(ends["ci975"][place]),
                **{stat: float(p[stat][place]) for stat in STATS},
                guard=guard,
            )
            for place, region in enumerate(own)
        ]
    return tuple(rows)


def _value(rows: Mapping[Region, RegionDifference], region: Region) -> float:
    return rows[region].difference if region in rows else np.nan


def _own_tests(of_each: Sequence[Mapping[Region, RegionDifference]], regions: Sequence[Region]) -> dict[str, Array]:
    """p that nobody has a difference in a region (family-wise: in any region), by each one's own tests."""
    anywhere = [rows for rows in of_each if {*rows} & {*regions}]

    def any_of(who: Sequence[Mapping[Region, RegionDifference]], region: Region, stat: str) -> float:
        """p of those who count; without a test of theirs there it is as if it were 1."""
        return any_electrode([np.array([getattr(rows[region], stat) if region in rows else np.nan]) for rows in who])

    return {
        "p": np.array([any_of([rows for rows in anywhere if region in rows], region, "p") for region in regions]),
        "pfwe": np.array([any_of(anywhere, region, "pfwe") for region in regions]),
    }


# ------------------------------------------------------------------------------------------------ all targets
def _whole(members: Sequence[ComparedUnit], shared: SharedBlocks) -> MeanDifference:
    """Over all targets of each: of electrodes by the hierarchical bootstrap of people and their electrodes."""
    each = [one.values["difference"][np.isfinite(one.values["difference"])] for one in members]
    table = np.array([[values.mean()] for values in each])
    found, p = tested_regions(shared, [WHOLE]), float(two_sided(table)["p"][0])
    ends = {stat: float(values[0]) for stat, values in t_interval(table).items()}
    if members[0].targets.kind == "electrodes":
        ends, p = _over_electrodes(each)
    guard: Guard = "none" if found is None else "blocks"
    p = p if found is None else float(np.maximum(p, found.p[0]))
    return MeanDifference(
        *WHOLE, len(members), sum(map(len, each)), float(table.mean()), ends["ci025"], ends["ci975"], p, p, p, guard
    )


def _over_electrodes(each: Sequence[Array]) -> tuple[dict[str, float], float]:
    """Interval and two-sided p; NaN of too few participants."""
    mean, error = mean_and_error([values[:, None] for values in each], SEED)
    low, high, above = student_limits(mean, error, len(each))
    below = student_limits(-mean, error, len(each))[2]
    p = min(1.0, 2 * float(np.minimum(above, below)[0])) if len(each) >= FEWEST_FLIPPED else np.nan
    if len(each) < FEWEST_TESTED:
        low = high = np.array([np.nan])
    return {"ci025": float(low[0]), "ci975": float(high[0])}, p
