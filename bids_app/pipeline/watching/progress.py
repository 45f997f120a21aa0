"""What is said of a run while it goes on: lines on the terminal, and rows of status.tsv."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from bids_app.errors import Busy, ConcordError
from bids_app.execution import Book, Stages, Status, StatusRow, peak_mb
from bids_app.pipeline.job.job import Notify
from bids_app.pipeline.watching.screen import Screen
from bids_app.records import NO_EFFORT, Effort


@dataclass(frozen=True)
class Progress:
    """Where stages say what became of a unit of work."""

    book: Book
    screen: Screen

    @property
    def notify(self) -> Notify:
        """Takes one line."""
        return self.screen.say

    def start(self, unit: str, participant: str, title: str = "") -> Work:
        """A unit of work begins now.

        Parameters
        ----------
        unit : its name in status.tsv.
        participant : whose it is; `group` of the group level.
        title : how lines name it; the unit's name where none is given.
        """
        return Work(self, unit, participant, title or unit)


@dataclass(frozen=True)
class Work:
    """One unit of work: a fit, a mean response, or the group level."""

    progress: Progress
    unit: str
    participant: str
    title: str
    started_s: float = field(default_factory=time.monotonic)

    @cached_property
    def stages(self) -> Stages:
        """What it is at; whoever works on it tells."""
        return Stages(lambda name: self.detail(f"{name} …"))

    @property
    def seconds(self) -> float:
        """Since it began."""
        return round(time.monotonic() - self.started_s, 1)

    @property
    def effort(self) -> Effort:
        """What it took so far."""
        return Effort(self.seconds, peak_mb())

    def record(
        self,
        status: Status,
        reason: str = "",
        effort: Effort | None = None,
    ) -> None:
        """Its row of status.tsv.

        Parameters
        ----------
        status : what became of it.
        reason : why, or what its results warn of.
        effort : of the run that made it; None: what it took so far, and nothing where it was not tried.
        """
        took = effort or (NO_EFFORT if status == "skipped" else self.effort)
        row = StatusRow(self.unit, self.participant, status, took.seconds, took.peak_mb, reason)
        self.progress.book.record(row)

    @contextmanager
    def running(self) -> Iterator[None]:
        """A row that says that it runs, and since when; a failed row where a signal stops it, or another job does.

        Raises
        ------
        Busy, KeyboardInterrupt : what stopped it.
        """
        self.record(
            "running", f"began at {datetime.now():%Y-%m-%d %H:%M:%S} and has not ended, or was killed", NO_EFFORT
        )
        try:
            with self.shown():
                yield
        except KeyboardInterrupt:
            self.record("failed", "interrupted: run the same command to go on")
            raise
        except Busy as error:
            self.fail(error)
            raise

    @contextmanager
    def shown(self) -> Iterator[None]:
        """What it is at is shown again and again, by a thread of its own, whatever the work waits for."""
        ended, live = threading.Event(), self.progress.screen.live

        def show() -> None:
            """Until the work has ended."""
            while not ended.wait(live.every_s):
                state = self.stages.state()
                if state.stage:  # else none has begun
                    live.show(self.title, state)

        watching = threading.Thread(target=show, name="progress", daemon=True)
        watching.start()
        try:
            yield
        finally:
            ended.set()
            watching.join()
            live.clear()

    def say(self, line: str) -> None:
        """One line on the terminal."""
        self.progress.notify(f"{self.title}: {line}")

    def detail(self, line: str) -> None:
        """One line in the log, and on the terminal where details are asked for."""
        self.progress.screen.detail(f"{self.title}: {line}")

    @property
    def took(self) -> str:
        """Seconds of each stage, in words."""
        return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.stages.spent_s.items())

    def fail(self, error: ConcordError) -> str:
        """A failed row, whose reason is returned."""
        reason = str(error)
        self.record("failed", reason)
        self.say(f"failed: {reason}")
        return reason
