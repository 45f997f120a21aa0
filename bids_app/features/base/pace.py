"""How fast this machine computes, as it is now."""

from __future__ import annotations

import time

import numpy as np
from threadpoolctl import threadpool_limits

SIDE, TRIES = 1024, 5  # of the product that is timed: its rows and columns, and how often


def speed(threads: int | None) -> float:
    """Floating-point operations a second of a large product of float32 on this machine's CPU.

    Parameters
    ----------
    threads : of the product; None: as many as numpy takes.
    """
    states, seconds = np.ones((SIDE, SIDE), np.float32), list[float]()
    with threadpool_limits(threads, "blas"):
        for _ in range(TRIES):
            started = time.perf_counter()
            states @ states
            seconds.append(time.perf_counter() - started)
    return float(2 * SIDE**3 / min(seconds))
