"""The types that records are made of."""

from __future__ import annotations

from typing import Any, Literal

from numpy.typing import NDArray

Array = NDArray[Any]
Modality = Literal["fmri", "ieeg"]
TargetKind = Literal["volume", "surface", "greyordinates", "parcels", "electrodes", "array"]
