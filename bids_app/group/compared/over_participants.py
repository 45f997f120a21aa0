"""Differences of two runs over participants: target by target, region by region, and of all targets.

Each participant has one value, the difference of R² (in a region the difference of the mean over its targets). Where
two models predict equally well it is as often below zero as above, so signs of participants are flipped; p is
two-sided, and family-wise by max-T. Flips of people take the stimulus as fixed, so p is guarded: it is no smaller
than that of flips of blocks of the mean over participants (`shared_blocks`), where all have the same blocks. Blocks
are as long as each one's responses ask for, so people who heard the same may have other ones. There p is no smaller
than the smallest p of any participant's own test times their number, which holds whatever they have in common
(Bonferroni). Only people who are known, by the names of their stimuli, to have heard nothing in common go without.
Electrodes and own masks never do, as at the group level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from bids_app.encoding import PairedDifference
from bids_app.encoding.inference.flips.signs import draw_signs
from bids_app.encoding.inference.multiple_testing import MaxTNull, fdr, summarise
from bids_app.group.compared.pairs import PERMUTATIONS, SEED
from bids_app.group.compared.shared_blocks import SharedBlocks, tested, tested_regions
from bids_app.group.electrodes import mean_and_error, student_limits
from bids_app.group.maps.grids import on_one_grid
from bids_app.group.membership import shared_stem
from bids_app.group.moderation import moderated_deviation
from bids_app.group.participant_tests import t_interval, without_rounding
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
    table : (n_participants, n_targets), NaN where a participant has no value. What is but rounding counts as 0, as it
        may have one sign in all participants alike.

    Returns
    -------
    'p', 'pfwe', 'q' (n_targets,) each; NaN where fewer than `FEWEST_FLIPPED` have a value.
    """
    found = {stat: np.full(table.shape[1], np.nan) for stat in STATS}
    enough = np.flatnonzero(np.isfinite(table).sum(axis=0) >= FEWEST_FLIPPED)
    if not len(enough):
        return found
    values = without_rounding(table[:, enough])
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


def compared_group(
    members: Sequence[ComparedUnit], shared: SharedBlocks, why_no_targets: str, why_no_p: str = ""
) -> ComparedGroup:
    """Participants' differences joined.

    Parameters
    ----------
    members : units of a group, one a participant.
    shared : their blocks.
    why_no_targets : why targets are not the same places in everybody; empty where they are.
    why_no_p : why no test over participants holds; empty where they do.
    """
    notes = [why_no_targets, why_no_p]
    notes += [f"sub-{one.participant} has no usable target" for one in members if not len(_finite(one))]
    targets, values = members[0].targets, dict[str, Array]()
    guard: Guard = "none"
    if not why_no_targets:
        alike = on_one_grid([one.targets for one in members])
        on_grid = [one for one, same in zip(members, alike, strict=True) if same]
        others = [one.participant for one, same in zip(members, alike, strict=True) if not same]
        notes += [f"sub-{who} lies on another grid, and is in no value by target" for who in others]
        # blocks of another grid are in the sums
        targets, values, guard = _by_target(on_grid, None if others else tested(shared), shared)
    group = ComparedGroup(
        stem=shared_stem([one.stem for one in members]),
        participants=tuple(one.participant for one in members),
        targets=targets,
        values=values,
        guard=guard,
        whole=_whole(members, shared),
        regions=_by_region(members, shared),
        notes=tuple(filter(None, notes)),
    )
    return _untested(group) if why_no_p else group


def _untested(group: ComparedGroup) -> ComparedGroup:
    """Without p."""
    return replace(
        group,
        values={stat: np.full_like(own, np.nan) if stat in STATS else own for stat, own in group.values.items()},
        whole=replace(group.whole, p=np.nan, pfwe=np.nan, q=np.nan),
        regions=tuple(replace(row, p=np.nan, pfwe=np.nan, q=np.nan) for row in group.regions),
    )


def _finite(unit: ComparedUnit) -> Array:
    """(n_usable,) differences of a participant's usable targets."""
    values = np.asarray(unit.values["difference"])
    return np.asarray(values[np.isfinite(values)])


def _by_target(
    members: Sequence[ComparedUnit], found: PairedDifference | None, shared: SharedBlocks
) -> tuple[Targets, dict[str, Array], Guard]:
    """Tested are targets that all have, as over participants elsewhere. found: of blocks, where all share them."""
    met = JoinedTargets()
    rows = [met.add(one.targets) for one in members]
    targets = met.targets

    def joined(stat: str) -> Array:
        """(n_participants, n_targets) of one number."""
        table = np.full((len(members), len(targets.names)), np.nan)
        for who, (one, own) in enumerate(zip(members, rows, strict=True)):
            table[who, own] = one.values[stat]
        return table

    table = joined("difference")
    n = np.isfinite(table).sum(axis=0)
    in_all = np.where(n == len(members), table, np.nan)
    blocks = None if found is None else _placed(targets.names, shared.names, found)
    own = _own_tests(in_all, joined("p"), joined("pfwe"))
    p, guard = _guarded(two_sided(in_all), blocks, own, not shared.apart)
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


# ------------------------------------------------------------------------------------------------ the guard
def _guarded(
    p: Mapping[str, Array], blocks: Mapping[str, Array] | None, own: Mapping[str, Array], always: bool
) -> tuple[dict[str, Array], Guard]:
    """The larger p, of participants' flips and of what guards them; and what does. blocks: p of blocks, where all
    share them; own: p by each one's own tests; always: whether it is guarded by these where there are no blocks."""
    if blocks is None and not always:
        return dict(p), "none"
    guard = own if blocks is None else blocks
    larger, family = np.maximum(p["p"], guard["p"]), np.maximum(p["pfwe"], guard["pfwe"])
    return {"p": larger, "pfwe": family, "q": fdr(larger)}, "own tests" if blocks is None else "blocks"


def _own_tests(table: Array, p: Array, pfwe: Array) -> dict[str, Array]:
    """p that nobody has a difference (family-wise: anywhere), by each one's own tests: the smallest times how many
    have a value there (anywhere), whatever they have in common. All are (n_participants, n_targets): table of
    differences, NaN where there is none; p and pfwe of own tests, NaN where there is none, which counts as 1."""
    there = np.isfinite(table)
    least = partial(np.fmin.reduce, axis=0, initial=np.nan)  # NaN where nobody has any
    return {
        "p": np.minimum(1.0, there.sum(axis=0) * least(p)),
        "pfwe": np.minimum(1.0, there.any(axis=1).sum() * least(pfwe)),
    }


# ------------------------------------------------------------------------------------------------ regions
def _by_region(members: Sequence[ComparedUnit], shared: SharedBlocks) -> tuple[MeanDifference, ...]:
    of_each = [{(row.atlas, row.region): row for row in one.regions} for one in members]
    regions = list(dict.fromkeys(region for rows in of_each for region in rows))
    always = not shared.apart or members[0].targets.kind == "electrodes"
    rows: list[MeanDifference] = []
    for atlas in dict.fromkeys(atlas for atlas, _ in regions):
        own = [region for region in regions if region[0] == atlas]
        table, each_p, each_pfwe = (
            np.array([[_value(each, region, stat) for region in own] for each in of_each])
            for stat in ("difference", "p", "pfwe")
        )
        found = tested_regions(shared, own)
        blocks = None if found is None else {"p": found.p, "pfwe": found.p_family}
        own_tests = _own_tests(table, each_p, each_pfwe)
        p, guard = _guarded(two_sided(table), blocks, own_tests, always or atlas == LOCALISER)
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


def _value(rows: Mapping[Region, RegionDifference], region: Region, stat: str) -> float:
    return getattr(rows[region], stat) if region in rows else np.nan


# ------------------------------------------------------------------------------------------------ all targets
def _whole(members: Sequence[ComparedUnit], shared: SharedBlocks) -> MeanDifference:
    """Over all targets of each who has any: of electrodes by the hierarchical bootstrap of people and their
    electrodes."""
    there = [one for one in members if len(_finite(one))]
    each = [_finite(one) for one in there]
    table = np.array([values.mean() for values in each]).reshape(len(each), 1)
    ends, p = t_interval(table), two_sided(table)
    electrodes = members[0].targets.kind == "electrodes"
    if each and electrodes:
        ends, p = _over_electrodes(each)
    found = tested_regions(shared, [WHOLE])
    blocks = None if found is None else {"p": found.p, "pfwe": found.p_family}
    own = np.array([one.mean["p"] for one in there]).reshape(len(each), 1)
    p, guard = _guarded(p, blocks, _own_tests(table, own, own), electrodes or not shared.apart)
    return MeanDifference(
        *WHOLE,
        n_participants=len(each),
        n_targets=sum(map(len, each)),
        mean=float(table.mean()) if each else np.nan,
        ci025=float(ends["ci025"][0]),
        ci975=float(ends["ci975"][0]),
        p=float(p["p"][0]),
        pfwe=float(p["pfwe"][0]),
        q=float(p["q"][0]),
        guard=guard,
    )


def _over_electrodes(each: Sequence[Array]) -> tuple[dict[str, Array], dict[str, Array]]:
    """Interval, and two-sided p, family-wise p and q over this one mean, (1,) each; NaN of too few participants."""
    pairs = [np.column_stack([values, without_rounding(values)]) for values in each]
    mean, error = mean_and_error(pairs, SEED)  # of what there is, and of what is tested
    low, high, above = student_limits(mean, error, len(each))
    below = student_limits(-mean, error, len(each))[2]
    p = np.minimum(1.0, 2 * np.minimum(above, below)[1:])
    if len(each) < FEWEST_FLIPPED:
        p = np.full(1, np.nan)
    if len(each) < FEWEST_TESTED:
        low = high = np.full(2, np.nan)
    return {"ci025": low[:1], "ci975": high[:1]}, dict.fromkeys(STATS, p)
