"""What reads a recording, by the format of its files: the one place that knows all formats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bids_app.dataset.files.candidates import ARRAYS
from bids_app.dataset.responses import cifti, hdf5, parcels, surfaces, volumes
from bids_app.errors import DataError
from bids_app.records import Array, Recording, Targets


@dataclass(frozen=True)
class Reader:
    """One format of fMRI; every function raises DataError where a file is damaged.

    Parameters
    ----------
    endings : of its files' names.
    targets : recording → what its columns are.
    values : recording, targets → (n_times, n_targets) float32.
    count : path → number of samples, from headers where there are any.
    period_s : path → seconds from sample to sample by the header, 0 where it does not say; None: it never does.
    """

    endings: tuple[str, ...]
    targets: Callable[[Recording], Targets]
    values: Callable[[Recording, Targets], Array]
    count: Callable[[Path], int]
    period_s: Callable[[Path], float] | None = None


READERS = (
    Reader(
        ARRAYS,
        hdf5.array_targets,
        lambda recording, targets: hdf5.array_values(recording.paths[0], targets),
        hdf5.count_rows,
    ),
    Reader(
        (".gii",),
        surfaces.surface_targets,
        surfaces.surface_values,
        lambda path: surfaces.stored_shape(path).sizes[0],
        surfaces.header_period_s,
    ),
    Reader(
        (".tsv",),
        parcels.parcel_targets,
        lambda recording, targets: parcels.parcel_values(recording.paths[0], targets),
        lambda path: len(parcels.read_numbers(path)),
    ),
    Reader(
        (cifti.DENSE, cifti.PARCELLATED),
        cifti.cifti_targets,
        lambda recording, targets: cifti.cifti_values(recording.paths[0], targets),
        cifti.count_samples,
        cifti.header_period_s,
    ),
    Reader(
        (".nii", ".nii.gz"),
        volumes.volume_targets,
        lambda recording, targets: volumes.volume_values(recording.paths[0], targets),
        volumes.count_volumes,
        volumes.header_period_s,
    ),
)


def reader_of(path: Path) -> Reader:
    """What reads an fMRI file. Raises DataError where nothing does."""
    for reader in READERS:
        if path.name.endswith(reader.endings):
            return reader
    raise DataError("no format of fMRI that is known", path)
