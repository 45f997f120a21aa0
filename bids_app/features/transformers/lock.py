"""The lock file of a model folder: which revision of each model was fetched, and the hash of each of its files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bids_app.errors import CannotCreate, DataError, NoInput
from bids_app.inputs.model_files import read_settings
from bids_app.pointers import is_there
from bids_app.records import ModelSource

LOCK = "models.lock.json"  # in a model folder: what `concord-tools prefetch` put there


@dataclass(frozen=True)
class LockedModel:
    """A model as it was fetched.

    Parameters
    ----------
    revision : the hub's commit.
    files : name → SHA-256.
    converted_from : of weights published as pickles alone, their names → SHA-256.
    """

    revision: str
    files: Mapping[str, str]
    converted_from: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Its entry in the lock file."""
        entry = {"revision": self.revision, "files": dict(self.files)}
        return {**entry, "converted_from": dict(self.converted_from)} if self.converted_from else entry

    @classmethod
    def from_json(cls, entry: Any) -> LockedModel:
        """Of an entry. Raises KeyError, TypeError, ValueError or AttributeError where it is not of this form."""
        if not isinstance(entry["revision"], str):
            raise TypeError("the revision is no text")
        return cls(entry["revision"], dict(entry["files"].items()), dict(entry.get("converted_from", {})))


def read_lock(source: ModelSource) -> dict[str, LockedModel]:
    """Name → what was fetched of it; empty without a lock file. Raises NoInput where it is broken."""
    path = source.model_dir / LOCK if source.model_dir else None
    if path is None or not is_there(path):
        return {}
    try:
        content = read_settings(path)
        return {name: LockedModel.from_json(entry) for name, entry in content.items()}
    except (DataError, ValueError, KeyError, TypeError, AttributeError):
        raise NoInput(
            "the lock file of the models is broken", path, f"remove it; then {fetch_hint(source)}"
        ) from None


def write_lock(lock: Mapping[str, LockedModel], path: Path) -> None:
    """Write the lock file, atomically.

    Parameters
    ----------
    lock : name → what was fetched of it.
    path : the file.

    Raises
    ------
    CannotCreate : the disk refuses.
    """
    content = {name: model.to_json() for name, model in lock.items()}
    try:
        part = path.with_name(f".{path.name}.part")
        part.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise CannotCreate("cannot write the lock file of the models", path, error.strerror or "") from None


def locked_revision(name: str, source: ModelSource) -> str | None:
    """The revision of a model that the lock file states, if it does.

    Parameters
    ----------
    name : of the model.
    source : holds the model folder.

    Raises
    ------
    NoInput : the lock file is broken.
    """
    locked = read_lock(source).get(name)
    return None if locked is None else locked.revision


def check_lock(name: str, source: ModelSource, hashes: Mapping[str, str]) -> None:
    """Check that a model in the model folder is the one that the lock file names.

    Else its revision would not be that of what is computed.

    Parameters
    ----------
    name : of the model.
    source : holds the model folder.
    hashes : file name → SHA-256 of the files that are used.

    Raises
    ------
    NoInput : a file differs.
    """
    folder = source.model_dir / name if source.model_dir else None
    locked = read_lock(source).get(name) if folder is not None and folder.is_dir() else None
    changed = [] if locked is None else [file for file, was in locked.files.items() if hashes.get(file, was) != was]
    if changed:
        what = f"{changed[0]} of the model '{name}' is not the file that the lock file names"
        raise NoInput(what, folder or "", fetch_hint(source))


def fetch_hint(source: ModelSource) -> str:
    """The command that fetches an analysis's models."""
    return f"concord-tools prefetch --analysis ANALYSIS --model-dir {source.model_dir or 'DIR'}"
