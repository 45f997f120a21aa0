"""A unit's responses beside their features, cleaned, as runs on common targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bids_app import dataset, encoding, features
from bids_app.errors import ConcordError, DataError
from bids_app.execution import Unit
from bids_app.pipeline.job.job import Job
from bids_app.pipeline.runs import word_epochs
from bids_app.pipeline.runs.baseline_bands import feature_bands, motion_band, plan_baseline
from bids_app.pipeline.runs.word_bands import source_bands, with_words, word_rows
from bids_app.records import (
    Array,
    BaselineModel,
    DesignSpec,
    Excluded,
    Features,
    Recording,
    Response,
    Responsive,
    Run,
    Targets,
)

Checks = Mapping[str, tuple[Mapping[str, Any], ...]]  # recording label → one row a stimulus


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
    baseline: BaselineModel = field(default_factory=BaselineModel)


def load_runs(job: Job, unit: Unit, targets: Targets | None = None) -> Loaded:
    """Responses of a unit, cleaned, beside their features. A recording that cannot be read is left out and named."""
    responses, excluded = _read_responses(job, unit, targets)
    if not responses:
        raise DataError(f"none of its recordings can be read (first: {excluded[0].reason})", unit.stem)
    common, warnings = dataset.intersect_targets([response.targets for _, response, _ in responses])
    baseline = plan_baseline(job, unit.modality, [(one, len(response.times_s)) for one, response, _ in responses])
    runs, samples, spaces = [], {}, {}
    for recording, response, keep in responses:
        spec = job.analysis.design_spec(recording.modality)
        sounds = [(job.library.features(recording, event), event.onset_s) for event in recording.stimuli]
        spaces.update({name: features.provenance_to_json(one.provenance) for name, one in sounds[0][0].items()})
        runs.append(_make_run(job, recording, _only(response, common), with_words(job, sounds), keep, spec, baseline))
        n_rows = word_epochs.count_words(job, recording) if spec.epoch else len(keep)
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
        baseline=baseline,
        responsive=_responsive(job, unit, [(one, _only(response, common)) for one, response, _ in responses]),
    )


def _responsive(job: Job, unit: Unit, responses: Sequence[tuple[Recording, Response]]) -> Responsive | None:
    """Electrodes' speech against silence."""
    if unit.kind != "electrodes":
        return None
    return encoding.responsive([word_epochs.speech_less_silence(job, *one) for one in responses])


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
        return word_epochs.used_samples(job, recording, response, spec)
    spans = []
    for event in recording.stimuli:
        duration_s = job.library.stimulus(recording, event).duration_s
        begin_s = event.onset_s
        if spec.skip_onset_s and duration_s > word_epochs.LONG_STIMULUS_S:
            begin_s = job.library.first_event_s(recording, event) + spec.skip_onset_s
        spans.append((begin_s, event.onset_s + duration_s + spec.delays_s[-1]))
    return encoding.used_samples(response.times_s, spans, response.valid)


def _make_run(
    job: Job,
    recording: Recording,
    response: Response,
    sounds: Sequence[tuple[Mapping[str, Features], float]],
    keep: Array,
    spec: DesignSpec,
    baseline: BaselineModel,
) -> Run:
    if spec.epoch:
        return word_epochs.make_run(job, recording, response, sounds, keep, spec, baseline)
    times_s = response.times_s[keep]
    bands = {
        name: encoding.make_band(
            [(spaces[name], onset_s) for spaces, onset_s in sounds],
            times_s,
            spec.delays_s,
            period_of(response.times_s),
            spec.stamp,
        )
        for name in (*job.specs, *source_bands(sounds), *feature_bands(baseline))
    }
    bands |= motion_band(baseline, recording, response, keep)
    standardize = job.analysis.response_spec(recording.modality).standardize
    cleaned = encoding.clean(response.values, response.nuisance, keep, standardize)
    stimuli = tuple(event.stimulus_id for event in recording.stimuli)
    return Run(recording.label, bands, cleaned, times_s, stimuli, word_rows(job, stimuli, sounds, spec.stamp))


def period_of(times_s: Array) -> float:
    """Seconds from sample to sample of the response as it is fitted: iEEG may have been resampled."""
    return float(times_s[-1] - times_s[0]) / (len(times_s) - 1)
