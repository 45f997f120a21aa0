"""How much of a response could be predicted at all: from repeats of a stimulus, or from other people who heard it.

A ceiling is of `rsquared` of single trials: the share of a trial's variance that its stimulus decides. Scores may be
divided by it where it is reliably above zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from bids_app.records import Array

DRAWS = 1000


@dataclass(frozen=True)
class Ceiling:
    """(n_targets,) each: explainable variance of a single trial, unbiased and so perhaps below zero; the 2.5 and
    97.5 % limits of it; and CCmax, the highest correlation of a single trial with any prediction, NaN where the
    explainable variance is not above zero. All are NaN where it cannot be told."""

    explainable: Array
    low: Array
    high: Array
    cc_max: Array

    @property
    def reliable(self) -> Array:
        """(n_targets,) bool: above zero beyond its interval."""
        return np.asarray(self.low > 0)


def noise_ceiling_of_trials(trials: Sequence[Array], block: int, seed: int = 0) -> Ceiling:
    """trials: one array (n_repeats, n_times, n_targets) a stimulus heard at least twice, responses on common samples.

    Signal power is the mean covariance of pairs of repeats, total power their mean variance (Sahani & Linden 2003;
    Schoppe et al. 2016); both are pooled over stimuli, by samples. Intervals draw blocks of `block` samples with
    replacement. Raises ValueError without repeats.
    """
    if not trials or any(len(one) < 2 for one in trials):
        raise ValueError("a ceiling needs stimuli that were heard at least twice")
    labels = _stacked([np.arange(one.shape[1]) // block for one in trials])
    powers = (np.concatenate(parts) for parts in zip(*(_powers(one) for one in trials), strict=True))
    return _ceiling([_by_block(one, labels) for one in powers], _signal_share, seed)


def _signal_share(signal: Array, total: Array) -> Array:
    return signal / total


def _powers(trials: Array) -> tuple[Array, Array]:
    """(n_times, n_targets) each: what every sample adds to signal and total power, with the loss of each repeat's
    mean made good (n / (n − 1))."""
    R, n = trials.shape[:2]
    centred = trials - trials.mean(axis=1, keepdims=True)
    square = np.square(centred).sum(axis=0)
    signal = (np.square(centred.sum(axis=0)) - square) / (R * (R - 1))
    return signal * n / (n - 1), square / R * n / (n - 1)


def inter_subject_noise_ceiling(responses: Sequence[Array], block: int, seed: int = 0) -> list[Ceiling]:
    """responses: (n_times, n_targets) of each of at least three people, on common samples and targets.

    For each person the share of their variance that is a signal of the others: products of the covariances with two
    others, less their own sampling covariance, over the covariance of these two, both summed over all pairs, and over
    the person's variance. How strong the signal is may differ from person to person. What a stimulus decides in one
    person alone is not in it. NaN where what the others have in common is not above zero beyond its interval: a
    ratio to it has no mean. Raises ValueError for fewer than three people.
    """
    if len(responses) < 3:
        raise ValueError("a ceiling between people needs at least three")
    everyone = np.stack([one - one.mean(axis=0) for one in responses])
    labels = np.arange(everyone.shape[1]) // block
    summed, squares = everyone.sum(axis=0), np.square(everyone).sum(axis=0)
    found = []
    for number, mine in enumerate(everyone):
        others = np.delete(everyone, number, axis=0)
        pairs = np.square(summed - mine) - (squares - np.square(mine))
        covariances = np.stack([_by_block(mine * other, labels) for other in others], axis=1)
        count = len(covariances)
        spread = _pairs(covariances - covariances.mean(axis=0)).sum(axis=0) * count / max(count - 1, 1)
        common = _by_block(pairs, labels)
        sums = [covariances, common, _by_block(np.square(mine), labels)]
        known = np.percentile(_drawn(len(common), seed) @ common, 2.5, axis=0) > 0
        found.append(_ceiling(sums, partial(_signal_of_others, np.where(known, spread, np.nan)), seed))
    return found


def _signal_of_others(spread: Array, covariances: Array, common: Array, total: Array) -> Array:
    return np.asarray((_pairs(covariances) - spread) / (common * total))


def _pairs(covariances: Array) -> Array:
    """(…, n_others, n_targets) → the sum of products of all pairs of different others (…, n_targets)."""
    return np.asarray(np.square(covariances.sum(axis=-2)) - np.square(covariances).sum(axis=-2))


def _stacked(labels: Sequence[Array]) -> Array:
    """Labels of several stretches, one after another, none in two."""
    starts = np.cumsum([0, *(int(one.max()) + 1 for one in labels)])
    return np.concatenate([one + start for one, start in zip(labels, starts, strict=False)])


def _by_block(values: Array, labels: Array) -> Array:
    """(n_times, n_targets) and ascending labels → sums (n_blocks, n_targets)."""
    return np.asarray(np.add.reduceat(values, np.flatnonzero(np.diff(labels, prepend=-1)), axis=0))


def _ceiling(sums: Sequence[Array], ratio: Callable[..., Array], seed: int) -> Ceiling:
    """`ratio` of sums over all blocks (n_blocks, …, n_targets); its interval by drawing blocks."""
    drawn = _drawn(len(sums[0]), seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        explainable = ratio(*(one.sum(axis=0) for one in sums))
        low, high = np.percentile(ratio(*(np.tensordot(drawn, one, 1) for one in sums)), [2.5, 97.5], axis=0)
        cc_max = np.sqrt(np.where(explainable > 0, explainable, np.nan))
    return Ceiling(explainable, low, high, cc_max)


def _drawn(count: int, seed: int) -> Array:
    """(DRAWS, count): how often each block is drawn."""
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=DRAWS).astype(float)


def share(scores: Array, ceiling: Ceiling) -> Array:
    """scores (n_targets,) of `rsquared` as shares of the ceiling, NaN where that is not reliably above zero."""
    return np.asarray(
        np.where(ceiling.reliable, scores / np.where(ceiling.reliable, ceiling.explainable, 1.0), np.nan)
    )
