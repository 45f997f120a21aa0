"""How much of a response could be predicted at all: from repeats of a stimulus, or from other participants who heard
it.

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
class NoiseCeiling:
    """A noise ceiling, (n_targets,) each; NaN where it is not known.

    Parameters
    ----------
    explainable : explainable variance of a single trial, unbiased and so perhaps below zero.
    low, high : the ends of its 95 % confidence interval.
    cc_max : the highest correlation of a single trial with any prediction; NaN where the explainable variance is not
        above zero.
    """

    explainable: Array
    low: Array
    high: Array
    cc_max: Array

    @property
    def reliable(self) -> Array:
        """(n_targets,) bool: above zero beyond its interval."""
        return np.asarray(self.low > 0)


def noise_ceiling_of_trials(trials: Sequence[Array], block: int, seed: int = 0) -> NoiseCeiling:
    """Noise ceiling from repeats of stimuli.

    Signal power is the mean covariance of pairs of repeats, total power their mean variance (Sahani & Linden 2003;
    Schoppe et al. 2016); both are pooled over stimuli, by samples.

    Parameters
    ----------
    trials : (n_repeats, n_times, n_targets) of each stimulus heard at least twice, responses on common samples.
    block : samples of a block; intervals draw blocks with replacement.
    seed : of the draws.

    Raises
    ------
    ValueError
        Without repeats.
    """
    if not trials or any(len(repeats) < 2 for repeats in trials):
        raise ValueError("a noise ceiling needs stimuli that were heard at least twice")
    labels = _stacked([np.arange(repeats.shape[1]) // block for repeats in trials])
    powers = (np.concatenate(parts) for parts in zip(*(_powers(repeats) for repeats in trials), strict=True))
    return _ceiling([_by_block(power, labels) for power in powers], _signal_share, seed)


def _signal_share(signal: Array, total: Array) -> Array:
    return signal / total


def _powers(trials: Array) -> tuple[Array, Array]:
    """(n_times, n_targets) each: what every sample adds to signal and total power, with the loss of each repeat's
    mean made good (n / (n − 1))."""
    R, n = trials.shape[:2]
    centred = trials - trials.mean(axis=1, keepdims=True)
    square = np.square(centred).sum(axis=0)
    # Σ over pairs of different repeats of their product: (Σ r)² − Σ r²
    signal = (np.square(centred.sum(axis=0)) - square) / (R * (R - 1))
    return signal * n / (n - 1), square / R * n / (n - 1)


def inter_subject_noise_ceiling(responses: Sequence[Array], block: int, seed: int = 0) -> list[NoiseCeiling]:
    """Noise ceiling of each participant from the others who heard the same.

    The share of a participant's variance that is a signal of the others: products of the covariances with two others,
    less their own sampling covariance, over the covariance of these two, both summed over all pairs, and over the
    participant's variance. How strong the signal is may differ between participants. What a stimulus decides in one
    participant alone is not in it.

    Parameters
    ----------
    responses : (n_times, n_targets) of each of at least three participants, on common samples and targets.
    block : samples of a block; intervals draw blocks with replacement.
    seed : of the draws.

    Returns
    -------
    One a participant. NaN where what the others have in common is not above zero beyond its interval: a ratio to it
    has no mean.

    Raises
    ------
    ValueError
        For fewer than three participants.
    """
    if len(responses) < 3:
        raise ValueError("a noise ceiling from others needs at least three participants")
    everyone = np.stack([response - response.mean(axis=0) for response in responses])
    labels = np.arange(everyone.shape[1]) // block
    summed, squares = everyone.sum(axis=0), np.square(everyone).sum(axis=0)
    ceilings = []
    for number, own in enumerate(everyone):
        others = np.delete(everyone, number, axis=0)
        # Σ over pairs of different others of their product: (Σ o)² − Σ o²
        pairs = np.square(summed - own) - (squares - np.square(own))
        covariances = np.stack([_by_block(own * other, labels) for other in others], axis=1)
        count = len(covariances)
        # the sampling covariance of two others' sums, from how they covary between blocks
        spread = _pairs(covariances - covariances.mean(axis=0)).sum(axis=0) * count / max(count - 1, 1)
        common = _by_block(pairs, labels)
        sums = [covariances, common, _by_block(np.square(own), labels)]
        # a ratio to what is not above zero beyond its interval has no mean
        known = np.percentile(_drawn(len(common), seed) @ common, 2.5, axis=0) > 0
        ceilings.append(_ceiling(sums, partial(_signal_of_others, np.where(known, spread, np.nan)), seed))
    return ceilings


def _signal_of_others(spread: Array, covariances: Array, common: Array, total: Array) -> Array:
    return np.asarray((_pairs(covariances) - spread) / (common * total))


def _pairs(covariances: Array) -> Array:
    """(…, n_others, n_targets) → the sum of products of all pairs of different others (…, n_targets)."""
    return np.asarray(np.square(covariances.sum(axis=-2)) - np.square(covariances).sum(axis=-2))


def _stacked(labels: Sequence[Array]) -> Array:
    """Labels of several stretches, one after another, none in two."""
    starts = np.cumsum([0, *(int(each.max()) + 1 for each in labels)])
    return np.concatenate([each + start for each, start in zip(labels, starts, strict=False)])


def _by_block(values: Array, labels: Array) -> Array:
    """(n_times, n_targets) and ascending labels → sums (n_blocks, n_targets)."""
    return np.asarray(np.add.reduceat(values, np.flatnonzero(np.diff(labels, prepend=-1)), axis=0))


def _ceiling(sums: Sequence[Array], ratio: Callable[..., Array], seed: int) -> NoiseCeiling:
    """`ratio` of sums over all blocks (n_blocks, …, n_targets); its interval by drawing blocks."""
    drawn = _drawn(len(sums[0]), seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        explainable = ratio(*(each.sum(axis=0) for each in sums))
        low, high = np.percentile(ratio(*(np.tensordot(drawn, each, 1) for each in sums)), [2.5, 97.5], axis=0)
        cc_max = np.sqrt(np.where(explainable > 0, explainable, np.nan))
    return NoiseCeiling(explainable, low, high, cc_max)


def _drawn(count: int, seed: int) -> Array:
    """(DRAWS, count): how often each block is drawn."""
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=DRAWS).astype(float)


def share(scores: Array, ceiling: NoiseCeiling) -> Array:
    """Scores as shares of the noise ceiling.

    Parameters
    ----------
    scores : (n_targets,) rsquared.
    ceiling : of the same targets.

    Returns
    -------
    (n_targets,); NaN where the ceiling is not above zero beyond its interval.
    """
    return np.asarray(
        np.where(ceiling.reliable, scores / np.where(ceiling.reliable, ceiling.explainable, 1.0), np.nan)
    )
