"""What a running command says: each line at once, with the time; a reader that has gone costs nothing."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING

from bids_app.settings.run_options import RunOptions

if TYPE_CHECKING:
    from rich.progress import Progress

    from bids_app.execution import State
    from bids_app.pipeline.watching.screen import Screen

LINE_EVERY_S, SHOWN_EVERY_S = 60.0, 0.5  # in a file or a pipe; on a terminal


def said_plainly(line: str) -> None:
    """A line on standard output, flushed, in an encoding that has all its characters or with marks in their place.

    A stream that takes no more (a closed pipe, a full disk) is left, and nothing is said from then on: what is
    computed does not hang on who listens.

    Parameters
    ----------
    line : without its end.
    """
    try:
        # before it is printed: rich prints what it could not encode again with every line that follows
        stream = getattr(sys.stdout, "rich_proxied_file", sys.stdout)  # the proxy names no encoding
        encoding = getattr(stream, "encoding", None) or "utf-8"
        print(line.encode(encoding, "replace").decode(encoding), flush=True)
    except (OSError, ValueError):
        leave_output()


def said_with_time(line: str) -> None:
    """The same, after the time of day.

    Parameters
    ----------
    line : without its end.
    """
    said_plainly(f"{datetime.now():%H:%M:%S} {line}")


def said_nowhere(line: str) -> None:
    """Nothing."""


class InLines:
    """What a unit is at, as a line now and then: in a file, or a pipe.

    Parameters
    ----------
    say : takes the line.
    """

    every_s = LINE_EVERY_S

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def show(self, title: str, state: State) -> None:
        """One line.

        Parameters
        ----------
        title : of the unit.
        state : what it is at.
        """
        self._say(f"{title}: {state.line}")

    def clear(self) -> None:
        """Lines stay."""


class InPlace:
    """The same on a terminal: a line below all others, with a bar, that changes and goes when the unit has ended."""

    every_s = SHOWN_EVERY_S

    def __init__(self) -> None:
        self._bar: Progress | None = None

    def show(self, title: str, state: State) -> None:
        """Show or change the line.

        Parameters
        ----------
        title : of the unit.
        state : what it is at.
        """
        with suppress(OSError, ValueError):  # a terminal that has gone
            bar = self._bar or self._begun()
            bar.update(bar.task_ids[0], description=title, completed=state.share, state=state.line)
            bar.refresh()

    def clear(self) -> None:
        """Take the line away."""
        if self._bar is not None:
            with suppress(OSError, ValueError):
                self._bar.stop()
            self._bar = None

    def _begun(self) -> Progress:
        from rich.progress import BarColumn, Progress, TextColumn

        # lines that are printed meanwhile go above it; names are no markup
        columns = [TextColumn(f"{{task.{field}}}", markup=False) for field in ("description", "fields[state]")]
        # standard error stays where it is: it may be a file, while the line is on standard output
        self._bar = Progress(
            columns[0], BarColumn(), columns[1], transient=True, auto_refresh=False, redirect_stderr=False
        )
        self._bar.add_task("", total=1.0, state="")
        self._bar.start()
        return self._bar


def screen_of(options: RunOptions) -> Screen:
    """What a run is watched through: a dry run is asked for its tables, and says them in any case.

    Parameters
    ----------
    options : of the command line; `quiet` and `verbose` count.
    """
    from bids_app.pipeline.watching.screen import Screen

    if options.dry_run:
        return Screen(said_plainly, said_nowhere, InLines(said_nowhere))
    if options.quiet:
        return Screen(said_nowhere, said_nowhere, InLines(said_nowhere))
    detail = said_with_time if options.verbose else said_nowhere
    return Screen(said_with_time, detail, InPlace() if _is_terminal() else InLines(said_with_time))


def _is_terminal() -> bool:
    try:
        return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    except (AttributeError, ValueError):  # there is none, or it is closed
        return False


@contextmanager
def shown(verbose: int) -> Iterator[None]:
    """Within, standard error gets what -v asks of the log: libraries' warnings; with -vv tracebacks, of failed
    recordings and units too.

    Parameters
    ----------
    verbose : how often -v was given.
    """
    handler, loggers = _Shown(verbose), [logging.getLogger(name) for name in ("concord", "py.warnings")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)


class _Shown(logging.Handler):
    def __init__(self, verbose: int) -> None:
        super().__init__()
        self._verbose = verbose
        self.setFormatter(logging.Formatter("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record, or not."""
        least = 2 if record.exc_info else 1 if record.name == "py.warnings" else sys.maxsize
        if self._verbose >= least:
            with suppress(Exception):
                print(self.format(record), file=sys.stderr, flush=True)


def leave_output() -> None:
    """Let standard output go nowhere from now on, so that nothing complains of it at the end."""
    with suppress(Exception):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
