"""Tables of confounds, a row a sample."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bids_app.dataset.files.tables import decode
from bids_app.errors import DataError
from bids_app.inputs.opening import TABLE, read_bytes, reading

if TYPE_CHECKING:
    import pandas as pd

MAIN = "confounds"  # the companion that is fMRIPrep's; users' own are 'confounds 1', 'confounds 2', …
# Columns of fMRIPrep before 1.2 → today's
OLD_NAMES = {
    "X": "trans_x", "Y": "trans_y", "Z": "trans_z", "RotX": "rot_x", "RotY": "rot_y", "RotZ": "rot_z",
    "FramewiseDisplacement": "framewise_displacement", "GlobalSignal": "global_signal", "CSF": "csf",
    "WhiteMatter": "white_matter", "stdDVARS": "std_dvars",
}  # fmt: skip
OLD_NUMBERED = (
    (re.compile(r"aCompCor(\d+)"), "a_comp_cor_{}"),
    (re.compile(r"tCompCor(\d+)"), "t_comp_cor_{}"),
    (re.compile(r"Cosine(\d+)"), "cosine{}"),
    (re.compile(r"NonSteadyStateOutlier(\d+)"), "non_steady_state_outlier{}"),
)


def read_confounds(path: Path) -> pd.DataFrame:
    """A table of confounds, 'n/a' as NaN; columns of text stay text. Old names of columns are today's.

    Raises
    ------
    DataError : the table cannot be read, or has no row.
    """
    import pandas as pd

    separator, content = "," if path.suffix == ".csv" else "\t", io.BytesIO(read_bytes(path, TABLE))
    with reading(path, TABLE):
        table = pd.read_csv(content, sep=separator, encoding="utf-8-sig", na_values=["n/a"])
    if table.empty:
        raise DataError("table of confounds has no rows", path)
    table.columns = table.columns.astype(str).str.strip()
    renamed = {name: _todays(name) for name in table.columns}
    return table.rename(columns={old: new for old, new in renamed.items() if new not in table.columns})


def _todays(name: str) -> str:
    for pattern, new in OLD_NUMBERED:
        found = pattern.fullmatch(name)
        if found:
            return new.format(found[1])
    return OLD_NAMES.get(name, name)


def is_number(table: pd.DataFrame, name: str) -> bool:
    """Whether a column holds numbers.

    Parameters
    ----------
    table : of confounds.
    name : of the column.
    """
    from pandas.api.types import is_numeric_dtype

    return bool(is_numeric_dtype(table[name]))


def tables_of(companions: Mapping[str, Path]) -> dict[str, Path]:
    """fMRIPrep's table, then the user's own, those that a recording has."""
    return {key: path for key, path in sorted(companions.items()) if key == MAIN or key.startswith(f"{MAIN} ")}


def count_rows(path: Path) -> int:
    """Rows of a table under its first line. Raises DataError."""
    return sum(bool(line.strip()) for line in decode(path).splitlines()) - 1


def column_names(path: Path) -> list[str]:
    """Names of a table's columns, today's for old ones, from its first line. Raises DataError."""
    first = next(iter(decode(path).splitlines()), "")
    return [_todays(name.strip()) for name in first.split("," if path.suffix == ".csv" else "\t")]
