"""One fit of responses on disk, in a process of its own so that its memory can be measured.

The last line: seconds, 10¹² floating-point operations of matrix products a second, and the rate of one large product.

`python -m benchmarks.encoding_scale FOLDER N_TARGETS_IN_FILE N_TARGETS MEM_MB {full,all} DEVICE`
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.encoding_unions import SPEC, design_of
from bids_app import encoding
from bids_app.encoding.ridge.fit import unions_of
from bids_app.encoding.ridge.moments import tf32_products


def main(folder: str, in_file: str, n_targets: str, mem_mb: str, which: str, device: str) -> None:
    """Fit the first targets of the file: the full union alone, or all unions."""
    X = np.load(Path(folder) / "columns.npy")
    Y = np.memmap(Path(folder) / "responses.dat", np.float32, "r", shape=(X.shape[1], int(in_file)))
    groups = {f"band{number}": (f"band{number}",) for number in range(len(X))}
    unions = unions_of(tuple(groups))
    started = time.perf_counter()
    design = design_of(list(X), Y, 4, 5, int(n_targets))
    with FlopCounterMode(display=False) as counter:
        context = encoding.FitContext(device, int(mem_mb), "float32")
        options = encoding.FitOptions(unions=unions if which == "all" else unions[-1:])
        encoding.fit(design, groups, SPEC, context, options)
    seconds = time.perf_counter() - started
    print(seconds, counter.get_total_flops() / seconds / 1e12, product_rate(device))


def product_rate(device: str, n: int = 4096, repeats: int = 5) -> float:
    """10¹² operations a second of float32 products (n, n) × (n, n), in TF32 on a GPU, as in the search."""
    left, right = (torch.randn((n, n), device=device) for _ in range(2))
    seconds = []
    with tf32_products():
        for _ in range(repeats):
            started = time.perf_counter()
            float((left @ right)[0, 0])  # waits for a GPU
            seconds.append(time.perf_counter() - started)
    return 2e-12 * n**3 / min(seconds)


if __name__ == "__main__":
    main(*sys.argv[1:])
