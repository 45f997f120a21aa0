"""Recordings, and responses as they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bids_app.records.arrays import Array, Modality, TargetKind
from bids_app.records.entities import recording_label
from bids_app.records.inputs.alignment import ClockEvidence
from bids_app.records.inputs.stimuli import Intervals, StimulusEvent


@dataclass(frozen=True)
class Recording:
    """One run of responses: where its samples lie in time and in files."""

    participant: str
    modality: Modality
    kind: TargetKind
    space: str  # 'MNI152NLin2009cAsym', 'fsaverage5', an atlas's label (parcels), the electrodes' space or 'n/a'
    entities: Mapping[str, str]  # short keys as in file names: sub, ses, task, run, space, res, hemi, desc, seg
    paths: tuple[Path, ...]  # one file, or left and right hemisphere
    rate_hz: float
    start_s: float  # of sample 0 on the clock of the events file (fMRI: StartTime)
    stimuli: tuple[StimulusEvent, ...]
    companions: Mapping[str, Path] = field(default_factory=dict)  # mask, confounds, channels, electrodes, events
    own_words: Intervals | None = None  # word rows of the recording's own events, on its clock
    own_phones: Intervals | None = None
    sources: tuple[str, ...] = ()  # BIDS URIs: bids:fmriprep:sub-01/func/…
    metadata: Mapping[str, Any] = field(default_factory=dict)  # the sidecar, inheritance resolved
    warnings: tuple[str, ...] = ()
    clock: ClockEvidence = field(default_factory=ClockEvidence)

    @property
    def label(self) -> str:
        """The first file's name without extension, as shown to users; see `recording_label`."""
        return recording_label(self.paths[0].name, self.entities)


@dataclass(frozen=True)
class Excluded:
    """A recording that cannot be used, and why, in one line.

    fails : also where none of its task can be used, which may else be one that nobody has a stimulus for (rest).
    """

    participant: str
    label: str
    reason: str
    fails: bool = False


@dataclass(frozen=True)
class FoundRecordings:
    """Result of `dataset.find_recordings`."""

    recordings: tuple[Recording, ...]
    excluded: tuple[Excluded, ...]
    warnings: tuple[str, ...]
    datasets: Mapping[str, Path]  # name → root of every data set read, for DatasetLinks


@dataclass(frozen=True)
class Targets:
    """What the columns of a response are; all that is needed to write them back.

    volume: `index` (n_targets, 3) voxel i,j,k in `shape` with `affine` (4, 4).
    surface: `index` (n_targets, 2): hemisphere 0=L 1=R, vertex; `shape` = vertices of L and R.
    greyordinates: names say vertex or voxel; `shape` = vertices of L and R, then of the grid of voxels with `affine`.
    parcels, electrodes: `names`; electrodes also `xyz_mm` (n_targets, 3), NaN where unknown.
    array: columns without a place, of `shape` (n_columns,).
    `columns` (n_targets,): where each stands in the rows of its files, of HDF5 (also of volumes) and CIFTI; `cifti`:
    the XML of the axis that CIFTI's columns lie on, else empty.
    """

    kind: TargetKind
    space: str
    names: tuple[str, ...]  # 'i,j,k' · 'L:n' · 'CORTEX_LEFT:n' · parcel · electrode · column
    index: Array | None = None
    shape: tuple[int, ...] = ()
    affine: Array | None = None
    xyz_mm: Array | None = None
    table: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # electrodes: columns of channels.tsv, as text
    columns: Array | None = None
    cifti: str = ""

    @property
    def grid_shape(self) -> tuple[int, ...]:
        """The part of `shape` that `affine` is about."""
        return self.shape[2:] if self.kind == "greyordinates" else self.shape


@dataclass(frozen=True)
class Response:
    """One run's responses, as read: values (n_times, n_targets), times_s (n_times,) on the events' clock,
    nuisance (n_times, n_nuisance) confounds and drift to regress out (no constant column),
    valid (n_times,) False at non-steady-state and missing samples."""

    values: Array
    times_s: Array
    nuisance: Array
    valid: Array
    targets: Targets
    warnings: tuple[str, ...] = ()
