"""What is regressed out of fMRI: confounds of the run and slow drift."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bids_app.dataset.confounds.columns import MOTION, STRATEGIES, chosen_columns, expand, groups_of
from bids_app.dataset.confounds.tables import MAIN, count_rows, is_number, read_confounds, tables_of
from bids_app.errors import DataError
from bids_app.records import Array, Recording, ResponseSpec

HIGHEST_HZ = 0.1  # of a high-pass filter of BOLD; what is told above it is another thing

if TYPE_CHECKING:
    import pandas as pd


def fmri_nuisance(
    recording: Recording, rows: Array, n_times: int, spec: ResponseSpec
) -> tuple[Array, Array, tuple[str, ...]]:
    """What is regressed out of a run.

    Parameters
    ----------
    recording : with `confounds` among its companions, or without.
    rows : (n_rows,) numbers of the scan's samples that the response has; tables may be of these or of the scan.
    n_times : samples of the scan.
    spec : confounds, and the shortest period of drift that is removed.

    Returns
    -------
    nuisance : (n_times, n_nuisance) confounds, then drift.
    steady : (n_times,) False before magnetisation is steady.
    warnings : a line each.

    Raises
    ------
    DataError : a table has another length or lacks what is asked for.
    """
    high_pass_s, warnings_of_filter = _high_pass(recording, spec.high_pass_s)
    drift = cosine_drift(n_times, 1 / recording.rate_hz, high_pass_s)
    items, main = groups_of(spec.confounds), recording.companions.get(MAIN)
    tables = {path: _fitted(read_confounds(path), rows, n_times) for path in tables_of(recording.companions).values()}
    lengths = {path: len(table) for path, table in tables.items()}
    warnings = warnings_of_filter + _about_lengths(lengths, main, n_times, items)
    tables = {path: table for path, table in tables.items() if len(table) == n_times}
    steady: Array = np.ones(n_times, dtype=bool)
    if main in tables:
        steady = np.asarray(~(np.nan_to_num(_unsteady(tables[main])) > 0).any(axis=1))
    columns = chosen_columns(items, tables, recording, main if main in tables else None)
    chosen = np.array(list(columns.values())).reshape(len(columns), n_times).T
    there = np.isin(np.arange(1, n_times), rows)
    holes = int((there & (~np.isfinite(chosen[1:])).any(axis=1)).sum())
    warnings += (f"confounds are missing in {holes} samples: 0 is used",) if holes else ()
    return np.hstack([np.nan_to_num(chosen, posinf=0, neginf=0), drift]), steady, warnings


def _high_pass(recording: Recording, high_pass_s: float | None) -> tuple[float | None, tuple[str, ...]]:
    """Shortest period of drift that is removed, None for none: that of the filter of responses that come filtered,
    so that features, too, lose what responses have not."""
    left_s = filtered_s(recording.metadata)
    if left_s is None or high_pass_s is None or left_s >= high_pass_s:
        return high_pass_s, ()
    why = f"responses come high-pass filtered at {1 / left_s:.4g} Hz (SoftwareFilters)"
    return left_s, (f"{why}: periods over {left_s:.4g} s are removed, of features too where they are residualised",)


def filtered_s(metadata: Mapping[str, Any]) -> float | None:
    """Longest period in seconds that high-pass filters have left, by a sidecar's `SoftwareFilters`; None where it
    tells of none.

    Parameters
    ----------
    metadata : of a response; {filter: {parameter: value}} as BIDS has it, cut-offs in Hz.
    """
    filters = metadata.get("SoftwareFilters")
    if not isinstance(filters, Mapping):
        return None
    told = (
        (re.sub(r"[^a-z]", "", f"{name} {key}".lower()), re.sub(r"[^a-z]", "", str(key).lower()), value)
        for name, settings in filters.items()
        if isinstance(settings, Mapping)
        for key, value in settings.items()
    )
    cut_offs_hz = [
        float(value)
        for both, key, value in told
        if "highpass" in both and "lowpass" not in key and _is_cut_off(key) and _is_positive(value)
    ]
    return 1 / max(cut_offs_hz) if cut_offs_hz else None


def _is_cut_off(key: str) -> bool:
    """Whether letters of a parameter's name say that it is a cut-off in Hz, not a width, a rate or a period."""
    return "hz" in key and ("cutoff" in key or "highpass" in key) and "transition" not in key


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < HIGHEST_HZ


def _fitted(table: pd.DataFrame, rows: Array, n_times: int) -> pd.DataFrame:
    """Over the scan, where a table is of the response's samples alone."""
    return table.set_axis(rows).reindex(range(n_times)) if len(table) == len(rows) < n_times else table


def require_lengths(recording: Recording, n_rows: int, n_times: int, spec: ResponseSpec) -> None:
    """Make sure that tables of confounds that are asked for have as many rows as the recording; by their lines alone.

    Parameters
    ----------
    recording : with `confounds` among its companions, or without.
    n_rows : samples that the response has.
    n_times : samples of the scan.
    spec : which confounds.

    Raises
    ------
    DataError : one has another length.
    """
    counts = {path: count_rows(path) for path in tables_of(recording.companions).values()}
    lengths = {path: n_times if count == n_rows else count for path, count in counts.items()}
    _about_lengths(lengths, recording.companions.get(MAIN), n_times, groups_of(spec.confounds))


def _about_lengths(lengths: Mapping[Path, int], main: Path | None, n_times: int, items: list[str]) -> tuple[str, ...]:
    """Raises DataError where a table that is asked for is of another run."""
    groups = [item for item in items if item in STRATEGIES]
    if main is None:
        return (f"no confounds file: '{'+'.join(groups)}' is not regressed out",) if groups else ()
    others = [(path, length) for path, length in lengths.items() if length != n_times]
    if others and (items or others[0][0] != main):
        path, length = others[0]
        raise DataError(f"confounds of {length} rows for {n_times} samples", path, "they are of another run")
    return tuple(f"confounds of {length} rows are of another run: not used" for _, length in others)


def _unsteady(table: pd.DataFrame) -> Array:
    return table.filter(regex=r"^non_steady_state_outlier").to_numpy(dtype=float)


def motion(recording: Recording, n_times: int) -> Array | None:
    """Six motion parameters and their change since the sample before.

    Parameters
    ----------
    recording : with `confounds` among its companions, or without.
    n_times : its samples.

    Returns
    -------
    (n_times, 12), missing numbers 0; None where the recording's confounds do not have them.
    """
    path = recording.companions.get(MAIN)
    table = None if path is None else read_confounds(path)
    if table is None or len(table) != n_times or not all(name in table and is_number(table, name) for name in MOTION):
        return None
    return np.nan_to_num(expand(table[list(MOTION)].to_numpy(dtype=float))[:, : 2 * len(MOTION)], posinf=0, neginf=0)


def cosine_drift(n_times: int, period_s: float, high_pass_s: float | None) -> Array:
    """Discrete cosines of periods down to `high_pass_s`, without the constant.

    Parameters
    ----------
    n_times : samples.
    period_s : from sample to sample (TR).
    high_pass_s : the shortest period, in seconds; None: none at all.

    Returns
    -------
    (n_times, K), K = ⌊2·n·TR / high_pass_s⌋.
    """
    count = int(2 * n_times * period_s / high_pass_s + 1e-9) if high_pass_s else 0
    orders = np.arange(1, min(count, n_times - 1) + 1)
    return np.cos(np.pi * orders * (np.arange(n_times)[:, None] + 0.5) / n_times)
