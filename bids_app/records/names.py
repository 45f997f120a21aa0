"""Names of components and bands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import combinations


def camel(name: str) -> str:
    """`low_level` → `LowLevel`: a space's name inside `unique…` and `shared…`."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^0-9A-Za-z]+", name) if part)


def space_label(name: str) -> str:
    """`low_level` → `lowLevel`: a space's name as a BIDS label of its own."""
    joined = camel(name)
    return joined[:1].lower() + joined[1:]


def component_names(units: tuple[str, ...]) -> tuple[str, ...]:
    """`full`, every unit alone, then the 2^k − 1 parts: `unique<A>`, `shared<A><B>`…, in analysis order."""
    parts = [
        ("unique" if size == 1 else "shared") + "".join(camel(unit) for unit in chosen)
        for size in range(1, len(units) + 1)
        for chosen in combinations(units, size)
    ]
    return ("full", *(space_label(unit) for unit in units), *parts)


def component_of(partition: str, component: str) -> str:
    """A component of a further partition, by its own name within all: `against`, `uniqueShared` →
    `againstUniqueShared`."""
    return partition + component[:1].upper() + component[1:]


def all_components(
    units: tuple[str, ...], further: Mapping[str, tuple[str, ...]], beside: Iterable[str] = ()
) -> tuple[str, ...]:
    """Components of the partition, those of the further ones under names of their own, and those beside them."""
    others = [component_of(name, one) for name, members in further.items() for one in component_names(members)]
    return (*component_names(units), *others, *beside)


INTER_SUBJECT = "betweenPeople"  # the label of ceilings from other people who heard the same
WORD_COUNT = "@1"  # a band of ones, one a word: the constant of projections


def word_band(space: str) -> str:
    """The band of a space's rows by word, of a space whose own rows are none; no space can have this name."""
    return f"@{space}"
