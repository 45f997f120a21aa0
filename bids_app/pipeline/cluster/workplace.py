"""What a worker process keeps of one run, and how it is asked to do something."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from distributed import Worker, WorkerPlugin, get_worker

from bids_app.pipeline.cluster.telling import Event, Outcome, to_plain

Post = Callable[[Event], object]
Do = Callable[[Any, Any, Post], Outcome]  # what is kept, what is asked for, what takes events → what became of it


class Workplace(WorkerPlugin):
    """Is made on each worker that a cluster has, or gets later, and goes when the run has ended.

    Parameters
    ----------
    name : of the run.
    make : what is kept; it is made when it is first needed.
    """

    def __init__(self, name: str, make: Callable[[], object]) -> None:
        self.name, self._make = name, make
        self._kept: object = None
        self._one_at_a_time: threading.Lock | None = None

    def setup(self, worker: Worker) -> None:
        """On the worker."""
        self._one_at_a_time = threading.Lock()  # fits have threads and memory of their own process

    def teardown(self, worker: Worker) -> None:
        """Let go what was kept."""
        self._kept = None

    def do(self, do: Do, order: object, post: Post) -> Outcome:
        """One piece of work, when the one before it has ended."""
        assert self._one_at_a_time is not None  # noqa: S101 - dask calls `setup` first
        with self._one_at_a_time:
            if self._kept is None:
                self._kept = self._make()
            return do(self._kept, order, post)


def do_there(name: str, do: Do, order: object, after: object) -> Outcome:
    """What dask calls on a worker.

    Parameters
    ----------
    name : of the run.
    do : what is done.
    order : what it is done for: names and small records.
    after : what had to be done before, which is not looked at.
    """
    worker = get_worker()
    return worker.plugins[name].do(do, order, lambda event: worker.log_event(name, to_plain(event)))  # type: ignore[attr-defined,no-any-return]
