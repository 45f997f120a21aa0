"""Settings, resolved: what the stages are asked to do; and what each solver can do, stated once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from bids_app.records.inputs.recipes import StimulusRecipe

FEWEST_TESTED = 5  # participants that a test over them takes: of fewer no sign flips give p ≤ .05
SolverName = Literal["ridge", "banded_ridge", "chen2024"]


@dataclass(frozen=True)
class SolverCapabilities:
    """What a solver offers.

    fits_in_folds : whether what is fitted in training folds (layers, residuals, a shared subspace, the baseline) and
        the inference built on refits are possible. searches_bands : whether every feature space has a weight of its
        own. signed_rsquared : whether scores are held-out R², which may be negative; else the published code's score.
    """

    fits_in_folds: bool = True
    searches_bands: bool = False
    signed_rsquared: bool = True

    @property
    def biases_shared_parts(self) -> bool:
        """Whether one penalty for several spaces makes shared parts too large, so that none of their p holds."""
        return self.signed_rsquared and not self.searches_bands


SOLVERS: Mapping[SolverName, SolverCapabilities] = MappingProxyType(
    {
        "ridge": SolverCapabilities(),
        "banded_ridge": SolverCapabilities(searches_bands=True),
        "chen2024": SolverCapabilities(fits_in_folds=False, signed_rsquared=False),
    }
)


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

    confounds: str = "motion"  # fMRI: '+'-joined groups (motion, motion24, …), columns and patterns; or 'none'
    high_pass_s: float | None = 128.0  # fMRI: longest period kept, as a cosine drift set
    rate_hz: float | None = None  # iEEG: rate the responses are resampled to; None keeps the recording's
    standardize: Literal["run", "none"] = "run"
    band_hz: tuple[float, float] | None = None  # iEEG: of the high gamma computed from voltages; None: never computed
    # iEEG: the power line, whose harmonics inside the band are notched; None: as the sidecar says
    line_hz: float | Literal["none"] | None = None
    reference: Literal["none", "average", "bipolar"] = "none"  # iEEG: of voltages, before high gamma
    censor_fd_mm: float | None = None  # fMRI: samples of more framewise displacement are not used; None: all are
    censor_neighbours: tuple[int, int] = (0, 0)  # samples before and after such a one that are not used either
    residualise_features: bool | None = None  # features lose what responses lost; None: where folds are whole runs


@dataclass(frozen=True)
class AudioSpec:
    """Which channel of a recording holds the sound that was played ('auto': as its type or name says), and whether
    playings are moved to where it says."""

    channel: str
    applies: bool = False


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

    solver: SolverName = "banded_ridge"
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
    """Tests and intervals: how many sign vectors at least, the least length of the blocks that change sign, and the
    seed."""

    permutations: int = 1000
    block_s: float = 60.0
    seed: int = 0


@dataclass(frozen=True)
class GroupSpec:
    """How participants' results are joined. level : of each participant's own p, at which a target counts as
    significant in them. least_share : of participants who must have a target for it to be tested over them. tfce :
    whether tests over them have a family-wise p by threshold-free cluster enhancement beside that by max-T."""

    level: float = 0.05
    least_share: float = 1.0
    tfce: bool = False

    def least_participants(self, n: int) -> int:
        """How many of n participants must have a target for it to be tested."""
        return max(FEWEST_TESTED, ceil(self.least_share * n - 1e-9))


JOINED = GroupSpec()  # where nothing else is asked for


@dataclass(frozen=True)
class ResponseFiles:
    """Responses that lie outside BIDS names, as a recipe says it; paths are relative to BIDS_DIR.

    files : with entities in braces, `derivative/preprocessed_data/{sub}/{task}.hf5`; `*` stands for anything within a
    name. mask : the same; of several files the one with as many voxels as an array has columns. order : how columns
    run through its voxels, 'C' as numpy does it, 'F' as pycortex does. space : of the voxels.
    """

    files: str
    mask: str | None = None
    order: Literal["C", "F"] = "C"
    space: str = "individual"


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
    desc: str | None = None  # of the responses; 'n/a': none in their names; None: the usual one
    confounds_files: tuple[str, ...] = ()  # templates of the user's own tables of confounds
    unnamed_space: str | None = None  # the space of BOLD whose name has no `space-`; None: not known
    recipe: StimulusRecipe | None = None  # how the data set plays its stimuli; None: as its events say
    responses: ResponseFiles | None = None  # None: by their BIDS names
    words: str | None = None  # where an analysis says that word times lie: the length of a sound that is not there

    @property
    def is_narrowed(self) -> bool:
        """Whether it looks for a part of what participants have."""
        asked = self.sessions, self.tasks, self.filters, self.spaces, self.desc, self.modality != "auto"
        return any(asked)

    def asks_for(self, participant: str) -> bool:
        """Whether a participant is one of those asked for by their label."""
        named = not self.participants or participant in self.participants
        return named and participant not in self.excluded_participants


@dataclass(frozen=True)
class Part:
    """A contiguous part of several things, of which none is in two parts.

    Parameters
    ----------
    number : of the part, from 0.
    of : how many parts there are.
    """

    number: int
    of: int

    def among(self, count: int) -> range:
        """Numbers of those of `count` things that are in it."""
        return range(count * self.number // self.of, count * (self.number + 1) // self.of)
