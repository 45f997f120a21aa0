"""What a running command says: each line at once, with the time; a reader that has gone costs nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from bids_app.settings.run_options import RunOptions


def said_plainly(line: str) -> None:
    """A line on standard output, flushed, in an encoding that has all its characters or with marks in their place.

    A stream that takes no more (a closed pipe, a full disk) is left, and nothing is said from then on: what is
    computed does not hang on who listens.

    Parameters
    ----------
    line : without its end.
    """
    try:
        print(line, flush=True)
    except UnicodeEncodeError:
        encoding = sys.stdout.encoding or "ascii"
        said_plainly(line.encode(encoding, "replace").decode(encoding))
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


def how_to_say(options: RunOptions) -> Callable[[str], None]:
    """What a run says its lines with: a dry run is asked for its tables, and says them in any case.

    Parameters
    ----------
    options : of the command line; `quiet` counts.
    """
    if options.dry_run:
        return said_plainly
    return said_nowhere if options.quiet else said_with_time


def leave_output() -> None:
    """Let standard output go nowhere from now on, so that nothing complains of it at the end."""
    with suppress(Exception):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
