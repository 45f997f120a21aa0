"""What a worker process keeps of one run, and how it is asked to do something."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, cast

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
        self._asked: threading.Lock | None = None
        self._begun, self._given_up = frozenset[str](), frozenset[str]()

    def setup(self, worker: Worker) -> None:
        """On the worker."""
        self._one_at_a_time = threading.Lock()  # fits have threads and memory of their own process
        self._asked = threading.Lock()

    def teardown(self, worker: Worker) -> None:
        """Let go what was kept."""
        self._kept = None

    def do(self, key: str, do: Do, order: object, post: Post) -> Outcome:
        """One piece of work, when the one before it has ended; nothing where it was given up before it was begun."""
        assert self._one_at_a_time is not None  # noqa: S101 - dask calls `setup` first
        with self._one_at_a_time:
            if not self._begin(key):
                return Outcome()
            if self._kept is None:
                self._kept = self._make()
            return do(self._kept, order, post)

    def _begin(self, key: str) -> bool:
        assert self._asked is not None  # noqa: S101 - dask calls `setup` first
        with self._asked:
            if key in self._given_up:
                return False
            self._begun |= {key}
            return True

    def give_up(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Never begin these. Returns which of them have begun already: they go on, or what came of them is on its
        way."""
        assert self._asked is not None  # noqa: S101 - dask calls `setup` first
        with self._asked:
            self._given_up |= {*keys} - self._begun
            return tuple(sorted({*keys} & self._begun))


def give_up_there(name: str, keys: tuple[str, ...]) -> tuple[str, ...]:
    """What dask calls on every worker: `Workplace.give_up` of a run."""
    place = get_worker().plugins.get(name)
    return place.give_up(keys) if isinstance(place, Workplace) else ()


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
    place, key = cast(Workplace, worker.plugins[name]), str(worker.get_current_task())
    return place.do(key, do, order, lambda event: worker.log_event(name, to_plain(event)))
