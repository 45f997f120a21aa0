"""Folders of a data set that its owner keeps elsewhere: `stimuli`, derivatives or participants that are links."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

SYSTEM = tuple(map(Path, ("/etc", "/proc", "/sys")))  # not even folders within these
MOST_SHOWN = 3


class LaidOut(NamedTuple):
    """Where such links lead, as `homes.named` takes it, and a line on each link or on those of one kind."""

    homes: tuple[Path, ...]
    told: tuple[str, ...]


def laid_out(bids_dir: Path, known: Iterable[Path] = ()) -> LaidOut:
    """Where the folders of a data set that are links lead: inputs may lie there, too, unless that is too wide.

    They are BIDS_DIR's `stimuli`, `derivatives`, `derivatives/*` and `sub-*`. Links further down are none of them.

    Parameters
    ----------
    bids_dir : the data set.
    known : folders that the user named, of which nothing need be told.
    """
    inside = [Path(os.path.realpath(folder)) for folder in (bids_dir, *known)]
    homes: list[Path] = []
    alike: dict[tuple[str, Path], list[Path]] = {}
    told: list[str] = []
    for link in _links(inside[0]):
        real = Path(os.path.realpath(link))
        if any(real.is_relative_to(folder) for folder in inside):
            continue
        if not is_too_wide(real):
            homes.append(real)
            kind = "sub-*" if link.name.startswith("sub-") else link.name
            alike.setdefault((kind, real.parent), []).append(link)
        elif "derivatives" not in (
            link.name,
            link.parent.name,
        ):  # what is lost of those is told where they are listed
            told.append(f"{link} is a link to {real}, which is too wide to be read from: {NARROWER}")
    return LaidOut(tuple(homes), (*map(_line, alike.values()), *told))


NARROWER = "let it lead to a folder that holds these files alone"


def _line(links: list[Path]) -> str:
    real = Path(os.path.realpath(links[0]))
    if len(links) == 1:
        return f"{links[0]} is a link to {real}: its files are read there"
    more = f" and {len(links) - MOST_SHOWN} more" if len(links) > MOST_SHOWN else ""
    shown = ", ".join(link.name for link in links[:MOST_SHOWN])
    return f"{links[0].parent}: {shown}{more} are links into {real.parent}: their files are read there"


def _links(bids_dir: Path) -> Iterator[Path]:
    """Those of the folders that are links to folders; none in `derivatives` where that one is too wide itself."""
    derivatives = bids_dir / "derivatives"
    inner = () if is_too_wide(Path(os.path.realpath(derivatives))) else sorted(derivatives.glob("*"))
    for path in (bids_dir / "stimuli", derivatives, *inner, *sorted(bids_dir.glob("sub-*"))):
        if path.is_symlink() and _is_folder(path):
            yield path


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # what nobody may look at
        return False


def is_too_wide(folder: Path) -> bool:
    """Whether a folder holds far more than a data set: `/`, what lies directly in it, the system's own files, the
    user's home or what holds that.

    Parameters
    ----------
    folder : its real path.
    """
    home = Path(os.path.realpath(os.path.expanduser("~")))  # noqa: PTH111 - Path.home() ends where there is none
    system = any(folder.is_relative_to(one) for one in SYSTEM)
    return system or len(folder.parts) <= 2 or home.is_relative_to(folder)
