"""A data set's files: names, filters and inheritance. pybids is asked where filters choose among them.

pybids drops entities its own configuration lacks (`stat`, `atlas` with `seg`), hence `entities.json`, whose patterns
look at file names alone: folders above the data set may be called anything.
"""

from __future__ import annotations

import importlib
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from bids_app.dataset.files.names import Entry, parse_name, same
from bids_app.dataset.files.written import WrittenNumber, json_of
from bids_app.errors import DataError, UsageError
from bids_app.inputs.opening import JSON, read_bytes
from bids_app.records import Excluded
from bids_app.records.entities import LABEL

CONFIG = Path(__file__).with_name("entities.json")
DATATYPES = ("func", "ieeg")  # folders of a participant or session that may hold responses
# Entities a derivative may have dropped although the events of its run carry them.
OPTIONAL_IN_DERIVATIVES = ("acq", "ce", "rec", "dir")


def applies(entry: Entry, entities: Mapping[str, str], optional: Iterable[str] = ()) -> bool:
    """Whether a file is inherited by another: it names nothing that the other contradicts or lacks.

    Parameters
    ----------
    entry : the file.
    entities : of the other.
    optional : entities that it may name although the other lacks them.
    """
    return all(
        same(value, entities[key]) if key in entities else key in optional for key, value in entry.entities.items()
    )


@dataclass(frozen=True)
class Index:
    """The files of one data set that concern the participants asked for.

    Parameters
    ----------
    root : folder of the data set.
    name : of the data set in BIDS URIs.
    entries : its files.
    folders : (folder, suffix, extension) → the files there of that suffix and extension.
    participants : labels of those asked for.
    lost : folders of theirs that cannot be listed.
    warnings : files of theirs that are left out for their names.
    """

    root: Path
    name: str
    entries: tuple[Entry, ...]
    folders: Mapping[tuple[Path, str, str], tuple[Entry, ...]] = field(repr=False)
    participants: tuple[str, ...] = ()
    lost: tuple[Excluded, ...] = ()
    warnings: tuple[str, ...] = ()

    def uri(self, path: Path) -> str:
        """The BIDS URI of a file of this data set."""
        return f"bids:{self.name}:{path.relative_to(self.root).as_posix()}"

    def matching(self, filters: Mapping[str, Any]) -> frozenset[Path]:
        """Paths that pybids finds with these filters; it reads the data set for them, which takes its time."""
        return frozenset(Path(path) for path in self._layout.get(return_type="filename", **filters))

    @cached_property
    def _layout(self) -> Any:
        layout = pybids()
        ignored = _ignored(self.participants)
        indexer = layout.BIDSLayoutIndexer(validate=False, index_metadata=False, ignore=ignored)
        return layout.BIDSLayout(self.root, validate=False, config=[str(CONFIG)], indexer=indexer)

    def inherited(
        self,
        entities: Mapping[str, str],
        datatype: str,
        suffix: str,
        extension: str,
        folder: Path | None = None,
        optional: tuple[str, ...] = (),
    ) -> list[Entry]:
        """Files that apply to a recording, the most specific first.

        Parameters
        ----------
        entities : of the recording.
        datatype : the folder that its raw files lie in.
        suffix, extension : of the files wanted.
        folder : where the recording itself lies, if in this data set; it is searched first, then those above it.
        optional : entities that files may name although the recording lacks them.
        """
        places = [*_upwards(self.root, folder), *_places(self.root, entities, datatype)]
        nearby = [entry for place in dict.fromkeys(places) for entry in self.here(place, suffix, extension)]
        fitting = [entry for entry in nearby if applies(entry, entities, optional)]
        return fitting or [entry for entry in nearby if applies(entry, entities, OPTIONAL_IN_DERIVATIVES + optional)]

    def fitting(
        self, entities: Mapping[str, str], datatype: str, suffix: str, extension: str, always_named: Set[str]
    ) -> list[Entry]:
        """Files whose names contradict a recording's in nothing, the most specific first.

        Parameters
        ----------
        entities : of the recording.
        datatype : the folder that its raw files lie in.
        suffix, extension : of the files wanted.
        always_named : entities that no file may name unless the recording does.
        """
        nearby = [
            entry for place in _places(self.root, entities, datatype) for entry in self.here(place, suffix, extension)
        ]
        return [entry for entry in nearby if applies(entry, entities, set(entry.entities) - always_named)]

    def here(self, folder: Path, suffix: str, extension: str) -> list[Entry]:
        """Files of one folder, those with most entities first.

        Parameters
        ----------
        folder : an absolute path.
        suffix, extension : of the files wanted.
        """
        return sorted(self.folders.get((folder, suffix, extension), ()), key=lambda entry: -len(entry.entities))


def _upwards(root: Path, folder: Path | None) -> Iterator[Path]:
    """`folder` and the folders above it, down to but not including `root`."""
    while folder is not None and folder != root and root in folder.parents:
        yield folder
        folder = folder.parent


def _places(root: Path, entities: Mapping[str, str], datatype: str) -> list[Path]:
    """Where files of one recording may lie, innermost first."""
    participant = root / f"sub-{entities['sub']}"
    session = [participant / f"ses-{entities['ses']}"] if "ses" in entities else []
    return [place for above in [*session, participant] for place in (above / datatype, above)] + [root]


def build_index(root: Path, name: str, participants: Iterable[str]) -> Index:
    """Index root files and the folders of participants that may hold responses; nothing is written.

    Parameters
    ----------
    root : of the data set.
    name : of the data set in BIDS URIs.
    participants : labels.
    """
    listing = _Listing(root, tuple(participants))
    entries = tuple(parse_name(path) for path in sorted(listing.files()))
    folders: dict[tuple[Path, str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        folders[entry.path.parent, entry.suffix, entry.extension].append(entry)
    found = {key: tuple(in_folder) for key, in_folder in folders.items()}
    return Index(root, name, entries, found, listing.participants, tuple(listing.lost), tuple(listing.warnings))


class _Listing:
    """Goes through the folders of a data set; one that cannot be listed costs what is in it.

    root : of the data set. participants : labels of those asked for. lost, warnings : as of `Index`.
    """

    def __init__(self, root: Path, participants: tuple[str, ...]) -> None:
        self._root, self.participants = root, participants
        self.lost: list[Excluded] = []
        self.warnings: list[str] = []

    def files(self) -> Iterator[Path]:
        """What concerns the participants: at the root all tables and JSON files, of each the files outside and inside
        of the folders that may hold responses. A folder whose name has an extension (`.mefd`) counts as a file.

        Raises
        ------
        OSError : the root cannot be listed.
        """
        for item in os.scandir(self._root):
            label = item.name.removeprefix("sub-")
            if _is_folder(item):
                if label != item.name and label in self.participants:
                    yield from self._below(self._root / item.name, label, set(), _of_person)
            elif item.name.endswith((".json", ".tsv")) or self._is_theirs(item.name):
                yield self._root / item.name

    def _is_theirs(self, name: str) -> bool:
        return parse_name(Path(name)).entities.get("sub") in self.participants

    def _below(self, folder: Path, label: str, seen: set[str], wanted: Callable[[str], bool]) -> Iterator[Path]:
        """Files of a participant's, session's or data type's folder. Links are followed, to each folder once."""
        real = os.path.realpath(folder)
        if real in seen:
            return
        seen.add(real)
        try:
            items = sorted(os.scandir(folder), key=lambda item: item.name)
        except OSError as error:
            name = "_".join(folder.relative_to(self._root).parts)
            reason = DataError(f"the folder cannot be listed ({error.strerror})", folder, "make it readable")
            self.lost.append(Excluded(label, name, str(reason)))
            return
        for item in items:
            path = folder / item.name
            if "." not in item.name and _is_folder(item):
                if wanted(item.name):
                    yield from self._below(path, label, seen, _any if item.name in DATATYPES else _of_session)
            elif fault := _fault_of(path):
                self.warnings.append(f"{str(path)!a} is left out: {fault}")
            else:
                yield path


def _of_person(name: str) -> bool:
    return name.startswith("ses-") or name in DATATYPES


def _of_session(name: str) -> bool:
    return name in DATATYPES


def _any(name: str) -> bool:
    return bool(name)


def _fault_of(path: Path) -> str:
    """Why the name of a file cannot be one of BIDS, in which it would go on to OUT_DIR; '' where it can."""
    label = parse_name(path).entities.get("sub", "x")
    if not LABEL.fullmatch(label):
        return f"{label!a} is no label of BIDS, which has letters and digits"
    return "" if path.name.isprintable() else "its name has characters that cannot be printed"


def _is_folder(item: os.DirEntry[str]) -> bool:
    try:
        return item.is_dir()
    except OSError:  # a link that nobody may follow, or that leads to itself
        return False


def pybids() -> Any:
    """`bids.layout`, whatever home its user has, or none.

    At its import pybids looks for settings of its own in the home folder, which may not be there or not be readable,
    and shall not decide anything.

    Raises
    ------
    UsageError : it cannot be loaded.
    """
    before = os.environ.get("HOME")
    os.environ["HOME"] = str(CONFIG.parent)
    try:
        return importlib.import_module("bids.layout")
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(f"pybids, which filter files need, cannot be loaded ({reason})") from error
    finally:
        if before is None:
            del os.environ["HOME"]
        else:
            os.environ["HOME"] = before


def _ignored(participants: Iterable[str]) -> list[re.Pattern[str]]:
    """Leaving out other participants and folders without responses makes indexing of large data sets quick."""
    labels = "|".join(re.escape(label) for label in participants)
    others = rf"^/(?!sub-(?:{labels})(?:[/_]|$))(?![^/]*\.(?:json|tsv)$)"
    datatypes = rf"^/sub-[^/]+/(?:ses-[^/]+/)?(?!ses-|(?:{'|'.join(DATATYPES)})$)[^/.]+$"
    return [re.compile(others), re.compile(datatypes)]


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises DataError where the file is malformed or was not fetched, never `{}` in silence."""
    content = read_bytes(path, JSON)
    try:
        content = json_of(content.decode("utf-8-sig"), parse_float=WrittenNumber)
    except (ValueError, RecursionError) as error:
        raise DataError(f"JSON cannot be read ({error})", path, "repair the sidecar") from error
    if not isinstance(content, dict):
        raise DataError("JSON is not an object", path, "repair the sidecar")
    return content


def sidecar(
    index: Index, entities: Mapping[str, str], datatype: str, suffix: str, folder: Path | None = None
) -> dict[str, Any]:
    """The metadata of a recording in one data set: inheritance resolved, the most specific file winning.

    Parameters
    ----------
    index : the data set's files.
    entities, datatype, suffix : of the recording.
    folder : where it lies, if in this data set.

    Raises
    ------
    DataError : a file is no JSON object.
    """
    files = index.inherited(entities, datatype, suffix, ".json", folder)
    return {key: value for above in reversed(files) for key, value in read_json(above.path).items()}
