"""Every error is one line on standard error and an exit code; tracebacks are in the log, and shown with -vv."""

from __future__ import annotations

import re
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from bids_app.cli.terminal import leave_output
from bids_app.errors import EXPECTED, Bug, ConcordError, with_exit_code

INTERRUPTED, TERMINATED = 130, 143  # 128 and the signal's number, as shells have it
GO_ON = "run the same command to go on"


def run_in_one_line(program: str, arguments: Sequence[str], call: Callable[[], int]) -> int:
    """Call, and turn what it raises into one line on standard error.

    Parameters
    ----------
    program : name of the command.
    arguments : of the command line; -vv shows tracebacks.
    call : what is run.

    Returns
    -------
    The exit code: what `call` returns, or that of what it raises. An exception that is not expected is a bug of
    Concord: 70, and its traceback is in a log, in OUT_DIR/logs where a run was under way, else in the folder for
    temporary files.
    """
    try:
        with _terminable():
            return call()
    except Terminated:
        line, code = f"terminated; {GO_ON}", TERMINATED
    except KeyboardInterrupt:
        line, code = f"interrupted; {GO_ON}", INTERRUPTED
    except SystemExit:
        raise
    except BaseException as error:  # the last catch: libraries in Rust raise what is no Exception
        line, code = _line_of(error, program)
        if "".join(word for word in arguments if re.fullmatch("-v+", word)).count("v") > 1:
            traceback.print_exception(error)
    with _deaf():
        _say(f"{program}: {line}")
    return code


class Terminated(KeyboardInterrupt):
    """SIGTERM, as a batch system sends it before it kills: what is under way ends as if it had been interrupted."""


@contextmanager
def _terminable() -> Iterator[None]:
    """Within, SIGTERM raises `Terminated`, where signals can be waited for: in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _deaf() -> Iterator[None]:
    """Within, a signal that is sent again changes nothing: the command is about to end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated


def _say(line: str) -> None:
    """On standard error, whatever its encoding; a stream that is closed takes nothing."""
    with suppress(Exception):
        print(line, file=sys.stderr)
    try:
        sys.stdout.flush()
    except Exception:  # a reader that has gone: what is left would be complained of at the end
        leave_output()


def _line_of(error: BaseException, program: str) -> tuple[str, int]:
    """What is said of an error, and its exit code."""
    try:
        known = with_exit_code(error) if isinstance(error, EXPECTED) else _logged(error, program)
        return str(known), known.exit_code
    except Exception:  # there is no place for a log, or an error that cannot be told
        return f"a bug of Concord: {type(error).__name__}", Bug.exit_code


def _logged(error: BaseException, program: str) -> ConcordError:
    """A bug outside of any run, its traceback in a file of its own."""
    from bids_app.boundary import bug_of
    from bids_app.execution.log import open_log

    with open_log(Path(tempfile.gettempdir()), program):
        return bug_of(error)
