"""GIFTI files: their arrays as tags state them, and their values; only what lies in the file itself is read."""

from __future__ import annotations

import binascii
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bids_app.errors import DataError
from bids_app.inputs.claims import n_bytes, require_claim
from bids_app.inputs.opening import open_unpacked, reading
from bids_app.records import Array

TYPES = {
    "NIFTI_TYPE_UINT8": "u1", "NIFTI_TYPE_INT8": "i1", "NIFTI_TYPE_INT16": "i2", "NIFTI_TYPE_UINT16": "u2",
    "NIFTI_TYPE_INT32": "i4", "NIFTI_TYPE_UINT32": "u4", "NIFTI_TYPE_INT64": "i8", "NIFTI_TYPE_UINT64": "u8",
    "NIFTI_TYPE_FLOAT32": "f4", "NIFTI_TYPE_FLOAT64": "f8",
}  # fmt: skip
ORDERS: dict[str, Literal["C", "F"]] = {"RowMajorOrder": "C", "ColumnMajorOrder": "F"}
ENDIAN = {"LittleEndian": "<", "BigEndian": ">"}
NATIVE = "<" if sys.byteorder == "little" else ">"
PIECE = 2**22


@dataclass
class _Content:
    """What is gathered while a file is parsed: the tags of its arrays, and their values or the table of labels."""

    path: Path
    decode: bool
    tags: list[dict[str, str]] = field(default_factory=list)
    arrays: list[Array] = field(default_factory=list)
    text: list[str] | None = None  # of the array's data, or of a label's name, that is being read
    labels: dict[int, str] = field(default_factory=dict)
    key: int | None = None  # of the label that is being read

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """A tag is opened."""
        if name == "DataArray":
            if attributes.get("ExternalFileName") or attributes.get("Encoding") == "ExternalFileBinary":
                raise DataError("an array's values lie in another file", self.path, "write them into the GIFTI file")
            self.tags.append(attributes)
        elif name == "Data" and self.decode:
            self.text = []
        elif name == "Label" and not self.decode:
            self.key, self.text = int(attributes.get("Key", attributes.get("Index", ""))), []

    def gather(self, text: str) -> None:
        """Text between tags."""
        if self.text is not None:
            self.text.append(text)

    def end(self, name: str) -> None:
        """A tag is closed."""
        if name == "Data" and self.text is not None:
            self.arrays.append(_decoded(self.tags[-1], "".join(self.text), self.path))
            self.text = None
        elif name == "Label" and self.text is not None and self.key is not None:
            self.labels[self.key] = "".join(self.text).strip()
            self.text = None

    def refuse_entity(self, *declared: Any) -> None:
        """An entity may stand for a file, or for text without end."""
        raise DataError("it declares entities, which no GIFTI needs", self.path)


def _parsed(path: Path, decode: bool) -> _Content:
    from xml.parsers import expat

    content = _Content(path, decode)
    parser = expat.ParserCreate()
    parser.buffer_text, parser.buffer_size = True, PIECE
    parser.StartElementHandler, parser.EndElementHandler = content.start, content.end
    parser.CharacterDataHandler, parser.EntityDeclHandler = content.gather, content.refuse_entity
    with open_unpacked(path) as file:
        while piece := file.read(PIECE):
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    return content


def array_shapes(path: Path) -> list[tuple[int, ...]]:
    """Shape of each array, as its tag states it; nothing is decoded. Raises DataError."""
    tags = _parsed(path, decode=False).tags
    with reading(path):
        return [_shape(tag) for tag in tags]


def read_labels(path: Path) -> dict[int, str]:
    """Key → name of its table of labels; empty where it has none. Raises DataError."""
    return _parsed(path, decode=False).labels


def read_arrays(path: Path) -> list[Array]:
    """Values of each array, in its shape. Raises DataError where it is damaged or claims what it cannot hold."""
    return _parsed(path, decode=True).arrays


def _shape(tag: dict[str, str]) -> tuple[int, ...]:
    return tuple(int(tag[f"Dim{axis}"]) for axis in range(min(8, int(tag["Dimensionality"]))))


def _decoded(tag: dict[str, str], text: str, path: Path) -> Array:
    """Values of one array. What is raised on a damaged one is the caller's."""
    shape, encoding, order = _shape(tag), tag["Encoding"], ORDERS[tag["ArrayIndexingOrder"]]
    dtype = np.dtype(TYPES[tag["DataType"]])
    claimed = n_bytes(shape, dtype.itemsize)
    if encoding == "ASCII":
        require_claim(claimed, dtype.itemsize * (len(text) // 2 + 1), path)
        return np.array(text.split(), dtype=dtype).reshape(shape, order=order)
    if encoding not in ("Base64Binary", "GZipBase64Binary"):
        raise DataError(f"encoding '{encoding}' of an array is not known", path)
    packed = encoding.startswith("GZip")
    require_claim(claimed, len(text), path, compressed=packed)
    raw = binascii.a2b_base64(text)
    if packed:
        raw = zlib.decompressobj().decompress(raw, claimed + 1)
    if len(raw) != claimed:
        raise DataError(f"an array of {claimed:,} bytes holds {len(raw):,}", path, "the file is cut off or damaged")
    ordered = np.dtype(ENDIAN.get(tag.get("Endian", ""), NATIVE) + TYPES[tag["DataType"]])
    return np.asarray(np.frombuffer(raw, dtype=ordered).reshape(shape, order=order))
