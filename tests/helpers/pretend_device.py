"""A pretend accelerator of CPU memory, on which fails what would fail on a GPU.

Its device is `meta`, the one type beside `cpu` that every build of torch can address; within `pretend_device()` its
tensors hold numbers. They are wrappers about CPU tensors: an operation that mixes them with CPU tensors fails as
CUDA's do (numbers without dimensions, indices and copies apart), so does `.numpy()`, and memory is counted and can
run out.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map

from bids_app.encoding.inference import component_tests
from bids_app.encoding.ridge import batches
from bids_app.features.language import contexts
from bids_app.features.speech import speech_encoder
from bids_app.features.transformers import load_model, models

PRETEND = "meta"
MIXED = "Expected all tensors to be on the same device, but found at least two devices, pretend and cpu"
INDEXED = ("index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index")  # by indices on the CPU too
COPIES = ("copy_", "_to_copy")
# sizes by type of device, in which the pretend one takes a GPU's place
TABLES = (
    batches.BLOCK_WIDTH,
    component_tests.TESTED_AT_ONCE,
    contexts.TOKENS_AT_ONCE,
    speech_encoder.SECONDS_AT_ONCE,
)


@dataclass
class Memory:
    """Bytes held on the device: of each storage the tensors that share it."""

    limit: float = float("inf")
    peak: int = 0
    _tensors: Counter[int] = field(default_factory=Counter)
    _sizes: dict[int, int] = field(default_factory=dict)

    @property
    def held(self) -> int:
        """Bytes of all storages."""
        return sum(self._sizes.values())

    def hold(self, tensor: OnDevice) -> None:
        """Count a tensor's storage until its last tensor is gone. Raises OutOfMemoryError where it is too much."""
        storage = tensor.on_cpu.untyped_storage()
        at = storage.data_ptr()
        if at not in self._sizes and self.held + storage.nbytes() > self.limit:
            raise torch.OutOfMemoryError(f"out of memory on the pretend device: {storage.nbytes()} bytes asked for")
        self._sizes[at] = storage.nbytes()
        self._tensors[at] += 1
        self.peak = max(self.peak, self.held)
        weakref.finalize(tensor, self._release, at)

    def _release(self, at: int) -> None:
        self._tensors[at] -= 1
        if not self._tensors[at]:
            del self._tensors[at], self._sizes[at]


class OnDevice(torch.Tensor):
    """A tensor of the pretend device, about the CPU tensor that holds its numbers."""

    on_cpu: torch.Tensor
    memory: Memory

    @staticmethod
    def __new__(cls, on_cpu: torch.Tensor, memory: Memory) -> OnDevice:
        tensor = torch.Tensor._make_wrapper_subclass(
            cls,
            on_cpu.size(),
            strides=on_cpu.stride(),
            storage_offset=on_cpu.storage_offset(),
            dtype=on_cpu.dtype,
            device=torch.device(PRETEND),
        )
        tensor.on_cpu, tensor.memory = on_cpu, memory
        memory.hold(tensor)
        return tensor

    def tolist(self) -> Any:
        """As of any tensor: its numbers, wherever they are."""
        return self.on_cpu.tolist()

    @classmethod
    def __torch_dispatch__(cls, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        memory = next(leaf.memory for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, OnDevice))
        return _run(memory, operation, args, kwargs or {})


class _Dispatch(TorchDispatchMode):
    """Tensors that are made on the device without any other on it."""

    def __init__(self, memory: Memory) -> None:
        super().__init__()
        self._memory = memory

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(self._memory, operation, args, kwargs or {})


class _FromData(TorchFunctionMode):
    """Tensors of Python's numbers, which torch does not show to a dispatch mode: made on the CPU and moved; those
    that index others stay there."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if function in (torch.tensor, torch.as_tensor) and not isinstance(args[0], torch.Tensor):
            device = kwargs.pop("device", None)
            made = function(*args, **kwargs)
            return made if device is None else made.to(device)
        if function is torch.Tensor.new_tensor:
            like, data = args
            return torch.tensor(data, dtype=kwargs.pop("dtype", like.dtype), **kwargs).to(like.device)
        if function in (torch.Tensor.__getitem__, torch.Tensor.__setitem__):
            values, at, *given = args
            each = at if isinstance(at, tuple) else (at,)
            at = tuple(torch.as_tensor(one) if isinstance(one, list | np.ndarray) else one for one in each)
            return function(values, at, *given)
        return function(*args, **kwargs)


def _run(memory: Memory, operation: Any, args: Any, kwargs: Any) -> Any:
    """An operation on the CPU tensors behind its arguments, its results on the device that theirs would be on."""
    name = operation.overloadpacket.__name__
    leaves = tree_leaves((args, kwargs))
    tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
    marked = [isinstance(tensor, OnDevice) for tensor in tensors]
    if any(tensor.device.type == PRETEND and not mark for tensor, mark in zip(tensors, marked, strict=True)):
        raise RuntimeError(f"{name}: a tensor of {PRETEND} holds no numbers: it was not made within pretend_device()")
    compared = [args[0], *args[2:3]] if name in INDEXED else tensors  # indices apart
    mixed = {isinstance(each, OnDevice) for each in compared if each.dim() and name not in COPIES}
    if len(mixed) > 1:
        raise RuntimeError(f"{MIXED} ({name})")
    moved = next((leaf for leaf in leaves if isinstance(leaf, torch.device)), None)
    results = operation(*tree_map(_on_cpu, args), **tree_map(_on_cpu, kwargs))
    there = any(marked) if moved is None else moved.type == PRETEND
    if name == "copy_":
        there = isinstance(args[0], OnDevice)
    return tree_map(
        lambda each: OnDevice(each, memory) if there and isinstance(each, torch.Tensor) else each, results
    )


def _on_cpu(value: Any) -> Any:
    if isinstance(value, OnDevice):
        return value.on_cpu
    return torch.device("cpu") if isinstance(value, torch.device) else value


def _apart(load: Any) -> Any:
    def loaded(*args: Any, **kwargs: Any) -> Any:
        with _disable_current_modes():
            return load(*args, **kwargs)

    return loaded


@contextmanager
def pretend_device(limit_mb: float = float("inf"), width: int | None = None) -> Iterator[Memory]:
    """Within, `meta` is an accelerator with so much memory (10⁶ bytes), whose blocks are of `width` targets, or a
    GPU's."""
    memory = Memory(limit_mb * 1e6)
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        for table in TABLES:
            patch.setitem(table, PRETEND, table["cuda"])
        patch.setitem(batches.BLOCK_WIDTH, PRETEND, width or batches.BLOCK_WIDTH["cuda"])
        for module, name in ((models, "load"), (load_model, "empty")):  # what makes empty models on `meta`
            patch.setattr(module, name, _apart(getattr(module, name)))
        patch.setattr(torch, "inference_mode", torch.no_grad)  # of which wrappers are not capable
        stack.enter_context(_FromData())
        stack.enter_context(_Dispatch(memory))
        yield memory
