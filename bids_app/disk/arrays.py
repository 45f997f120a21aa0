"""Arrays that one process gives to another: a file of them, whole or not at all, and whole again when it is read."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bids_app.disk.regular import opened
from bids_app.disk.replace import replacing
from bids_app.errors import ReadWriteError

BROKEN = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError)


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays into one file (.npz), none of them as a pickle; a view of a larger array is never copied whole.

    Parameters
    ----------
    path : of the file; its folder is there.
    arrays : by name.

    Raises
    ------
    ReadWriteError : where the disk refuses.
    """
    import numpy as np

    try:
        with replacing(path) as part, zipfile.ZipFile(part, "w") as file:
            for name, values in arrays.items():
                with file.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asanyarray(values), allow_pickle=False)
    except OSError as error:
        raise ReadWriteError(f"it cannot be written ({error.strerror})", path) from error


@contextmanager
def opened_arrays(path: Path) -> Iterator[Mapping[str, Any]]:
    """Arrays of a file, each read when it is asked for; all bytes are checked before.

    Parameters
    ----------
    path : of the file.

    Raises
    ------
    ReadWriteError : it is not there, or not as it was written.
    """
    import numpy as np

    with ExitStack() as stack:
        try:
            file = stack.enter_context(opened(path))
            with zipfile.ZipFile(file) as members:
                damaged = members.testzip()
            if damaged is not None:
                raise ValueError(f"{damaged} is damaged")
            file.seek(0)
            arrays = stack.enter_context(np.load(file, allow_pickle=False))
        except BROKEN as error:
            raise ReadWriteError(f"it cannot be read ({error})", path) from error
        yield arrays
