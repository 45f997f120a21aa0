"""Lengths of time in words."""

from __future__ import annotations

UNITS = (("days", 86400), ("h", 3600), ("min", 60))


def in_words(seconds: float) -> str:
    """In the largest unit of which there are two: 90 s, 25 min, 3 h, 2 days; never none: 1 s."""
    unit, size = next(((unit, size) for unit, size in UNITS if seconds >= 2 * size), ("s", 1))
    return f"{max(seconds / size, 1):.0f} {unit}"
