"""Where an input may lie: in a folder that the user named, in the data set that holds it, or in that one's annex.

Links are followed only there, and where the data set's own large folders lead (`laid_out`). git-annex keeps content
in `.git/annex/objects`, which is elsewhere for a data set within another (`.git` is a file or a link into
`../.git/modules/…`), for a work tree (`.git/worktrees/…`) and for a clone that shares the annex of its source.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from bids_app.errors import DataError

# What the user named, for as long as one run reads; it holds for that run's own context alone, and is never changed.
_NAMED: ContextVar[tuple[Path, ...]] = ContextVar("named", default=())
ADVICE = "put a copy of what it leads to in its place (cp -rL)"
MARK = "dataset_description.json"
PERSON = re.compile(r"sub-[^/]*")


@contextmanager
def named(folders: Iterable[Path | None]) -> Iterator[None]:
    """While it lasts, links may lead into these folders, beside those that are named already.

    Parameters
    ----------
    folders : that the user named; None is passed over.
    """
    own = tuple(Path(os.path.realpath(folder)) for folder in folders if folder is not None)
    token = _NAMED.set(tuple(dict.fromkeys((*_NAMED.get(), *own))))
    try:
        yield
    finally:
        _NAMED.reset(token)


def require_inside(path: Path, home: Path | None = None) -> None:
    """Make sure that a path leads to where inputs may lie.

    Parameters
    ----------
    path : of a file or folder.
    home : a folder that the path is in by its name, and which may be a link to anywhere; it does not count where it
        holds the folder that the user named and that holds the path. Without it, what is in no folder that the user
        named is in the data set that holds it.

    Raises
    ------
    DataError : it is a link, or lies behind one, that leads elsewhere.
    """
    if not is_inside(path, home):
        link = next((one for one in (path, *path.parents) if one.is_symlink()), path)
        raise DataError(f"a link leads out of the data set, to {os.path.realpath(link)}", link, ADVICE)


def is_inside(path: Path, home: Path | None = None) -> bool:
    """Whether a path leads to where inputs may lie: see `require_inside`.

    Parameters
    ----------
    path, home : as of `require_inside`.
    """
    place, real, homes = Path(os.path.normpath(path.absolute())), Path(os.path.realpath(path)), list(_NAMED.get())
    holders = [one for one in homes if place.is_relative_to(one)]
    own = home is not None and place.is_relative_to(home.absolute())
    if home is not None and own and all(home.absolute().is_relative_to(one) for one in holders):
        homes.append(Path(os.path.realpath(home)))
    if not homes:
        homes = [Path(os.path.realpath(_data_set_of(place)))]
    if any(real.is_relative_to(one) for one in homes):
        return True
    if "annex" not in real.parts:
        return False
    folder = Path(os.path.realpath(place.parent))  # of another data set, where a folder of this one is a link to it
    places = [place, *([folder / place.name] if any(folder.is_relative_to(one) for one in homes) else [])]
    return any(real.is_relative_to(annex) for one in places for annex in _annexes(one))


def _data_set_of(path: Path) -> Path:
    """The outermost data set that holds a file by its name; without one, what the participants' folders lie in; else
    the folder of the file."""
    described = [folder for folder in path.parents if (folder / MARK).is_file()]
    people = [folder.parent for folder in path.parents if PERSON.fullmatch(folder.name)]
    return next(iter((*described[::-1], *people[::-1])), path.parent)


def _annexes(path: Path) -> Iterator[Path]:
    """Folders of content of the repositories that a file lies in by its name."""
    for folder in path.parents:
        git = folder / ".git"
        if os.path.lexists(git):
            real = Path(os.path.realpath(_git_folder(git) / "annex" / "objects"))
            if real.parts[-2:] == ("annex", "objects"):
                yield real


def _git_folder(git: Path) -> Path:
    """The folder with the annex: what a file `.git` says, and of a work tree that of its repository."""
    folder = git
    if git.is_file():
        said = _first_line(git).partition("gitdir:")[2].strip()
        folder = git.parent / said if said else git
    common = _first_line(folder / "commondir")
    return folder / common if common else folder


def _first_line(path: Path) -> str:
    """Of a small file of git's; '' where there is none."""
    from bids_app.inputs.opening import GIT, open_regular

    try:
        with open_regular(path, GIT) as file:
            lines = file.read().decode("utf-8", "surrogateescape").splitlines()
    except (DataError, OSError):
        return ""
    return "" if not lines or "\0" in lines[0] else lines[0].strip()
