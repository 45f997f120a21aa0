"""Differences of two runs. NaN stands for a number that there is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bids_app.records.arrays import Array
from bids_app.records.inputs.responses import Targets

Region = tuple[str, str]  # atlas, name
Guard = Literal["blocks", "own tests", "none"]
FEWEST_FLIPPED = 6  # participants that a two-sided test over them takes: of fewer no sign flips give p ≤ .05


@dataclass(frozen=True)
class RegionDifference:
    """A region of a unit of two runs: n usable targets there, the mean over them of R² in either run, and the paired
    difference of these means with its 95 % confidence interval, p (two-sided), and p and q over the atlas's
    regions."""

    atlas: str
    region: str
    n: int
    first: float
    second: float
    difference: float
    ci025: float
    ci975: float
    p: float
    pfwe: float
    q: float


@dataclass(frozen=True)
class ComparedUnit:
    """A unit of two runs: what its component is in one (`first`, R² (n_targets,)) and in the other (`second`), and
    their paired difference, {stat: (n_targets,)} and {stat: number} of the mean over the targets that both runs have
    a value of. stats: `difference`, `ci025`, `ci975`, `p`, `pfwe`, `q`; of the mean also `first` and `second`.
    regions: where there are any; atlases: name → file and SHA-256; notes: what their reader must know; lost_regions:
    whether own masks could not be read, 1 or 0."""

    stem: str
    participant: str
    targets: Targets
    first: Array
    second: Array
    values: Mapping[str, Array]
    mean: Mapping[str, float]
    n_blocks: int
    regions: tuple[RegionDifference, ...] = ()
    atlases: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    lost_regions: int = 0


@dataclass(frozen=True)
class MeanDifference:
    """Over participants: the mean of their differences in a region (or over all of their targets).

    Parameters
    ----------
    atlas, region : which.
    n_participants, n_targets : who has targets there, and how many all of them have.
    mean, ci025, ci975 : mean over participants, and its 95 % confidence interval.
    p, pfwe, q : two-sided; family-wise and q over the regions of the atlas.
    guard : what p is guarded by against what responses to one stimulus share by chance.
    """

    atlas: str
    region: str
    n_participants: int
    n_targets: int
    mean: float
    ci025: float
    ci975: float
    p: float
    pfwe: float
    q: float
    guard: Guard


@dataclass(frozen=True)
class ComparedGroup:
    """Participants of two runs.

    Parameters
    ----------
    stem : entities that their units share.
    participants : labels, without `sub-`.
    targets : those that any of them has; none where they share no space.
    values : {stat: (n_targets,)}: `mean`, `n`, `ci025`, `ci975`, `p`, `pfwe`, `q`; empty without targets.
    guard : of p of targets.
    whole : over all targets of each.
    regions : a row a region.
    notes : what a reader must know, and why there are no values, or no p.
    """

    stem: str
    participants: tuple[str, ...]
    targets: Targets
    values: Mapping[str, Array]
    guard: Guard
    whole: MeanDifference
    regions: tuple[MeanDifference, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ComparedRuns:
    """Two runs, by their names, of which a component was compared; what each run's models are made of, in words;
    units that both have, what was left out, what stands against trusting either run's units, in words, and what
    participants say together."""

    names: tuple[str, str]
    component: str
    models: tuple[str, str]
    units: tuple[ComparedUnit, ...]
    left_out: tuple[str, ...] = ()
    doubts: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    groups: tuple[ComparedGroup, ...] = ()
