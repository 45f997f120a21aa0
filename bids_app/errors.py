"""The tree of errors. Each has an exit code of the BIDS execution specification and says what, where and what to do.

ConcordError (1)
├── NotBids (16)           dataset_description.json absent or unreadable
├── UnknownLevel (17)      an analysis level that does not exist
├── NothingMatched (18)    labels or filters that match nothing
├── UsageError (64)        the command line or the analysis file is wrong
├── DataError (65)         a file's content is wrong: costs its recording, not the run
│   └── Undecided          … or leaves open what only its user can say
├── NoInput (66)           a file or folder that is needed is not there
├── Bug (70)               an error that Concord does not expect: a bug of Concord
├── CannotCreate (73)      the output cannot be created
├── ReadWriteError (74)    reading or writing failed
├── OutOfMemory (75)       a fit needs more memory than it is given: costs its unit, not the run
└── Busy (75)              another job holds what is needed for too long: the same command goes on later

Whoever catches `Exception` makes a `Bug` of it: nothing but an expected type becomes a hint of what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

MOST_LETTERS = 2000  # of what is said of one thing: a table may have a hundred thousand columns to be named


class ConcordError(Exception):
    """One line to the user: `what`, `where` (a path or name) and `hint` (what to do)."""

    exit_code = 1

    def __init__(self, what: str, where: object = "", hint: str = "") -> None:
        self.what, self.where, self.hint = what, str(where), hint
        super().__init__(str(self))

    def __str__(self) -> str:
        what, hint = (
            text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]} …" for text in (self.what, self.hint)
        )
        place = f": {self.where}" if self.where else ""
        advice = f" ({hint})" if hint else ""
        return printable(f"{what}{place}{advice}")

    def __reduce__(self) -> tuple[type[ConcordError], tuple[str, str, str]]:
        return type(self), (self.what, self.where, self.hint)


def _short(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]} …"


def printable(text: str) -> str:
    """A text as one line that any terminal and file can take: names of files may hold any byte.

    Parameters
    ----------
    text : of any characters.
    """
    line = " ".join(text.split())
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in line)


class NotBids(ConcordError):
    """The folder is not a BIDS data set."""

    exit_code = 16


class UnknownLevel(ConcordError):
    """An analysis level other than participant and group."""

    exit_code = 17


class NothingMatched(ConcordError):
    """Labels or filters match no recording."""

    exit_code = 18


class UsageError(ConcordError):
    """The command line or the analysis file is wrong."""

    exit_code = 64


class DataError(ConcordError):
    """A file's content is wrong; costs its recording, never the run."""

    exit_code = 65


class Undecided(DataError):
    """The data set leaves open what only its user can say: costs its recording, whoever else can be used."""


class NoInput(ConcordError):
    """A file or folder that is needed is not there."""

    exit_code = 66


class Bug(ConcordError):
    """An error that Concord does not expect; inside a recording or unit it costs that alone."""

    exit_code = 70

    @classmethod
    def of(cls, error: BaseException, log: object = "") -> Bug:
        """From an unexpected exception.

        Parameters
        ----------
        error : the exception.
        log : the file that holds its traceback, if one does.
        """
        hint = f"traceback in {log}" if log else "-vv shows the traceback"
        return cls(f"a bug of Concord: {type(error).__name__}: {error}", hint=hint)


class CannotCreate(ConcordError):
    """The output cannot be created."""

    exit_code = 73


class ReadWriteError(ConcordError):
    """Reading or writing failed."""

    exit_code = 74


class OutOfMemory(ConcordError):
    """A fit needs more memory than it is given; costs its unit, never the run."""

    exit_code = 75


class Busy(ConcordError):
    """Another job has held what is needed for too long."""

    exit_code = 75


EXPECTED = (ConcordError, MemoryError, OSError)  # what has an exit code of its own, and is no bug


def with_exit_code(error: ConcordError | MemoryError | OSError) -> ConcordError:
    """The error of this tree that an expected one is: failures of memory and of the disk are of it, too.

    Parameters
    ----------
    error : of EXPECTED.

    Returns
    -------
    The error itself where it is of this tree, else one that it is the cause of.
    """
    if isinstance(error, ConcordError):
        return error
    known: ConcordError
    if isinstance(error, MemoryError):
        known = OutOfMemory("out of memory", hint=str(error) or "fewer targets or spaces at a time need less")
    else:
        known = ReadWriteError(error.strerror or str(error), error.filename or "")
    known.__cause__ = error
    return known


def did_you_mean(word: str, known: Iterable[str], renamed: Mapping[str, str] | None = None) -> str:
    """Advice for a misspelt word, whatever its case.

    Parameters
    ----------
    word : what was written.
    known : what is understood.
    renamed : former name → today's, for names that are not spelt alike.

    Returns
    -------
    `did you mean 'x'?` where there is such a word, else an empty string.
    """
    todays = (renamed or {}).get(word)
    by_lower_case = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), list(by_lower_case), n=1)
    meant = todays or (by_lower_case[close[0]] if close else None)
    return f"did you mean '{meant}'?" if meant else ""
