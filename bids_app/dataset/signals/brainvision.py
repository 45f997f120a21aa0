"""BrainVision marker files: where a recording was paused, and for how long."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from bids_app.dataset.files.reading import reading

MARKER_FILE = re.compile(r"^MarkerFile\s*=\s*(.+?)\s*$", re.MULTILINE | re.IGNORECASE)
NEW_SEGMENT = re.compile(r"^Mk\d+=New Segment,[^,\r\n]*,(\d+)(?:,[^,\r\n]*,[^,\r\n]*(?:,(\d+))?)?", re.MULTILINE)
CHANNEL = re.compile(r"^Ch\d+=([^,\r\n]*)", re.MULTILINE)


def new_segments(path: Path) -> list[tuple[int, datetime | None]]:
    """(first sample, date if there is one) of every 'New Segment' of a vhdr's marker file. Raises DataError."""
    header = _text(path)
    named = MARKER_FILE.search(header)
    markers = path.with_name(named[1].replace("$b", path.stem)) if named else path.with_suffix(".vmrk")
    if not markers.is_file():
        return []  # mne complains where it cannot do without
    return [(int(place) - 1, _date(date)) for place, date in NEW_SEGMENT.findall(_text(markers))]


def channel_labels(path: Path) -> list[str]:
    """Names of the channels as the header has them."""
    section = _text(path).partition("[Channel Infos]")[2].partition("\n[")[0]
    return [name.replace("\\1", ",") for name in CHANNEL.findall(section)]


def _text(path: Path) -> str:
    with reading(path):
        return path.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n")


def _date(text: str) -> datetime | None:
    """`YYYYMMDDhhmmssuuuuuu`; None where it is not set."""
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S%f")
    except ValueError:
        return None
