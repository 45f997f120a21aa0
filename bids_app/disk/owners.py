"""Which process a file belongs to, and whether it lives: by the kernel's locks, else by what its owner is called."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import socket
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}  # a disk that has none
OWNERS_NAME = r"[0-9a-f]{8}-[0-9a-f]+-[0-9]+"  # as `own_token` makes it
FOREIGN_S = 86_400.0  # what another machine's process left unchanged for a day is taken as left behind


def try_lock(file: BinaryIO | int) -> bool | None:
    """Lock an open file until it is closed, which the kernel does where the process is killed.

    Parameters
    ----------
    file : open for writing.

    Returns
    -------
    Whether it is ours now; None on a disk without locks.

    Raises
    ------
    OSError : for any other reason than these.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in NO_LOCKS:
            return None
        if error.errno == errno.EACCES:
            return False
        raise
    return True


def own_token() -> str:
    """What this process is called in names of files: machine, number and start, which no later process has."""
    return f"{_machine()}-{os.getpid():x}-{_started(os.getpid())}"


def is_dead(token: str) -> bool | None:
    """Whether the process of a token has ended.

    Parameters
    ----------
    token : as `own_token` makes it.

    Returns
    -------
    None where that cannot be told: it ran on another machine, or the text is no token.
    """
    machine, _, rest = token.partition("-")
    number, _, started = rest.partition("-")
    if machine != _machine():
        return None
    try:
        pid = int(number, 16)
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    except (ValueError, OverflowError):
        return None
    return _started(pid) != started or _stat(pid)[:1] == ["Z"]  # ended, and nobody has asked how


def is_left(token: str, changed_s: float) -> bool:
    """Whether the process of a token has left its file behind: it is dead, or of nobody known and nothing changed for
    a day. That the file's lock is free says nothing of other machines: on many shared disks locks are of one alone.

    Parameters
    ----------
    token : as `own_token` makes it, or any text.
    changed_s : when the file was last changed, in seconds since 1970.
    """
    dead = is_dead(token)
    return time.time() - changed_s > FOREIGN_S if dead is None else dead


@cache
def _machine() -> str:
    """Host, boot and space of process numbers: containers on one host have their own."""
    parts = [socket.gethostname()]
    boot, numbers = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    with suppress(OSError):
        parts += [boot.read_text(encoding="ascii"), str(numbers.readlink())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def _started(pid: int) -> str:
    """When a process began, in the kernel's ticks since boot; 0 where nothing says it."""
    return [*_stat(pid)[19:20], "0"][0]


def _stat(pid: int) -> list[str]:
    """What the kernel says of a process, from its state on; nothing where it says nothing."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return []
