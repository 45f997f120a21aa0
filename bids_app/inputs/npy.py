"""Arrays in .npy files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from bids_app.errors import DataError
from bids_app.inputs.claims import n_bytes, require_claim
from bids_app.inputs.opening import Kind, open_input


def npy_header(path: Path, kind: Kind, home: Path | None = None) -> Any:
    """An array of the shape and type that a file's header states; its values are none, and take no memory.

    Parameters
    ----------
    path, kind, home : as of `check_input`.

    Raises
    ------
    DataError : as of `read_npy`.
    """
    with open_input(path, kind, home) as file:
        shape, dtype = _header(file, path)
    return np.broadcast_to(np.zeros((), dtype), shape)


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
        _header(file, path)
        file.seek(0)
        return np.load(file, allow_pickle=False)


def _header(file: BinaryIO, path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type. Raises DataError."""
    if file.read(len(np.lib.format.MAGIC_PREFIX)) != np.lib.format.MAGIC_PREFIX:
        raise DataError("not in the format .npy: it holds no rows", path, "write it with numpy.save")
    file.seek(0)
    headers = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
    shape, _, dtype = headers[min(2, np.lib.format.read_magic(file)[0])](file)
    if dtype.hasobject:
        raise DataError("it holds Python objects, not numbers", path, "save an array of numbers")
    require_claim(n_bytes(shape, dtype.itemsize), path.stat().st_size - file.tell(), path)
    return shape, dtype
