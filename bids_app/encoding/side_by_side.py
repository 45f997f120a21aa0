"""Small things done side by side, each in a thread of its own; and what several threads share, made once.

Threads that share one small product wait for each other for longer than it takes, many times longer where others
compute too. So where matrices are small, each candidate has one thread to itself, and what it makes does not depend
on how many of them work side by side.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar, overload

import torch

SMALL = 1536  # rows of a decomposition: of larger ones, the products themselves keep all cores busy
Item = TypeVar("Item")
Made = TypeVar("Made")
Key = TypeVar("Key", bound=Hashable)


def workers(device: str | torch.device, rows: int, most: int | None = None) -> int:
    """How many things are done side by side, with one thread each; 0: one after another, each with all threads.

    Parameters
    ----------
    device : where they are computed; a GPU has work enough in one.
    rows : of the largest matrix that is decomposed.
    most : for which there is memory; how many there are changes no number.
    """
    if torch.device(device).type != "cpu" or rows > SMALL:
        return 0
    threads = torch.get_num_threads()
    return threads if most is None else max(1, min(threads, most))


def side_by_side(work: Callable[[Item], Made], items: Iterable[Item], n_workers: int) -> Iterator[Made]:
    """`map(work, items)`, several at a time; results in order, few of them held.

    Parameters
    ----------
    work : called in threads in which torch has one thread.
    items : taken one after another, as workers come free.
    n_workers : of `workers`; 0: as `map` does it.
    """
    threads = torch.get_num_threads()
    if not n_workers or threads == 1:
        yield from map(work, items)
        return
    ahead = deque[Future[Made]]()
    try:
        with ThreadPoolExecutor(n_workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for item in items:
                ahead.append(pool.submit(work, item))
                if len(ahead) > n_workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
    finally:
        torch.set_num_threads(threads)  # what workers set holds for threads that are begun later


class made_once(Generic[Made]):  # noqa: N801 - used as `property` is
    """A property that is made when first asked for and kept, by whichever thread asks first; others wait for it.

    `functools.cached_property` has one lock for all instances, or none, by version of Python.
    """

    def __init__(self, make: Callable[[Any], Made]) -> None:
        self._make, self.__doc__ = make, make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> made_once[Made]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Made: ...
    def __get__(self, instance: object | None, owner: type) -> made_once[Made] | Made:
        if instance is None:
            return self
        with instance.__dict__.setdefault(f"_lock_of_{self._name}", threading.RLock()):
            if self._name not in instance.__dict__:
                instance.__dict__[self._name] = self._make(instance)
        made: Made = instance.__dict__[self._name]
        return made


class Kept(Generic[Key, Made]):
    """Values by key, each made once, by whichever thread asks first; others wait for it."""

    def __init__(self) -> None:
        self._values: dict[Key, Made] = {}
        self._lock = threading.RLock()

    def get(self, key: Key, make: Callable[[], Made]) -> Made:
        """The value of a key, made by `make` where there is none."""
        with self._lock:
            if key not in self._values:
                self._values[key] = make()
            return self._values[key]
