"""A unit's responses beside their features, cleaned, as runs on common targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from bids_app import dataset, encoding
from bids_app.boundary import boundary
from bids_app.encoding import NoiseCeiling
from bids_app.errors import ConcordError, DataError
from bids_app.execution import FEATURES, RESPONSES, Stages, Unit
from bids_app.pipeline.job.playings import playings_of, same_stimuli_warnings
from bids_app.pipeline.runs.baseline_bands import plan_baseline
from bids_app.pipeline.runs.continuous_rows import period_of
from bids_app.pipeline.runs.load_settings import LoadSettings, ReadRecording, Sounds
from bids_app.pipeline.runs.rows import Rows
from bids_app.pipeline.runs.speech_against_silence import responsive_electrodes
from bids_app.pipeline.runs.word_bands import with_words
from bids_app.records import (
    BaselineModel,
    Excluded,
    FeatureProvenance,
    Finding,
    Recording,
    Response,
    Responsive,
    Run,
    Targets,
)


@dataclass(frozen=True)
class LoadedRuns:
    """A unit's responses as runs on common targets, and what could not be read.

    Parameters
    ----------
    runs, recordings : one by one.
    targets : the columns of all runs' responses.
    excluded : recordings that could not be read.
    warnings, findings : of all runs, and of single recordings while they were read.
    samples : recording label → (used, all) samples, or words.
    period_s : the longest sampling period, in seconds.
    spaces : feature space → how its features were made.
    ceiling, ceiling_in_words : noise ceiling of the targets; what it rests on, or why there is none.
    """

    runs: tuple[Run, ...]
    recordings: tuple[Recording, ...]
    targets: Targets
    excluded: tuple[Excluded, ...]
    warnings: tuple[str, ...]
    findings: tuple[Finding, ...]
    samples: Mapping[str, tuple[int, int]]
    period_s: float
    spaces: Mapping[str, FeatureProvenance]
    responsive: Responsive | None = None
    baseline: BaselineModel = field(default_factory=BaselineModel)
    ceiling: NoiseCeiling | None = None
    ceiling_in_words: str = "none"


def load_runs(unit: Unit, rows: Rows, stages: Stages) -> LoadedRuns:
    """Responses of a unit, cleaned, beside their features.

    Parameters
    ----------
    unit : recordings that are fitted together.
    rows : what a row of the design is.
    stages : are told what is read and computed.

    Returns
    -------
    Runs on common targets; a recording that cannot be read is left out and named.

    Raises
    ------
    DataError : where no recording can be used.
    """
    settings = rows.settings
    with stages.at(RESPONSES):
        readable, excluded = _read_recordings(unit, rows, stages)
    if not readable:
        raise DataError(f"none of its recordings can be read (first: {excluded[0].reason})", unit.stem)
    readable, outliers = _without_outliers(readable)
    common, warnings = dataset.intersect_targets([read.response.targets for read in readable])
    baseline = plan_baseline(settings, readable)
    readable = [replace(read, response=_only(read.response, common)) for read in readable]
    runs, samples, spaces = [], {}, {}
    lost: list[Excluded] = []
    findings = [(read.recording.label, line) for read in readable for line in read.response.warnings]
    for read in readable:
        recording = read.recording
        with boundary(partial(_lose, recording, lost)):
            sounds = _sounds_of(recording, settings)
            findings += _of_features(recording, sounds)
            spaces.update({name: features.provenance for name, features in sounds[0][0].items()})
            runs.append(_make_run(read, rows, sounds, baseline))
            samples[recording.label] = (len(runs[-1].times_s), rows.count(read))
    if lost:
        return _without(unit, rows, (*excluded, *lost), stages)
    recordings = tuple(read.recording for read in readable)
    playings = playings_of(recordings, settings.library)
    return LoadedRuns(
        runs=tuple(replace(run, heard=heard) for run, heard in zip(runs, playings, strict=True)),
        recordings=recordings,
        targets=common,
        excluded=(*excluded, *outliers),
        warnings=(*warnings, *same_stimuli_warnings(recordings, settings.library)),
        findings=tuple(findings),
        samples=samples,
        period_s=max(period_of(read.response.times_s) for read in readable),
        spaces=spaces,
        baseline=baseline,
        responsive=_responsive(unit, readable, settings),
    )


def _without(unit: Unit, rows: Rows, excluded: tuple[Excluded, ...], stages: Stages) -> LoadedRuns:
    """Runs of the other recordings, read anew: what these share is what they share without the ones left out."""
    left_out = {one.label for one in excluded}
    others = tuple(one for one in unit.recordings if one.label not in left_out)
    if not others:
        raise DataError(f"none of its recordings can be used (first: {excluded[0].reason})", unit.stem)
    loaded = load_runs(replace(unit, recordings=others), rows, stages)
    return replace(loaded, excluded=(*excluded, *loaded.excluded))


def _sounds_of(recording: Recording, settings: LoadSettings) -> Sounds:
    return [(settings.library.features(recording, event), event.onset_s) for event in recording.stimuli]


def _lose(recording: Recording, lost: list[Excluded], error: ConcordError) -> None:
    lost.append(Excluded(recording.participant, recording.label, str(error)))


def _of_features(recording: Recording, sounds: Sounds) -> list[Finding]:
    """What features of the stimuli of a recording warn of."""
    made = [one for spaces, _ in sounds for one in spaces.items()]
    lines = [f"{name}: {line}" for name, features in made for line in features.provenance.warnings]
    return [(recording.label, line) for line in dict.fromkeys(lines)]


def _make_run(read: ReadRecording, rows: Rows, sounds: Sounds, baseline: BaselineModel) -> Run:
    """Raises DataError where no row is left."""
    try:
        return rows.make_run(read, with_words(sounds, rows.settings.projected_spaces), baseline)
    except encoding.CannotFit as error:
        raise DataError(error.message, read.recording.label, error.hint) from error


def _responsive(unit: Unit, readable: Sequence[ReadRecording], settings: LoadSettings) -> Responsive | None:
    """Electrodes' speech against silence."""
    if unit.kind != "electrodes":
        return None
    return responsive_electrodes([(read.recording, read.response) for read in readable], settings.library)


def _read_recordings(unit: Unit, rows: Rows, stages: Stages) -> tuple[list[ReadRecording], tuple[Excluded, ...]]:
    """Recordings that can be used, whose stimuli have features; and those that cannot, with the reason."""
    readable: list[ReadRecording] = []
    excluded: list[Excluded] = []
    for recording in unit.recordings:
        with boundary(partial(_lose, recording, excluded)):
            response = dataset.load_response(
                recording, dataset.load_targets(recording, rows.settings.response), rows.settings.response
            )
            read = ReadRecording(recording, response, rows.used_samples(recording, response))
            _check_samples(read)
            stages.advance(RESPONSES, 1 / len(unit.recordings))
            with stages.at(FEATURES, 1 / len(unit.recordings)):
                _sounds_of(recording, rows.settings)  # made now, and kept by the library
            readable.append(read)
    return readable, tuple(excluded)


def _without_outliers(readable: Sequence[ReadRecording]) -> tuple[list[ReadRecording], tuple[Excluded, ...]]:
    """Recordings that share targets, and those that would cost the others theirs (see `dataset.lost_to_others`)."""
    responses = [read.response for read in readable]
    alive = [dataset.varying(read.response.values, read.used) for read in readable]
    lost = dataset.lost_to_others([response.targets for response in responses], alive)
    excluded = [
        Excluded(readable[number].recording.participant, readable[number].recording.label, reason)
        for number, reason in lost.items()
    ]
    return [read for number, read in enumerate(readable) if number not in lost], tuple(excluded)


def _check_samples(read: ReadRecording) -> None:
    """Raises DataError where too few samples are left for the regressors that are taken out of them."""
    n_used, n_regressors = int(read.used.sum()), read.response.nuisance.shape[1] + 1
    if n_used <= n_regressors:
        raise DataError(
            f"{n_used} samples within its stimuli are too few for {n_regressors} confounds, drift and constant",
            read.recording.label,
            "check the events' onsets, or ask for fewer confounds",
        )


def _only(response: Response, common: Targets) -> Response:
    """The response's columns for the common targets, in their order."""
    if response.targets.names == common.names:
        return response
    column = {name: number for number, name in enumerate(response.targets.names)}
    return replace(response, values=response.values[:, [column[name] for name in common.names]], targets=common)
