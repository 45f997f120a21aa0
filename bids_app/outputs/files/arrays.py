"""Results in the shape of responses that came as HDF5: one array (n_columns,) a number, named and described."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path

import numpy as np

from bids_app.outputs.files.files import reading_back
from bids_app.records import Array, Targets

LIBVER = ("v110", "v110")  # the same bytes from every later HDF5


def array_bytes(targets: Targets, cells: Mapping[str, Iterable[object]], columns: Mapping[str, object]) -> bytes:
    """An HDF5 file with a dataset a number.

    Parameters
    ----------
    targets : with the column that each is of.
    cells : name → (n_targets,) numbers; what is no number is left out.
    columns : name → what the sidecar says of it; its `Description` becomes the dataset's.

    Returns
    -------
    The file; (n_columns,) float32 each, NaN where no target is.
    """
    import h5py

    columns_of = np.asarray(targets.columns)
    size = targets.shape[0] if targets.kind == "array" else int(columns_of.max()) + 1
    buffer = BytesIO()
    with h5py.File(buffer, "w", libver=LIBVER) as file:
        for name, values in cells.items():
            numbers = np.asarray(values)
            if numbers.dtype.kind not in "fiub":
                continue
            whole = np.full(size, np.nan, dtype=np.float32)
            whole[columns_of] = numbers
            dataset = file.create_dataset(name, data=whole, track_times=False)
            about = columns.get(name)
            dataset.attrs["Description"] = str(about.get("Description", "")) if isinstance(about, Mapping) else ""
    return buffer.getvalue()


def read_arrays(path: Path) -> dict[str, Array]:
    """Name → (n_columns,) float32 of every dataset. Raises ReadWriteError."""
    import h5py

    with reading_back(path, "arrays"), h5py.File(path, "r", locking=False) as file:
        return {str(name): np.asarray(file[name], dtype=np.float32) for name in file}
