"""What results leave in OUT_DIR/logs for reports and the group level: all that maps and tables do not hold.

One type a file: `UnitSummary` is logs/<stem>_unit.json, `GroupSummary` logs/group.json. None stands for a number that
there is not (NaN is no JSON).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bids_app.records.arrays import Modality, TargetKind
from bids_app.records.components import Component, ExtraPartition, all_components
from bids_app.records.fits import FoldAudit
from bids_app.records.inputs.alignment import Alignment
from bids_app.records.inputs.responses import Excluded
from bids_app.records.inputs.stimuli import StimulusEvent
from bids_app.records.kinds import MapFile
from bids_app.records.model_pair import StatisticSubject, TargetSet
from bids_app.records.over_participants.inference import GroupInference
from bids_app.records.over_participants.prevalence import Prevalence
from bids_app.records.provenance import NO_EFFORT, Effort, Provenance
from bids_app.records.specs import SubspaceSpec

SUMMARY_FORMAT = 9  # raised whenever what summaries hold changes: others are refused in one line, never misread
UNRELIABLE_P, NO_P = "p is unreliable", "p is n/a"  # how warnings begin that say so
LEAST_PREDICTED = 0.01  # of the variance: targets above it, by the full model, count as predicted
Number = float | None


@dataclass(frozen=True)
class Spread:
    """Of n numbers: mean, median, quartiles, and how many are above 0."""

    n: int
    mean: Number
    median: Number
    q25: Number
    q75: Number
    n_positive: int


@dataclass(frozen=True)
class StatSpreads:
    """A stat over all usable targets, and over predicted ones (full R² above 0.01)."""

    usable: Spread
    predicted: Spread


@dataclass(frozen=True)
class SignificantCounts:
    """How many targets have a family-wise p, and a q, of at most the level asked for."""

    pfwe: int
    q: int


@dataclass(frozen=True)
class ComponentSummary:
    """One component of a unit: which stats it has, spreads of its amounts, significant targets (None: no test)."""

    stats: tuple[str, ...]
    spreads: Mapping[str, StatSpreads]
    significant: SignificantCounts | None = None


@dataclass(frozen=True)
class TargetsSummary:
    """kind, space, shape and affine (4 rows of 4) of the targets; how many, usable ones, and predicted ones; whether
    they lie on an axis of CIFTI, which their maps hold."""

    kind: TargetKind
    space: str
    shape: tuple[int, ...]
    affine: tuple[tuple[float, ...], ...] | None
    n: int
    n_usable: int
    n_predicted: int
    cifti: bool = False


@dataclass(frozen=True)
class Quartiles:
    """By delay, lag or layer: (n,) each."""

    q25: tuple[Number, ...]
    median: tuple[Number, ...]
    q75: tuple[Number, ...]


@dataclass(frozen=True)
class ProfileSummary:
    """Size of the full model's weights: delays_s, over how many targets, band → quartiles by delay."""

    delays_s: tuple[float, ...]
    n_targets: int
    bands: Mapping[str, Quartiles]


@dataclass(frozen=True)
class LagsSummary:
    """R² by lag: label → quartiles over n_targets electrodes; names of the electrodes with the highest R², and label
    → their R² (n_names, n_lags)."""

    lags_s: tuple[float, ...]
    n_targets: int
    components: Mapping[str, Quartiles]
    names: tuple[str, ...]
    images: Mapping[str, tuple[tuple[Number, ...], ...]]


@dataclass(frozen=True)
class ResponsiveSummary:
    """How many electrodes respond to speech, and how that was tested: see `Responsive`."""

    n: int
    level: float
    n_pairs: int
    silence_s: float
    speech_s: tuple[float, float]
    quiet_s: tuple[float, float]


@dataclass(frozen=True)
class AgreementHistogram:
    """How many targets have which correlation of two models' predicted time courses: counts (n,), edges (n + 1,)."""

    counts: tuple[int, ...]
    edges: tuple[float, ...]


@dataclass(frozen=True)
class StatisticSummary:
    """As `ModelPairStatistic`, None for what there is not."""

    about: StatisticSubject
    targets: TargetSet
    n_targets: int
    value: Number
    low: Number
    high: Number


@dataclass(frozen=True)
class ModelPairSummary:
    """Statistics of two models; compared_models: their feature groups, None where the analysis names no two."""

    compared_models: tuple[str, str] | None
    rows: tuple[StatisticSummary, ...]
    agreement: AgreementHistogram


@dataclass(frozen=True)
class SubspaceFoldSummary:
    """As `SubspaceFold`, in plain numbers."""

    fold: int | None
    n_words: int
    dims: tuple[int, int]
    correlation: tuple[Number, ...]
    leak: tuple[Number, ...]
    held_out: tuple[Number, ...]
    p: tuple[Number, ...]
    null_95: Number


@dataclass(frozen=True)
class SubspaceSummary:
    """As `SharedSubspace`."""

    spec: SubspaceSpec
    folds: tuple[SubspaceFoldSummary, ...]


@dataclass(frozen=True)
class RegionScores:
    """Of n targets of a region, by layer (n_layers,): R² (mean, median, quartiles), inner R², how often it is
    best."""

    n: int
    rsquared: tuple[Number, ...]
    rsquared_median: tuple[Number, ...]
    q25: tuple[Number, ...]
    q75: tuple[Number, ...]
    inner: tuple[Number, ...]
    n_best: tuple[int, ...]


@dataclass(frozen=True)
class LayerRows:
    """Names of parcels or electrodes with the highest R² of their best layer, and R² (n_names, n_layers)."""

    names: tuple[str, ...]
    rsquared: tuple[tuple[Number, ...], ...]


@dataclass(frozen=True)
class LayersSummary:
    """One space's layers: names, their numbers, the layer that each outer fold chose for the partition, scores by
    region, usable targets, targets with a best layer, mean R² of the layer so chosen."""

    layers: tuple[str, ...]
    numbers: tuple[int, ...]
    chosen: Mapping[str, str]
    regions: Mapping[str, RegionScores]
    n_usable: int
    n_best: int
    best_mean: Number
    rows: LayerRows | None = None


@dataclass(frozen=True)
class RecordingSummary:
    """A recording that was fitted: its clock, its stimuli, and samples (or words) used, of all."""

    label: str
    rate_hz: float
    start_s: float
    stimuli: tuple[StimulusEvent, ...]
    used: int | None
    total: int | None


@dataclass(frozen=True)
class UnitSummary:
    """logs/<stem>_unit.json. layout: where the numbers of its targets lie; groups: feature groups of the partition;
    extra: further partitions; controls: components of no partition; components: by label, in order; layers,
    contexts: by space; alignments: of its recordings, refused ones too; files: what was written, relative to
    OUT_DIR → SHA-256; maps: which of its numbers lie in which file of maps; effort: what the fit took."""

    stem: str
    participant: str
    modality: Modality
    space: str
    layout: Literal["maps", "table"]
    groups: tuple[str, ...]
    extra: tuple[ExtraPartition, ...]
    controls: tuple[Component, ...]
    ceiling: str
    targets: TargetsSummary
    components: Mapping[str, ComponentSummary]
    profile: ProfileSummary
    recordings: tuple[RecordingSummary, ...]
    alignments: tuple[Alignment, ...]
    excluded: tuple[Excluded, ...]
    folds: tuple[FoldAudit, ...]
    warnings: tuple[str, ...]
    provenance: Provenance
    files: Mapping[str, str]
    subspace: SubspaceSummary | None = None
    lags: LagsSummary | None = None
    responsive: ResponsiveSummary | None = None
    model_pair: ModelPairSummary | None = None
    layers: Mapping[str, LayersSummary] = field(default_factory=dict)
    maps: tuple[MapFile, ...] = ()
    effort: Effort = NO_EFFORT
    format: int = SUMMARY_FORMAT

    @property
    def by_label(self) -> Mapping[str, Component]:
        """Label → component, in order."""
        return all_components(self.groups, self.extra, self.controls)

    @property
    def has_unreliable_p(self) -> bool:
        """Whether a warning says that p does not hold."""
        return any(line.startswith(UNRELIABLE_P) for line in self.warnings)

    @property
    def has_no_p(self) -> bool:
        """Whether a warning says that nothing can be tested on these data."""
        return any(line.startswith(NO_P) for line in self.warnings)


# ------------------------------------------------------------------------------------------------ groups
@dataclass(frozen=True)
class ParticipantScore:
    """One participant's component and stat, over that participant's usable targets."""

    participant: str
    unit: str  # its stem
    component: str  # its label
    stat: str
    spread: Spread


@dataclass(frozen=True)
class GroupLayerScore:
    """A space, region and layer over n participants; best_share: of the targets with a best layer, that of this."""

    space: str
    layer: str
    region: str
    n: int
    rsquared_mean: Number
    rsquared_sd: Number
    best_share: Number


@dataclass(frozen=True)
class ElectrodeMean:
    """A component over participants' electrodes (all, or those responsive to speech)."""

    component: str
    electrodes: Literal["all", "responsive"]
    n_participants: int
    n_electrodes: int
    mean: Number
    ci025: Number
    ci975: Number
    p: Number


@dataclass(frozen=True)
class GroupStatistic:
    """As `ModelPairStatistic`, over participants; None for an end of an interval that there is not."""

    about: StatisticSubject
    targets: TargetSet
    n_participants: int
    value: float
    low: Number
    high: Number


@dataclass(frozen=True)
class NoiseCeilingSummary:
    """Noise ceilings between participants: over all their targets, where known, and the share of them."""

    n_targets: int
    ceiling: Spread
    share: Spread


@dataclass(frozen=True)
class GroupResultSummary:
    """One group of logs/group.json: what the group report needs beside maps and tables; maps: as in `UnitSummary`;
    prevalence: label → of the component in any target; enhanced: label → how many targets have a family-wise p by
    TFCE of at most the level."""

    stem: str
    modality: Modality
    targets: TargetsSummary
    has_values: bool
    participants: tuple[str, ...]
    groups: tuple[str, ...]
    extra: tuple[ExtraPartition, ...]
    controls: tuple[Component, ...]
    scores: tuple[ParticipantScore, ...]
    left_out: tuple[Excluded, ...]
    notes: tuple[str, ...]
    layers: tuple[GroupLayerScore, ...]
    inference: GroupInference | None
    significant: Mapping[str, SignificantCounts] | None
    level: float
    electrodes: tuple[ElectrodeMean, ...]
    ceiling: str
    inter_subject: NoiseCeilingSummary | None
    signed_rsquared: bool
    statistics: tuple[GroupStatistic, ...]
    compared_models: tuple[str, str] | None
    maps: tuple[MapFile, ...]
    prevalence: Mapping[str, Prevalence] = field(default_factory=dict)
    enhanced: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class GroupSummary:
    """logs/group.json. missing: participants asked for who have no results; left_out: units whose results do not
    count, and why; units: those that do, and mean responses, stem → SHA-256 of their summary; files: relative to
    OUT_DIR → SHA-256."""

    groups: tuple[GroupResultSummary, ...]
    missing: tuple[str, ...]
    left_out: tuple[Excluded, ...]
    units: Mapping[str, str]
    files: Mapping[str, str]
    format: int = SUMMARY_FORMAT
