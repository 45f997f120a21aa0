"""Files that were not fetched: git-annex, DataLad and Git LFS leave a pointer in the place of content."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bids_app.errors import ConcordError, DataError

Keeper = Literal["git-annex", "Git LFS", "link", "nobody"]

MOST_BYTES = 32 * 1024  # git-annex's own limit of a pointer file; those of LFS have less than 1 kB
HEAD_BYTES = 512
# An unlocked file's pointer; or the text of a link, where links are not known (Windows, archives of a repository).
ANNEX = re.compile(rb"\s*(?:/annex/objects/|(?:\.\.?[/\\])*\.git[/\\](?:[^\n]*[/\\])?annex[/\\]objects[/\\])")
ANNEXED_LINK = re.compile(r"(?:^|[/\\])annex[/\\]objects[/\\]")
LFS = re.compile(rb"version https?://(?:git-lfs\.github\.com|hawser\.github\.com|git-media\.io)/")


@dataclass(frozen=True)
class Pointer:
    """What lies in the place of a file's content.

    Parameters
    ----------
    path : of the file.
    keeper : which program has the content; 'link': a symbolic link that leads nowhere; 'nobody': it has 0 bytes.
    remedy : what gets it, to stand in brackets.
    """

    path: Path
    keeper: Keeper
    remedy: str

    @property
    def what(self) -> str:
        """The complaint, to stand before the path."""
        if self.keeper == "link":
            return "the file is a symbolic link that leads nowhere"
        if self.keeper == "nobody":
            return "the file has no content (0 bytes)"
        return f"the file's content was not fetched: it is a {self.keeper} pointer"


def pointer_at(path: Path) -> Pointer | None:
    """The pointer that lies at a path; None where there is content, or nothing at all. Raises OSError."""
    keeper = _keeper_of_link(path) if path.is_symlink() and not path.exists() else _keeper_of_file(path)
    return Pointer(path, keeper, _remedy(path, keeper)) if keeper else None


def _keeper_of_link(path: Path) -> Keeper:
    return "git-annex" if ANNEXED_LINK.search(str(path.readlink())) else "link"


def _keeper_of_file(path: Path) -> Keeper | None:
    if not path.is_file() or (size := path.stat().st_size) > MOST_BYTES:
        return None
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return "nobody" if not size else "git-annex" if ANNEX.match(head) else "Git LFS" if LFS.match(head) else None


def is_there(path: Path) -> bool:
    """Whether a data set has a file, fetched or not: a link that leads nowhere counts, and what is no regular file,
    which whoever opens it will refuse."""
    return not path.is_dir() and (path.is_symlink() or path.exists())


def require_content(path: Path, kind: type[ConcordError] = DataError) -> None:
    """Make sure that a file, if there is one, is more than a pointer.

    Parameters
    ----------
    path : of the file.
    kind : of error.

    Raises
    ------
    DataError, or `kind` : its content was not fetched; the line says which command gets it.
    """
    try:
        pointer = pointer_at(path)
    except OSError:
        return  # whoever reads it will say what is wrong
    if pointer is not None:
        raise kind(pointer.what, path, pointer.remedy)


def require_parts(path: Path, require: Callable[[Path], None] = require_content) -> None:
    """The same of a file in parts (.vhdr with .eeg and .vmrk, .set with .fdt, `split-02`).

    Parameters
    ----------
    path : of the file.
    require : what each part must pass.

    Raises
    ------
    DataError : one does not.
    """
    require(path)
    stem = re.sub(r"_split-\d+(?=_)", "_split-*", path.name.partition(".")[0])
    for part in sorted(path.parent.glob(f"{stem}.*")):
        require(part)


def how_to_install(path: Path) -> str:
    """What gets a file whose folder is a data set within another that was not installed; '' where that is not why."""
    for folder in path.absolute().parents:
        if (folder / ".gitmodules").is_file():
            inner = _empty_module(folder, path)
            return f"{inner} was not installed: in {folder}: datalad get {_quoted(path, folder)}" if inner else ""
    return ""


def _empty_module(root: Path, path: Path) -> str:
    """The data set within `root` that would hold the file, if its folder is empty."""
    try:
        text = (root / ".gitmodules").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
    for inner in re.findall(r"^\s*path\s*=\s*(.+?)\s*$", text, re.MULTILINE):
        folder = root / inner
        if path.is_relative_to(folder) and not (folder.is_dir() and any(folder.iterdir())):
            return str(inner)
    return ""


def _remedy(path: Path, keeper: Keeper) -> str:
    root = _repository(path)
    name = _quoted(path, root)
    if keeper == "link":
        return f"restore what it leads to, or let a container see it: {path.readlink()}"
    return {
        "git-annex": f"in {root}: datalad get {name}, or git annex get {name}",
        "Git LFS": f"in {root}: git lfs pull --include {name}",
        "nobody": f"where it was not fetched, in {root}: datalad get {name}; else remove it",
    }[keeper]


def _quoted(path: Path, root: Path) -> str:
    return shlex.quote(Path(os.path.relpath(path, root)).as_posix())


def _repository(path: Path) -> Path:
    """The root of the repository that holds a file: by its link into .git, else by what lies in the folders above."""
    folder = path.absolute().parent
    if path.is_symlink():
        target = os.path.normpath(folder / str(path.readlink()).replace("\\", "/"))
        before, found, _ = target.partition("/.git/")
        if found and Path(before) in (folder, *folder.parents):
            return Path(before)
    marks = (".git", ".datalad", "dataset_description.json")
    return next((above for mark in marks for above in (folder, *folder.parents) if (above / mark).exists()), folder)
