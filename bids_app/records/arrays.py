"""The types that records are made of, and when a score counts as above 0."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Modality = Literal["fmri", "ieeg"]
TargetKind = Literal["volume", "surface", "greyordinates", "parcels", "electrodes", "array"]

NO_DIFFERENCE = (
    1e-6  # of R² and r: what rounding leaves of sums lies nearer to 0, on either side as the machine has it
)


def above_zero(values: Array) -> Array:
    """Which scores are above 0 by more than rounding, so that a count of them is the same on every machine.

    Parameters
    ----------
    values : R² or r, of any shape; NaN is not above 0.

    Returns
    -------
    bool, of the same shape.
    """
    return np.asarray(np.asarray(values) > NO_DIFFERENCE)
