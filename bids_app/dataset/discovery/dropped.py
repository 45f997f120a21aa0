"""Files beside a response that say which samples of its scan were dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bids_app.dataset.files.candidates import Candidate
from bids_app.dataset.files.matching import ALWAYS_NAMED, best_matches
from bids_app.dataset.files.names import Entry
from bids_app.errors import DataError

# companion → (suffix, extension), in the order in which they count; `…_sample_mask.tsv` has the suffix `mask`
FILES = {
    "outliers": (("outliers", ".tsv"),),
    "sample_mask": tuple(
        (suffix, extension)
        for suffix in ("mask", "samplemask", "sampleMask")
        for extension in (".tsv", ".csv", ".txt", ".npy")
    ),
}
OF_A_GRID = ("space", "res", "den", "cohort", "hemi", "desc", "atlas", "seg", "stat")


def dropped_files(candidate: Candidate) -> dict[str, Path]:
    """`outliers` (XCP-D's table) and `sample_mask` of a response's run, those that lie beside it.

    Raises
    ------
    DataError : several fit equally well: which samples are missing is not guessed.
    """
    found = {}
    for name, kinds in FILES.items():
        here = candidate.index.here
        entries = [
            entry for suffix, extension in kinds for entry in here(candidate.path.parent, suffix, extension)
        ]  # fmt: skip
        own = candidate.entries[0].entities
        best = best_matches([entry for entry in entries if _is_as_specific(entry, own)], own, aside=OF_A_GRID)
        likeness = [_likeness(entry, candidate) for entry in best]
        alike = [entry for entry, count in zip(best, likeness, strict=True) if count == max(likeness)]
        if alike:
            found[name] = _first(alike, kinds).path
    return found


def _is_as_specific(entry: Entry, own: Mapping[str, str]) -> bool:
    """Samples that are missing are of one run: a table names every session, task and run that the response does."""
    return all(key in entry.entities for key in ALWAYS_NAMED & own.keys())


def _first(entries: Sequence[Entry], kinds: Sequence[tuple[str, str]]) -> Entry:
    """Of the kind that counts before the others."""
    order = [(entry.suffix, entry.extension) for entry in entries]
    best = min(order, key=kinds.index)
    named = [entry for entry, kind in zip(entries, order, strict=True) if kind == best]
    if len(named) > 1:
        names = ", ".join(entry.path.name for entry in named)
        raise DataError(f"{len(named)} files could say which samples were dropped: {names}", named[0].path.parent)
    return named[0]


def _likeness(entry: Entry, candidate: Candidate) -> int:
    return sum(candidate.entities.get(key) == value for key, value in entry.entities.items())
