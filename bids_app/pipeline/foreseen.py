"""What is known to fail before anything is computed: judged alike by a run, which refuses it then, and a dry run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bids_app import dataset
from bids_app.boundary import boundary
from bids_app.errors import Bug, ConcordError, OutOfMemory
from bids_app.execution import Unit
from bids_app.execution.cost import pace
from bids_app.execution.shares import UnitCost, may_pay
from bids_app.pipeline.accounts import Accounts
from bids_app.pipeline.job.enough import require_enough
from bids_app.pipeline.job.models import CheckedModels, check_models
from bids_app.pipeline.judge import Judge
from bids_app.pipeline.watching.expected import unit_cost
from bids_app.records import Excluded, Recording, StimulusEvent, StimulusFacts
from bids_app.settings.run_options import RunOptions

Heard = tuple[Recording, StimulusEvent]


@dataclass(frozen=True)
class Foreseen:
    """What the participant level cannot do.

    Parameters
    ----------
    asked : whether the participant level is asked for.
    refused : unit → why it cannot be fitted.
    participants : unit → whose it is.
    models : what was found of the models of features that would be computed.
    """

    asked: bool = False
    refused: Mapping[str, ConcordError] = field(default_factory=dict)
    participants: Mapping[str, str] = field(default_factory=dict)
    models: CheckedModels = field(default_factory=CheckedModels)

    @property
    def units(self) -> list[Excluded]:
        """Units that would fail, with the reason."""
        return [Excluded(self.participants[stem], stem, str(error)) for stem, error in self.refused.items()]

    def require(self, unit: Unit) -> None:
        """Raises what a unit would fail of, if it is known to fail."""
        if unit.stem in self.refused:
            raise self.refused[unit.stem]

    def require_some(self, units: Sequence[Unit]) -> None:
        """Raises UsageError or NoInput where no unit can have its features, for want of a model."""
        of_models = [*self.models.refusals.values()]
        if of_models and all(self.refused.get(unit.stem) in of_models for unit in units):
            raise of_models[0]


def foresee(judge: Judge) -> Foreseen:
    """What the participant level cannot do; nothing where it is not asked for, or writes reports alone.

    Parameters
    ----------
    judge : what the run was asked for, what can be computed, and which results count.
    """
    job, accounts, units = judge.job, judge.accounts, judge.preflight.units
    if "participant" not in job.options.levels or job.options.reports_only:
        return Foreseen()
    models = check_models(job, to_compute(units, accounts, accounts.missing))
    found = {unit.stem: (unit, error) for unit in units if (error := _refusal(unit, judge, models)) is not None}
    refused = {stem: error for stem, (unit, error) in found.items() if not _is_reused(unit, judge)}
    lacking = {name for stem in refused for name in _missing(found[stem][0], accounts)}
    told = {name: error for name, error in models.refusals.items() if name in lacking}
    participants = {stem: unit.participant for stem, (unit, _) in found.items()}
    return Foreseen(True, refused, participants, replace(models, refusals=told))


def _is_reused(unit: Unit, judge: Judge) -> bool:
    verdict = judge.at_hand(unit)
    return verdict.suffices and not verdict.unchecked and not judge.job.options.force


def unreadable(units: Sequence[Unit], judge: Judge) -> list[Excluded]:
    """Recordings whose responses cannot be read whole: for a dry run, while a run finds them as it reads them.

    Parameters
    ----------
    units : that would be fitted.
    judge : of what the run was asked for.
    """
    found: list[Excluded] = []
    for recording in (recording for unit in units for recording in unit.recordings):
        lost: list[ConcordError] = []
        with boundary(lost.append):
            judge.accounts.count_targets(recording)
            dataset.require_whole(recording, judge.job.analysis.response_spec(recording.modality))
            if judge.job.analysis.design_spec(recording.modality).epoch is not None:
                for event in recording.stimuli:
                    judge.library.words(recording, event)
        found += [Excluded(recording.participant, recording.label, str(error)) for error in lost]
    return found


def stimuli_of(unit: Unit, accounts: Accounts) -> dict[str, StimulusFacts]:
    """A unit's stimuli by their labels."""
    return {facts.label: facts for recording in unit.recordings for facts in accounts.of(recording).stimuli}


def _refusal(unit: Unit, judge: Judge, models: CheckedModels) -> ConcordError | None:
    """Why a unit cannot be fitted: a model, features that nobody could compare, too few rows."""
    missing = _missing(unit, judge.accounts)
    for name, error in models.refusals.items():
        if name in missing:
            return error
    lost: list[ConcordError] = []
    with boundary(lost.append):
        job = judge.job
        judge.require_key(unit)
        design = job.analysis.design_spec(unit.modality)
        require_enough(unit.recordings, judge.preflight.alignments, design, job.analysis.fit_spec(), unit.stem)
    # a fault of what foresees is none of the unit
    return next((error for error in lost if not isinstance(error, Bug | OutOfMemory)), None)


def features_to_make(judge: Judge, foreseen: Foreseen) -> dict[tuple[str, str], Heard]:
    """Features that units which will be fitted lack, by stimulus and space.

    Parameters
    ----------
    judge : of what the run was asked for.
    foreseen : units that cannot be fitted.

    Returns
    -------
    Of each stimulus and space a playing in which the stimulus is heard.
    """
    found: dict[tuple[str, str], Heard] = {}
    for unit in judge.preflight.units:
        lacking = {} if unit.stem in foreseen.refused else _lacking(unit, judge.accounts)
        if lacking and (judge.job.options.force or not judge.at_hand(unit).suffices):
            found = {**lacking, **found}
    return found


def features_title(label: str, space: str) -> str:
    """What lines call a space's features of a stimulus.

    Parameters
    ----------
    label : of the stimulus.
    space : its name.
    """
    return f"features {space} of {label}"


def _lacking(unit: Unit, accounts: Accounts) -> dict[tuple[str, str], Heard]:
    return {
        (facts.label, name): (recording, event)
        for recording in unit.recordings
        for facts, event in zip(accounts.of(recording).stimuli, recording.stimuli, strict=True)
        for name in accounts.missing(facts)
    }


def _missing(unit: Unit, accounts: Accounts) -> set[str]:
    """Spaces that would have to be computed, for whichever stimulus."""
    return {name for facts in stimuli_of(unit, accounts).values() for name in accounts.missing(facts)}


def to_compute(
    units: Sequence[Unit], accounts: Accounts, missing: Callable[[StimulusFacts], Sequence[str]]
) -> dict[str, list[float]]:
    """Of each space that would have to be computed, by name, the seconds of each stimulus for which it would.

    Parameters
    ----------
    units : that would be fitted.
    accounts : of their recordings.
    missing : stimulus → spaces that it has no features of.
    """
    stimuli = {label: facts for unit in units for label, facts in stimuli_of(unit, accounts).items()}
    found: dict[str, list[float]] = {}
    for facts in stimuli.values():
        for name in missing(facts):
            found.setdefault(name, []).append(facts.duration_s)
    return dict(sorted(found.items()))


def unit_costs(judge: Judge, foreseen: Foreseen, options: RunOptions, n_workers: int) -> dict[str, UnitCost]:
    """What units that will be fitted should take, by which they are shared out to several processes.

    Parameters
    ----------
    judge : which results count.
    foreseen : units that cannot be fitted.
    options : of each process.
    n_workers : processes.

    Returns
    -------
    By stem; nothing where some unit's cost is not known, or none may be shared out (`unit_cost`), or units are too
    many for it to pay.
    """
    if not may_pay(len(judge.preflight.units), n_workers):
        return {}
    costs: dict[str, UnitCost] = {}
    slower, job = pace(), replace(judge.job, options=options)
    for unit in judge.preflight.units:
        if unit.stem in foreseen.refused or not (options.force or not judge.at_hand(unit).suffices):
            continue
        cost = None
        with boundary(lambda error: None):  # a fault of the estimate costs no unit
            cost = unit_cost(unit, *judge.accounts.of_unit(unit), job, slower)
        if cost is None:
            return {}
        costs[unit.stem] = cost
    return costs
