"""Solvers as strategies: how the design is prepared, and how all that is asked of it is fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from bids_app import encoding
from bids_app.encoding import (
    RELIABLE,
    Additions,
    Averaged,
    Averages,
    AveragingPlan,
    ControlsQuestion,
    FitContext,
    FitOptions,
    Keeping,
    KeptModels,
    ObserverGroup,
    Question,
    Share,
    TestedQuestion,
)
from bids_app.pipeline.unit.fit_inputs import FitInputs
from bids_app.records import (
    SOLVERS,
    Array,
    Component,
    ControlResults,
    Design,
    Fit,
    FitSpec,
    InferenceResult,
    Part,
    SavedFit,
    Union,
    partition_components,
)

Groups = Mapping[str, Sequence[str]]
NO_CONTROLS = ControlResults((), {})


@dataclass(frozen=True)
class Averaging:
    """Over which targets scores are averaged while a partition is fitted.

    Parameters
    ----------
    sets : name → (n_targets,) bool.
    ceiling : (n_targets,) noise ceiling, or none.
    compares : whether predictions and maps of groups alone are compared, pair by pair.
    """

    sets: Mapping[str, Array]
    ceiling: Array | None = None
    compares: bool = True

    def over(self, reliable: Array | None) -> Averaging:
        """The same over reliable targets too, (n_targets,) bool, where there are any."""
        return self if reliable is None else replace(self, sets={**self.sets, RELIABLE: reliable})


@dataclass(frozen=True)
class FittedPartition:
    """One partition's fit, its inference, averages over sets of targets (with those that it made itself), and of each
    unique part its partial correlation (n_targets,)."""

    fit: Fit
    tests: InferenceResult | None
    averages: Averaged
    sets: Mapping[str, Array]
    has_ceiling: bool
    partial_r: Mapping[str, Array] = field(default_factory=dict)

    def with_warnings(self, warnings: Sequence[str]) -> FittedPartition:
        """The same, with what the reader is warned of besides."""
        return replace(self, fit=replace(self.fit, warnings=(*self.fit.warnings, *warnings)))


@dataclass(frozen=True)
class UnitQuestions:
    """What is asked of a unit's data beside the partition of its feature groups.

    Parameters
    ----------
    averaging : sets of targets that scores are averaged over.
    extra : name → feature groups of a further partition.
    controls : components of no partition; their unions are of bands.
    models : name → bands of models that are averaged alone, for the agreement of their predictions.
    keeping : what is kept of the models of the analysis's own partition; None: nothing but scores.
    """

    averaging: Averaging
    extra: Mapping[str, Groups] = field(default_factory=dict)
    controls: Sequence[Component] = ()
    models: Groups = field(default_factory=dict)
    keeping: Keeping | None = None


@dataclass(frozen=True)
class UnitAnswers:
    """The answers to them: the partition of the analysis, the further ones by name, the controls, and averages of the
    models alone, where there are any; and what is kept of the partition's models."""

    main: FittedPartition
    extra: Mapping[str, FittedPartition]
    controls: ControlResults = NO_CONTROLS
    alone: Averaged | None = None
    saved: SavedFit | None = None


class Solver(Protocol):
    """What one of `records.SOLVERS` does."""

    def prepare_design(self, design: Design) -> Design:
        """The design with the folds that the solver asks for."""

    def answer(self, inputs: FitInputs, asked: UnitQuestions, shares: Sequence[Share] = ()) -> UnitAnswers:
        """All unions that the questions need, with inference where it is asked for.

        Parameters
        ----------
        inputs : what the questions are about; its feature groups are those of the analysis's own partition.
        asked : what is asked beside it.
        shares : of targets that were fitted elsewhere; whatever there are, the answers are the same.
        """

    def share(self, inputs: FitInputs, asked: UnitQuestions, part: Part) -> Share | None:
        """A share of the targets, for `answer` to take; None where none can be given.

        Parameters
        ----------
        inputs, asked : as of `answer`, of the whole unit.
        part : of the targets.
        """


class NestedRidge:
    """Ridge and banded ridge in nested folds, with tests and intervals."""

    def prepare_design(self, design: Design) -> Design:
        """As it is."""
        return design

    def answer(self, inputs: FitInputs, asked: UnitQuestions, shares: Sequence[Share] = ()) -> UnitAnswers:
        """All unions that the questions need, in one stream, with inference where it is asked for.

        Parameters
        ----------
        inputs : what the questions are about.
        asked : what is asked beside the partition of its feature groups.
        shares : of targets that were fitted elsewhere; one of another device than this one's is not used.
        """

        def attempt(context: FitContext) -> UnitAnswers:
            """Fit on one device."""
            stream = _Stream(inputs, asked, context.device)
            return stream.answers(
                encoding.fit_all(inputs.design, stream.questions, inputs.spec, context, shares=shares)
            )

        answers, warnings = inputs.with_backoff(attempt)
        return replace(answers, main=answers.main.with_warnings(warnings))

    def share(self, inputs: FitInputs, asked: UnitQuestions, part: Part) -> Share | None:
        """A share of the targets; none where a GPU's memory does not do for it.

        Parameters
        ----------
        inputs, asked : as of `answer`, of the whole unit.
        part : of the targets.
        """

        def attempt(context: FitContext) -> Share | None:
            """Fit on the device that was asked for, which is that of all other shares."""
            if context.device != inputs.context.device:
                return None
            stream = _Stream(inputs, asked, context.device)
            return encoding.fit_share(inputs.design, stream.questions, inputs.spec, context, part)

        return inputs.with_backoff(attempt)[0]


class _Stream:
    """All that is asked of a unit, as questions to one stream of fits on a device."""

    def __init__(self, inputs: FitInputs, asked: UnitQuestions, device: str) -> None:
        self._names, self._kept = tuple(asked.extra), None
        if asked.keeping is not None:
            unions = encoding.unions_of(tuple(inputs.groups))
            labels = None if inputs.blocks is None else inputs.blocks.labels
            self._kept = KeptModels(inputs.design, inputs.groups, unions, replace(asked.keeping, labels=labels))
        self._main = _PartitionQuestion(inputs, inputs.groups, asked.averaging, device, self._kept)
        # targets that the main partition predicts reliably: the others average over them too
        averaging = asked.averaging.over(self._main.averages.sets.get(RELIABLE))
        apart = replace(averaging, compares=False)
        self._extra = [_PartitionQuestion(inputs, groups, apart, device) for groups in asked.extra.values()]
        self._controls = self._alone = None
        if asked.controls:
            self._controls = ControlsQuestion(inputs.design, asked.controls, inputs.inference, device)
        if asked.models:
            self._alone = _ModelsAlone(inputs, asked.models, averaging, device)

    @property
    def questions(self) -> list[Question]:
        """All of them; the main partition's first, as others average over what it predicts reliably."""
        every = (self._main, *self._extra, self._controls, self._alone)
        return [one.question for one in every if one is not None]

    def answers(self, of_questions: Sequence[Fit]) -> UnitAnswers:
        """What the fits of all questions say."""
        fits = iter(of_questions)
        first, *others = (one.fitted(next(fits)) for one in (self._main, *self._extra))
        return UnitAnswers(
            first,
            dict(zip(self._names, others, strict=True)),
            NO_CONTROLS if self._controls is None else self._controls.results(next(fits)),
            None if self._alone is None else self._alone.averages.averaged(),
            None if self._kept is None else self._kept.saved(),
        )


class _PartitionQuestion:
    """All unions of some feature groups, as `encoding.fit_all` is asked for them: scores, averages, partial
    correlations, and tests where they are asked for."""

    def __init__(
        self, inputs: FitInputs, groups: Groups, averaging: Averaging, device: str, kept: KeptModels | None = None
    ) -> None:
        unions = encoding.unions_of(tuple(groups))
        self.averages = _make_averages(inputs, unions, averaging, device)
        self._additions = Additions(unions, partition_components(tuple(groups)), groups, inputs.design)
        self._has_ceiling = averaging.ceiling is not None
        beside = [] if kept is None else [kept]
        observer, plan = ObserverGroup([self.averages, self._additions, *beside]), inputs.inference
        self._tested = None if plan is None else TestedQuestion(inputs.design, groups, plan, device, observer)
        self.question = Question(groups, observer=observer) if self._tested is None else self._tested.question

    def fitted(self, fit: Fit) -> FittedPartition:
        """The partition, of its fit."""
        return FittedPartition(
            fit,
            None if self._tested is None else self._tested.result(),
            self.averages.averaged(),
            self.averages.sets,
            self._has_ceiling,
            self._additions.partial_r(),
        )


class _ModelsAlone:
    """Models of a group each, of which nothing but averages is asked."""

    def __init__(self, inputs: FitInputs, models: Groups, averaging: Averaging, device: str) -> None:
        unions = [(name,) for name in models]
        self.averages = _make_averages(inputs, unions, averaging, device)
        self.question = Question(models, FitOptions(unions), self.averages)


class PublishedRidge:
    """The published code of Chen et al. (2024), without test or interval."""

    def prepare_design(self, design: Design) -> Design:
        """In five contiguous folds. Raises CannotFit where there are too few rows."""
        return encoding.published_design(design)

    def answer(self, inputs: FitInputs, asked: UnitQuestions, shares: Sequence[Share] = ()) -> UnitAnswers:
        """All models that the published code fits, without inference: it has partitions alone.

        Parameters
        ----------
        inputs : what the questions are about.
        asked : further partitions, and sets of targets; the ceiling of these is not used.
        shares : none are given.
        """
        main = self._fit_partition(inputs, inputs.groups, asked.averaging)
        extra = {name: self._fit_partition(inputs, groups, asked.averaging) for name, groups in asked.extra.items()}
        return UnitAnswers(main, extra)

    def share(self, inputs: FitInputs, asked: UnitQuestions, part: Part) -> Share | None:
        """None: a target takes next to no time.

        Parameters
        ----------
        inputs, asked, part : as of `Solver.share`.
        """
        return None

    def _fit_partition(self, inputs: FitInputs, groups: Groups, averaging: Averaging) -> FittedPartition:
        def attempt(context: FitContext) -> tuple[Fit, Averaged]:
            """Fit on one device."""
            return encoding.fit_published(inputs.design, groups, inputs.spec, averaging.sets, context)

        (fit, averages), warnings = inputs.with_backoff(attempt)
        fitted = FittedPartition(fit, None, averages, averaging.sets, has_ceiling=False)
        return fitted.with_warnings(warnings)


def choose_solver(spec: FitSpec) -> Solver:
    """By what the solver can do."""
    return NestedRidge() if SOLVERS[spec.solver].fits_in_folds else PublishedRidge()


def _make_averages(inputs: FitInputs, unions: Sequence[Union], averaging: Averaging, device: str) -> Averages:
    """An observer of one question's unions, the full one last, which averages over sets of targets."""
    compared = encoding.singles(unions) if averaging.compares else ()
    labels = None if inputs.blocks is None else inputs.blocks.labels
    ceiling = averaging.ceiling if compared else None
    plan = AveragingPlan(inputs.design.folds, averaging.sets, labels, ceiling)
    return Averages(unions, compared, plan, device)
