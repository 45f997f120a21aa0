"""The straight line, and the only file that knows its order.

bids_dir → recordings → stimuli → features → responses → design → fit → partition → derivatives → report → out_dir
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from bids_app import __version__, dataset, encoding, execution, features, group, outputs
from bids_app.analysis import Analysis, analysis_hash, load_analysis
from bids_app.errors import ConcordError, DataError, NoInput, UsageError
from bids_app.execution import StatusBook, StatusRow, Unit, peak_mb
from bids_app.options import RunOptions
from bids_app.records import (
    Array,
    DesignSpec,
    Excluded,
    Features,
    FeatureSpec,
    Fit,
    Found,
    Recording,
    Response,
    Run,
    Stimulus,
    StimulusEvent,
    Targets,
    UnitResult,
)

Tell = Callable[[str], None]
Checks = Mapping[str, tuple[Mapping[str, Any], ...]]  # recording label → one row a stimulus
SOFTWARE = ("torch", "transformers", "numpy", "scipy", "nibabel", "nilearn", "mne", "pybids")
LONG_STIMULUS_S = 60.0  # only stimuli longer than this lose their first seconds (DESIGN 6, Folds)
EDGE_SHARE = 0.1  # of folds × predicted targets with alpha at the grid's end, above which the user is warned
LOG = logging.getLogger("concord")


class Library:
    """Stimuli and their features, each read once; audio is held only while features are computed from it."""

    def __init__(self, options: RunOptions, analysis: Analysis, specs: Mapping[str, FeatureSpec]) -> None:
        self._store = features.FeatureStore(options.out_dir / "stimuli")
        self._models, self._specs = options.models, specs
        self._need_audio = any("audio" in features.needs(spec) for spec in specs.values())
        self._bids_dir, self._words = options.bids_dir, analysis.stimuli.words
        self._stimuli: dict[tuple[str, str], Stimulus] = {}
        self._first_event_s: dict[str, float] = {}
        self._features: dict[tuple[str, str], Features] = {}

    def stimulus(self, recording: Recording, event: StimulusEvent) -> Stimulus:
        """The event's stimulus without its audio. Raises DataError where a feature lacks what it needs."""
        own = recording.own_words is not None or recording.own_phones is not None
        key = event.stimulus_id, recording.label if own else ""
        if key not in self._stimuli:
            whole = self._load(recording, event)
            for spec in self._specs.values():
                features.check_needs(whole, spec)
            self._first_event_s[whole.sha256] = _first_event_s(whole)
            self._stimuli[key] = replace(whole, audio=None)
        return self._stimuli[key]

    def first_event_s(self, recording: Recording, event: StimulusEvent) -> float:
        """The first word's onset, or the first sound's where there are no words, on the recording's clock."""
        return event.onset_s + self._first_event_s[self.stimulus(recording, event).sha256]

    def missing(self, stimulus: Stimulus) -> list[str]:
        """Names of the spaces that would have to be computed for this stimulus."""
        return [name for name, spec in self._specs.items() if not self._store.holds(stimulus, spec, self._models)]

    def features(self, recording: Recording, event: StimulusEvent) -> dict[str, Features]:
        """Every space of an event's stimulus: from memory, from the store, or computed and stored."""
        light = self.stimulus(recording, event)
        if any((light.sha256, name) not in self._features for name in self._specs):
            stimulus = self._load(recording, event) if self.missing(light) else light
            for name, spec in self._specs.items():
                self._features[light.sha256, name], _ = self._store.get(stimulus, spec, self._models)
        return {name: self._features[light.sha256, name] for name in self._specs}

    def _load(self, recording: Recording, event: StimulusEvent) -> Stimulus:
        return dataset.load_stimulus(recording, event, self._bids_dir, self._words, self._need_audio)


@dataclass(frozen=True)
class Job:
    """One run's settings and tools, as the stages share them."""

    options: RunOptions
    analysis: Analysis
    specs: Mapping[str, FeatureSpec]
    resolved: Mapping[str, Any]
    hash: str
    library: Library
    tell: Tell

    @property
    def out_dir(self) -> Path:
        return self.options.out_dir


def run(options: RunOptions, tell: Tell) -> int:
    """Run the levels asked for and return the exit code: 0, or 1 where some recordings failed.

    Raises ConcordError (with its exit code) for what stops everything before any computing.
    """
    job = _job(options, tell)
    found = _find(job)
    units, checks, unused = _preflight(job, found)
    if options.dry_run:
        _show_plan(job, units, unused)
        return 0
    outputs.prepare(job.out_dir, job.resolved, job.hash, found.datasets, __version__)
    with execution.open_log(job.out_dir / "logs"):
        book = StatusBook(job.out_dir)
        failed = 0
        if "participant" in options.levels:
            failed += _participants(job, book, units, checks, unused)
        if "group" in options.levels:
            failed += _group(job, book, found, units, checks)
    return _summary(job, book, failed)


# ------------------------------------------------------------------------------------------------ before computing
def resolve(preset_or_file: str) -> tuple[Analysis, dict[str, FeatureSpec], dict[str, Any]]:
    """An analysis, its feature spaces with every default, and both as one JSON-able mapping (what is hashed)."""
    analysis, base_dir = load_analysis(preset_or_file)
    specs = {name: features.resolve(spec) for name, spec in analysis.feature_specs(base_dir).items()}
    resolved = analysis.model_dump(mode="json")
    resolved["features"] = {
        name: {"kind": spec.kind, "pca": spec.pca, **dict(spec.options)} for name, spec in specs.items()
    }
    resolved["partition"]["spaces"] = list(analysis.spaces)
    return analysis, specs, resolved


def _job(options: RunOptions, tell: Tell) -> Job:
    _use(options)
    analysis, specs, resolved = resolve(options.analysis)
    options = replace(options, models=replace(options.models, device=_device(options.models.device)))
    library = Library(options, analysis, specs)
    return Job(options, analysis, specs, resolved, analysis_hash(resolved), library, tell)


def _use(options: RunOptions) -> None:
    if options.threads is not None:
        import torch

        torch.set_num_threads(options.threads)


def _device(asked: str) -> str:
    import torch

    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=asked)
    except (RuntimeError, AssertionError):
        raise UsageError(f"there is no device '{asked}'", hint="auto, cpu, cuda or cuda:N") from None
    return asked


def _find(job: Job) -> Found:
    """Recordings; without derivatives `group` alone still goes on from what out_dir holds."""
    try:
        found = dataset.find_recordings(job.options.query)
    except NoInput:
        if job.options.levels != ("group",) or not job.options.bids_dir.is_dir():
            raise
        job.tell("no derivatives: the group level uses the results in OUT_DIR alone")
        return Found((), (), (), {"raw": job.options.bids_dir})
    for warning in found.warnings:
        job.tell(f"warning: {warning}")
    return found


def _preflight(job: Job, found: Found) -> tuple[tuple[Unit, ...], Checks, tuple[Excluded, ...]]:
    """Every stimulus read and checked before anything is computed: usable units, checks, and what cannot be used."""
    checks: dict[str, tuple[Mapping[str, Any], ...]] = {}
    usable, unused = [], list(found.excluded)
    for recording in found.recordings:
        try:
            checks[recording.label] = tuple(
                dataset.stimulus_checks(recording, event, job.library.stimulus(recording, event))
                for event in recording.stimuli
            )
            usable.append(recording)
        except (DataError, NoInput) as error:
            unused.append(Excluded(recording.participant, recording.label, str(error)))
    for one in unused:
        job.tell(f"cannot use {one.label}: {one.reason}")
    units = execution.plan_units(usable, job.analysis.pool)
    if not units and job.options.levels != ("group",):
        first = f" (first: {unused[0].reason})" if unused else ""
        raise NoInput(f"none of {len(unused)} recordings can be used{first}", job.options.bids_dir)
    return units, checks, tuple(unused)


def _show_plan(job: Job, units: Sequence[Unit], unused: Sequence[Excluded]) -> None:
    rows = [_plan_row(job, unit) for unit in units]
    columns = tuple(rows[0]) if rows else ()
    widths = [
        max(len(str(row[column])) for row in [dict(zip(columns, columns, strict=True)), *rows]) for column in columns
    ]
    for row in [dict(zip(columns, columns, strict=True)), *rows]:
        job.tell(
            "  ".join(str(row[column]).ljust(width) for column, width in zip(columns, widths, strict=True)).rstrip()
        )
    plan = {
        "analysis": job.resolved,
        "analysis_hash": job.hash,
        "units": rows,
        "unused": [asdict(one) for one in unused],
    }
    outputs.write_plan(job.out_dir, plan)


def _plan_row(job: Job, unit: Unit) -> dict[str, Any]:
    stimuli = {
        stimulus.sha256: stimulus
        for recording in unit.recordings
        for stimulus in (job.library.stimulus(recording, event) for event in recording.stimuli)
    }
    missing = sorted({name for stimulus in stimuli.values() for name in job.library.missing(stimulus)})
    n_targets = len(dataset.load_targets(unit.recordings[0]).names)
    size = sum(path.stat().st_size for recording in unit.recordings for path in recording.paths if path.exists())
    return {
        "unit": unit.stem,
        "recordings": len(unit.recordings),
        "spaces": " ".join(job.specs),
        "stimulus_min": round(sum(stimulus.duration_s for stimulus in stimuli.values()) / 60, 1),
        "targets": n_targets,
        "gigabytes": round(size / 1e9, 3),
        "to_compute": " ".join(missing) or "-",
        "cached": " ".join(name for name in job.specs if name not in missing) or "-",
    }


# ------------------------------------------------------------------------------------------------ participants
def _participants(
    job: Job, book: StatusBook, units: Sequence[Unit], checks: Checks, unused: Sequence[Excluded]
) -> int:
    """Fit every unit, write its derivatives and the people's reports; returns how many failed."""
    people = sorted({unit.participant for unit in units} | {one.participant for one in unused})
    failed = 0
    if not job.options.reports_only:
        book.forget(set(people))
        failed = _record_unused(book, units, unused)
        for number, unit in enumerate(units, start=1):
            if failed and job.options.stop_on_first_crash:
                book.record(StatusRow(unit.stem, unit.participant, "skipped", reason="stopped at the first crash"))
                continue
            failed += not _attempt(job, book, unit, checks, unused, f"[{number}/{len(units)}] {unit.stem}")
    planted = _planted(job)
    for person in people:
        outputs.write_participant_report(job.out_dir, person, planted)
    return failed


def _record_unused(book: StatusBook, units: Sequence[Unit], unused: Sequence[Excluded]) -> int:
    """Unused recordings fail, but those of a task that nobody has a stimulus for (rest) are skipped."""
    tasks = {recording.entities.get("task", "") for unit in units for recording in unit.recordings}
    failed = 0
    for one in unused:
        task = next((part[5:] for part in one.label.split("_") if part.startswith("task-")), "")
        fails = task in tasks
        failed += fails
        book.record(StatusRow(one.label, one.participant, "failed" if fails else "skipped", reason=one.reason))
    return failed


def _attempt(job: Job, book: StatusBook, unit: Unit, checks: Checks, unused: Sequence[Excluded], title: str) -> bool:
    """One unit, isolated: its failure costs a row of status.tsv and nothing else. Returns whether all is well."""
    started = time.monotonic()
    stimuli = [
        job.library.stimulus(recording, event).sha256 for recording in unit.recordings for event in recording.stimuli
    ]
    key = execution.unit_key(unit, job.hash, __version__, stimuli)
    if not job.options.force and execution.is_done(job.out_dir, outputs.summary_path(job.out_dir, unit.stem), key):
        job.tell(f"{title}: reused")
        book.record(StatusRow(unit.stem, unit.participant, "reused", peak_mb=peak_mb()))
        return True
    try:
        job.tell(f"{title}: {len(unit.recordings)} recordings")
        mine = tuple(one for one in unused if one.participant == unit.participant)
        result = _fit_unit(job, unit, checks, mine, key)
        outputs.write_unit(job.out_dir, result)
        lost = [one for one in result.excluded if one not in mine]
        for one in lost:
            book.record(StatusRow(one.label, one.participant, "failed", reason=one.reason))
            job.tell(f"{title}: cannot use {one.label}: {one.reason}")
        seconds = round(time.monotonic() - started, 1)
        book.record(StatusRow(unit.stem, unit.participant, "done", seconds, peak_mb(), "; ".join(result.warnings)))
        job.tell(f"{title}: done in {seconds:.0f} s")
        return not lost
    except Exception as error:
        LOG.exception("%s failed", unit.stem)
        reason = str(error) if isinstance(error, ConcordError) else f"{type(error).__name__}: {error} (see logs/)"
        book.record(
            StatusRow(unit.stem, unit.participant, "failed", round(time.monotonic() - started, 1), peak_mb(), reason)
        )
        job.tell(f"{title}: failed: {reason}")
        return False


def _planted(job: Job) -> Path | None:
    template = job.analysis.report.planted
    return Path(template.format(bids_dir=job.options.bids_dir)) if template else None


# ------------------------------------------------------------------------------------------------ one unit
@dataclass(frozen=True)
class Loaded:
    """A unit's responses as runs on common targets, and what could not be read."""

    runs: tuple[Run, ...]
    recordings: tuple[Recording, ...]
    targets: Targets
    excluded: tuple[Excluded, ...]
    warnings: tuple[str, ...]
    samples: Mapping[str, tuple[int, int]]
    spaces: Mapping[str, Mapping[str, Any]]  # provenance of each space's features


def _fit_unit(job: Job, unit: Unit, checks: Checks, unused: tuple[Excluded, ...], key: str) -> UnitResult:
    loaded = _load(job, unit)
    return _fit_runs(job, unit, loaded, checks, unused, key)


def _load(job: Job, unit: Unit, targets: Targets | None = None) -> Loaded:
    """Responses of a unit, cleaned, beside their features. A recording that cannot be read is left out and named."""
    responses, excluded = _read_responses(job, unit, targets)
    if not responses:
        raise DataError(f"none of its recordings can be read (first: {excluded[0].reason})", unit.stem)
    common, warnings = dataset.intersect_targets([response.targets for _, response in responses])
    runs, samples, spaces = [], {}, {}
    for recording, response in responses:
        spec = job.analysis.design_spec(recording.modality)
        sounds = [(job.library.features(recording, event), event.onset_s) for event in recording.stimuli]
        spaces.update({name: dict(one.provenance) for name, one in sounds[0][0].items()})
        keep = _used(job, recording, response, spec)
        samples[recording.label] = (int(keep.sum()), len(keep))
        runs.append(_make_run(job, recording, _only(response, common), sounds, keep, spec))
    return Loaded(
        runs=tuple(runs),
        recordings=tuple(recording for recording, _ in responses),
        targets=common,
        excluded=excluded,
        warnings=tuple(dict.fromkeys((*warnings, *_warnings(responses)))),
        samples=samples,
        spaces=spaces,
    )


def _read_responses(
    job: Job, unit: Unit, targets: Targets | None
) -> tuple[list[tuple[Recording, Response]], tuple[Excluded, ...]]:
    spec = job.analysis.response_spec(unit.modality)
    responses, excluded = [], []
    for recording in unit.recordings:
        try:
            own = targets or dataset.load_targets(recording)
            responses.append((recording, dataset.load_response(recording, own, spec)))
        except (ConcordError, OSError) as error:
            excluded.append(Excluded(recording.participant, recording.label, str(error)))
    return responses, tuple(excluded)


def _only(response: Response, common: Targets) -> Response:
    """The response's columns for the common targets, in their order."""
    if response.targets.names == common.names:
        return response
    column = {name: number for number, name in enumerate(response.targets.names)}
    return replace(response, values=response.values[:, [column[name] for name in common.names]], targets=common)


def _warnings(responses: Sequence[tuple[Recording, Response]]) -> list[str]:
    return [line for recording, response in responses for line in (*recording.warnings, *response.warnings)]


def _used(job: Job, recording: Recording, response: Response, spec: DesignSpec) -> Array:
    spans = []
    for event in recording.stimuli:
        duration_s = job.library.stimulus(recording, event).duration_s
        first_s = job.library.first_event_s(recording, event)
        begin_s = first_s + spec.skip_onset_s if duration_s > LONG_STIMULUS_S else event.onset_s
        spans.append((begin_s, event.onset_s + duration_s + spec.delays_s[-1]))
    return encoding.used_samples(response.times_s, spans, response.valid)


def _first_event_s(stimulus: Stimulus) -> float:
    """Onset of the first word, else of the first sound within 40 dB of the loudest, in stimulus time."""
    if stimulus.words is not None and len(stimulus.words.onset_s):
        return float(stimulus.words.onset_s[0])
    if stimulus.audio is None or not stimulus.rate_hz:
        return 0.0
    level = np.abs(stimulus.audio)
    return float(np.argmax(level > 0.01 * level.max())) / stimulus.rate_hz


def _make_run(
    job: Job,
    recording: Recording,
    response: Response,
    sounds: Sequence[tuple[Mapping[str, Features], float]],
    keep: Array,
    spec: DesignSpec,
) -> Run:
    times_s = response.times_s[keep]
    bands = {
        name: encoding.make_band(
            [(spaces[name], onset_s) for spaces, onset_s in sounds],
            times_s,
            spec.delays_s,
            1 / recording.rate_hz,
            spec.stamp,
        )
        for name in job.specs
    }
    standardize = job.analysis.response_spec(recording.modality).standardize
    cleaned = encoding.clean(response.values, response.nuisance, keep, standardize)
    return Run(recording.label, bands, cleaned, times_s, tuple(event.stimulus_id for event in recording.stimuli))


def _fit_runs(
    job: Job, unit: Unit, loaded: Loaded, checks: Checks, unused: tuple[Excluded, ...], key: str
) -> UnitResult:
    design_spec, period_s = job.analysis.design_spec(unit.modality), 1 / min(r.rate_hz for r in loaded.recordings)
    purge_s = encoding.purge_length_s(loaded.runs, design_spec.delays_s, period_s)
    pca = {name: spec.pca for name, spec in job.specs.items()}
    fit_spec = job.analysis.fit_spec()
    design = encoding.build_design(loaded.runs, fit_spec.outer, design_spec.delays_s, pca, purge_s)
    if not design.usable.any():
        raise DataError("no target varies: every one is constant or has missing samples", unit.stem)
    dead = [name for name, usable in zip(loaded.targets.names, design.usable, strict=True) if not usable]
    fit = encoding.fit(design, job.analysis.units, fit_spec, job.options.models.device)
    return UnitResult(
        stem=unit.stem,
        participant=unit.participant,
        modality=unit.modality,
        space=unit.space,
        targets=loaded.targets,
        partition=encoding.partition(fit),
        fit=fit,
        recordings=loaded.recordings,
        excluded=(*unused, *loaded.excluded),
        checks=tuple(row for recording in loaded.recordings for row in checks.get(recording.label, ())),
        warnings=(*loaded.warnings, *_dead_targets(dead), *_edge(fit), *fit.warnings),
        provenance=_provenance(job, unit, loaded, purge_s, period_s, key),
    )


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
    line = f"alpha lies at an end of its grid in {share:.0%} of the folds of targets that are predicted: widen fit.alphas"
    return (line,) if share > EDGE_SHARE else ()


def _provenance(job: Job, unit: Unit, loaded: Loaded, purge_s: float, period_s: float, key: str) -> dict[str, Any]:
    design = asdict(job.analysis.design_spec(unit.modality))
    return {
        "analysis": job.resolved,
        "analysis_hash": job.hash,
        "unit_key": key,
        "spaces": loaded.spaces,
        "software": {"concord": __version__, **{name: version(name) for name in SOFTWARE}},
        "run": {"device": job.options.models.device, "threads": job.options.threads},
        "design": {**design, "period_s": period_s, "purge_s": purge_s},
        "response": asdict(job.analysis.response_spec(unit.modality)),
        "samples": loaded.samples,
    }
