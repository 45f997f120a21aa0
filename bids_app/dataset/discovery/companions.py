"""Files that belong to a response: raw sidecars, mask, confounds, channels and electrodes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bids_app.dataset.files.candidates import VOLUMES, Candidate
from bids_app.dataset.files.layout import Index, read_json
from bids_app.dataset.files.matching import ALWAYS_NAMED, best_matches
from bids_app.dataset.files.names import Entry
from bids_app.errors import DataError

# Suffix and desc since, and before, fMRIPrep 20.2; and as others write it.
CONFOUNDS = (("timeseries", "confounds"), ("regressors", "confounds"), ("confounds", None))
GRID_KEYS = ("res", "den", "cohort")


def raw_metadata(candidate: Candidate, raw: Index) -> dict[str, Any]:
    """The metadata of the scan that a response was made of.

    A derivative drops entities of its scan (`echo-`, `acq-`, …). Where sidecars of several such scans fit, what all
    of them say alike counts.

    Parameters
    ----------
    candidate : the response.
    raw : files of the raw data set.

    Raises
    ------
    DataError : a sidecar is no JSON object.
    """
    own = set(candidate.entities)
    files = raw.fitting(candidate.entities, candidate.datatype, "bold", ".json", ALWAYS_NAMED)
    variants = {_beyond(entry, own) for entry in files}
    finest = [one for one in variants if one and not any(one < other for other in variants)]
    return _merged(entry for entry in files if not _beyond(entry, own)) | _agreed(
        [_merged(entry for entry in files if _beyond(entry, own) <= variant) for variant in finest]
    )


def _beyond(entry: Entry, own: set[str]) -> frozenset[tuple[str, str]]:
    return frozenset(item for item in entry.entities.items() if item[0] not in own)


def _merged(files: Iterable[Entry]) -> dict[str, Any]:
    """Of files from the most specific on."""
    return {key: value for entry in reversed(list(files)) for key, value in read_json(entry.path).items()}


def _agreed(several: list[dict[str, Any]]) -> dict[str, Any]:
    """What all say alike."""
    first, *others = several or [{}]
    return {key: value for key, value in first.items() if all(other.get(key) == value for other in others)}


def fmri_companions(candidate: Candidate) -> tuple[dict[str, Path], tuple[str, ...]]:
    """Files of the response's own derivative that belong to it.

    Returns
    -------
    `confounds` and, for voxels, `mask` → path, those that are there.
    A line where several fit equally well, so that none is used, and where one names more than the response.
    """
    folder, entities = candidate.path.parent, candidate.entries[0].entities
    here = candidate.index.here
    tables = [
        [entry for entry in here(folder, suffix, ".tsv") if entry.entities.get("desc") == desc]
        for suffix, desc in CONFOUNDS
    ]
    found, notes = {}, []
    for key, entries in (("confounds", next(filter(None, tables), [])), ("mask", _masks(candidate))):
        best = best_matches(entries, entities, aside=("desc", "label"))
        if len(best) > 1:
            names = ", ".join(sorted(entry.path.name for entry in best))
            notes.append(f"{len(best)} files could be its {key}: {names}; none is used")
        elif best:
            found[key] = best[0].path
            more = [f"{name}-{value}" for name, value in sorted(_beyond(best[0], {*entities, "desc", "label"}))]
            notes += [f"its {key} names {' and '.join(more)}, which the response does not"] if more else []
    return found, tuple(notes)


def _masks(candidate: Candidate) -> list[Entry]:
    """Brain masks in the response's space; one that says another resolution, or none, must lie on its grid."""
    if candidate.kind not in ("volume", "array"):
        return []
    entities = candidate.entries[0].entities
    masks = [entry for ending in VOLUMES for entry in candidate.index.here(candidate.path.parent, "mask", ending)]
    return [
        entry
        for entry in masks
        if entry.entities.get("desc", "brain") == "brain"
        and entry.entities.get("space") == entities.get("space")
        and (all(entry.entities.get(key) == entities.get(key) for key in GRID_KEYS) or _fits(entry, candidate))
    ]


def _fits(mask: Entry, candidate: Candidate) -> bool:
    """Whether a mask lies on the response's grid, by their headers."""
    from bids_app.dataset.responses.volumes import is_on_grid

    try:
        return candidate.kind != "volume" or is_on_grid(mask.path, candidate.path)
    except DataError:
        return True  # it is told where it is read


def ieeg_companions(candidate: Candidate, raw: Index, spaces: tuple[str, ...]) -> tuple[dict[str, Path], str]:
    """Tables beside a signal file, of the derivative first, then raw.

    Parameters
    ----------
    candidate : the response.
    raw : files of the raw data set.
    spaces : those asked for; electrodes in one of them are taken before others.

    Returns
    -------
    `channels`, `electrodes` and `coordsystem` → path, those that are there.
    The electrodes' space, 'n/a' where it is not known.
    """
    companions: dict[str, Path] = {}
    space = "n/a"
    for index in (candidate.index, raw):
        channels = index.inherited(_without_space(candidate), "ieeg", "channels", ".tsv", candidate.path.parent)
        placed = electrode_files(candidate, index)
        if channels:
            companions.setdefault("channels", channels[0].path)
        if placed and "electrodes" not in companions:
            space = min(placed, key=lambda name: (name not in spaces, _rank(name), name))
            companions |= placed[space]
    return companions, space


def electrode_files(candidate: Candidate, index: Index) -> dict[str, dict[str, Path]]:
    """Tables of electrodes in one data set.

    Parameters
    ----------
    candidate : the response.
    index : files of the data set.

    Returns
    -------
    Space → `electrodes` and, where there is one, `coordsystem` → path.
    """
    placed: dict[str, dict[str, Path]] = {}
    for entry in _of_participant(candidate, index, "electrodes", ".tsv"):
        systems = [
            other.path for other in _of_participant(candidate, index, "coordsystem", ".json")
            if other.entities.get("space") == entry.entities.get("space")
        ]  # fmt: skip
        space = entry.entities.get("space") or _system(systems)
        placed.setdefault(space, {"electrodes": entry.path} | ({"coordsystem": systems[0]} if systems else {}))
    return placed


def _of_participant(candidate: Candidate, index: Index, suffix: str, extension: str) -> list[Entry]:
    """Files of the participant and session, whatever their space."""
    folder = candidate.path.parent
    return index.inherited(_without_space(candidate), "ieeg", suffix, extension, folder, optional=("space",))


def _without_space(candidate: Candidate) -> dict[str, str]:
    return {key: value for key, value in candidate.entities.items() if key != "space"}


def _system(paths: list[Path]) -> str:
    return str(read_json(paths[0]).get("iEEGCoordinateSystem", "n/a")) if paths else "n/a"


def _rank(space: str) -> int:
    """Standard brains first: positions of several participants can be shown together."""
    return next((rank for rank, stem in enumerate(("mni", "fsaverage", "icbm")) if stem in space.lower()), 3)
