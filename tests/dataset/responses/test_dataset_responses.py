from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pytest
from bids_trees import (
    AFFINE,
    MOTION,
    SHAPE,
    confounds,
    events,
    fmri_dataset,
    parcels,
    snapshot,
    some_mask,
    surface,
    volume,
    write_json,
    write_tsv,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app.dataset import align, find_recordings, intersect_targets, load_response, load_targets
from bids_app.dataset.confounds import columns as columns_module
from bids_app.dataset.confounds.nuisance import cosine_drift, motion
from bids_app.dataset.responses import surfaces
from bids_app.dataset.responses.volumes import volume_values
from bids_app.errors import DataError
from bids_app.records import Recording, RecordingQuery, Response, ResponseSpec, Targets

STEM = "sub-01_task-story"
PLAIN = ResponseSpec(confounds="none", high_pass_s=None)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return fmri_dataset(tmp_path / "bids", people=("01",))


def prep(root: Path) -> Path:
    return root / "derivatives/fmriprep"


def only(root: Path, **settings: Any) -> Recording:
    (recording,) = find_recordings(RecordingQuery(root, root.parent / "out", **settings)).recordings
    return recording


def respond(recording: Recording, spec: ResponseSpec = PLAIN) -> Response:
    return load_response(recording, load_targets(recording), spec)


# ------------------------------------------------------------------------------------------------ volumes
def test_voxels_of_the_mask_at_their_times(root: Path) -> None:
    recording = only(root)
    targets = load_targets(recording)
    assert targets.names == ("1,2,1", "1,3,1", "2,2,1", "2,3,1")
    assert targets.shape == SHAPE
    assert targets.affine is not None
    assert np.allclose(targets.affine, AFFINE)
    response = load_response(recording, targets, PLAIN)
    assert response.values.dtype == np.float32
    assert response.values[3].tolist() == [3121, 3131, 3122, 3132]
    assert np.allclose(response.times_s, 0.9 + 2.0 * np.arange(20))
    assert response.nuisance.shape == (20, 0)
    assert response.valid.all()


def test_blocks_of_volumes_join_without_seam(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = only(root)
    whole = respond(recording).values
    monkeypatch.setattr("bids_app.dataset.responses.volumes.BLOCK_BYTES", 8 * 60 * 3)
    assert np.array_equal(respond(recording).values, whole)


def test_without_mask_the_voxels_that_are_not_zero(root: Path) -> None:
    path = volume(prep(root), "sub-01_task-bare")
    events(root, task="bare")
    recording = only(root, tasks=("bare",))
    assert len(load_targets(recording).names) == np.prod(SHAPE) - 1  # voxel 0,0,0 is 0 in the first volume
    assert any("no brain mask" in warning for warning in recording.warnings)
    assert recording.paths == (path,)


def test_mask_on_another_grid(root: Path) -> None:
    mask = next(prep(root).rglob("*mask.nii.gz"))
    nibabel.save(nibabel.Nifti1Image(np.ones(SHAPE, np.uint8), 2 * AFFINE), mask)
    with pytest.raises(DataError, match="grid"):
        load_targets(only(root))


def test_a_header_that_disagrees_on_the_tr_is_told(root: Path) -> None:
    volume(prep(root), STEM, mask=some_mask(), meta={"RepetitionTime": 1.5, "StartTime": 0})
    recording = only(root)
    assert respond(recording).times_s[2] == 3.0
    (refusal, about_raw) = align(recording, []).of("refusal")
    assert "1.5 s by the sidecar (used) and 2 s by the raw sidecar: 10.00 s apart" in refusal
    assert "2 s by the header" in about_raw


def test_targets_chosen_by_their_own_order(root: Path) -> None:
    recording = only(root)
    targets = load_targets(recording)
    assert targets.index is not None
    swapped = replace(targets, names=targets.names[::-1], index=targets.index[::-1])
    assert load_response(recording, swapped, PLAIN).values[0].tolist() == [132, 122, 131, 121]


@pytest.mark.parametrize("keep", [0.3, 0.9, 0.99])
def test_truncated_gzip_names_the_file(root: Path, keep: float) -> None:
    path = only(root).paths[0]
    targets = load_targets(only(root))
    noise = np.random.default_rng(0).normal(size=(*SHAPE, 200)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(noise, AFFINE), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    recording = only(root)
    with pytest.raises(DataError, match=path.name):
        load_response(recording, targets, PLAIN)


def test_file_shorter_than_its_header(root: Path) -> None:
    recording = only(root)
    targets = load_targets(recording)
    plain = recording.paths[0].with_suffix("")
    nibabel.save(nibabel.load(recording.paths[0]), plain)
    plain.write_bytes(plain.read_bytes()[:-400])
    with pytest.raises(DataError, match="cannot be read whole"):
        load_response(replace(recording, paths=(plain,)), targets, PLAIN)


def test_a_bug_of_our_own_is_not_taken_for_a_broken_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any) -> None:
        raise TypeError("a bug")

    recording = only(root)
    targets = load_targets(recording)
    with pytest.raises(IndexError):  # voxels beyond the grid
        volume_values(recording.paths[0], replace(targets, index=np.asarray(targets.index) + 100))
    surface(prep(root), STEM)
    monkeypatch.setattr(surfaces, "array_shapes", broken)
    with pytest.raises(TypeError, match="a bug"):
        surfaces.stored_shape(only(root, spaces=("fsaverage5",)).paths[0])
    monkeypatch.delitem(columns_module.STRATEGIES, "motion")
    with pytest.raises(KeyError):
        columns_module.group_columns("motion", pd.DataFrame(), recording, root)


@pytest.mark.parametrize("sizes", [(), (3, 4)])
def test_a_surface_of_no_arrays_or_of_unlike_ones_is_refused(sizes: tuple[int, ...], tmp_path: Path) -> None:
    arrays = [nibabel.gifti.GiftiDataArray(np.zeros(size, dtype=np.float32)) for size in sizes]
    nibabel.save(nibabel.gifti.GiftiImage(darrays=arrays), tmp_path / "x.func.gii")
    with pytest.raises(DataError, match="no arrays, or arrays of several sizes"):
        surfaces.read_hemisphere(tmp_path / "x.func.gii")


def test_an_image_of_colours_is_refused(root: Path) -> None:
    targets, path = load_targets(only(root)), only(root).paths[0]
    colours = np.zeros((*SHAPE, 5), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(colours, AFFINE), path)
    with pytest.raises(DataError, match="not of numbers"):
        volume_values(path, targets)


def test_nan_voxel_stays_nan_and_missing_samples_are_not_valid(root: Path) -> None:
    path = only(root).paths[0]
    image = nibabel.load(path)
    data = image.get_fdata()
    data[1, 2, 1] = np.nan
    data[..., 7] = np.nan
    nibabel.save(nibabel.Nifti1Image(data, AFFINE), path)
    response = respond(only(root))
    assert np.isnan(response.values[:, 0]).all()
    assert np.flatnonzero(~response.valid).tolist() == [7]


# ------------------------------------------------------------------------------------------------ surfaces, parcels
def test_vertices_of_both_hemispheres(root: Path) -> None:
    surface(prep(root), STEM)
    recording = only(root, spaces=("fsaverage5",))
    targets = load_targets(recording)
    assert targets.names[:2] == ("L:0", "L:1")
    assert targets.names[-1] == "R:6"
    assert targets.shape == (7, 7)
    response = load_response(recording, targets, PLAIN)
    assert response.values.shape == (20, 14)
    assert response.values[2, 8] == 201.5  # R:1
    assert response.times_s[2] == 3.0


def test_damaged_surface(root: Path) -> None:
    left, _ = surface(prep(root), STEM)
    left.write_bytes(left.read_bytes()[:1500])
    recording = only(root, spaces=("fsaverage5",))
    with pytest.raises(DataError, match="hemi-L"):
        load_response(recording, load_targets(recording), PLAIN)


def test_surface_in_one_array_a_file(root: Path) -> None:
    for path in surface(prep(root), STEM):
        frames = np.stack([array.data for array in nibabel.load(path).darrays], axis=1)
        nibabel.save(nibabel.gifti.GiftiImage(darrays=[nibabel.gifti.GiftiDataArray(frames)]), path)
    recording = only(root, spaces=("fsaverage5",))
    response = respond(recording)
    assert response.values.shape == (20, 14)
    assert response.values[2, 8] == 201.5


def test_hemispheres_of_different_length(root: Path) -> None:
    surface(prep(root), STEM)
    surface(prep(root), STEM, n=19, sides="R")
    with pytest.raises(DataError, match="20 and 19"):
        respond(only(root, spaces=("fsaverage5",)))


def test_columns_of_a_parcel_table(root: Path) -> None:
    path = parcels(prep(root), STEM)
    recording = only(root, spaces=("Schaefer",))
    response = respond(recording)
    assert response.targets.names == ("LH_Vis", "RH_Aud")
    assert response.values[5].tolist() == [5.0, 105.0]
    write_tsv(path, {"LH_Vis": ["n/a", *range(19)], "RH_Aud": range(20)})
    assert np.isnan(respond(recording).values[0, 0])
    write_tsv(path, {"LH_Vis": ["left", 1]})
    with pytest.raises(DataError, match="LH_Vis"):
        load_targets(recording)


# ------------------------------------------------------------------------------------------------ intersection
def test_intersection_of_masks_is_told(root: Path) -> None:
    first = load_targets(only(root))
    mask = some_mask()
    mask[1, 2, 1] = False
    mask[3, 4, 2] = True
    volume(prep(root), STEM, mask=mask)
    second = load_targets(only(root))
    common, warnings = intersect_targets([first, second])
    assert common.names == ("1,3,1", "2,2,1", "2,3,1")
    assert common.index is not None
    assert common.index.tolist() == [[1, 3, 1], [2, 2, 1], [2, 3, 1]]
    assert "3 targets" in warnings[0]
    assert intersect_targets([first, first])[1] == ()


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdef"), unique=True, min_size=1), min_size=1, max_size=4))
def test_intersection_keeps_the_first_order(names: list[list[str]]) -> None:
    several = [Targets("parcels", "A", tuple(run)) for run in names]
    expected = tuple(name for name in names[0] if all(name in run for run in names))
    if expected:
        assert intersect_targets(several)[0].names == expected
    else:
        with pytest.raises(DataError, match="in common"):
            intersect_targets(several)


def test_runs_on_different_grids(root: Path) -> None:
    targets = load_targets(only(root))
    assert targets.affine is not None
    for other in (replace(targets, affine=targets.affine + 1), replace(targets, shape=(4, 5, 4))):
        with pytest.raises(DataError, match="grid"):
            intersect_targets([targets, other])
    with pytest.raises(DataError, match="joined"):
        intersect_targets([targets, replace(targets, space="T1w")])


# ------------------------------------------------------------------------------------------------ confounds
def fmriprep_table(root: Path, n: int = 20, drop: tuple[str, ...] = ()) -> dict[str, list[float]]:
    """fMRIPrep's columns, as its JSON describes them."""
    rng = np.random.default_rng(1)
    made: dict[str, Any] = {}
    for name in (*MOTION, "csf", "white_matter", "global_signal"):
        for ending in ("", "_derivative1", "_power2", "_derivative1_power2"):
            made[name + ending] = rng.normal(size=n).round(6).tolist()
            if "derivative1" in ending:
                made[name + ending][0] = "n/a"
    meta: dict[str, Any] = {}
    for at in range(8):
        made[f"a_comp_cor_{at:02d}"] = rng.normal(size=n).round(6).tolist()
        mask = "combined" if at % 2 else "CSF"
        meta[f"a_comp_cor_{at:02d}"] = {"Mask": mask, "Method": "aCompCor", "Retained": True, "SingularValue": 9 - at}
    made |= {"cosine00": rng.normal(size=n).round(6).tolist()}
    made |= {f"non_steady_state_outlier0{at}": [float(row == at) for row in range(n)] for at in range(2)}
    kept = {name: column for name, column in made.items() if name not in drop}
    path = confounds(prep(root), STEM, n, **kept)
    write_json(path.with_suffix(".json"), meta)
    return kept


@pytest.mark.parametrize(
    ("groups", "columns"),
    [
        ("motion", list(MOTION)),
        ("global", ["global_signal"]),
        ("wmcsf", ["csf", "white_matter"]),
        ("motion+global", [*MOTION, "global_signal"]),
        ("acompcor", ["a_comp_cor_01", "a_comp_cor_03", "a_comp_cor_05", "a_comp_cor_07"]),  # of the combined mask
        ("none", []),
    ],
)
def test_groups_of_fmriprep(root: Path, groups: str, columns: list[str]) -> None:
    table = fmriprep_table(root)
    response = respond(only(root), ResponseSpec(confounds=groups, high_pass_s=None))
    expected = np.array([table[name] for name in columns]).reshape(len(columns), 20).T
    assert response.nuisance.shape == expected.shape
    assert np.allclose(sorted(response.nuisance.T.tolist()), sorted(expected.T.tolist()))


def test_motion24_starts_with_zero_where_there_is_no_derivative(root: Path) -> None:
    table = fmriprep_table(root)
    nuisance = respond(only(root), ResponseSpec(confounds="motion24", high_pass_s=None)).nuisance
    assert nuisance.shape == (20, 24)
    assert (nuisance[0] == 0).sum() == 12
    wanted = table["rot_y_derivative1_power2"][1:]
    assert np.isclose(nuisance[1:], np.reshape(wanted, (-1, 1)), atol=1e-7).all(axis=0).any()


def test_plain_motion_is_expanded_as_fmriprep_does(root: Path) -> None:
    confounds(prep(root), STEM)
    recording = only(root)
    six = respond(recording, ResponseSpec(confounds="motion", high_pass_s=None)).nuisance
    full = respond(recording, ResponseSpec(confounds="motion24", high_pass_s=None)).nuisance
    assert np.array_equal(full[:, :6], six)
    assert np.allclose(full[5, 6:12], six[5] - six[4])
    assert not full[0, 6:12].any()
    assert np.allclose(full[:, 12:18], six**2)
    assert np.allclose(full[:, 18:], full[:, 6:12] ** 2)


def test_motion_and_its_change_for_the_baseline(root: Path) -> None:
    path = confounds(prep(root), STEM)
    six = respond(only(root), ResponseSpec(confounds="motion", high_pass_s=None)).nuisance
    found = motion(only(root), len(six))
    assert found is not None
    np.testing.assert_allclose(found, np.hstack([six, np.diff(six, axis=0, prepend=six[:1])]))
    assert motion(only(root), len(six) + 1) is None
    path.unlink()
    assert motion(only(root), len(six)) is None


def test_plain_acompcor_is_the_first_five(root: Path) -> None:
    columns = {f"a_comp_cor_{at:02d}": [float(at)] * 20 for at in range(7)}
    confounds(prep(root), STEM, **columns).with_suffix(".json").unlink()
    nuisance = respond(only(root), ResponseSpec(confounds="acompcor", high_pass_s=None)).nuisance
    assert nuisance[0].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("groups", "missing"), [("acompcor", "a_comp_cor_00"), ("motion+wmcsf", "csf, white_matter")]
)
def test_missing_group_says_which_columns(root: Path, groups: str, missing: str) -> None:
    with pytest.raises(DataError, match=missing):
        respond(only(root), ResponseSpec(confounds=groups))


def test_what_is_neither_group_nor_column_is_refused(root: Path) -> None:
    with pytest.raises(DataError, match="did you mean 'motion'"):
        respond(only(root), ResponseSpec(confounds="motions"))


def test_no_confounds_file_goes_on_with_a_warning(root: Path) -> None:
    next(prep(root).rglob("*confounds_timeseries.tsv")).unlink()
    response = respond(only(root), ResponseSpec(confounds="motion", high_pass_s=None))
    assert response.nuisance.shape == (20, 0)
    assert "no confounds file" in response.warnings[0]
    assert respond(only(root)).warnings == ()


def test_confounds_of_another_length(root: Path) -> None:
    confounds(prep(root), STEM, n=19)
    with pytest.raises(DataError, match="19 rows for 20 samples"):
        respond(only(root), ResponseSpec())


def test_confounds_that_are_not_wanted_cost_nothing(root: Path) -> None:
    confounds(prep(root), STEM, n=19)
    assert "another run" in respond(only(root)).warnings[0]


def test_non_steady_state_samples_are_not_valid(root: Path) -> None:
    fmriprep_table(root)
    for groups in ("none", "motion"):
        valid = respond(only(root), ResponseSpec(confounds=groups)).valid
        assert np.flatnonzero(~valid).tolist() == [0, 1]


def test_holes_in_confounds_are_told(root: Path) -> None:
    table: dict[str, Any] = {name: np.arange(20.0).tolist() for name in MOTION}
    table["trans_x"][4] = "n/a"
    confounds(prep(root), STEM, **table)
    response = respond(only(root), ResponseSpec(confounds="motion", high_pass_s=None))
    assert np.isfinite(response.nuisance).all()
    assert "missing in 1 samples" in response.warnings[0]


@settings(deadline=None)
@given(st.integers(2, 400), st.floats(0.3, 4.0), st.floats(30.0, 300.0))
def test_drift_is_orthogonal_and_slow(n: int, period_s: float, high_pass_s: float) -> None:
    drift = cosine_drift(n, period_s, high_pass_s)
    count = drift.shape[1]
    assert count <= 2 * n * period_s / high_pass_s + 1e-6
    assert np.allclose(drift.T @ drift, np.eye(count) * n / 2, atol=1e-6 * n)
    assert np.allclose(drift.sum(axis=0), 0, atol=1e-8 * n)


def test_drift_is_nilearns() -> None:
    from nilearn.glm.first_level.design_matrix import create_cosine_drift

    ours = cosine_drift(362, 2.0, 128.0)
    theirs = create_cosine_drift(1 / 128.0, np.arange(362) * 2.0)[:, :-1]  # its last column is the constant
    assert ours.shape == (362, 11)
    assert np.allclose(ours / np.linalg.norm(ours, axis=0), theirs / np.linalg.norm(theirs, axis=0))
    assert cosine_drift(362, 2.0, None).shape == (362, 0)


def test_drift_follows_confounds_in_nuisance(root: Path) -> None:
    nuisance = respond(only(root), ResponseSpec(confounds="motion", high_pass_s=20.0)).nuisance
    assert np.allclose(nuisance[:, 6:], cosine_drift(20, 2.0, 20.0))


def test_nothing_is_written(root: Path) -> None:
    surface(prep(root), STEM)
    parcels(prep(root), STEM)
    before = snapshot(root)
    for recording in find_recordings(RecordingQuery(root, root.parent / "out")).recordings:
        load_targets(recording)
    respond(only(root, filters={"bold": {"desc": "preproc"}}))
    assert snapshot(root) == before
    assert json.dumps(before)


def test_stretches_that_events_mark_as_bad_are_not_valid(tmp_path: Path) -> None:
    root = fmri_dataset(tmp_path / "bids", ("01",))
    columns = {"onset": [0.0, 9.5], "duration": [30.0, 4.0], "trial_type": ["story", "BAD_motion"],
               "stim_file": ["story.wav", "n/a"]}  # fmt: skip
    events(root, **columns)
    response = load_response(only(root), load_targets(only(root)), PLAIN)
    assert response.times_s[~response.valid].tolist() == [10.9, 12.9]
