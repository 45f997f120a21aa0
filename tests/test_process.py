"""What holds for the whole process: memory that is kept, and threads."""

import ctypes
import os
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys, torch
from bids_app.process import keep_freed_memory
torch.set_num_threads(1)
if sys.argv[1] == "kept":
    keep_freed_memory()
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


def test_numpy_and_scipy_compute_in_one_thread_and_torch_in_those_that_are_asked_for():
    code = """
import numpy, scipy.linalg, torch
from threadpoolctl import threadpool_info
from bids_app.process import limit_threads
limit_threads(3)
assert torch.get_num_threads() == 3
blas = [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]
assert blas and set(blas) == {1}, blas
"""
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "OMP_NUM_THREADS": "2"})
