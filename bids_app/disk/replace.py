"""A file is written under a name of its own, flushed to the disk and renamed: whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from bids_app.disk.owners import OWNERS_NAME, is_left, own_token, try_lock

ENDING = ".part"  # of hidden names, while a file is written
OURS = re.compile(rf"\..+\.({OWNERS_NAME})\.[0-9a-f]{{8}}{re.escape(ENDING)}")  # a name that `_new_part` made


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to; flushed and renamed to `path` when all is written, gone when it is not.

    While this lasts the file is locked, so that `sweep_parts` of another process leaves it alone.

    Parameters
    ----------
    path : of the file; its folder is there.

    Raises
    ------
    OSError : where the disk refuses.
    """
    part, file = _new_part(path)
    try:
        with file:
            yield part
            os.fsync(file.fileno())
            rename(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all. Raises OSError where the disk refuses.

    Parameters
    ----------
    path : of the file; its folder is there.
    content : its bytes.
    """
    with replacing(path) as part:
        part.write_bytes(content)


def write_chunks(part: Path, chunks: Iterable[bytes]) -> None:
    """Write a file piece by piece, as large ones are made; `replacing` gives the path.

    Parameters
    ----------
    part : of the file.
    chunks : its bytes, in order.

    Raises
    ------
    OSError : where the disk refuses.
    """
    with part.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)


def rename(part: Path, path: Path) -> None:
    """The one place where a file takes its name: tests stop runs here."""
    part.replace(path)


def sweep_parts(folder: Path) -> None:
    """Remove the unfinished files of processes that have ended, in a folder and all below it; others stay, and so do
    hidden files of other programs.

    Parameters
    ----------
    folder : may be absent.
    """
    for part in sorted(folder.rglob(f".*{ENDING}")):
        name = OURS.fullmatch(part.name)
        if name is None:
            continue
        with suppress(OSError), part.open("r+b") as file:
            if is_left(name[1], part.stat().st_mtime) and try_lock(file) is not False:
                part.unlink()


def _new_part(path: Path) -> tuple[Path, BinaryIO]:
    """A new file that is locked, where the disk has locks."""
    while True:
        part = path.with_name(f".{path.name}.{own_token()}.{uuid4().hex[:8]}{ENDING}")
        file = part.open("xb")
        try:
            if try_lock(file) is not False and _is_there(part, file):
                return part, file
        except BaseException:
            file.close()
            raise
        part.unlink(missing_ok=True)
        file.close()  # swept between its birth and its lock: another one


def _is_there(path: Path, file: BinaryIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
