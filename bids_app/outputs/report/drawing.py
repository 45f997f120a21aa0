"""A figure before and after it is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bids_app.outputs.files import names
from bids_app.outputs.files.files import write_bytes


@dataclass(frozen=True)
class Drawing:
    """A figure's SVG. label : the `desc-` of its file. alt : words in place of the picture."""

    label: str
    content: bytes
    alt: str
    caption: str


@dataclass(frozen=True)
class Figure:
    """A written figure, as templates show it. src : its path relative to OUT_DIR."""

    src: str
    alt: str
    caption: str


def save(out_dir: Path, stem: str, drawing: Drawing) -> Figure:
    """Write a figure.

    Parameters
    ----------
    out_dir : where results lie.
    stem : of the unit or group.
    drawing : the figure.

    Returns
    -------
    The figure as templates show it.

    Raises
    ------
    CannotCreate : where it cannot be written.
    """
    file = names.figure_file(stem, drawing.label)
    write_bytes(out_dir / file, drawing.content)
    return Figure(str(file), drawing.alt, drawing.caption)
