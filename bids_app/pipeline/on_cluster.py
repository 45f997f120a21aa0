"""The participant level on a cluster: its workers make features, units and reports; this process says what became of
them, and writes the rows of status.tsv."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile
from pathlib import Path

from bids_app.boundary import boundary, known_error, log_path
from bids_app.disk import sweep_scratch
from bids_app.errors import Busy
from bids_app.execution import State, StatusRow, Unit
from bids_app.inputs.homes import named
from bids_app.pipeline.accounts import Accounts
from bids_app.pipeline.cluster.crew import Crew, Ended, Lost, crew_of
from bids_app.pipeline.cluster.opening import open_cluster, worker_limits
from bids_app.pipeline.cluster.telling import AtWork, Begun, Event, Outcome, Telling, say_again
from bids_app.pipeline.cluster.workplace import Post
from bids_app.pipeline.foreseen import Foreseen, Heard, features_title, features_to_make
from bids_app.pipeline.job.job import Job, made_here
from bids_app.pipeline.job.models import CheckedModels
from bids_app.pipeline.job.stimulus_library import StimulusLibrary
from bids_app.pipeline.judge import Judge
from bids_app.pipeline.participants import (
    STOPPED,
    fit_and_write,
    make_space,
    record_unused,
    titled,
    write_report,
)
from bids_app.pipeline.preflight import Preflight
from bids_app.pipeline.runs.subspace_cache import SubspaceCache
from bids_app.pipeline.watching.progress import Progress, Work
from bids_app.process import set_environment
from bids_app.records import Recording, StimulusEvent

FEATURES, REPORT = 2, 1  # are done before units (0): others wait for them
TOLD_S, MOST_TOLD = 2.0, 3  # what units are at is told this often by workers, and of so many at once to the user
INTERRUPTED = "interrupted: run the same command to go on"
Wanted = Mapping[tuple[str, str], Heard]  # (stimulus, space) → a playing that the stimulus is heard in


# ------------------------------------------------------------------------------------------------ on a worker
@dataclass(frozen=True)
class Desk:
    """What a worker process keeps of one run: what another job with the same command would have."""

    job: Job
    library: StimulusLibrary
    accounts: Accounts
    cache: SubspaceCache
    homes: tuple[Path, ...]
    log: Path | None

    def judge(self, preflight: Preflight) -> Judge:
        """Of results, by what preflight knows of a participant."""
        return Judge(self.job, self.library, self.accounts, preflight)


def make_desk(job: Job, homes: tuple[Path, ...], log: Path | None) -> Desk:
    """What a worker keeps. What killed ones left on its machine goes first, as --work-dir may be a disk of its own.

    Parameters
    ----------
    job : with the device that was asked for, and a worker's threads and memory.
    homes : where links of the data set may lead.
    log : the file that the run's log is in, which bugs name.

    Raises
    ------
    UsageError : there is no such device on the worker's machine.
    """
    set_environment(job.options.models.offline)
    sweep_scratch(job.options.scratch_dir)
    own = made_here(job)
    library = StimulusLibrary(own)
    return Desk(own, library, Accounts(own, library), SubspaceCache(), homes, log)


@dataclass(frozen=True)
class FeatureOrder:
    """One space's features of one stimulus."""

    recording: Recording
    event: StimulusEvent
    space: str
    title: str


@dataclass(frozen=True)
class UnitOrder:
    """A unit, and what is known of its participant and of models."""

    unit: Unit
    title: str
    preflight: Preflight
    models: CheckedModels


@dataclass(frozen=True)
class ReportOrder:
    """A participant's report, and the rows of status.tsv that it rests on."""

    participant: str
    preflight: Preflight
    rows: tuple[StatusRow, ...]


def make_features(desk: Desk, order: FeatureOrder, post: Post) -> Outcome:
    """Features of one space. What cannot be made costs nothing here, unless features alone are asked for: units that
    need it say so."""
    telling = Telling(post)
    with telling.logged(), named(desk.homes):
        well = make_space(desk.library, (order.recording, order.event), order.space, order.title, telling.screen.say)
    return Outcome(int(not well), tuple(telling.said)) if desk.job.options.features_only else Outcome()


def fit(desk: Desk, order: UnitOrder, post: Post) -> Outcome:
    """One unit, as a run in one process does it."""
    post(Begun(order.unit.stem))
    telling, stopped, well = Telling(post, every_s=TOLD_S, log=desk.log), None, False
    work = Progress(telling.book, telling.screen).start(order.unit.stem, order.unit.participant, order.title)
    with telling.logged(), named(desk.homes):
        try:
            with boundary(work.fail):
                well = fit_and_write(work, order.unit, desk.judge(order.preflight), order.models, desk.cache)
        except Busy as error:
            stopped = error
    return Outcome(int(not well), tuple(telling.said), stopped)


def report(desk: Desk, order: ReportOrder, post: Post) -> Outcome:
    """One participant's report. Raises what ends the run."""
    telling = Telling(post, order.rows, log=desk.log)
    with telling.logged(), named(desk.homes):
        progress = Progress(telling.book, telling.screen)
        failed = write_report(desk.judge(order.preflight), order.participant, progress)
    return Outcome(failed, tuple(telling.said))


# ------------------------------------------------------------------------------------------------ in this process
def run_participants_on_cluster(
    judge: Judge, foreseen: Foreseen, progress: Progress, device: str, homes: Sequence[Path]
) -> int:
    """`run_participants` by a cluster's workers.

    Parameters
    ----------
    judge : what the run was asked for, what can be computed, and which results count.
    foreseen : units that cannot be fitted: these fail at once.
    progress : takes rows of status.tsv, and lines.
    device : that was asked for, which each worker finds on its own machine.
    homes : where links of the data set may lead.

    Returns
    -------
    How many recordings and units failed.

    Raises
    ------
    NoInput, UsageError, CannotCreate : there is no cluster, or it cannot do this.
    ReadWriteError : it has gone.
    """
    options = judge.job.options
    threads, mem_mb = worker_limits(options)
    options = replace(options, threads=threads, mem_mb=mem_mb, models=replace(options.models, device=device))
    make = partial(make_desk, replace(judge.job, options=options), tuple(homes), log_path())
    features = {} if options.reports_only else features_to_make(judge, foreseen)
    n_most = max(len(judge.preflight.units), len(features), len(judge.preflight.participants))
    with open_cluster(options, n_most, progress.notify) as client, crew_of(client, make) as crew:
        progress.notify(f"{crew.n_workers} worker process{'' if crew.n_workers == 1 else 'es'}")
        return _Level(crew, judge, foreseen, progress, on_gpu=device != "cpu").run(features)


@dataclass
class _Level:
    """What was given to whom, who has begun, and how much has failed."""

    crew: Crew
    judge: Judge
    foreseen: Foreseen
    progress: Progress
    on_gpu: bool
    failed: int = 0
    waiting: dict[str, Work] = field(default_factory=dict)  # stem → a unit that has not ended
    begun: dict[str, State | None] = field(default_factory=dict)  # stem → what it is at
    fitting: set[str] = field(default_factory=set)  # those begun that nothing is reused for
    features: list[str] = field(default_factory=list)  # names of what units wait for
    left: Counter[str] = field(default_factory=Counter)  # participant → units that have not ended
    shown_s: float = field(default_factory=time.monotonic)

    @property
    def stops(self) -> bool:
        """Whether no other unit is begun."""
        return bool(self.failed) and self.judge.job.options.stop_on_first_crash

    def run(self, features: Wanted) -> int:
        """Give everything out, and take what comes. Returns how much failed."""
        try:
            self._give_all(features)
            while self.crew.pending:
                self._take(self.crew.next(self.progress.screen.live.every_s))
                self._show()
        except BaseException:
            for stem in self.fitting & self.begun.keys():
                self.waiting[stem].record("failed", INTERRUPTED)
            raise
        finally:
            self.progress.screen.live.clear()
        return self.failed

    def _give_all(self, features: Wanted) -> None:
        preflight, options = self.judge.preflight, self.judge.job.options
        if options.features_only:
            self._give_features(features)
            return
        if not options.reports_only:
            self.failed = record_unused(self.progress.book, preflight, preflight.unused)
            self.left.update(unit.participant for unit in preflight.units)
            self._give_features({} if self.stops else self._needed(features))
            for title, unit in titled(preflight.units):
                self._give_unit(title, unit, features)
        for participant in preflight.participants:
            if participant not in self.left:
                self._give_report(participant)

    def _give_features(self, features: Wanted) -> None:
        for (label, space), heard in features.items():
            on_gpu = self.on_gpu and space in self.foreseen.models.of_models
            title = features_title(label, space)
            order = FeatureOrder(*heard, space, title)
            self.crew.give(title, make_features, order, on_gpu=on_gpu, priority=FEATURES)
            self.features.append(title)

    def _needed(self, features: Wanted) -> Wanted:
        """Those of units that will be begun: none after the first that is known to fail, where that stops all."""
        units, refused = self.judge.preflight.units, self.foreseen.refused
        if not self.judge.job.options.stop_on_first_crash:
            return features
        heard = {
            label for unit in takewhile(lambda one: one.stem not in refused, units) for label in self._heard(unit)
        }
        return {(label, space): one for (label, space), one in features.items() if label in heard}

    def _heard(self, unit: Unit) -> set[str]:
        """Labels of its stimuli."""
        return {facts.label for one in unit.recordings for facts in self.judge.accounts.of(one).stimuli}

    def _give_unit(self, title: str, unit: Unit, features: Wanted) -> None:
        work = self.progress.start(unit.stem, unit.participant, title)
        self.waiting[unit.stem] = work
        if self.stops:
            self._skip(work)
        elif unit.stem in self.foreseen.refused:
            with boundary(work.fail):
                self.foreseen.require(unit)
            self.failed += 1
            self._ended(work)
        else:
            heard = self._heard(unit)
            after = [features_title(label, space) for label, space in features if label in heard]
            own = self.judge.preflight.only(unit.participant)
            order = UnitOrder(unit, title, own, self.foreseen.models)
            self.crew.give(unit.stem, fit, order, after, self.on_gpu)

    def _give_report(self, participant: str) -> None:
        rows = tuple(row for row in self.progress.book.rows() if row.participant == participant)
        order = ReportOrder(participant, self.judge.preflight.only(participant), rows)
        self.crew.give(f"report of sub-{participant}", report, order, priority=REPORT)

    def _take(self, one: Ended | Lost | Event | None) -> None:
        match one:
            case Ended():
                self._take_outcome(one)
            case Lost(names):
                for stem in self.begun.keys() & {*names}:
                    del self.begun[stem]
                    self.fitting.discard(stem)
                    self.waiting[stem].say("its worker process has ended: another one begins it again")
            case Begun(stem) if stem in self.waiting:
                given = self.waiting[stem]  # its seconds count from now
                self.waiting[stem] = self.progress.start(given.unit, given.participant, given.title)
                self.begun[stem] = None
            case StatusRow() if one.unit in self.waiting:
                self.fitting.add(one.unit)
                self.progress.book.record(one)
            case AtWork(title, state) if (stem := title.rpartition(" ")[2]) in self.begun:
                self.begun[stem] = state

    def _take_outcome(self, ended: Ended) -> None:
        outcome = ended.outcome
        say_again(outcome.said, self.progress.book, self.progress.screen)
        if outcome.stopped is not None:
            self.begun.pop(ended.name, None)  # it has said why itself
            raise outcome.stopped
        work = self.waiting.get(ended.name)
        if work is not None:
            if ended.error is not None:
                work.fail(known_error(ended.error))
            self.failed += outcome.failed
            self._ended(work)
            if self.stops:
                self._stop()
        elif isinstance(ended.order, ReportOrder):
            if ended.error is not None:
                raise ended.error
            self.failed += outcome.failed
        elif self.judge.job.options.features_only:
            if ended.error is not None:
                self.progress.notify(f"{ended.name}: failed: {known_error(ended.error)}")
            self.failed += outcome.failed
            if self.stops:
                self.crew.drop(self.features)

    def _ended(self, work: Work) -> None:
        """Of a participant whose last unit this was the report can be written."""
        del self.waiting[work.unit]
        self.begun.pop(work.unit, None)
        self.left[work.participant] -= 1
        if not self.left[work.participant]:
            self._give_report(work.participant)

    def _skip(self, work: Work) -> None:
        work.record("skipped", STOPPED)
        self._ended(work)

    def _stop(self) -> None:
        """Nobody begins another unit; those that have begun end."""
        skipped = [work for stem, work in self.waiting.items() if stem not in self.begun]
        begun = self.crew.drop([*self.features, *(work.unit for work in skipped)])
        for work in skipped:
            if work.unit not in begun:
                self._skip(work)

    def _show(self) -> None:
        """What units are at, now and then."""
        live = self.progress.screen.live
        if time.monotonic() - self.shown_s < live.every_s or not self.begun:
            return
        self.shown_s = time.monotonic()
        n_units = len(self.judge.preflight.units)
        n_done = n_units - len(self.waiting)
        lines = [stem if state is None else f"{stem}: {state.line}" for stem, state in self.begun.items()]
        more = [f"{len(lines) - MOST_TOLD} more"] * (len(lines) > MOST_TOLD)
        share = (n_done + sum(state.share for state in self.begun.values() if state is not None)) / n_units
        live.show(f"{n_done} of {n_units} units done", State("; ".join((*lines[:MOST_TOLD], *more)), share, None))
