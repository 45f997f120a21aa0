"""One unit, from its recordings to its result: loaded, fitted and partitioned; or a share of its targets, fitted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from bids_app import encoding
from bids_app.boundary import boundary
from bids_app.encoding import FitContext, Share
from bids_app.errors import DataError, OutOfMemory
from bids_app.execution import FIT, PREPARED
from bids_app.execution.cost import pace
from bids_app.pipeline.job.job import Job
from bids_app.pipeline.job.stimulus_library import StimulusLibrary
from bids_app.pipeline.runs.load_runs import LoadedRuns, load_runs
from bids_app.pipeline.runs.rows import Rows, choose_rows
from bids_app.pipeline.runs.shared_runs import SharedResponses, mean_response_of
from bids_app.pipeline.runs.subspace_cache import SubspaceCache
from bids_app.pipeline.runs.word_bands import project
from bids_app.pipeline.unit.controls import asked_controls, with_control_bands, with_leaks
from bids_app.pipeline.unit.fit_inputs import FitInputs
from bids_app.pipeline.unit.fitted import FittedUnit
from bids_app.pipeline.unit.layers import with_layers
from bids_app.pipeline.unit.model_pair import control_models, first_averaging
from bids_app.pipeline.unit.result import unit_result
from bids_app.pipeline.unit.solvers import Solver, UnitQuestions, choose_solver
from bids_app.pipeline.unit.task import UnitTask
from bids_app.pipeline.watching.expected import Shapes, fit_seconds
from bids_app.records import Array, Design, LayerScores, Modality, Run, SharedSubspace, UnitResult

NO_CEILING_OF_MEAN = "none: not computed for a mean response"


def fit_unit(task: UnitTask, job: Job, library: StimulusLibrary, cache: SubspaceCache) -> UnitResult:
    """Read, align, clean, fit and partition one unit.

    Parameters
    ----------
    task : the unit, and what preflight knows of it.
    job : what the run was asked for.
    library : stimuli and their features.
    cache : shared subspaces that were fitted already; added to.

    Raises
    ------
    DataError : where nothing of it can be used, or the data do not allow the fit.
    OutOfMemory : where it needs more than it is given.
    """
    rows, loaded = _load(task, job, library)
    return _fit_runs(task, job, rows, loaded, cache, rows.settings.response.residualise_features is not False)


def fit_share(task: UnitTask, job: Job, library: StimulusLibrary, cache: SubspaceCache) -> Share | None:
    """The part of a unit's targets that the task names, fitted and tested for another process's task of the unit.

    Parameters
    ----------
    task, job, library, cache : as of `fit_unit`.

    Returns
    -------
    The share; None where there is none of this part, or by this solver.

    Raises
    ------
    DataError, OutOfMemory : as of `fit_unit`.
    """
    rows, loaded = _load(task, job, library)
    residualise = rows.settings.response.residualise_features is not False
    if task.part is None:
        return None
    with _expected_errors(task.unit.stem):
        ready = _prepare(task, job, rows, loaded, cache, residualise)
        with task.stages.at(FIT):
            return ready.solver.share(ready.inputs, ready.asked, task.part)


def _load(task: UnitTask, job: Job, library: StimulusLibrary) -> tuple[Rows, LoadedRuns]:
    rows = choose_rows(job, library, task.unit.modality)
    loaded = load_runs(task.unit, rows, task.stages)
    ceiling, words = rows.noise_ceiling(loaded.runs, loaded.recordings, loaded.period_s)
    return rows, replace(loaded, ceiling=ceiling, ceiling_in_words=words)


def fit_mean_response(
    task: UnitTask, job: Job, rows: Rows, shared: SharedResponses, cache: SubspaceCache
) -> tuple[UnitResult, Array]:
    """The same for the mean response of several participants.

    Parameters
    ----------
    task : a unit without recordings, named for the group.
    job : what the run was asked for.
    rows : what a row of the design is.
    shared : the participants' responses.
    cache : shared subspaces that were fitted already; added to.

    Returns
    -------
    The result, and (n_targets,) how many participants each target's mean is of.
    """
    loaded, n_participants = mean_response_of(shared)
    task = replace(task, unit=replace(task.unit, recordings=loaded.recordings))
    # a mean has lost of each participant's nuisance but a part: there is nothing that features could lose as it did
    loaded = replace(loaded, ceiling_in_words=NO_CEILING_OF_MEAN)
    return _fit_runs(task, job, rows, loaded, cache, residualise=False), n_participants


@dataclass(frozen=True)
class _Ready:
    """All that is asked of a unit, before it is fitted: of `inputs`, whose design has the bands of controls too, and
    of the design without them."""

    solver: Solver
    inputs: FitInputs
    asked: UnitQuestions
    design: Design
    layers: dict[str, LayerScores]
    subspace: SharedSubspace | None


def _fit_runs(
    task: UnitTask, job: Job, rows: Rows, loaded: LoadedRuns, cache: SubspaceCache, residualise: bool
) -> UnitResult:
    """Runs → design → fits → partitions → result. Raises DataError and OutOfMemory."""
    with _expected_errors(task.unit.stem):
        ready = _prepare(task, job, rows, loaded, cache, residualise)
        # its own stages, and what is made of them at the end
        with task.opened_shares() as shares, task.stages.at(FIT):
            answers = ready.solver.answer(ready.inputs, ready.asked, shares)
    controlled = with_leaks(answers.controls, job.analysis.inference.fdr)
    fitted = FittedUnit(
        ready.design, answers.main, answers.extra, controlled, answers.alone, ready.layers, ready.subspace,
        answers.saved,
    )  # fmt: skip
    return unit_result(task, job, rows, loaded, fitted)


def _prepare(
    task: UnitTask, job: Job, rows: Rows, loaded: LoadedRuns, cache: SubspaceCache, residualise: bool
) -> _Ready:
    """Runs → design → what is asked of it. Raises DataError, CannotFit and MemoryError."""
    analysis, unit, stages = job.analysis, task.unit, task.stages
    solver = choose_solver(analysis.fit_spec())
    inputs = FitInputs(
        solver.prepare_design(_build_design(unit.stem, job, rows, loaded, residualise)),
        analysis.groups,
        analysis.fit_spec(),
        analysis.inference_spec(unit.modality),
        FitContext(job.options.models.device, _left_mb(job.options.mem_mb, loaded.runs), watch=stages.advance),
    )
    design, layers = with_layers(inputs, rows, loaded.spaces)
    with stages.at(PREPARED):
        design, subspace = project(design, loaded.runs, analysis, cache)
        inputs = replace(inputs, design=design)
        inputs = replace(inputs, blocks=inputs.make_blocks())
    with boundary(lambda error: None):  # a fault of the estimate costs no unit
        known = fit_seconds(_shapes(unit.modality, design, rows, task.fitted_here), job, pace())
        stages.expect(known if task.fitted_here else dict.fromkeys(known, 0.0))  # no longer as foreseen
    controls = asked_controls(design, analysis, loaded.baseline)
    asked = UnitQuestions(
        first_averaging(design.usable, rows.n_windows, loaded.responsive, loaded.ceiling),
        {one.name: one.groups for one in analysis.extra_partitions},
        controls,
        control_models(analysis.compared_models, inputs.groups, controls),
        task.keeping(rows.n_windows),
    )
    inputs = replace(inputs, design=with_control_bands(design, controls))
    return _Ready(solver, inputs, asked, design, layers, subspace)


def _shapes(modality: Modality, design: Design, rows: Rows, share: float) -> Shapes:
    """Of the share of the targets that is fitted."""
    n_times, n_targets = len(design.Y), round(share * int(design.usable.sum())) // rows.n_windows
    heard_s = sum(float(np.ptp(design.times_s[design.runs == run])) for run in np.unique(design.runs))
    return Shapes(modality, n_times, n_targets, len(np.unique(design.folds)), heard_s)


def _build_design(stem: str, job: Job, rows: Rows, loaded: LoadedRuns, residualise: bool) -> Design:
    """Runs stacked, in outer folds. Raises CannotFit, and DataError where there is nothing to predict."""
    purge_s = rows.purge_s(loaded.runs, loaded.period_s)
    pca = {name: spec.pca for name, spec in job.specs.items()}
    delays_s = rows.settings.design.delays_s
    outer = job.analysis.fit_spec().outer
    design = encoding.build_design(loaded.runs, outer, delays_s, pca, purge_s, residualise)
    if not design.usable.any():
        raise DataError("no target varies: every one is constant or has missing samples", stem)
    return design


def _left_mb(mem_mb: int | None, runs: Sequence[Run]) -> int | None:
    """What --mem-mb leaves for the fit beside the runs, which stay in memory."""
    taken = sum(run.Y.nbytes + sum(band.nbytes for band in run.bands.values()) for run in runs)
    return None if mem_mb is None else max(1, mem_mb - round(taken / 1e6))


@contextmanager
def _expected_errors(stem: str) -> Iterator[None]:
    """What encoding raises where a unit cannot be fitted, with what to do about it."""
    try:
        yield
    except MemoryError as error:
        raise OutOfMemory(str(error), stem, "raise --mem-mb, or fit fewer spaces at a time") from error
    except encoding.CannotFit as error:
        raise DataError(error.message, stem, error.hint) from error
