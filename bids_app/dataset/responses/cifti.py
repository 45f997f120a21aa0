"""fMRI in CIFTI-2: greyordinates (cortex vertices and voxels) of a dense series, or parcels of a parcellated one."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.errors import DataError
from bids_app.inputs.nifti import open_nifti, require_whole
from bids_app.inputs.opening import open_input, reading
from bids_app.records import Array, Recording, Targets

DENSE, PARCELLATED = ".dtseries.nii", ".ptseries.nii"
CORTEX = ("CIFTI_STRUCTURE_CORTEX_LEFT", "CIFTI_STRUCTURE_CORTEX_RIGHT")
NO_SERIES = "no CIFTI-2 series: a file of samples by greyordinates or parcels is expected"
HEAD_BYTES = 540  # of a NIfTI-2 header
MOST_TAG = 4096  # characters: without a limit, a file of openings alone would be gone through once for each
TAG = re.compile(rf"<MatrixIndicesMap\b[^>]{{0,{MOST_TAG}}}>")
ATTRIBUTE = re.compile(r"(\w{1,64})\s{0,8}=\s{0,8}[\"']([^\"']*)[\"']")
BLOCK_BYTES = 128 * 2**20  # of samples read at a time


def series_clock(path: Path) -> tuple[float, float]:
    """First sample and seconds from sample to sample, as a series axis states them.

    Returns
    -------
    start_s, and period_s: 0 where the axis is not in seconds.

    Raises
    ------
    DataError : the file is damaged or no series.
    """
    said = _series(path)
    if said.get("SeriesUnit", "").upper() != "SECOND":
        return 0.0, 0.0
    with reading(path):
        scale = 10.0 ** int(said["SeriesExponent"])
        return float(said["SeriesStart"]) * scale, float(said["SeriesStep"]) * scale


def header_period_s(path: Path) -> float:
    """Seconds from sample to sample by the series axis; 0 where it is not in seconds. Raises DataError."""
    return series_clock(path)[1]


def count_samples(path: Path) -> int:
    """Number of samples, from the header. Raises DataError."""
    said = _series(path)
    with reading(path):
        return int(said["NumberOfSeriesPoints"])


def _series(path: Path) -> dict[str, str]:
    """Attributes of the series axis: the XML is not parsed, which takes long where it names 91,282 places."""
    import nibabel

    require_whole(path)
    with open_input(path) as file:
        header = nibabel.Nifti2Header(file.read(HEAD_BYTES))
        xml = file.read(max(0, int(header.get_data_offset()) - HEAD_BYTES)).decode(errors="replace")
    tag = next((tag for tag in TAG.findall(xml) if "CIFTI_INDEX_TYPE_SERIES" in tag), None)
    if tag is None:
        raise DataError(NO_SERIES, path)
    return dict(ATTRIBUTE.findall(tag))


def cifti_targets(recording: Recording) -> Targets:
    """Every greyordinate, or every parcel, with the axis that says where each lies.

    Raises
    ------
    DataError : the file is damaged, of another kind than its name says, or names a place twice.
    """
    import nibabel

    path = recording.paths[0]
    _, _, axis = _opened(path)
    dense = isinstance(axis, nibabel.cifti2.BrainModelAxis)
    if dense != path.name.endswith(DENSE):
        raise DataError(f"the file holds {'greyordinates' if dense else 'parcels'}, its name says otherwise", path)
    names = greyordinate_names(axis) if dense else tuple(map(str, axis.name))
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{len(twice)} places stand twice, first {twice[0]}", path)
    columns, xml = np.arange(len(names)), axis_xml(axis)
    if not dense:
        return Targets("parcels", recording.space, names, columns=columns, cifti=xml)
    affine = None if axis.volume_shape is None else np.asarray(axis.affine, dtype=float)
    shape = (*(int(axis.nvertices.get(side, 0)) for side in CORTEX), *(axis.volume_shape or (0, 0, 0)))
    return Targets("greyordinates", recording.space, names, None, shape, affine, columns=columns, cifti=xml)


def cifti_values(path: Path, targets: Targets) -> Array:
    """Values of greyordinates or parcels.

    Parameters
    ----------
    path : a dense or parcellated series.
    targets : of it or of another run, in the order wanted.

    Returns
    -------
    (n_times, n_targets) float32.

    Raises
    ------
    DataError : the file is cut off, or lacks one of them.
    """
    image, series, axis = _opened(path)
    columns = _columns(axis, targets, path)
    values = np.empty((len(series), len(columns)), dtype=np.float32)
    step = max(1, BLOCK_BYTES // (8 * image.shape[1]))
    for start in range(0, len(values), step):
        with reading(path):
            block = np.asarray(image.dataobj[start : start + step])
        values[start : start + step] = block[:, columns]
    return values


def axis_xml(axis: Any) -> str:
    """An axis of nibabel as the element of CIFTI's XML that it is as second axis: equal axes give equal texts."""
    from nibabel import cifti2

    header = cifti2.Cifti2Header.from_axes((cifti2.ScalarAxis([""]), axis)).to_xml().decode()
    return str(header[header.index('<MatrixIndicesMap AppliesToMatrixDimension="1"') : header.index("</Matrix>")])


def _columns(axis: Any, targets: Targets, path: Path) -> Array:
    """Where the targets stand in this file, whose axis may differ from theirs."""
    import nibabel

    own = greyordinate_names(axis) if isinstance(axis, nibabel.cifti2.BrainModelAxis) else tuple(map(str, axis.name))
    if own == targets.names:
        return np.arange(len(own))
    place = {name: number for number, name in enumerate(own)}
    absent = [name for name in targets.names if name not in place]
    if absent:
        raise DataError(f"{len(absent)} of {len(targets.names)} places are not in the file, first {absent[0]}", path)
    return np.array([place[name] for name in targets.names])


def greyordinate_names(axis: Any) -> tuple[str, ...]:
    """`CORTEX_LEFT:vertex` or `THALAMUS_LEFT:i,j,k` of every greyordinate."""
    structures = [name.removeprefix("CIFTI_STRUCTURE_") for name in axis.name.tolist()]
    voxels = [",".join(map(str, voxel)) for voxel in axis.voxel.tolist()]
    rows = zip(structures, axis.surface_mask.tolist(), axis.vertex.tolist(), voxels, strict=True)
    return tuple(f"{name}:{vertex if on_surface else voxel}" for name, on_surface, vertex, voxel in rows)


def _opened(path: Path) -> tuple[Any, Any, Any]:
    """The image, its data still on disk, its series axis and the axis of its columns. Raises DataError."""
    from nibabel import cifti2

    image = open_nifti(path)
    with reading(path):
        axes = (
            [image.header.get_axis(number) for number in range(image.ndim)]
            if isinstance(image, cifti2.Cifti2Image)
            else []
        )
    if len(axes) != 2 or not isinstance(axes[0], cifti2.SeriesAxis):
        raise DataError(NO_SERIES, path)
    if not isinstance(axes[1], cifti2.BrainModelAxis | cifti2.ParcelsAxis):
        raise DataError("its columns are neither greyordinates nor parcels", path)
    sizes = tuple(map(len, axes))
    if image.shape != sizes or 0 in sizes:
        raise DataError(f"data of {image.shape}, but its axes are {sizes[0]} samples by {sizes[1]} columns", path)
    return image, axes[0], axes[1]
