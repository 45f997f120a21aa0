"""Two models of the same responses that no union holds, compared block by block of time: paired differences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from bids_app.encoding.inference.block_losses import ROUNDING, flipped_sums
from bids_app.encoding.inference.flips.signs import draw_signs
from bids_app.encoding.inference.intervals import interval
from bids_app.encoding.inference.multiple_testing import MaxTNull, summarise
from bids_app.records import Array

AT_ONCE = 512  # targets: a constant, so that results repeat
LEAST_EQUAL = 5.3  # blocks: of fewer, 2^5.3 = 40 sign vectors and their opposites, no p is below .05


@dataclass(frozen=True)
class PairedDifference:
    """Of each target (n_targets,): the difference of two models' held-out R², the ends of its 95 % confidence
    interval, p (two-sided) of the target alone, over all targets (max-T), and q (Benjamini–Hochberg). NaN where a
    target is not usable; p is NaN throughout where there are too few blocks."""

    difference: Array
    low: Array
    high: Array
    p: Array
    p_family: Array
    q: Array


def paired_difference(contrast: Array, total: Array, permutations: int, seed: int) -> PairedDifference:
    """R² of one model less that of another, tested by sign flips of blocks.

    A block's difference of losses is as often below zero as above where the two predict equally well, so it may
    change its sign. Blocks are not independent, as each is among what other folds were trained on. By how much is not
    known of models of different fits, so it is taken to be the most it can be, as if each block's error were shared
    by the others: flips are wider, by √2 where there is no difference (twice the variance, as Nadeau & Bengio 2003
    have it), and so is the interval. On null data p ≤ .05 in less than 1 % of targets; plain flips had it in 5 to
    8 % (tests/encoding/comparisons/test_encoding_paired.py).

    Parameters
    ----------
    contrast : (n_blocks, n_targets) gains of the one model less those of the other.
    total : (n_blocks, n_targets) Σ (y − ȳ)².
    permutations : sign vectors beside the data as they are.
    seed : of the draws.
    """
    n_blocks, n_targets = contrast.shape
    stats = np.full((6, n_targets), np.nan)
    usable = np.flatnonzero(np.isfinite(contrast).all(axis=0) & (total.sum(axis=0) > 0))
    signs = torch.as_tensor(draw_signs(n_blocks, permutations, seed), dtype=torch.float64)
    family = MaxTNull()
    for start in range(0, len(usable), AT_ONCE):
        some = usable[start : start + AT_ONCE]
        gains, sums = (torch.as_tensor(np.asarray(each[:, some], np.float64)) for each in (contrast, total))
        tested = torch.where(gains.abs() <= ROUNDING * sums, 0.0, gains)
        # what blocks may share is of what they differ by, not of what they all have
        apart = (tested - tested.mean(dim=0)).square().sum(dim=0) * (n_blocks / max(n_blocks - 1, 1))
        null = flipped_sums(tested, signs, apart).abs()
        family.add(summarise(null))
        stats[0, some] = gains.sum(dim=0) / sums.sum(dim=0)
        stats[1:3, some] = interval(gains, sums)
    if len(usable) and n_blocks >= LEAST_EQUAL:
        found = family.significance()
        stats[3:, usable] = found.p, found.p_family, found.q
    return PairedDifference(*stats)
