"""Files of models: settings in JSON, and the headers of safetensors, checked against the files' sizes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bids_app.errors import DataError
from bids_app.inputs.claims import n_bytes, require_claim
from bids_app.inputs.opening import BINARY, MB, Kind, failing, open_regular

SETTINGS = Kind("JSON file of a model", 256 * MB)  # tokenizers of large vocabularies have 40 MB
MOST_HEADER = 100_000_000  # bytes: what safetensors itself allows
LENGTH = 8  # bytes at the beginning that say how long the header is
ITEMS = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "F8_E8M0": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
    "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8, "C64": 8,
}  # fmt: skip
Headers = dict[str, tuple[str, tuple[int, ...]]]


def read_bytes_of_model(path: Path, kind: Kind = SETTINGS) -> bytes:
    """All of a file beside a model's weights, wherever it lies: the hub's cache is made of links.

    Parameters
    ----------
    path : of the file.
    kind : says how large it may be.

    Raises
    ------
    DataError : it cannot be opened, is no regular file, or too large.
    """
    with failing(path), open_regular(path, kind) as file:
        return file.read(kind.most_bytes)


def read_settings(path: Path) -> dict[str, Any]:
    """The settings in a JSON file of a model.

    Parameters
    ----------
    path : of the file.

    Raises
    ------
    DataError : as of `read_bytes_of_model`, or it is no JSON, or holds something else than settings by name.
    """
    content = read_bytes_of_model(path)
    try:
        settings = json.loads(content.decode("utf-8"))
    except RecursionError:
        raise DataError("the file is not JSON that can be read (it is nested too deeply)", path) from None
    except ValueError as error:
        raise DataError(f"the file is not JSON ({error})", path) from None
    if not isinstance(settings, dict):
        raise DataError(f"the file holds a {type(settings).__name__}, not settings by name", path)
    return settings


def read_headers(path: Path) -> Headers:
    """Weight → its type, as safetensors call it, and its shape; no weight is read.

    Parameters
    ----------
    path : of a safetensors file.

    Raises
    ------
    DataError : it is no such file, or is shorter than its header claims.
    """
    with failing(path), open_regular(path, BINARY) as file:
        held = path.stat().st_size - LENGTH
        length = int.from_bytes(file.read(LENGTH), "little") if held > 0 else -1
        if not 0 < length <= MOST_HEADER:
            raise DataError(f"no safetensors file: its header would have {length:,} bytes", path)
        require_claim(length, held, path)
        header = json.loads(file.read(length))
        return {
            name: _checked(entry, held - length, path) for name, entry in header.items() if name != "__metadata__"
        }


def _checked(entry: dict[str, Any], held: int, path: Path) -> tuple[str, tuple[int, ...]]:
    """A weight's type and shape. Raises DataError where the file cannot hold it; what else is raised, is the file's
    fault, too."""
    kind, shape, (begin, end) = str(entry["dtype"]), tuple(map(int, entry["shape"])), map(int, entry["data_offsets"])
    require_claim(begin, end, path)
    require_claim(end, held, path)
    if kind in ITEMS and n_bytes(shape, ITEMS[kind]) != end - begin:
        raise DataError(f"a weight of {list(shape)} values of {kind} has {end - begin:,} bytes in the header", path)
    return kind, shape
