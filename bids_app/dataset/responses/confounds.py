"""What is regressed out of fMRI: confounds of the run and slow drift."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bids_app.dataset.responses.parcels import read_numbers
from bids_app.dataset.responses.placement import Placement
from bids_app.errors import DataError, UsageError, did_you_mean
from bids_app.pointers import require_content
from bids_app.records import Array, Recording

if TYPE_CHECKING:
    import pandas as pd

MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
N_ACOMPCOR = 5  # Behzadi 2007 and fMRIPrep's advice: the first five of the combined mask
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


def groups_of(confounds: str) -> list[str]:
    """Groups of confounds: 'motion24+acompcor' → its two; none for 'none'.

    Raises
    ------
    UsageError : a group that is not known.
    """
    groups = [] if confounds in ("none", "") else [group.strip() for group in confounds.split("+")]
    for group in groups:
        if group not in STRATEGIES:
            advice = f"{did_you_mean(group, STRATEGIES)} there are {', '.join(STRATEGIES)}, none"
            raise UsageError(f"unknown confounds '{group}'", "", advice.strip())
    return groups


def fmri_nuisance(
    recording: Recording, placed: Placement, confounds: str, high_pass_s: float | None
) -> tuple[Array, Array, tuple[str, ...]]:
    """What is regressed out of a run.

    Parameters
    ----------
    recording : with `confounds` among its companions, or without.
    placed : its samples, of which some of the scan may be missing; confounds may be of either.
    confounds : groups, joined by '+'.
    high_pass_s : the shortest period of drift that is removed, in seconds; None: no drift.

    Returns
    -------
    nuisance : (n_times, n_nuisance) confounds, then drift.
    steady : (n_times,) False before magnetisation is steady.
    warnings : a line each.

    Raises
    ------
    DataError : the table has another length or lacks a group's columns.
    """
    n_times = placed.n_scan
    drift = cosine_drift(n_times, 1 / recording.rate_hz, high_pass_s)
    groups, path = groups_of(confounds), recording.companions.get("confounds")
    if path is None:
        warnings = (f"no confounds file: '{confounds}' is not regressed out",) if groups else ()
        return drift, np.ones(n_times, dtype=bool), warnings
    table = read_numbers(path)
    if len(table) == len(placed.rows) < n_times:
        table = table.set_axis(placed.rows).reindex(range(n_times))
    if len(table) != n_times and not groups:
        return drift, np.ones(n_times, dtype=bool), (f"confounds of {len(table)} rows are of another run: not used",)
    if len(table) != n_times:
        raise DataError(f"confounds of {len(table)} rows for {n_times} samples", path, "they are of another run")
    columns = [column for group in groups for column in group_columns(group, table, recording, path).T]
    unsteady = table.filter(regex=r"^non_steady_state_outlier").to_numpy(dtype=float)
    steady = ~(np.nan_to_num(unsteady) > 0).any(axis=1)
    chosen = np.array(columns).reshape(len(columns), n_times).T
    there = np.isin(np.arange(1, n_times), placed.rows)
    holes = int((there & (~np.isfinite(chosen[1:])).any(axis=1)).sum())
    warnings = (f"confounds are missing in {holes} samples: 0 is used",) if holes else ()
    return np.hstack([np.nan_to_num(chosen, posinf=0, neginf=0), drift]), steady, warnings


def group_columns(group: str, table: pd.DataFrame, recording: Recording, path: Path) -> Array:
    """Confounds of one group: as nilearn chooses them, else by their plain names.

    Parameters
    ----------
    group : its name.
    table : all confounds of the run.
    recording : names the image that nilearn starts from.
    path : of the table, for errors.

    Returns
    -------
    (n_times, n_columns).

    Raises
    ------
    DataError : columns are missing.
    """
    names = _nilearn_choice(group, recording, path)
    if names is not None:
        return table[[name for name in table.columns if name in names]].to_numpy(dtype=float)
    missing = [name for name in NEEDED[group] if name not in table.columns]
    if missing:
        raise DataError(f"confounds '{group}' need columns {', '.join(missing)}", path, "choose other confounds")
    if group == "acompcor":
        return table[_numbered(table.columns, "a_comp_cor")[:N_ACOMPCOR]].to_numpy(dtype=float)
    plain = table[list(NEEDED[group])].to_numpy(dtype=float)
    return _expand(plain) if group == "motion24" else plain


def _nilearn_choice(group: str, recording: Recording, path: Path) -> list[str] | None:
    """Columns chosen by nilearn's `load_confounds`; None where its naming rules or the table do not allow it."""
    import warnings

    from nilearn.interfaces.fmriprep import load_confounds

    require_content(path.with_suffix(".json"))  # else nilearn's choice would fail, and another be made
    images = [str(image) for image in recording.paths]
    strategy = STRATEGIES[group]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about strategies we do not use
            table, _ = load_confounds(images if len(images) > 1 else images[0], demean=False, **strategy)
    except (ValueError, KeyError, OSError, IndexError):  # nilearn's, on names, tables and JSON of another form
        return None
    return [name for name in table.columns if not name.startswith("cosine")] or None  # drift is our own


def motion(recording: Recording, n_times: int) -> Array | None:
    """Six motion parameters and their change since the sample before.

    Parameters
    ----------
    recording : with `confounds` among its companions, or without.
    n_times : its samples.

    Returns
    -------
    (n_times, 12), missing numbers 0; None where the recording's confounds do not have them.
    """
    path = recording.companions.get("confounds")
    table = None if path is None else read_numbers(path)
    if table is None or len(table) != n_times or not set(MOTION) <= set(table.columns):
        return None
    return np.nan_to_num(_expand(table[list(MOTION)].to_numpy(dtype=float))[:, : 2 * len(MOTION)], posinf=0, neginf=0)


def _numbered(columns: Iterable[object], stem: str) -> list[str]:
    return sorted(str(name) for name in columns if re.fullmatch(rf"{stem}_\d+", str(name)))


def _expand(motion: Array) -> Array:
    """Six parameters, their backward differences and the squares of both (Friston 1996; fMRIPrep's 24)."""
    change = np.vstack([np.zeros((1, motion.shape[1])), np.diff(motion, axis=0)])
    return np.hstack([motion, change, motion**2, change**2])


def cosine_drift(n_times: int, period_s: float, high_pass_s: float | None) -> Array:
    """Discrete cosines of periods down to `high_pass_s`, without the constant.

    Parameters
    ----------
    n_times : samples.
    period_s : from sample to sample (TR).
    high_pass_s : the shortest period, in seconds; None: none at all.

    Returns
    -------
    (n_times, K), K = ⌊2·n·TR / high_pass_s⌋.
    """
    count = int(2 * n_times * period_s / high_pass_s + 1e-9) if high_pass_s else 0
    orders = np.arange(1, min(count, n_times - 1) + 1)
    return np.cos(np.pi * orders * (np.arange(n_times)[:, None] + 0.5) / n_times)
