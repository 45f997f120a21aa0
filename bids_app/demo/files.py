"""Small writers that give the same bytes for the same content."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Indented JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def write_table(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A tab-separated table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(columns), *("\t".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_gzip(path: Path, content: bytes) -> None:
    """Compressed without name and time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, compresslevel=3, mtime=0))


def describe_dataset(folder: Path, name: str, generated_by: str | None = None) -> None:
    """dataset_description.json of the raw data set, or of a derivative made by `generated_by`."""
    description: dict[str, Any] = {"Name": name, "BIDSVersion": "1.10.0", "DatasetType": "raw", "License": "CC0"}
    if generated_by:
        description |= {"DatasetType": "derivative", "GeneratedBy": [{"Name": generated_by}]}
    else:
        description["Authors"] = ["The Concord developers"]
    write_json(folder / "dataset_description.json", description)
