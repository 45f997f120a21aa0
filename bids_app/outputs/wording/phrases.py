"""Small pieces of every sentence: numbers, counts, lists, what targets are called."""

from __future__ import annotations

import math
from collections.abc import Iterable

from bids_app.records import TRAITS, TargetKind


def number(value: float | None, digits: int = 3) -> str:
    """`-0.0123` as −0.012; – for what is missing.

    Parameters
    ----------
    value : None or NaN where it is missing.
    digits : after the point.
    """
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{value:.{digits}f}"
    return (text[1:] if float(text) == 0 and text[0] == "-" else text).replace("-", "−")


def listed(names: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def count_of(number: int, noun: str) -> str:
    """`1 recording`, `2 recordings`.

    Parameters
    ----------
    number : how many.
    noun : of one, whose plural ends with s.
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def noun_of(kind: TargetKind) -> str:
    """`voxel`, `vertex`, `parcel`, `electrode`, …"""
    return TRAITS[kind].noun


def nouns_of(kind: TargetKind) -> str:
    """`voxels`, `vertices`, `parcels`, `electrodes`, …"""
    return TRAITS[kind].nouns


def count_targets(number: int, kind: TargetKind) -> str:
    """`1 vertex`, `2 vertices`.

    Parameters
    ----------
    number : how many.
    kind : of target.
    """
    return f"{number} {noun_of(kind) if number == 1 else nouns_of(kind)}"


def capitalised(text: str) -> str:
    """A sentence's beginning; the rest stays as it is."""
    return text[:1].upper() + text[1:]


def from_to(low: float | None, high: float | None) -> str:
    """Both ends of an interval: `.10 to .14`.

    Parameters
    ----------
    low, high : ends of an interval.
    """
    return f"{number(low)} to {number(high)}"
