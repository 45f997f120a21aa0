"""BrainVision marker files: where a recording was paused, and for how long."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from bids_app.errors import DataError
from bids_app.inputs.opening import HEADER, check_input, read_bytes

MARKER_FILE, DATA_FILE = (
    re.compile(rf"^{key}[ \t]*=([^\n]*)", re.MULTILINE | re.IGNORECASE) for key in ("MarkerFile", "DataFile")
)
LONGEST_NAME = 255
NEW_SEGMENT = re.compile(r"^Mk\d+=New Segment,[^,\r\n]*,(\d+)(?:,[^,\r\n]*,[^,\r\n]*(?:,(\d+))?)?", re.MULTILINE)
CHANNEL = re.compile(r"^Ch\d+=([^,\r\n]*)", re.MULTILINE)


def new_segments(path: Path) -> list[tuple[int, datetime | None]]:
    """(first sample, date if there is one) of every 'New Segment' of a vhdr's marker file. Raises DataError."""
    markers = _named(path, MARKER_FILE) or path.with_suffix(".vmrk")
    if not markers.is_file():
        return []  # mne complains where it cannot do without
    return [(int(place) - 1, _date(date)) for place, date in NEW_SEGMENT.findall(_text(markers))]


def require_own_files(path: Path) -> None:
    """Make sure that a header names files beside it, which may be opened.

    Parameters
    ----------
    path : of a .vhdr file.

    Raises
    ------
    DataError : it names a file elsewhere, or one that may not be opened.
    """
    for key in (DATA_FILE, MARKER_FILE):
        named = _named(path, key)
        if named is not None and (named.exists() or named.is_symlink()):
            check_input(named)


def _named(path: Path, key: re.Pattern[str]) -> Path | None:
    """A file that a header names. Raises DataError where it does not lie beside the header."""
    found = key.search(_text(path))
    name = found[1].strip().replace("$b", path.stem) if found else ""
    if not name:
        return None
    if name in (".", "..") or re.search(r"[/\\\0]", name) or len(name) > LONGEST_NAME:
        raise DataError(f"the header names a file elsewhere: {name[:LONGEST_NAME]!r}", path, "name one beside it")
    return path.with_name(name)


def channel_labels(path: Path) -> list[str]:
    """Names of the channels as the header has them."""
    section = _text(path).partition("[Channel Infos]")[2].partition("\n[")[0]
    return [name.replace("\\1", ",") for name in CHANNEL.findall(section)]


def _text(path: Path) -> str:
    return read_bytes(path, HEADER).decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")


def _date(text: str) -> datetime | None:
    """`YYYYMMDDhhmmssuuuuuu`; None where it is not set."""
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S%f")
    except ValueError:
        return None
