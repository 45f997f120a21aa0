"""A whole analysis: sections that fit together, and what the stages are asked to do."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from bids_app import features
from bids_app.errors import did_you_mean
from bids_app.records import (
    AUTOCORRELATION,
    SHARED_GROUP,
    SOLVERS,
    Component,
    DesignSpec,
    ExtraPartition,
    FeatureSpec,
    FitSpec,
    InferenceSpec,
    Modality,
    ResidualSpec,
    ResponseSpec,
    SubspaceSpec,
    baseline_band,
    camel,
    own_band,
    partition_components,
    rest_band,
)
from bids_app.records.specs import GroupSpec
from bids_app.settings.control_comparisons import control_components
from bids_app.settings.recipe import StimuliSettings
from bids_app.settings.sections import (
    MOTION,
    AlignmentSettings,
    BaselineSettings,
    DesignSettings,
    FeatureSettings,
    FitSettings,
    GroupSettings,
    InferenceSettings,
    PartitionSettings,
    ReportSettings,
    ResponseSettings,
    Settings,
    SubspaceSettings,
)


def _suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or an empty string."""
    advice = did_you_mean(word, known)
    return f"; {advice}" if advice else ""


class Analysis(Settings):
    """A whole analysis. Raises pydantic's ValidationError; `load_analysis` turns it into one line.

    `save` only says what is kept of models: it is neither hashed nor written to analysis.yaml.
    """

    later_keys: ClassVar[frozenset[str]] = frozenset({"alignment"})

    name: str
    """What the analysis is called in reports and sidecars."""
    pool: tuple[Literal["session", "task", "run"], ...] = ("session", "task", "run")
    """Entities in which recordings that are fitted together may differ."""
    stimuli: StimuliSettings = StimuliSettings()
    features: Annotated[dict[str, FeatureSettings], Field(min_length=1)]
    """Name: its kind and options. A name begins with a letter, then letters and digits."""
    alignment: AlignmentSettings = AlignmentSettings()
    response: ResponseSettings = ResponseSettings()
    design: DesignSettings = DesignSettings()
    fit: FitSettings = FitSettings()
    partition: PartitionSettings = PartitionSettings()
    shared_subspace: SubspaceSettings | None = None
    baseline: BaselineSettings = BaselineSettings()
    controls: tuple[str, ...] = ()
    """Feature spaces that are fitted beside the partition, such as untrained models."""
    inference: InferenceSettings = InferenceSettings()
    group: GroupSettings = GroupSettings()
    report: ReportSettings = ReportSettings()
    save: tuple[Literal["predictions", "weights", "alphas", "blocks"], ...] = Field(
        default=(), exclude=True
    )  # changes no number
    """What is kept of models. It changes no number, and is neither hashed nor written to analysis.yaml."""

    @field_validator("features")
    @classmethod
    def _names(cls, spaces: dict[str, FeatureSettings]) -> dict[str, FeatureSettings]:
        for name in spaces:
            if not camel(name) or not name[0].isalpha():
                raise ValueError(f"'{name}' cannot name a feature space: a letter first, then letters and digits")
        return spaces

    @model_validator(mode="after")
    def _partition_fits(self) -> Analysis:
        spaces, groups = self.spaces, self.partition.groups
        for name in (*spaces, *(member for members in groups.values() for member in members)):
            if name not in self.features:
                raise ValueError(f"partition names '{name}', which is no feature{_suggestion(name, self.features)}")
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
        labels = [camel(group) for group in self.groups]
        if len(set(labels)) < len(labels):
            raise ValueError("two feature groups of the partition have the same name in file names")
        if len(labels) > 4:
            raise ValueError(
                f"the partition has {len(labels)} feature groups, at most 4 are split: join spaces with groups"
            )
        return self

    @model_validator(mode="after")
    def _residuals_fit(self) -> Analysis:
        for name, settings in self.features.items():
            if not settings.is_residual:
                continue
            options, needed = settings.model_extra or {}, features.KINDS[settings.kind].options
            for option in options:
                if option not in needed:
                    advice = _suggestion(option, needed)
                    raise ValueError(f"unknown option '{option}' of feature '{name}' ({settings.kind}){advice}")
            for option in needed:
                if option not in options:
                    what = f"feature '{name}' ({settings.kind}) needs '{option}'"
                    raise ValueError(f"{what}: the name of another feature")
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
        if shared.fit == "all" and (several := [name for name in shared.between if self.features[name].has_layers]):
            raise ValueError(
                f"shared_subspace.fit: all needs one layer of '{several[0]}': layers are chosen in folds"
            )
        if shared.between[0] == shared.between[1]:
            raise ValueError("shared_subspace.between names one space twice")
        for name in shared.against:
            if name not in self.features and name not in self.partition.groups:
                known = [*self.features, *self.partition.groups]
                raise ValueError(
                    f"shared_subspace.against names '{name}', no feature or group{_suggestion(name, known)}"
                )
        against = [band for name in shared.against for band in self._members(name)]
        if len(set(against)) < len(against) or set(against) & set(shared.between):
            raise ValueError("shared_subspace.against holds a space twice, or one of those in between")
        made = {band for one in self.extra_partitions for bands in one.groups.values() for band in bands} - set(
            against
        )
        if taken := sorted(made & {*self.features, *self.partition.groups}):
            raise ValueError(f"'{taken[0]}' is a name of the shared subspace: give the feature or group another")
        if self._has_equal_labels():
            raise ValueError("the shared subspace and the partition have a component of one name: rename a space")
        return self

    @model_validator(mode="after")
    def _published_fits(self) -> Analysis:
        """The published code's solver knows nothing that is fitted in training folds."""
        solver = self.fit.solver
        if not SOLVERS[solver].fits_in_folds:
            if self.shared_subspace and self.shared_subspace.fit != "all":
                raise ValueError(f"fit.solver {solver} takes a shared_subspace with `fit: all`, as the code has it")
            if any(settings.has_layers for settings in self.features.values()):
                raise ValueError(f"fit.solver {solver} takes one layer of a model, as the code has it")
            if residuals := [settings.kind for settings in self.features.values() if settings.is_residual]:
                raise ValueError(f"fit.solver {solver} knows no {residuals[0]}: use banded_ridge")
        return self

    @model_validator(mode="after")
    def _beside_fits(self) -> Analysis:
        for name in self.controls:
            self._require_own(name, "controls")
        if len({*self.controls}) < len(self.controls) or {*self.controls} & {*self.spaces}:
            raise ValueError("controls holds a space twice, or one of the partition's")
        taken = {AUTOCORRELATION, *map(baseline_band, self.baseline_spaces)} & {*self.features}
        if taken:
            raise ValueError(f"'{min(taken)}' is a name of the baseline: give the feature another")
        if self._has_equal_labels(self.all_controls):
            raise ValueError(
                "the baseline or a control and the partition have a component of one name: rename a space"
            )
        return self

    def _has_equal_labels(self, controls: tuple[Component, ...] = ()) -> bool:
        """Whether two components would have one label."""
        extra = [partition_components(tuple(one.groups), one.name) for one in self.extra_partitions]
        everything = [*partition_components(tuple(self.groups)), *chain.from_iterable(extra), *controls]
        return len({one.label for one in everything}) < len(everything)

    def control_components(self, baseline: tuple[str, ...], autocorrelation: bool) -> tuple[Component, ...]:
        """What is fitted beside the partitions.

        Parameters
        ----------
        baseline : the baseline's bands that can be had.
        autocorrelation : whether a control that knows only time is asked for and possible.
        """
        if not SOLVERS[self.fit.solver].fits_in_folds:
            return ()
        return control_components(self.features, self.groups, self.controls, baseline, autocorrelation)

    @property
    def all_controls(self) -> tuple[Component, ...]:
        """Those of data that allow them all."""
        return self.control_components(tuple(map(baseline_band, self.baseline_spaces)), self.baseline.autocorrelation)

    @property
    def baseline_spaces(self) -> tuple[str, ...]:
        """What is fitted of the baseline, where it can be had; the published code has none."""
        return self.baseline.spaces if SOLVERS[self.fit.solver].fits_in_folds else ()

    def baseline_specs(self) -> dict[str, FeatureSpec]:
        """The baseline's spaces that are made of stimuli, by band."""
        spaces = [space for space in self.baseline_spaces if space != MOTION]
        return {baseline_band(space): FeatureSpec(baseline_band(space), space) for space in spaces}

    def _require_own(self, name: str, where: str) -> None:
        """Raises ValueError unless `name` is a space with features of its own."""
        if name not in self.features:
            raise ValueError(f"{where} names '{name}', which is no feature{_suggestion(name, self.features)}")
        if self.features[name].is_residual:
            raise ValueError(f"{where} names '{name}', which is a residual itself")

    def _members(self, name: str) -> tuple[str, ...]:
        """Spaces of a group, or the space of that name."""
        return self.partition.groups.get(name, (name,))

    @property
    def extra_partitions(self) -> tuple[ExtraPartition, ...]:
        """Partitions beside the first one: of a shared subspace and the rest of each model, and against others."""
        shared = self.shared_subspace
        if shared is None:
            return ()
        one, other = shared.between
        in_sample = shared.fit == "all"
        partitions = [
            ExtraPartition(
                "subspace",
                {name: (name,) for name in (SHARED_GROUP, rest_band(one), rest_band(other))},
                in_sample,
                shared.between,
            )
        ]
        if shared.against:
            others = {name: self._members(name) for name in shared.against}
            partitions.append(
                ExtraPartition("against", {SHARED_GROUP: (SHARED_GROUP,), **others}, in_sample, shared.between)
            )
        if in_sample:
            own = {name: (name,) for name in (own_band(one), own_band(other))}
            partitions.append(ExtraPartition("own", own, True, shared.between))
        return tuple(partitions)

    @property
    def compared_models(self) -> tuple[str, str] | None:
        """Feature groups of the two models asked about: those of the shared subspace, else the one speech and the
        one language model; None where they are not two that stand alone in the partition."""
        roles = {name: features.role_of(self.features[name].kind) for name in self.spaces}
        models = [[name for name in roles if roles[name] == role] for role in ("speech model", "language model")]
        only = [names[0] for names in models if len(names) == 1]
        names = self.shared_subspace.between if self.shared_subspace else only
        alone = [group for name in names for group, spaces in self.groups.items() if spaces == (name,)]
        return (alone[0], alone[1]) if len(alone) == 2 else None

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
        specs = {}
        for name, settings in self.features.items():
            if settings.is_residual and name in self._fitted:
                options = settings.model_extra or {}
                specs[name] = ResidualSpec(options["contextual"], options["static"], settings.pca)
        return specs

    @property
    def _fitted(self) -> set[str]:
        """Spaces that are fitted in some partition, or as controls."""
        against = self.shared_subspace.against if self.shared_subspace else ()
        return {*self.spaces, *self.controls, *(band for name in against for band in self._members(name))}

    @property
    def spaces(self) -> tuple[str, ...]:
        """The feature spaces that are fitted, in order."""
        return self.partition.spaces or tuple(self.features)

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """Feature groups of the partition: name → its spaces; a group stands where its first member stood."""
        group_of = {member: group for group, members in self.partition.groups.items() for member in members}
        groups: dict[str, tuple[str, ...]] = {}
        for space in self.spaces:
            group = group_of.get(space, space)
            groups[group] = (*groups.get(group, ()), space)
        return groups

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
        return (self.response.fmri if modality == "fmri" else self.response.ieeg).spec()

    def design_spec(self, modality: Modality) -> DesignSpec:
        """Delays of one modality, ascending; lags are spelled out."""
        return (self.design.fmri if modality == "fmri" else self.design.ieeg).spec()

    def inference_spec(self, modality: Modality) -> InferenceSpec | None:
        """Settings of one modality's tests and intervals; None where none are asked for."""
        asked = self.inference
        if not asked.permutations or not SOLVERS[self.fit.solver].fits_in_folds:
            return None
        return InferenceSpec(asked.permutations, getattr(asked.block_s, modality), self.fit.seed)

    def group_spec(self) -> GroupSpec:
        """How participants' results are joined."""
        return GroupSpec(self.inference.fdr, self.group.least_share, self.group.tfce)

    def fit_spec(self) -> FitSpec:
        """Solver settings."""
        return FitSpec(**self.fit.model_dump())
