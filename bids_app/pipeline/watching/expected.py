"""What a unit of work should take, in time, memory and on disk, before it begins: from headers and settings alone."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bids_app.execution import FEATURES, PREPARED, RESPONSES, Unit
from bids_app.execution.cost import (
    Asked,
    FitSize,
    cores,
    distinct_candidates,
    fit_cost,
    fit_mb,
    read_s,
    written_mb,
)
from bids_app.execution.shares import UnitCost
from bids_app.pipeline.job.enough import BLOCKS, linked
from bids_app.pipeline.job.job import Job
from bids_app.pipeline.job.models import CheckedModels
from bids_app.records import (
    LAYERS_STAGE,
    SHARED_GROUP,
    SOLVERS,
    FeatureSpec,
    Modality,
    PlayingAlignment,
    RecordingAccount,
    has_layers,
    own_band,
    rest_band,
)

WIDTH, PHONETIC, MOTION_WIDTH, SHARED = 768, 22, 6, 20  # dimensions of what only a file, a model or the data say
MODELS = ("speech_model", "language_model", "word_embedding", "file")
WORD_S, STORED = 0.4, 2.0  # of speech; bytes of a value, packed
MODELS_MB = 450  # what libraries of models take beside those of fits
ACCELERATORS = ("/dev/nvidia0", "/dev/kfd")
N_LAYERS = 13  # of a model, where all are asked for
CELL_BYTES = 4  # of an array that is kept
SHARED_TARGETS = 2048  # of a block at most, as `encoding/ridge/batches.py` has them: a share has whole ones
WORKING_FILES = {"predictions", "weights"}  # that are saved lie in files as large as the unit, in each process
OF_ALL = (PREPARED, LAYERS_STAGE)  # stages of a fit in which whoever fits a share of the targets sees to all of them
LEAST_BLOCK_S, MOST_BLOCKS = 60.0, 64  # of tests: as long as smooth responses ask for, and how many there are at most


@dataclass(frozen=True)
class Expected:
    """What a unit should take.

    Parameters
    ----------
    seconds : by stage; none where they are not known: rates of GPUs are not.
    memory_mb : of the process at most, in MB (10⁶ bytes).
    disk_mb : that is written.
    """

    seconds: Mapping[str, float]
    memory_mb: float
    disk_mb: float


@dataclass(frozen=True)
class FeatureWork:
    """Features that would be computed.

    Parameters
    ----------
    spaces : their names, with the seconds of each stimulus.
    seconds : that they take, as far as it is known.
    loads_models : whether models are loaded for them.
    """

    spaces: Mapping[str, Sequence[float]]
    seconds: float
    loads_models: bool

    @classmethod
    def of(cls, spaces: Mapping[str, Sequence[float]], models: CheckedModels) -> FeatureWork:
        """That of some spaces, by what is known of their models."""
        return cls(spaces, models.seconds(spaces), bool(models.of_models & {*spaces}))

    def mb(self, specs: Mapping[str, FeatureSpec]) -> float:
        """What they take on disk, in MB (10⁶ bytes).

        Parameters
        ----------
        specs : of all spaces.
        """
        return sum(sum(each) * _bytes_a_second(specs[name]) for name, each in self.spaces.items()) / 1e6


@dataclass(frozen=True)
class Shapes:
    """What the cost of a unit's fit hangs on, beside the analysis.

    Parameters
    ----------
    modality : of its responses.
    n_times, n_targets : rows of the design, and responses (of windows around words: without their number).
    n_outer : outer folds.
    heard_s : seconds of stimuli that are heard.
    """

    modality: Modality
    n_times: int
    n_targets: int
    n_outer: int
    heard_s: float


def expected(
    unit: Unit,
    accounts: Sequence[RecordingAccount],
    n_targets: int,
    made: FeatureWork,
    job: Job,
    slower: float,
    here: float = 1.0,
) -> Expected:
    """What a unit should take on this machine.

    Parameters
    ----------
    unit : recordings that are fitted together.
    accounts : of each of them.
    n_targets : that a recording has, and vary.
    made : features that would be computed for it.
    job : what the run was asked for.
    slower : this machine's core, as of `cost.pace`.
    here : share of the targets that is still to be fitted, as others have fitted the rest: of 0 to 1.
    """
    shapes, n_bytes = _shapes_of(unit, accounts, n_targets, job), _n_bytes(unit)
    size = fit_size(shapes, job)
    whole = fit_seconds(shapes, job, slower)
    own = whole if here == 1 else fit_seconds(replace(shapes, n_targets=round(here * n_targets)), job, slower)
    known = {name: whole[name] if name in OF_ALL else own[name] for name in whole if here or name in OF_ALL}
    before = {RESPONSES: read_s(n_bytes) * slower, FEATURES: made.seconds}
    return Expected(
        {**before, **known} if known else {},
        fit_mb(size, n_bytes, job.options.mem_mb) + (MODELS_MB if made.loads_models else 0),
        written_mb(size) + made.mb({**job.specs, **job.baseline_specs}) + saved_mb(shapes, job),
    )


def unit_cost(
    unit: Unit, accounts: Sequence[RecordingAccount], n_targets: int, job: Job, slower: float
) -> UnitCost | None:
    """What of a unit is done once a target, and what whoever fits a share of its targets repeats; features excepted.

    Parameters
    ----------
    unit, accounts, n_targets, job, slower : as of `expected`.

    Returns
    -------
    None where it is not known, as of GPUs, or where the unit is not shared out: of the solver `chen2024`, a target
    takes next to no time; where predictions or weights are saved, each share would need the room of all of them.
    """
    shapes = _shapes_of(unit, accounts, n_targets, job)
    whole, without = (fit_seconds(each, job, slower) for each in (shapes, replace(shapes, n_targets=0)))
    if not whole or not SOLVERS[job.analysis.fit.solver].fits_in_folds or WORKING_FILES & {*job.save}:
        return None
    return UnitCost(
        before_s=read_s(_n_bytes(unit)) * slower + sum(whole.get(name, 0.0) for name in OF_ALL),
        again_s=sum(seconds for name, seconds in without.items() if name not in OF_ALL),
        targets_s=sum(seconds - without[name] for name, seconds in whole.items() if name not in OF_ALL),
        most=-(-fit_size(shapes, job).n_targets // SHARED_TARGETS),
    )


def _shapes_of(unit: Unit, accounts: Sequence[RecordingAccount], n_targets: int, job: Job) -> Shapes:
    return Shapes(
        unit.modality,
        max(1, round(sum(_n_rows(unit, account, job) for account in accounts))),
        n_targets,
        _n_folds(job.analysis.fit.outer, unit),
        sum(map(_heard_s, accounts)),
    )


def _n_bytes(unit: Unit) -> int:
    return sum(path.stat().st_size for recording in unit.recordings for path in recording.paths if path.exists())


def saved_mb(shapes: Shapes, job: Job) -> float:
    """What is kept of a unit's models beside their scores, in MB (10⁶ bytes), with its working files.

    Parameters
    ----------
    shapes, job : of the unit, and what the run was asked for.
    """
    analysis, design = job.analysis, job.analysis.design_spec(shapes.modality)
    n_columns = sum((1 if design.epoch else len(design.delays_s)) * _dims(job)[band] for band in analysis.spaces)
    n_unions, n_bands = (1 << len(analysis.groups)) - 1, len(analysis.spaces)
    n_cells = {
        "predictions": 2 * shapes.n_times,
        "weights": n_columns * shapes.n_outer,
        "alphas": n_unions * shapes.n_outer * (2 + n_bands),
        "blocks": 2 * (1 + n_unions) * fit_size(shapes, job).n_blocks,
    }
    return 2.0 * CELL_BYTES * shapes.n_targets * sum(n_cells[what] for what in job.save) / 1e6


def fit_seconds(shapes: Shapes, job: Job, slower: float) -> dict[str, float]:
    """Seconds of each stage of a unit's fit on this machine's CPU; none where it runs elsewhere.

    Parameters
    ----------
    shapes, job : of the unit, and what the run was asked for.
    slower : this machine's core, as of `cost.pace`.
    """
    if not _on_cpu(job.options.models.device):
        return {}
    size = fit_size(shapes, job)
    share, layers = slower / cores(size, job.options.threads), _layers_size(size, job)
    known = {stage: cost_s * share for stage, cost_s in fit_cost(size).items()}
    return known if layers is None else {LAYERS_STAGE: sum(fit_cost(layers).values()) * share, **known}


def _layers_size(size: FitSize, job: Job) -> FitSize | None:
    """The fits of each layer alone, of spaces with several; None where there are none."""
    asked = [spec for spec in job.specs.values() if has_layers(spec.options)]
    counts = [N_LAYERS if spec.options["layer"] == "all" else len(spec.options["layer"]) for spec in asked]
    columns = [n * [size.n_columns // len(job.specs)] for n in counts]
    each = [width for widths in columns for width in widths]
    return replace(size, candidates=each, n_unions=len(each), n_blocks=0) if each else None


def _on_cpu(device: str) -> bool:
    """Whether fits run there, as far as can be told without torch, which a dry run does not import."""
    return device == "cpu" or (device == "auto" and not any(map(os.path.exists, ACCELERATORS)))


def fit_size(shapes: Shapes, job: Job) -> FitSize:
    """A unit's fit, with all that is asked of it.

    Parameters
    ----------
    shapes, job : of the unit, and what the run was asked for.
    """
    analysis, design = job.analysis, job.analysis.design_spec(shapes.modality)
    n_delays = 1 if design.epoch else len(design.delays_s)
    columns = {band: n_delays * n_dims for band, n_dims in _dims(job).items()}
    questions, tests = _questions(job, columns), analysis.inference_spec(shapes.modality)
    searched = SOLVERS[analysis.fit.solver].searches_bands
    return FitSize(
        n_times=shapes.n_times,
        n_targets=shapes.n_targets * (len(design.epoch.windows_s) if design.epoch else 1),
        n_outer=shapes.n_outer,
        n_inner=max(2, shapes.n_outer - 1 if analysis.fit.inner == "by_run" else int(analysis.fit.inner)),
        candidates=distinct_candidates(questions, analysis.fit.candidates if searched else 1),
        n_unions=sum(len(one.all_unions) for one in questions),
        n_columns=sum(columns.values()),
        n_blocks=0 if tests is None else _n_blocks(shapes.heard_s, tests.block_s),
    )


def _n_blocks(heard_s: float, least_s: float) -> int:
    return min(MOST_BLOCKS, max(1, round(heard_s / max(least_s, LEAST_BLOCK_S))))


def _questions(job: Job, columns: Mapping[str, int]) -> list[Asked]:
    """The partitions, and what is fitted beside them."""
    analysis = job.analysis
    groups = [analysis.groups, *(one.groups for one in analysis.extra_partitions)]
    unions = [union for component in analysis.all_controls for union, _ in component.terms]
    bands = {band: (band,) for union in unions for band in union if band in columns}
    controls = [tuple(band for band in union if band in columns) for union in unions]
    asked = [Asked(each, columns) for each in groups]
    return [*asked, Asked(bands, columns, [union for union in controls if union])] if bands else asked


def _dims(job: Job) -> dict[str, int]:
    """Dimensions of each band; what only a model or a file says is taken to be those of common models."""
    analysis = job.analysis
    dims = {name: _dims_of(spec) for name, spec in {**job.specs, **job.baseline_specs}.items()}
    subspace = analysis.shared_subspace
    if subspace is not None:
        dims[SHARED_GROUP] = subspace.components or SHARED
        dims |= {rest_band(name): dims.get(name, WIDTH) for name in subspace.between}
        dims |= {own_band(name): dims[SHARED_GROUP] for name in subspace.between}
    partitions = (analysis.groups, *(one.groups for one in analysis.extra_partitions))
    others = {band for groups in partitions for bands in groups.values() for band in bands} - {*dims}
    beside = {band for one in analysis.all_controls for union, _ in one.terms for band in union} - {*dims}
    return {**dims, **dict.fromkeys(others, WIDTH), **dict.fromkeys(beside, MOTION_WIDTH)}


def _dims_of(spec: FeatureSpec) -> int:
    return spec.pca or _stored_dims(spec)


def _stored_dims(spec: FeatureSpec) -> int:
    if spec.kind in MODELS:
        return WIDTH
    return int(spec.options.get("n_mels", PHONETIC if spec.kind == "articulatory" else 1))


def _bytes_a_second(spec: FeatureSpec) -> float:
    """Of stored features: float32 values and their times, by rows that are frames or words."""
    step_s = next((spec.options[name] for name in ("stride_s", "hop_s") if spec.options.get(name)), WORD_S)
    return (STORED * _stored_dims(spec) + 8) / step_s


def _n_folds(outer: str | int, unit: Unit) -> int:
    """Groups of runs that share no stimulus, or blocks."""
    n_groups = len({*linked(unit.recordings)})
    if n_groups > 1 and (outer == "by_run" or n_groups < len(unit.recordings)):
        return n_groups
    return BLOCKS if outer == "by_run" else int(outer)


def _n_rows(unit: Unit, account: RecordingAccount, job: Job) -> float:
    """Samples within stimuli, or words."""
    if job.analysis.design_spec(unit.modality).epoch:
        return sum(one.n_words * one.heard_share for one in account.alignment.playings)
    rate_hz, intervals = job.analysis.response_spec(unit.modality).rate_hz, account.alignment.intervals
    interval_s = 1 / rate_hz if rate_hz else intervals[0].seconds if intervals else 1.0
    return _heard_s(account) / interval_s


def _heard_s(account: RecordingAccount) -> float:
    return sum(_seconds_of(one) * one.heard_share for one in account.alignment.playings)


def _seconds_of(playing: PlayingAlignment) -> float:
    return playing.event_s or playing.file_s or playing.transcript_s or 0.0
