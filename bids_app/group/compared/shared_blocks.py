"""Differences of participants who heard the same, block by block of the stimulus's time.

Sign flips of participants take the stimulus as fixed: what all responses to it have in common by chance is in every
one of them, and may favour a model. Blocks of the mean over participants change their sign for all of them alike, as
blocks of one participant's do. That test knows nothing of how many people there are, and all of what they share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bids_app.encoding import PairedDifference, paired_difference
from bids_app.group.compared.pairs import PERMUTATIONS, SEED, PairedBlocks, mean_blocks
from bids_app.records import Array
from bids_app.records.compared.differences import Region

NEAR_S = 2.5  # begins of blocks, in seconds of the stimulus: a TR apart they are the same
# of each block what was played in its run (nothing where that is not known), and when in it the block begins
Heard = tuple[tuple[tuple[str, ...], float], ...]


@dataclass(frozen=True)
class SharedBlocks:
    """Sums over participants who heard the same, in the order of the first one's blocks.

    Parameters
    ----------
    heard : of each block; None where two participants have other blocks, and then there are no sums.
    contents : what any of them heard.
    apart : whether it is known that no two of them heard anything in common.
    n : participants.
    names : targets that all of them have.
    contrast, total : (n_blocks, n_names) sums of their shares.
    regions : region → (contrast, total), (n_blocks,) sums of the shares' mean.
    """

    heard: Heard | None
    contents: frozenset[str]
    apart: bool
    n: int
    names: tuple[str, ...]
    contrast: Array
    total: Array
    regions: Mapping[Region, tuple[Array, Array]]


def blocks_of(
    blocks: PairedBlocks, heard: Heard, names: tuple[str, ...], regions: Mapping[Region, Array]
) -> SharedBlocks:
    """What one participant adds.

    Parameters
    ----------
    blocks : of all targets.
    heard : of each block.
    names : of the targets, as far as they are the same places in everybody; none where they are not.
    regions : region → columns of its targets.
    """
    columns = np.flatnonzero(blocks.usable) if names else np.array([], dtype=int)
    contrast, total = blocks.shares(columns)
    means = mean_blocks(blocks, [*regions.values()])
    there = [place for place, kept in enumerate(means.sets) if len(kept)]
    of_regions = {
        region: (means.contrast[:, place], means.total[:, place])
        for place, region in enumerate(regions)
        if place in there
    }
    return SharedBlocks(
        heard=heard,
        contents=frozenset(one for contents, _ in heard for one in contents),
        apart=all(contents for contents, _ in heard),
        n=1,
        names=tuple(names[column] for column in columns),
        contrast=contrast,
        total=total,
        regions=of_regions,
    )


def joined(so_far: SharedBlocks | None, one: SharedBlocks) -> SharedBlocks:
    """One participant more, on the targets that all have.

    Parameters
    ----------
    so_far : the others; None: nobody yet.
    one : of a participant.
    """
    if so_far is None:
        return one
    met = replace(
        so_far,
        contents=so_far.contents | one.contents,
        apart=so_far.apart and one.apart and not so_far.contents & one.contents,
        n=so_far.n + 1,
    )
    order = None if so_far.heard is None or one.heard is None else _order(so_far.heard, one.heard)
    if order is None:
        nothing = np.empty((0, 0))
        return replace(met, heard=None, names=(), contrast=nothing, total=nothing, regions={})
    row = {name: number for number, name in enumerate(one.names)}
    kept = [number for number, name in enumerate(so_far.names) if name in row]
    names = tuple(so_far.names[number] for number in kept)
    at = np.ix_(order, np.array([row[name] for name in names], dtype=int))
    regions = dict(so_far.regions)
    for region, sums in one.regions.items():
        own = [share[order] for share in sums]
        others = so_far.regions.get(region)
        regions[region] = (own[0], own[1]) if others is None else (others[0] + own[0], others[1] + own[1])
    return replace(
        met,
        names=names,
        contrast=so_far.contrast[:, kept] + one.contrast[at],
        total=so_far.total[:, kept] + one.total[at],
        regions=regions,
    )


def _order(first: Heard, other: Heard) -> Array | None:
    """For each block of the first one's the same of another's; None where any has none."""
    if len(first) != len(other):
        return None
    free = dict(enumerate(other))
    order = []
    for contents, start_s in first:
        alike = (at for at, (own, begins_s) in free.items() if own == contents and abs(begins_s - start_s) <= NEAR_S)
        at = next(alike, None)
        if at is None or not contents:
            return None
        del free[at]
        order.append(at)
    return np.array(order, dtype=int)


def tested(shared: SharedBlocks) -> PairedDifference | None:
    """The mean over participants, target by target, by flips of blocks; None where they have no blocks in common, or
    too few.

    Parameters
    ----------
    shared : of all participants.
    """
    return _known(shared.contrast, shared.total)


def tested_regions(shared: SharedBlocks, regions: list[Region]) -> PairedDifference | None:
    """The same of the regions of one atlas.

    Parameters
    ----------
    shared : of all participants.
    regions : which.
    """
    if any(one not in shared.regions for one in regions):
        return None
    contrast, total = (np.column_stack([shared.regions[one][which] for one in regions]) for which in (0, 1))
    return _known(contrast, total)


def _known(contrast: Array, total: Array) -> PairedDifference | None:
    if not contrast.size:
        return None
    found = paired_difference(contrast, total, PERMUTATIONS, SEED)
    return found if np.isfinite(found.p).any() else None
