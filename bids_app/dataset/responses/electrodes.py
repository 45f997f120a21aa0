"""iEEG: signals of any format mne reads, channels.tsv, electrodes.tsv. (mne-bids' own reader leaves lock files.)"""

from __future__ import annotations

import math
import warnings as python_warnings
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.dataset.files.layout import read_json
from bids_app.dataset.files.reading import reading
from bids_app.dataset.files.tables import Table, number, read_table
from bids_app.dataset.responses.high_gamma import (
    computes_high_gamma,
    edge_s,
    high_gamma,
    high_gamma_warnings,
    near_edges,
)
from bids_app.errors import DataError
from bids_app.pointers import require_parts
from bids_app.records import Array, Recording, Response, ResponseSpec, Targets

INTRACRANIAL = {"SEEG", "ECOG", "DBS", "IEEG"}
BLOCK_BYTES = 256 * 2**20  # of one group of channels at the recording's rate
TO_MM = {"m": 1000.0, "cm": 10.0, "mm": 1.0}


def open_signals(path: Path) -> tuple[Any, tuple[str, ...]]:
    """mne's Raw, nothing loaded, and what mne warned of. Raises DataError."""
    import mne

    require_parts(path)
    with reading(path), python_warnings.catch_warnings(record=True) as caught:
        python_warnings.simplefilter("always")
        raw = mne.io.read_raw(path, preload=False, verbose="ERROR")
    messages = dict.fromkeys(" ".join(str(warning.message).split()) for warning in caught)
    return raw, tuple(f"mne: {line}" for line in messages)


def electrode_targets(recording: Recording) -> tuple[Targets, tuple[str, ...]]:
    """Good intracranial channels that the file has, with positions in mm (NaN where unknown). Raises DataError."""
    raw, warnings = open_signals(recording.paths[0])
    channels = _channels(recording)
    there, bad = set(raw.ch_names), set(raw.info["bads"])
    wanted = _good(channels) if channels.rows else _intracranial(raw)
    names = tuple(name for name in wanted if name in there and name not in bad)
    absent = [name for name in wanted if name not in there]
    if not names:
        raise DataError("no good SEEG or ECoG channel of channels.tsv is in the file", recording.paths[0])
    if absent:
        warnings += (f"{len(absent)} channels of channels.tsv are not in the file: {', '.join(absent[:5])}",)
    xyz_mm, unplaced = _positions(recording, names)
    table = _columns(channels, names)
    return Targets("electrodes", recording.space, names, xyz_mm=xyz_mm, table=table), warnings + unplaced


def _channels(recording: Recording) -> Table:
    path = recording.companions.get("channels")
    return read_table(path) if path else Table((), ())


def _good(channels: Table) -> list[str]:
    rows = zip(channels.column("name"), channels.column("type"), channels.column("status"), strict=True)
    return [name for name, kind, status in rows if kind.upper() in INTRACRANIAL and status.lower() != "bad"]


def _intracranial(raw: Any) -> list[str]:
    """By mne's types; a file whose format knows only EEG counts as a whole."""
    kinds = raw.get_channel_types()
    wanted = {"seeg", "ecog", "dbs"} if {"seeg", "ecog", "dbs"} & set(kinds) else {"eeg"}
    return [name for name, kind in zip(raw.ch_names, kinds, strict=True) if kind in wanted]


def _columns(channels: Table, names: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    """Columns of channels.tsv in the targets' order; without one there are none."""
    order = {name: row for row, name in enumerate(channels.column("name"))}
    return {
        column: tuple(channels.column(column)[order[name]] for name in names) for column in channels.columns if column
    }


def _positions(recording: Recording, names: tuple[str, ...]) -> tuple[Array, tuple[str, ...]]:
    """(n, 3) mm of electrodes.tsv; NaN where it has none."""
    xyz_mm = np.full((len(names), 3), math.nan)
    path = recording.companions.get("electrodes")
    if path is None:
        return xyz_mm, ()
    table = read_table(path)
    cells = (table.column(column) for column in ("name", "x", "y", "z"))
    known = {name: [number(cell) for cell in place] for name, *place in zip(*cells, strict=True)}
    scale, warnings = _scale(recording)
    for row, name in enumerate(names):
        xyz_mm[row] = np.multiply(known.get(name, [math.nan] * 3), scale)
    unknown = int(np.isnan(xyz_mm).any(axis=1).sum())
    return xyz_mm, warnings + ((f"{unknown} of {len(names)} electrodes have no position",) if unknown else ())


def _scale(recording: Recording) -> tuple[float, tuple[str, ...]]:
    path = recording.companions.get("coordsystem")
    units = str(read_json(path).get("iEEGCoordinateUnits", "n/a")).lower() if path else "n/a"
    if units in TO_MM:
        return TO_MM[units], ()
    if units == "pixels":
        return math.nan, ("electrode positions are in pixels: not used",)
    return 1.0, (f"units of electrode positions are '{units}': taken for mm",)


def electrode_response(recording: Recording, targets: Targets, spec: ResponseSpec) -> Response:
    """Envelopes of the targets' channels, on the clock of the first sample.

    Samples under an annotation that begins with 'bad' are not valid; where high gamma is computed from voltages,
    nor are those that its filters cannot know (see `high_gamma`).

    Parameters
    ----------
    recording : iEEG.
    targets : its channels, in the order wanted.
    spec : rate (None: as recorded), band and power line.

    Raises
    ------
    DataError : the file cannot be read whole, or lacks a channel.
    """
    rate_hz = spec.rate_hz
    path = recording.paths[0]
    raw, warnings = open_signals(path)
    missing = [name for name in targets.names if name not in raw.ch_names]
    if missing:
        raise DataError(f"channels are not in the file: {', '.join(missing[:5])}", path)
    recorded = float(raw.info["sfreq"])
    ratio = Fraction(rate_hz / recorded).limit_denominator(10_000) if rate_hz else Fraction(1)
    if not ratio:
        raise DataError(f"cannot resample from {recorded:g} Hz to {rate_hz:g} Hz", path)
    computed = computes_high_gamma(recording, spec)
    values = _resampled(raw, targets.names, ratio, path, spec if computed else None)
    times_s = recording.start_s + np.arange(len(values)) / (recorded * float(ratio))
    bad = _bad_spans(raw, times_s - recording.start_s)
    if computed and spec.band_hz is not None:
        bad = near_edges(bad, math.ceil(edge_s(spec.band_hz, spec.line_hz) * recorded * float(ratio)))
    valid = np.isfinite(values).any(axis=1) & ~bad
    warnings += high_gamma_warnings(recording, spec)
    return Response(values, times_s, np.empty((len(values), 0)), valid, targets, warnings)


def _resampled(raw: Any, names: tuple[str, ...], ratio: Fraction, path: Path, spec: ResponseSpec | None) -> Array:
    """(n_times, n_channels) float32, with `spec` of high gamma computed from the signals.

    Polyphase filtering is zero-phase: sample k lies at k / new rate exactly.
    """
    from scipy.signal import resample_poly

    n_samples = int(raw.n_times)
    values = np.empty((math.ceil(n_samples * ratio), len(names)), dtype=np.float32)
    step = max(1, BLOCK_BYTES // (8 * n_samples))
    for start in range(0, len(names), step):
        with reading(path):
            block = raw.get_data(picks=list(names[start : start + step]), verbose="ERROR")
        if block.shape[1] != n_samples:
            raise DataError(f"{block.shape[1]} of {n_samples} samples could be read", path)
        if spec is not None and spec.band_hz is not None:
            rate_hz, band_hz = float(raw.info["sfreq"]), spec.band_hz
            block = np.stack([high_gamma(signal, rate_hz, band_hz, spec.line_hz) for signal in block])
        if ratio != 1:
            block = resample_poly(block, ratio.numerator, ratio.denominator, axis=1, padtype="line")
        values[:, start : start + step] = block.T
    return values


def _bad_spans(raw: Any, times_s: Array) -> Array:
    """(n_times,) True under annotations that mark bad segments, as mne's own functions leave them out."""
    bad = np.zeros(len(times_s), dtype=bool)
    for annotation in raw.annotations:
        start = annotation["onset"] - raw.first_time
        if str(annotation["description"]).lower().startswith("bad"):
            bad |= (times_s >= start) & (times_s < start + annotation["duration"])
    return bad
