"""Files of OUT_DIR are opened here: regular ones alone, as a pipe in the place of one never answers."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path


def require_regular(path: Path) -> None:
    """Make sure that a file which a library opens is a regular one.

    Parameters
    ----------
    path : of the file.

    Raises
    ------
    OSError : it is none, is not there, or cannot be reached.
    """
    _require(path.stat(), path)


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """A regular file, open for reading bytes.

    Parameters
    ----------
    path : of the file.

    Raises
    ------
    OSError : as of `require_regular`, or it cannot be opened.
    """
    require_regular(path)  # before it is opened: opening alone moves some devices
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with os.fdopen(number, "rb") as file:
        _require(os.fstat(number), path)  # what was opened, whatever has taken its place since
        yield file


def read_whole(path: Path) -> bytes:
    """All bytes of a regular file. Raises OSError."""
    with opened(path) as file:
        return file.read()


def read_text(path: Path, errors: str = "strict") -> str:
    """All of a regular file, as UTF-8, with one kind of line ends. Raises OSError, and UnicodeDecodeError.

    Parameters
    ----------
    path : of the file.
    errors : as of `bytes.decode`.
    """
    return read_whole(path).decode("utf-8", errors).replace("\r\n", "\n").replace("\r", "\n")


def _require(facts: os.stat_result, path: Path) -> None:
    if stat.S_ISDIR(facts.st_mode):
        raise IsADirectoryError(errno.EISDIR, "a folder where a file should be", str(path))
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
