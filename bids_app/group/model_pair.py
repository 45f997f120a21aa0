"""What is found of two models, over people: means with Student's t, people being what varies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import stdtrit

from bids_app.records import Array, WrittenUnit

UPPER = 0.975
WHOLE, RELIABLE = "bothModels", "reliable"
BELOW_ONE = 1 - 1e-12
Key = tuple[str, str, str]  # kind, name, targets


def group_statistics(members: Sequence[WrittenUnit], published: bool = False) -> tuple[dict[str, Any], ...]:
    """A row a finding that at least two people have (or the one person there is): 'kind', 'name', 'targets',
    'n_people', 'value', 'low', 'high', None where there is none.

    Correlations are averaged through Fisher's z. A share is the people's mean amount over their mean whole, its
    limits by linearisation. Reliable targets count in people of whom some target is significant over all of theirs.
    `published`: without limits.
    """
    people = [_values(unit.summary) for unit in members]
    keys = dict.fromkeys(key for person in people for key, value in person.items() if value is not None)
    rows = []
    for key in keys:
        n, (value, low, high) = _over(key, people)
        if n >= min(2, len(members)):
            limits = (None, None) if published or not np.isfinite(low) else (low, high)
            row = {"kind": key[0], "name": key[1], "targets": key[2], "n_people": n, "value": value}
            rows.append({**row, "low": limits[0], "high": limits[1]})
    return tuple(rows)


def _values(summary: Mapping[str, Any]) -> dict[Key, float | None]:
    """A person's."""
    found, tested = summary["findings"], summary["significant"]
    predicted = tested is not None and tested["full"]["pfwe"] > 0
    rows = found["rows"] if found else ()
    return {
        (row["kind"], row["name"], row["targets"]): row["value"]
        for row in rows
        if predicted or row["targets"] != RELIABLE
    }


def _over(key: Key, people: Sequence[Mapping[Key, float | None]]) -> tuple[int, tuple[float, float, float]]:
    kind, name, targets = key
    if kind == "share":
        whole = WHOLE if ("amount", WHOLE, targets) in people[0] else f"inSample{WHOLE[:1].upper()}{WHOLE[1:]}"
        found = [(one.get(("amount", name, targets)), one.get(("amount", whole, targets))) for one in people]
        pairs = np.array([pair for pair in found if None not in pair], dtype=float)
        return len(pairs), ratio(pairs[:, 0], pairs[:, 1])
    values = np.array([one[key] for one in people if one.get(key) is not None], dtype=float)
    if "correlation" not in kind:
        return len(values), mean(values)
    z = mean(np.arctanh(np.clip(values, -BELOW_ONE, BELOW_ONE)))
    return len(values), (float(np.tanh(z[0])), float(np.tanh(z[1])), float(np.tanh(z[2])))


def mean(values: Array) -> tuple[float, float, float]:
    """(n_people,) → mean and its 95 % limits by Student's t; NaN for fewer than two."""
    return _with_limits(float(values.mean()), values - values.mean())


def ratio(amounts: Array, wholes: Array) -> tuple[float, float, float]:
    """(n_people,) each → ratio of sums and its 95 % limits: it varies as amount − ratio · whole."""
    value = float(amounts.sum() / wholes.sum())
    return _with_limits(value, (amounts - value * wholes) / wholes.mean())


def _with_limits(value: float, deviations: Array) -> tuple[float, float, float]:
    n = len(deviations)
    if n < 2:
        return value, np.nan, np.nan
    half = float(stdtrit(n - 1, UPPER)) * float(np.sqrt(np.square(deviations).sum() / (n - 1) / n))
    return value, value - half, value + half
