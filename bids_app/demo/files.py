"""Small writers that give the same bytes for the same content."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write indented JSON; the folder is made.

    Parameters
    ----------
    path : of the file.
    content : what JSON can hold.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def write_table(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a tab-separated table; its folder is made.

    Parameters
    ----------
    path : the file.
    columns : the header.
    rows : cells, as many as columns.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(columns), *("\t".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_gzip(path: Path, content: bytes) -> None:
    """Write `content` compressed, without name and time; the folder is made.

    Parameters
    ----------
    path : of the file.
    content : before compression.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, compresslevel=3, mtime=0))


def describe_dataset(folder: Path, name: str, generated_by: str | None = None) -> None:
    """Write dataset_description.json.

    Parameters
    ----------
    folder : the data set's root.
    name : of the data set.
    generated_by : the program that made it, of a derivative; None: it is the raw data set.
    """
    description: dict[str, Any] = {"Name": name, "BIDSVersion": "1.10.0", "DatasetType": "raw", "License": "CC0"}
    if generated_by:
        description |= {"DatasetType": "derivative", "GeneratedBy": [{"Name": generated_by}]}
    else:
        description["Authors"] = ["The Concord developers"]
    write_json(folder / "dataset_description.json", description)
