"""Targets and responses of a recording, whatever its kind."""

from __future__ import annotations

import numpy as np

from bids_app.dataset.confounds.censoring import censored
from bids_app.dataset.confounds.nuisance import fmri_nuisance, require_lengths
from bids_app.dataset.electrodes.response import electrode_response, electrode_targets
from bids_app.dataset.responses.common import varying
from bids_app.dataset.responses.dropped import placement_of
from bids_app.dataset.responses.readers import reader_of
from bids_app.dataset.responses.surfaces import count_frames
from bids_app.dataset.responses.volumes import mask_note, volume_targets, voxels_in_mask
from bids_app.dataset.signals.bad_spans import covered, event_spans
from bids_app.dataset.signals.recording import signals_of
from bids_app.inputs.nifti import require_unpacked
from bids_app.records import Recording, Response, ResponseSpec, Targets

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


def count_targets(recording: Recording, spec: ResponseSpec = AS_RECORDED) -> int:
    """How many targets `load_targets` would give, without naming each.

    Parameters
    ----------
    recording, spec : as of `load_targets`.

    Raises
    ------
    DataError : as of `load_targets`.
    """
    if recording.kind == "volume" and reader_of(recording.paths[0]).targets is volume_targets:
        return len(voxels_in_mask(recording)[0])
    return len(load_targets(recording, spec).names)


def count_varying(recording: Recording, spec: ResponseSpec = AS_RECORDED) -> int:
    """How many of them can be fitted, as far as headers and masks do not say: on surfaces, vertices that vary.

    Parameters
    ----------
    recording, spec : as of `load_targets`.

    Raises
    ------
    DataError : as of `load_response`.
    """
    if recording.kind != "surface":
        return count_targets(recording, spec)
    values = reader_of(recording.paths[0]).values(recording, load_targets(recording, spec))
    return int(varying(values, np.ones(len(values), dtype=bool)).sum())


def require_whole(recording: Recording, spec: ResponseSpec) -> None:
    """Make sure that `load_response` will do, as far as that is seen without reading all values.

    Parameters
    ----------
    recording : of any kind.
    spec : which confounds.

    Raises
    ------
    DataError : a file is cut off, or a table of confounds is of another run.
    """
    if recording.modality == "ieeg":
        return
    for path in recording.paths:
        if path.name.endswith((".nii", ".nii.gz")):
            require_unpacked(path)
    n_rows = count_samples(recording)
    require_lengths(recording, n_rows, placement_of(recording, n_rows).n_scan, spec)


def load_response(recording: Recording, targets: Targets, spec: ResponseSpec) -> Response:
    """A recording's values in the targets' order, with times, nuisance and valid samples.

    fMRI is on the full grid of its scan: samples that a pipeline dropped are NaN and not valid (see `placement`).

    Parameters
    ----------
    recording : of any kind.
    targets : of it, or common to it and other runs.
    spec : confounds, drift, rate and band.

    Raises
    ------
    DataError : a file cannot be read whole or does not fit its targets or confounds, or nothing says which samples
    are missing.
    """
    if recording.kind == "electrodes":
        return electrode_response(recording, targets, spec)
    values = reader_of(recording.paths[0]).values(recording, targets)
    placed = placement_of(recording, len(values))
    values = placed.expand(values)
    nuisance, steady, warnings = fmri_nuisance(recording, placed.rows, placed.n_scan, spec)
    moved = censored(recording.companions, placed.rows, placed.n_scan, spec)
    about_mask = mask_note(recording)
    warnings += (about_mask,) if about_mask else ()
    times_s = recording.start_s + np.arange(len(values)) / recording.rate_hz
    marked = [(span.start_s, span.duration_s) for span in event_spans(recording.companions.get("events"))[0]]
    bad = covered(marked, times_s)
    valid = steady & np.isfinite(values).any(axis=1) & ~placed.censored & ~moved & ~bad
    return Response(values, times_s, nuisance, valid, targets, warnings)


def count_samples(recording: Recording) -> int:
    """Number of samples, from headers where there are any. Raises DataError."""
    path = recording.paths[0]
    if recording.modality == "ieeg":
        signals = signals_of(recording)  # pauses count: samples lie on one even grid
        return round(signals.seconds * signals.rate_hz)
    if recording.kind == "surface" and path.name.endswith(".gii"):
        return count_frames(recording)  # the other hemisphere may be what says which dimension is time
    return reader_of(path).count(path)
