"""`file`: features that the user computed."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bids_app.errors import ConcordError, DataError, UsageError
from bids_app.features.base.family import Family, Option
from bids_app.inputs.claims import gunzip
from bids_app.inputs.hdf5 import open_hdf5, own_array, require_held
from bids_app.inputs.npy import npy_header, read_npy
from bids_app.inputs.opening import BINARY, GB, JSON, Kind, check_input, read_bytes
from bids_app.pointers import is_there
from bids_app.records import Array, FeatureProvenance, Features, FeatureSpec, ModelSource, Stimulus

Table = tuple[Array, Array, Array | None, Any]  # values, times_s, onsets_s, dimensions
VALUES = Kind("file of features", 16 * GB)
NAMES = ("values", "times_s", "onsets_s")  # of the arrays in HDF5; the last may be absent


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """values (n_times, n_dims) as they stand in the file; with `onsets_s` they are events.

    `.npy` with the option `rate_hz` (row k at k/rate_hz); `.h5` with `values`, `times_s` and perhaps `onsets_s`;
    BIDS `_stim.tsv.gz` with its JSON (row k at StartTime + k/SamplingFrequency). All times are the stimulus's.

    Parameters
    ----------
    stimulus : which the file belongs to; its duration in seconds.
    spec : resolved; `path`, and `rate_hz` in Hz for `.npy`.
    source : where models are; not used.

    Returns
    -------
    Continuous or events; rows in the order of `times_s`.

    Raises
    ------
    DataError
        Where the content is wrong; it names the path.
    """
    path = files(stimulus, spec, source)[0]
    values, times, onsets, dimensions = _reader(path.name)(path, spec)
    _check(values, times, onsets, path)
    kept = np.argsort(times, kind="stable")
    provenance = FeatureProvenance(
        kind=spec.kind,
        description=f"Features from {spec.options['path']}, as given.",
        stamp="as in the file",
        dimensions=tuple(map(str, dimensions or ())) or f"{values.shape[1]} columns",
        causal=None,
        notes=_span(times, onsets is None, stimulus.duration_s),
    )
    sampling: Literal["continuous", "events"] = "continuous" if onsets is None else "events"
    stamps = times[kept].astype(np.float64)
    onsets = None if onsets is None else onsets[kept].astype(np.float64)
    with np.errstate(over="ignore"):  # beyond float32: refused like any other infinity
        return Features(spec.name, values[kept].astype(np.float32), stamps, sampling, onsets, provenance)


def _span(times: Array, continuous: bool, length_s: float) -> tuple[str, ...]:
    """A note where the rows reach beyond the stimulus, or a signal does not reach its end: a rate may be wrong."""
    slack_s = max(1.0, length_s / 50)
    first, last = (float(times.min()), float(times.max())) if len(times) else (0.0, length_s)
    if first >= -slack_s and last <= length_s + slack_s and (last >= length_s - slack_s or not continuous):
        return ()
    return (f"rows from {first:.1f} to {last:.1f} s, but the stimulus lasts {length_s:.1f} s",)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """What is raised on a broken file, as DataError. Only what depends on the file's content belongs within."""
    try:
        yield
    except DataError as error:
        raise _unreadable(path, error.what) from None
    except (ConcordError, MemoryError):
        raise
    except Exception as error:  # readers raise a zoo of them: see `inputs.opening.reading`
        raise _unreadable(path, str(error)) from None


def _unreadable(path: Path, reason: str) -> DataError:
    return DataError("the file of features cannot be read", path, reason)


def _read_npy(path: Path, spec: FeatureSpec) -> Table:
    with _reading(path):
        values = _with_rows(read_npy(path, VALUES, spec.base_dir), path)
    return values, np.arange(len(values)) / spec.options["rate_hz"], None, None


def _with_rows(values: Any, path: Path) -> Any:
    """An array of at least one dimension. Raises DataError."""
    if not values.ndim:
        raise DataError("it holds no rows", path)
    return values


def _read_h5(path: Path, spec: FeatureSpec) -> Table:
    with _reading(path), open_hdf5(path, BINARY, spec.base_dir) as file:
        arrays = _own_arrays(file, path)
        values, times, onsets = (np.asarray(arrays[name]) if name in arrays else None for name in NAMES)
    return np.asarray(values), np.asarray(times), onsets, None


def _own_arrays(file: Any, path: Path) -> dict[str, Any]:
    """The arrays of an open HDF5 file by their names. Raises DataError, and what is raised on a broken file."""
    arrays = {name: own_array(file, name, path) for name in NAMES if name != "onsets_s" or name in file}
    for array in arrays.values():
        require_held(array, path)
    return arrays


def _read_tsv(path: Path, spec: FeatureSpec) -> Table:
    with _reading(path):
        facts = json.loads(read_bytes(_sidecar(path), JSON, spec.base_dir).decode("utf-8"))
        columns, rate, start = list(facts["Columns"]), float(facts["SamplingFrequency"]), float(facts["StartTime"])
    if not 0 < rate < math.inf:
        raise _unreadable(path, f"SamplingFrequency is {rate:g}")
    with _reading(path):
        text = gunzip(path, VALUES, spec.base_dir).decode("utf-8")
    if not text.strip():
        raise _unreadable(path, "it is empty")
    with _reading(path):
        values = np.loadtxt(io.StringIO(text), delimiter="\t", ndmin=2)
    if values.shape[1] != len(columns):
        raise _unreadable(path, f"{values.shape[1]} columns, but the JSON names {len(columns)}")
    return values, start + np.arange(len(values)) / rate, None, columns


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".tsv.gz") + ".json")


READERS: dict[str, Callable[[Path, FeatureSpec], Table]] = {
    ".npy": _read_npy,
    ".h5": _read_h5,
    "_stim.tsv.gz": _read_tsv,
}


def _reader(name: str) -> Callable[[Path, FeatureSpec], Table]:
    return next(reader for ending, reader in READERS.items() if name.endswith(ending))


def _check(values: Array, times: Array, onsets: Array | None, path: Path) -> None:
    if values.ndim != 2 or values.dtype.kind not in "fiub":
        shape = "×".join(map(str, values.shape))
        raise DataError(f"features must be numbers (n_times, n_dims), not {shape} of {values.dtype}", path)
    for name, column in (("times_s", times), ("onsets_s", onsets)):
        if column is not None and (column.shape != values.shape[:1] or column.dtype.kind not in "fiu"):
            raise DataError(f"'{name}' must hold a number for each of the {len(values)} rows", path)


def files(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> tuple[Path, ...]:
    """The file, beside the stimulus or else relative to the analysis file, and its sidecar.

    Parameters
    ----------
    stimulus : which the file belongs to.
    spec : its `path`.
    source : not used.

    Raises
    ------
    DataError
        Where there is no such file.
    """
    return _find(stimulus, spec)


def _find(stimulus: Stimulus, spec: FeatureSpec) -> tuple[Path, ...]:
    name = spec.options["path"].replace("{stem}", stimulus.path.stem)
    places = [stimulus.path.parent / name, *([spec.base_dir / name] if spec.base_dir else [])]
    path = next((place for place in places if is_there(place)), None)
    if path is None:
        looked = " or ".join(map(str, dict.fromkeys(places)))
        raise DataError(f"the stimulus {stimulus.stimulus_id} has no file of features", "", f"looked for {looked}")
    check_input(path, BINARY, spec.base_dir)
    if not name.endswith(".tsv.gz"):
        return (path,)
    if is_there(_sidecar(path)):
        check_input(_sidecar(path), JSON, spec.base_dir)
    else:
        raise DataError("the file of features has no JSON beside it", path, f"expected {_sidecar(path).name}")
    return path, _sidecar(path)


def check_stimulus(stimulus: Stimulus, spec: FeatureSpec) -> None:
    """Make sure that the stimulus has its file, which holds numbers in rows by its header.

    Parameters
    ----------
    stimulus : which the file belongs to.
    spec : its `path`.

    Raises
    ------
    DataError
        Where there is no such file, or it holds something else.
    """
    path = _find(stimulus, spec)[0]
    if path.name.endswith(".npy"):
        with _reading(path):
            values = _with_rows(npy_header(path, VALUES, spec.base_dir), path)
        _check(values, np.broadcast_to(0.0, values.shape[:1]), None, path)
    elif path.name.endswith(".h5"):
        with _reading(path), open_hdf5(path, BINARY, spec.base_dir) as file:
            found = {
                name: np.broadcast_to(np.zeros((), one.dtype), one.shape)
                for name, one in _own_arrays(file, path).items()
            }
        _check(found["values"], found["times_s"], found.get("onsets_s"), path)


def rules(spec: FeatureSpec) -> FeatureSpec:
    """A known ending, and `rate_hz` for .npy alone. Raises UsageError."""
    where, path, rate = f"feature '{spec.name}'", spec.options["path"], spec.options["rate_hz"]
    if not path.endswith(tuple(READERS)):
        raise UsageError(f"'path' must end with {', '.join(READERS)}, not {path!r}", where)
    if path.endswith(".npy") and rate is None:
        raise UsageError("a .npy file needs the option 'rate_hz', its rows a second", where)
    if not path.endswith(".npy") and rate is not None:
        raise UsageError("'rate_hz' is for .npy files; this one states its own times", where)
    return spec


FAMILY = Family(
    kind="file",
    label="features read from a file",
    role="other",
    version=1,
    needs=frozenset(),
    extract=extract,
    options={"path": Option(str), "rate_hz": Option(float, None, least=1e-6)},
    files=files,
    rules=rules,
    check_stimulus=check_stimulus,
)
