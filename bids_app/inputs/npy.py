"""Arrays in .npy files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bids_app.errors import DataError
from bids_app.inputs.claims import n_bytes, require_claim
from bids_app.inputs.opening import Kind, open_input


def read_npy(path: Path, kind: Kind, home: Path | None = None) -> Any:
    """An array of numbers, of any shape; never a pickle.

    Parameters
    ----------
    path, kind, home : as of `check_input`.

    Raises
    ------
    DataError : it is no such file, or has fewer values than its header claims.
    """
    with open_input(path, kind, home) as file:
        version = np.lib.format.read_magic(file)
        read_header = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read_header(file)
        if dtype.hasobject:
            raise DataError("it holds Python objects, not numbers", path, "save an array of numbers")
        require_claim(n_bytes(shape, dtype.itemsize), path.stat().st_size - file.tell(), path)
        file.seek(0)
        return np.load(file, allow_pickle=False)
