"""Time courses of all targets in their file formats, written row by row, and read back."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from bids_app.disk import read_whole, write_chunks
from bids_app.errors import ReadWriteError
from bids_app.inputs.nifti import quiet_nibabel
from bids_app.outputs.files import cifti, images
from bids_app.outputs.files.arrays import LIBVER
from bids_app.outputs.files.file_set import File
from bids_app.outputs.files.files import reading_back
from bids_app.outputs.files.maps import places_of
from bids_app.records import TRAITS, Array, Targets

LEVEL = 1  # of packing: float32 time courses hardly become smaller by more
GZIP = 31  # what zlib calls a gzip with a header: without a time stamp
COLUMNS_AT_ONCE = 4096
VALUES = "values"  # the array of an HDF5 file


def series_files(
    targets: Targets, name: Callable[[str], PurePosixPath], values: Array, step_s: float
) -> Iterator[File]:
    """Time courses of all targets, in one file or in one a hemisphere.

    Parameters
    ----------
    targets : whose they are.
    name : gives a file's name, by hemisphere.
    values : (n_times, n_targets), which may lie in a file: a row or some columns are in memory at a time.
    step_s : seconds from row to row, as headers say it.
    """
    kind = targets.kind
    if kind == "surface":
        for number, side in enumerate(TRAITS["surface"].sides):
            yield name(side), partial(write_chunks, chunks=_gifti(targets, values, step_s, number))
    elif kind == "volume":
        yield name(""), partial(write_chunks, chunks=_nifti(targets, values, step_s))
    elif kind == "greyordinates":
        yield name(""), partial(write_chunks, chunks=_cifti(targets, values, step_s))
    elif kind == "array":
        yield name(""), partial(_write_hdf5, targets, values)
    else:
        yield name(""), partial(write_chunks, chunks=_table(values))


def read_series(paths: Sequence[Path], targets: Targets) -> Array:
    """Time courses as they were written.

    Parameters
    ----------
    paths : of the file, or of both hemispheres.
    targets : whose time courses are asked for, of those that there are.

    Returns
    -------
    (n_times, n_targets) float32.

    Raises
    ------
    ReadWriteError : a file is gone or damaged, or has other targets.
    """
    with reading_back(paths[0], "time courses"):
        if targets.kind == "volume":
            found = np.asarray(quiet_nibabel().load(paths[0]).dataobj, dtype=np.float32)
            return np.asarray(found[tuple(np.asarray(targets.index).T)].T)
        if targets.kind == "surface":
            sides = [np.array([one.data for one in quiet_nibabel().load(path).darrays]) for path in paths]
            return np.asarray(np.concatenate(sides, axis=1)[:, places_of(targets)], dtype=np.float32)
        if targets.kind == "greyordinates":
            return np.asarray(quiet_nibabel().load(paths[0]).dataobj, dtype=np.float32)[:, places_of(targets)]
        if targets.kind == "array":
            return _read_hdf5(paths[0])[:, places_of(targets)]
        text = gzip.decompress(read_whole(paths[0])).decode("ascii").replace("n/a", "nan")
        rows = [line.split("\t") for line in text.splitlines()]
        found = np.array(rows, dtype=np.float32).reshape(len(rows), -1 if rows else 0)
    if found.shape[1] != len(targets.names):
        raise ReadWriteError(f"{found.shape[1]} columns of {len(targets.names)} targets", paths[0], "run again")
    return found


# ------------------------------------------------------------------------------------------------ formats
def _nifti(targets: Targets, values: Array, step_s: float) -> Iterator[bytes]:
    def raw() -> Iterator[bytes]:
        """Header, then volume by volume."""
        header = images.nifti_header(targets, (*targets.shape, len(values)), step_s)
        yield header.binaryblock + bytes(int(header["vox_offset"]) - len(header.binaryblock))
        for row in values:
            yield images.volume(targets, row).tobytes(order="F")

    return _packed(raw())


def _gifti(targets: Targets, values: Array, step_s: float, side: int) -> Iterator[bytes]:
    """One array a row, between what a file without arrays begins and ends with."""
    import nibabel

    head, _, tail = images.gifti_bytes({}, side).decode().rpartition("</GIFTI>")
    yield head.replace('NumberOfDataArrays="0"', f'NumberOfDataArrays="{len(values)}"').encode()
    for row in values:
        array = nibabel.gifti.GiftiDataArray(
            images.hemispheres(targets, row)[side],
            intent="NIFTI_INTENT_TIME_SERIES",
            datatype="NIFTI_TYPE_FLOAT32",
            encoding="GIFTI_ENCODING_B64GZ",
            endian="little",
            meta=nibabel.gifti.GiftiMetaData({"TimeStep": f"{step_s:g}"}),
        )
        yield bytes(array.to_xml())
    yield f"</GIFTI>{tail}".encode()


def _cifti(targets: Targets, values: Array, step_s: float) -> Iterator[bytes]:
    """All rows of some greyordinates at a time."""
    yield cifti.series_head(targets, len(values), step_s)
    n_places, columns = cifti.axis_length(targets.cifti), np.asarray(targets.columns)
    for start in range(0, n_places, COLUMNS_AT_ONCE):
        there = np.flatnonzero((columns >= start) & (columns < start + COLUMNS_AT_ONCE))
        block = np.full((min(COLUMNS_AT_ONCE, n_places - start), len(values)), np.nan, dtype="<f4")
        block[columns[there] - start] = np.asarray(values[:, there]).T
        yield block.tobytes()


def _table(values: Array) -> Iterator[bytes]:
    """BIDS's tables of time courses have no header: the JSON names their columns."""
    lines = ("\t".join(f"{x:.8g}" for x in row.tolist()).replace("nan", "n/a") + "\n" for row in values)
    return _packed(line.encode() for line in lines)


def _packed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
    for chunk in chunks:
        yield packer.compress(chunk)
    yield packer.flush()


def _write_hdf5(targets: Targets, values: Array, part: Path) -> None:
    import h5py

    columns = np.asarray(targets.columns)
    with h5py.File(part, "w", libver=LIBVER, locking=False) as file:
        shape = len(values), targets.shape[0]
        dataset = file.create_dataset(VALUES, shape, "<f4", fillvalue=np.nan, track_times=False)
        for start in range(0, len(values), COLUMNS_AT_ONCE):
            rows = np.full((min(COLUMNS_AT_ONCE, len(values) - start), shape[1]), np.nan, dtype=np.float32)
            rows[:, columns] = values[start : start + COLUMNS_AT_ONCE]
            dataset[start : start + len(rows)] = rows


def _read_hdf5(path: Path) -> Array:
    import h5py

    with h5py.File(path, "r", locking=False) as file:
        return np.asarray(file[VALUES], dtype=np.float32)
