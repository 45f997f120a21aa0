"""Opening a map that was written, with one line where that fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bids_app.errors import ReadWriteError


@contextmanager
def reading_map(path: Path) -> Iterator[Any]:
    """The image at `path`. Raises ReadWriteError, whatever is wrong with it."""
    import zlib
    from xml.parsers.expat import ExpatError

    import nibabel
    from nibabel.filebasedimages import ImageFileError

    try:
        yield nibabel.load(path)
    except (OSError, ValueError, EOFError, IndexError, ImageFileError, ExpatError, zlib.error) as error:
        raise ReadWriteError("cannot read the map", path, f"{error}; run again with --force") from None
