"""Solvers as strategies: how the design is prepared, and how one partition of it is fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from bids_app import encoding
from bids_app.encoding import Additions, Averaged, Averages, AveragingPlan, FitContext, ObserverGroup
from bids_app.pipeline.unit.fit_inputs import FitInputs
from bids_app.records import SOLVERS, Array, Design, Fit, FitSpec, InferenceResult, partition_components

Groups = Mapping[str, Sequence[str]]


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


class Solver(Protocol):
    """What one of `records.SOLVERS` does."""

    def prepare_design(self, design: Design) -> Design:
        """The design with the folds that the solver asks for."""

    def fit_partition(self, inputs: FitInputs, groups: Groups, averaging: Averaging) -> FittedPartition:
        """All unions of some feature groups, with inference where it is asked for.

        Parameters
        ----------
        inputs : what all fits of the unit share.
        groups : feature group → its bands.
        averaging : sets of targets that scores are averaged over.
        """


class NestedRidge:
    """Ridge and banded ridge in nested folds, with tests and intervals."""

    def prepare_design(self, design: Design) -> Design:
        """As it is."""
        return design

    def fit_partition(self, inputs: FitInputs, groups: Groups, averaging: Averaging) -> FittedPartition:
        """All unions of some feature groups, with inference where it is asked for.

        Parameters
        ----------
        inputs : what all fits of the unit share.
        groups : feature group → its bands.
        averaging : sets of targets that scores are averaged over.
        """
        unions, plan = encoding.unions_of(tuple(groups)), inputs.inference

        def attempt(context: FitContext) -> tuple[Fit, InferenceResult | None, Averages, Additions]:
            """Fit on one device, with inference where it is asked for."""
            averages = make_averages(inputs, unions, averaging, context.device)
            additions = Additions(unions, partition_components(tuple(groups)), groups, inputs.design)
            observer = ObserverGroup([averages, additions])
            if plan is None:
                fit = encoding.fit(inputs.design, groups, inputs.spec, context, observer=observer)
                return fit, None, averages, additions
            fit, result = encoding.fit_and_infer(inputs.design, groups, inputs.spec, plan, context, observer)
            return fit, result, averages, additions

        (fit, result, averages, additions), warnings = inputs.with_backoff(attempt)
        return FittedPartition(
            replace(fit, warnings=(*fit.warnings, *warnings)),
            result,
            averages.averaged(),
            averages.sets,
            averaging.ceiling is not None,
            additions.partial_r(),
        )


class PublishedRidge:
    """The published code of Chen et al. (2024), without test or interval."""

    def prepare_design(self, design: Design) -> Design:
        """In five contiguous folds. Raises CannotFit where there are too few rows."""
        return encoding.published_design(design)

    def fit_partition(self, inputs: FitInputs, groups: Groups, averaging: Averaging) -> FittedPartition:
        """All models that the published code fits, without inference.

        Parameters
        ----------
        inputs : what all fits of the unit share.
        groups : feature group → its bands.
        averaging : sets of targets that scores are averaged over; its ceiling is not used.
        """

        def attempt(context: FitContext) -> tuple[Fit, Averaged]:
            """Fit on one device."""
            return encoding.fit_published(inputs.design, groups, inputs.spec, averaging.sets, context)

        (fit, averages), warnings = inputs.with_backoff(attempt)
        return FittedPartition(
            replace(fit, warnings=(*fit.warnings, *warnings)), None, averages, averaging.sets, has_ceiling=False
        )


def choose_solver(spec: FitSpec) -> Solver:
    """By what the solver can do."""
    return NestedRidge() if SOLVERS[spec.solver].fits_in_folds else PublishedRidge()


def make_averages(
    inputs: FitInputs, unions: Sequence[tuple[str, ...]], averaging: Averaging, device: str
) -> Averages:
    """An observer of one fit, which averages over sets of targets.

    Parameters
    ----------
    inputs : what all fits of the unit share.
    unions : of the fit, the full one last.
    averaging : sets of targets.
    device : where the fit runs.
    """
    compared = encoding.singles(unions) if averaging.compares else ()
    labels = None if inputs.blocks is None else inputs.blocks.labels
    ceiling = averaging.ceiling if compared else None
    plan = AveragingPlan(inputs.design.folds, averaging.sets, labels, ceiling)
    return Averages(unions, compared, plan, device)
