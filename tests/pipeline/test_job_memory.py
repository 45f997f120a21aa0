"""Memory that working arrays free is handed to the next ones."""

import ctypes
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys, torch
from bids_app.pipeline.job.job import _keep_freed_memory
torch.set_num_threads(1)
if sys.argv[1] == "kept":
    _keep_freed_memory()
def work():
    for _ in range(10):
        torch.ones(12_000_000)
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="not glibc")
def test_freed_memory_is_not_asked_for_anew():
    """Ten arrays of 48 MB, one after another: page faults of the second ten."""
    freed, kept = (
        int(subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, check=True).stdout)
        for how in ("freed", "kept")
    )
    assert kept < freed / 10
