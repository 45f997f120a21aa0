"""One fit of responses on disk, in a process of its own so that its memory can be measured: seconds on the last line.

`python -m benchmarks.encoding_scale FOLDER N_TARGETS_IN_FILE N_TARGETS MEM_MB {full,all} DEVICE`
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.encoding_unions import SPEC, design_of
from bids_app import encoding
from bids_app.encoding.fit import unions_of


def main(folder: str, in_file: str, n_targets: str, mem_mb: str, which: str, device: str) -> None:
    """Fit the first targets of the file: the full union alone, or all unions."""
    X = np.load(Path(folder) / "columns.npy")
    Y = np.memmap(Path(folder) / "responses.dat", np.float32, "r", shape=(X.shape[1], int(in_file)))
    units = {f"band{number}": (f"band{number}",) for number in range(len(X))}
    unions = unions_of(tuple(units))
    started = time.perf_counter()
    design = design_of(list(X), Y, 4, 5, int(n_targets))
    encoding.fit(
        design, units, SPEC, device, unions=unions if which == "all" else unions[-1:], mem_mb=int(mem_mb),
        precision="float32",
    )  # fmt: skip
    print(time.perf_counter() - started)


if __name__ == "__main__":
    main(*sys.argv[1:])
