"""Recovered beside planted R²: how well the parts of a data set with known parts are recovered."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bids_app.disk import read_text
from bids_app.errors import ReadWriteError
from bids_app.records import Array, WrittenUnit

PLANTED = 0.01  # R²: above it a component counts as planted in a target
NOISE_ONLY = 0.001  # R²: a target whose planted full model does not reach it holds noise alone
FEWEST = 30  # targets behind a slope: over fewer it says more of their noise than of the estimates
LEAST_SD = 0.03  # R²: standard deviation of what is planted, below which the estimates' noise decides a slope
VALUES = ("modality", "space", "target", "component", "rsquared")
Truth = Mapping[tuple[str, str], Mapping[str, Mapping[str, float]]]


@dataclass(frozen=True)
class PlantedRecovery:
    """One component: planted and recovered R² (n_planted,) where it is planted, and what they come to.

    `slope` of recovered on planted (least squares, with intercept) and `correlation` (Pearson) are NaN where too few
    targets or too little spread stand behind them (`can_have_slope`). `median_error` is of |recovered − planted|.
    `noise_mean` is the mean recovered on targets that hold noise alone, `quiet` (n_noise,), NaN without any.
    """

    component: str
    planted: Array
    recovered: Array
    planted_mean: float
    recovered_mean: float
    slope: float
    correlation: float
    median_error: float
    quiet: Array
    noise_mean: float


def read_truth(path: Path, participant: str) -> Truth:
    """One participant's planted values: (modality, space) → component → target → R².

    Parameters
    ----------
    path : a table with the columns participant, modality, space, target, component, rsquared.
    participant : label, without `sub-`.

    Raises
    ------
    ReadWriteError : where the table is absent or broken.
    """
    truth: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
    try:
        rows = csv.reader(read_text(path).splitlines(), delimiter="\t")
        place = {name: column for column, name in enumerate(next(rows, []))}
        for row in filter(None, rows):
            if row[place["participant"]].removeprefix("sub-") == participant:
                modality, space, target, component, rsquared = (row[place[name]] for name in VALUES)
                truth.setdefault((modality, space), {}).setdefault(component, {})[target] = float(rsquared)
    except (OSError, ValueError, LookupError, csv.Error) as error:
        columns = "participant, modality, space, target, component, rsquared"
        raise ReadWriteError(f"cannot read planted values ({error})", path, f"columns: {columns}") from None
    return truth


def recoveries(unit: WrittenUnit, truth: Truth) -> tuple[PlantedRecovery, ...]:
    """One a component that the truth knows, in the unit's order; none where nothing was planted for this unit.

    A target that the truth does not list for a component has none of it.

    Parameters
    ----------
    unit : as read back.
    truth : planted values of its participant.
    """
    planted = truth.get((unit.modality, unit.targets.space), {})
    if not planted:
        return ()
    known = {
        component: np.array([by_target.get(name, 0.0) for name in unit.targets.names])
        for component, by_target in planted.items()
    }
    noise = known["full"] < NOISE_ONLY if "full" in known else np.zeros(len(unit.targets.names), dtype=bool)
    return tuple(
        recovery(component, known[component], np.asarray(stats["rsquared"], dtype=float), noise)
        for component, stats in unit.partition.values.items()
        if component in known
    )


def recovery(component: str, planted: Array, recovered: Array, noise: Array) -> PlantedRecovery:
    """Recovered beside planted R² of one component; targets whose recovered value is NaN are left out.

    Parameters
    ----------
    component : its label.
    planted, recovered : (n_targets,) R².
    noise : (n_targets,) bool, targets of noise alone.
    """
    there = np.isfinite(recovered)
    chosen, quiet = there & (np.abs(planted) > PLANTED), there & noise
    return _recovery(component, planted[chosen], recovered[chosen], recovered[quiet])


def pool(pieces: Sequence[PlantedRecovery]) -> PlantedRecovery:
    """One component over several units (participants): all their targets as one sample."""
    x, y, quiet = (
        np.concatenate([getattr(one, name) for one in pieces]) for name in ("planted", "recovered", "quiet")
    )
    return _recovery(pieces[0].component, x, y, quiet)


def can_have_slope(planted: Array) -> bool:
    """Whether a slope of recovered on planted R², and their correlation, say something of the estimates.

    Parameters
    ----------
    planted : (n_planted,) R² of the targets in which a component is planted.
    """
    return len(planted) >= FEWEST and float(planted.std()) >= LEAST_SD


def _recovery(component: str, x: Array, y: Array, quiet: Array) -> PlantedRecovery:
    varies = can_have_slope(x)
    return PlantedRecovery(
        component=component,
        planted=x,
        recovered=y,
        planted_mean=_over(x),
        recovered_mean=_over(y),
        slope=float(np.cov(x, y)[0, 1] / x.var(ddof=1)) if varies else np.nan,
        correlation=float(np.corrcoef(x, y)[0, 1]) if varies and y.std() > 1e-12 else np.nan,
        median_error=float(np.median(np.abs(y - x))) if len(x) else np.nan,
        quiet=quiet,
        noise_mean=_over(quiet),
    )


def _over(values: Array) -> float:
    return float(values.mean()) if len(values) else np.nan
