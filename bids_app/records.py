"""What travels between the stages: frozen dataclasses with shapes and units. No logic but names.

Times are seconds. `n_times` counts samples of a response or rows of a feature, `n_targets` voxels, vertices,
parcels or electrodes, `n_dims` the dimensions of a feature space, `n_columns` columns of a design.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Modality = Literal["fmri", "ieeg"]
TargetKind = Literal["volume", "surface", "parcels", "electrodes"]


# ---------------------------------------------------------------------------------------------- settings, resolved
@dataclass(frozen=True)
class FeatureSpec:
    """One feature space of the analysis: `kind` picks the family, `options` are the family's own settings."""

    name: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    pca: int | None = None  # dimensions kept, fitted on training samples; None keeps all
    base_dir: Path | None = None  # folder of the analysis file, where `kind: file` may look


@dataclass(frozen=True)
class ModelSource:
    """Where model weights come from; never part of a feature's key."""

    model_dir: Path | None = None
    offline: bool = False
    device: str = "cpu"


@dataclass(frozen=True)
class ResponseSpec:
    """How responses of one modality are read and cleaned."""

    confounds: str = "motion"  # fMRI: '+'-joined of motion, motion24, acompcor, wmcsf, global; or 'none'
    high_pass_s: float | None = 128.0  # fMRI: longest period kept, as a cosine drift set
    rate_hz: float | None = None  # iEEG: rate the responses are resampled to; None keeps the recording's
    standardize: Literal["run", "none"] = "run"
    band_hz: tuple[float, float] | None = None  # iEEG: of the high gamma computed from voltages; None: never computed
    line_hz: float | None = None  # iEEG: the power line, whose harmonics inside the band are notched


@dataclass(frozen=True)
class EpochSpec:
    """Responses around a word's onset: the mean over `window_s` around onset + lag for every lag (0: the nearest
    sample), and the mean over `summary_s` (first and last second after the onset)."""

    lags_s: tuple[float, ...]
    window_s: float
    summary_s: tuple[float, float]

    @property
    def windows_s(self) -> tuple[tuple[float, float], ...]:
        """(middle after the onset, width) of the summary's window, then of every lag's."""
        first, last = self.summary_s
        return (((first + last) / 2, last - first), *((lag, self.window_s) for lag in self.lags_s))

    @property
    def span_s(self) -> tuple[float, float]:
        """First and last second after the onset that any window reaches."""
        ends = [(middle - width / 2, middle + width / 2) for middle, width in self.windows_s]
        return min(start for start, _ in ends), max(stop for _, stop in ends)


@dataclass(frozen=True)
class DesignSpec:
    """FIR delays (or TRF lags) and which samples are used; with `epoch`, rows are words and there is no delay."""

    delays_s: tuple[float, ...]
    skip_onset_s: float = 20.0  # left out after the first word (or sound) of stimuli over 60 s; 0 for iEEG
    stamp: Literal["onset", "offset"] = "offset"  # the instant of word and phone rows
    epoch: EpochSpec | None = None


@dataclass(frozen=True)
class FitSpec:
    """The solver and its folds. `outer`, `inner`: 'by_run' or a number of contiguous blocks."""

    solver: Literal["ridge", "banded_ridge"] = "banded_ridge"
    candidates: int = 20
    alphas: tuple[float, float, int] = (1e-5, 1e10, 30)  # lowest, highest, how many; log-spaced
    outer: str | int = "by_run"
    inner: str | int = "by_run"
    seed: int = 0


@dataclass(frozen=True)
class SubspaceSpec:
    """What two models share: their spaces, how many pairs are kept (None: as many as hold up on held-out words), on
    which words it is fitted ('all': test stimuli too), and the principal components kept of each rest (None: all)."""

    between: tuple[str, str]
    components: int | None = None
    fit: Literal["training", "all"] = "training"
    rest_pca: tuple[int | None, int | None] = (None, None)


@dataclass(frozen=True)
class ResidualSpec:
    """One word-level space less what another one predicts of it by least squares; `pca`: components kept."""

    contextual: str
    static: str
    pca: int | None = None


@dataclass(frozen=True)
class InferenceSpec:
    """Tests and intervals: how many sign vectors, the least length of the blocks that change sign, and the seed."""

    permutations: int = 1000
    block_s: float = 60.0
    seed: int = 0


@dataclass(frozen=True)
class RecordingQuery:
    """What to look for in a data set. Labels come without their prefix; empty means no restriction."""

    bids_dir: Path
    out_dir: Path
    derivatives: Mapping[str, Path] = field(default_factory=dict)  # name → root; empty: all of BIDS_DIR/derivatives
    participants: tuple[str, ...] = ()
    excluded_participants: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    filters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # fMRIPrep's: {"bold": {"run": 1}}
    modality: Literal["auto", "fmri", "ieeg"] = "auto"
    spaces: tuple[str, ...] = ()


# ---------------------------------------------------------------------------------------------- stimuli and features
@dataclass(frozen=True)
class Intervals:
    """Words or phones: onset_s (n,), duration_s (n,), text (n), in the stimulus's time. `left_out`: how many rows of
    the file are not among them, and why, a line a reason."""

    onset_s: Array
    duration_s: Array
    text: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    @property
    def offset_s(self) -> Array:
        """(n,) the ends, in seconds."""
        return np.asarray(self.onset_s + self.duration_s)


@dataclass(frozen=True)
class StimulusEvent:
    """A stimulus within a recording: the file's first sample is at `onset_s` (may be negative) of its clock."""

    onset_s: float
    stimulus_id: str  # path relative to /stimuli, as in stim_file
    duration_s: float | None = None


class Samples(Protocol):
    """Mono samples (n_samples,) float32 in −1…1: an array, or a file that is read in pieces."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> Array:
        """The samples of that stretch, as an array."""
        ...


@dataclass(frozen=True)
class Stimulus:
    """A stimulus as the feature families see it. `audio` (n_samples,) or None."""

    stimulus_id: str
    label: str  # for file names: alphanumeric, unique for a content
    path: Path  # of the file in /stimuli (it may be absent where only words are needed)
    audio: Samples | None
    rate_hz: float | None
    duration_s: float
    words: Intervals | None
    phones: Intervals | None
    sha256: str  # of the audio's bytes and of both tables


@dataclass(frozen=True)
class Features:
    """values (n_times, n_dims) float32. `times_s` (n_times,): the instant at which each row is available
    (a window's end, a word's or phone's offset), in the stimulus's time, ascending.

    `sampling` 'continuous': samples of a signal (frames, windows). 'events': one row a word or phone, whose
    `onsets_s` (n_times,) are the onsets (None for continuous).
    """

    name: str
    values: Array
    times_s: Array
    sampling: Literal["continuous", "events"]
    onsets_s: Array | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)  # kind, options, model revision, causal, notes


# ---------------------------------------------------------------------------------------------- responses
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

    @property
    def label(self) -> str:
        """The first file's name without extension, as shown to people."""
        return self.paths[0].name.split(".")[0]


@dataclass(frozen=True)
class Excluded:
    """A recording that cannot be used, and why, in one line."""

    participant: str
    label: str
    reason: str


@dataclass(frozen=True)
class Found:
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
    parcels, electrodes: `names`; electrodes also `xyz_mm` (n_targets, 3), NaN where unknown.
    """

    kind: TargetKind
    space: str
    names: tuple[str, ...]  # 'i,j,k' · 'L:n' · parcel · electrode
    index: Array | None = None
    shape: tuple[int, ...] = ()
    affine: Array | None = None
    xyz_mm: Array | None = None
    table: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # electrodes: columns of channels.tsv, as text


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


# ---------------------------------------------------------------------------------------------- encoding
@dataclass(frozen=True)
class Epochs:
    """Windows of a signal: starts (n_rows, n_windows) the first sample of each, lengths (n_windows,) in samples."""

    starts: Array
    lengths: Array


@dataclass(frozen=True)
class WordRows:
    """A stimulus's rows as a run hears it: times_s (n_words,) on the run's clock, values {band: (n_words, n_dims)}
    before resampling and delays."""

    stimulus: str
    times_s: Array
    values: Mapping[str, Array]


@dataclass(frozen=True)
class Run:
    """One run on the response's grid, used samples only: what `encoding.build_design` stacks.

    bands {name: (n_times, n_delays, n_dims)}, Y (n_times, n_targets) cleaned, times_s (n_times,).
    `stimuli`: ids heard in it; runs that share one never straddle a fold. `words`: the rows of the bands that
    projections are fitted on. With `epochs`, rows are words: times_s (n_rows,) their onsets, bands {name: (n_rows, 1,
    n_dims)}, and Y the signal (n_samples, n_electrodes) from which every window makes a target of every electrode.
    """

    label: str
    bands: Mapping[str, Array]
    Y: Array
    times_s: Array
    stimuli: tuple[str, ...]
    words: tuple[WordRows, ...] = ()
    epochs: Epochs | None = None


@dataclass(frozen=True)
class Projected:
    """A band that is linear in others, fitted anew in every outer fold: the dimensions of its sources side by side
    times matrices {outer fold: (n_source_dims, k)}. Its columns keep their relative size."""

    sources: tuple[str, ...]
    matrices: Mapping[int, Array]

    @property
    def n_dims(self) -> int:
        """k, the same in all folds."""
        return int(next(iter(self.matrices.values())).shape[1])


@dataclass(frozen=True)
class Design:
    """Runs stacked: bands {name: (n_times, n_delays, n_dims)}, Y (n_times, n_targets), and for every sample its
    outer fold, run (index into run_labels) and time. `usable` (n_targets,) False where a target never varies or has
    missing samples: its results are NaN. `purge_s` separates training from test inside a run. `projected`: further
    bands, made of the others fold by fold."""

    bands: Mapping[str, Array]
    Y: Array
    folds: Array
    runs: Array
    times_s: Array
    run_labels: tuple[str, ...]
    run_stimuli: tuple[tuple[str, ...], ...]
    delays_s: tuple[float, ...]
    pca: Mapping[str, int | None]
    usable: Array
    purge_s: float
    projected: Mapping[str, Projected] = field(default_factory=dict)


@dataclass(frozen=True)
class FoldAudit:
    """What one outer fold trained and tested on."""

    fold: int
    test: tuple[str, ...]  # run labels, with a time span where a run was split
    train: tuple[str, ...]
    n_train: int
    n_test: int
    n_purged: int
    n_inner: int


@dataclass(frozen=True)
class Fit:
    """Held-out scores of every union of partition units. unions: tuples of unit names in analysis order.

    rsquared, r: (n_unions, n_targets) as DESIGN 6 defines them; NaN for unusable targets.
    at_edge: (n_unions, n_targets) share of folds whose alpha lies at an end of the grid (0…1).
    profile: {band: (n_delays, n_targets)} Euclidean norm over a band's dimensions of the full union's weights on
    standardised features, averaged over folds.
    product: {band: (n_targets,)} a band's part of the full union's rsquared by the product measure,
    Σ ŷ_b (2(y − ȳ_train) − ŷ) / Σ(y − ȳ_train)²; the parts sum to it.
    alpha (n_folds, n_targets) and band_weights {band: (n_folds, n_targets)}, which sum to 1: the full union's choice.
    weights, where asked for: {band: (n_folds, n_delays, k, n_targets)} float32, on the band's k standardised
    dimensions or principal components (which are each fold's own).
    """

    unions: tuple[tuple[str, ...], ...]
    rsquared: Array
    r: Array
    at_edge: Array
    profile: Mapping[str, Array]
    delays_s: tuple[float, ...]
    folds: tuple[FoldAudit, ...]
    warnings: tuple[str, ...] = ()
    product: Mapping[str, Array] = field(default_factory=dict)
    alpha: Array | None = None
    band_weights: Mapping[str, Array] = field(default_factory=dict)
    weights: Mapping[str, Array] | None = None


@dataclass(frozen=True)
class SubspaceFold:
    """A shared subspace as one outer fold fitted it (fold None: one fit for all folds, on all stimuli).

    dims: principal components of either model. correlation (kept,): of the pairs kept, on the words fitted to.
    leak (kept,): the share of a signal of one model alone that a pair's mean carries, NaN where it was not tried.
    held_out, p (m,): of all pairs tried, in folds among those words and against shifts of one model's words;
    null_95: the limit of the latter.
    """

    fold: int | None
    n_words: int
    dims: tuple[int, int]
    correlation: Array
    leak: Array
    held_out: Array
    p: Array
    null_95: float


@dataclass(frozen=True)
class SharedSubspace:
    """What was fitted, fold by fold."""

    spec: SubspaceSpec
    folds: tuple[SubspaceFold, ...]


@dataclass(frozen=True)
class Inferred:
    """One component, (n_targets,) each: p of the target alone, p over all targets (max-T), q (Benjamini–Hochberg over
    targets), and the 2.5 and 97.5 % limits of its value. NaN for unusable targets."""

    p: Array
    p_family: Array
    q: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class Tests:
    """Inference of every component of the partition, and how it was made: permutations, blocks and their length,
    whether frequencies were flipped besides, and what the reader should know before trusting p."""

    components: Mapping[str, Inferred]
    permutations: int
    n_blocks: int
    block_s: float
    frequencies: bool
    warnings: tuple[str, ...] = ()


SCORES = ("rsquared", "r", "ceiling", "share")  # amounts; those of inference are not averaged over anything


@dataclass(frozen=True)
class Partition:
    """values {component: {stat: (n_targets,)}}; components in `all_components` order; stat 'rsquared' for all,
    'r' for totals (full and each space alone), where there was inference 'p', 'pfwe', 'q', 'ci025', 'ci975', and of
    full, where there are repeats, 'ceiling' and 'share'. `further`: partitions of other units, by name."""

    units: tuple[str, ...]
    values: Mapping[str, Mapping[str, Array]]
    further: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Responsive:
    """Speech against silence, (n_electrodes,) each: p and q; the level of q at which an electrode is called
    responsive; how many pairs were compared, the least silence, and the seconds around the onset that ends it."""

    p: Array
    q: Array
    level: float
    n_pairs: int
    silence_s: float
    speech_s: tuple[float, float]
    quiet_s: tuple[float, float]


@dataclass(frozen=True)
class Lags:
    """Electrodes by lags_s (n_lags): a partition whose arrays are (n_electrodes, n_lags)."""

    lags_s: tuple[float, ...]
    partition: Partition


# ---------------------------------------------------------------------------------------------- results
@dataclass(frozen=True)
class UnitResult:
    """One fitted unit (a participant's recordings of one modality and space, or a group mean) as `outputs` writes it.

    `stem`: the entities all its recordings share, as a BIDS file stem without suffix
    ('sub-01_task-story_space-MNI152NLin2009cAsym'). `checks`: one mapping a recording × stimulus (preflight, as
    shown in the report). `provenance`: JSON-able: analysis (resolved), analysis_hash, spaces (name → kind, model,
    revision, notes), software (name → version), run settings that change no number (device, threads). `ceiling`: what
    it rests on, or why there is none, in words. `lags`: where rows are words; `partition` and `fit` are then of the
    responses' mean over the summary's window. `responsive`: electrodes alone, where there are silences.
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
class GroupResult:
    """People's results of one modality, kind and space.

    values {component: {stat: {statistic: (n_targets,)}}}: statistics 'mean', 'sd', 'n', 'nPositive' over people,
    target by target (r: mean through Fisher's z). Electrodes are not common to people: targets are everyone's,
    `owners` says whose, and the only statistic is 'value'. No targets where people do not share a space.
    by_person: one row a person, component and stat, over that person's targets.
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


# ---------------------------------------------------------------------------------------------- names
def camel(name: str) -> str:
    """`low_level` → `LowLevel`: a space's name inside `unique…` and `shared…`."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^0-9A-Za-z]+", name) if part)


def space_label(name: str) -> str:
    """`low_level` → `lowLevel`: a space's name as a BIDS label of its own."""
    joined = camel(name)
    return joined[:1].lower() + joined[1:]


def component_names(units: tuple[str, ...]) -> tuple[str, ...]:
    """`full`, every unit alone, then the 2^k − 1 parts: `unique<A>`, `shared<A><B>`…, in analysis order."""
    parts = [
        ("unique" if size == 1 else "shared") + "".join(camel(unit) for unit in chosen)
        for size in range(1, len(units) + 1)
        for chosen in combinations(units, size)
    ]
    return ("full", *(space_label(unit) for unit in units), *parts)


def component_of(partition: str, component: str) -> str:
    """A component of a further partition, by its own name within all: `against`, `uniqueShared` →
    `againstUniqueShared`."""
    return partition + component[:1].upper() + component[1:]


def all_components(units: tuple[str, ...], further: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Components of the partition, then those of the further ones under names of their own."""
    others = [component_of(name, one) for name, members in further.items() for one in component_names(members)]
    return (*component_names(units), *others)


WORD_COUNT = "@1"  # a band of ones, one a word: the constant of projections


def word_band(space: str) -> str:
    """The band of a space's rows by word, of a space whose own rows are none; no space can have this name."""
    return f"@{space}"
