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
from bids_app.disk import scratch_folder
from bids_app.execution import State, StatusRow, Unit
from bids_app.execution.shares import share_counts
from bids_app.pipeline.cluster.crew import Crew, Ended, Lost, crew_of
from bids_app.pipeline.cluster.opening import open_cluster, worker_limits
from bids_app.pipeline.cluster.telling import AtWork, Begun, Event, say_again
from bids_app.pipeline.foreseen import Foreseen, Heard, features_title, features_to_make, unit_costs
from bids_app.pipeline.judge import Judge
from bids_app.pipeline.on_worker import (
    FeatureOrder,
    ReportOrder,
    ShareOrder,
    UnitOrder,
    fit,
    fit_a_share,
    make_desk,
    make_features,
    report,
)
from bids_app.pipeline.participants import STOPPED, record_unused, titled
from bids_app.pipeline.watching.progress import Progress, Work
from bids_app.records import Part

FEATURES, JOINED, SHARE, REPORT = 3, 2, 1, 1  # are done before whole units (0)
MOST_TOLD = 3  # of so many units at once the user is told what they are at
ALONE_S = 60.0  # without a word from anybody, after which it is looked whether anybody is there
ALONE = "no worker process is left: waiting for one (Ctrl-C ends this; the same command goes on from what is done)"
INTERRUPTED = "interrupted: run the same command to go on"
Wanted = Mapping[tuple[str, str], Heard]  # (stimulus, space) → a playing that the stimulus is heard in


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
    fits = not (options.reports_only or options.features_only)
    costs = unit_costs(judge, foreseen, options, options.nprocs) if fits else {}
    n_works = sum(share_counts([*costs.values()], options.nprocs)), len(judge.preflight.units)
    n_most = max(*n_works, len(features), len(judge.preflight.participants))
    with (
        open_cluster(options, n_most, progress.notify) as client,
        crew_of(client, make) as crew,
        scratch_folder(judge.job.out_dir / "logs") as folder,  # --work-dir may be a disk of this machine alone
    ):
        progress.notify(f"{crew.n_workers} worker process{'' if crew.n_workers == 1 else 'es'}")
        on_gpu = device != "cpu"
        if not fits or (on_gpu and crew.has_gpus):  # what takes how long there is not known
            costs = {}
        elif crew.n_workers != options.nprocs:
            costs = unit_costs(judge, foreseen, options, crew.n_workers)
        counts = dict(zip(costs, share_counts([*costs.values()], crew.n_workers), strict=True))
        return _Level(crew, judge, foreseen, progress, on_gpu, Shared(folder, counts)).run(features)


@dataclass
class Shared:
    """Units whose targets are fitted in shares.

    Parameters
    ----------
    folder : takes the shares' files.
    counts : stem → into how many it is cut; those that are not named into none.
    left : name of a share that has not ended → stem of its unit.
    begun : stems of which some share has begun.
    """

    folder: Path
    counts: Mapping[str, int] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)

    def files(self, stem: str) -> list[tuple[Part, Path]]:
        """Of each share of a unit, which targets it has, and its file; none of a unit that is not shared out."""
        count = self.counts.get(stem, 1)
        parts = [Part(number, count) for number in range(count)] if count > 1 else []
        return [(part, self.folder / f"{stem}_{part.number}.npz") for part in parts]

    def done(self, stem: str) -> float:
        """How much of a unit's shares has ended, 0 to 1."""
        count = self.counts.get(stem, 1)
        return 1 - sum(one == stem for one in self.left.values()) / count if count > 1 else 0.0


@dataclass
class _Level:
    """What was given to whom, who has begun, and how much has failed."""

    crew: Crew
    judge: Judge
    foreseen: Foreseen
    progress: Progress
    on_gpu: bool
    shared: Shared
    failed: int = 0
    waiting: dict[str, Work] = field(default_factory=dict)  # stem → a unit that has not ended
    given: dict[str, UnitOrder] = field(default_factory=dict)  # stem → a unit whose shares come first
    begun: dict[str, State | None] = field(default_factory=dict)  # a unit's stem, or name of a share → what it is at
    fitting: set[str] = field(default_factory=set)  # stems begun, or a share of which was, that nothing is reused for
    features: list[str] = field(default_factory=list)  # names of what units wait for
    left: Counter[str] = field(default_factory=Counter)  # participant → units that have not ended
    shown_s: float = field(default_factory=time.monotonic)
    heard_s: float = field(default_factory=time.monotonic)  # when anything came last, or it was looked who is there
    alone: bool = False  # whether that nobody is there was said

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
            for stem in self.fitting & self.waiting.keys():
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
            own, files = self.judge.preflight.only(unit.participant), self.shared.files(unit.stem)
            order = UnitOrder(unit, title, own, self.foreseen.models, tuple(path for _, path in files))
            if files:
                work.say(f"its targets are fitted in {len(files)} shares")
                self.given[unit.stem] = order
            else:
                self.crew.give(unit.stem, fit, order, after, self.on_gpu)
            for part, path in files:
                share = ShareOrder(unit, title, own, part, path)
                self.shared.left[share.name] = unit.stem
                self.crew.give(share.name, fit_a_share, share, after, self.on_gpu, SHARE)

    def _share_ended(self, ended: Ended) -> None:
        """A unit is given out when the last of its shares has ended, however they did: what they have not fitted it
        fits itself. It comes before shares of others, so that what they have is not lost where the run ends."""
        stem = self.shared.left.pop(ended.name)
        self.begun.pop(ended.name, None)
        if ended.error is not None:
            self.waiting[stem].detail(f"{ended.name}: not fitted: {known_error(ended.error)}")
        if stem not in self.shared.left.values():
            self.crew.give(stem, fit, self.given.pop(stem), (), self.on_gpu, JOINED)

    def _give_report(self, participant: str) -> None:
        rows = tuple(row for row in self.progress.book.rows() if row.participant == participant)
        order = ReportOrder(participant, self.judge.preflight.only(participant), rows)
        self.crew.give(f"report of sub-{participant}", report, order, priority=REPORT)

    def _take(self, one: Ended | Lost | Event | None) -> None:
        if one is None:
            self._look_round()
            return
        self.heard_s, self.alone = time.monotonic(), False
        match one:
            case Ended():
                self._take_outcome(one)
            case Lost(names):
                for name in self.begun.keys() & {*names}:
                    del self.begun[name]
                    self.fitting.discard(name)
                    stem = self.shared.left.get(name, name)
                    which = "its" if name == stem else f"the {name.removesuffix(f' of {stem}')}: its"
                    self.waiting[stem].say(f"{which} worker process has ended: another one begins it again")
            case Begun(name) if name in self.shared.left:
                self.begun[name] = None
                self.shared.begun.add(self.shared.left[name])
            case Begun(stem) if stem in self.waiting:
                given = self.waiting[stem]  # its seconds count from now
                self.waiting[stem] = self.progress.start(given.unit, given.participant, given.title)
                self.begun[stem] = None
            case StatusRow() if one.unit in self.waiting:
                if one.unit not in self.fitting:  # else the row of its first share stays, which says since when
                    self.progress.book.record(one)
                self.fitting.add(one.unit)
            case AtWork(title, state) if (name := title.partition("] ")[2]) in self.begun:
                self.begun[name] = state

    def _look_round(self) -> None:
        """Nothing comes: where nobody is left for whom there is anything to wait, this is said once."""
        if time.monotonic() - self.heard_s < ALONE_S:
            return
        alone = self.crew.is_alone
        if alone and not self.alone:
            self.progress.notify(ALONE)
        self.heard_s, self.alone = time.monotonic(), alone

    def _take_outcome(self, ended: Ended) -> None:
        outcome = ended.outcome
        say_again(outcome.said, self.progress.book, self.progress.screen)
        if outcome.stopped is not None:
            self.fitting.discard(self.shared.left.get(ended.name, ended.name))  # it has said why itself
            raise outcome.stopped
        work = self.waiting.get(ended.name)
        if ended.name in self.shared.left:
            self._share_ended(ended)
        elif work is not None:
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
        for _, path in self.shared.files(work.unit):
            path.unlink(missing_ok=True)
        self.left[work.participant] -= 1
        if not self.left[work.participant]:
            self._give_report(work.participant)

    def _skip(self, work: Work) -> None:
        work.record("skipped", STOPPED)
        self._ended(work)

    def _stop(self) -> None:
        """Nobody begins another unit; those that have begun end."""
        under_way = {*self.begun, *self.shared.begun}
        skipped = {stem: work for stem, work in self.waiting.items() if stem not in under_way}
        shares = {name: stem for name, stem in self.shared.left.items() if stem in skipped}
        begun = self.crew.drop([*self.features, *skipped, *shares])
        going = {shares.get(name, name) for name in begun}
        for name in shares.keys() - begun:
            del self.shared.left[name]
        for stem, work in skipped.items():
            if stem not in going:
                self._skip(work)

    def _show(self) -> None:
        """What units are at, now and then."""
        live = self.progress.screen.live
        if time.monotonic() - self.shown_s < live.every_s or not self.begun:
            return
        self.shown_s = time.monotonic()
        n_units = len(self.judge.preflight.units)
        n_done = n_units - len(self.waiting)
        lines = [name if state is None else f"{name}: {state.line}" for name, state in self.begun.items()]
        more = [f"{len(lines) - MOST_TOLD} more"] * (len(lines) > MOST_TOLD)
        share = (n_done + sum(map(self._share_of, self.waiting))) / n_units
        live.show(f"{n_done} of {n_units} units done", State("; ".join((*lines[:MOST_TOLD], *more)), share, None))

    def _share_of(self, stem: str) -> float:
        """How much of a unit that has not ended is done."""
        state = self.begun.get(stem)
        at_work = [one.share for name, one in self.begun.items() if one and self.shared.left.get(name) == stem]
        of_shares = self.shared.done(stem) + sum(at_work) / self.shared.counts.get(stem, 1)
        return of_shares if state is None else max(of_shares, state.share)
