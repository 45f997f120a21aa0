"""Answers to the analysis's question about two models, as numbers with intervals."""

from __future__ import annotations

from dataclasses import dataclass

from bids_app.records.arrays import Array


@dataclass(frozen=True)
class Agreement:
    """Two models' predictions: (n_targets,) each, their correlation and its 2.5 and 97.5 % limits (NaN where nothing
    was drawn, and for unusable targets)."""

    between: tuple[str, str]
    r: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class ModelPairStatistic:
    """One number over some targets (`targets`: all, responsive or reliable), with its limits, NaN if there is none.

    kind: score, map_correlation, map_correlation_partial, prediction_correlation, amount, share, difference.
    """

    kind: str
    name: str
    targets: str
    n_targets: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ModelPairStatistics:
    """All of them. agreements: of every pair of units alone; `between`: the two models asked about, by their units;
    None where the analysis names no two."""

    between: tuple[str, str] | None
    agreements: tuple[Agreement, ...]
    rows: tuple[ModelPairStatistic, ...]
