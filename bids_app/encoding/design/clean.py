"""Responses without confounds and drift, in units of their standard deviation within a run; and the nuisance itself,
which features lose too (Frisch & Waugh 1933, Econometrica 1:387; Lovell 1963, JASA 58:993)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from bids_app.encoding.errors import CannotFit
from bids_app.records import Array

DEAD = 1e-6  # what varies by less than this share of its magnitude is rounding, not signal


def clean(values: Array, nuisance: Array, keep: Array, standardize: Literal["run", "none"]) -> Array:
    """Responses of one run without nuisance, in units of their standard deviation.

    On the kept samples a constant and the nuisance are regressed out by least squares.

    Parameters
    ----------
    values : (n_times, n_targets) responses.
    nuisance : (n_times, n_nuisance) confounds and drift.
    keep : (n_times,) bool, samples that are used.
    standardize : `run` divides by the standard deviation over the kept samples.

    Returns
    -------
    (n_keep, n_targets) float32. A target that is constant, or not finite somewhere, is NaN throughout.

    Raises
    ------
    CannotFit
        Where no sample is kept.
    """
    if not np.any(keep):
        raise CannotFit("no sample is left to use", "leave out the recording, or fewer of its samples")
    kept = np.asarray(values[keep], dtype=np.float64)
    alive = np.isfinite(kept).all(axis=0)
    kept[:, ~alive] = 0.0
    magnitude = np.abs(kept).max(axis=0)
    kept -= kept.mean(axis=0)
    basis = nuisance_basis(nuisance, keep)
    kept -= basis @ (basis.T @ kept)
    deviation = kept.std(axis=0)
    alive &= deviation > DEAD * magnitude
    if standardize == "run":
        kept /= np.where(alive, deviation, 1.0)
    kept[:, ~alive] = np.nan
    return kept.astype(np.float32)


def nuisance_basis(nuisance: Array, keep: Array) -> Array:
    """What `clean` regresses out of a run, as orthonormal columns.

    Parameters
    ----------
    nuisance : (n_times, n_nuisance) confounds and drift.
    keep : (n_times,) bool, samples that are used.

    Returns
    -------
    (n_keep, q): the constant, then directions of the nuisance whose singular values are above rounding.
    """
    regressors = _unit_scale(np.asarray(nuisance, dtype=np.float64)[keep])
    constant = np.full((len(regressors), 1), len(regressors) ** -0.5)
    if not regressors.shape[1]:
        return constant
    directions, sizes, _ = np.linalg.svd(regressors, full_matrices=False)
    rounding = np.finfo(np.float64).eps * max(regressors.shape)
    return np.hstack([constant, directions[:, sizes > rounding * sizes[0]]])


def mean_basis(bases: Sequence[Array]) -> Array:
    """B such that X − B B'X is the mean over participants of X less each one's nuisance.

    What everybody's nuisance holds goes entirely, what one of n participants' holds loses one n-th.

    Parameters
    ----------
    bases : (n_times, q) orthonormal columns of each participant, on the same samples.

    Returns
    -------
    (n_times, at most n_times).
    """
    together = np.hstack(bases) / np.sqrt(len(bases))
    directions, sizes, _ = np.linalg.svd(together, full_matrices=False)
    return np.asarray(directions * sizes)


def _unit_scale(columns: Array) -> Array:
    """Centred to unit variance, for the rank to be judged fairly; constant columns left out."""
    centred = columns - columns.mean(axis=0)
    scale = centred.std(axis=0)
    varies = scale > DEAD * np.abs(columns).max(axis=0)
    return np.asarray(centred[:, varies] / scale[varies])
