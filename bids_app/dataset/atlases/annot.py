"""FreeSurfer's annotations: a label a vertex, and what each is called, in one binary file a hemisphere."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np

from bids_app.errors import DataError
from bids_app.inputs.claims import require_claim
from bids_app.inputs.opening import TABLE, read_bytes, reading
from bids_app.records import Array

COLOURS = np.array([1, 2**8, 2**16])  # of red, green and blue in what stands at a vertex
RGB = 2**24 - 1  # what is above is transparency, which programs write or leave out
MOST_NAME = 4096


def read_annot(path: Path) -> tuple[Array, dict[int, str]]:
    """Labels of vertices, and their names.

    What stands at a vertex is a colour; the table that follows says whose it is (FreeSurfer's `read_annotation`).

    Parameters
    ----------
    path : of one hemisphere.

    Returns
    -------
    Labels (n_vertices,) int32, and label → name: the place in the table, from 1. 0 is a vertex without a colour.
    Colours that the table does not know are numbered after its last place, and have no name.

    Raises
    ------
    DataError : it is damaged, or has no table.
    """
    content = read_bytes(path, TABLE)
    with reading(path):
        n_vertices = _number(io.BytesIO(content))
        require_claim(8 * n_vertices, len(content) - 4, path)
        pairs = np.frombuffer(content, dtype=">i4", count=2 * n_vertices, offset=4).reshape(-1, 2)
        colours, names = _table(io.BytesIO(content[4 + 8 * n_vertices :]), path)
        known = {colour: place for place, colour in enumerate(colours, 1)}
        if not ((pairs[:, 0] >= 0) & (pairs[:, 0] < n_vertices)).all():
            raise DataError("it has vertices beyond those that it counts", path, "it is damaged")
        there = (pairs[:, 1] & RGB).tolist()
        strange = sorted({*there} - {0} - {*known})
        places = {0: 0, **known, **{colour: place for place, colour in enumerate(strange, len(names) + 1)}}
        labels = np.zeros(n_vertices, dtype=np.int32)
        labels[pairs[:, 0]] = [places[colour] for colour in there]
    return labels, dict(enumerate(names, 1))


def _table(rest: io.BytesIO, path: Path) -> tuple[list[int], list[str]]:
    """Colours and names, of either of two layouts; places without an entry have neither."""
    if not rest.getbuffer() or not _number(rest):
        raise DataError("no table names the labels", path, "FreeSurfer writes it at the end of the file")
    n_entries = _number(rest)
    numbered = n_entries < 0  # the later layout begins with its version, below 0, and numbers its entries
    if numbered:
        _number(rest)
    _text(rest)  # the file that it was made from
    n_entries = _number(rest) if numbered else n_entries
    colours, names = list[int](), list[str]()
    for _ in range(n_entries):
        if numbered:
            _number(rest)
        names.append(_text(rest))
        colours.append(int(np.dot(struct.unpack(">4i", rest.read(16))[:3], COLOURS)))
    return colours, names


def _number(file: io.BytesIO) -> int:
    return int(struct.unpack(">i", file.read(4))[0])


def _text(file: io.BytesIO) -> str:
    length = _number(file)
    if not 0 <= length <= MOST_NAME:
        raise ValueError(f"a name of {length} letters")
    return file.read(length).split(b"\0", 1)[0].decode()
