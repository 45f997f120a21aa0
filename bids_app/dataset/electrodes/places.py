"""Where electrodes are: electrodes.tsv and its coordinate system."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from bids_app.dataset.files.layout import read_json
from bids_app.dataset.files.tables import number, read_table
from bids_app.records import Array, Recording

TO_MM = {"m": 1000.0, "cm": 10.0, "mm": 1.0}


def positions(recording: Recording, names: tuple[str, ...]) -> tuple[Array, tuple[str, ...]]:
    """Positions of contacts.

    Parameters
    ----------
    recording : with its electrodes.tsv, if it has one.
    names : of the contacts.

    Returns
    -------
    (n, 3) mm, NaN where it has none; and warnings.

    Raises
    ------
    DataError : a table cannot be read.
    """
    xyz_mm = np.full((len(names), 3), math.nan)
    path = recording.companions.get("electrodes")
    if path is None:
        return xyz_mm, ()
    table = read_table(path)
    cells = (table.column(column) for column in ("name", "x", "y", "z"))
    rows = list(dict.fromkeys(zip(*cells, strict=True)))
    counts = Counter(name for name, *_ in rows)
    known = {name: [number(cell) for cell in place] for name, *place in rows if counts[name] == 1}
    scale, warnings = _scale(recording)
    for row, name in enumerate(names):
        xyz_mm[row] = np.multiply(known.get(name, [math.nan] * 3), scale)
    twice = [name for name in names if counts[name] > 1]
    if twice:
        warnings += (f"electrodes.tsv has two places for {', '.join(twice[:5])}: not used",)
    unknown = int(np.isnan(xyz_mm).any(axis=1).sum())
    return xyz_mm, warnings + ((f"{unknown} of {len(names)} electrodes have no position",) if unknown else ())


def _scale(recording: Recording) -> tuple[float, tuple[str, ...]]:
    path = recording.companions.get("coordsystem")
    units = str(read_json(path).get("iEEGCoordinateUnits", "n/a")).lower() if path else "n/a"
    if units in TO_MM:
        return TO_MM[units], ()
    if units == "pixels":
        return math.nan, ("electrode positions are in pixels: not used",)
    return 1.0, (f"units of electrode positions are '{units}': taken for mm",)
