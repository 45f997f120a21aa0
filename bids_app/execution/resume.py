"""What a unit's numbers follow from, as a key: two keys that are equal have equal numbers."""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from bids_app.execution.plan import Unit
from bids_app.records import Recording

# Raised when *Changed numbers* in CHANGES.md says that participants' results are others, and only then.
NUMBERS = 3
IN_PARTS = (".vhdr", ".set")  # headers whose samples lie in files beside them
CHANGED = {
    "numbers": "this version of concord computes other numbers",
    "analysis": "it is of another analysis",
    "files": "its recordings, their files or their sidecars have changed",
    "features": "its stimuli, their transcripts or the models have changed",
    "times": "its recordings' times, or which of them can be used, have changed",
}


def unit_key(unit: Unit, analysis_hash: str, features: Iterable[str] | None, facts: Iterable[str]) -> str:
    """All that a unit's numbers follow from, hashed part by part: `numbers=… analysis=… files=… features=… times=…`.

    Parameters
    ----------
    unit : whose input files' names, sizes and times of change count (their bytes are not read: BOLD is large), of
        links into an annex its keys instead of times; and what their sidecars say.
    analysis_hash : of the resolved analysis.
    features : keys of the features' values; None where they are not known, and that part is left out.
    facts : all else that counts: accounts of the recordings' time, and which cannot be used.
    """
    parts = {
        "numbers": str(NUMBERS),
        "analysis": analysis_hash,
        "files": _hash(line for recording in unit.recordings for line in _states(recording)),
        "features": None if features is None else _hash(sorted(features)),
        "times": _hash(sorted(facts)),
    }
    return " ".join(f"{name}={value}" for name, value in parts.items() if value is not None)


def what_changed(made: str, today: str) -> str:
    """What of a key is not what it was, in words: the first part that differs; empty where none does.

    Parameters
    ----------
    made : the key of the results.
    today : the key of today's inputs; parts that it lacks are not compared.
    """
    was, now = _parts(made), _parts(today)
    return next((words for name, words in CHANGED.items() if name in now and was.get(name) != now[name]), "")


def key_without_inputs(analysis_hash: str) -> str:
    """What can be said of a key where the inputs are not there.

    Parameters
    ----------
    analysis_hash : of the resolved analysis.
    """
    return f"numbers={NUMBERS} analysis={analysis_hash}"


def _parts(key: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in key.split() if "=" in part)


def _hash(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(f"{line}\n".encode("utf-8", "surrogateescape"))  # names may hold any byte
    return digest.hexdigest()[:32]


def _states(recording: Recording) -> Iterator[str]:
    for path in _files_of(recording):
        try:
            state = path.stat()
            yield f"{path.name}\t{state.st_size}\t{_annex_key(path) or state.st_mtime_ns}"
        except OSError:
            yield f"{path.name}\tmissing"
    yield repr((recording.start_s, recording.rate_hz, recording.stimuli))
    yield json.dumps(dict(recording.metadata), sort_keys=True, default=str)


def _annex_key(path: Path) -> str:
    """What git-annex calls a file's content, after its hash, where the file is a link into an annex; else empty."""
    target = path.readlink() if path.is_symlink() else Path()
    return target.name if ("annex", "objects") in pairwise(target.parts) else ""


def _files_of(recording: Recording) -> Iterator[Path]:
    """A recording's own files with all their parts (.eeg of a .vhdr, what a .mefd folder holds), then companions."""
    for path in recording.paths:
        if path.is_dir():
            yield from sorted(part for part in path.rglob("*") if part.is_file())
        elif path.suffix in IN_PARTS:
            yield from sorted(path.parent.glob(f"{glob.escape(path.stem)}.*"))
        else:
            yield path
    yield from (recording.companions[name] for name in sorted(recording.companions))
