"""What is said in a worker process, kept in its order for the one that asked for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from bids_app.boundary import LOGGER
from bids_app.errors import ConcordError
from bids_app.execution import Book, State, StatusRow
from bids_app.pipeline.watching.screen import Screen

NO_TRACE = (None, None, None)  # of a record whose traceback is a text already


@dataclass(frozen=True)
class Begun:
    """A unit was begun, by its stem."""

    stem: str


@dataclass(frozen=True)
class AtWork:
    """What a unit is at, by the title that lines have."""

    title: str
    state: State


Event = Begun | AtWork | StatusRow  # what is told at once


def to_plain(event: Event) -> dict[str, Any]:
    """An event as dask can send it.

    Parameters
    ----------
    event : of any kind.
    """
    return {"kind": type(event).__name__, "value": asdict(event)}


def from_plain(sent: Mapping[str, Any]) -> Event:
    """The event that was sent.

    Parameters
    ----------
    sent : by `to_plain`, with what dask adds.
    """
    kind, value = sent["kind"], sent["value"]
    if kind == "AtWork":
        return AtWork(value["title"], State(**value["state"]))
    return Begun(**value) if kind == "Begun" else StatusRow(**value)


@dataclass(frozen=True)
class Line:
    """A line, or one for who asks for details."""

    text: str
    is_detail: bool = False


@dataclass(frozen=True)
class Removed:
    """Rows of status.tsv that are no more."""

    units: tuple[str, ...]


@dataclass(frozen=True)
class Logged:
    """A record of the log; its traceback as a text, empty without one."""

    logger: str
    level: int
    text: str
    trace: str


Said = StatusRow | Line | Removed | Logged


@dataclass(frozen=True)
class Outcome:
    """What became of one piece of work.

    Parameters
    ----------
    failed : how much of it did.
    said : rows, lines and records of the log, in their order.
    stopped : what ends the whole run, if so.
    """

    failed: int = 0
    said: tuple[Said, ...] = ()
    stopped: ConcordError | None = None


class Telling:
    """Takes what a piece of work says. That it has begun, and what it is at, is posted at once.

    Parameters
    ----------
    post : takes an event.
    rows : of status.tsv, as whoever asked for the work knows them.
    every_s : how often what it is at is posted.
    log : the file that its log will be in, which bugs name.
    """

    def __init__(
        self, post: Callable[[Event], object], rows: Iterable[StatusRow] = (), every_s: float = 60.0, log: Any = None
    ) -> None:
        self._post, self._rows, self.every_s, self._log = post, [*rows], every_s, log
        self.said: list[Said] = []

    @property
    def book(self) -> Book:
        """Takes rows."""
        return self

    @property
    def screen(self) -> Screen:
        """Takes lines."""
        return Screen(
            lambda line: self.said.append(Line(line)), lambda line: self.said.append(Line(line, is_detail=True)), self
        )

    def record(self, row: StatusRow) -> None:
        """A row of the table; that a unit runs is posted."""
        if row.status == "running":
            self._post(row)
        else:
            self.said.append(row)

    def remove(self, units: Iterable[str]) -> None:
        """Rows that are no more."""
        self.said.append(Removed(tuple(units)))

    def rows(self) -> list[StatusRow]:
        """The rows that were given."""
        return self._rows

    def show(self, title: str, state: State) -> None:
        """Post what a unit is at."""
        self._post(AtWork(title, state))

    def clear(self) -> None:
        """Nothing is shown here."""

    @contextmanager
    def logged(self) -> Iterator[None]:
        """Within, records of the log and Python's warnings are kept."""
        handler, warned = _Kept(self.said, self._log), logging.getLogger("py.warnings")
        LOGGER.setLevel(logging.INFO)
        LOGGER.propagate = warned.propagate = False
        for logger in (LOGGER, warned):
            logger.addHandler(handler)
        logging.captureWarnings(True)
        try:
            yield
        finally:
            logging.captureWarnings(False)
            for logger in (LOGGER, warned):
                logger.removeHandler(handler)


class _Kept(logging.Handler):
    def __init__(self, said: list[Said], path: Any) -> None:
        super().__init__()
        self._said, self.path = said, path

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
        self._said.append(Logged(record.name, record.levelno, record.getMessage(), trace))


def say_again(said: Iterable[Said], book: Book, screen: Screen) -> None:
    """Say in this process what was said in another one.

    Parameters
    ----------
    said : in its order.
    book : takes rows.
    screen : takes lines.
    """
    for one in said:
        match one:
            case StatusRow():
                book.record(one)
            case Removed():
                book.remove(one.units)
            case Line():
                (screen.detail if one.is_detail else screen.say)(one.text)
            case Logged():
                record = logging.LogRecord(one.logger, one.level, "", 0, "%s", (one.text,), None)
                if one.trace:
                    record.exc_text, record.exc_info = one.trace, NO_TRACE
                logging.getLogger(one.logger).handle(record)
