"""Which channel of a sound is heard: the one that is stated, the mean of channels that agree, never of others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bids_app.errors import DataError
from bids_app.records import Array

Channel = int | str | None
NAMED = {"left": 1, "right": 2, "centre": 3, "center": 3}  # in the order of WAV files
ALL = ("mean", "mono", "all")
# Of channels with correlation r and equal levels the mean keeps a share (1 + r) / 2 of the power: .95 where r is .9.
AGREE, DISAGREE = 0.9, 0.5
SILENT = 0.01  # of the loudest channel's level (-40 dB): what is only noise of the recorder
LOUD_MINUTE = 0.01  # of the mean power: in more silent minutes channels may differ as they like
FULL_SCALE, LEAST_PEAK = 1.0, 1e-4  # the peak of a sound that is silent lies 80 dB lower
CLIPPED, CLIPPED_SHARE = 0.999, 1e-3
STRIP = 2**14  # samples of each channel that are looked at together


@dataclass(frozen=True)
class Levels:
    """What is known of the channels of a sound once all of it was read.

    Parameters
    ----------
    n_samples : of each channel.
    peak : (n_channels,) largest absolute sample.
    power : (n_channels,) mean square about the mean.
    correlation : (n_channels, n_channels) over the whole sound; NaN where a channel is constant.
    lowest : (n_channels, n_channels) the lowest correlation of a minute in which both are heard.
    clipped : share of samples at full scale, 0…1, of the worst channel.
    finite : whether all samples are numbers.
    """

    n_samples: int
    peak: Array
    power: Array
    correlation: Array
    lowest: Array
    clipped: float
    finite: bool


class Choice(NamedTuple):
    """Channels that are averaged, from 0; None: all of them. And what a person should know."""

    channels: tuple[int, ...] | None
    notes: tuple[str, ...] = ()


def measure(blocks: Iterable[Array]) -> Levels:
    """Levels and correlations of channels, one pass; blocks (n, n_channels) of a minute each."""
    several = [_moments(block) for block in blocks]
    counts = [one.n for one in several]
    finite = all(np.isfinite(one.products).all() for one in several)  # as no square of a float32 is too large
    if not finite or not sum(counts):
        nothing = np.zeros(1)
        return Levels(sum(counts), nothing, nothing, nothing[None], nothing[None], 0.0, finite)
    n, n_samples = np.array(counts, dtype=float), sum(counts)
    first, second = (np.array(moment) for moment in zip(*((one.sums, one.products) for one in several), strict=True))
    whole = second.sum(axis=0) / n_samples - np.outer(first.sum(axis=0), first.sum(axis=0)) / n_samples**2
    power = np.diag(whole).clip(min=0.0)
    minutes = second / n[:, None, None] - first[:, :, None] * first[:, None, :] / n[:, None, None] ** 2
    loud = np.einsum("mcc->mc", minutes) >= LOUD_MINUTE * power
    heard = loud[:, :, None] & loud[:, None, :]
    by_minute = np.where(heard, np.stack([_correlation(minute) for minute in minutes]), np.inf)
    share = float(np.sum([one.n_clipped for one in several], axis=0).max()) / n_samples
    peak = np.max([one.peak for one in several], axis=0)
    return Levels(n_samples, peak, power, _correlation(whole), by_minute.min(axis=0), share, True)


class _Moments(NamedTuple):
    """Of one minute, by channel: sums, sums of products, largest absolute sample, samples at full scale."""

    n: int
    sums: Array
    products: Array
    peak: Array
    n_clipped: Array


def _moments(block: Array) -> _Moments:
    """Of (n, n_channels) samples, a strip at a time that stays in the processor's cache."""
    n_channels = block.shape[1]
    sums, products = np.zeros(n_channels), np.zeros((n_channels, n_channels))
    peak, n_clipped = np.zeros(n_channels), np.zeros(n_channels, dtype=int)
    for start in range(0, len(block), STRIP):
        wide = np.ascontiguousarray(block[start : start + STRIP].T, dtype=np.float64)  # sums along rows are quick
        sums += wide.sum(axis=1)
        products += wide @ wide.T
        highest = np.maximum(wide.max(axis=1), -wide.min(axis=1))
        if (highest >= CLIPPED).any():
            n_clipped += (np.abs(wide) >= CLIPPED).sum(axis=1)
        peak = np.maximum(peak, highest)
    return _Moments(len(block), sums, products, peak, n_clipped)


def _correlation(covariance: Array) -> Array:
    scale = np.sqrt(np.diag(covariance).clip(min=0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(covariance / np.outer(scale, scale))


def choose(levels: Levels, stated: Channel) -> Choice:
    """Which channels are heard.

    The one that is stated. Else channels that agree (r of at least .9, over the whole and .5 in each minute) are
    averaged; channels 40 dB below the loudest are left out. Of channels that agree for the most part (r of .5 or
    more), or are each other's inverse, the first is heard alone, and told: a mean would lose what they have apart.

    Parameters
    ----------
    levels : of the sound.
    stated : a channel's number from 1, or name, or 'mean' for all; None: nothing is stated.

    Raises
    ------
    DataError : there is no such channel; or channels hold different sounds, and nothing says which one was heard.
    """
    n_channels = len(levels.power)
    if stated is not None:
        return Choice(_stated(stated, n_channels))
    level = np.sqrt(levels.power)
    heard = [int(at) for at in np.flatnonzero(level > SILENT * level.max())]
    if n_channels == 1 or not heard:
        return Choice(None)
    silent = [at for at in range(n_channels) if at not in heard]
    notes = (f"channel {' and '.join(str(at + 1) for at in silent)} is silent, and left out",) if silent else ()
    kept = tuple(heard) if silent else None
    if len(heard) == 1:
        return Choice(kept, notes)
    pairs = np.triu_indices(len(heard), 1)
    overall = levels.correlation[np.ix_(heard, heard)][pairs]
    lowest, first = float(overall.min()), heard[0]
    if lowest >= AGREE and levels.lowest[np.ix_(heard, heard)][pairs].min() >= DISAGREE:
        return Choice(kept, notes)
    where = f"r = {lowest:.2f}" if lowest < AGREE else "in single minutes"
    several = ", ".join(str(at + 1) for at in heard)
    told = f"channels {several} differ ({where}) and are not averaged: channel {first + 1} is heard"
    if np.abs(overall).min() >= AGREE or lowest >= DISAGREE:
        return Choice((first,), (*notes, f"{told} (`channel` says which, or 'mean')"))
    advice = "say which was heard: `stimuli: {channel: 1}`, a number, left, right, or mean for all; or in the recipe"
    raise DataError(f"channels hold different sounds (r = {lowest:.2f}), which are never averaged", "", advice)


def _stated(stated: int | str, n_channels: int) -> tuple[int, ...] | None:
    name = str(stated).strip().lower()
    if name in ALL:
        return None
    number = int(name) if name.isdecimal() else NAMED.get(name, 0)
    if not 1 <= number <= n_channels:
        known = f"it has {n_channels}: a number from 1, left, right, centre or mean"
        raise DataError(f"the sound has no channel '{stated}'", "", known)
    return (number - 1,) if n_channels > 1 else None


def quality(levels: Levels) -> tuple[str, ...]:
    """What a person should know of the samples themselves: silent, clipped, or beyond full scale."""
    peak = float(levels.peak.max())
    if peak < LEAST_PEAK:
        return (f"the sound is silent (its largest sample is {peak:.2g} of full scale)",)
    if peak > FULL_SCALE:
        return (f"samples reach {peak:.4g} times full scale: it may hold whole numbers as floats",)
    return (f"{levels.clipped:.1%} of the samples are clipped",) if levels.clipped > CLIPPED_SHARE else ()
