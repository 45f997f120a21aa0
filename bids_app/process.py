"""What holds for a whole process: its threads, the memory that it keeps, and the home that libraries find."""

from __future__ import annotations

import ctypes
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bids_app.disk import scratch_folder, temporary_folder
from bids_app.errors import CannotCreate

M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -3, -1  # of glibc's mallopt
LARGEST_MB, KEPT_MB = 64, 256  # of what is freed: arrays above the first go to the kernel at once


def limit_threads(threads: int | None) -> None:
    """Torch's threads; numpy and scipy have one.

    Large products are torch's. In the small ones of numpy and scipy threads that wait for each other cost more than
    they save, a hundredfold where others compute too; and sums would depend on how many there are.

    Parameters
    ----------
    threads : of torch; None: as many as it takes by itself.
    """
    import scipy.linalg  # noqa: F401 - its library is limited only once it is loaded, as is numpy's
    import torch
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, user_api="blas")
    if threads is not None:
        torch.set_num_threads(threads)


def keep_freed_memory() -> None:
    """Let glibc hand what working arrays free to the next ones, up to `KEPT_MB`.

    By itself it gives each to the kernel and asks for it anew: a sixth of the time then goes to page faults.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc alone has it
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST_MB * 2**20)
        mallopt(M_TRIM_THRESHOLD, KEPT_MB * 2**20)


def set_environment(offline: bool) -> None:
    """What libraries read when they are imported.

    Parameters
    ----------
    offline : whether the models' hub is never asked.
    """
    if offline:
        os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
    for name in ("DASK_LOGGING__DISTRIBUTED", "DASK_LOGGING__TORNADO"):  # what goes wrong is said in our own lines
        os.environ.setdefault(name, "critical")
    # threads of torch that wait sleep, so that several jobs on one machine do not spin against each other
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@contextmanager
def temporary_files_in(parent: Path | None) -> Iterator[None]:
    """While it lasts, temporary files of this process, and of those that it starts, lie in a scratch folder, and go
    with it.

    Parameters
    ----------
    parent : where that folder is made, and it itself where it is absent; None: temporary files lie where the machine,
        or $TMPDIR, has them.

    Raises
    ------
    CannotCreate : nothing can be written there.
    """
    if parent is None:
        yield
        return
    with ExitStack() as opened:
        try:
            folder = opened.enter_context(scratch_folder(parent))
        except OSError as error:
            what = f"no working files can be written ({error.strerror})"
            raise CannotCreate(what, parent, "choose another --work-dir") from None
        before = os.environ.get("TMPDIR")
        os.environ["TMPDIR"], tempfile.tempdir = str(folder), None
        try:
            yield
        finally:
            tempfile.tempdir = None
            os.environ.pop("TMPDIR")
            if before is not None:
                os.environ["TMPDIR"] = before


@contextmanager
def usable_home() -> Iterator[None]:
    """While it lasts, libraries find a home and a cache that they can use, whoever the user is.

    Without an entry in the user database and without $HOME there is none; it may be unreadable, or read-only as in a
    container. Several libraries end at their import then. Models stay where the hub's library looks for them.

    Raises
    ------
    CannotCreate : one has to be made, and there is no place for it.
    """
    names = ("HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR", "HF_HOME")
    before = {name: os.environ.get(name) for name in names}
    wanted = _own_folders(before)
    if not wanted:
        yield
        return
    with ExitStack() as opened:
        try:
            folder = opened.enter_context(temporary_folder())
        except OSError as error:
            what = f"there is no folder for temporary files ({error})"
            raise CannotCreate(what, hint="name one by --work-dir, or in TMPDIR") from None
        os.environ.update({name: value.format(folder=folder) for name, value in wanted.items()})
        try:
            yield
        finally:
            for name in wanted:
                os.environ.pop(name)
                if (old := before[name]) is not None:
                    os.environ[name] = old


def _own_folders(given: dict[str, str | None]) -> dict[str, str]:
    """Variables to set, `{folder}` for a folder of one's own; none where all is well."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() ends where there is none
    there = home.is_absolute() and os.access(home, os.R_OK | os.X_OK)
    cache = Path(given["XDG_CACHE_HOME"] or home / ".cache")
    if there and _is_writable(cache):
        return {}
    found = {} if there else {"HOME": "{folder}"}
    if not given["XDG_CACHE_HOME"] or not _is_writable(cache):
        found["XDG_CACHE_HOME"] = "{folder}"
    if not given["MPLCONFIGDIR"]:
        found["MPLCONFIGDIR"] = "{folder}"
    if there and not given["HF_HOME"]:
        found["HF_HOME"] = str(cache / "huggingface").replace("{", "{{").replace("}", "}}")
    return found


def _is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder, or the folder itself in those above it that are there."""
    there = next((above for above in (folder, *folder.parents) if os.path.lexists(above)), folder)
    return os.access(there, os.W_OK | os.X_OK)
