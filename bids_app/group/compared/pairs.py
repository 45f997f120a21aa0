"""The same unit of two runs: whether it can be compared block by block, and the paired difference of a component, by
target and by region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from bids_app import encoding
from bids_app.records import Array, Component, Targets
from bids_app.records.compared.differences import ComparedUnit, Region, RegionDifference
from bids_app.records.fits import BlockSums

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


@dataclass(frozen=True)
class PairedBlocks:
    """A component of a unit in two runs, block by block of time.

    Parameters
    ----------
    first, second : (n_blocks, n_targets) its gains in either run.
    total : (n_blocks, n_targets) Σ (y − ȳ)².
    """

    first: Array
    second: Array
    total: Array

    @property
    def contrast(self) -> Array:
        """(n_blocks, n_targets) gains of the first run less those of the second."""
        return np.asarray(self.first - self.second)

    @property
    def usable(self) -> Array:
        """(n_targets,) bool: those that both runs have a value of."""
        return np.asarray(np.isfinite(self.contrast).all(axis=0) & (self.total.sum(axis=0) > 0))

    def shares(self, columns: Array) -> tuple[Array, Array]:
        """Contrast and total of some targets, each in its own variance, so that a mean over targets is that of R².

        Parameters
        ----------
        columns : (n,) of targets, all of them usable.

        Returns
        -------
        (n_blocks, n) each; a target's sum over blocks is its difference of R², and 1.
        """
        whole = self.total[:, columns].sum(axis=0)
        return self.contrast[:, columns] / whole, self.total[:, columns] / whole


@dataclass(frozen=True)
class MeanBlocks:
    """Of means over several sets of targets: `sets`, the columns (n,) of the usable ones of each; `contrast`, `total`
    (n_blocks, n_sets), the mean of their shares."""

    sets: tuple[Array, ...]
    contrast: Array
    total: Array


def paired_blocks(sums: tuple[BlockSums, BlockSums], components: tuple[Component, Component]) -> PairedBlocks:
    """A component's gains in two runs.

    Parameters
    ----------
    sums : of either run; `why_not_paired` has nothing against them.
    components : what is compared, as either run's partition has it.
    """
    first, second = (_gains(*each) for each in zip(sums, components, strict=True))
    return PairedBlocks(first, second, sums[0].total)


def _gains(sums: BlockSums, component: Component) -> Array:
    """(n_blocks, n_targets) the signed sum of unions' gains."""
    by_members = {frozenset(union): gains for union, gains in sums.gains.items()}
    return np.asarray(sum(sign * by_members[frozenset(union)] for union, sign in component.terms))


def mean_blocks(blocks: PairedBlocks, sets: Sequence[Array]) -> MeanBlocks:
    """Means over sets of targets, block by block: what targets have in common stays in them.

    Parameters
    ----------
    blocks : of a unit.
    sets : (n,) columns of each set; those that are not usable are left out of it, and it keeps its place.
    """
    usable = blocks.usable
    kept = tuple(columns[usable[columns]] for columns in sets)
    means = [[share.mean(axis=1) if len(columns) else np.full(len(blocks.total), np.nan)
              for share in blocks.shares(columns)] for columns in kept]  # fmt: skip
    contrast, total = np.array(means).reshape(len(kept), 2, len(blocks.total)).transpose(1, 2, 0)
    return MeanBlocks(kept, contrast, total)


def compared_unit(
    stem: str, participant: str, targets: Targets, blocks: PairedBlocks, columns: Array
) -> ComparedUnit:
    """The paired difference, target by target, and of its mean over targets.

    Parameters
    ----------
    stem, participant : of the unit.
    targets : (n_targets,) those that are told of.
    blocks : of all targets, which p is family-wise over.
    columns : (n_targets,) where the targets stand among them.
    """
    found = _stats(encoding.paired_difference(blocks.contrast, blocks.total, PERMUTATIONS, SEED))
    usable = np.flatnonzero(blocks.usable)
    means = mean_blocks(blocks, [usable])
    mean = _stats(encoding.paired_difference(means.contrast, means.total, PERMUTATIONS, SEED))
    first, second = _rsquared(blocks)
    return ComparedUnit(
        stem=stem,
        participant=participant,
        targets=targets,
        first=first[columns],
        second=second[columns],
        values={stat: values[columns] for stat, values in found.items()},
        mean={
            "first": _mean(first[usable]),
            "second": _mean(second[usable]),
            **{stat: float(values[0]) for stat, values in mean.items()},
        },
        n_blocks=len(blocks.total),
    )


def compared_regions(blocks: PairedBlocks, regions: Mapping[Region, Array]) -> tuple[RegionDifference, ...]:
    """The paired difference of each region's mean over its targets, tested as a target's is: by the same sign
    vectors, family-wise over the regions of its atlas.

    Parameters
    ----------
    blocks : of a unit.
    regions : (atlas, region) → columns of its targets.

    Returns
    -------
    A row a region that has a usable target, in their order.
    """
    first, second = _rsquared(blocks)
    rows: list[RegionDifference] = []
    for atlas in dict.fromkeys(atlas for atlas, _ in regions):
        own = {name: columns for (one, name), columns in regions.items() if one == atlas}
        means = mean_blocks(blocks, [*own.values()])
        found = _stats(encoding.paired_difference(means.contrast, means.total, PERMUTATIONS, SEED))
        rows += [
            RegionDifference(
                atlas=atlas,
                region=name,
                n=len(columns),
                first=float(first[columns].mean()),
                second=float(second[columns].mean()),
                **{stat: float(values[place]) for stat, values in found.items()},
            )
            for place, (name, columns) in enumerate(zip(own, means.sets, strict=True))
            if len(columns)
        ]
    return tuple(rows)


def _rsquared(blocks: PairedBlocks) -> tuple[Array, Array]:
    """(n_targets,) of either run."""
    whole = blocks.total.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        first, second = (np.asarray(gains.sum(axis=0) / whole) for gains in (blocks.first, blocks.second))
    return first, second


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else np.nan


def _stats(found: encoding.PairedDifference) -> dict[str, Array]:
    return {STATS.get(name, name): values for name, values in asdict(found).items()}
