"""What was saved of a unit's models, as it was written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from bids_app.errors import NoInput
from bids_app.outputs.derivatives.saved.models import read_blocks
from bids_app.outputs.files import names
from bids_app.outputs.files.proof import require_files, saved_of
from bids_app.records import UnitSummary
from bids_app.records.fits import BlockSums


def require_saved(out_dir: Path, summary: UnitSummary, what: str, files: Sequence[PurePosixPath]) -> None:
    """Files of what was saved are there, as they were written, and of these results.

    Parameters
    ----------
    out_dir : where results are.
    summary : of the unit.
    what : a name of `SAVED`.
    files : under out_dir.

    Raises
    ------
    NoInput : they were not saved, or are of other results.
    ReadWriteError : a file is gone, broken, or not what was written.
    """
    saved = saved_of(out_dir, summary)
    if saved is None or what not in saved.what:
        raise NoInput(
            f"{what} of {summary.stem} were not saved", out_dir, f"run concord there again with --save {what}"
        )
    require_files(out_dir, saved, files)


def read_saved_blocks(out_dir: Path, summary: UnitSummary) -> tuple[tuple[str, ...], BlockSums]:
    """Names of a unit's targets, and its sums by block.

    Parameters
    ----------
    out_dir, summary : as of `require_saved`.

    Raises
    ------
    NoInput, ReadWriteError : as `require_saved` does.
    """
    file = names.models_file(summary.stem, summary.targets.kind, "blocks")
    require_saved(out_dir, summary, "blocks", [file])
    return read_blocks(out_dir / file)
