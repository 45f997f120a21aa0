"""Locks between processes: a wait is said, and ends; what a dead process held is free."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from bids_app.disk.owners import is_dead, is_left, own_token, try_lock
from bids_app.disk.regular import read_text
from bids_app.errors import Busy

SAID_S = 5.0  # of waiting, before it is said
ENDS_S = 60.0  # what is written under most locks takes a fraction of a second
EMPTY_S = 10.0  # a lock without a name in it is a leftover by then, on a disk without locks
POLL_S = 0.05


@contextmanager
def locked(path: Path, say: Callable[[str], object], ends_s: float = ENDS_S) -> Iterator[None]:
    """Hold a lock. By the kernel's locks; on a disk without them by a file that is there while the lock is held.

    Parameters
    ----------
    path : of the lock's file; its folder is there.
    say : takes a line where another process holds it for long.
    ends_s : how long to wait.

    Raises
    ------
    Busy : where another process holds it for longer.
    OSError : where the file cannot be made.
    """
    held = _wait(path, say, ends_s)
    try:
        yield
    finally:
        if held is None:
            path.unlink(missing_ok=True)
        else:
            with suppress(OSError):
                os.ftruncate(held, 0)
            os.close(held)


def held_elsewhere(path: Path) -> bool:
    """Whether a lock's file names a process of another machine that took it less than a day ago: `locked` does not
    see that where the disk's locks are of one machine alone.

    Parameters
    ----------
    path : of the lock's file; it may be absent.
    """
    try:
        token = [*read_text(path, "replace").split("\n"), "", ""][2]
        return bool(token) and is_dead(token) is None and not is_left(token, path.stat().st_mtime)
    except OSError:
        return False


def _wait(path: Path, say: Callable[[str], object], ends_s: float) -> int | None:
    """The open file that is locked; None where its being there is the lock."""
    began, said = time.monotonic(), False
    while True:
        taken, held = _try(path)
        if taken:
            return held
        waited = time.monotonic() - began
        if waited >= ends_s:
            what = f"{_holder(path)} has held a lock for over {ends_s:.0f} s"
            raise Busy(what, path, "run the same command when that job is done; where none runs, delete the file")
        if waited >= SAID_S and not said:
            say(f"waiting for {path}, which {_holder(path)} holds")
            said = True
        time.sleep(POLL_S)


def _try(path: Path) -> tuple[bool, int | None]:
    """Whether the lock is ours now, and its open file; no file where its being there is the lock."""
    try:
        held, is_new = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), True
    except FileExistsError:
        try:
            held, is_new = os.open(path, os.O_RDWR), False
        except FileNotFoundError:  # given back since
            return False, None
    try:
        ours = try_lock(held)
        if ours or (ours is None and is_new):
            os.ftruncate(held, 0)
            os.write(held, _name())
            if ours:
                return True, held
    except BaseException:
        os.close(held)
        raise
    os.close(held)
    if ours is None and not is_new:
        _break_stale(path)
    return ours is None and is_new, None


def _break_stale(path: Path) -> None:
    """Take a lock away whose owner has ended, one of several waiting processes alone; the next try is everyone's."""
    aside = path.with_name(f".{path.name}.{own_token()}.{uuid4().hex[:8]}.part")
    with suppress(FileNotFoundError):
        if not _is_stale(path):
            return
        path.rename(aside)
        if _is_stale(aside):
            aside.unlink()
        else:  # another process's, new since then
            aside.rename(path)


def _is_stale(path: Path) -> bool:
    """Whether who made the file has ended; an empty one, as kernel's locks leave it, once it is old enough."""
    content = read_text(path, "replace")
    if not content.strip():
        return time.time() - path.stat().st_mtime > EMPTY_S
    number, host, token = [*content.split("\n"), "", ""][:3]
    if token:
        return bool(is_dead(token))
    return number.isdigit() and host.strip() == socket.gethostname() and not _runs(int(number))


def _runs(pid: int) -> bool:
    """Whether a process of this number is there: all that locks of other programs tell."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _name() -> bytes:
    return f"{os.getpid()}\n{socket.gethostname()}\n{own_token()}\n".encode()


def _holder(path: Path) -> str:
    """Who holds it, as far as the file says."""
    try:
        number, host, *_ = [*read_text(path, "replace").split("\n"), "", ""]
    except OSError:
        number, host = "", ""
    return f"process {number} on {host}" if number and host else "another process"
