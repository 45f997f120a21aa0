"""One unit, from its recordings to its result: loaded, fitted and partitioned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from bids_app import encoding
from bids_app.errors import DataError, OutOfMemory
from bids_app.execution import Unit
from bids_app.pipeline.job.job import Job
from bids_app.pipeline.runs import word_epochs
from bids_app.pipeline.runs.load_runs import Checks, Loaded, load_runs
from bids_app.pipeline.runs.noise_ceiling import noise_ceiling_from_repeats
from bids_app.pipeline.runs.shared_runs import Shared, mean_response_of
from bids_app.pipeline.runs.word_bands import project
from bids_app.pipeline.unit.context_leakage import contexts
from bids_app.pipeline.unit.controls import controls_provenance, fit_controls
from bids_app.pipeline.unit.layers import with_layers
from bids_app.pipeline.unit.model_pair import MAIN, REFERENCES, ModelPairCollector, references
from bids_app.pipeline.unit.provenance import at_edge, dead_targets, inference_provenance, provenance, told
from bids_app.records import (
    Array,
    ControlResults,
    Design,
    EpochSpec,
    Excluded,
    Fit,
    InferenceResult,
    Partition,
    Run,
    UnitResult,
    partition_components,
)


def fit_unit(job: Job, unit: Unit, checks: Checks, unused: tuple[Excluded, ...], key: str) -> UnitResult:
    """Read, align, clean, fit and partition one unit. Raises DataError where nothing of it can be used."""
    loaded = load_runs(job, unit)
    ceiling = (
        (None, "none: not computed where rows are words")
        if job.analysis.design_spec(unit.modality).epoch
        else noise_ceiling_from_repeats(loaded.runs, loaded.recordings, loaded.period_s)
    )
    return _fit_runs(job, unit, loaded, checks, unused, key, ceiling)


def _fit_runs(
    job: Job,
    unit: Unit,
    loaded: Loaded,
    checks: Checks,
    unused: tuple[Excluded, ...],
    key: str,
    ceiling: tuple[encoding.Ceiling | None, str],
) -> UnitResult:
    design_spec = job.analysis.design_spec(unit.modality)
    purge_s = (
        encoding.epoch_purge_s(loaded.runs, design_spec.epoch, loaded.period_s)
        if design_spec.epoch
        else encoding.purge_length_s(loaded.runs, design_spec.delays_s, loaded.period_s)
    )
    pca = {name: spec.pca for name, spec in job.specs.items()}
    fit_spec = job.analysis.fit_spec()
    try:
        design = encoding.build_design(loaded.runs, fit_spec.outer, design_spec.delays_s, pca, purge_s)
        if not design.usable.any():
            raise DataError("no target varies: every one is constant or has missing samples", unit.stem)
        design = encoding.published_design(design) if fit_spec.solver == "chen2024" else design
        mem_mb = _left_mb(job, loaded.runs)
        design, layers = with_layers(job, design, loaded.spaces, design_spec.epoch, mem_mb)
        design, subspace = project(job, loaded.runs, design)
        blocks = _blocks(job, unit, design)
        answers = _answers(design, loaded, ceiling[0], design_spec.epoch, blocks)
        fit, tests = _fit(job, unit, design, MAIN, job.analysis.groups, mem_mb, blocks, answers)
        further = {
            one.name: _fit(job, unit, design, one.name, one.groups, mem_mb, blocks, answers)
            for one in job.analysis.extra_partitions
        }
        asked = job.analysis.inference_spec(unit.modality)
        beside = fit_controls(job, design, loaded.baseline, asked, blocks, mem_mb)
        if held := references(job.analysis.between, job.analysis.groups, beside):
            _fit_alone(job, design, held, mem_mb, answers)
    except MemoryError as error:
        raise OutOfMemory(str(error), unit.stem, "raise --mem-mb, or fit fewer spaces at a time") from error
    except ValueError as error:  # encoding knows arrays alone: folds that cannot be made
        raise DataError(str(error), unit.stem, "record longer, or ask for fewer folds: fit: outer, inner") from error
    partition, lags, usable = _joined(job, fit, tests, further, beside), None, design.usable
    disagree = encoding.disagreements(partition)
    if design_spec.epoch:
        partition, lags = word_epochs.by_lag(partition, design_spec.epoch)
        fit, usable = (
            word_epochs.of_summary(fit, design_spec.epoch),
            np.isfinite(partition.values["full"]["rsquared"]),
        )
    dead = [name for name, alive in zip(loaded.targets.names, usable, strict=True) if not alive]
    return UnitResult(
        stem=unit.stem,
        participant=unit.participant,
        modality=unit.modality,
        space=unit.space,
        targets=loaded.targets,
        partition=_with_ceiling(partition, ceiling[0]),
        fit=fit,
        lags=lags,
        responsive=loaded.responsive,
        recordings=loaded.recordings,
        excluded=(*unused, *loaded.excluded),
        checks=tuple(row for recording in loaded.recordings for row in checks.get(recording.label, ())),
        warnings=(
            *loaded.warnings,
            *dead_targets(dead),
            *at_edge({MAIN: fit, **{name: one for name, (one, _) in further.items()}}),
            *encoding.small_sample_bias_warnings(design, fit, job.analysis.groups),
            *told([(fit, tests), *further.values()], layers.values()),
            *beside.warnings,
            *disagree,
        ),
        provenance={
            **provenance(job, unit, loaded, design.purge_s, key),
            "inference": inference_provenance(job, tests),
            "beside": controls_provenance(job, beside, loaded.baseline),
            "contexts": contexts(job, loaded.recordings, design),
        },
        subspace=subspace,
        layers=layers,
        ceiling=ceiling[1],
        findings=answers.findings(job.analysis.between),
    )


def _with_ceiling(partition: Partition, ceiling: encoding.Ceiling | None) -> Partition:
    """The full model's score beside the ceiling, and as a share of it."""
    if ceiling is None:
        return partition
    full = partition.values["full"]
    stats = {"ceiling": ceiling.explainable, "share": encoding.share(full["rsquared"], ceiling)}
    return replace(partition, values={**partition.values, "full": {**full, **stats}})


def _joined(
    job: Job,
    fit: Fit,
    tests: InferenceResult | None,
    further: Mapping[str, tuple[Fit, InferenceResult | None]],
    beside: ControlResults,
) -> Partition:
    """The partition, the components of the further ones under names of their own, and those beside them."""
    extra = job.analysis.extra_partitions
    values = {**encoding.partition(fit, tests, job.analysis.groups).values}
    for one in extra:
        own = encoding.partition(*further[one.name], one.groups)
        for component in partition_components(own.groups, one.name):
            values[component.label] = own.values[replace(component, partition="").label]
    return Partition(tuple(job.analysis.groups), {**values, **beside.values}, extra, beside.components)


def _blocks(job: Job, unit: Unit, design: Design) -> encoding.Blocks | None:
    """Blocks of time that all tests and intervals of a unit share, where inference is asked for."""
    asked = job.analysis.inference_spec(unit.modality)
    if asked is None:
        return None
    spec, least_s = job.analysis.fit_spec(), asked.block_s

    def run(context: encoding.FitContext) -> encoding.Blocks:
        return encoding.data_blocks(design, job.analysis.groups, spec, least_s, context)

    return encoding.with_backoff(run, encoding.FitContext(job.options.models.device))[0]


def _answers(
    design: Design,
    loaded: Loaded,
    ceiling: encoding.Ceiling | None,
    epoch: EpochSpec | None,
    blocks: encoding.Blocks | None,
) -> ModelPairCollector:
    """Where everything that is asked about two models is gathered."""
    explainable = None if ceiling is None else np.asarray(ceiling.explainable)
    n_windows = len(epoch.windows_s) if epoch else 1
    return ModelPairCollector(
        design, n_windows, loaded.responsive, explainable, None if blocks is None else blocks.labels
    )


def _fit(
    job: Job,
    unit: Unit,
    design: Design,
    name: str,
    units: Mapping[str, Sequence[str]],
    mem_mb: int | None,
    blocks: encoding.Blocks | None,
    answers: ModelPairCollector,
) -> tuple[Fit, InferenceResult | None]:
    """One partition, with inference where it is asked for, of which `answers` hear; on the CPU where a GPU's memory
    does not do."""
    spec, asked = job.analysis.fit_spec(), job.analysis.inference_spec(unit.modality)
    unions = encoding.unions_of(tuple(units))

    def run(context: encoding.FitContext) -> tuple[Fit, InferenceResult | None]:
        """One attempt, on this device and within this memory."""
        if spec.solver == "chen2024":
            fit, averaged = encoding.fit_published(design, units, spec, answers.sets(name), context)
            answers.add(name, averaged)
            return fit, None
        observer = answers.observer(name, unions, context.device)
        if asked is None:
            return encoding.fit(design, units, spec, context, observer=observer), None
        plan = encoding.InferencePlan(asked, blocks)
        return encoding.fit_and_infer(design, units, spec, plan, context, observer)

    (fit, tests), warnings = encoding.with_backoff(run, encoding.FitContext(job.options.models.device, mem_mb))
    return replace(fit, warnings=(*fit.warnings, *warnings)), tests


def _fit_alone(
    job: Job, design: Design, units: Mapping[str, Sequence[str]], mem_mb: int | None, answers: ModelPairCollector
) -> None:
    """Each unit alone, for the agreement of their predictions."""
    unions, spec = [(unit,) for unit in units], job.analysis.fit_spec()

    def run(context: encoding.FitContext) -> Fit:
        observer = answers.observer(REFERENCES, unions, context.device)
        return encoding.fit(design, units, spec, context, encoding.FitOptions(unions), observer)

    encoding.with_backoff(run, encoding.FitContext(job.options.models.device, mem_mb))


def _left_mb(job: Job, runs: Sequence[Run]) -> int | None:
    """What --mem-mb leaves for the fit beside the runs, which stay in memory."""
    held = sum(run.Y.nbytes + sum(band.nbytes for band in run.bands.values()) for run in runs)
    return None if job.options.mem_mb is None else max(1, job.options.mem_mb - round(held / 1e6))


def fit_mean_response(job: Job, stem: str, shared: Shared, checks: Checks) -> tuple[UnitResult, Array]:
    """The same for the mean response of several people; and (n_targets,) how many people each target's is of."""
    joined, n_people = mean_response_of(shared)
    first = shared.units[0]
    mean = Unit(stem, "group", first.modality, first.kind, first.space, joined.recordings)
    ceiling = (None, "none: not computed for a mean response")
    return _fit_runs(job, mean, joined, checks, (), "", ceiling), n_people
