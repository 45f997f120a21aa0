"""Results of a unit and of a group, as outputs writes and reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bids_app.records.arrays import Array, Modality
from bids_app.records.fits import Fit, Lags, LayerScores, Partition, Responsive, SharedSubspace
from bids_app.records.model_pair import ModelPairStatistics
from bids_app.records.responses import Excluded, Recording, Targets

SUMMARY_FORMAT = 2  # of the summaries in OUT_DIR/logs: raised whenever what they hold changes


@dataclass(frozen=True)
class UnitResult:
    """One fitted unit (a participant's recordings of one modality and space, or a group mean) as `outputs` writes it.

    `stem`: the entities all its recordings share, as a BIDS file stem without suffix
    ('sub-01_task-story_space-MNI152NLin2009cAsym'). `checks`: one mapping a recording × stimulus (preflight, as
    shown in the report). `provenance`: JSON-able: analysis (resolved), analysis_hash, spaces (name → kind, model,
    revision, notes), software (name → version), run settings that change no number (device, threads). `ceiling`: what
    it rests on, or why there is none, in words. `lags`: where rows are words; `partition` and `fit` are then of the
    responses' mean over the summary's window. `responsive`: electrodes alone, where there are silences. `layers`: by
    space, of those with several layers; of the summary's window where rows are words.
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
    checks: tuple[Mapping[str, Any], ...]
    warnings: tuple[str, ...]
    provenance: Mapping[str, Any]
    subspace: SharedSubspace | None = None
    ceiling: str = "none"
    lags: Lags | None = None
    responsive: Responsive | None = None
    findings: ModelPairStatistics | None = None
    layers: Mapping[str, LayerScores] = field(default_factory=dict)


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
    summary: Mapping[str, Any]


@dataclass(frozen=True)
class ParticipantCeiling:
    """A person's ceiling from other people who heard the same, of a unit (`stem`) on `targets`: (n_targets,) each,
    the share of this person's variance that is a signal of the others, and the 2.5 and 97.5 % limits of it."""

    stem: str
    targets: Targets
    explainable: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class SharedStimulusResult:
    """What the responses of people who heard the same tell when they are read again: the fit of their mean response,
    and each one's ceiling; `stimulus` and `ceiling`: in words, what these rest on, or why there are none."""

    stimulus: str
    ceiling: str
    mean: UnitResult | None = None
    ceilings: tuple[ParticipantCeiling, ...] = ()


@dataclass(frozen=True)
class GroupResult:
    """People's results of one modality, kind and space.

    values {component: {stat: {statistic: (n_targets,)}}}: statistics 'mean', 'sd', 'n', 'nPositive' over people,
    target by target (r: mean through Fisher's z), and of rsquared, where there was inference, 'p', 'pfwe', 'q',
    'ci025', 'ci975'. Electrodes are not common to people: targets are everyone's, `owners` says whose, and the only
    statistic is 'value'; `electrodes` has a row a component and choice of electrodes, over people. No targets where
    people do not share a space. by_person: one row a person, component and stat, over that person's targets.
    `inference`: how tests were made, None where there are none; `ceiling`: as in `SharedStimulusResult`; `between`: of each
    person's unit {stat: (n_targets,)} the ceiling from the others, its limits, and the full model's share of it;
    `published`: scores are those of the solver chen2024; `findings`: of the two models `asked_about`, a row each,
    over people. `beside`: components of no partition that everybody has. layers: one row a space, region and layer,
    over people.
    """

    stem: str  # entities that all its units share, without sub-
    modality: Modality
    people: tuple[str, ...]
    targets: Targets
    units: tuple[str, ...]
    values: Mapping[str, Mapping[str, Mapping[str, Array]]]
    by_person: tuple[Mapping[str, Any], ...]
    owners: tuple[str, ...] = ()
    left_out: tuple[Excluded, ...] = ()
    notes: tuple[str, ...] = ()
    further: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    beside: tuple[str, ...] = ()
    layers: tuple[Mapping[str, Any], ...] = ()
    inference: Mapping[str, Any] | None = None
    electrodes: tuple[Mapping[str, Any], ...] = ()
    published: bool = False
    findings: tuple[Mapping[str, Any], ...] = ()
    asked_about: tuple[str, str] | None = None
    ceiling: str = "none"
    between: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
