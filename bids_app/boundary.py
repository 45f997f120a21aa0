"""The one boundary around a recording or a unit of work: whatever is raised within costs that alone, in one line."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bids_app.errors import EXPECTED, Bug, Busy, ConcordError, with_exit_code

LOGGER = logging.getLogger("concord")


class boundary:  # noqa: N801 - a context, used as a function is
    """Whatever is raised within costs what is worked on there, and nothing else: the work goes on behind it.

    Memory that ran out and recursion that went too deep are among it; interrupts are not, nor another job that holds
    what is needed: there is no going on beside it.

    Parameters
    ----------
    lost : takes the error that it is, of `bids_app/errors.py`: what is not expected is a bug of Concord.
    """

    def __init__(self, lost: Callable[[ConcordError], object]) -> None:
        self._lost = lost

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        """Whether what was raised stays within."""
        if not isinstance(error, Exception) or isinstance(error, Busy):
            return False
        known = known_error(error)
        with suppress(Exception):
            _let_go(error)
        self._lost(known)
        return True


def known_error(error: Exception, expected: tuple[type[Exception], ...] = EXPECTED) -> ConcordError:
    """The error of `bids_app/errors.py` that anything raised is; its traceback goes to the log.

    Parameters
    ----------
    error : what was raised.
    expected : types that are no bug.
    """
    if not isinstance(error, EXPECTED) or not isinstance(error, expected):
        return bug_of(error)
    with suppress(Exception):  # such as memory that ran out again
        LOGGER.warning("%s", error, exc_info=error)
    return with_exit_code(error)


def reason_of(error: Exception, expected: tuple[type[Exception], ...] = EXPECTED) -> str:
    """One line for status.tsv: see `known_error`.

    Parameters
    ----------
    error, expected : as of `known_error`.
    """
    return str(known_error(error, expected))


def bug_of(error: BaseException) -> Bug:
    """The bug that an unexpected exception is, its traceback in the log of this run where that can be written."""
    path: object = ""
    with suppress(Exception):
        LOGGER.error("a bug of Concord", exc_info=error)
        path = log_path() or ""
    return Bug.of(error, path)


def log_path() -> Path | None:
    """The file of this run's log, where there is one by now."""
    logs = (getattr(handler, "path", None) for handler in LOGGER.handlers)
    return next((path for path in logs if path is not None and path.exists()), None)


def _let_go(error: BaseException) -> None:
    """What functions that were left held in memory is let go, as it may be what there was too little of."""
    link: BaseException | None = error
    while link is not None:
        traceback.clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__
