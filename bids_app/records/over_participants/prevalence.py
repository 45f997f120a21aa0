"""In how many people an effect would be found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Prevalence:
    """n_tested participants, of whom n_significant are significant in their own tests; the share of people in whom
    this would be found: the most likely one, its 95 % highest posterior density interval, and the bound above which
    it lies with a posterior probability of .95."""

    n_tested: int
    n_significant: int
    estimate: float
    low: float
    high: float
    bound: float
