"""One unit, from its recordings to its result: responses beside features, cleaned, fitted and partitioned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np

from bids_app import __version__, dataset, encoding, epochs, group
from bids_app.errors import ConcordError, DataError, OutOfMemory
from bids_app.execution import Unit
from bids_app.job import Job
from bids_app.projections import project, source_bands, with_words, word_rows
from bids_app.records import (
    Array,
    Design,
    DesignSpec,
    Excluded,
    Features,
    Fit,
    Partition,
    Recording,
    Response,
    Responsive,
    Run,
    Targets,
    Tests,
    UnitResult,
    component_of,
)
from bids_app.repeats import repeat_ceiling

Checks = Mapping[str, tuple[Mapping[str, Any], ...]]  # recording label → one row a stimulus
SOFTWARE = ("torch", "transformers", "numpy", "scipy", "nibabel", "nilearn", "mne", "pybids")
EDGE_SHARE = 0.1  # of folds × predicted targets with alpha at the grid's end, above which the user is warned


@dataclass(frozen=True)
class Loaded:
    """A unit's responses as runs on common targets, and what could not be read."""

    runs: tuple[Run, ...]
    recordings: tuple[Recording, ...]
    targets: Targets
    excluded: tuple[Excluded, ...]
    warnings: tuple[str, ...]
    samples: Mapping[str, tuple[int, int]]
    period_s: float
    spaces: Mapping[str, Mapping[str, Any]]  # provenance of each space's features
    responsive: Responsive | None = None


def fit_unit(job: Job, unit: Unit, checks: Checks, unused: tuple[Excluded, ...], key: str) -> UnitResult:
    """Read, align, clean, fit and partition one unit. Raises DataError where nothing of it can be used."""
    loaded = _load(job, unit)
    ceiling = (
        (None, "none: not computed where rows are words")
        if job.analysis.design_spec(unit.modality).epoch
        else repeat_ceiling(loaded.runs, loaded.recordings, loaded.period_s)
    )
    return _fit_runs(job, unit, loaded, checks, unused, key, ceiling)


def _load(job: Job, unit: Unit, targets: Targets | None = None) -> Loaded:
    """Responses of a unit, cleaned, beside their features. A recording that cannot be read is left out and named."""
    responses, excluded = _read_responses(job, unit, targets)
    if not responses:
        raise DataError(f"none of its recordings can be read (first: {excluded[0].reason})", unit.stem)
    common, warnings = dataset.intersect_targets([response.targets for _, response, _ in responses])
    runs, samples, spaces = [], {}, {}
    for recording, response, keep in responses:
        spec = job.analysis.design_spec(recording.modality)
        sounds = [(job.library.features(recording, event), event.onset_s) for event in recording.stimuli]
        spaces.update({name: dict(one.provenance) for name, one in sounds[0][0].items()})
        runs.append(_make_run(job, recording, _only(response, common), with_words(job, sounds), keep, spec))
        n_rows = epochs.count_words(job, recording) if spec.epoch else len(keep)
        samples[recording.label] = (len(runs[-1].times_s), n_rows)
    return Loaded(
        runs=tuple(runs),
        recordings=tuple(recording for recording, _, _ in responses),
        targets=common,
        excluded=excluded,
        warnings=tuple(dict.fromkeys((*warnings, *_warnings(responses)))),
        samples=samples,
        period_s=max(period_of(response.times_s) for _, response, _ in responses),
        spaces=spaces,
        responsive=_responsive(job, unit, [(one, _only(response, common)) for one, response, _ in responses]),
    )


def _responsive(job: Job, unit: Unit, responses: Sequence[tuple[Recording, Response]]) -> Responsive | None:
    """Electrodes' speech against silence."""
    if unit.kind != "electrodes":
        return None
    return encoding.responsive([epochs.speech_less_silence(job, *one) for one in responses])


def _read_responses(
    job: Job, unit: Unit, targets: Targets | None
) -> tuple[list[tuple[Recording, Response, Array]], tuple[Excluded, ...]]:
    """Recordings that can be used, with the samples (n_times,) bool that are, and those that cannot."""
    spec = job.analysis.response_spec(unit.modality)
    responses, excluded = [], []
    for recording in unit.recordings:
        try:
            own = targets or dataset.load_targets(recording)
            response = dataset.load_response(recording, own, spec)
            keep = _used(job, recording, response, job.analysis.design_spec(recording.modality))
            _check_samples(recording, response, keep)
            responses.append((recording, response, keep))
        except (ConcordError, OSError) as error:
            excluded.append(Excluded(recording.participant, recording.label, str(error)))
    return responses, tuple(excluded)


def _check_samples(recording: Recording, response: Response, keep: Array) -> None:
    """Raises DataError where too few samples are left for the regressors that are taken out of them."""
    n_used, n_regressors = int(keep.sum()), response.nuisance.shape[1] + 1
    if n_used <= n_regressors:
        raise DataError(
            f"{n_used} samples within its stimuli are too few for {n_regressors} confounds, drift and constant",
            recording.label,
            "check the events' onsets, or ask for fewer confounds",
        )


def _only(response: Response, common: Targets) -> Response:
    """The response's columns for the common targets, in their order."""
    if response.targets.names == common.names:
        return response
    column = {name: number for number, name in enumerate(response.targets.names)}
    return replace(response, values=response.values[:, [column[name] for name in common.names]], targets=common)


def _warnings(responses: Sequence[tuple[Recording, Response, Array]]) -> list[str]:
    return [line for recording, response, _ in responses for line in (*recording.warnings, *response.warnings)]


def _used(job: Job, recording: Recording, response: Response, spec: DesignSpec) -> Array:
    if spec.epoch:
        return epochs.used_samples(job, recording, response, spec)
    spans = []
    for event in recording.stimuli:
        duration_s = job.library.stimulus(recording, event).duration_s
        first_s = job.library.first_event_s(recording, event)
        begin_s = first_s + spec.skip_onset_s if duration_s > epochs.LONG_STIMULUS_S else event.onset_s
        spans.append((begin_s, event.onset_s + duration_s + spec.delays_s[-1]))
    return encoding.used_samples(response.times_s, spans, response.valid)


def _make_run(
    job: Job,
    recording: Recording,
    response: Response,
    sounds: Sequence[tuple[Mapping[str, Features], float]],
    keep: Array,
    spec: DesignSpec,
) -> Run:
    if spec.epoch:
        return epochs.make_run(job, recording, response, sounds, keep, spec)
    times_s = response.times_s[keep]
    bands = {
        name: encoding.make_band(
            [(spaces[name], onset_s) for spaces, onset_s in sounds],
            times_s,
            spec.delays_s,
            period_of(response.times_s),
            spec.stamp,
        )
        for name in (*job.specs, *source_bands(sounds))
    }
    standardize = job.analysis.response_spec(recording.modality).standardize
    cleaned = encoding.clean(response.values, response.nuisance, keep, standardize)
    stimuli = tuple(event.stimulus_id for event in recording.stimuli)
    return Run(recording.label, bands, cleaned, times_s, stimuli, word_rows(job, stimuli, sounds, spec.stamp))


def period_of(times_s: Array) -> float:
    """Seconds from sample to sample of the response as it is fitted: iEEG may have been resampled."""
    return float(times_s[-1] - times_s[0]) / (len(times_s) - 1)


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
        design, subspace = project(job, loaded.runs, design)
        mem_mb = _left_mb(job, loaded.runs)
        fit, tests = _fit(job, unit, design, job.analysis.units, mem_mb)
        further = {name: _fit(job, unit, design, units, mem_mb) for name, units in job.analysis.further.items()}
    except MemoryError as error:
        raise OutOfMemory(str(error), unit.stem, "raise --mem-mb, or fit fewer spaces at a time") from error
    except ValueError as error:  # encoding knows arrays alone: folds that cannot be made
        raise DataError(str(error), unit.stem, "record longer, or ask for fewer folds: fit: outer, inner") from error
    partition, lags, usable = _joined(fit, tests, further), None, design.usable
    if design_spec.epoch:
        partition, lags = epochs.by_lag(partition, design_spec.epoch)
        fit, usable = epochs.of_summary(fit, design_spec.epoch), np.isfinite(partition.values["full"]["rsquared"])
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
        warnings=(*loaded.warnings, *_dead_targets(dead), *_edge(fit), *_told([(fit, tests), *further.values()])),
        provenance=_provenance(job, unit, loaded, purge_s, key) | {"inference": _inference(job, tests)},
        subspace=subspace,
        ceiling=ceiling[1],
    )


def _with_ceiling(partition: Partition, ceiling: encoding.Ceiling | None) -> Partition:
    """The full model's score beside the ceiling, and as a share of it."""
    if ceiling is None:
        return partition
    full = partition.values["full"]
    stats = {"ceiling": ceiling.explainable, "share": encoding.share(full["rsquared"], ceiling)}
    return replace(partition, values={**partition.values, "full": {**full, **stats}})


def _joined(fit: Fit, tests: Tests | None, further: Mapping[str, tuple[Fit, Tests | None]]) -> Partition:
    """The partition, and the components of the further ones under names of their own."""
    first, others = encoding.partition(fit, tests), {name: encoding.partition(*one) for name, one in further.items()}
    more = {component_of(name, part): stats for name, one in others.items() for part, stats in one.values.items()}
    return Partition(first.units, {**first.values, **more}, {name: one.units for name, one in others.items()})


def _fit(
    job: Job, unit: Unit, design: Design, units: Mapping[str, Sequence[str]], mem_mb: int | None
) -> tuple[Fit, Tests | None]:
    """With inference, where it is asked for."""
    spec, device = job.analysis.fit_spec(), job.options.models.device
    asked = job.analysis.inference_spec(unit.modality)
    if asked is None:
        return encoding.fit(design, units, spec, device, mem_mb=mem_mb), None
    return encoding.fit_and_infer(design, units, spec, asked, device, mem_mb=mem_mb)


def _told(fits: Sequence[tuple[Fit, Tests | None]]) -> tuple[str, ...]:
    """What fits and their inference warn of, each line once."""
    lines = [line for fit, tests in fits for line in (*fit.warnings, *(tests.warnings if tests else ()))]
    return tuple(dict.fromkeys(lines))


def _inference(job: Job, tests: Tests | None) -> dict[str, Any] | None:
    """How p and intervals were made, and the level that reports count at."""
    if tests is None:
        return None
    made = {name: value for name, value in vars(tests).items() if name not in ("components", "warnings")}
    return {**made, "fdr": job.analysis.inference.fdr}


def _left_mb(job: Job, runs: Sequence[Run]) -> int | None:
    """What --mem-mb leaves for the fit beside the runs, which stay in memory."""
    held = sum(run.Y.nbytes + sum(band.nbytes for band in run.bands.values()) for run in runs)
    return None if job.options.mem_mb is None else max(1, job.options.mem_mb - round(held / 1e6))


def _dead_targets(dead: Sequence[str]) -> tuple[str, ...]:
    if not dead:
        return ()
    shown = ", ".join(dead[:6]) + (", …" if len(dead) > 6 else "")
    return (f"{len(dead)} targets are constant or have missing samples and were left out: {shown}",)


def _edge(fit: Fit) -> tuple[str, ...]:
    """A warning where the grid of alphas may cut off what is predicted: the largest alpha means no prediction, which
    is right for noise, so only targets that are predicted count."""
    predicted = fit.rsquared[-1] > 0
    share = float(fit.at_edge[-1][predicted].mean()) if predicted.any() else 0.0
    where = f"in {share:.0%} of the folds of targets that are predicted"
    line = f"alpha lies at an end of its grid {where}: widen fit.alphas"
    return (line,) if share > EDGE_SHARE else ()


def _provenance(job: Job, unit: Unit, loaded: Loaded, purge_s: float, key: str) -> dict[str, Any]:
    spec, response = job.analysis.design_spec(unit.modality), job.analysis.response_spec(unit.modality)
    design = {**asdict(spec), "epoch_span_s": spec.epoch.span_s if spec.epoch else None}
    return {
        "analysis": job.resolved,
        "analysis_hash": job.hash,
        "unit_key": key,
        "spaces": loaded.spaces,
        "software": {"concord": __version__, **{name: version(name) for name in SOFTWARE}},
        "run": {"device": job.options.models.device, "threads": job.options.threads, "mem_mb": job.options.mem_mb},
        "design": {**design, "period_s": loaded.period_s, "purge_s": purge_s},
        "response": {
            **asdict(response),
            "computed": [one.label for one in loaded.recordings if dataset.computes_high_gamma(one, response)],
        },
        "samples": loaded.samples,
    }


def fit_mean(job: Job, stem: str, units: Sequence[Unit], checks: Checks) -> tuple[UnitResult, Array]:
    """The same for the mean response of several people's units on common targets; and (n_targets,) how many people.

    Raises DataError where the people share no run, no samples or no targets.
    """
    loaded, lost = _load_people(job, units)
    common, warnings = dataset.intersect_targets([one.targets for one in loaded])
    runs = [[_columns(run, one.targets, common) for run in one.runs] for one in loaded]
    joined = Loaded(
        runs=group.average_people(runs),
        recordings=tuple(recording for one in loaded for recording in one.recordings),
        targets=common,
        excluded=(*lost, *(excluded for one in loaded for excluded in one.excluded)),
        warnings=tuple(dict.fromkeys((*warnings, *(line for one in loaded for line in one.warnings)))),
        samples={label: count for one in loaded for label, count in one.samples.items()},
        period_s=max(one.period_s for one in loaded),
        spaces=loaded[0].spaces,
    )
    mean = Unit(stem, "group", units[0].modality, units[0].kind, units[0].space, joined.recordings)
    ceiling = (None, "none: not computed for a mean response")
    return _fit_runs(job, mean, joined, checks, (), "", ceiling), group.count_people(runs)


def _load_people(job: Job, units: Sequence[Unit]) -> tuple[list[Loaded], list[Excluded]]:
    """People with something to average, and those who cost only themselves. Raises DataError where nobody is left."""
    loaded, lost = [], []
    for unit in units:
        try:
            one = _load(job, unit)
            if not any(np.isfinite(run.Y).all(axis=0).any() for run in one.runs):
                raise DataError("no target varies: every one is constant or has missing samples", unit.stem)
            loaded.append(one)
        except ConcordError as error:
            lost.append(Excluded(unit.participant, unit.stem, str(error)))
    if not loaded:
        raise DataError(f"nobody has responses to average (first: {lost[0].reason})")
    return loaded, lost


def _columns(run: Run, targets: Targets, common: Targets) -> Run:
    column = {name: number for number, name in enumerate(targets.names)}
    return replace(run, Y=run.Y[:, [column[name] for name in common.names]])
