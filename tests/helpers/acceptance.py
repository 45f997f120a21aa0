"""How well results recover the planted truth: the arithmetic of the demo's acceptance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import linregress

from bids_app.outputs.report.unit.planted import FEWEST, LEAST_SD
from bids_app.records import Array

PLANTED = 0.02  # a component is planted where its true rsquared is above this; smaller parts are not recovered (docs)
__all__ = ["FEWEST", "SPREAD", "recovery"]
SPREAD = LEAST_SD  # of planted values, from which on slope and correlation are judged, of three targets too


@dataclass(frozen=True)
class Recovery:
    """One component: over its n planted targets, and the mean over noise-only targets.

    Parameters
    ----------
    n : planted targets.
    planted : median R² planted.
    spread : standard deviation of the planted R².
    error : median absolute error of R².
    slope : of recovered on planted R².
    slope_error : its standard error.
    r : their correlation.
    noise : mean R² of noise-only targets.
    """

    n: int
    planted: float
    spread: float
    error: float
    slope: float
    slope_error: float
    r: float
    noise: float

    @property
    def error_allowed(self) -> float:
        """0.06, or a quarter of what is planted where that is more."""
        return max(0.06, self.planted / 4)


def recovery(planted: Mapping[str, Array], recovered: Mapping[str, Array]) -> dict[str, Recovery]:
    """How well each component is recovered.

    Parameters
    ----------
    planted, recovered : {component: (n_targets,)} over the same targets; NaN recovered values are left out.
    """
    noise_only = np.abs(planted["full"]) < 1e-9
    return {name: _of_component(planted[name], recovered[name], noise_only) for name in planted}


def _of_component(planted: Array, recovered: Array, noise_only: Array) -> Recovery:
    there = np.isfinite(recovered)
    chosen = there & (planted > PLANTED)
    true, estimated = planted[chosen], recovered[chosen]
    spread = float(true.std()) if len(true) else 0.0
    varies = len(true) > 2 and spread > 1e-9 and estimated.std() > 0
    fitted = linregress(true, estimated) if varies else None
    return Recovery(
        n=len(true),
        planted=float(np.median(true)) if len(true) else 0.0,
        spread=spread,
        error=float(np.median(np.abs(estimated - true))) if len(true) else 0.0,
        slope=float(fitted.slope) if fitted else float("nan"),
        slope_error=float(fitted.stderr) if fitted else float("nan"),
        r=float(fitted.rvalue) if fitted else float("nan"),
        noise=float(recovered[there & noise_only].mean()) if (there & noise_only).any() else 0.0,
    )
