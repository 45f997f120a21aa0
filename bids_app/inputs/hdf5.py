"""HDF5 files whose content is their own: a link, an array's storage or a virtual array may lead to any file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bids_app.errors import DataError
from bids_app.inputs.claims import n_bytes, require_claim
from bids_app.inputs.opening import BINARY, Kind, failing, open_input, reading

MOST_OBJECTS = 1_000_000
SIGNATURE = b"\x89HDF\r\n\x1a\n"


@contextmanager
def open_hdf5(path: Path, kind: Kind = BINARY, home: Path | None = None) -> Iterator[Any]:
    """An HDF5 file, open for reading. What is raised by reading from it is the caller's.

    Parameters
    ----------
    path, kind, home : as of `check_input`.

    Raises
    ------
    DataError : as of `check_input`, or it is no HDF5 file.
    """
    import h5py

    with reading(path, kind, home):
        file = h5py.File(path, "r", locking=False)
    with file:
        yield file


def is_hdf5(path: Path) -> bool:
    """Whether a file is HDF5 by its first bytes, behind those that a program may have put before it. Raises
    DataError."""
    with open_input(path) as file:
        places = (0, *(512 * 2**power for power in range(12)))
        return any(file.seek(place) == place and file.read(len(SIGNATURE)) == SIGNATURE for place in places)


def own_array(file: Any, key: str, path: Path) -> Any:
    """An array that lies in the file itself, none of its values read.

    Parameters
    ----------
    file : open.
    key : of the array.
    path : of the file, for errors.

    Raises
    ------
    DataError : there is no such array; it is a link, or takes its numbers from other files.
    """
    import h5py

    with failing(path):
        if not isinstance(file.get(key, getlink=True), h5py.HardLink):
            what = "is a link, not an array of this file" if file.get(key, getlink=True) else "is not in the file"
            raise DataError(f"'{key}' {what}", path, "copy the array into the file")
        dataset = file[key]
        if not isinstance(dataset, h5py.Dataset):
            raise DataError(f"'{key}' is no array", path)
        _refuse_foreign(dataset, key, path)
    return dataset


def _refuse_foreign(dataset: Any, key: str, path: Path) -> None:
    if dataset.external or dataset.is_virtual:
        raise DataError(f"'{key}' takes its numbers from other files", path, "copy them into the file")


def require_held(dataset: Any, path: Path) -> None:
    """Make sure that an array has the values that its header claims: what was never written has none.

    Parameters
    ----------
    dataset : of a file that is open.
    path : of the file, for errors.

    Raises
    ------
    DataError : it claims more bytes than those that it holds can stand for, even compressed.
    """
    claimed = n_bytes(dataset.shape or (), dataset.dtype.itemsize)
    require_claim(claimed, int(dataset.id.get_storage_size()), path, compressed=True)


def require_own_content(path: Path) -> None:
    """Make sure that nothing in a file leads out of it; for readers that follow whatever they find.

    Parameters
    ----------
    path : of an HDF5 file.

    Raises
    ------
    DataError : a link or an array's storage leads to another file, or an array claims more than it holds.
    """
    import h5py

    with open_hdf5(path) as file, failing(path):
        ahead, seen = [file["/"]], set()
        while ahead:
            group = ahead.pop()
            for name in group:
                link = group.get(name, getlink=True)
                if isinstance(link, h5py.ExternalLink):
                    raise DataError(f"'{group.name}/{name}' is a link to another file", path, "copy it into the file")
                if not isinstance(link, h5py.HardLink):
                    continue  # a link within the file: what it leads to is met where it lies
                item = group[name]
                address = h5py.h5o.get_info(item.id).addr
                if address in seen:
                    continue
                seen.add(address)
                if len(seen) > MOST_OBJECTS:
                    raise DataError(f"the file has more than {MOST_OBJECTS} objects", path)
                if isinstance(item, h5py.Group):
                    ahead.append(item)
                elif isinstance(item, h5py.Dataset):
                    _refuse_foreign(item, item.name, path)
                    require_held(item, path)
