"""From null distributions to p: per target, family-wise over all targets (max-T), and the false discovery rate.

A null is an array (1 + n_permutations, n_targets) of one statistic, the observed one first. p is the share of its
rows that reach the observed one, which counts itself: (b + 1) / (m + 1). All tests are one-sided: what is not
positive is not significant, and has p = 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import false_discovery_control

from bids_app.records import Array

ROUNDING = 1e-6  # relative: a statistic this near to the observed one counts as equal to it


@dataclass(frozen=True)
class Significance:
    """Of one statistic, (n_targets,) each, NaN where the statistic is.

    Parameters
    ----------
    p : of the target alone.
    p_family : over the family (max-T).
    q : over targets (Benjamini–Hochberg).
    """

    p: Array
    p_family: Array
    q: Array


@dataclass(frozen=True)
class NullSummary:
    """What is kept of a batch's null.

    Parameters
    ----------
    largest : (1 + n_permutations,) of each sign vector the largest studentised statistic over the targets.
    p, scores : (n_targets,) of each target, and its observed statistic, studentised.
    """

    largest: Array
    p: Array
    scores: Array


def summarise(null: torch.Tensor, deviation: torch.Tensor | None = None) -> NullSummary:
    """A batch's null, target by target and over all of them.

    Parameters
    ----------
    null : (1 + n_permutations, n_targets), the observed statistic first.
    deviation : (n_targets,) by which to studentise, the same under every permutation; None: that of each target's
        null.
    """
    scores = studentized(null, deviation)
    known = torch.nan_to_num(scores, nan=-torch.inf) if bool(scores[0].isnan().any()) else scores
    largest = known.amax(dim=1).cpu().numpy()
    observed = torch.where(null[0] <= 0, -torch.inf, scores[0]).cpu().numpy()
    return NullSummary(largest, p_values(null).cpu().numpy(), observed)


class MaxTNull:
    """All targets (and lags) over which one component's claims are made, met batch by batch.

    Every batch must come with the same signs in the same order; then the largest statistic of each, over all
    batches, is exact (Westfall & Young 1993; Nichols & Holmes 2002). Statistics are studentised by the mean and
    deviation of their own null, or by a deviation that is given, so that targets with a wide null do not set the bar
    for all.
    """

    def __init__(self) -> None:
        self._p: list[Array] = []
        self._scores: list[Array] = []
        self._largest: Array | None = None

    def add(self, batch: NullSummary) -> None:
        """The next batch."""
        # maxima of batches are combined
        self._largest = batch.largest if self._largest is None else np.maximum(self._largest, batch.largest)
        self._p.append(batch.p)
        self._scores.append(batch.scores)

    def summary(self) -> NullSummary:
        """All batches as one, for another family to add. Raises ValueError where there was none."""
        if self._largest is None:
            raise ValueError("no target was tested")
        return NullSummary(self._largest, np.concatenate(self._p), np.concatenate(self._scores))

    def significance(self) -> Significance:
        """Of all targets met, in their order. Raises ValueError where none was."""
        met = self.summary()
        return Significance(met.p, family_wise(met.largest, met.scores), fdr(met.p))


def family_wise(largest: Array, scores: Array) -> Array:
    """The share of sign vectors whose largest statistic is no smaller than a target's own.

    Parameters
    ----------
    largest : (1 + n_permutations,) of each sign vector.
    scores : (n_targets,) observed, comparable between targets.

    Returns
    -------
    (n_targets,), NaN where a score is.
    """
    ordered = np.sort(largest)
    reached = len(ordered) - np.searchsorted(ordered, scores - ROUNDING * np.abs(scores), side="left")
    return np.where(np.isnan(scores), np.nan, reached / len(ordered))


def p_values(null: torch.Tensor) -> torch.Tensor:
    """One-sided p of each target: (b + 1) / (m + 1).

    Parameters
    ----------
    null : (1 + n_permutations, n_targets), the observed statistic first.

    Returns
    -------
    (n_targets,) float64; 1 where the observed statistic is not positive, NaN where it is NaN.
    """
    observed = null[0]
    # ones and zeros as the null's own numbers: sums of truth values take four times as long
    reached = torch.ge(null, observed - ROUNDING * observed.abs(), out=torch.empty_like(null))
    p = reached.sum(dim=0).double() / len(null)
    p = torch.where(observed <= 0, 1.0, p)
    return torch.where(observed.isnan(), torch.nan, p)


def studentized(null: torch.Tensor, deviation: torch.Tensor | None = None) -> torch.Tensor:
    """The null less its mean over permutations, by a deviation; 0 where nothing varies.

    The observed statistic is included in mean and deviation, so that it remains exchangeable with the others.

    Parameters
    ----------
    null : (1 + n_permutations, n_targets).
    deviation : (n_targets,); None: that of each target's null.
    """
    centred = null - null.mean(dim=0)
    own = centred.square().mean(dim=0).sqrt()
    varies = own > ROUNDING * torch.maximum(null.amax(dim=0), -null.amin(dim=0))
    divisor = own if deviation is None else deviation
    return centred.mul_(torch.where(varies | own.isnan(), 1 / divisor, 0.0))


def fdr(p: Array) -> Array:
    """q of Benjamini & Hochberg (1995) over the finite p; NaN elsewhere."""
    q = np.full(p.shape, np.nan)
    finite = np.isfinite(p)
    if finite.any():
        q[finite] = false_discovery_control(p[finite])
    return q
