"""NIfTI images, CIFTI among them: opened once their header is seen to fit their file."""

from __future__ import annotations

import gzip
import io
import logging
import os
import zlib
from pathlib import Path
from typing import Any

from bids_app.errors import DataError
from bids_app.inputs.claims import PIECE, n_bytes, require_claim
from bids_app.inputs.opening import BINARY, MB, open_input, reading

LENGTH = 4  # bytes at the end of a gzip file that state how long its content is, of 2^32
LOGGER = logging.getLogger("concord")
MOST_HEADER = 512 * MB  # with its extensions; a CIFTI of 91,282 places has 4 MB of them


def open_nifti(path: Path, keep_open: bool = False) -> Any:
    """An image, its data still on disk.

    Parameters
    ----------
    path : of a .nii or .nii.gz file.
    keep_open : whether the file stays open: blocks of a compressed one are then read without going back to its start.

    Returns
    -------
    nibabel's image.

    Raises
    ------
    DataError : it is no NIfTI file, or is shorter than its header claims.
    """
    nibabel = quiet_nibabel()
    require_whole(path)
    with reading(path):
        return nibabel.load(path, keep_file_open=keep_open)


def quiet_nibabel() -> Any:
    """nibabel, what it says of odd headers in Concord's log: it writes on the terminal by itself."""
    import nibabel
    from nibabel import imageglobals

    imageglobals.logger.handlers.clear()
    imageglobals.logger.parent = LOGGER
    return nibabel


def require_whole(path: Path) -> int:
    """Make sure that a file can hold its header and the values that this claims. Returns their bytes, or raises
    DataError."""
    nibabel = quiet_nibabel()
    compressed = path.name.endswith(".gz")
    with open_input(path, BINARY) as file:
        head = file.read(2048)
        held = path.stat().st_size
        if compressed:
            head = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, 2048)
        kinds = [kind for kind in (nibabel.Nifti1Header, nibabel.Nifti2Header) if kind.may_contain_header(head)]
        if not kinds:
            raise DataError("no NIfTI header", path, "the file is damaged, or of another format")
        header = kinds[0].from_fileobj(io.BytesIO(head[: kinds[0].sizeof_hdr]), check=False)
        offset, item = float(header["vox_offset"]), header.get_data_dtype().itemsize
        if not 0 <= offset <= MOST_HEADER:
            raise DataError(f"the header claims {offset:,.0f} bytes before the values", path)
        values = n_bytes(header.get_data_shape(), item)
        claimed = values if values < 0 else values + int(offset)
        require_claim(claimed, held, path, compressed)
    return claimed


def require_unpacked(path: Path) -> None:
    """Make sure that a compressed file is not cut off: by the length that its last bytes state, and where that is
    another, as in files of several parts, by unpacking it.

    Parameters
    ----------
    path : of a .nii or .nii.gz file.

    Raises
    ------
    DataError : it is shorter than its header claims.
    """
    claimed = require_whole(path)
    if not path.name.endswith(".gz"):
        return
    with open_input(path, BINARY) as file:
        file.seek(-LENGTH, os.SEEK_END)
        if int.from_bytes(file.read(LENGTH), "little") == claimed % 2 ** (8 * LENGTH):
            return
        file.seek(0)
        with gzip.GzipFile(fileobj=file) as unpacked:
            while claimed > 0 and (piece := unpacked.read(min(PIECE, claimed))):
                claimed -= len(piece)
    if claimed:
        raise DataError(f"file cannot be read whole: {claimed:,} bytes are missing at its end", path)
