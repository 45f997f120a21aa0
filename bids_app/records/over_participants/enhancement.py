"""How maps over participants were enhanced by the support of neighbours (TFCE)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Enhancement:
    """A target is given the sum over heights h, `step` apart, of e^extent_power · h^height_power · step, where e is
    how many targets hang together with it above h.

    Parameters
    ----------
    neighbours : which targets are neighbours, in words.
    software : what sums, with its version.
    """

    extent_power: float
    height_power: float
    step: float
    neighbours: str
    software: str
