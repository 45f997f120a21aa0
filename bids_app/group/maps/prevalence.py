"""In how many people an effect would be found: Bayesian population prevalence (Ince, Paton, Kay & Schyns 2021, eLife
10:e62461).

Of n participants k are significant in their own tests at the level α. A participant with an effect is found with the
power b, one without with the rate α: θ = α + (b − α) γ, γ the prevalence, and k is binomial. b is taken to be 1, so
that γ is the share of people in whom an experiment like this one would find the effect, which is no more than the
share who have it. α is the family-wise level: the rate for one target is lower, which makes γ smaller, not larger.
The prior of γ is uniform; the posterior of θ is Beta(k + 1, n − k + 1) between α and 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaincc, betainccinv

from bids_app.records import Array, WrittenUnit
from bids_app.records.over_participants.prevalence import Prevalence

CREDIBLE = 0.95
STATISTICS = ("nTested", "nSignificant", "prevalence", "prevalenceLow", "prevalenceHigh", "prevalenceBound")


def prevalence_of(n_significant: int, n_tested: int, level: float) -> Prevalence:
    """What so many significant participants say of people.

    Parameters
    ----------
    n_significant, n_tested : participants, 0 ≤ n_significant ≤ n_tested, n_tested > 0.
    level : rate of false positives of each one's test, 0 < level < 1.
    """
    a, b = n_significant + 1.0, n_tested - n_significant + 1.0
    most_likely = max(n_significant / n_tested, level)
    above = float(betaincc(a, b, level))  # of θ without the limits

    def with_above(share: float) -> float:
        """The θ above which this share of the posterior lies."""
        return float(betainccinv(a, b, share * above))

    def upper(low: float) -> float:
        """The θ up to which CREDIBLE of the posterior lies, from `low` on."""
        return float(betainccinv(a, b, max(0.0, float(betaincc(a, b, low)) - CREDIBLE * above)))

    def density(theta: float) -> float:
        """Of the posterior, relative to that of the most likely θ."""
        logs = [(a - 1) * np.log(one) + (b - 1) * np.log1p(-one) if one < 1 else 0.0 for one in (theta, most_likely)]
        return float(np.exp(logs[0] - logs[1])) if theta < 1 else 0.0

    bound = with_above(CREDIBLE)
    if n_significant == n_tested:
        low, high = bound, 1.0
    elif most_likely == level or density(level) >= density(upper(level)):
        low, high = level, upper(level)
    else:
        low = float(brentq(lambda theta: density(theta) - density(upper(theta)), level, bound))
        high = upper(low)
    scaled = [float(np.clip((theta - level) / (1 - level), 0, 1)) for theta in (most_likely, low, high, bound)]
    return Prevalence(n_tested, n_significant, *scaled)


def prevalence_maps(family: Array, level: float) -> dict[str, Array]:
    """Prevalence target by target.

    Parameters
    ----------
    family : (n_participants, n_targets) family-wise p of participants' own tests; NaN where one was not tested.
    level : at which they count.

    Returns
    -------
    Each of `STATISTICS` (n_targets,): participants tested and significant; the most likely prevalence, the ends of
    its 95 % highest posterior density interval, and what it is above with a posterior probability of .95. NaN where
    nobody was tested, of the number tested 0.
    """
    n_tested, n_significant = np.isfinite(family).sum(axis=0), (family <= level).sum(axis=0)
    pairs, which = np.unique(np.stack([n_significant, n_tested]), axis=1, return_inverse=True)
    found = np.full((len(STATISTICS), pairs.shape[1]), np.nan)
    found[0] = pairs[1]
    for column, (k, n) in enumerate(pairs.T):
        if n:
            one = prevalence_of(int(k), int(n), level)
            found[:, column] = one.n_tested, one.n_significant, one.estimate, one.low, one.high, one.bound
    return dict(zip(STATISTICS, found[:, which.ravel()], strict=True))


def counts(unit: WrittenUnit) -> bool:
    """Whether a participant's own p hold, so that they have the rate of false positives that prevalence takes."""
    return not (unit.summary.has_unreliable_p or unit.summary.has_no_p)


def prevalence_anywhere(members: Sequence[WrittenUnit], labels: Sequence[str], level: float) -> dict[str, Prevalence]:
    """Of each component, in how many people it would be found in some target or other, whichever it is.

    The family-wise p of participants' own tests has just this rate of false positives.

    Parameters
    ----------
    members : units of a group, one a participant; those whose p do not hold are left out.
    labels : of components.
    level : at which participants' targets were counted as significant.

    Returns
    -------
    Label → prevalence; a component that nobody was tested for is left out.
    """
    found = {}
    for label in labels:
        summaries = [unit.summary.components.get(label) for unit in members if counts(unit)]
        tested = [one.significant for one in summaries if one is not None and one.significant is not None]
        if tested:
            found[label] = prevalence_of(sum(one.pfwe > 0 for one in tested), len(tested), level)
    return found
