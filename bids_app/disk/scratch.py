"""Folders of working files, of one process each: swept when it has ended, however it did."""

from __future__ import annotations

import errno
import math
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import Any, BinaryIO

from bids_app.disk.owners import FOREIGN_S, is_left, own_token, try_lock
from bids_app.disk.regular import require_regular
from bids_app.errors import ReadWriteError

PREFIX, OWNER = "concord-scratch-", "owner"
TOUCHED_S = FOREIGN_S / 24  # so often an owner shows other machines that it lives
NO_ALLOCATION = {errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL}  # of a disk that cannot
ZEROS = bytes(2**20)


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """A folder for as long as the context lasts, which no other process sweeps meanwhile.

    Parameters
    ----------
    parent : where it is made; it is made itself where it is absent.

    Raises
    ------
    OSError : where the disk refuses.
    """
    folder, file = _new_folder(parent)
    try:
        with file, _touched(folder / OWNER):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A scratch folder where this process's temporary files lie; what dead processes left there goes first.

    Raises
    ------
    OSError : there is no place for temporary files.
    """
    parent = Path(gettempdir())
    sweep_scratch(parent)
    with scratch_folder(parent) as folder:
        yield folder


def scratch_array(folder: Path, name: str, shape: tuple[int, ...], dtype: str) -> Any:
    """An array of zeros that lies in a file of a scratch folder and not in memory.

    Its room on the disk is taken at once: where a page that is written later found none, the kernel would end the
    process (SIGBUS).

    Parameters
    ----------
    folder : as `scratch_folder` gives it.
    name : of the file; one that is there is begun anew.
    shape, dtype : of the array.

    Raises
    ------
    ReadWriteError : where the disk refuses, or is full.
    """
    import numpy as np

    if not all(shape):
        return np.zeros(shape, dtype)
    path = folder / name
    try:
        with path.open("wb") as file:
            _allocate(file, math.prod(shape) * np.dtype(dtype).itemsize)
        return np.memmap(path, dtype, "r+", shape=shape)
    except OSError as error:
        path.unlink(missing_ok=True)  # what it took is needed to say so
        what = f"no working files can be written ({error.strerror})"
        raise ReadWriteError(what, path, "make room there, or choose another --work-dir") from error


def sweep_scratch(parent: Path) -> None:
    """Remove folders of processes that have ended; those of living ones stay.

    Parameters
    ----------
    parent : where they lie; it may be absent.
    """
    for folder in sorted(parent.glob(f"{PREFIX}*")):
        if _is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _new_folder(parent: Path) -> tuple[Path, BinaryIO]:
    parent.mkdir(parents=True, exist_ok=True)
    while True:
        folder = Path(mkdtemp(prefix=PREFIX, dir=parent))
        with ExitStack() as unless_kept:
            unless_kept.callback(shutil.rmtree, folder, ignore_errors=True)
            try:
                file = unless_kept.enter_context((folder / OWNER).open("xb", buffering=0))
            except FileNotFoundError:  # swept before it had an owner: another one
                continue
            file.write(own_token().encode())
            if try_lock(file) is not False and (folder / OWNER).exists():
                unless_kept.pop_all()
                return folder, file


@contextmanager
def _touched(path: Path) -> Iterator[None]:
    """Within, a file is touched now and then. On many shared disks locks are of one machine alone: others see only
    what was changed of late."""
    ended = threading.Event()

    def touch() -> None:
        while not ended.wait(TOUCHED_S):
            with suppress(OSError):
                os.utime(path)

    threading.Thread(target=touch, daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _allocate(file: BinaryIO, n_bytes: int) -> None:
    """Let a new file have its room on the disk, as zeros."""
    allocate = getattr(os, "posix_fallocate", None)  # not every system has it
    try:
        if allocate is not None:
            allocate(file.fileno(), 0, n_bytes)
            return
    except OSError as error:
        if error.errno not in NO_ALLOCATION:
            raise
    for start in range(0, n_bytes, len(ZEROS)):
        file.write(ZEROS[: n_bytes - start])


def _is_abandoned(folder: Path) -> bool:
    """Whether nobody is at it any more; of what cannot be looked at nobody says so."""
    with suppress(OSError):
        try:
            require_regular(folder / OWNER)
            with (folder / OWNER).open("r+b") as file:
                token = file.read().decode("utf-8", "replace")
                return is_left(token, _changed_s(folder)) and try_lock(file) is not False
        except FileNotFoundError:
            return folder.is_dir() and is_left("", _changed_s(folder))
    return False


def _changed_s(folder: Path) -> float:
    """When it or a file in it was last changed, in seconds since 1970."""
    return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
