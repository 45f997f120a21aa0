"""Results of a unit and of a group, as outputs writes and reads them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from bids_app.records.arrays import Array, Modality, TargetKind
from bids_app.records.components import Component, ExtraPartition, all_components
from bids_app.records.fits import Fit, Lags, LayerScores, Partition, Responsive, SavedFit, SharedSubspace
from bids_app.records.inputs.alignment import Alignment
from bids_app.records.inputs.excerpts import Minute
from bids_app.records.inputs.responses import Excluded, Recording, Targets
from bids_app.records.model_pair import ModelPairStatistics
from bids_app.records.over_participants.inference import GroupInference
from bids_app.records.over_participants.prevalence import Prevalence
from bids_app.records.provenance import Provenance
from bids_app.records.regions.scores import GroupRegion
from bids_app.records.summaries import (
    ElectrodeMean,
    GroupLayerScore,
    GroupStatistic,
    ParticipantScore,
    UnitSummary,
)


@dataclass(frozen=True)
class UnitResult:
    """One fitted unit (a participant's recordings of one modality and space, or a group mean) as `outputs` writes it.

    `stem`: the entities all its recordings share, as a BIDS file stem without suffix
    ('sub-01_task-story_space-MNI152NLin2009cAsym'). `alignments`: of its
    recordings, refused ones too.
    `ceiling`: what the noise ceiling rests on, or why there is none, in words. `lags`: where rows are words;
    `partition` and `fit` are then of the responses' mean over the summary's window. `responsive`: electrodes alone,
    where there are silences. `layers`: by space, of those with several layers; of the summary's window where rows are
    words. `minute`: of one recording, for the report. `saved`: of each electrode's own value alone, where rows are
    words.
    """

    stem: str
    participant: str
    modality: Modality
    space: str
    targets: Targets
    partition: Partition
    fit: Fit
    recordings: tuple[Recording, ...]
    excluded: tuple[Excluded, ...]
    alignments: tuple[Alignment, ...]
    warnings: tuple[str, ...]
    provenance: Provenance
    subspace: SharedSubspace | None = None
    ceiling: str = "none"
    lags: Lags | None = None
    responsive: Responsive | None = None
    model_pair: ModelPairStatistics | None = None
    layers: Mapping[str, LayerScores] = field(default_factory=dict)
    minute: Minute | None = None
    saved: SavedFit | None = None


@dataclass(frozen=True)
class WrittenUnit:
    """A unit as read back from out_dir: what `group` and the reports work from.

    `targets` and `partition` hold what has a value (tables: every row, NaN where there is none); `summary` is the
    content of logs/<stem>_unit.json.
    """

    stem: str
    participant: str
    modality: Modality
    targets: Targets
    partition: Partition
    summary: UnitSummary

    @property
    def kind(self) -> TargetKind:
        """Of its targets."""
        return self.targets.kind

    def read_targets(self) -> Targets:
        """Its targets, which are read already."""
        return self.targets

    def read(self, stats: Collection[str] | None = None) -> WrittenUnit:
        """Itself: all is read already, these stats too."""
        return self


class UnitReader(Protocol):
    """A written unit whose summary is read, and its numbers only when they are asked for."""

    @property
    def stem(self) -> str:
        """Of its files."""

    @property
    def participant(self) -> str:
        """Whose it is."""

    @property
    def modality(self) -> Modality:
        """Of its responses."""

    @property
    def kind(self) -> TargetKind:
        """Of its targets."""

    @property
    def summary(self) -> UnitSummary:
        """What logs/<stem>_unit.json holds."""

    def read_targets(self) -> Targets:
        """Its targets. Raises ReadWriteError."""

    def read(self, stats: Collection[str] | None = None) -> WrittenUnit:
        """The unit with these stats of its components, all for None. Raises ReadWriteError."""


@dataclass(frozen=True)
class ParticipantNoiseCeiling:
    """A participant's noise ceiling from others who heard the same, of a unit (`stem`) on `targets`: (n_targets,)
    each, the share of this participant's variance that is a signal of the others, and the ends of its 95 % confidence
    interval."""

    stem: str
    targets: Targets
    explainable: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class SharedStimulusResult:
    """What the responses of participants who heard the same give when they are read again: the fit of their mean
    response, and each one's noise ceiling; `stimulus` and `ceiling`: in words, what these rest on, or why there are
    none."""

    stimulus: str
    ceiling: str
    mean: UnitResult | None = None
    ceilings: tuple[ParticipantNoiseCeiling, ...] = ()


@dataclass(frozen=True)
class GroupResult:
    """Participants' results of one modality, kind and space.

    values {component: {stat: {statistic: (n_targets,)}}}: statistics 'mean', 'sd', 'n', 'nPositive' over
    participants, target by target (r: mean through Fisher's z), and of rsquared, where there was inference, 'p',
    'pfwe', 'q', 'ci025', 'ci975', where asked for 'pfweTfce', and from participants' own tests 'nTested',
    'nSignificant', 'prevalence', 'prevalenceLow', 'prevalenceHigh', 'prevalenceBound'. Electrodes are not common to
    participants: targets are everyone's, `owners` says whose, and the only statistic is 'value'; `electrodes` has a
    row a component and choice of electrodes. No targets where participants do not share a space. `scores`: one row a
    participant, component and stat, over that participant's targets. `inference`: how tests were made, None where
    there are none; `ceiling`: as in `SharedStimulusResult`; `inter_subject`: of each participant's unit {stat:
    (n_targets,)} the noise ceiling from the others, its 95 % confidence interval, and the full model's share of it;
    `signed_rsquared`: whether scores are held-out R², else those of the published code; `statistics`: of the two
    `compared_models`, over participants. `groups`, `extra`: feature groups of the partition, and the partitions
    beside it; `controls`: components of no partition that everybody has. `layers`: one row a space, region and layer.
    `prevalence`: label → in how many people the component would be found in any target. `regions`: one row a region
    of an atlas and component; `regions_of`: (participant, stem) of the units that have any.
    """

    stem: str  # entities that all its units share, without sub-
    modality: Modality
    participants: tuple[str, ...]
    targets: Targets
    groups: tuple[str, ...]
    values: Mapping[str, Mapping[str, Mapping[str, Array]]]
    scores: tuple[ParticipantScore, ...]
    owners: tuple[str, ...] = ()
    left_out: tuple[Excluded, ...] = ()
    notes: tuple[str, ...] = ()
    extra: tuple[ExtraPartition, ...] = ()
    controls: tuple[Component, ...] = ()
    layers: tuple[GroupLayerScore, ...] = ()
    inference: GroupInference | None = None
    electrodes: tuple[ElectrodeMean, ...] = ()
    signed_rsquared: bool = True
    statistics: tuple[GroupStatistic, ...] = ()
    compared_models: tuple[str, str] | None = None
    ceiling: str = "none"
    inter_subject: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    regions: tuple[GroupRegion, ...] = ()
    regions_of: tuple[tuple[str, str], ...] = ()
    prevalence: Mapping[str, Prevalence] = field(default_factory=dict)

    @cached_property
    def components(self) -> Mapping[str, Component]:
        """Label → component, of all that it may have (`values` has those that everybody has)."""
        return all_components(self.groups, self.extra, self.controls)
