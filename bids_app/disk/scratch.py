"""Folders of working files, of one process each: swept when it has ended, however it did."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, BinaryIO

from bids_app.disk.owners import is_left, own_token, try_lock
from bids_app.disk.regular import require_regular

PREFIX, OWNER = "concord-scratch-", "owner"


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
        with file:
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def scratch_array(folder: Path, name: str, shape: tuple[int, ...], dtype: str) -> Any:
    """An array of zeros that lies in a file of a scratch folder and not in memory.

    Parameters
    ----------
    folder : as `scratch_folder` gives it.
    name : of the file; one that is there is begun anew.
    shape, dtype : of the array.

    Raises
    ------
    OSError : where the disk refuses.
    """
    import numpy as np

    if not all(shape):
        return np.zeros(shape, dtype)
    return np.memmap(folder / name, dtype, "w+", shape=shape)


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
        try:
            file = (folder / OWNER).open("xb", buffering=0)
        except FileNotFoundError:  # swept before it had an owner: another one
            continue
        file.write(own_token().encode())
        if try_lock(file) is not False and (folder / OWNER).exists():
            return folder, file
        file.close()


def _is_abandoned(folder: Path) -> bool:
    try:
        require_regular(folder / OWNER)
        with (folder / OWNER).open("r+b") as file:
            token = file.read().decode("utf-8", "replace")
            return is_left(token, _changed_s(folder)) and try_lock(file) is not False
    except FileNotFoundError:
        return folder.is_dir() and is_left("", _changed_s(folder))
    except OSError:
        return False


def _changed_s(folder: Path) -> float:
    """When it or a file in it was last changed, in seconds since 1970."""
    return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
