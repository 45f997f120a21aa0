"""Fits on a GPU that runs out of memory."""

import pytest
import torch

from bids_app.encoding import FitContext
from bids_app.encoding.ridge.batches import DEFAULT_MB
from bids_app.encoding.ridge.options import with_backoff

HALF_MB, AGAIN = DEFAULT_MB // 2, "cuda ran out of memory: fitted again with {} MB"


class Device:
    """A GPU with so many MB, which notes what was tried on it."""

    def __init__(self, holds_mb, needs_mb=100):
        self.holds_mb, self.needs_mb, self.tried = holds_mb, needs_mb, []

    def __call__(self, context):
        device, mem_mb = context.device, context.mem_mb
        self.tried.append((device, mem_mb))
        if (mem_mb or DEFAULT_MB) < self.needs_mb:
            raise MemoryError("this fit needs more")
        if device != "cpu" and (mem_mb or DEFAULT_MB) > self.holds_mb:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return "scores"


@pytest.mark.parametrize(
    ("holds_mb", "mem_mb", "tried", "warnings"),
    [
        (9000, 8000, [("cuda", 8000)], ()),
        (5000, 8000, [("cuda", 8000), ("cuda", 4000)], (AGAIN.format(4000),)),
        (
            3000,
            None,
            [("cuda", None), ("cuda", HALF_MB)],
            (f"cuda ran out of memory: fitted again with {HALF_MB} MB",),
        ),
        (
            10,
            8000,
            [("cuda", 8000), ("cuda", 4000), ("cuda", 2000), ("cpu", 8000)],
            ("cuda ran out of memory: fitted on the CPU",),
        ),
        (10, 150, [("cuda", 150), ("cuda", 75), ("cpu", 150)], ("cuda ran out of memory: fitted on the CPU",)),
    ],
)
def test_half_the_memory_then_the_cpu(holds_mb, mem_mb, tried, warnings):
    device = Device(holds_mb)
    assert with_backoff(device, FitContext("cuda", mem_mb)) == ("scores", warnings)
    assert device.tried == tried


def test_a_cpu_is_tried_once():
    device = Device(0)
    assert with_backoff(device, FitContext("cpu")) == ("scores", ())
    assert device.tried == [("cpu", None)]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_limit_that_is_too_low_from_the_start_stays_an_error(device):
    with pytest.raises(MemoryError, match="needs more"):
        with_backoff(Device(0), FitContext(device, 50))
