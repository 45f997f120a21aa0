"""Participants' numbers side by side on the targets that any of them has, some targets at a time: so that memory does
not grow with participants."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.records import SCORES, Array, Targets, WrittenUnit
from bids_app.records.inputs.joined import JoinedTargets
from bids_app.records.results import UnitReader

Number = tuple[str, str]  # component, stat
READ = (*SCORES, "pfwe")  # stats of participants that a group level asks for
HELD_BYTES = 2**28  # of tables held at once, where nothing says less
COPIES = 6  # of a table, that are made on the way
NOTHING = np.empty(0)


@dataclass(frozen=True)
class Room:
    """Where participants' numbers wait (None: in memory), how many bytes of them are held at once, and who is told of
    what takes long."""

    folder: Path | None = None
    held_bytes: int = HELD_BYTES
    tell: Callable[[str], object] = field(default=lambda line: None, compare=False)


IN_MEMORY = Room()


def held_bytes(mem_mb: int | None) -> int:
    """How many bytes of participants' numbers are held at once: an eighth of what the process may take.

    Parameters
    ----------
    mem_mb : limit on the memory of the process, in MB (10⁶ bytes); None: as much as ever.
    """
    return HELD_BYTES if mem_mb is None else min(HELD_BYTES, mem_mb * 10**6 // 8)


@dataclass(frozen=True)
class Store:
    """One participant's numbers.

    Parameters
    ----------
    rows : (n_own,) of its targets among all, ascending.
    places : number → its row in what `open` gives.
    open : gives the values (n_numbers, n_own).
    """

    rows: Array
    places: Mapping[Number, int]
    open: Callable[[], Array]


@dataclass(frozen=True)
class SideBySide:
    """Participants on common targets.

    Parameters
    ----------
    members : units, one a participant, without their values (each has its components and stats).
    targets : those that any of them has.
    stores : of each member.
    held_bytes : of tables that may be held at once.
    """

    members: tuple[WrittenUnit, ...]
    targets: Targets
    stores: tuple[Store, ...]
    held_bytes: int = HELD_BYTES

    def blocks(self, n_tables: int) -> Iterator[slice]:
        """Targets that may be read at once.

        Parameters
        ----------
        n_tables : how many are held of each block.
        """
        n_targets = len(self.targets.names)
        at_once = max(1, self.held_bytes // (8 * COPIES * max(1, n_tables) * len(self.members)))
        yield from (slice(first, min(first + at_once, n_targets)) for first in range(0, n_targets, at_once))

    def tables(self, numbers: Sequence[Number], some: slice) -> dict[Number, Array]:
        """Numbers of a block of targets, each (n_participants, n_some) float64, NaN where a participant has none.

        Parameters
        ----------
        numbers : those asked for; everybody has them.
        some : the block, with start and stop.
        """
        found = {number: np.full((len(self.stores), some.stop - some.start), np.nan) for number in numbers}
        for who, store in enumerate(self.stores):
            first, last = np.searchsorted(store.rows, (some.start, some.stop))
            at, values = store.rows[first:last] - some.start, store.open()
            for number, table in found.items():
                table[who, at] = values[store.places[number], first:last]
        return found

    def one(self, who: int, number: Number) -> Array:
        """A number of one participant, (n_targets,), NaN where there is none.

        Parameters
        ----------
        who : which member.
        number : which one.
        """
        store = self.stores[who]
        placed = np.full(len(self.targets.names), np.nan)
        placed[store.rows] = store.open()[store.places[number]]
        return placed


def side_by_side(units: Sequence[UnitReader], folder: Path | None = None, held_bytes: int = HELD_BYTES) -> SideBySide:
    """Read participants one after the other.

    Parameters
    ----------
    units : one a participant, on one grid.
    folder : takes a file of each participant's numbers, for as long as they are asked for; None: all stay in memory.
    held_bytes : of tables that may be held at once.

    Raises
    ------
    ReadWriteError : where a file of a unit is gone or broken.
    """
    joined, members, stores = JoinedTargets(), [], []
    for who, reader in enumerate(units):
        unit = reader.read(READ)
        rows = joined.add(unit.targets)
        members.append(without_values(unit))
        stores.append(_stored(unit, rows, None if folder is None else folder / f"{reader.stem}_{who}.npy"))
    return SideBySide(tuple(members), joined.targets, tuple(stores), held_bytes)


def _stored(unit: WrittenUnit, rows: Array, path: Path | None) -> Store:
    """The unit's numbers in the order of all targets, in a file or in memory."""
    order = np.argsort(rows)
    values = unit.partition.values
    numbers = [(label, stat) for label, stats in values.items() for stat in stats if stat in READ]
    held = np.stack([np.asarray(values[label][stat])[order] for label, stat in numbers])
    opened: Callable[[], Any] = partial(np.asarray, held)
    if path is not None:
        np.save(path, held, allow_pickle=False)
        opened = partial(np.load, path, mmap_mode="r")
    return Store(rows[order], {number: place for place, number in enumerate(numbers)}, opened)


def without_values(unit: WrittenUnit) -> WrittenUnit:
    """A unit that says which components and stats it has, and on which grid, and holds no number.

    Parameters
    ----------
    unit : as read back.
    """
    names = {label: dict.fromkeys(stats, NOTHING) for label, stats in unit.partition.values.items()}
    return replace(unit, targets=grid_of(unit.targets), partition=replace(unit.partition, values=names))


def grid_of(targets: Targets) -> Targets:
    """Where targets may lie, without saying which there are; text that grids have in common is held once."""
    return replace(targets, names=(), index=None, columns=None, cifti=sys.intern(targets.cifti))
