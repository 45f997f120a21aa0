"""Files beside a response that say which samples of its scan were dropped."""

from __future__ import annotations

from pathlib import Path

from bids_app.dataset.files.candidates import Candidate
from bids_app.dataset.files.names import Entry, same

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
    """`outliers` (XCP-D's table) and `sample_mask` of a response's run, those that lie beside it."""
    found = {}
    for name, kinds in FILES.items():
        entries = [
            entry
            for suffix, extension in kinds
            for entry in candidate.index.here(candidate.path.parent, suffix, extension)
            if _of_run(entry, candidate)
        ]
        if entries:
            found[name] = max(entries, key=lambda entry: _likeness(entry, candidate)).path
    return found


def _of_run(entry: Entry, candidate: Candidate) -> bool:
    """Whether a file is of the response's run: whatever grid it names, all else must be the same."""
    own = {key: value for key, value in candidate.entities.items() if key not in OF_A_GRID}
    its = {key: value for key, value in entry.entities.items() if key not in OF_A_GRID}
    return its.keys() == own.keys() and all(same(value, own[key]) for key, value in its.items())


def _likeness(entry: Entry, candidate: Candidate) -> int:
    return sum(candidate.entities.get(key) == value for key, value in entry.entities.items())
