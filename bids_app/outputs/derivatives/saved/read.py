"""Sums by block that were saved of a unit, as they were written."""

from __future__ import annotations

from pathlib import Path

from bids_app.errors import NoInput
from bids_app.outputs.derivatives.saved.models import read_blocks
from bids_app.outputs.files import names
from bids_app.outputs.files.proof import require_files, saved_of
from bids_app.records import UnitSummary
from bids_app.records.fits import BlockSums


def read_saved_blocks(out_dir: Path, summary: UnitSummary) -> tuple[tuple[str, ...], BlockSums]:
    """Names of a unit's targets, and its sums by block.

    Parameters
    ----------
    out_dir : where results are.
    summary : of the unit.

    Raises
    ------
    NoInput : they were not saved, or are of other results.
    ReadWriteError : the file is gone, broken, or not what was written.
    """
    saved, file = saved_of(out_dir, summary), names.models_file(summary.stem, summary.targets.kind, "blocks")
    if saved is None or "blocks" not in saved.what:
        raise NoInput(f"no sums by block of {summary.stem}", out_dir, "run concord there again with --save blocks")
    require_files(out_dir, saved, [file])
    return read_blocks(out_dir / file)
