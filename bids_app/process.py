"""What holds for a whole process: its threads, and the memory that it keeps."""

from __future__ import annotations

import ctypes

M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -3, -1  # of glibc's mallopt
LARGEST_MB, KEPT_MB = 64, 256  # of what is freed: arrays above the first go to the kernel at once


def limit_threads(threads: int | None) -> None:
    """Torch's threads; numpy and scipy have one.

    Large products are torch's. In the small ones of numpy and scipy threads that wait for each other cost more than
    they save, a hundredfold where others compute too; and sums would depend on how many there are.

    Parameters
    ----------
    threads : of torch; None: as many as it takes by itself.
    """
    import scipy.linalg  # noqa: F401 - its library is limited only once it is loaded, as is numpy's
    import torch
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, user_api="blas")
    if threads is not None:
        torch.set_num_threads(threads)


def keep_freed_memory() -> None:
    """Let glibc hand what working arrays free to the next ones, up to `KEPT_MB`.

    By itself it gives each to the kernel and asks for it anew: a sixth of the time then goes to page faults.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc alone has it
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST_MB * 2**20)
        mallopt(M_TRIM_THRESHOLD, KEPT_MB * 2**20)
