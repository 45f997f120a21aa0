"""What results say of regions: of one unit, and over participants. NaN stands for a number that there is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bids_app.records.arrays import Array
from bids_app.records.summaries import SUMMARY_FORMAT


@dataclass(frozen=True)
class LayerChoice:
    """Of one feature space: layers (n_layers) with their numbers; best (n_targets,) numbers of the best ones, NaN
    where there is none; rsquared (n_layers, n_targets) of each, None where it is not kept by target."""

    layers: tuple[str, ...]
    numbers: tuple[int, ...]
    best: Array
    rsquared: Array | None = None


@dataclass(frozen=True)
class LagTable:
    """lags_s (n_lags,), and column of the table of lags → (n_targets, n_lags) values."""

    lags_s: tuple[float, ...]
    columns: Mapping[str, Array]


@dataclass(frozen=True)
class RegionScore:
    """A region and component of a unit, over its usable targets there.

    Parameters
    ----------
    atlas, region, component : which.
    n : usable targets in the region.
    rsquared, r : mean held-out R², and mean r through Fisher's z (NaN where the component has none).
    share_pfwe, share_q : share of them with a family-wise p, and a q, of at most the level; NaN without tests.
    pfwe : the smallest family-wise p among them; NaN without tests.
    ceiling : mean noise ceiling of R²; NaN where there is none.
    peak, peak_rsquared, peak_mm : name, R² and place (x, y, z in mm; NaN where unknown) of the target with the
        highest R².
    """

    atlas: str
    region: str
    component: str
    n: int
    rsquared: float
    r: float
    share_pfwe: float
    share_q: float
    pfwe: float
    ceiling: float
    peak: str
    peak_rsquared: float
    peak_mm: tuple[float, float, float]


@dataclass(frozen=True)
class RegionLayer:
    """A region, feature space and layer: how many targets have a best layer there, the share whose best layer this
    is, and the mean held-out R² of the layer fitted alone (NaN where layers' scores are not kept by target)."""

    atlas: str
    region: str
    space: str
    layer: str
    n: int
    best_share: float
    rsquared: float


@dataclass(frozen=True)
class RegionLag:
    """A region and column of the table of lags (a component's R², or the size of a band's weights): its mean over n
    electrodes at one lag."""

    atlas: str
    region: str
    column: str
    lag_s: float
    n: int
    mean: float


@dataclass(frozen=True)
class RegionElectrode:
    """The region of an electrode (`n/a` where it has none), and how far the nearest label is (NaN: place unknown)."""

    name: str
    atlas: str
    region: str
    distance_mm: float


@dataclass(frozen=True)
class UnitRegions:
    """All of one unit; notes: what of its atlases its reader must know."""

    scores: tuple[RegionScore, ...]
    layers: tuple[RegionLayer, ...] = ()
    lags: tuple[RegionLag, ...] = ()
    electrodes: tuple[RegionElectrode, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class GroupRegions:
    """What regions were read off the units of a group, by stem, and off the fit of their mean response; and
    (atlas, region) → the mean noise ceiling from the others, of units that have one."""

    units: Mapping[str, UnitRegions]
    mean: tuple[RegionScore, ...] = ()
    ceilings: Mapping[str, Mapping[tuple[str, str], float]] = field(default_factory=dict)


@dataclass(frozen=True)
class GroupRegion:
    """A region and component over participants.

    Parameters
    ----------
    atlas, region, component : which.
    n_participants, n_targets : who has targets there, and how many all of them have.
    mean, ci025, ci975 : mean over participants of their mean R², and its 95 % confidence interval.
    p, pfwe, q : of Fisher's z of r (of a shared part R²); family-wise and q over the regions of the atlas.
    guard : what p is guarded by against what responses to one stimulus share by chance: `mean response`, `own tests`
        or `none`.
    ceiling : of the full model, the mean over participants of the mean inter-subject noise ceiling of their targets.
    """

    atlas: str
    region: str
    component: str
    n_participants: int
    n_targets: int
    mean: float
    ci025: float
    ci975: float
    p: float
    pfwe: float
    q: float
    guard: str
    ceiling: float = float("nan")


@dataclass(frozen=True)
class RegionsSummary:
    """logs/<stem>_regions.json. atlases: name → file and its SHA-256; unit: the proof of the results that regions
    were read off; files: relative to OUT_DIR → SHA-256."""

    stem: str
    participant: str
    atlases: Mapping[str, str]
    notes: tuple[str, ...]
    unit: str
    files: Mapping[str, str]
    format: int = SUMMARY_FORMAT
