"""What would change with any input file: its size and its time of change, folder by folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from bids_app.pipeline.job.job import Job
from bids_app.records import Recording


class FileStates:
    """Hashes of the names, sizes and times of change of files; each folder is listed once.

    Whole folders count, so that a file which appears beside the others is seen as well as one that changes.
    """

    def __init__(self, job: Job) -> None:
        self._bids_dir, self._folders = job.options.bids_dir, dict[Path, str]()
        features = (spec.base_dir / spec.options["path"] for spec in job.specs.values()
                    if spec.base_dir and "path" in spec.options)  # fmt: skip
        self._shared = _hash([
            job.hash,
            _tree(Path(__file__).parents[1], ".py"),  # another version of the program may say other things
            _tree(self._bids_dir / "stimuli"),
            *(self._folder(path.parent) for path in features),
        ])  # fmt: skip

    def of(self, recording: Recording) -> str:
        """The state of all that a recording's account is made from.

        Parameters
        ----------
        recording : as it was found; what its sidecars say is part of it.
        """
        sounds = (
            self._bids_dir / name
            for source in (event.source for event in recording.stimuli)
            if source is not None
            for name in (source.sound, source.words and source.words.path, source.phones and source.phones.path)
            if name
        )
        raw = () if recording.clock.raw_file is None else (recording.clock.raw_file,)
        files = {*recording.paths, *recording.companions.values(), *raw, *sounds}
        folders = sorted({path.parent for path in files})
        return _hash([self._shared, repr(recording), *(self._folder(folder) for folder in folders)])

    def _folder(self, folder: Path) -> str:
        if folder not in self._folders:
            self._folders[folder] = _hash(_states(folder))
        return self._folders[folder]


def _tree(folder: Path, ending: str = "") -> str:
    """Of all files below a folder whose names end so."""
    lines = []
    for place, folders, names in os.walk(folder):
        folders.sort()
        lines += [f"{place}/{_state(Path(place) / name)}" for name in sorted(names) if name.endswith(ending)]
    return _hash(lines)


def _states(folder: Path) -> Iterator[str]:
    """Of the files of one folder, and below folders that are recordings (their names have an extension)."""
    try:
        files = sorted(folder.iterdir())
    except OSError:
        return
    for path in files:
        yield _state(path)
        if path.suffix and path.is_dir():
            yield _tree(path)


def _state(path: Path) -> str:
    try:
        state = path.stat()
    except OSError:
        return f"{path.name}\tmissing"
    return f"{path.name}\t{state.st_size}\t{state.st_mtime_ns}"


def _hash(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(f"{line}\n".encode("utf-8", "surrogateescape"))  # names may hold any byte
    return digest.hexdigest()
