"""What every benchmark shares: bars, their lines, the machine, and whole commands measured from outside."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Bar:
    """A figure, the limit it is held against, and whether smaller is better."""

    name: str
    figure: float
    limit: float
    unit: str
    smaller_is_better: bool = True

    @property
    def holds(self) -> bool:
        """Whether the figure is on the right side of the limit."""
        return self.figure <= self.limit if self.smaller_is_better else self.figure >= self.limit

    def __str__(self) -> str:
        sign = "<=" if self.smaller_is_better else ">="
        verdict = "holds" if self.holds else "falls short"
        return f"{self.name} {self.figure:.3g} {self.unit} {sign} {self.limit:g} {self.unit} {verdict}"


@dataclass(frozen=True)
class Measured:
    """A finished command: exit code, wall seconds, the peak resident memory of its largest process in MB, and seconds
    of processor time."""

    code: int
    seconds: float
    peak_mb: float
    cpu_s: float = 0.0


def machine() -> str:
    """Processor count, memory and versions, for the table."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB, Python {platform.python_version()}"


def measure(command: Sequence[str], log: Path) -> Measured:
    """Run a command to its end, its output into `log`."""
    started = time.monotonic()
    with log.open("w") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    scale = 1024 if sys.platform != "darwin" else 1024**2
    cpu_s = usage.ru_utime + usage.ru_stime
    return Measured(process.returncode, time.monotonic() - started, usage.ru_maxrss / scale, cpu_s)


def run_bars(benchmarks: Mapping[str, Callable[[bool], list[Bar]]], arguments: Sequence[str] | None = None) -> int:
    """Command line of a benchmark: `--only NAME,NAME`, `--quick`; returns 1 if a bar falls short."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", metavar="NAME,…", help=f"some of {', '.join(benchmarks)}")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, some minutes on two idle cores")
    given = parser.parse_args(arguments)
    chosen = given.only.split(",") if given.only else list(benchmarks)
    if unknown := [name for name in chosen if name not in benchmarks]:
        parser.error(f"there is no {', '.join(unknown)}; {', '.join(benchmarks)}")
    print(machine())
    bars = [bar for name in chosen for bar in benchmarks[name](given.quick)]
    print(*bars, sep="\n")
    return 0 if all(bar.holds for bar in bars) else 1
