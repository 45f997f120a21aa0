"""Atlases by name, in folders of this machine: those that are named, TemplateFlow's and nilearn's. Never fetched."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from bids_app.dataset.atlases.names import IMAGES
from bids_app.dataset.atlases.read import ANNOTATIONS, GREYORDINATES, SURFACES, atlas_name, space_of
from bids_app.errors import DataError, NoInput

LABELS = (
    *SURFACES[:2],
    *ANNOTATIONS,
    GREYORDINATES[0],
    *IMAGES,
)  # endings of what may be an atlas; the more telling come first
OTHER_NAMES = {  # as nilearn, TemplateFlow and HCP call the files of atlases that go by another name
    "harvardoxford": ("harvardoxford", "hocpa", "hospa"),
    "glasser": ("glasser", "hcpmmp", "mmp", "validation210"),
    "language": ("language", "langloc", "langparcels"),
}
NO_LABELS = re.compile(r"_(probseg|mask|T1w|T2w|bold)\b|-prob-|_probseg", re.IGNORECASE)
RESOLUTION = re.compile(r"[_-](?:res-0*(\d+)|(\d+)mm)(?=[_.-])")
SHOWN = 5
SIDED = (*SURFACES, *ANNOTATIONS)  # one file a hemisphere
FETCHED_BY = "nothing is fetched: give its file, or put it and its table into --atlas-dir (nilearn.datasets and "
FETCHED_BY += "templateflow fetch theirs into their own folders, which are looked at too)"


def local_folders(given: Sequence[Path]) -> tuple[Path, ...]:
    """Where atlases are looked for by name: the folders given, then TemplateFlow's and nilearn's where there are any.

    Parameters
    ----------
    given : of the command line.
    """
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() ends where there is none
    cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    named = [
        os.environ.get("TEMPLATEFLOW_HOME") or cache / "templateflow",
        *(os.environ[name] for name in ("NILEARN_SHARED_DATA", "NILEARN_DATA") if os.environ.get(name)),
        home / "nilearn_data",
    ]
    return (*given, *(folder for folder in map(Path, named) if folder.is_dir()))


def find_atlas(given: str, folders: Sequence[Path]) -> tuple[Path, ...]:
    """The files of an atlas: one, or one a space and kind of labels.

    Parameters
    ----------
    given : a file, or a name: its words must all be in the file's name (`Schaefer2018 400Parcels 7Networks`).
    folders : in which names are looked for, those within them too.

    Raises
    ------
    NoInput : there is none.
    DataError : several different ones go by this name.
    """
    if Path(given).is_file() or os.sep in given or given.endswith((*LABELS, *SURFACES)):
        return (Path(given).resolve(),)
    wanted = _wanted(given)
    found = [
        (number, path)
        for number, folder in enumerate(folders)
        for path in _label_files(folder)
        if _is_called(path.name, wanted)
    ]
    if not found:
        where = ", ".join(map(str, folders)) or "no folder: --atlas-dir, TEMPLATEFLOW_HOME and NILEARN_DATA name none"
        raise NoInput(f"no atlas '{given}' lies in {where}", hint=FETCHED_BY)
    by_place: dict[tuple[str, str], dict[int, list[Path]]] = {}
    for number, path in found:
        by_place.setdefault((_ending(path), space_of(path)), {}).setdefault(number, []).append(path)
    # of each kind and space those of the first folder that has any
    return tuple(_one_of(given, by_folder[min(by_folder)]) for by_folder in by_place.values())


def _wanted(given: str) -> list[tuple[str, ...]]:
    """Words that a file's name must have, each with others that may stand for it."""
    plain = _plain(given)
    for name, others in OTHER_NAMES.items():
        if plain.startswith(name):
            rest = re.findall(r"[a-z]+\d*|\d+[a-z]*", plain.removeprefix(name))
            return [others, *((word,) for word in rest)]
    return [(_plain(word),) for word in re.split(r"[^0-9A-Za-z]+", given) if word]


def _plain(name: str) -> str:
    return re.sub(r"[^0-9a-z]", "", name.lower())


def _is_called(name: str, wanted: Sequence[tuple[str, ...]]) -> bool:
    plain = _plain(name)
    return bool(wanted) and all(any(word in plain for word in words) for words in wanted)


def _label_files(folder: Path) -> Iterator[Path]:
    """Files that may be atlases, in the order of their names; of a pair of hemispheres the left one."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            right = re.search(r"hemi-R|\.R\.|rh\.|_R_|_rh", name)
            if name.endswith(LABELS) and not NO_LABELS.search(name) and not (right and name.endswith(SIDED)):
                yield Path(place, name)


def _ending(path: Path) -> str:
    return next(ending for ending in LABELS if path.name.endswith(ending)).removesuffix(".gz")


def _one_of(given: str, paths: Sequence[Path]) -> Path:
    """The finest of files that differ in their resolution alone. Raises DataError where they differ in more."""
    kinds = {RESOLUTION.sub("", path.name).removesuffix(".gz") for path in paths}
    if len(kinds) > 1:
        names = ", ".join(sorted({atlas_name(path) for path in paths})[:SHOWN])
        more = " …" if len(kinds) > SHOWN else ""
        raise DataError(
            f"{len(kinds)} atlases go by '{given}': {names}{more}", paths[0].parent, "say more of its name"
        )
    return min(paths, key=lambda path: (_resolution(path), str(path)))


def _resolution(path: Path) -> int:
    found = RESOLUTION.search(path.name)
    return int(found[1] or found[2]) if found else 0
