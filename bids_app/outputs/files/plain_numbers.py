"""Arrays as the plain numbers of summaries: None for what is not finite."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from bids_app.records import Array, Number


def as_number(value: Any) -> Number:
    """A float, or None where there is none."""
    plain = float(value)
    return plain if math.isfinite(plain) else None


def as_row(values: Iterable[Any]) -> tuple[Number, ...]:
    """(n,) numbers."""
    return tuple(as_number(value) for value in np.asarray(values).tolist())


def as_rows(values: Array) -> tuple[tuple[Number, ...], ...]:
    """(n, m) numbers."""
    return tuple(as_row(row) for row in values)


def finite(values: Any) -> Array:
    """Those of (n,) numbers that are finite, as float64."""
    numbers = np.asarray(values, dtype=float)
    return np.asarray(numbers[np.isfinite(numbers)])
