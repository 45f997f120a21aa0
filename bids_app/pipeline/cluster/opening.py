"""A cluster of one's own on this machine for as long as it is needed, or one that is there."""

from __future__ import annotations

import json
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bids_app import __version__
from bids_app.disk import scratch_folder, temporary_folder
from bids_app.errors import CannotCreate, NoInput, UsageError
from bids_app.execution.cost import DEFAULT_MB
from bids_app.inputs.opening import read_named
from bids_app.settings.run_options import RunOptions

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

CONNECT_S, POLL_S = 30.0, 0.5
USED = 0.8  # of this machine's memory, by all of its worker processes together
OWN = {  # settings of dask for a cluster of one's own
    "distributed.scheduler.worker-saturation": 1.0,  # no worker holds work back while another one has none
    "distributed.scheduler.http.routes": [],  # nothing is shown to browsers
    "distributed.worker.http.routes": [],
}
SAME = "workers need the same Concord, and the same disk: BIDS_DIR, OUT_DIR and all else under the same paths"
WRITES = "`dask scheduler --scheduler-file` writes it"
ONE_THREAD = "start workers with --nthreads 1, several with --nworkers; threads of a fit are --omp-nthreads"


def worker_limits(options: RunOptions) -> tuple[int, int | None]:
    """Threads of each worker's fits, and the memory in MB (10⁶ bytes) that each may take; None: a fit's own default.

    Parameters
    ----------
    options : how the run is made.
    """
    if _is_there(options):
        return options.threads or 1, options.mem_mb
    from dask.system import CPU_COUNT  # of the container, where there is one
    from distributed.system import MEMORY_LIMIT

    share_mb = int(USED * MEMORY_LIMIT / 1e6) // options.nprocs
    default_mb = share_mb if share_mb < DEFAULT_MB else None
    return options.threads or max(1, CPU_COUNT // options.nprocs), options.mem_mb or default_mb


def _is_there(options: RunOptions) -> bool:
    return options.scheduler is not None or options.scheduler_file is not None


def workers_of(client: Client) -> dict[str, Any]:
    """What the scheduler says of all workers there are, by their addresses.

    Parameters
    ----------
    client : of the cluster.
    """
    return dict(client.scheduler_info(n_workers=-1)["workers"])  # some versions of dask tell of five by themselves


@contextmanager
def open_cluster(options: RunOptions, n_most: int, say: Callable[[str], object]) -> Iterator[Client]:
    """What the command line names: a cluster that is there, or processes of this machine, which end with the context.

    Parameters
    ----------
    options : how the run is made.
    n_most : processes that could have something to do at once.
    say : takes a line.

    Raises
    ------
    NoInput : there is no such cluster.
    UsageError : its workers cannot do what they would be asked for.
    CannotCreate : processes cannot be started.
    """
    opened = _connected(options, say) if _is_there(options) else _own(min(options.nprocs, max(1, n_most)))
    with opened as client:
        yield client


def require_scheduler(options: RunOptions) -> None:
    """That the cluster answers which the command line names, where it names one: asked before anything is written.

    Parameters
    ----------
    options : how the run is made.

    Raises
    ------
    NoInput : no scheduler answers.
    UsageError : its address, or the file that holds it, is none.
    """
    if _is_there(options):
        with _client(_address_of(options)):
            pass


@contextmanager
def _own(n_processes: int) -> Iterator[Client]:
    import dask
    from distributed import Client, LocalCluster, Security

    # with certificates of its own nobody else on this machine can send it work
    security = Security.temporary() if find_spec("cryptography") else None
    with ExitStack() as opened:
        try:
            space = {"temporary-directory": str(opened.enter_context(temporary_folder()))}
            opened.enter_context(dask.config.set({**OWN, **space}))
            with _deaf_to_interrupts():
                cluster = LocalCluster(
                    n_workers=n_processes,
                    threads_per_worker=1,  # that wait for work; each has those of torch beside
                    host="127.0.0.1",
                    memory_limit=0,  # fits keep to --mem-mb, and none is killed for its memory
                    dashboard_address="127.0.0.1:0",
                    scheduler_kwargs={"dashboard": False},
                    silence_logs=logging.CRITICAL,
                    security=security,
                )
                opened.enter_context(cluster)
                opened.callback(_kill, cluster)
        except (OSError, RuntimeError) as error:
            what = f"worker processes cannot be started ({error})"
            raise CannotCreate(what, hint="--nprocs 1 needs none") from error
        yield opened.enter_context(Client(cluster, set_as_default=False))


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes and threads that are begun within never get Ctrl-C, which a terminal sends to all."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _kill(cluster: LocalCluster) -> None:
    """End the workers at once: what they have done is on the disk, and what they are at is given up."""
    for nanny in cluster.workers.values():
        nanny.auto_restart = False
        with suppress(OSError, TypeError):  # it has ended, or not begun
            os.kill(nanny.pid, signal.SIGTERM)


@contextmanager
def _connected(options: RunOptions, say: Callable[[str], object]) -> Iterator[Client]:
    address = _address_of(options)
    with _client(address) as client:
        _wait_for_workers(client, address, say)
        _require_alike(client, options)
        yield client


def _client(address: str) -> Client:
    """Of the scheduler at an address. Raises UsageError and NoInput."""
    from distributed import Client

    try:
        return Client(address, timeout=CONNECT_S, set_as_default=False)
    except ValueError as error:
        raise UsageError(f"no address of a dask scheduler ({error})", address, "such as tcp://node7:8786") from None
    except OSError as error:  # TimeoutError is one
        advice = "start `dask scheduler`, or leave the option out"
        raise NoInput("no dask scheduler answers", address, advice) from error


def _address_of(options: RunOptions) -> str:
    """Of the scheduler that the command line names."""
    return options.scheduler or _address(options.scheduler_file or Path())


def _address(path: Path) -> str:
    """That a scheduler wrote into a file."""
    try:
        return str(json.loads(read_named(path))["address"])
    except OSError:
        raise NoInput("the scheduler's file cannot be read", path, WRITES) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UsageError("this is no file of a dask scheduler", path, WRITES) from None


def _wait_for_workers(client: Client, address: str, say: Callable[[str], object]) -> None:
    said = False
    while not workers_of(client):
        if not said:
            say(f"waiting for workers of {address}: none has come yet")
            said = True
        time.sleep(POLL_S)


def _require_alike(client: Client, options: RunOptions) -> None:
    """Workers see the same files, have the same Concord, and do one thing at a time. Raises UsageError."""
    for address, one in workers_of(client).items():
        if one["nthreads"] != 1:
            raise UsageError(f"a dask worker has {one['nthreads']} threads", address, ONE_THREAD)
    read = [str(folder) for folder in options.named_folders if _holds_something(folder)]
    with scratch_folder(options.out_dir / "logs") as mark:
        found = client.run(_look, read, str(options.out_dir), mark.name, on_error="return")
    for address, answer in found.items():
        problem = f"{type(answer).__name__}: {answer}" if isinstance(answer, Exception) else answer
        if problem != __version__:
            raise UsageError(f"a dask worker differs from this process ({problem})", address, SAME)


def _look(read: Sequence[str], out_dir: str, mark: str) -> str:
    """On a worker: the version there, or which folder is not the one that it is here. A name that is there is not
    enough: it may be empty, as nothing is mounted, or a folder of the worker's own disk."""
    other = [folder for folder in read if not _holds_something(Path(folder))]
    other += [] if (Path(out_dir) / "logs" / mark).is_dir() else [out_dir]
    return f"there {other[0]} is another folder, or none" if other else __version__


def _holds_something(folder: Path) -> bool:
    return folder.is_dir() and next(folder.iterdir(), None) is not None
