"""Responses in CIFTI-2: every greyordinate and parcel comes out where it went in; clocks, twins and damage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from bids_trees import confounds, fmri_dataset, parcels, write_json
from cifti_files import dense_axis, parcel_axis, write_series
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel import cifti2

from bids_app.dataset import find_recordings, intersect_targets, load_response, load_targets
from bids_app.dataset.responses.cifti import cifti_targets, cifti_values, count_samples, series_clock
from bids_app.errors import DataError
from bids_app.outputs.files.cifti import greyordinate_places
from bids_app.records import Recording, RecordingQuery, ResponseSpec

PLAIN = ResponseSpec(confounds="none", high_pass_s=None)
STEM = "sub-01_task-story"


@pytest.fixture
def func(tmp_path: Path) -> Path:
    """The folder of one person's derivatives, which holds confounds alone."""
    root = fmri_dataset(tmp_path / "bids", people=("01",))
    folder = root / "derivatives/fmriprep/sub-01/func"
    for path in folder.glob("*"):
        path.unlink()
    confounds(root / "derivatives/fmriprep", STEM)
    return folder


def found(func: Path) -> list[Recording]:
    root = func.parents[3]
    return list(find_recordings(RecordingQuery(root, root.parent / "out")).recordings)


def numbered(n_times: int, n_columns: int) -> np.ndarray:
    return 1000.0 * np.arange(n_times)[:, None] + np.arange(n_columns)


def recording(path: Path, kind: Any = "greyordinates") -> Recording:
    return Recording("01", "fmri", kind, "fsLR", {}, (path,), 0.5, 0.0, ())


def test_fmriprep_series_are_greyordinates(func: Path) -> None:
    path = write_series(func / f"{STEM}_space-fsLR_den-91k_bold.dtseries.nii", dense_axis(), numbered(20, 9))
    write_json(func / f"{STEM}_space-fsLR_den-91k_bold.json", {"StartTime": 0.9, "RepetitionTime": 2.0})
    (one,) = found(func)
    assert (one.kind, one.space, one.rate_hz, one.start_s) == ("greyordinates", "fsLR", 0.5, 0.9)
    assert one.companions["confounds"].name.endswith("desc-confounds_timeseries.tsv")
    response = load_response(one, load_targets(one), PLAIN)
    np.testing.assert_array_equal(response.values, numbered(20, 9))
    assert response.targets.names == (
        "CORTEX_LEFT:10", "CORTEX_LEFT:20", "CORTEX_LEFT:30", "CORTEX_RIGHT:5", "CORTEX_RIGHT:15",
        "THALAMUS_LEFT:50,55,35", "THALAMUS_LEFT:50,55,36", "PUTAMEN_RIGHT:30,55,35", "PUTAMEN_RIGHT:30,55,36",
    )  # fmt: skip
    assert response.targets.shape == (32492, 32492, 91, 109, 91)
    assert count_samples(path) == 20


def test_sidecars_of_the_series_itself_and_the_header_say_the_period(func: Path) -> None:
    path = write_series(
        func / f"{STEM}_space-fsLR_bold.dtseries.nii", dense_axis(), numbered(4, 9), step=1.5, start=3
    )
    for raw in func.parents[3].glob("sub-01/func/*_bold.json"):
        raw.unlink()
    assert series_clock(path) == (3.0, 1.5)
    (one,) = found(func)
    assert one.rate_hz == pytest.approx(1 / 1.5)
    assert "taken from the image's header" in " ".join(one.warnings)
    write_json(path.with_suffix(".json"), {"RepetitionTime": 1.25})
    assert found(func)[0].rate_hz == 0.8
    write_series(path, dense_axis(), numbered(4, 9), unit="HERTZ")
    assert series_clock(path) == (0.0, 0.0)


def test_xcp_d_parcels_are_read_once(func: Path) -> None:
    parcels(func.parents[1], STEM, n=20)
    path = func / f"{STEM}_space-MNI152NLin2009cAsym_seg-Schaefer_den-91k_stat-mean_timeseries.ptseries.nii"
    write_series(path, parcel_axis(), numbered(20, 3))
    (one,) = found(func)
    assert (one.kind, one.space, one.paths[0]) == ("parcels", "Schaefer", path)
    response = load_response(one, load_targets(one), PLAIN)
    assert response.targets.names == ("LH_Aud", "RH_Aud", "Thal")
    np.testing.assert_array_equal(response.values, numbered(20, 3))


def test_runs_on_other_greyordinates_meet_where_both_have_them(tmp_path: Path) -> None:
    first = write_series(tmp_path / "a.dtseries.nii", dense_axis(3, 2), numbered(4, 9))
    other = write_series(tmp_path / "b.dtseries.nii", dense_axis(2, 3), numbered(4, 9))
    common, warnings = intersect_targets([cifti_targets(recording(path)) for path in (first, other)])
    assert len(common.names) == 8
    assert warnings
    np.testing.assert_array_equal(cifti_values(first, common)[0], [0, 1, 3, 4, 5, 6, 7, 8])
    np.testing.assert_array_equal(cifti_values(other, common)[0], [0, 1, 2, 3, 5, 6, 7, 8])
    with pytest.raises(DataError, match="places are not in the file"):
        cifti_values(other, cifti_targets(recording(first)))


@settings(max_examples=15, deadline=None)
@given(left=st.sets(st.integers(0, 99), min_size=1), right=st.sets(st.integers(0, 99), min_size=1), data=st.data())
def test_every_greyordinate_is_placed_where_the_file_has_it(
    tmp_path_factory: Any, left: set[int], right: set[int], data: Any
) -> None:
    mask = data.draw(st.lists(st.booleans(), min_size=24, max_size=24).filter(any))
    voxels = cifti2.BrainModelAxis.from_mask(
        np.reshape(mask, (2, 3, 4)), name="other", affine=np.diag([3.0, 2.0, 1.0, 1.0])
    )
    axis = (
        cifti2.BrainModelAxis.from_surface(data.draw(st.permutations(sorted(left))), 100, "CortexLeft")
        + cifti2.BrainModelAxis.from_surface(data.draw(st.permutations(sorted(right))), 100, "CortexRight")
        + voxels
    )
    path = write_series(tmp_path_factory.mktemp("any") / "x.dtseries.nii", axis, numbered(2, len(axis)))
    targets = cifti_targets(recording(path))
    places, values = greyordinate_places(targets.names, targets.affine), cifti_values(path, targets)[0]
    for side, name in enumerate(("CORTEX_LEFT", "CORTEX_RIGHT")):
        rows, vertices = places.sides[side]
        wanted = {
            int(axis[int(column)][1]): column for column in np.flatnonzero(axis.name == f"CIFTI_STRUCTURE_{name}")
        }
        assert {int(vertex): values[row] for row, vertex in zip(rows, vertices, strict=True)} == wanted
    np.testing.assert_array_equal(places.xyz_mm, np.argwhere(np.reshape(mask, (2, 3, 4))) * [3.0, 2.0, 1.0])


def test_damaged_and_other_files_are_one_line(tmp_path: Path) -> None:
    path = write_series(tmp_path / "x.dtseries.nii", dense_axis(), numbered(50, 9))
    whole = path.read_bytes()
    cases = {"empty": b"", "head": whole[:300], "no xml": whole[:700], "cut off": whole[:-400]}
    for content in cases.values():
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            cifti_values(path, cifti_targets(recording(path)))
        assert "\n" not in str(caught.value)
        for header in (count_samples, series_clock):
            if content != whole[:-400]:  # a header alone cannot see that
                with pytest.raises(DataError):
                    header(path)
    nibabel.save(nibabel.Nifti1Image(np.zeros((2, 2, 2, 5), np.float32), np.eye(4)), path)
    with pytest.raises(DataError, match="no CIFTI-2 series"):
        cifti_targets(recording(path))
    write_series(path, parcel_axis(), numbered(2, 3))
    with pytest.raises(DataError, match="holds parcels, its name says otherwise"):
        cifti_targets(recording(path))
    scalar = cifti2.Cifti2Header.from_axes((cifti2.ScalarAxis(["x"]), dense_axis()))
    nibabel.save(cifti2.Cifti2Image(np.zeros((1, 9), np.float32), scalar), path)
    with pytest.raises(DataError, match="no CIFTI-2 series"):
        cifti_targets(recording(path))
    with pytest.raises(DataError, match="stand twice"):
        cifti_targets(recording(write_series(path, dense_axis() + dense_axis(), numbered(2, 18))))
