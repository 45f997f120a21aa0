"""Participants' values side by side, target by target, and what is said of them without a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from bids_app.records import Array, above_zero

Values = Mapping[str, Mapping[str, Mapping[str, Array]]]  # component → stat → statistic → (n_targets,)


def on_targets(names: Sequence[str], own: Sequence[str], values: Array) -> Array:
    """Values placed on other targets, by name.

    Parameters
    ----------
    names : of the targets wanted, (n_targets).
    own : of those that the values are of, (n_own).
    values : (n_own,).

    Returns
    -------
    (n_targets,), NaN for targets that are not among `own`.
    """
    row = {name: number for number, name in enumerate(names)}
    kept = [(row[name], number) for number, name in enumerate(own) if name in row]
    placed = np.full(len(names), np.nan)
    if kept:
        at, of = np.array(kept).T
        placed[at] = values[of]
    return placed


def participant_statistics(table: Array, stat: str) -> dict[str, Array]:
    """Statistics over participants, target by target.

    Parameters
    ----------
    table : (n_participants, n_targets), NaN where a participant has no value.
    stat : what it is of: means of `r` are taken of Fisher's z and turned back.

    Returns
    -------
    'mean', 'sd' (n − 1), 'n' and 'nPositive', (n_targets,) each; NaN where nobody (sd: fewer than two participants)
    has a value.
    """
    to, back = _scales(stat)
    there = np.isfinite(table)
    n = there.sum(axis=0)
    mean = back(np.where(there, to(np.where(there, table, 0.0)), 0.0).sum(axis=0) / np.where(n, n, np.nan))
    plain_mean = np.where(there, table, 0.0).sum(axis=0) / np.where(n, n, np.nan)
    squares = np.where(there, (table - plain_mean) ** 2, 0.0).sum(axis=0)
    sd = np.sqrt(squares / np.where(n > 1, n - 1, np.nan))
    return {
        "mean": mean,
        "sd": sd,
        "n": n.astype(float),
        "nPositive": above_zero(table).sum(axis=0).astype(float),
    }


def _scales(stat: str) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """To the scale means are taken on, and back."""
    if stat == "r":
        return fisher_z, np.tanh
    return np.asarray, np.asarray


def fisher_z(r: Array) -> Array:
    """Fisher's z of correlations, finite for those of ±1."""
    return np.asarray(np.arctanh(np.clip(r, -0.999999, 0.999999)))
