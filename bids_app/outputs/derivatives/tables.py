"""Tables of parcels, electrodes and mean responses: columns, and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from bids_app.errors import ReadWriteError
from bids_app.outputs.files.arrays import array_bytes, read_arrays
from bids_app.outputs.files.files import Cells, numbers, read_tsv, tsv_text
from bids_app.records import (
    TRAITS,
    Array,
    Lags,
    Partition,
    Responsive,
    SharedSubspace,
    Targets,
    TargetsSummary,
    UnitResult,
    UnitSummary,
    space_label,
)

Column = Sequence[str] | Array
INTRACRANIAL = ("SEEG", "ECOG", "DBS")


def table_bytes(targets: Targets, cells: Cells, columns: Mapping[str, object]) -> bytes:
    """A table with a row a target; of arrays an HDF5 file in the shape of the responses.

    Parameters
    ----------
    targets : its rows.
    cells : column → (n_targets,) cells.
    columns : column → what it is.
    """
    if TRAITS[targets.kind].table_ending == ".h5":
        return array_bytes(targets, cells, columns)
    return tsv_text(cells).encode()


def score_cells(partition: Partition) -> dict[str, Array]:
    """`<component>_<stat>` → (n_targets,)."""
    return {
        f"{component}_{stat}": values
        for component, stats in partition.values.items()
        for stat, values in stats.items()
    }


def target_cells(targets: Targets) -> dict[str, Iterable[object]]:
    """Columns that say what a row is; electrodes begin as a channels.tsv must."""
    if targets.kind != "electrodes":
        return {"name": targets.names}
    given = targets.table
    blank = ("n/a",) * len(targets.names)
    xyz_mm = np.full((len(targets.names), 3), np.nan) if targets.xyz_mm is None else targets.xyz_mm
    return {
        "name": targets.names,
        "type": [kind.upper() if kind.upper() in INTRACRANIAL else "n/a" for kind in given.get("type", blank)],
        "units": given.get("units", blank),
        "low_cutoff": [_number(cell) for cell in given.get("low_cutoff", blank)],
        "high_cutoff": [_number(cell) for cell in given.get("high_cutoff", blank)],
        **{axis: xyz_mm[:, column] for column, axis in enumerate("xyz")},
    }


def _number(cell: str) -> str:
    """`cell` if it is a finite number, else n/a."""
    try:
        return cell if math.isfinite(float(cell)) else "n/a"
    except ValueError:
        return "n/a"


def responsive_cells(test: Responsive) -> dict[str, Iterable[object]]:
    """Speech against silence, beside the scores and whatever they are."""
    words = {True: "true", False: "false"}
    called = [words[bool(q <= test.level)] if np.isfinite(q) else "n/a" for q in test.q]
    return {"responsive": called, "responsive_p": test.p, "responsive_q": test.q}


LAG_COLUMNS = {
    "name": {"Description": "Channel"},
    "lag_s": {"Description": "Time of the response after the feature, or after the word's onset", "Units": "s"},
}


def _lag_rows(names: Sequence[str], lags_s: Sequence[float]) -> dict[str, Iterable[object]]:
    """The columns of `LAG_COLUMNS`: electrode by electrode, all its lags."""
    return {"name": [name for name in names for _ in lags_s], "lag_s": [float(lag) for _ in names for lag in lags_s]}


def lag_score_cells(names: Sequence[str], lags: Lags) -> dict[str, Iterable[object]]:
    """Electrode × lag: every component's scores.

    Parameters
    ----------
    names : (n_electrodes,) names of the channels.
    lags : lags in seconds, and scores (n_electrodes, n_lags) at them.

    Returns
    -------
    Column → (n_electrodes · n_lags,) cells: electrode by electrode, all its lags.
    """
    scores = {column: values.ravel() for column, values in score_cells(lags.partition).items()}
    return {**_lag_rows(names, lags.lags_s), **scores}


def lag_weight_cells(unit: UnitResult) -> dict[str, Iterable[object]]:
    """Electrode × lag: the size of the full model's weights of each space."""
    weights = {f"{space_label(band)}_weight": values.T.ravel() for band, values in unit.fit.profile.items()}
    return {**_lag_rows(unit.targets.names, unit.fit.delays_s), **weights}


def weight_columns(bands: Sequence[str]) -> dict[str, dict[str, str]]:
    """Definitions of the columns of `lag_weight_cells`."""
    weight = (
        "Euclidean norm, over the dimensions of {}, of the full model's weights at this lag on standardised "
        "features, averaged over outer folds"
    )
    return {**LAG_COLUMNS, **{f"{space_label(band)}_weight": {"Description": weight.format(band)} for band in bands}}


def subspace_cells(subspace: SharedSubspace) -> dict[str, Iterable[object]]:
    """Outer fold × pair: those kept and those tried."""
    rows = []
    for fold in subspace.folds:
        kept, tried = len(fold.correlation), len(fold.held_out)
        name = "all" if fold.fold is None else fold.fold
        columns = fold.correlation, fold.held_out, fold.p, fold.leak
        for pair in range(max(kept, tried)):
            r, held_out, p, leak = (float(one[pair]) if pair < len(one) else math.nan for one in columns)
            is_kept = "yes" if pair < kept else "no"
            rows.append((name, pair + 1, is_kept, r, held_out, p, fold.null_95, leak, fold.n_words))
    cells = list(zip(*rows, strict=True)) or [()] * len(SUBSPACE_COLUMNS)
    return dict(zip(SUBSPACE_COLUMNS, cells, strict=True))


SUBSPACE_COLUMNS = {
    "fold": "Outer fold in whose training stimuli the pair was fitted; all: one fit on all stimuli",
    "pair": "Pair of canonical variates, the most correlated on training words first",
    "kept": "Whether the pair is part of the shared subspace",
    "correlation": "Canonical correlation on the words it was fitted to; n/a for pairs not kept",
    "correlation_held_out": "Correlation of the pair in words left out of its fit, in folds among the training "
    "words, averaged through Fisher's z",
    "p": "Share of shifts of one model's words against the other's whose first pair correlates as much, held out",
    "null_95": "95th percentile of the first pair's held-out correlation over these shifts",
    "leak": "Share of a signal of one model alone that the pair's mean carries, (1 − ρ) / (2 (1 + ρ)) of the "
    "held-out correlation ρ; n/a for pairs not kept",
    "n_words": "Words it was fitted to",
}


def subspace_columns() -> dict[str, dict[str, str]]:
    """Definitions of the columns of `subspace_cells`."""
    return {name: {"Description": words} for name, words in SUBSPACE_COLUMNS.items()}


def read_columns(path: Path) -> Mapping[str, Column]:
    """Columns of a table as text, or of an HDF5 file as numbers. Raises ReadWriteError."""
    return read_arrays(path) if path.suffix == ".h5" else read_tsv(path)


def read_scores(path: Path, summary: UnitSummary) -> tuple[Mapping[str, Column], Partition]:
    """A table's columns and its scores.

    Parameters
    ----------
    path : of the table.
    summary : of the unit: which components and stats it has.

    Raises
    ------
    ReadWriteError : where it is gone or broken, or a number that the summary names has no column.
    """
    columns = read_columns(path)
    values = {
        label: {stat: column_of(columns, f"{label}_{stat}", path) for stat in summary.components[label].stats}
        for label in summary.by_label
    }
    return columns, Partition(summary.groups, values, summary.extra, summary.controls)


def column_of(columns: Mapping[str, Column], name: str, path: Path) -> Array:
    """A column's numbers, (n_rows,); NaN for n/a.

    Parameters
    ----------
    columns : the table's, as text or numbers.
    name : of the column.
    path : of the table.

    Raises
    ------
    ReadWriteError : where the table has no such column.
    """
    column = _column(columns, name, path)
    return column if isinstance(column, np.ndarray) else numbers(column)


def _column(columns: Mapping[str, Column], name: str, path: Path) -> Column:
    if name not in columns:
        raise ReadWriteError(f"the table has no column '{name}', which its summary names", path, "run with --force")
    return columns[name]


def table_targets(columns: Mapping[str, Column], grid: TargetsSummary, path: Path) -> Targets:
    """Targets of a table's rows.

    Parameters
    ----------
    columns : the table's, as text.
    grid : of the targets, as the summary keeps it.
    path : of the table.

    Raises
    ------
    ReadWriteError : where the table has no names, or no positions of electrodes.
    """
    if TRAITS[grid.kind].table_ending == ".h5":
        every = np.arange(grid.shape[0])
        return Targets(grid.kind, grid.space, tuple(map(str, every.tolist())), None, grid.shape, columns=every)
    names = tuple(map(str, _column(columns, "name", path)))
    xyz_mm = (
        np.column_stack([column_of(columns, axis, path) for axis in "xyz"]) if grid.kind == "electrodes" else None
    )
    affine = np.array(grid.affine) if grid.affine else None
    table = {"responsive": tuple(map(str, columns["responsive"]))} if "responsive" in columns else {}
    return Targets(grid.kind, grid.space, names, _index(grid.kind, names), grid.shape, affine, xyz_mm, table)


def _index(kind: str, names: Sequence[str]) -> Array | None:
    """Voxels and vertices from their names."""
    if kind == "volume":
        return np.array([name.split(",") for name in names], dtype=int)
    if kind == "surface":
        return np.array([("LR".index(name[0]), int(name[2:])) for name in names])
    return None
