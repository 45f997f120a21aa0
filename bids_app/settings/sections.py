"""The sections of an analysis file, every default in one place."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from bids_app import features
from bids_app.errors import did_you_mean
from bids_app.records import AudioSpec, DesignSpec, EpochSpec, ResponseSpec, SolverName, has_layers

Seconds = Annotated[float, Field(ge=0)]


class Settings(BaseModel):
    """A section: unknown keys are refused, nothing changes later.

    `later_keys` came after the first analyses were hashed: each stands in the resolved analysis only where it is set,
    so that the hash of an analysis without it is what it was.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    later_keys: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _without_unset_later_keys(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        unset = {key for key in self.later_keys if getattr(self, key) == fields[key].get_default()}
        return {key: value for key, value in handler(self).items() if key not in unset}


class FmriResponse(Settings):
    """Cleaning of BOLD, within run."""

    later_keys: ClassVar[frozenset[str]] = frozenset(
        {"confounds_files", "censor_fd_mm", "censor_neighbours", "residualise_features"}
    )

    confounds: str = "motion24+acompcor"
    """What is regressed out: groups of confounds, names of columns and patterns of names, a list or joined by `+`;
    `none`."""
    confounds_files: tuple[str, ...] = ()
    """The user's own tables of regressors, beside the response or by a path in BIDS_DIR; `{stem}` is filled in."""
    censor_fd_mm: Annotated[float, Field(gt=0)] | None = None
    """Samples of more framewise displacement are not used. null: none is left out for it."""
    censor_neighbours: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]] = (0, 0)
    """How many samples before and after a censored one are left out, too."""
    high_pass_s: Seconds | None = 128.0
    """Periods longer than this are removed by a set of cosines; null removes none."""
    standardize: Literal["run", "none"] = "run"
    """Whether each run is z-scored."""
    residualise_features: bool | None = None
    """Whether features lose what responses are cleaned of. null: where folds are whole runs. true is warned of where
    it cannot be."""

    @field_validator("confounds", mode="before")
    @classmethod
    def _joined(cls, given: Any) -> Any:
        """A list is the same as its items joined by '+', and an empty one as 'none'."""
        if not isinstance(given, list | tuple) or not all(isinstance(item, str) for item in given):
            return given
        return "+".join(given) or "none"

    @field_validator("confounds_files")
    @classmethod
    def _inside(cls, files: tuple[str, ...]) -> tuple[str, ...]:
        for file in files:
            parts = PurePosixPath(file).parts
            if not parts or parts[0] == "/" or ".." in parts:
                raise ValueError(f"'{file}' is no name of a file beside the response, nor a path inside BIDS_DIR")
        return files

    def spec(self) -> ResponseSpec:
        """For the stages."""
        return ResponseSpec(
            self.confounds,
            self.high_pass_s,
            None,
            self.standardize,
            censor_fd_mm=self.censor_fd_mm,
            censor_neighbours=self.censor_neighbours,
            residualise_features=self.residualise_features,
        )


class IeegResponse(Settings):
    """High gamma, and its cleaning within run."""

    later_keys: ClassVar[frozenset[str]] = frozenset({"reference"})

    band_hz: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] | None = (70.0, 150.0)
    """The band that is computed from voltages; null takes all signals for envelopes."""
    line_hz: Annotated[float, Field(gt=0)] | Literal["none"] | None = None
    """The power line, whose harmonics inside the band are notched. null: as the sidecar says."""
    reference: Literal["none", "average", "bipolar"] = "none"
    """What voltages are measured against before high gamma is computed."""
    rate_hz: Annotated[float, Field(gt=0)] | None = 100.0
    """The rate that envelopes are brought to; null keeps their own."""
    standardize: Literal["run", "none"] = "run"
    """Whether each run is z-scored."""

    @model_validator(mode="after")
    def _ascending(self) -> IeegResponse:
        if self.band_hz is not None and self.band_hz[1] <= self.band_hz[0]:
            raise ValueError("band_hz is [lowest, highest]; the highest does not lie above the lowest")
        return self

    def spec(self) -> ResponseSpec:
        """For the stages."""
        return ResponseSpec(
            "none",
            None,
            self.rate_hz,
            self.standardize,
            self.band_hz,
            self.line_hz,
            reference=self.reference,
            residualise_features=False,
        )


class AlignmentSettings(Settings):
    """Whether playings are placed by an audio channel of the recording."""

    audio_channel: str | None = None
    """The channel's name, or `auto`; null asks for none."""
    audio: Literal["report", "apply"] = "report"
    """`report` says what was found; `apply` moves playings there."""

    def spec(self) -> AudioSpec | None:
        """For the stages; None where it is not asked for."""
        return None if self.audio_channel is None else AudioSpec(self.audio_channel, self.audio == "apply")

    @model_validator(mode="after")
    def _something_to_apply(self) -> AlignmentSettings:
        if self.audio == "apply" and self.audio_channel is None:
            raise ValueError("audio: apply needs an audio_channel: its name, or auto")
        return self


class ResponseSettings(Settings):
    """How responses of either modality are read."""

    fmri: FmriResponse = FmriResponse()
    ieeg: IeegResponse = IeegResponse()


class FmriDesign(Settings):
    """FIR delays of BOLD."""

    delays_s: Annotated[tuple[Seconds, ...], Field(min_length=1)] = (2.0, 4.0, 6.0, 8.0)
    """Seconds from a feature to the response; the model has one set of weights for each."""
    skip_onset_s: Seconds = 20.0
    """Seconds after the first word or sound of a stimulus over 60 s that are neither fitted nor scored."""
    stamp: Literal["onset", "offset"] = "offset"
    """Which of a word's two times counts."""

    def spec(self) -> DesignSpec:
        """For the stages; delays ascend."""
        return DesignSpec(tuple(sorted(self.delays_s)), self.skip_onset_s, self.stamp)


LAGS_S = {"trf": (0.0, 0.4, 0.01), "words": (-2.0, 2.0, 0.02)}  # by mode, where the analysis gives none


class IeegDesign(Settings):
    """Lags of iEEG. `trf`: a temporal response function, its lags in the design. `words`: one row a word, responses
    around its onset."""

    mode: Literal["trf", "words"] = "trf"
    """Whether rows are samples of time or words."""
    lags_s: tuple[float, float, Annotated[float, Field(gt=0)]] = LAGS_S["trf"]
    """Lowest, highest and step, in seconds. Of `words` the default is [-2, 2, 0.02]."""
    window_s: Seconds = 0.1
    """Of `words`: the width of a lag's mean."""
    summary_s: tuple[float, float] = (0.0, 0.5)
    """Of `words`: the seconds after the onset whose mean gives an electrode's own value."""
    skip_onset_s: Seconds = 0.0
    """Seconds after the first word or sound of a stimulus over 60 s that are neither fitted nor scored."""
    stamp: Literal["onset", "offset"] = "onset"
    """Which of a word's two times counts."""

    @model_validator(mode="before")
    @classmethod
    def _lags(cls, given: Any) -> Any:
        """The mode's own lags, where there are none."""
        return {"lags_s": LAGS_S.get(str(given.get("mode", "trf"))), **given} if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _ascending(self) -> IeegDesign:
        if self.lags_s[1] < self.lags_s[0]:
            raise ValueError("lags_s is [lowest, highest, step]; the highest lies below the lowest")
        if self.summary_s[1] < self.summary_s[0]:
            raise ValueError(
                "summary_s is [first, last] second after the word's onset; the last lies before the first"
            )
        return self

    def spec(self) -> DesignSpec:
        """For the stages; lags are spelled out."""
        low, high, step = self.lags_s
        count = int(np.floor((high - low) / step + 1e-9)) + 1
        lags = tuple(round(low + step * k, 9) for k in range(count))
        if self.mode == "trf":
            return DesignSpec(lags, self.skip_onset_s, self.stamp)
        return DesignSpec((0.0,), self.skip_onset_s, self.stamp, EpochSpec(lags, self.window_s, self.summary_s))


class DesignSettings(Settings):
    """Delays and the samples used, for either modality."""

    fmri: FmriDesign = FmriDesign()
    ieeg: IeegDesign = IeegDesign.model_validate({})


class FitSettings(Settings):
    """Solver, grid and folds."""

    solver: SolverName = "banded_ridge"
    """`banded_ridge` has a weight for each feature space, `ridge` equal ones; `chen2024` is that paper's published
    code."""
    candidates: Annotated[int, Field(ge=1)] = 20
    """Sets of band weights that are drawn, once, for all feature spaces."""
    alphas: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)], Annotated[int, Field(ge=1)]] = (
        1e-5,
        1e10,
        30,
    )
    """Penalties: lowest, highest, and how many."""
    outer: Literal["by_run"] | Annotated[int, Field(ge=2)] = "by_run"
    """Outer folds: whole runs, or so many contiguous blocks."""
    inner: Literal["by_run"] | Annotated[int, Field(ge=2)] = "by_run"
    """Inner folds: the same within training samples."""
    seed: int = 0
    """Of all that is drawn."""

    @model_validator(mode="after")
    def _ascending(self) -> FitSettings:
        if self.alphas[1] < self.alphas[0]:
            raise ValueError("alphas is [lowest, highest, how many]; the highest lies below the lowest")
        return self


class PartitionSettings(Settings):
    """Spaces whose variance is split, and groups of them (at most 4 feature groups)."""

    spaces: tuple[str, ...] = ()
    """The feature spaces that are fitted. Empty: all, in their order."""
    groups: dict[str, tuple[str, ...]] = {}
    """Name: members. A group takes its members' place."""


class SubspaceSettings(Settings):
    """What two models share, as a space of its own."""

    between: tuple[str, str]
    """The two feature spaces."""
    against: Annotated[tuple[str, ...], Field(max_length=3)] = ()
    """Up to three others (or groups) that what they share is split against."""
    components: Annotated[int, Field(ge=1)] | None = None
    """Canonical pairs that are kept; null: as many as hold up on held-out words."""
    fit: Literal["training", "all"] = "training"
    """`training`: on the words of training folds. `all`: on all words, as the published code does (in-sample)."""


MOTION = "motion"  # of the baseline, but made of confounds and not of the stimulus


class BaselineSettings(Settings):
    """What is fitted whatever the analysis names, each where it can be had, for models to be compared with."""

    spaces: tuple[str, ...] = ("word_rate", "envelope", "position", MOTION)
    """Of the baseline; an empty list for none."""
    autocorrelation: bool = True
    """Whether a control that knows only time is fitted where folds split runs."""

    @field_validator("spaces")
    @classmethod
    def _of_the_baseline(cls, spaces: tuple[str, ...]) -> tuple[str, ...]:
        """Families say whether a baseline may be made of them."""
        for space in spaces:
            if space != MOTION and not features.is_baseline(space):
                known = [*(kind for kind in features.KINDS if features.is_baseline(kind)), MOTION]
                advice = did_you_mean(space, known)
                raise ValueError(f"no baseline is made of '{space}'; {advice or 'one of ' + ', '.join(known)}")
        return spaces


class BlockSeconds(Settings):
    """Least length of the blocks of time that are flipped or drawn as wholes."""

    fmri: Annotated[float, Field(gt=0)] = 60.0
    """Seconds, of fMRI."""
    ieeg: Annotated[float, Field(gt=0)] = 20.0
    """Seconds, of iEEG."""


class InferenceSettings(Settings):
    """Tests and intervals."""

    permutations: Annotated[int, Field(ge=0)] = 1000
    """Sign flips at least: so many, or the next power of two less one; 0 for no tests and no intervals."""
    block_s: BlockSeconds = BlockSeconds()
    fdr: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """The level of p and q that count in reports."""


class GroupSettings(Settings):
    """The group level. It may change when participants are done: it is not hashed, and `concord … group` makes
    it anew."""

    later_keys: ClassVar[frozenset[str]] = frozenset({"least_share", "tfce"})

    mean_response: bool = True
    """Whether responses are read again: for the participants' mean response, the tests that need it, and noise
    ceilings between participants."""
    least_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Of participants, the share who must have a target for it to be tested over them (five at least)."""
    tfce: bool = False
    """Whether there is a family-wise p by threshold-free cluster enhancement beside that by max-T, of voxels and of
    vertices of fsaverage."""


class ReportSettings(Settings):
    """What reports show besides."""

    planted: str | None = None
    """A table of known values to show beside the recovered ones; `{bids_dir}` is filled in."""


class FeatureSettings(BaseModel):
    """One feature space; a kind has options of its own besides, which its family checks."""

    model_config = ConfigDict(extra="allow", frozen=True)
    kind: str
    """What it is made of: one of the kinds below."""
    pca: Annotated[int, Field(ge=1)] | None = None
    """Principal components that are kept, fitted on training samples; null keeps all dimensions."""

    @property
    def has_layers(self) -> bool:
        """Whether several layers of a model are asked for."""
        return has_layers(self.model_extra or {})

    @property
    def is_residual(self) -> bool:
        """Whether it is made of two other spaces in training folds, not of the stimulus."""
        return features.is_derived(self.kind)
