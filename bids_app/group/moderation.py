"""Deviations of few participants' values, steadied by those of all targets (Smyth 2004, Stat. Appl. Genet. Mol. Biol.
3:3).

A deviation known from a dozen participants is itself uncertain, and the largest statistic over many targets is then
one whose deviation came out small. Where values are skewed downwards that happens just where the mean came out high.
So each target's variance is drawn towards what is usual among targets, the more the less these differ beyond chance.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import digamma, polygamma

from bids_app.records import Array

WIDEST = 1e-6, 1e9  # halves of a prior's degrees of freedom: where trigamma is inverted


def moderated_deviation(table: Array) -> Array:
    """Deviation of the mean over participants where every participant's sign is as likely as its opposite.

    Squares about zero do not change with signs, so what is made of them is the same under every flip.

    Parameters
    ----------
    table : (n_participants, n_targets), NaN where a participant has no value.

    Returns
    -------
    (n_targets,), above zero where several targets have values that are not all zero; NaN where nobody has a value.
    """
    return moderated(*variance_about_zero(table))


def variance_about_zero(table: Array) -> tuple[Array, Array]:
    """Mean square over participants, and how many they are, (n_targets,) each; NaN where nobody has a value.

    Parameters
    ----------
    table : (n_participants, n_targets), NaN where a participant has no value.
    """
    there = np.isfinite(table)
    n = np.where(there.any(axis=0), there.sum(axis=0), np.nan)
    return (np.where(there, table, 0.0) ** 2).sum(axis=0) / n, n


def moderated(variance: Array, n: Array) -> Array:
    """Deviation of the mean over participants, each target's variance drawn towards those of all.

    Parameters
    ----------
    variance, n : (n_targets,) of all targets, as `variance_about_zero` gives them.

    Returns
    -------
    (n_targets,), as of `moderated_deviation`.
    """
    known = np.isfinite(variance) & (variance > 0)
    if known.sum() < 2:
        return np.asarray(np.sqrt(variance / n))
    prior_n, prior = prior_variance(variance[known], n[known])
    if np.isinf(prior_n):
        return np.asarray(np.sqrt(prior / n))  # that of all
    return np.asarray(np.sqrt((prior_n * prior + n * variance) / (prior_n + n) / n))


def prior_variance(variance: Array, n: Array) -> tuple[float, float]:
    """The distribution of true variances over targets, a scaled inverse χ², by the moments of log variances.

    Parameters
    ----------
    variance : (n_targets,) estimates, above zero.
    n : (n_targets,) degrees of freedom of each.

    Returns
    -------
    Its degrees of freedom, infinite where targets differ no more than chance makes them, and its scale, a variance.
    """
    logs = np.log(variance) - digamma(n / 2) + np.log(n / 2)
    beyond_chance = float(logs.var(ddof=1) - polygamma(1, n / 2).mean())
    if beyond_chance <= polygamma(1, WIDEST[1]):
        return np.inf, float(variance.mean())
    half = brentq(lambda x: polygamma(1, x) - beyond_chance, *WIDEST)
    return 2 * half, float(np.exp(logs.mean() + digamma(half) - np.log(half)))
