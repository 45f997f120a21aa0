"""Files of a derivative that hold responses, by their names alone."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bids_app.dataset.files.layout import Index
from bids_app.dataset.files.names import Entry
from bids_app.records import Modality, TargetKind, recording_label

VOLUMES = (".nii.gz", ".nii")
ARRAYS = (".h5", ".hdf5", ".hf5")
SIGNALS = (".fif", ".fif.gz", ".vhdr", ".edf", ".bdf", ".set", ".nwb", ".mefd")
HIGH_GAMMA = re.compile(r"gamma|hga|hgb|hfb|envelope|broadband", re.IGNORECASE)
RAW = "raw"  # the raw data set's name in BIDS URIs
UNKNOWN_SPACE = "n/a"  # of BOLD whose name has no `space-`
# Entities that say what was made of a run, not which run it is; all others, known or not, say that.
OF_DERIVATIVES = frozenset(
    {"space", "cohort", "res", "den", "hemi", "atlas", "seg", "scale", "label", "stat", "desc", "split"}
)


@dataclass(frozen=True)
class Candidate:
    """A response by name: `entities` lack `hemi` where both hemispheres are there.

    Parameters
    ----------
    index : the data set it is of.
    kind : of targets.
    space : its entity; 'n/a' where the name does not have it, '' for electrodes, whose name never does.
    entities : by short key.
    entries : its files.
    problem : why it is unusable; '' where it is usable.
    notes : what a person should know of the choice of it.
    told : what a recipe says of its clock, by the keys of a sidecar.
    """

    index: Index
    kind: TargetKind
    space: str
    entities: dict[str, str]
    entries: tuple[Entry, ...]
    problem: str = ""
    notes: tuple[str, ...] = ()
    told: Mapping[str, float] = field(default_factory=dict)

    @property
    def modality(self) -> Modality:
        """'ieeg' for electrodes, else 'fmri'."""
        return "ieeg" if self.kind == "electrodes" else "fmri"

    @property
    def datatype(self) -> str:
        """The folder its raw files lie in."""
        return "ieeg" if self.kind == "electrodes" else "func"

    @property
    def run(self) -> tuple[tuple[str, str], ...]:
        """The entities that say which run it is of."""
        return tuple(sorted(item for item in self.entities.items() if item[0] not in OF_DERIVATIVES))

    @property
    def path(self) -> Path:
        """The first file."""
        return self.entries[0].path

    @property
    def label(self) -> str:
        """What its recording is called."""
        return recording_label(self.path.name, self.entities)


def candidates_of(index: Index) -> list[Candidate]:
    """Everything in a derivative that could be a response, whatever its `desc`."""
    of_participants = [entry for entry in index.entries if "sub" in entry.entities]
    return [
        *_volumes(index, of_participants),
        *_surfaces(index, of_participants),
        *_arrays(index, of_participants),
        *_greyordinates(index, of_participants),
        *_parcels(index, of_participants),
        *_envelopes(_signals(index, of_participants)),
    ]


def _volumes(index: Index, entries: Iterable[Entry]) -> Iterator[Candidate]:
    """Of the raw data set only what names a space: the scans themselves are no responses."""
    for entry in entries:
        derived = index.name != RAW or "space" in entry.entities
        if entry.suffix == "bold" and entry.extension in VOLUMES and derived:
            space = entry.entities.get("space", UNKNOWN_SPACE)
            yield Candidate(index, "volume", space, dict(entry.entities), (entry,))


def _surfaces(index: Index, entries: Iterable[Entry]) -> Iterator[Candidate]:
    """fMRIPrep before 20 and Narratives leave out the suffix: `…_space-fsaverage6_hemi-L_desc-clean.func.gii`."""
    pairs: dict[tuple[tuple[str, str], ...], list[Entry]] = defaultdict(list)
    for entry in entries:
        named = {"space", "hemi"} <= set(entry.entities)
        if entry.suffix in ("bold", "") and entry.extension == ".func.gii" and named:
            key = tuple(item for item in entry.entities.items() if item[0] != "hemi")
            pairs[key].append(entry)
    for key, hemispheres in pairs.items():
        pair = tuple(sorted(hemispheres, key=lambda entry: entry.entities["hemi"]))
        there = [entry.entities["hemi"] for entry in pair]
        problem = "" if there == ["L", "R"] else f"a hemisphere is missing: there is only hemi-{' and '.join(there)}"
        yield Candidate(index, "surface", dict(key)["space"], dict(key), pair, problem)


def _arrays(index: Index, entries: Iterable[Entry]) -> Iterator[Candidate]:
    """HDF5 of volumes × columns."""
    for entry in entries:
        if entry.suffix in ("bold", "timeseries") and entry.extension in ARRAYS:
            space = entry.entities.get("space", UNKNOWN_SPACE)
            yield Candidate(index, "array", space, dict(entry.entities), (entry,))


def _greyordinates(index: Index, entries: Iterable[Entry]) -> Iterator[Candidate]:
    """CIFTI's dense series."""
    for entry in entries:
        if entry.suffix in ("bold", "timeseries") and entry.extension == ".dtseries.nii":
            space = entry.entities.get("space", UNKNOWN_SPACE)
            yield Candidate(index, "greyordinates", space, dict(entry.entities), (entry,))


def _parcels(index: Index, entries: Iterable[Entry]) -> Iterator[Candidate]:
    """`seg-` of BIDS derivatives and XCP-D, `atlas-` of its older releases. XCP-D writes the same numbers as a table
    and as CIFTI, which says where parcels lie as well, and is taken."""
    there: dict[object, Entry] = {}
    for entry in entries:
        atlas = entry.entities.get("seg", entry.entities.get("atlas"))
        if entry.suffix == "timeseries" and entry.extension in (".tsv", ".ptseries.nii") and atlas:
            key = (entry.path.parent, *(item for item in entry.entities.items() if item[0] != "den"))
            if key not in there or entry.extension == ".ptseries.nii":
                there[key] = entry
    for entry in there.values():
        atlas = entry.entities.get("seg", entry.entities.get("atlas", ""))
        yield Candidate(index, "parcels", atlas, dict(entry.entities), (entry,))


def _signals(index: Index, entries: Iterable[Entry]) -> Iterator[Candidate]:
    """Only the first part of a split FIF: it leads to the others."""
    for entry in entries:
        first = int(entry.entities.get("split", "1")) == 1 if entry.entities.get("split", "1").isdecimal() else True
        if entry.suffix == "ieeg" and entry.extension in SIGNALS and first:
            entities = {key: value for key, value in entry.entities.items() if key != "split"}
            yield Candidate(index, "electrodes", "", entities, (entry,))


def _envelopes(signals: Iterable[Candidate]) -> Iterator[Candidate]:
    """The high-gamma file of a run where its `desc` says so; else all, since names are free."""
    runs: dict[object, list[Candidate]] = defaultdict(list)
    for candidate in signals:
        runs[candidate.run].append(candidate)
    for of_run in runs.values():
        named = [candidate for candidate in of_run if HIGH_GAMMA.search(candidate.entities.get("desc", ""))]
        yield from named or of_run
