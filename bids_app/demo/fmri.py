"""The demo's BOLD on disk, as fMRIPrep writes it: a coarse MNI volume and fsaverage5 surfaces, in part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from bids_app.demo.files import describe_dataset, write_gzip, write_json, write_table
from bids_app.demo.sample import FMRI, ONSET_S
from bids_app.records import Array

VOLUME_SPACE, SURFACE_SPACE = "MNI152NLin2009cAsym", "fsaverage5"
VOXEL_MM = 10
VIEW_MM = {"y": (-62, 42), "z": (-14, 26)}  # a slab around the sylvian fissure
VERTEX_STEP = 24  # every so many of the vertices in view carry data
N_VERTICES = 10242
NON_STEADY = 2  # first volumes of each run, brighter and marked in the confounds
MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
LOST_VOXELS = {("02", 2): 9}  # (participant, run): voxels missing from this run's mask


@dataclass(frozen=True)
class Places:
    """Targets: what they are called and where they lie.

    Parameters
    ----------
    names : (n,) of targets.
    index : (n, 3) voxel i, j, k, or (n, 2) hemisphere and vertex.
    xyz_mm : (n, 3) coordinates in mm.
    """

    names: tuple[str, ...]
    index: Array
    xyz_mm: Array


@cache
def volume_grid() -> tuple[tuple[int, ...], Array]:
    """Shape and affine of the volumes: the MNI template's, at VOXEL_MM."""
    from nilearn.datasets import load_mni152_brain_mask

    mask = load_mni152_brain_mask(resolution=VOXEL_MM)
    return tuple(mask.shape), np.asarray(mask.affine, dtype=float)


@cache
def voxels() -> Places:
    """Voxels of the brain within view."""
    from nilearn.datasets import load_mni152_brain_mask

    inside = np.argwhere(np.asarray(load_mni152_brain_mask(resolution=VOXEL_MM).dataobj) > 0)
    xyz = inside @ volume_grid()[1][:3, :3].T + volume_grid()[1][:3, 3]
    seen = in_view(xyz)
    return Places(tuple(",".join(map(str, ijk)) for ijk in inside[seen]), inside[seen], xyz[seen])


@cache
def vertices() -> Places:
    """Vertices of fsaverage5 within view that carry data; all others are constant, as outside the field of view."""
    import nibabel as nib
    from nilearn.datasets import fetch_surf_fsaverage

    mesh = fetch_surf_fsaverage("fsaverage5")
    index, xyz = [], []
    for hemi, side in enumerate(("left", "right")):
        points = np.asarray(nib.load(mesh[f"pial_{side}"]).darrays[0].data, dtype=float)
        seen = np.flatnonzero(in_view(points))[::VERTEX_STEP]
        index.append(np.column_stack([np.full(len(seen), hemi), seen]))
        xyz.append(points[seen])
    joined = np.concatenate(index)
    return Places(tuple(f"{'LR'[hemi]}:{vertex}" for hemi, vertex in joined), joined, np.concatenate(xyz))


def in_view(xyz_mm: Array) -> Array:
    """(n,) bool."""
    (y0, y1), (z0, z1) = VIEW_MM["y"], VIEW_MM["z"]
    return np.asarray(
        (np.abs(xyz_mm[:, 0]) > 12)
        & (xyz_mm[:, 1] >= y0)
        & (xyz_mm[:, 1] <= y1)
        & (xyz_mm[:, 2] >= z0)
        & (xyz_mm[:, 2] <= z1)
    )


def write_fmri(
    bids: Path,
    participant: str,
    volumes: Sequence[Array],
    surfaces: Sequence[Array],
    stimuli: Sequence[str],
    seed: int,
) -> None:
    """Write events, confounds and BOLD of a participant.

    Parameters
    ----------
    bids : the data set's root.
    participant : its label.
    volumes, surfaces : per run (n_times, n_voxels) and (n_times, n_vertices), in units of their standard deviation.
    stimuli : per run the stim_file heard.
    seed : of the confounds.
    """
    derivative = bids / "derivatives" / "fmriprep"
    describe_dataset(derivative, "Demo BOLD, as fMRIPrep writes it", "fMRIPrep")
    func = derivative / f"sub-{participant}" / "func"
    for number, (volume, surface, name) in enumerate(zip(volumes, surfaces, stimuli, strict=True), start=1):
        stem = f"sub-{participant}_task-story_run-{number}"
        write_events(bids / f"sub-{participant}" / "func" / f"{stem}_events.tsv", name)
        _write_confounds(func / f"{stem}_desc-confounds_timeseries.tsv", len(volume), seed + number)
        _write_volume(func, stem, volume, LOST_VOXELS.get((participant, number), 0))
        _write_surface(func, stem, surface)


def write_events(path: Path, stimulus: str) -> None:
    """Write events.tsv of a run: one story.

    Parameters
    ----------
    path : the file.
    stimulus : its stim_file.
    """
    columns = ("onset", "duration", "trial_type", "stim_file")
    write_table(path, columns, [(ONSET_S, "n/a", "story", stimulus)])


def _write_confounds(path: Path, n_times: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    motion = rng.normal(scale=0.02, size=(n_times, len(MOTION)))  # jitter: a slow drift would take signal with it
    steady = np.eye(n_times, NON_STEADY, dtype=int)
    columns = (*MOTION, *(f"non_steady_state_outlier{k:02d}" for k in range(NON_STEADY)))
    rows = [[*(f"{x:.6f}" for x in m), *s] for m, s in zip(motion, steady, strict=True)]
    write_table(path, columns, rows)
    write_json(path.with_suffix(".json"), {})


def _as_bold(values: Array) -> Array:
    """Standard deviations around a mean of 100; the first volumes are brighter, before magnetisation is steady."""
    bold = 100 + 2 * values
    bold[:NON_STEADY] += 60 * np.exp(-np.arange(NON_STEADY))[:, None]
    return np.asarray(bold, dtype=np.float32)


def _sidecar() -> dict[str, object]:
    return {
        "TaskName": "story",
        "RepetitionTime": FMRI.period_s,
        "StartTime": FMRI.first_s,
        "SliceTimingCorrected": True,
        "SkullStripped": False,
    }


def _write_volume(func: Path, stem: str, values: Array, n_lost: int) -> None:
    import nibabel as nib

    shape, affine = volume_grid()
    places = voxels().index
    data = np.zeros((*shape, len(values)), dtype=np.float32)
    data[tuple(places.T)] = _as_bold(values).T
    mask = np.zeros(shape, dtype=np.uint8)
    mask[tuple(places[n_lost:].T)] = 1
    stem = f"{stem}_space-{VOLUME_SPACE}"
    image = nib.Nifti1Image(data, affine)
    image.header.set_zooms((*image.header.get_zooms()[:3], FMRI.period_s))
    image.header.set_xyzt_units("mm", "sec")
    write_gzip(func / f"{stem}_desc-preproc_bold.nii.gz", image.to_bytes())
    write_json(func / f"{stem}_desc-preproc_bold.json", _sidecar())
    write_gzip(func / f"{stem}_desc-brain_mask.nii.gz", nib.Nifti1Image(mask, affine).to_bytes())
    write_json(func / f"{stem}_desc-brain_mask.json", {"Type": "Brain", "RawSources": []})


def _write_surface(func: Path, stem: str, values: Array) -> None:
    import nibabel as nib

    places, bold = vertices().index, _as_bold(values)
    for hemi, label in enumerate("LR"):
        of_hemisphere = places[:, 0] == hemi
        frames = np.zeros((len(bold), N_VERTICES), dtype=np.float32)
        frames[:, places[of_hemisphere, 1]] = bold[:, of_hemisphere]
        arrays = [
            nib.gifti.GiftiDataArray(frame, intent="NIFTI_INTENT_TIME_SERIES", datatype="NIFTI_TYPE_FLOAT32")
            for frame in frames
        ]
        structure = {"AnatomicalStructurePrimary": f"Cortex{'Left' if label == 'L' else 'Right'}"}
        image = nib.gifti.GiftiImage(darrays=arrays, meta=nib.gifti.GiftiMetaData(structure))
        name = f"{stem}_hemi-{label}_space-{SURFACE_SPACE}_bold"
        (func / f"{name}.func.gii").write_bytes(image.to_bytes())
        write_json(func / f"{name}.json", _sidecar())
