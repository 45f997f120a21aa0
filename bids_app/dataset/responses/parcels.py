"""Parcels: a table with a column a parcel and a row a sample."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bids_app.errors import DataError
from bids_app.inputs.opening import TABLE, read_bytes, reading
from bids_app.records import Array, Recording, Targets

if TYPE_CHECKING:
    import pandas as pd


def read_numbers(path: Path) -> pd.DataFrame:
    """A table of numbers, 'n/a' as NaN. Raises DataError where a column is not numeric."""
    import pandas as pd

    content = io.BytesIO(read_bytes(path, TABLE))
    with reading(path, TABLE):
        table = pd.read_csv(content, sep="\t", encoding="utf-8-sig", na_values=["n/a"])
    text = [str(name) for name in table.columns if not pd.api.types.is_numeric_dtype(table[name])]
    if text or table.empty:
        raise DataError(f"columns are not numbers: {', '.join(text[:5]) or 'no rows'}", path)
    return table


def parcel_targets(recording: Recording) -> Targets:
    """Every column. Raises DataError."""
    table = read_numbers(recording.paths[0])
    return Targets("parcels", recording.space, tuple(str(name) for name in table.columns))


def parcel_values(path: Path, targets: Targets) -> Array:
    """Values of parcels.

    Parameters
    ----------
    path : a table with a column a parcel.
    targets : parcels, in the order wanted.

    Returns
    -------
    (n_times, n_targets) float32.

    Raises
    ------
    DataError : a parcel is missing.
    """
    table = read_numbers(path)
    table.columns = table.columns.astype(str)
    missing = [name for name in targets.names if name not in table.columns]
    if missing:
        raise DataError(f"no column for parcel {', '.join(missing[:5])}", path)
    return table[list(targets.names)].to_numpy(dtype=np.float32)
