"""What a header claims, against the size of its file: no memory is taken for what cannot be there."""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterable
from pathlib import Path

from bids_app.errors import DataError
from bids_app.inputs.opening import Kind, open_input

MOST_DEFLATED = 1032  # bytes that one byte of gzip or zlib can stand for
SLACK = 4096  # of a header, its checksums and padding
PIECE = 2**20


def require_claim(claimed: int, held: int, path: Path, compressed: bool = False) -> None:
    """Make sure that a file can hold what its header claims.

    Parameters
    ----------
    claimed : bytes of values by the header.
    held : bytes of the file, or of the part that holds the values.
    path : of it.
    compressed : whether they are deflated.

    Raises
    ------
    DataError : it cannot.
    """
    if not 0 <= claimed <= (held * MOST_DEFLATED + SLACK if compressed else held):
        what = f"file cannot be read whole: its header claims {claimed:,} bytes, and it has {held:,}"
        raise DataError(what, path, "it is cut off or damaged")


def n_bytes(shape: Iterable[int], item: int) -> int:
    """Bytes of an array, in whole numbers that do not overflow; below 0 where a size is none.

    Parameters
    ----------
    shape : of the array.
    item : bytes of a value.
    """
    sizes = [int(size) for size in shape]
    return -1 if any(size < 0 for size in sizes) else math.prod(sizes) * item


def gunzip(path: Path, kind: Kind, home: Path | None = None) -> bytes:
    """What a gzip file holds, of no more than a file of its kind has.

    Parameters
    ----------
    path, kind, home : as of `check_input`; the limit is that of what is unpacked, too.

    Raises
    ------
    DataError : it is damaged, or holds more.
    """
    pieces, size = [], 0
    with open_input(path, kind, home) as file, gzip.GzipFile(fileobj=file) as unpacked:
        while piece := unpacked.read(PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > kind.most_bytes:
                raise DataError(f"it unpacks to more than the {kind.most_bytes:,} bytes of a {kind.what}", path)
    return b"".join(pieces)
