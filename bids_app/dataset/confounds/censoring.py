"""Samples that head motion spoils, by framewise displacement."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bids_app.dataset.confounds.columns import MOTION
from bids_app.dataset.confounds.tables import MAIN, is_number, read_confounds
from bids_app.errors import DataError
from bids_app.records import Array, ResponseSpec

if TYPE_CHECKING:
    import pandas as pd

HEAD_MM = 50.0  # radius of the head, which turns rotations into distances (Power et al. 2012)
DISPLACEMENT = "framewise_displacement"
MOST_CENSORED = 0.5  # of a run's samples: what is left of others is not the run


def censored(companions: Mapping[str, Path], rows: Array, n_times: int, spec: ResponseSpec) -> Array:
    """Samples whose framewise displacement is above the analysis's limit, and their neighbours.

    Parameters
    ----------
    companions : of the recording.
    rows : (n_rows,) numbers of the scan's samples that the response has.
    n_times : samples of the scan.
    spec : the limit in mm, and how many samples before and after count with one.

    Returns
    -------
    (n_times,) bool; none where no limit is asked for.

    Raises
    ------
    DataError : nothing says how much the head moved, or less than half of the samples would be left.
    """
    marked = np.zeros(n_times, dtype=bool)
    if spec.censor_fd_mm is None:
        return marked
    path = companions.get(MAIN)
    if path is None:
        raise DataError("no confounds file, so no framewise displacement to censor by", hint="leave out censor_fd_mm")
    moved_mm = framewise_displacement(read_confounds(path), path)
    if len(moved_mm) == len(rows) < n_times:
        moved_mm = _spread(moved_mm, rows, n_times)
    if len(moved_mm) != n_times:
        raise DataError(f"confounds of {len(moved_mm)} rows for {n_times} samples", path, "they are of another run")
    before, after = spec.censor_neighbours
    for sample in np.flatnonzero(moved_mm > spec.censor_fd_mm):
        marked[max(0, sample - before) : sample + after + 1] = True
    share = float(marked[rows].mean()) if len(rows) else 0.0
    if share > MOST_CENSORED:
        raise DataError(
            f"{share:.0%} of the samples have a framewise displacement above {spec.censor_fd_mm:g} mm, or are beside "
            "one that has: too little is left",
            path,
            "leave out the run, or raise censor_fd_mm",
        )
    return marked


def framewise_displacement(table: pd.DataFrame, path: Path) -> Array:
    """Head motion from one sample to the next in mm, 0 where it is not known.

    The table's own, else the sum of absolute changes of three shifts and, on a sphere of 50 mm, three rotations in
    radians (Power et al. 2012).

    Parameters
    ----------
    table : of confounds.
    path : of it, for errors.

    Raises
    ------
    DataError : it has neither.
    """
    if DISPLACEMENT in table.columns and is_number(table, DISPLACEMENT):
        return np.asarray(np.nan_to_num(table[DISPLACEMENT].to_numpy(dtype=float), posinf=0, neginf=0))
    if not all(name in table.columns and is_number(table, name) for name in MOTION):
        raise DataError(f"no column '{DISPLACEMENT}' and no six motion parameters to censor by", path)
    change = np.abs(np.diff(table[list(MOTION)].to_numpy(dtype=float), axis=0, prepend=np.nan))
    return np.asarray(np.nan_to_num(change @ np.array([1, 1, 1, HEAD_MM, HEAD_MM, HEAD_MM])))


def _spread(values: Array, rows: Array, n_times: int) -> Array:
    full = np.zeros(n_times)
    full[rows] = values
    return full
