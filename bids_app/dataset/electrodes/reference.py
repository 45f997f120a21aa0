"""What voltages are measured against: left as recorded, the mean of like contacts, or the next contact."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from bids_app.errors import DataError
from bids_app.records import Array

CONTACT = re.compile(r"(.*?)(\d+)(\D*)")
FAR = 1.5  # neighbours are at most this many times as far apart as is usual on their shank, strip or grid
LEAST_AVERAGED = 3
LARGE_SHANK = 20  # contacts in one row: more are a grid, whose rows end somewhere


def neighbours(names: Sequence[str], groups: Mapping[str, str], xyz_mm: Array) -> dict[str, tuple[str, str]]:
    """Pairs of contacts that follow one another on a shank, strip or row of a grid.

    Contacts belong together by the letters of their name and, where channels.tsv has it, by `group`; they follow one
    another by number. A pair that is farther apart than 1.5 times the median of its kind spans two rows of a grid.

    Parameters
    ----------
    names : of good contacts.
    groups : contact → `group` of channels.tsv, where it has one.
    xyz_mm : (n_contacts, 3), NaN where unknown.

    Returns
    -------
    'A1-A2' → (A1, A2), in the order of `names`.
    """
    parts = {name: found for name in names if (found := CONTACT.fullmatch(name))}
    numbered = {(found[1], found[3], groups.get(name, ""), int(found[2])): name for name, found in parts.items()}
    row = {name: at for at, name in enumerate(names)}
    pairs: dict[tuple[str, ...], list[tuple[str, str]]] = defaultdict(list)
    for (stem, tail, group, number), name in numbered.items():
        after = numbered.get((stem, tail, group, number + 1))
        if after is not None:
            pairs[stem, tail, group].append((name, after))
    found_pairs = [pair for alike in pairs.values() for pair in _near(alike, row, xyz_mm)]
    return {f"{one}-{other}": (one, other) for one, other in sorted(found_pairs, key=lambda pair: row[pair[0]])}


def _near(pairs: list[tuple[str, str]], row: Mapping[str, int], xyz_mm: Array) -> list[tuple[str, str]]:
    apart = np.array([np.linalg.norm(xyz_mm[row[one]] - xyz_mm[row[other]]) for one, other in pairs])
    if not np.isfinite(apart).any():
        return pairs
    usual = np.nanmedian(apart)
    return [pair for pair, distance in zip(pairs, apart, strict=True) if not distance > FAR * usual]


def long_rows(pairs: Mapping[str, tuple[str, str]], names: Sequence[str], xyz_mm: Array) -> tuple[str, ...]:
    """Letters of what may be grids whose rows nothing tells apart: many contacts, and no positions.

    Parameters
    ----------
    pairs : of neighbours.
    names, xyz_mm : as of `neighbours`.
    """
    unplaced = {name for name, place in zip(names, xyz_mm, strict=True) if not np.isfinite(place).all()}
    counts: dict[str, int] = defaultdict(int)
    for one, other in pairs.values():
        found = CONTACT.fullmatch(one)
        if found is not None and {one, other} & unplaced:
            counts[found[1]] += 1
    return tuple(stem for stem, count in counts.items() if count >= LARGE_SHANK)


def alike(names: Sequence[str], types: Mapping[str, str]) -> list[list[str]]:
    """Contacts of one type together.

    Parameters
    ----------
    names : of good contacts.
    types : contact → its type.

    Raises
    ------
    DataError : of one type there are too few for a mean.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[types.get(name, "").upper()].append(name)
    for kind, members in groups.items():
        if len(members) < LEAST_AVERAGED:
            raise DataError(
                f"{len(members)} good channels of type {kind or 'n/a'} are too few for an average reference",
                hint="use reference: bipolar or none",
            )
    return list(groups.values())
