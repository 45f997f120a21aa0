"""The participant level on a worker of a cluster: one piece of it at a time, as a run in one process does it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bids_app.boundary import boundary
from bids_app.disk import sweep_scratch
from bids_app.errors import Busy
from bids_app.execution import StatusRow, Unit
from bids_app.inputs.homes import named
from bids_app.pipeline.accounts import Accounts
from bids_app.pipeline.cluster.telling import Begun, Outcome, Telling
from bids_app.pipeline.cluster.workplace import Post
from bids_app.pipeline.job.job import Job, made_here
from bids_app.pipeline.job.models import CheckedModels
from bids_app.pipeline.job.stimulus_library import StimulusLibrary
from bids_app.pipeline.judge import Judge
from bids_app.pipeline.participants import fit_and_keep, fit_and_write, make_space, write_report
from bids_app.pipeline.preflight import Preflight
from bids_app.pipeline.runs.subspace_cache import SubspaceCache
from bids_app.pipeline.watching.progress import Progress
from bids_app.process import set_environment
from bids_app.records import Part, Recording, StimulusEvent

TOLD_S = 2.0  # what units are at is told this often


def share_name(stem: str, part: Part) -> str:
    """What a share of a unit's targets is called.

    Parameters
    ----------
    stem : of the unit.
    part : of its targets.
    """
    return f"share {part.number + 1} of {part.of} of {stem}"


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

    shares: tuple[Path, ...] = ()  # files of those of its targets that others were given to fit


@dataclass(frozen=True)
class ShareOrder:
    """A share of a unit's targets, and the file that it goes into."""

    unit: Unit
    title: str
    preflight: Preflight
    part: Part
    path: Path

    @property
    def name(self) -> str:
        """Of the work."""
        return share_name(self.unit.stem, self.part)


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
                judge = desk.judge(order.preflight)
                well = fit_and_write(work, order.unit, judge, order.models, desk.cache, order.shares)
        except Busy as error:
            stopped = error
    return Outcome(int(not well), tuple(telling.said), stopped)


def fit_a_share(desk: Desk, order: ShareOrder, post: Post) -> Outcome:
    """A share of a unit's targets, into a file. One that cannot be fitted costs nothing here: the unit, which is
    given out afterwards, fits these targets itself, and says what is wrong with them."""
    post(Begun(order.name))
    telling, stopped = Telling(post, every_s=TOLD_S, log=desk.log), None
    progress = Progress(telling.book, telling.screen)
    title = order.title.replace(order.unit.stem, order.name)
    work = progress.start(order.unit.stem, order.unit.participant, title)
    with telling.logged(), named(desk.homes):
        try:
            with boundary(lambda error: work.detail(f"not fitted: {error}")):
                fit_and_keep(work, order.unit, desk.judge(order.preflight), desk.cache, order.part, order.path)
        except Busy as error:
            stopped = error
    return Outcome(0, tuple(telling.said), stopped)


def report(desk: Desk, order: ReportOrder, post: Post) -> Outcome:
    """One participant's report. Raises what ends the run."""
    telling = Telling(post, order.rows, log=desk.log)
    with telling.logged(), named(desk.homes):
        progress = Progress(telling.book, telling.screen)
        failed = write_report(desk.judge(order.preflight), order.participant, progress)
    return Outcome(failed, tuple(telling.said))
