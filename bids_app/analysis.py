"""WHAT is computed: the analysis file, typed, every default in one place, hashed and saved with the results.

Unknown keys are refused with a suggestion. The hash covers the resolved analysis and nothing of how it runs.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from bids_app.errors import NoInput, UsageError
from bids_app.records import (
    DesignSpec,
    EpochSpec,
    FeatureSpec,
    FitSpec,
    InferenceSpec,
    Modality,
    ResidualSpec,
    ResponseSpec,
    SubspaceSpec,
    all_components,
    camel,
)

RESIDUAL = "contextual_residual"
RESIDUAL_OPTIONS = ("contextual", "static")
Seconds = Annotated[float, Field(ge=0)]


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StimuliSettings(_Settings):
    """Where word and phone timings lie: a path under /stimuli, `{stem}` the stimulus file without extension."""

    words: str | None = None


class FmriResponse(_Settings):
    """Cleaning of BOLD, within run."""

    confounds: str = "motion24+acompcor"
    high_pass_s: Seconds | None = 128.0
    standardize: Literal["run", "none"] = "run"


class IeegResponse(_Settings):
    """High gamma, and its cleaning within run. `band_hz`: of what is computed from voltages; null takes all signals
    for envelopes. `line_hz`: the power line, whose harmonics inside the band are notched."""

    band_hz: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] | None = (70.0, 150.0)
    line_hz: Annotated[float, Field(gt=0)] | None = None
    rate_hz: Annotated[float, Field(gt=0)] | None = 100.0
    standardize: Literal["run", "none"] = "run"

    @model_validator(mode="after")
    def _ascending(self) -> IeegResponse:
        if self.band_hz is not None and self.band_hz[1] <= self.band_hz[0]:
            raise ValueError("band_hz is [lowest, highest]; the highest does not lie above the lowest")
        return self


class ResponseSettings(_Settings):
    """How responses of either modality are read."""

    fmri: FmriResponse = FmriResponse()
    ieeg: IeegResponse = IeegResponse()


class FmriDesign(_Settings):
    """FIR delays of BOLD."""

    delays_s: Annotated[tuple[Seconds, ...], Field(min_length=1)] = (2.0, 4.0, 6.0, 8.0)
    skip_onset_s: Seconds = 20.0
    stamp: Literal["onset", "offset"] = "offset"


LAGS_S = {"trf": (0.0, 0.4, 0.01), "words": (-2.0, 2.0, 0.02)}  # by mode, where the analysis gives none


class IeegDesign(_Settings):
    """`trf`: a temporal response function, its lags in the design. `words`: one row a word, responses around its
    onset. `lags_s`: lowest, highest and step, in seconds. `window_s` and `summary_s` are for words: the width of a
    lag's mean, and the seconds after the onset whose mean gives an electrode's own value."""

    mode: Literal["trf", "words"] = "trf"
    lags_s: tuple[float, float, Annotated[float, Field(gt=0)]]
    window_s: Seconds = 0.1
    summary_s: tuple[float, float] = (0.0, 0.5)
    skip_onset_s: Seconds = 0.0
    stamp: Literal["onset", "offset"] = "onset"

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


class DesignSettings(_Settings):
    """Delays and the samples used, for either modality."""

    fmri: FmriDesign = FmriDesign()
    ieeg: IeegDesign = IeegDesign.model_validate({})


class FitSettings(_Settings):
    """Solver, grid and folds; a number for `outer` or `inner` asks for so many contiguous blocks."""

    solver: Literal["ridge", "banded_ridge"] = "banded_ridge"
    candidates: Annotated[int, Field(ge=1)] = 20
    alphas: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)], Annotated[int, Field(ge=1)]] = (
        1e-5,
        1e10,
        30,
    )
    outer: Literal["by_run"] | Annotated[int, Field(ge=2)] = "by_run"
    inner: Literal["by_run"] | Annotated[int, Field(ge=2)] = "by_run"
    seed: int = 0

    @model_validator(mode="after")
    def _ascending(self) -> FitSettings:
        if self.alphas[1] < self.alphas[0]:
            raise ValueError("alphas is [lowest, highest, how many]; the highest lies below the lowest")
        return self


class PartitionSettings(_Settings):
    """Spaces whose variance is split, and groups that take their members' place (at most 4 units)."""

    spaces: tuple[str, ...] = ()  # empty: all features, in their order
    groups: dict[str, tuple[str, ...]] = {}


class SubspaceSettings(_Settings):
    """What two models share, as a space of its own: `between` two spaces, split `against` up to three others (or
    groups). `components`: pairs kept, None for as many as hold up on held-out words; `fit`: on training stimuli, or
    `all`, as the seed paper does, which is in-sample."""

    between: tuple[str, str]
    against: Annotated[tuple[str, ...], Field(max_length=3)] = ()
    components: Annotated[int, Field(ge=1)] | None = None
    fit: Literal["training", "all"] = "training"


class BlockSeconds(_Settings):
    """Least length of the blocks of time that are flipped or drawn as wholes."""

    fmri: Annotated[float, Field(gt=0)] = 60.0
    ieeg: Annotated[float, Field(gt=0)] = 20.0


class InferenceSettings(_Settings):
    """Tests and intervals: how many sign flips (0: none), blocks, and the level of p and q that reports count at."""

    permutations: Annotated[int, Field(ge=0)] = 1000
    block_s: BlockSeconds = BlockSeconds()
    fdr: Annotated[float, Field(gt=0, lt=1)] = 0.05


class GroupSettings(_Settings):
    """`mean_response: true` also fits the people's mean response where they heard the same stimuli."""

    mean_response: bool = False


class ReportSettings(_Settings):
    """`planted`: a table of known values to show beside the recovered ones; `{bids_dir}` is filled in."""

    planted: str | None = None


class FeatureSettings(BaseModel):
    """One feature space: its kind, dimensions kept by PCA, and the kind's own options (checked by its family)."""

    model_config = ConfigDict(extra="allow", frozen=True)
    kind: str
    pca: Annotated[int, Field(ge=1)] | None = None

    @property
    def is_residual(self) -> bool:
        """Whether it is made of two other spaces in training folds, not of the stimulus."""
        return self.kind == RESIDUAL


class Analysis(_Settings):
    """A whole analysis. Raises pydantic's ValidationError; `load_analysis` turns it into one line."""

    name: str
    pool: tuple[Literal["session", "task", "run"], ...] = ("session", "task", "run")
    stimuli: StimuliSettings = StimuliSettings()
    features: Annotated[dict[str, FeatureSettings], Field(min_length=1)]
    response: ResponseSettings = ResponseSettings()
    design: DesignSettings = DesignSettings()
    fit: FitSettings = FitSettings()
    partition: PartitionSettings = PartitionSettings()
    shared_subspace: SubspaceSettings | None = None
    inference: InferenceSettings = InferenceSettings()
    group: GroupSettings = GroupSettings()
    report: ReportSettings = ReportSettings()

    @field_validator("features")
    @classmethod
    def _names(cls, features: dict[str, FeatureSettings]) -> dict[str, FeatureSettings]:
        for name in features:
            if not camel(name) or not name[0].isalpha():
                raise ValueError(f"'{name}' cannot name a feature space: a letter first, then letters and digits")
        return features

    @model_validator(mode="after")
    def _partition_fits(self) -> Analysis:
        spaces, groups = self.spaces, self.partition.groups
        for name in (*spaces, *(member for members in groups.values() for member in members)):
            if name not in self.features:
                raise ValueError(f"partition names '{name}', which is no feature{suggestion(name, self.features)}")
        if len(set(spaces)) < len(spaces):
            raise ValueError("partition.spaces names a space twice")
        grouped = [member for members in groups.values() for member in members]
        if len(set(grouped)) < len(grouped):
            raise ValueError("a space is in two groups")
        for member in grouped:
            if member not in spaces:
                raise ValueError(f"the group member '{member}' is not among partition.spaces")
        for group, members in groups.items():
            if not members or (group in self.features and group not in members):
                raise ValueError(f"the group '{group}' is empty or has the name of a space outside it")
        labels = [camel(unit) for unit in self.units]
        if len(set(labels)) < len(labels):
            raise ValueError("two units of the partition have the same name in file names")
        if len(labels) > 4:
            raise ValueError(f"the partition has {len(labels)} units, at most 4 are split: join spaces with groups")
        return self

    @model_validator(mode="after")
    def _residuals_fit(self) -> Analysis:
        for name, settings in self.features.items():
            if not settings.is_residual:
                continue
            options = settings.model_extra or {}
            for option in options:
                if option not in RESIDUAL_OPTIONS:
                    advice = suggestion(option, RESIDUAL_OPTIONS)
                    raise ValueError(f"unknown option '{option}' of feature '{name}' ({RESIDUAL}){advice}")
            for option in RESIDUAL_OPTIONS:
                if option not in options:
                    raise ValueError(f"feature '{name}' ({RESIDUAL}) needs '{option}': the name of another feature")
                self._require_own(str(options[option]), f"{option} of feature '{name}'")
            if options["contextual"] == options["static"]:
                raise ValueError(f"contextual and static of feature '{name}' are the same space")
        return self

    @model_validator(mode="after")
    def _subspace_fits(self) -> Analysis:
        shared = self.shared_subspace
        if shared is None:
            return self
        for name in shared.between:
            self._require_own(name, "shared_subspace.between")
        if shared.between[0] == shared.between[1]:
            raise ValueError("shared_subspace.between names one space twice")
        for name in shared.against:
            if name not in self.features and name not in self.partition.groups:
                known = [*self.features, *self.partition.groups]
                raise ValueError(
                    f"shared_subspace.against names '{name}', no feature or group{suggestion(name, known)}"
                )
        against = [band for name in shared.against for band in self._members(name)]
        if len(set(against)) < len(against) or set(against) & set(shared.between):
            raise ValueError("shared_subspace.against holds a space twice, or one of those in between")
        made = {band for units in self.further.values() for bands in units.values() for band in bands} - set(against)
        if taken := sorted(made & {*self.features, *self.partition.groups}):
            raise ValueError(f"'{taken[0]}' is a name of the shared subspace: give the feature or group another")
        names = all_components(tuple(self.units), {name: tuple(units) for name, units in self.further.items()})
        if len(set(names)) < len(names):
            raise ValueError("the shared subspace and the partition have a component of one name: rename a space")
        return self

    def _require_own(self, name: str, where: str) -> None:
        """Raises ValueError unless `name` is a space with features of its own."""
        if name not in self.features:
            raise ValueError(f"{where} names '{name}', which is no feature{suggestion(name, self.features)}")
        if self.features[name].is_residual:
            raise ValueError(f"{where} names '{name}', which is a residual itself")

    def _members(self, name: str) -> tuple[str, ...]:
        """Spaces of a group, or the space of that name."""
        return self.partition.groups.get(name, (name,))

    @property
    def further(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """Partitions beside the first one: name → unit → its bands. Those of an in-sample subspace are named so."""
        shared = self.shared_subspace
        if shared is None:
            return {}
        one, other = shared.between
        found: dict[str, dict[str, tuple[str, ...]]] = {}
        found["subspace"] = {name: (name,) for name in ("shared", f"{one}Rest", f"{other}Rest")}
        if shared.against:
            found["against"] = {"shared": ("shared",), **{name: self._members(name) for name in shared.against}}
        if shared.fit == "training":
            return found
        found["own"] = {name: (name,) for name in (f"{one}Shared", f"{other}Shared")}
        return {f"inSample{camel(name)}": units for name, units in found.items()}

    @property
    def projected_spaces(self) -> tuple[str, ...]:
        """Spaces whose rows by word are projected."""
        between = self.shared_subspace.between if self.shared_subspace else ()
        sources = [name for spec in self.residual_specs().values() for name in (spec.contextual, spec.static)]
        return tuple(dict.fromkeys((*between, *sources)))

    def subspace_spec(self) -> SubspaceSpec | None:
        """What is fitted between two models, if anything; each rest keeps its space's `pca`."""
        shared = self.shared_subspace
        if shared is None:
            return None
        one, other = shared.between
        rest_pca = self.features[one].pca, self.features[other].pca
        return SubspaceSpec((one, other), shared.components, shared.fit, rest_pca)

    def residual_specs(self) -> dict[str, ResidualSpec]:
        """Residuals that are fitted, by name."""
        found = {}
        for name, settings in self.features.items():
            if settings.is_residual and name in self._fitted:
                options = settings.model_extra or {}
                found[name] = ResidualSpec(options["contextual"], options["static"], settings.pca)
        return found

    @property
    def _fitted(self) -> set[str]:
        """Spaces that some partition has."""
        against = self.shared_subspace.against if self.shared_subspace else ()
        return {*self.spaces, *(band for name in against for band in self._members(name))}

    @property
    def spaces(self) -> tuple[str, ...]:
        """The feature spaces that are fitted, in order."""
        return self.partition.spaces or tuple(self.features)

    @property
    def units(self) -> dict[str, tuple[str, ...]]:
        """The partition's units: name → its spaces; a group stands where its first member stood."""
        group_of = {member: group for group, members in self.partition.groups.items() for member in members}
        units: dict[str, tuple[str, ...]] = {}
        for space in self.spaces:
            unit = group_of.get(space, space)
            units[unit] = (*units.get(unit, ()), space)
        return units

    def feature_specs(self, base_dir: Path | None) -> dict[str, FeatureSpec]:
        """The spaces made of stimuli that are fitted or projected, as the features wing takes them, options not yet
        checked."""
        needed = {*self._fitted, *self.projected_spaces}
        return {
            name: FeatureSpec(name, settings.kind, dict(settings.model_extra or {}), settings.pca, base_dir)
            for name, settings in self.features.items()
            if name in needed and not settings.is_residual
        }

    def response_spec(self, modality: Modality) -> ResponseSpec:
        """Response settings of one modality."""
        if modality == "fmri":
            fmri = self.response.fmri
            return ResponseSpec(fmri.confounds, fmri.high_pass_s, None, fmri.standardize)
        ieeg = self.response.ieeg
        return ResponseSpec("none", None, ieeg.rate_hz, ieeg.standardize, ieeg.band_hz, ieeg.line_hz)

    def design_spec(self, modality: Modality) -> DesignSpec:
        """Delays of one modality, ascending; lags are spelled out."""
        if modality == "fmri":
            fmri = self.design.fmri
            return DesignSpec(tuple(sorted(fmri.delays_s)), fmri.skip_onset_s, fmri.stamp)
        low, high, step = self.design.ieeg.lags_s
        count = int(np.floor((high - low) / step + 1e-9)) + 1
        lags = tuple(round(low + step * k, 9) for k in range(count))
        ieeg = self.design.ieeg
        if ieeg.mode == "trf":
            return DesignSpec(lags, ieeg.skip_onset_s, ieeg.stamp)
        return DesignSpec((0.0,), ieeg.skip_onset_s, ieeg.stamp, EpochSpec(lags, ieeg.window_s, ieeg.summary_s))

    def inference_spec(self, modality: Modality) -> InferenceSpec | None:
        """Settings of one modality's tests and intervals; None where none are asked for."""
        asked = self.inference
        if not asked.permutations:
            return None
        return InferenceSpec(asked.permutations, getattr(asked.block_s, modality), self.fit.seed)

    def fit_spec(self) -> FitSpec:
        """Solver settings."""
        return FitSpec(**self.fit.model_dump())


def suggestion(word: str, known: Mapping[str, Any] | list[str] | tuple[str, ...]) -> str:
    """`; did you mean 'x'?` where a known word is close, else an empty string."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


class _Loader(yaml.SafeLoader):
    """YAML without duplicate keys, of which the standard loader keeps the last in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"the key '{key}' stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def preset_names() -> tuple[str, ...]:
    """Names of the analyses that ship, sorted."""
    folder = resources.files("bids_app") / "presets"
    return tuple(sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def preset_text(name: str) -> str:
    """The YAML of a preset, comments included."""
    return (resources.files("bids_app") / "presets" / f"{name}.yaml").read_text(encoding="utf-8")


def as_yaml(resolved: Mapping[str, Any]) -> str:
    """A resolved analysis as YAML that `load_analysis` reads back to the same."""
    return str(yaml.safe_dump(dict(resolved), sort_keys=False, allow_unicode=True, default_flow_style=None))


def load_analysis(preset_or_file: str) -> tuple[Analysis, Path | None]:
    """A preset by name, or a YAML file; returns the analysis and the file's folder (None for a preset).

    Raises NoInput where neither exists and UsageError, in one line, where the content is wrong.
    """
    if preset_or_file in preset_names():
        return parse_analysis(preset_text(preset_or_file), preset_or_file), None
    path = Path(preset_or_file)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        hint = suggestion(preset_or_file, preset_names()).lstrip("; ")
        presets = f"give a YAML file or one of {', '.join(preset_names())}"
        raise NoInput("no such analysis", preset_or_file, f"{presets}{'; ' + hint if hint else ''}") from None
    return parse_analysis(text, preset_or_file), path.resolve().parent


def parse_analysis(text: str, where: str) -> Analysis:
    """YAML text → Analysis; `where` names it in errors. Raises UsageError."""
    try:
        content = yaml.load(text, _Loader)  # noqa: S506  (a SafeLoader)
    except yaml.YAMLError as error:
        raise UsageError(f"the analysis is not valid YAML: {error}", where) from None
    if not isinstance(content, dict):
        raise UsageError("the analysis is not a mapping of keys to values", where)
    try:
        return Analysis.model_validate(content)
    except ValidationError as error:
        raise UsageError(_one_line(error), where) from None


def _one_line(error: ValidationError) -> str:
    errors = error.errors()  # a misspelt key may also be a missing one
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    place = ".".join(str(part) for part in first["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        return (
            f"unknown key '{place}' in the analysis{suggestion(str(first['loc'][-1]), _keys_at(first['loc']))}{more}"
        )
    message = first["msg"].removeprefix("Value error, ")
    return f"{place + ': ' if place else ''}{message}{more}"


def _keys_at(loc: tuple[int | str, ...]) -> tuple[str, ...]:
    model: type[BaseModel] = Analysis
    for part in loc[:-1]:
        annotation = model.model_fields[str(part)].annotation if str(part) in model.model_fields else None
        for one in (annotation, *get_args(annotation)):
            if isinstance(one, type) and issubclass(one, BaseModel):
                model = one
    return tuple(model.model_fields)


def analysis_hash(resolved: Mapping[str, Any]) -> str:
    """First 16 hex digits of the SHA-256 of the resolved analysis, as canonical JSON."""
    return hashlib.sha256(json.dumps(resolved, sort_keys=True).encode()).hexdigest()[:16]
