"""What each solver can do: stated once, asked by settings, pipeline, group level and reports alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

SolverName = Literal["ridge", "banded_ridge", "chen2024"]


@dataclass(frozen=True)
class SolverCapabilities:
    """What a solver offers.

    fits_in_folds : whether what is fitted in training folds (layers, residuals, a shared subspace, the baseline) and
        the inference built on refits are possible. searches_bands : whether every feature space has a weight of its
        own. signed_rsquared : whether scores are held-out R², which may be negative; else the published code's score.
    """

    fits_in_folds: bool = True
    searches_bands: bool = False
    signed_rsquared: bool = True

    @property
    def biases_shared_parts(self) -> bool:
        """Whether one penalty for several spaces makes shared parts too large, so that none of their p holds."""
        return self.signed_rsquared and not self.searches_bands


SOLVERS: Mapping[SolverName, SolverCapabilities] = MappingProxyType(
    {
        "ridge": SolverCapabilities(),
        "banded_ridge": SolverCapabilities(searches_bands=True),
        "chen2024": SolverCapabilities(fits_in_folds=False, signed_rsquared=False),
    }
)
