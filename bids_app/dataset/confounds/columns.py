"""Which columns the analysis's `confounds` are: groups by name, columns by name or pattern."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bids_app.dataset.confounds.tables import is_number
from bids_app.dataset.files.names import parse_name
from bids_app.errors import DataError, did_you_mean
from bids_app.inputs.opening import JSON, TABLE, check_input
from bids_app.records import Array, Recording

if TYPE_CHECKING:
    import pandas as pd

MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
N_ACOMPCOR = 5  # Behzadi 2007 and fMRIPrep's advice: the first five of the combined mask
MOST_ENTITIES = 12  # of a name: nilearn tries all of their combinations
# nilearn's names for ours
STRATEGIES: dict[str, dict[str, Any]] = {
    "motion": {"strategy": ["motion"], "motion": "basic"},
    "motion24": {"strategy": ["motion"], "motion": "full"},
    "wmcsf": {"strategy": ["wm_csf"], "wm_csf": "basic"},
    "global": {"strategy": ["global_signal"], "global_signal": "basic"},
    "acompcor": {
        "strategy": ["high_pass", "compcor"], "compcor": "anat_combined", "n_compcor": N_ACOMPCOR,
    },
}  # fmt: skip
NEEDED = {
    "motion": MOTION, "motion24": MOTION, "wmcsf": ("csf", "white_matter"), "global": ("global_signal",),
    "acompcor": ("a_comp_cor_00",),
}  # fmt: skip
EXPANDED = ("", "_derivative1", "_power2", "_derivative1_power2")
Tables = Mapping[Path, "pd.DataFrame"]


def groups_of(confounds: str) -> list[str]:
    """What `confounds` names, one by one: 'motion24+cosine*' → its two; nothing for 'none'."""
    return [] if confounds in ("none", "") else [item.strip() for item in confounds.split("+") if item.strip()]


def chosen_columns(items: Iterable[str], tables: Tables, recording: Recording, main: Path | None) -> dict[str, Array]:
    """Columns by name, each once.

    Parameters
    ----------
    items : groups, names of columns, and patterns of names (`cosine*`).
    tables : path → table of confounds.
    recording : names the image that nilearn starts from.
    main : fMRIPrep's table, in which groups are; None where there is none.

    Returns
    -------
    Name → (n_times,).

    Raises
    ------
    DataError : an item is no column of any table, or one of text.
    """
    columns: dict[str, Array] = {}
    for item in items:
        if item in STRATEGIES and main is not None:
            columns |= group_columns(item, tables[main], recording, main)
        elif item not in STRATEGIES:
            columns |= _named(item, tables, recording)
    return columns


def _named(item: str, tables: Tables, recording: Recording) -> dict[str, Array]:
    """Columns of a name or pattern; a pattern passes over columns of text."""
    found: dict[str, Array] = {}
    for path, table in tables.items():
        for name in matching(item, table.columns):
            if is_number(table, name):
                found.setdefault(name, table[name].to_numpy(dtype=float))
            elif name == item:
                raise DataError(f"column '{name}' of the confounds holds text", path, "choose other confounds")
    if not found:
        there = [name for table in tables.values() for name in table.columns if is_number(table, name)]
        raise no_such_column(item, there, next(iter(tables), recording.label))
    return found


def matching(item: str, names: Iterable[str]) -> list[str]:
    """Names that an item of `confounds` means: itself, or what its pattern fits.

    Parameters
    ----------
    item : a name, or a pattern with *, ? or [].
    names : of columns.
    """
    exact = not re.search(r"[*?\[]", item)
    return [name for name in names if (name == item if exact else fnmatchcase(name, item))]


def no_such_column(item: str, names: Iterable[str], where: object) -> DataError:
    """What to say of an item that no column is meant by.

    Parameters
    ----------
    item : a name or pattern.
    names : of columns that are there.
    where : the table.
    """
    advice = did_you_mean(item, [*STRATEGIES, *names])
    more = f"groups are {', '.join(STRATEGIES)}"
    return DataError(f"no column of the confounds is '{item}'", where, f"{advice} {more}".strip())


def group_columns(group: str, table: pd.DataFrame, recording: Recording, path: Path) -> dict[str, Array]:
    """Confounds of one group: as nilearn chooses them, else by their plain names.

    Parameters
    ----------
    group : its name.
    table : all confounds of the run.
    recording : names the image that nilearn starts from.
    path : of the table, for errors.

    Returns
    -------
    Name → (n_times,).

    Raises
    ------
    DataError : columns are missing, or hold text.
    """
    names = _nilearn_choice(group, recording, path)
    if names is None:
        missing = [name for name in NEEDED[group] if name not in table.columns]
        if missing:
            raise DataError(f"confounds '{group}' need columns {', '.join(missing)}", path, "choose other confounds")
        numbered = sorted(str(name) for name in table.columns if re.fullmatch(r"a_comp_cor_\d+", str(name)))
        names = numbered[:N_ACOMPCOR] if group == "acompcor" else list(NEEDED[group])
        expanded = group == "motion24"
    else:
        names, expanded = [name for name in table.columns if name in names], False
    text = [name for name in names if not is_number(table, name)]
    if text:
        raise DataError(f"column '{text[0]}' of the confounds holds text", path, "choose other confounds")
    plain = table[names].to_numpy(dtype=float)
    if expanded:
        names = [
            f"{name}{ending}" for ending in ("", "_derivative1", "_power2", "_derivative1_power2") for name in names
        ]
        plain = expand(plain)
    return dict(zip(names, plain.T, strict=True))


def _nilearn_choice(group: str, recording: Recording, path: Path) -> list[str] | None:
    """Columns chosen by nilearn's `load_confounds`; None where its naming rules or the table do not allow it."""
    import warnings

    from nilearn.interfaces.fmriprep import load_confounds

    entities = parse_name(recording.paths[0]).entities
    if len(entities) > MOST_ENTITIES:
        return None
    for other in sorted(path.parent.glob("*confounds*")):  # what nilearn may open, by its own rules
        beside = parse_name(other).entities
        if all(entities.get(key) == value for key, value in beside.items() if key != "desc"):
            check_input(other, JSON if other.suffix == ".json" else TABLE)
    images = [str(image) for image in recording.paths]
    strategy = STRATEGIES[group]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about strategies we do not use
            table, _ = load_confounds(images if len(images) > 1 else images[0], demean=False, **strategy)
    except (
        ValueError,
        KeyError,
        OSError,
        IndexError,
        TypeError,
    ):  # nilearn's, on names, tables and JSON of another form
        return None
    return [name for name in table.columns if not name.startswith("cosine")] or None  # drift is our own


def expand(motion: Array) -> Array:
    """Six parameters, their backward differences and the squares of both (Friston 1996; fMRIPrep's 24)."""
    change = np.vstack([np.zeros((1, motion.shape[1])), np.diff(motion, axis=0)])
    return np.hstack([motion, change, motion**2, change**2])
