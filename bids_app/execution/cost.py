"""What a fit should take, counted on its shapes, with rates that were measured (benchmarks/RESULTS.md, *Estimates*).

The counts follow what `bids_app/encoding` does: a decomposition of each distinct candidate in each inner split and
again in each outer fold, then products with every target. The rates are of one core; `pace` says how this one does.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bids_app.execution.stages import FIT, PREPARED
from bids_app.records import MODELS_STAGE, RESIDUALS_STAGE, SEARCH_STAGE

# Rates, in seconds of one core of the machine in RESULTS.md, where `pace` takes PROBE_S. A side is the smaller of a
# candidate's columns and the samples it is fitted on: that of the matrix that is decomposed.
SEARCHED_S, SEARCHED_ROW_S = 1.1e-3, 4e-7  # a candidate in an inner split; its training rows
SQUARE_S, CUBE_S, TRIED_S = 6e-8, 5e-11, 1.3e-10  # the same: side², side³; side² of each target
CHOSEN_S, CHOSEN_ROW_S, CHOSEN_CUBE_S = 3.8e-3, 1.5e-6, 1.7e-10  # a candidate in an outer fold; rows; side³
TESTED_S, FITTED_S = 1.6e-5, 1.5e-9  # a target and union: √rows; side² in each outer fold
FORESEEN_S, FORESEEN_FIT_S = 3e-6, 4e-10  # the same, of what smaller models leave
RESULTS_S = 3.5e-3  # p and intervals of a target
PREPARED_S = 6e-8  # columns² of the largest candidate: the shared subspace
READ_S = 1.2e-8  # a byte of responses
ENHANCED_S = 1.1e-6  # a target of a map, by TFCE
PROBE_S, PROBE_SIDE, PROBES = 0.0062, 256, 5
MOST_SHARED, SHARED_SIDE = 0.9, 600.0  # of a further core, that is made use of; the side from which it is
UNTESTED = 0.3  # of the time with tests
DISTINCT = 0.75  # of draws: bands of next to no weight are left out of them, which makes some equal
MB, BASE_MB, DEFAULT_MB = 1e6, 420, 5500  # interpreter and libraries; what a fit keeps to without --mem-mb
PENALTY, N_PENALTIES, TARGET, UNION = 4, 60, 24, 16  # bytes of a target: each penalty; column and row; union's row
COLUMN = 128  # bytes of a column's row
WRITTEN_MB, WRITTEN = 1.0, 60  # a unit's tables; bytes a target and union


@dataclass(frozen=True)
class Asked:
    """A question to a fit, by its shapes.

    Parameters
    ----------
    groups : feature group → its bands.
    columns : of each band.
    unions : sets of groups that are fitted; None: all of them.
    """

    groups: Mapping[str, Sequence[str]]
    columns: Mapping[str, int]
    unions: Sequence[Sequence[str]] | None = None

    @property
    def bands(self) -> list[str]:
        """All of the groups."""
        return [band for members in self.groups.values() for band in members]

    @property
    def all_unions(self) -> list[tuple[str, ...]]:
        """Every union that is fitted."""
        if self.unions is not None:
            return list(map(tuple, self.unions))
        return [union for size in range(1, len(self.groups) + 1) for union in combinations(self.groups, size)]


@dataclass(frozen=True)
class FitSize:
    """A unit's fit, by its shapes.

    Parameters
    ----------
    n_times, n_targets : of the design.
    n_outer, n_inner : outer folds, and inner ones of each.
    candidates : columns of each distinct candidate.
    n_unions : of all questions.
    n_columns : of all bands with their delays.
    n_blocks : of time, for tests and intervals; 0: there are none.
    """

    n_times: int
    n_targets: int
    n_outer: int
    n_inner: int
    candidates: Sequence[int]
    n_unions: int
    n_columns: int
    n_blocks: int


def distinct_candidates(questions: Sequence[Asked], candidates: int) -> list[int]:
    """Columns of each distinct candidate that a search tries: bands alone, equal weights, and draws.

    Parameters
    ----------
    questions : what is asked.
    candidates : asked for of each question; 1: equal weights alone, as plain ridge has them.
    """
    found: dict[tuple[object, ...], int] = {}
    for number, one in enumerate(questions):
        n_drawn = n_draws(len(one.bands), candidates)
        for union in one.all_unions:
            own = [band for group in union for band in one.groups[group]]
            columns = sum(map(one.columns.__getitem__, own))
            found["equal", *own] = columns
            found |= {("equal", band): one.columns[band] for band in own if n_drawn}
            if n_drawn and len(own) > 1:
                found |= {(number, draw, *own): columns for draw in range(round(DISTINCT * n_drawn))}
                found |= {("equal", *(b for b in own if b != band)): columns - one.columns[band] for band in own}
    return list(found.values())


def n_draws(n_bands: int, candidates: int) -> int:
    """How many band weights are drawn for a question, as `encoding.ridge.candidates` does it.

    Parameters
    ----------
    n_bands : of the question.
    candidates : asked for; 1: none is drawn.
    """
    fixed = 1 + n_bands * (2 if n_bands > 2 else 1)
    return max(candidates - fixed, candidates // 2) if candidates > 1 and n_bands > 1 else 0


def fit_cost(size: FitSize) -> dict[str, float]:
    """Seconds of one core that each stage of a fit should take.

    Parameters
    ----------
    size : of the fit.
    """
    train = size.n_times * (1 - 1 / size.n_outer)
    inner = train * (1 - 1 / size.n_inner)
    columns = np.asarray(size.candidates, dtype=float)
    tried, chosen, rows = np.minimum(columns, inner), np.minimum(columns, train), size.n_times**0.5
    tests = size.n_targets * size.n_unions * (1.0 if size.n_blocks else UNTESTED)
    side = size.n_outer * float(np.mean(chosen**2))
    square = SQUARE_S + TRIED_S * size.n_targets
    search = SEARCHED_S + SEARCHED_ROW_S * inner + square * tried**2 + CUBE_S * tried**3
    models = CHOSEN_S + CHOSEN_ROW_S * size.n_times + CHOSEN_CUBE_S * chosen**3
    return {
        PREPARED: PREPARED_S * float(columns.max()) ** 2,
        SEARCH_STAGE: size.n_outer * size.n_inner * float(search.sum()),
        RESIDUALS_STAGE: tests * (FORESEEN_S * rows + FORESEEN_FIT_S * side) if size.n_blocks else 0.0,
        MODELS_STAGE: size.n_outer * float(models.sum()) + tests * (TESTED_S * rows + FITTED_S * side),
        FIT: RESULTS_S * size.n_targets if size.n_blocks else 0.0,
    }


def read_s(n_bytes: int) -> float:
    """Seconds that responses of so many bytes should take to be read and cleaned."""
    return READ_S * n_bytes


def fit_mb(size: FitSize, n_bytes: int, limit_mb: int | None) -> float:
    """What the process should take at most, in MB (10⁶ bytes).

    Parameters
    ----------
    size : of the fit.
    n_bytes : of the files of its responses.
    limit_mb : what it is to keep to, if anything.
    """
    target = PENALTY * N_PENALTIES * len(size.candidates) + TARGET * (size.n_columns + size.n_times)
    target += UNION * size.n_unions * size.n_times
    held = COLUMN * size.n_times * size.n_columns + target * size.n_targets + n_bytes
    return min(BASE_MB + held / MB, limit_mb or DEFAULT_MB)


def written_mb(size: FitSize) -> float:
    """What a unit's maps and tables should take on disk, in MB (10⁶ bytes)."""
    return WRITTEN_MB + size.n_targets * size.n_unions * WRITTEN / MB


def enhanced_s(n_groups: int, n_maps: int, n_targets: int) -> float:
    """What TFCE of a partition should take over participants, in seconds.

    Parameters
    ----------
    n_groups : feature groups of the partition; of k there are 3^k null hypotheses.
    n_maps : sign vectors, a map each.
    n_targets : of a map.
    """
    return ENHANCED_S * float(3**n_groups) * n_maps * n_targets


def pace() -> float:
    """How much longer than the reference machine's core this one takes; a twentieth of a second to find out."""
    from threadpoolctl import threadpool_limits

    matrix = np.random.default_rng(0).standard_normal((PROBE_SIDE, PROBE_SIDE))
    matrix += matrix.T
    took = []
    with threadpool_limits(1, user_api="blas"):
        for _ in range(PROBES):
            began = time.perf_counter()
            np.linalg.eigh(matrix)
            took.append(time.perf_counter() - began)
    return min(took) / PROBE_S


def cores(size: FitSize, threads: int | None) -> float:
    """How many cores a fit makes full use of: where matrices are small, threads wait for Python's lock.

    Parameters
    ----------
    size : of the fit.
    threads : asked for; None: all that the process may use.
    """
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    side = float(np.mean(np.minimum(size.candidates, size.n_times)))
    return 1 + (min(threads or there, there) - 1) * min(MOST_SHARED, side / SHARED_SIDE)
