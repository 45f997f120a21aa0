"""Responses at places that a recipe names, outside the names of BIDS."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from bids_app.dataset.files.candidates import ARRAYS, Candidate
from bids_app.dataset.files.layout import Index
from bids_app.dataset.files.names import Entry
from bids_app.errors import DataError, NoInput, UsageError
from bids_app.records import Excluded, Recording, ResponseFiles

LABEL = "[A-Za-z0-9]+"


def placed_entries(root: Path, template: str, known: Mapping[str, str] | None = None) -> tuple[Entry, ...]:
    """Files of a data set that a template names, with the entities that their paths give.

    Parameters
    ----------
    root : of the data set.
    template : relative to it; `{sub}` stands for a label, the same in every place, `*` for anything within a name.
    known : entities whose labels are given already.

    Returns
    -------
    In the order of their paths; none leads out of the data set, but files of git-annex may be links.

    Raises
    ------
    UsageError : the template is absolute or climbs.
    """
    plain = Path(template)
    if plain.is_absolute() or ".." in plain.parts:
        raise UsageError(f"'{template}' leads out of the data set", "", "paths are relative to BIDS_DIR")
    filled = re.sub(r"\{(\w+)\}", lambda found: (known or {}).get(found[1], found[0]), template)
    shape = re.compile(_pattern(filled))
    found = []
    for path in sorted(root.glob(re.sub(r"\{\w+\}", "*", filled))):
        match = shape.fullmatch(path.relative_to(root).as_posix())
        if match and path.parent.resolve().is_relative_to(root.resolve()):
            suffixes = "".join(re.findall(r"\.[A-Za-z]\w*", path.name))
            found.append(Entry(path, {**(known or {}), **match.groupdict()}, "bold", suffixes))
    return tuple(found)


def _pattern(template: str) -> str:
    """The template as a regular expression with a group an entity."""
    pattern, seen = "", set()
    for piece in re.split(r"(\{\w+\}|\*)", template):
        if piece == "*":
            pattern += "[^/]*"
        elif piece.startswith("{"):
            key = piece[1:-1]
            pattern += f"(?P={key})" if key in seen else f"(?P<{key}>{LABEL})"
            seen.add(key)
        else:
            pattern += re.escape(piece)
    return pattern


def placed_candidates(index: Index, files: ResponseFiles, participants: Collection[str]) -> list[Candidate]:
    """A candidate a file that a recipe names.

    Parameters
    ----------
    index : of the data set that holds them.
    files : where they lie.
    participants : labels of those asked for.
    """
    return [
        Candidate(index, "array", files.space, dict(entry.entities), (entry,))
        for entry in placed_entries(index.root, files.files)
        if entry.entities["sub"] in participants
    ]


def placed_participants(root: Path, files: ResponseFiles) -> set[str]:
    """Labels of participants who have files that a recipe names.

    Parameters
    ----------
    root : of the data set that holds them.
    files : where they lie.

    Raises
    ------
    UsageError : the template does not say whose a file is, or of which task.
    NoInput : there is none.
    """
    if lacking := [key for key in ("sub", "task") if "{" + key + "}" not in files.files]:
        wanted = " and ".join(f"{{{key}}}" for key in lacking)
        raise UsageError(f"'{files.files}' does not say where {wanted} stands", "", "write it into the path")
    entries = placed_entries(root, files.files)
    if not entries:
        raise NoInput("no file of responses", root / files.files, "get them, or correct 'files' of the recipe")
    return {entry.entities["sub"] for entry in entries}


def stated(files: ResponseFiles) -> dict[str, object]:
    """What a recipe says of a recording's columns, as sidecars do."""
    return {"VoxelOrder": files.order}


def masks_of(index: Index, files: ResponseFiles, entities: Mapping[str, str]) -> tuple[Path, ...]:
    """Masks that a recipe names for a recording.

    Parameters
    ----------
    index : of the data set that holds them.
    files : where they lie.
    entities : of the recording.
    """
    return tuple(entry.path for entry in placed_entries(index.root, files.mask, entities)) if files.mask else ()


def with_place(recording: Recording, masks: Iterable[Path]) -> Recording:
    """An array with the mask that has as many voxels as it has columns: then it is a volume.

    Parameters
    ----------
    recording : of an array; its metadata may say how columns run through a mask's voxels.
    masks : that may be its own.

    Returns
    -------
    The recording, with a warning where no mask fits, or several different ones do.

    Raises
    ------
    DataError : the file holds no array.
    """
    from bids_app.dataset.responses.hdf5 import describe_array, mask_voxels, order_of

    found, order = describe_array(recording.paths[0]), order_of(recording)
    fitting, others = [], []
    for path in masks:
        try:
            voxels = mask_voxels(path, order)
        except DataError as error:
            others.append(f"{path.name}: {error.what}")
            continue
        if len(voxels) == found.n_columns:
            fitting.append((path, voxels))
        else:
            others.append(f"{path.name} has {len(voxels)} voxels")
    warnings = recording.warnings + found.warnings
    if fitting and all(np.array_equal(fitting[0][1], voxels) for _, voxels in fitting):
        companions = {**recording.companions, "mask": fitting[0][0]}
        return replace(recording, kind="volume", companions=companions, warnings=warnings)
    why = f"{len(fitting)} different masks have as many voxels" if fitting else "; ".join(others) or "no mask"
    about = f"no place is known for the {found.n_columns} columns ({why}): results are HDF5, not maps"
    companions = {key: path for key, path in recording.companions.items() if key != "mask"}
    return replace(recording, companions=companions, warnings=(*warnings, about))


def unlike_others(recordings: Iterable[Recording]) -> tuple[list[Recording], list[Excluded]]:
    """Arrays without a place are left out where the participant's other runs in that space have one."""
    every = list(recordings)
    placed = {
        (one.participant, one.space)
        for one in every
        if one.kind == "volume" and one.paths[0].name.endswith(ARRAYS)
    }  # fmt: skip
    kept = [one for one in every if one.kind != "array" or (one.participant, one.space) not in placed]
    reason = "its columns fit no mask, unlike those of the participant's other runs"
    left_out = [one for one in every if one.kind == "array" and (one.participant, one.space) in placed]
    return kept, [Excluded(one.participant, one.label, reason) for one in left_out]
