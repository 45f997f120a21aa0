"""Writing and reading files of out_dir: atomic, deterministic, errors in one line."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.disk import opened, read_text, read_whole, require_regular, write_whole
from bids_app.errors import CannotCreate, ConcordError, ReadWriteError

Sidecar = dict[str, object]  # keys are those of BIDS and of ours beside them; only ever written
AS_IT_IS = frozenset({str, int, bool, type(None)})  # to JSON
Cells = Mapping[str, Iterable[object]]  # a table to be written: column → cells


def write_bytes(path: Path, content: bytes) -> Path:
    """Write under a temporary name, flush to the disk, then rename.

    Parameters
    ----------
    path : of the file; folders are made.
    content : its bytes.

    Returns
    -------
    The path.

    Raises
    ------
    CannotCreate : where it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        raise CannotCreate("cannot write", path, error.strerror or "") from None
    return path


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8 text, atomically.

    Parameters
    ----------
    path : of the file; folders are made.
    text : its content.

    Returns
    -------
    The path.

    Raises
    ------
    CannotCreate : where it cannot be written.
    """
    return write_bytes(path, text_bytes(text))


def text_bytes(text: str) -> bytes:
    """A text as UTF-8; names of files may hold bytes that are none, which are written as JSON escapes them."""
    return text.encode("utf-8", "backslashreplace")


def write_if_new(path: Path, text: str) -> Path:
    """`write_text` unless the file holds exactly this already: shared files keep their time of change.

    Parameters
    ----------
    path : of the file; folders are made.
    text : its content.

    Returns
    -------
    The path.

    Raises
    ------
    CannotCreate : where it cannot be written.
    """
    try:
        if read_whole(path) == text_bytes(text):
            return path
    except OSError:
        pass
    return write_text(path, text)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, as hex digits. Raises OSError where it cannot be read."""
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def json_text(content: Mapping[str, object]) -> str:
    """Indented JSON; NaN becomes null, numpy numbers plain ones."""
    return text_bytes(json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n").decode()


def plain(value: Any) -> Any:
    """`value` as JSON knows it: dicts (of dataclasses, too), lists, text, numbers; NaN and infinity become None."""
    kind = type(value)
    if kind in AS_IT_IS:
        return value
    if kind is float:
        return value if math.isfinite(value) else None
    if is_dataclass(kind):
        return {name: plain(getattr(value, name)) for name in _names(kind)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, bool | int | str) else str(value)


@cache
def _names(kind: type) -> tuple[str, ...]:
    """Of a dataclass's fields."""
    return tuple(field.name for field in fields(kind))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises ReadWriteError where it is absent or broken."""
    try:
        content = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise ReadWriteError("cannot read", path, str(error)) from None
    if not isinstance(content, dict):
        raise ReadWriteError("not a JSON object", path)
    return content


@contextmanager
def reading_back(path: Path, what: str) -> Iterator[None]:
    """What a library raises on a damaged file of OUT_DIR, whatever it is, as one line; its calls alone belong within.

    Parameters
    ----------
    path : of the file, which must be a regular one.
    what : it holds: 'map', 'arrays'.

    Raises
    ------
    ReadWriteError : the file is gone, no file, or damaged.
    """
    try:
        require_regular(path)
        yield
    except (ConcordError, MemoryError):
        raise
    except Exception as error:  # readers raise a zoo of them: see `inputs.opening.reading`
        raise ReadWriteError(f"cannot read the {what}", path, f"{error}; run again with --force") from None


def cell(value: Any) -> str:
    """A cell of a BIDS table: six significant digits, 'n/a' for what is missing, no tabs or line ends."""
    if value is None:
        return "n/a"
    if isinstance(value, float | np.floating):
        return f"{value:.6g}" if math.isfinite(value) else "n/a"
    return " ".join(str(value).split()) or "n/a"


def tsv_text(columns: Cells) -> str:
    """Columns by name as tab-separated text, header first."""
    rows = zip(*columns.values(), strict=True)
    lines = ["\t".join(columns), *("\t".join(map(cell, row)) for row in rows)]
    return text_bytes("\n".join(lines) + "\n").decode()


def typed_rows(cells: Mapping[str, Sequence[str]], types: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Rows of a table.

    Parameters
    ----------
    cells : column → its cells, as `read_tsv` gives them.
    types : column → `str` or `int`; all others are numbers, NaN where there is none.
    """
    columns: dict[str, Sequence[Any]] = {}
    for name, texts in cells.items():
        kind = types.get(name, "float")
        columns[name] = texts if kind == "str" else [*map(int, texts)] if kind == "int" else numbers(texts).tolist()
    for row in zip(*columns.values(), strict=True):
        yield dict(zip(columns, row, strict=True))


def read_tsv(path: Path) -> dict[str, list[str]]:
    """Columns by name, as text. Raises ReadWriteError."""
    try:
        header, *rows = [line.split("\t") for line in read_text(path).splitlines()]
        columns = list(zip(*rows, strict=True)) or [()] * len(header)
        return {name: list(column) for name, column in zip(header, columns, strict=True)}
    except (OSError, ValueError) as error:
        raise ReadWriteError("cannot read the table", path, str(error)) from None


def numbers(cells: Iterable[str]) -> np.ndarray[Any, Any]:
    """(n,) float32 of cells; 'n/a' is NaN."""
    return np.array([np.nan if text == "n/a" else float(text) for text in cells], dtype=np.float32)
