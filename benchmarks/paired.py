"""Problems to time engines on, and times and memory of several of them, in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from bids_app.records import Array

REPEATS = 3  # of runs whose median counts; 1 in a quick benchmark


def problem(n: int, columns: Sequence[int], n_targets: int, blocks: int = 1) -> tuple[list[Array], Array]:
    """Smooth bands (n, n_columns_b) and responses (n, n_targets) of unit variance that follow them, float32; of zero
    mean in each of `blocks` contiguous blocks, so that leaving one out moves no mean."""
    rng = np.random.default_rng(0)
    X = [smooth(rng, n, count) for count in columns]
    signal = np.zeros((n, n_targets), np.float32)
    for x in X:
        signal += x @ rng.standard_normal((x.shape[1], n_targets), dtype=np.float32) * rng.random(n_targets)
    Y = signal / signal.std(axis=0) + 2 * rng.standard_normal((n, n_targets), dtype=np.float32)
    for values in (*X, Y):
        for rows in np.array_split(np.arange(n), blocks):
            values[rows] -= values[rows].mean(axis=0)
        values /= values.std(axis=0)
    return X, np.asarray(Y, np.float32)


def smooth(rng: np.random.Generator, n: int, n_columns: int) -> Array:
    """Columns of unequal size in a rotated basis, with a little memory from row to row, as features have."""
    values = rng.standard_normal((n, n_columns)) / np.sqrt(1 + np.arange(n_columns))
    values[1:] += 0.5 * values[:-1]
    rotation = np.linalg.qr(rng.standard_normal((n_columns, n_columns)))[0]
    return np.asarray(values @ rotation, dtype=np.float32)


def paired(*functions: Callable[[], Any], repeats: int = REPEATS) -> tuple[list[float], list[Any]]:
    """Median seconds of each, run in turn, and what each returned last."""
    seconds: list[list[float]] = [[] for _ in functions]
    results: list[Any] = [None for _ in functions]
    for _ in range(repeats):
        for number, function in enumerate(functions):
            started = time.perf_counter()
            results[number] = function()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            seconds[number].append(time.perf_counter() - started)
    print(
        "  seconds:", *(", ".join(f"{value:.2f}" for value in taken) for taken in seconds), sep="\n    ", flush=True
    )
    return [median(taken) for taken in seconds], results


def peak_mb(function: Callable[[], Any]) -> float:
    """MB by which the process grows at most while `function` runs (Linux)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _status_mb("VmRSS")
    function()
    return _status_mb("VmHWM") - before


def _status_mb(name: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024 / 1e6
