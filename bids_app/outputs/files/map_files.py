"""Which number lies in which file of maps: the one rule, of participants and of groups.

R² of the partition's components has a file each; all else lies in one file a stat, in maps named by their components.
What the full model chose has a file of its own, in maps named by stats, and so have noise ceilings from other
participants, which come later than the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from bids_app.records import HYPERPARAMETERS, INTER_SUBJECT, MapFile, partition_components


def place_of(component: str, stat: str, groups: tuple[str, ...]) -> tuple[str, str]:
    """`stat` and `desc` in the name of the file that a number lies in; empty where the name has none.

    Parameters
    ----------
    component, stat : the number.
    groups : feature groups of the analysis's own partition, in order.
    """
    if component in (INTER_SUBJECT, HYPERPARAMETERS):
        return "", component
    return stat, component if stat == "rsquared" and component in _of_partition(groups) else ""


@cache
def _of_partition(groups: tuple[str, ...]) -> frozenset[str]:
    return frozenset(one.label for one in partition_components(groups))


def map_files(numbers: Iterable[tuple[str, str]], groups: tuple[str, ...]) -> tuple[MapFile, ...]:
    """The files that hold some numbers, and the order of their maps: that of the numbers.

    Parameters
    ----------
    numbers : (component, stat) of each.
    groups : feature groups of the analysis's own partition, in order.
    """
    held: dict[tuple[str, str], list[str]] = {}
    for component, stat in numbers:
        place = place_of(component, stat, groups)
        held.setdefault(place, []).append(component if place[0] else stat)
    return tuple(MapFile(*place, tuple(maps)) for place, maps in held.items())
