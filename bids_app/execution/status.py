"""status.tsv and status.json: one row a unit of work, shared by all jobs that write into one out_dir."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal, Protocol

from bids_app.disk import locked, read_text, write_whole

Status = Literal["running", "done", "failed", "skipped", "reused"]
NOT_DONE: tuple[Status, ...] = ("running", "failed")  # a row that runs is of a job that goes on, or was killed
ENDS_S = 60.0  # of waiting for the tables, which are written in a fraction of a second


@dataclass(frozen=True)
class StatusRow:
    """One unit: a fit, a recording that could not be used, or a group result. `peak_mb` is the process's so far."""

    unit: str
    participant: str
    status: Status
    seconds: float = 0.0
    peak_mb: float = 0.0
    reason: str = ""


class Book(Protocol):
    """Takes the rows of units of work."""

    def record(self, row: StatusRow) -> None:
        """Insert the row, or replace the unit's earlier one."""

    def remove(self, units: Iterable[str]) -> None:
        """Drop the rows of units that are no more."""

    def rows(self) -> list[StatusRow]:
        """All rows, sorted by unit."""


class StatusBook:
    """The rows of an out_dir; each change is one locked read, replace and atomic write.

    Parameters
    ----------
    out_dir : where the tables lie.
    say : takes a line where another job holds them for long; after a minute that is the error `Busy`.
    """

    def __init__(self, out_dir: Path, say: Callable[[str], object] = str) -> None:
        self._say, self._own = say, dict[str, StatusRow]()
        self._json, self._tsv = out_dir / "status.json", out_dir / "status.tsv"
        self._lock = out_dir / "logs" / "status.lock"
        self._lock.parent.mkdir(parents=True, exist_ok=True)

    def record(self, row: StatusRow) -> None:
        """Insert the row, or replace the unit's earlier one."""
        self._own[row.unit] = row
        with locked(self._lock, self._say, ENDS_S):
            rows = {old.unit: old for old in self._read()} | {row.unit: row}
            self._write([rows[unit] for unit in sorted(rows)])

    def forget(self, participants: set[str]) -> None:
        """Drop the rows of these participants that are neither done nor reused, before they are tried again."""
        self._drop(lambda row: row.participant in participants and row.status in (*NOT_DONE, "skipped"))

    def remove(self, units: Iterable[str]) -> None:
        """Drop the rows of units that are no more."""
        gone = {*units}
        self._drop(lambda row: row.unit in gone)

    def _drop(self, is_gone: Callable[[StatusRow], bool]) -> None:
        with locked(self._lock, self._say, ENDS_S):
            rows = self._read()
            kept = [row for row in rows if not is_gone(row)]
            if len(kept) < len(rows):
                self._write(kept)

    def rows(self) -> list[StatusRow]:
        """All rows, sorted by unit. What this job has ended stays so, though another one may just be at it."""
        with locked(self._lock, self._say, ENDS_S):
            rows = self._read()
        return [self._own.get(row.unit, row) if row.status == "running" else row for row in rows]

    def _read(self) -> list[StatusRow]:
        try:
            return [StatusRow(**row) for row in json.loads(read_text(self._json))]
        except (FileNotFoundError, ValueError, TypeError, RecursionError):
            return []

    def _write(self, rows: list[StatusRow]) -> None:
        cells = [[" ".join(str(cell).split()) or "n/a" for cell in asdict(row).values()] for row in rows]
        lines = [[field.name for field in fields(StatusRow)], *cells]
        write_whole(self._tsv, "".join("\t".join(line) + "\n" for line in lines).encode("utf-8", "backslashreplace"))
        write_whole(self._json, (json.dumps([asdict(row) for row in rows], indent=1) + "\n").encode())


def peak_mb() -> float:
    """Peak resident memory of this process so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 if sys.platform != "darwin" else 1024**2), 1)
