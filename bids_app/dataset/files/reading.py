"""Readers raise a zoo of exceptions on damaged files; a recording's cost is one DataError with the path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bids_app.errors import ConcordError, DataError
from bids_app.pointers import how_to_install, require_content


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn any failure of a third-party reader on `path` into DataError: its call alone belongs within.

    Raises
    ------
    DataError : the file is not there, was not fetched, or the reader failed.
    """
    require_content(path)
    if not path.exists():
        raise DataError("file is not there", path, how_to_install(path))
    try:
        yield
    except (ConcordError, MemoryError):
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[0]
        raise DataError(f"file cannot be read whole ({type(error).__name__}: {reason})", path) from error


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Give a parser's DataError the path of the file its text came from. Raises DataError."""
    try:
        yield
    except DataError as error:
        raise (error if error.where else DataError(error.what, path, error.hint)) from error.__cause__
