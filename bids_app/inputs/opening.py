"""What may be opened: a regular file where inputs lie, that is no larger than a file of its kind can be."""

from __future__ import annotations

import gzip
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from bids_app.errors import ConcordError, DataError
from bids_app.inputs.homes import require_inside
from bids_app.pointers import how_to_install, require_content

MB, GB = 2**20, 2**30
MOST_PARTS = 1_000_000  # files of a recording that is a folder


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Parameters
    ----------
    what : what it is called.
    most_bytes : that a file of it may have, many times what real ones have.
    """

    what: str
    most_bytes: int


GIT = Kind("file of git", 64 * 2**10)
JSON = Kind("JSON file", 64 * MB)
SETTINGS = Kind("file of settings", 16 * MB)
TABLE = Kind("table", 256 * MB)
TRANSCRIPT = Kind("transcript", 64 * MB)
HEADER = Kind("header file", 256 * MB)  # BrainVision's markers are among them
MASK = Kind("sample mask", 64 * MB)
SOUND = Kind("sound", 64 * GB)  # three hours of 24 channels at 48 kHz, as floats, have 46 GB
BINARY = Kind("file of responses, features or vectors", 1024 * GB)  # its header is checked against its size


def check_input(path: Path, kind: Kind = BINARY, home: Path | None = None) -> None:
    """Make sure that a file may be opened, or each file of a recording that is a folder.

    Parameters
    ----------
    path : of the file.
    kind : what it is.
    home : see `require_inside`.

    Raises
    ------
    DataError : it is not there, was not fetched, leads out of the data set, is no regular file, or too large.
    """
    try:
        facts = path.stat()
    except FileNotFoundError:
        require_content(path)
        raise DataError("file is not there", path, how_to_install(path)) from None
    except (OSError, ValueError) as error:
        raise DataError(f"file cannot be reached ({_short(error)})", path) from error
    require_inside(path, home)
    if stat.S_ISDIR(facts.st_mode):
        _check_folder(path, kind, home)
        return
    _require_regular(facts, path, kind)
    require_content(path)


def _check_folder(folder: Path, kind: Kind, home: Path | None) -> None:
    """Links to folders within are not followed by `os.walk`; they are checked all the same."""
    count = 0
    for place, folders, names in os.walk(folder):
        for name in folders:
            require_inside(Path(place, name), home)
        for name in names:
            check_input(Path(place, name), kind, home)
        count += len(names) + len(folders)
        if count > MOST_PARTS:
            raise DataError(f"the folder has more than {MOST_PARTS} files", folder)


def _require_regular(facts: os.stat_result, path: Path, kind: Kind) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise DataError(f"not a regular file but {_called(facts.st_mode)}", path, "put a file in its place")
    if facts.st_size > kind.most_bytes:
        size = f"{facts.st_size / MB:,.0f} MB, and a {kind.what} has at most {kind.most_bytes / MB:,.0f}"
        raise DataError(f"the file is too large: {size}", path)


def _called(mode: int) -> str:
    tests = {"a pipe": stat.S_ISFIFO, "a socket": stat.S_ISSOCK, "a folder": stat.S_ISDIR}
    return next((name for name, is_one in tests.items() if is_one(mode)), "a device")


def check_regular(path: Path, kind: Kind) -> None:
    """Make sure that a file that a third-party reader opens is a regular one of bounded size, wherever it lies.

    Parameters
    ----------
    path : of the file.
    kind : says how large it may be.

    Raises
    ------
    DataError : it is none, too large, or cannot be reached.
    """
    try:
        facts = path.stat()
    except OSError as error:
        raise DataError(f"file cannot be reached ({_short(error)})", path) from error
    _require_regular(facts, path, kind)


@contextmanager
def open_regular(path: Path, kind: Kind) -> Iterator[BufferedReader]:
    """A regular file of bounded size, wherever it lies. Raises DataError, and OSError where it cannot be opened."""
    _require_regular(path.stat(), path, kind)  # before it is opened: opening alone moves some devices
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with os.fdopen(number, "rb") as file:
        _require_regular(os.fstat(number), path, kind)  # what was opened, whatever has taken its place since
        yield file


@contextmanager
def open_input(path: Path, kind: Kind = BINARY, home: Path | None = None) -> Iterator[BufferedReader]:
    """An input, open for reading bytes.

    Parameters
    ----------
    path, kind, home : as of `check_input`.

    Raises
    ------
    DataError : as of `check_input`, and for whatever is raised by reading it.
    """
    with reading(path, kind, home), open_regular(path, kind) as file:
        yield file


@contextmanager
def open_unpacked(path: Path, kind: Kind = BINARY) -> Iterator[BufferedReader | gzip.GzipFile]:
    """An input, to be read piece by piece; of a `.gz` what it holds.

    Parameters
    ----------
    path, kind : as of `check_input`.

    Raises
    ------
    DataError : as of `open_input`.
    """
    with open_input(path, kind) as held:
        if not path.name.endswith(".gz"):
            yield held
            return
        with gzip.GzipFile(fileobj=held) as file:
            yield file


def read_bytes(path: Path, kind: Kind, home: Path | None = None) -> bytes:
    """All of an input.

    Parameters
    ----------
    path, kind, home : as of `check_input`.

    Raises
    ------
    DataError : as of `open_input`.
    """
    with open_input(path, kind, home) as file:
        content = file.read(kind.most_bytes + 1)
    if len(content) > kind.most_bytes:
        raise DataError(f"the file grew beyond what a {kind.what} has", path)
    return content


def read_named(path: Path, kind: Kind = SETTINGS) -> bytes:
    """All of a file that the user named on the command line, wherever it lies.

    Parameters
    ----------
    path : of the file.
    kind : which says how large it may be.

    Raises
    ------
    OSError : it cannot be opened, is no regular file, or too large.
    """
    try:
        with open_regular(path, kind) as file:
            return file.read(kind.most_bytes)
    except (DataError, ValueError) as error:  # of these, a name that no file can have
        raise OSError(str(error)) from error


@contextmanager
def reading(path: Path, kind: Kind = BINARY, home: Path | None = None) -> Iterator[None]:
    """An input that a third-party reader opens: checked first; the reader's call alone belongs within.

    Readers raise a zoo of exceptions on damaged files: whatever it is, it costs one DataError with the path.

    Parameters
    ----------
    path, kind, home : as of `check_input`.

    Raises
    ------
    DataError : as of `check_input`, or the reader failed.
    """
    check_input(path, kind, home)
    with failing(path):
        yield


@contextmanager
def failing(path: Path) -> Iterator[None]:
    """What a reader raises on a file that is open already, as one DataError with the path.

    Parameters
    ----------
    path : of the file.

    Raises
    ------
    DataError : the reader failed.
    """
    try:
        yield
    except (ConcordError, MemoryError):
        raise
    except Exception as error:
        raise DataError(f"file cannot be read whole ({type(error).__name__}: {_short(error)})", path) from error


def _short(error: Exception) -> str:
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (said.strip().splitlines() or [""])[0]


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Give a parser's DataError the path of the file its text came from. Raises DataError."""
    try:
        yield
    except DataError as error:
        raise (error if error.where else DataError(error.what, path, error.hint)) from error.__cause__
