"""The same unit of two runs: whether it can be compared block by block, and the paired difference of a component."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from bids_app import encoding
from bids_app.records import Array, Component, Targets
from bids_app.records.fits import BlockSums
from bids_app.records.results import ComparedUnit

SAME = 1e-3  # of a block's mean Σ (y − ȳ)²: responses that were cleaned alike agree to rounding
PERMUTATIONS, SEED = 1000, 0
STATS = {"low": "ci025", "high": "ci975", "p_family": "pfwe"}  # of a `PairedDifference`, by the names of maps


def why_not_paired(first: BlockSums, second: BlockSums, names: tuple[Sequence[str], Sequence[str]]) -> str:
    """Why a unit of two runs cannot be compared, in a few words; empty where it can.

    Parameters
    ----------
    first, second : its sums by block in either run.
    names : of the targets in either run.
    """
    if tuple(names[0]) != tuple(names[1]):
        return f"the runs have other targets ({len(names[0])} and {len(names[1])})"
    if len(first.sizes) != len(second.sizes):
        return f"the runs have other blocks of time ({len(first.sizes)} and {len(second.sizes)})"
    if first.runs != second.runs or not np.allclose(first.starts_s, second.starts_s):
        return "the runs have other recordings, or other blocks of time"
    if not np.array_equal(first.sizes, second.sizes):
        return "the runs used other samples"
    if not np.array_equal(first.folds, second.folds):
        return "the runs have other outer folds"
    there = np.isfinite(first.total[0]) & np.isfinite(second.total[0])
    one, other = first.total[:, there], second.total[:, there]
    # runs that are z-scored have equal squares, whatever was cleaned
    apart = np.abs(first.checks - second.checks)[:, there] > SAME * np.sqrt(one.mean(axis=0))
    if not there.any() or (np.abs(one - other) > SAME * one.mean(axis=0)).any() or apart.any():
        return "the runs have other responses: they were cleaned otherwise, or trained on other samples"
    return ""


def compared_unit(
    stem: str,
    participant: str,
    targets: Targets,
    sums: tuple[BlockSums, BlockSums],
    components: tuple[Component, Component],
) -> ComparedUnit:
    """The paired difference of a component, target by target, and of its mean over targets.

    Parameters
    ----------
    stem, participant : of the unit.
    targets : (n_targets,) those of the sums.
    sums : of either run; `why_not_paired` has nothing against them.
    components : what is compared, as either run's partition has it.
    """
    first, second = (_gains(*each) for each in zip(sums, components, strict=True))
    total = sums[0].total
    found = encoding.paired_difference(first - second, total, PERMUTATIONS, SEED)
    whole = total.sum(axis=0)
    there = np.isfinite(whole) & (whole > 0) & np.isfinite(found.difference)
    # each target in its own variance, so that their mean is that of R²
    contrast, scaled = (
        (each[:, there] / whole[there]).mean(axis=1, keepdims=True) for each in (first - second, total)
    )
    mean = encoding.paired_difference(contrast, scaled, PERMUTATIONS, SEED)
    return ComparedUnit(
        stem=stem,
        participant=participant,
        targets=targets,
        first=_rsquared(first, whole),
        second=_rsquared(second, whole),
        values=_stats(found),
        mean={stat: float(values[0]) for stat, values in _stats(mean).items()},
        n_blocks=len(total),
    )


def _gains(sums: BlockSums, component: Component) -> Array:
    """(n_blocks, n_targets) the signed sum of unions' gains."""
    by_members = {frozenset(union): gains for union, gains in sums.gains.items()}
    return np.asarray(sum(sign * by_members[frozenset(union)] for union, sign in component.terms))


def _rsquared(gains: Array, whole: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(gains.sum(axis=0) / whole)


def _stats(found: encoding.PairedDifference) -> dict[str, Array]:
    return {STATS.get(name, name): values for name, values in asdict(found).items()}
