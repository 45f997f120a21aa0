"""Targets that several runs, or participants, have in common, and which of them would cost the others theirs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bids_app.errors import DataError
from bids_app.records import MOST_OFFSET, UNTOLD_OFFSET, Array, Targets, grid_offset
from bids_app.records.inputs.joined import JoinedTargets

MOST_LACKED = 0.5  # of the targets that others share; whoever lacks more is left out
BLOCK = 4096  # targets looked at at a time


def varying(values: Array, used: Array) -> Array:
    """Targets that can be predicted in a run: they vary and lack no sample.

    Parameters
    ----------
    values : (n_times, n_targets).
    used : (n_times,) bool, samples that count.

    Returns
    -------
    (n_targets,) bool.
    """
    alive = np.zeros(values.shape[1], dtype=bool)
    if used.any():
        for start in range(0, values.shape[1], BLOCK):
            some = values[used, start : start + BLOCK]
            alive[start : start + BLOCK] = np.isfinite(some).all(axis=0) & (some != some[0]).any(axis=0)
    return alive


def lost_to_others(several: Sequence[Targets], alive: Sequence[Array]) -> dict[int, str]:
    """Runs that would cost the others their targets: a broken mask, a run of zeros, another grid.

    Shared are the targets that at least half of the runs have alive. A run that lacks more than half of these is left
    out, as is one that lies on another grid than most; what is left is then intersected.

    Parameters
    ----------
    several : targets of each run.
    alive : (n_targets,) bool of each run, those that vary and lack no sample.

    Returns
    -------
    Number of the run → why it is left out. Never all of them: where none agrees with others, none is left out.
    """
    grids = _grids(several)
    most = Counter(grids).most_common(2)
    tie = len(most) > 1 and most[0][1] == most[1][1]
    lost = {} if tie else {
        number: f"its grid {several[number].shape} is not that of the {most[0][1]} others: resample it"
        for number, grid in enumerate(grids) if grid != most[0][0]
    }  # fmt: skip
    kept = [number for number in range(len(several)) if number not in lost]
    there = _there([several[number] for number in kept], [alive[number] for number in kept])
    shared = 2 * there.sum(axis=0) >= len(kept)
    lacking = (shared & ~there).sum(axis=1)
    n_shared = int(shared.sum())
    out = [row for row, lacked in enumerate(lacking) if lacked > MOST_LACKED * n_shared]
    if len(out) < len(kept):
        lost |= {kept[row]: _why(several[kept[row]], alive[kept[row]], int(lacking[row]), n_shared) for row in out}
    return dict(sorted(lost.items()))


def _there(several: Sequence[Targets], alive: Sequence[Array]) -> Array:
    """(n_runs, n_names) bool: which targets, of all that any run names, each run has alive."""
    place: dict[str, int] = {}
    for targets in several:
        for name in targets.names:
            place.setdefault(name, len(place))
    there = np.zeros((len(several), len(place)), dtype=bool)
    for row, (targets, own) in enumerate(zip(several, alive, strict=True)):
        there[row, [place[name] for name in targets.names]] = own
    return there


def _grids(several: Sequence[Targets]) -> list[int]:
    """Of each run the number of the first one on its grid."""
    return [
        next(
            number for number, other in enumerate(several)
            if number == own or (_same_kind(targets, other) and _offset(targets, other) <= MOST_OFFSET)
        )
        for own, targets in enumerate(several)
    ]  # fmt: skip


def _why(targets: Targets, alive: Array, lacked: int, shared: int) -> str:
    n_dead = int((~alive).sum())
    if not alive.any():
        return "it never varies: every one of its targets is constant or has missing samples"
    dead = f", {n_dead} of its {len(alive)} are constant or have missing samples" if n_dead else ""
    return f"it lacks {lacked} of the {shared} targets that the others share{dead}: check its mask"


def targets_of_most(several: Sequence[Targets], least: int) -> tuple[Targets, tuple[str, ...]]:
    """Targets that at least so many participants have.

    Parameters
    ----------
    several : of each participant.
    least : how many must have a target.

    Returns
    -------
    They, in the order in which they are met, and a warning where any was left out or grids differ by rounding.

    Raises
    ------
    DataError : the participants' targets lie on different grids or meshes, or none is that common.
    """
    if least >= len(several):
        return intersect_targets(several)
    first, *others = several
    for other in others:
        _require_one_grid(first, other)
    joined = JoinedTargets()
    counts = np.bincount(np.concatenate([joined.add(targets) for targets in several]))
    kept = np.flatnonzero(counts >= least)
    if not len(kept):
        raise DataError(f"no target is common to {least} of {len(several)} participants", first.space)
    told = f"{len(kept)} of {len(counts)} targets are used: those of at least {least} of {len(several)} participants"
    return _take(joined.targets, kept.tolist()), (told,) if len(kept) < len(counts) else ()


def intersect_targets(several: Sequence[Targets]) -> tuple[Targets, tuple[str, ...]]:
    """Targets common to all runs.

    Parameters
    ----------
    several : of each run.

    Returns
    -------
    The common ones in the first run's order, and a warning where any was left out or grids differ by rounding.

    Raises
    ------
    DataError : the runs lie on different grids or meshes, or share nothing.
    """
    first, *others = several
    for other in others:
        _require_one_grid(first, other)
    common = set(first.names).intersection(*(other.names for other in others))
    if not common:
        raise DataError("the runs have no target in common", first.space)
    kept = [row for row, name in enumerate(first.names) if name in common]
    most = max(len(targets.names) for targets in several)
    offset = max((_offset(first, other) for other in others), default=0.0)
    findings = {
        f"runs differ: the {len(kept)} targets that all have are used, of up to {most}": most > len(kept),
        f"the grids of runs are up to {offset:.2g} voxels apart: taken for rounding": offset > UNTOLD_OFFSET,
    }
    return _take(first, kept), tuple(line for line, holds in findings.items() if holds)


def _require_one_grid(first: Targets, other: Targets) -> None:
    if (first.kind, first.space) != (other.kind, other.space):
        raise DataError(f"runs of {first.kind} in {first.space} and {other.kind} in {other.space} cannot be joined")
    if not _same_kind(first, other) or _offset(first, other) > MOST_OFFSET:
        raise DataError(f"runs lie on different grids: {first.shape} and {other.shape}", first.space, "resample them")


def _same_kind(first: Targets, other: Targets) -> bool:
    return (first.kind, first.space, first.shape) == (other.kind, other.space, other.shape)


def _offset(first: Targets, other: Targets) -> float:
    """In voxels; 0 where there is no grid."""
    if first.affine is None or other.affine is None:
        return 0.0
    return grid_offset(first.grid_shape, first.affine, other.affine)


def _take(targets: Targets, rows: list[int]) -> Targets:
    return replace(
        targets,
        names=tuple(targets.names[row] for row in rows),
        index=None if targets.index is None else targets.index[rows],
        xyz_mm=None if targets.xyz_mm is None else targets.xyz_mm[rows],
        table={column: tuple(cells[row] for row in rows) for column, cells in targets.table.items()},
        columns=None if targets.columns is None else targets.columns[rows],
    )
