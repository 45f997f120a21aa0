"""What shares of a whole brain's targets give, to 64 processes: `python -m benchmarks.scaling_shares`.

The default analysis at 760 samples is fitted by one thread at two numbers of targets: from its processor seconds
follow what a target takes, and what every share does again (design, shared subspace, blocks of time;
decompositions). What it takes to join shares is measured on one that came from a file. A brain of 70,000 voxels is
then shared out by the rule of the program (`bids_app/execution/shares.py`), and what comes when is simulated as
there. Reading is counted as the program counts it; features, disks and memory that processes share are not.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks.bars import Bar, run_bars
from benchmarks.scaling import WORKERS
from benchmarks.study import DEMO, REAL, make_runs, prepared
from bids_app.disk import opened_arrays, write_arrays
from bids_app.encoding import Share
from bids_app.execution import Stages
from bids_app.execution.cost import read_s
from bids_app.execution.shares import UnitCost, seconds_to_end, share_counts
from bids_app.pipeline.watching.expected import SHARED_TARGETS
from bids_app.process import keep_freed_memory, limit_threads
from bids_app.records import Part

N_TIMES, N_VOXELS = 760, 70_000
SIZES = {"demo": (DEMO, 500, 2000), "models": (REAL, 100, 400)}  # targets at which costs are measured
Made = TypeVar("Made")


@dataclass(frozen=True)
class Measured:
    """Processor seconds of one number of targets: until the fit, the fit, and to join shares; and their bytes."""

    n_targets: int
    before_s: float
    fit_s: float
    joined_s: float
    n_bytes: int


def measured(dims: dict[str, int], n_targets: int) -> Measured:
    """Of features with these numbers of dimensions."""
    runs = make_runs(N_TIMES, n_targets, dims)
    before_s, (solver, inputs, asked) = _seconds(lambda: prepared(runs, Stages()))
    fit_s, share = _seconds(lambda: solver.share(inputs, asked, Part(0, 1)))
    assert share is not None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "share.npz"

        def join() -> None:
            """A share to a file, and from it."""
            write_arrays(path, share.arrays)
            with opened_arrays(path) as arrays:
                solver.answer(inputs, asked, [Share.of(arrays)])

        joined_s, _ = _seconds(join)
        return Measured(n_targets, before_s, fit_s, joined_s, path.stat().st_size)


def brain(shapes: str) -> tuple[UnitCost, float, float]:
    """What a whole brain should take, to join its shares, and bytes of all of them."""
    dims, *sizes = SIZES[shapes]
    few, many = (measured(dims, n_targets) for n_targets in sizes)
    further = many.n_targets - few.n_targets
    target_s = (many.fit_s - few.fit_s) / further
    of_target = (many.joined_s - few.joined_s) / further, (many.n_bytes - few.n_bytes) / further
    cost = UnitCost(
        before_s=many.before_s + read_s(4 * N_TIMES * N_VOXELS),
        again_s=max(0.0, few.fit_s - target_s * few.n_targets),
        targets_s=target_s * N_VOXELS,
        most=-(-N_VOXELS // SHARED_TARGETS),
    )
    return cost, max(0.0, of_target[0]) * N_VOXELS, of_target[1] * N_VOXELS


def shares(quick: bool) -> list[Bar]:
    """Both shapes (quick: the demo's)."""
    limit_threads(1)
    bars = []
    for shapes in ("demo",) if quick else SIZES:
        cost, joined_s, n_bytes = brain(shapes)
        print(f"{shapes}: a share repeats {cost.before_s:.0f} + {cost.again_s:.0f} s")
        print(f"  all targets {cost.targets_s:.0f} s, joined in {joined_s:.0f} s, {n_bytes / 1e6:.0f} MB of files")
        for n_workers in WORKERS:
            (count,) = share_counts([cost], n_workers)
            seconds = seconds_to_end([cost], [count], n_workers) + joined_s * (count > 1)
            work_s = cost.alone_s if count == 1 else count * cost.share_s(count) + cost.before_s + joined_s
            speed = cost.alone_s / seconds
            print(f"| {n_workers} | {count} | {seconds:.0f} s | {speed:.1f} × | {work_s / cost.alone_s - 1:.0%} |")
        bars.append(Bar(f"{shapes}-64", speed, 5, "times", smaller_is_better=False))
    return bars


def _seconds(work: Callable[[], Made]) -> tuple[float, Made]:
    """Processor seconds of it, and what it gave."""
    began = time.process_time()
    made = work()
    return time.process_time() - began, made


if __name__ == "__main__":
    keep_freed_memory()
    sys.exit(run_bars({"shares": shares}))
