"""What a GPU has no memory for: smaller batches, and at last the CPU."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")  # of GPUs that torch computes on
Item = TypeVar("Item")
Result = TypeVar("Result")


class WithinMemory(Generic[Item, Result]):
    """`compute`, one result an item, on batches of items of equal `cost` (tokens, samples).

    Out of GPU memory, a batch is halved, and no later one costs more than what then held; where a single item is too
    much, it and all that follow are computed on the CPU.

    Parameters
    ----------
    compute : items of equal cost → a result for each.
    cost : item → what it takes of the memory, in tokens or samples.
    model : what `compute` runs, moved to the CPU at last.
    device : where it was to run.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[Item]], list[Result]],
        cost: Callable[[Item], int],
        model: Any,
        device: str,
    ) -> None:
        self._compute, self._cost, self._model = compute, cost, model
        self._most: int | None = None  # of the cost of a batch
        self._notes: set[str] = set()
        if model.device.type != device.split(":")[0]:
            self._notes.add("the model does not fit into GPU memory: computed on the CPU")

    @property
    def notes(self) -> frozenset[str]:
        """What memory was too small for, so far; a line each."""
        return frozenset(self._notes)

    def __call__(self, batch: Sequence[Item]) -> list[Result]:
        """Results in the order of the items. Raises torch.OutOfMemoryError where the CPU, too, runs out."""
        size, done = len(batch), list[Result]()
        while len(done) < len(batch):
            if self._most is not None:
                size = max(1, self._most // max(self._cost(batch[0]), 1))
            done += self._attempt(batch[len(done) : len(done) + size])
        return done

    def _attempt(self, part: Sequence[Item]) -> list[Result]:
        """Results of all items or, where memory was short, of none: then with less at a time, or on the CPU."""
        import torch

        try:
            return self._compute(part)
        except torch.OutOfMemoryError:
            if self._model.device.type == "cpu":
                raise
        if len(part) > 1:
            self._notes.add("out of GPU memory: smaller batches were used")
            self._most = len(part) // 2 * max(self._cost(part[0]), 1)
        else:
            self._notes.add("out of GPU memory for a single window: the rest was computed on the CPU")
            self._model.to("cpu")
        return []


def placed(model: Any, device: str) -> Any:
    """The model on that device, or on the CPU where the device has no memory for it.

    Parameters
    ----------
    model : a torch module.
    device : of torch, such as 'cuda'.
    """
    import torch

    try:
        return model.to(device)
    except torch.OutOfMemoryError:
        return model.to("cpu")


def computes_on_cpu(device: str) -> bool:
    """Whether models asked to run there run on the CPU; for a dry run, which does not ask torch.

    Parameters
    ----------
    device : of torch, or 'auto': a GPU where there is one, as a driver of one tells.
    """
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return device == "cpu" or (device == "auto" and (hidden or not any(map(os.path.exists, DRIVERS))))


def or_on_cpu(compute: Callable[[], Result], model: Any) -> Result:
    """What `compute` gives, on the CPU where the model's device has no memory for it.

    Parameters
    ----------
    compute : runs the model.
    model : moved to the CPU then, and left there.
    """
    import torch

    try:
        return compute()
    except torch.OutOfMemoryError:
        if model.device.type == "cpu":
            raise
    model.to("cpu")
    return compute()
