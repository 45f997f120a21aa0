"""Work that is given to a cluster, and what comes of it, as it comes."""

from __future__ import annotations

import queue
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bids_app.errors import OutOfMemory, ReadWriteError
from bids_app.pipeline.cluster.opening import workers_of
from bids_app.pipeline.cluster.telling import Event, Outcome, from_plain
from bids_app.pipeline.cluster.workplace import Do, Workplace, do_there, give_up_there

if TYPE_CHECKING:
    from distributed import Client, Future

GPU = "GPU"  # the resource that workers with one state: `dask worker --resources GPU=1`
LEAVE_S = 5.0


@dataclass(frozen=True)
class Ended:
    """A piece of work has ended: by its outcome, or by what ended it on its worker."""

    name: str
    order: object
    outcome: Outcome
    error: Exception | None = None


@dataclass(frozen=True)
class Lost:
    """A worker process has ended while it worked on something, which is begun again elsewhere."""

    names: tuple[str, ...]


@dataclass
class Crew:
    """A cluster's workers, for one run.

    Parameters
    ----------
    client : of the cluster.
    run : the run's name, as workers know it.
    has_gpus : whether some workers state that they have a GPU: they alone get what asks for one.
    n_workers : when it began; others may come and go.
    """

    client: Client
    run: str
    has_gpus: bool
    n_workers: int
    _futures: dict[str, Future[Any]] = field(default_factory=dict)
    _orders: dict[str, object] = field(default_factory=dict)
    _comes: queue.SimpleQueue[Event | Lost | Future[Any]] = field(default_factory=queue.SimpleQueue)

    @property
    def pending(self) -> bool:
        """Whether there is anything to wait for."""
        return bool(self._futures)

    @property
    def is_alone(self) -> bool:
        """Whether the cluster has no worker at this moment; False where it does not say."""
        with suppress(OSError):
            return not self.client.scheduler_info(n_workers=-1)["workers"]
        return False

    def give(
        self, name: str, do: Do, order: object, after: Iterable[str] = (), on_gpu: bool = False, priority: int = 0
    ) -> None:
        """Have something done, on whichever worker is free.

        Parameters
        ----------
        name : of the work.
        do, order : what, and for what.
        after : names of what must be done before.
        on_gpu : whether it is for workers with a GPU, where there are any.
        priority : what has more is done first.
        """
        before = [self._futures[one] for one in after if one in self._futures]
        resources = {GPU: 1} if on_gpu and self.has_gpus else None
        how: dict[str, Any] = {"resources": resources, "priority": priority, "pure": False}
        future = self.client.submit(do_there, self.run, do, order, before, key=self._key(name), **how)
        self._futures[name], self._orders[name] = future, order
        future.add_done_callback(self._comes.put)

    def drop(self, names: Iterable[str]) -> set[str]:
        """Give up what nobody has begun: workers are asked, as what they tell is on its way.

        Parameters
        ----------
        names : of work that was given.

        Returns
        -------
        Names of what has begun already, which goes on or has just ended.
        """
        asked = {name for name in names if name in self._futures}
        if not asked:
            return set()
        keys = tuple(map(self._key, asked))
        answers = self.client.run(give_up_there, self.run, keys, on_error="ignore")
        begun = asked & {self._name(key) for keys in answers.values() for key in keys}
        self._cancel(asked - begun)
        return begun

    def leave(self) -> None:
        """Give up all that is left, begun or not."""
        self._cancel({*self._futures})

    def _cancel(self, names: set[str]) -> None:
        if dropped := [self._futures.pop(name) for name in sorted(names)]:
            self.client.cancel(dropped)

    def next(self, most_s: float) -> Ended | Lost | Event | None:
        """What comes next; None where nothing has come for so many seconds.

        Raises
        ------
        ReadWriteError : the scheduler has gone.
        """
        try:
            one = self._comes.get(timeout=most_s)
        except queue.Empty:
            return None
        return one if isinstance(one, Event | Lost) else self._ended(one)

    def _ended(self, future: Future[Any]) -> Ended | None:
        name = self._name(str(future.key))
        if self._futures.get(name) is not future:
            return None  # dropped
        if future.status == "cancelled":
            what = "the dask scheduler has gone, or gave the work up"
            raise ReadWriteError(what, hint="run the same command to go on")
        del self._futures[name]
        error, order = future.exception(), self._orders.pop(name)
        if error is None:
            return Ended(name, order, future.result())
        return Ended(name, order, Outcome(failed=1), _known(error, self._name))

    def hear_workers(self, sent: tuple[float, dict[str, Any]]) -> None:
        """What workers post, with its time."""
        self._comes.put(from_plain(sent[1]))

    def hear_scheduler(self, sent: tuple[float, Any]) -> None:
        """What becomes of workers, with its time."""
        event = sent[1]
        if isinstance(event, dict) and event.get("action") == "remove-worker" and not event.get("expected"):
            names = (str(key) for key in event.get("processing-tasks", ()))
            ours = tuple(self._name(name) for name in names if name.startswith(self._key("")))
            self._comes.put(Lost(ours))

    def _key(self, name: str) -> str:
        return f"{self.run}:{name}"

    def _name(self, key: str) -> str:
        return key.removeprefix(f"{self.run}:")


def _known(error: BaseException, name_of: Callable[[str], str]) -> Exception:
    """What ended a piece of work on its worker, in our words where it is dask's."""
    from distributed.scheduler import KilledWorker

    if isinstance(error, KilledWorker):
        what = f"the process that worked on it was killed {error.allowed_failures + 1} times"
        hint = "most often memory: fewer processes, or a smaller --mem-mb"
        return OutOfMemory(what, name_of(str(error.task)), hint)
    return error if isinstance(error, Exception) else RuntimeError(repr(error))


@contextmanager
def crew_of(client: Client, make: Callable[[], object]) -> Iterator[Crew]:
    """Prepare a cluster's workers for one run; what nobody has ended is given up at the end.

    Parameters
    ----------
    client : of the cluster.
    make : makes what each worker keeps.

    Raises
    ------
    ReadWriteError : the cluster has gone meanwhile.
    """
    run = f"concord-{uuid.uuid4().hex[:12]}"
    workers = workers_of(client).values()
    crew = Crew(client, run, any(one.get("resources", {}).get(GPU) for one in workers), len(workers))
    client.subscribe_topic(run, crew.hear_workers)
    client.subscribe_topic("all", crew.hear_scheduler)
    try:
        client.register_plugin(Workplace(run, make))
    except OSError as error:  # what dask says of it names sockets
        what = "a dask worker, or the scheduler, has gone as the run began"
        raise ReadWriteError(what, hint="run the same command to go on") from error
    try:
        yield crew
    finally:
        with suppress(Exception):  # the cluster may have gone
            crew.leave()
            for topic in (run, "all"):
                client.unsubscribe_topic(topic)
            client.unregister_worker_plugin(run)
