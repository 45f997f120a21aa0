"""Targets and responses of a recording, whatever its kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bids_app.dataset.electrodes.response import electrode_response, electrode_targets
from bids_app.dataset.responses import volumes
from bids_app.dataset.responses.confounds import fmri_nuisance
from bids_app.dataset.responses.readers import reader_of
from bids_app.dataset.signals.recording import signals_of
from bids_app.errors import DataError
from bids_app.records import Array, Recording, Response, ResponseSpec, Targets

AS_RECORDED = ResponseSpec()


def load_targets(recording: Recording, spec: ResponseSpec = AS_RECORDED) -> Targets:
    """What a recording's columns are: the mask's voxels, all vertices, all parcels, all columns, the good channels.

    Parameters
    ----------
    recording : of any kind.
    spec : iEEG: the band, which not every channel can hold, and the reference, which makes pairs of contacts.

    Raises
    ------
    DataError : a file is missing, damaged or has no target.
    """
    if recording.modality == "ieeg":
        return electrode_targets(recording, spec)
    return reader_of(recording.paths[0]).targets(recording)


def intersect_targets(several: Sequence[Targets]) -> tuple[Targets, tuple[str, ...]]:
    """Targets common to all runs.

    Parameters
    ----------
    several : of each run.

    Returns
    -------
    The common ones in the first run's order, and a warning where any was left out.

    Raises
    ------
    DataError : the runs lie on different grids or meshes, or share nothing.
    """
    first, *others = several
    for other in others:
        _require_one_grid(first, other)
    common = set(first.names).intersection(*(other.names for other in others))
    if not common:
        raise DataError("the runs have no target in common", first.space)
    kept = [row for row, name in enumerate(first.names) if name in common]
    most = max(len(targets.names) for targets in several)
    warnings = (f"runs differ: the {len(kept)} targets that all have are used, of up to {most}",)
    return _take(first, kept), warnings if most > len(kept) else ()


def _require_one_grid(first: Targets, other: Targets) -> None:
    if (first.kind, first.space) != (other.kind, other.space):
        raise DataError(f"runs of {first.kind} in {first.space} and {other.kind} in {other.space} cannot be joined")
    if first.shape != other.shape or not _alike(first.affine, other.affine):
        raise DataError(f"runs lie on different grids: {first.shape} and {other.shape}", first.space, "resample them")


def _alike(affine: Array | None, other: Array | None) -> bool:
    return affine is None or other is None or np.allclose(affine, other, atol=volumes.SAME_MM)


def _take(targets: Targets, rows: list[int]) -> Targets:
    return replace(
        targets,
        names=tuple(targets.names[row] for row in rows),
        index=None if targets.index is None else targets.index[rows],
        xyz_mm=None if targets.xyz_mm is None else targets.xyz_mm[rows],
        table={column: tuple(cells[row] for row in rows) for column, cells in targets.table.items()},
        columns=None if targets.columns is None else targets.columns[rows],
    )


def load_response(recording: Recording, targets: Targets, spec: ResponseSpec) -> Response:
    """A recording's values in the targets' order, with times, nuisance and valid samples.

    Parameters
    ----------
    recording : of any kind.
    targets : of it, or common to it and other runs.
    spec : confounds, drift, rate and band.

    Raises
    ------
    DataError : a file cannot be read whole or does not fit its targets or confounds.
    """
    if recording.kind == "electrodes":
        return electrode_response(recording, targets, spec)
    values = reader_of(recording.paths[0]).values(recording, targets)
    nuisance, steady, warnings = fmri_nuisance(recording, len(values), spec.confounds, spec.high_pass_s)
    warnings += _clock_warnings(recording)
    times_s = recording.start_s + np.arange(len(values)) / recording.rate_hz
    valid = steady & np.isfinite(values).any(axis=1)
    return Response(values, times_s, nuisance, valid, targets, warnings)


def _clock_warnings(recording: Recording) -> tuple[str, ...]:
    """A sidecar and a header that disagree on the TR: one of them is wrong, and every time with it."""
    period_s = reader_of(recording.paths[0]).period_s
    header_s = period_s(recording.paths[0]) if period_s else 0.0
    sidecar_s = 1 / recording.rate_hz
    apart = header_s > 0 and abs(header_s - sidecar_s) > 0.01 * sidecar_s
    return (f"TR is {sidecar_s:g} s in the sidecar, {header_s:g} s in the image's header",) if apart else ()


def count_samples(recording: Recording) -> int:
    """Number of samples, from headers where there are any. Raises DataError."""
    path = recording.paths[0]
    if recording.modality == "ieeg":
        signals = signals_of(recording)  # pauses count: samples lie on one even grid
        return round(signals.seconds * signals.rate_hz)
    return reader_of(path).count(path)
