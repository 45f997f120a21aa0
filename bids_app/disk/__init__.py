"""Files that several processes write: each whole or not at all, locks that end, and what dead processes left."""

from bids_app.disk.arrays import opened_arrays, write_arrays
from bids_app.disk.locks import held_elsewhere, locked
from bids_app.disk.regular import opened, read_text, read_whole, require_regular
from bids_app.disk.replace import replacing, sweep_parts, write_chunks, write_whole
from bids_app.disk.scratch import scratch_array, scratch_folder, sweep_scratch, temporary_folder

__all__ = [
    "held_elsewhere", "locked", "opened", "opened_arrays", "read_text", "read_whole", "replacing", "require_regular",
    "scratch_array", "scratch_folder", "sweep_parts", "sweep_scratch", "temporary_folder", "write_arrays",
    "write_chunks", "write_whole",
]  # fmt: skip
