"""Recovered beside planted: how well a data set with known answers was answered."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bids_app.errors import ReadWriteError
from bids_app.records import Array, WrittenUnit

PLANTED = 0.01  # R²: above it a component counts as planted in a target
Truth = Mapping[tuple[str, str], Mapping[str, Mapping[str, float]]]


@dataclass(frozen=True)
class Recovery:
    """One component: planted and recovered R² (n_planted,) where it is planted, and what they come to.

    `slope` of recovered on planted and `correlation` are NaN under three targets or where planted does not vary;
    `noise_mean` is over the targets in which nothing is planted, NaN without any.
    """

    component: str
    planted: Array
    recovered: Array
    planted_mean: float
    slope: float
    correlation: float
    median_error: float
    n_noise: int
    noise_mean: float


def read_truth(path: Path, participant: str) -> Truth:
    """One person's planted values, (modality, space) → component → target → R². Raises ReadWriteError."""
    truth: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as opened:
            for row in csv.DictReader(opened, delimiter="\t"):
                if row["participant"].removeprefix("sub-") == participant:
                    unit = truth.setdefault((row["modality"], row["space"]), {})
                    unit.setdefault(row["component"], {})[row["target"]] = float(row["rsquared"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        columns = "participant, modality, space, target, component, rsquared"
        raise ReadWriteError(f"cannot read planted values ({error})", path, f"columns: {columns}") from None
    return truth


def recoveries(unit: WrittenUnit, truth: Truth) -> tuple[Recovery, ...]:
    """One a component that the truth knows, in the unit's order; none where nothing was planted for this unit."""
    planted = truth.get((unit.modality, unit.targets.space), {})
    if not planted:
        return ()
    known = {
        component: np.array([by_target.get(name, 0.0) for name in unit.targets.names])
        for component, by_target in planted.items()
    }
    noise = np.all([np.abs(values) < 1e-9 for values in known.values()], axis=0)
    return tuple(
        _recovery(component, known[component], np.asarray(stats["rsquared"], dtype=float), noise)
        for component, stats in unit.partition.values.items()
        if component in known
    )


def _recovery(component: str, planted: Array, recovered: Array, noise: Array) -> Recovery:
    there = np.isfinite(recovered)
    chosen, quiet = there & (np.abs(planted) > PLANTED), there & noise
    x, y = planted[chosen], recovered[chosen]
    varies = len(x) > 2 and x.std() > 1e-9
    return Recovery(
        component=component,
        planted=x,
        recovered=y,
        planted_mean=_over(x),
        slope=float(np.cov(x, y)[0, 1] / x.var(ddof=1)) if varies else np.nan,
        correlation=float(np.corrcoef(x, y)[0, 1]) if varies and y.std() > 1e-12 else np.nan,
        median_error=float(np.median(np.abs(y - x))) if len(x) else np.nan,
        n_noise=int(quiet.sum()),
        noise_mean=_over(recovered[quiet]),
    )


def _over(values: Array) -> float:
    return float(values.mean()) if len(values) else np.nan
