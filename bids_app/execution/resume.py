"""What is done already: a unit's summary holds its key and the files it wrote."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from bids_app.execution.plan import Unit
from bids_app.records import UnitSummary


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
        for path in (*recording.paths, *(recording.companions[name] for name in sorted(recording.companions))):
            try:
                state = path.stat()
                digest.update(f"{path.name}\t{state.st_size}\t{state.st_mtime_ns}\n".encode())
            except OSError:
                digest.update(f"{path.name}\tmissing\n".encode())
        digest.update(repr((recording.start_s, recording.rate_hz, recording.stimuli)).encode())
    for fact in sorted(facts):
        digest.update(fact.encode())
    return digest.hexdigest()


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
