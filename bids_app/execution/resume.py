"""What is done already: a unit's summary holds its key and the files it wrote."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from bids_app.execution.plan import Unit
from bids_app.records import Recording, UnitSummary

IN_PARTS = (".vhdr", ".set")  # headers whose samples lie in files beside them


def unit_key(unit: Unit, analysis_hash: str, version: str, facts: Iterable[str]) -> str:
    """All that a unit's numbers follow from, as SHA-256.

    Parameters
    ----------
    unit : whose input files' names, sizes and times of change count (their bytes are not read: BOLD is large).
    analysis_hash : of the resolved analysis.
    version : of the program.
    facts : all else that counts: keys of the features' values, accounts of the recordings' time.
    """
    digest = hashlib.sha256(f"{unit.stem}\n{analysis_hash}\n{version}\n".encode())
    for recording in unit.recordings:
        for path in _files_of(recording):
            try:
                state = path.stat()
                digest.update(f"{path.name}\t{state.st_size}\t{state.st_mtime_ns}\n".encode())
            except OSError:
                digest.update(f"{path.name}\tmissing\n".encode())
        digest.update(repr((recording.start_s, recording.rate_hz, recording.stimuli)).encode())
    for fact in sorted(facts):
        digest.update(fact.encode())
    return digest.hexdigest()


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


def is_done(out_dir: Path, summary: UnitSummary, key: str) -> bool:
    """Whether a unit's results are there already.

    Parameters
    ----------
    out_dir : where they are.
    summary : what was written of the unit; every file that it lists must be there, and not empty.
    key : of the unit's inputs today; the summary must have the same.
    """
    try:
        return summary.provenance.unit_key == key and all((out_dir / name).stat().st_size for name in summary.files)
    except OSError:
        return False
