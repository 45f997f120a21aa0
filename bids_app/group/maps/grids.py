"""Which participants' targets lie on one grid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bids_app.group.maps.side_by_side import grid_of
from bids_app.records import MOST_OFFSET, Targets, grid_offset


def on_one_grid(several: Sequence[Targets]) -> list[bool]:
    """Whether each lies on the grid that most have, but for rounding.

    Parameters
    ----------
    several : targets of one kind and space, one a participant.
    """
    grids: list[Targets] = []
    which: list[int] = []
    for targets in several:
        own = grid_of(targets)
        which.append(next((number for number, one in enumerate(grids) if _same_grid(own, one)), len(grids)))
        if which[-1] == len(grids):
            grids.append(own)
    ((most, _),) = Counter(which).most_common(1)
    return [one == most for one in which]


def _same_grid(one: Targets, other: Targets) -> bool:
    alike = tuple(one.shape) == tuple(other.shape) and one.cifti == other.cifti
    if one.affine is None or other.affine is None:
        return alike and one.affine is other.affine
    return alike and grid_offset(one.grid_shape, one.affine, other.affine) <= MOST_OFFSET
