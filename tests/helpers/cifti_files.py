"""Small CIFTI-2 files with known numbers, and made-up targets that lie on their axes."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
from nibabel import cifti2

from bids_app.dataset.responses.cifti import cifti_targets
from bids_app.records import Recording, Targets

AFFINE = np.array([[-2.0, 0, 0, 90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]])
GRID = (91, 109, 91)


def dense_axis(n_left: int = 3, n_right: int = 2, n_vertices: int = 32492) -> cifti2.BrainModelAxis:
    """Every tenth vertex from 10 on of the left, from 5 on of the right cortex, and four voxels of two structures."""
    left = cifti2.BrainModelAxis.from_surface(10 + 10 * np.arange(n_left), n_vertices, "CortexLeft")
    right = cifti2.BrainModelAxis.from_surface(5 + 10 * np.arange(n_right), n_vertices, "CortexRight")
    boxes = []
    for name, first in (("thalamus_left", 50), ("putamen_right", 30)):
        mask = np.zeros(GRID, dtype=bool)
        mask[first, 55, 35:37] = True
        boxes.append(cifti2.BrainModelAxis.from_mask(mask, name=name, affine=AFFINE))
    return left + right + boxes[0] + boxes[1]


def parcel_axis() -> cifti2.ParcelsAxis:
    """Two parcels of vertices and one of voxels."""
    return cifti2.ParcelsAxis(
        ["LH_Aud", "RH_Aud", "Thal"],
        [np.empty((0, 3), int), np.empty((0, 3), int), np.array([[50, 55, 35], [50, 55, 36]])],
        [
            {"CIFTI_STRUCTURE_CORTEX_LEFT": np.array([1, 2, 3])},
            {"CIFTI_STRUCTURE_CORTEX_RIGHT": np.array([4, 9])},
            {},
        ],
        AFFINE,
        GRID,
        {"CIFTI_STRUCTURE_CORTEX_LEFT": 32492, "CIFTI_STRUCTURE_CORTEX_RIGHT": 32492},
    )


def write_series(path: Path, axis: object, values: np.ndarray, **series: object) -> Path:
    """A series of `values` (n_times, n_columns), every 2 s unless `step` and `unit` say otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    step, unit = series.get("step", 2.0), series.get("unit", "SECOND")
    time = cifti2.SeriesAxis(series.get("start", 0.0), step, len(values), unit)
    header = cifti2.Cifti2Header.from_axes((time, axis))
    nibabel.save(cifti2.Cifti2Image(values.astype(np.float32), header), path)
    return path


def targets_on(folder: Path, axis: object, space: str) -> Targets:
    """Targets of a series on an axis."""
    parcels = isinstance(axis, cifti2.ParcelsAxis)
    path = folder / f"x.{'p' if parcels else 'd'}tseries.nii"
    write_series(path, axis, np.zeros((2, len(axis))))
    kind = "parcels" if parcels else "greyordinates"
    return cifti_targets(Recording("01", "fmri", kind, space, {}, (path,), 0.5, 0.0, ()))
