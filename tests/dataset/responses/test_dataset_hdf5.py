"""Responses as HDF5 arrays: every number comes out where it went in, places come from the mask, traps are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import nibabel
import numpy as np
import pytest
from bids_trees import AFFINE, describe, events, fmri_dataset, some_mask, write_json
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bids_app.dataset import find_recordings, load_response, load_targets
from bids_app.dataset.responses.hdf5 import describe_array, mask_voxels
from bids_app.errors import DataError, NoInput, UsageError
from bids_app.records import FoundRecordings, Recording, RecordingQuery, ResponseFiles, ResponseSpec

PLAIN = ResponseSpec(confounds="none", high_pass_s=None)
LEBEL = ResponseFiles(
    files="derivative/data/{sub}/{task}.hf5",
    mask="derivative/db/{sub}/transforms/{sub}_auto/mask_*.nii.gz",
    order="F",
)


def write_array(path: Path, values: Any, key: str = "data", **beside: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file[key] = values
        for name, content in beside.items():
            file[name] = content
    return path


def write_mask(path: Path, mask: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(mask.astype(np.uint8), AFFINE), path)
    return path


def numbered(n_times: int, n_columns: int) -> np.ndarray:
    """Row t, column c holds 1000 t + c."""
    return (1000.0 * np.arange(n_times)[:, None] + np.arange(n_columns)).astype(np.float64)


@pytest.fixture
def lebel(tmp_path: Path) -> Path:
    """Two people outside BIDS names; one of them has no raw folder."""
    root = tmp_path / "bids"
    describe(root)
    for task in ("story", "other"):
        write_json(root / f"task-{task}_bold.json", {"RepetitionTime": 2.0, "StartTime": 10.0})
    for sub in ("UTS01", "UTS02"):
        events(root, sub)
        write_array(root / f"derivative/data/{sub}/story.hf5", numbered(12, 4))
        write_mask(root / f"derivative/db/{sub}/transforms/{sub}_auto/mask_thick.nii.gz", some_mask())
        write_mask(root / f"derivative/db/{sub}/transforms/{sub}_auto/mask_thin.nii.gz", np.ones((4, 5, 3)))
    return root


def found(root: Path, responses: ResponseFiles | None = LEBEL, **settings: Any) -> FoundRecordings:
    return find_recordings(RecordingQuery(root, root.parent / "out", responses=responses, **settings))


def read(recording: Recording) -> Any:
    return load_response(recording, load_targets(recording), PLAIN)


def test_a_recipe_finds_files_and_the_mask_that_fits_gives_columns_their_place(lebel: Path) -> None:
    first, second = found(lebel).recordings
    assert (first.participant, second.participant) == ("UTS01", "UTS02")
    assert (first.kind, first.rate_hz, first.start_s, first.entities["task"]) == ("volume", 0.5, 10.0, "story")
    assert first.companions["mask"].name == "mask_thick.nii.gz"
    response = read(first)
    np.testing.assert_array_equal(response.times_s, 10.0 + 2.0 * np.arange(12))
    np.testing.assert_array_equal(response.values, numbered(12, 4))
    in_pycortex_order = [(int(i), int(j), int(k)) for k, j, i in np.argwhere(some_mask().T)]
    assert [tuple(map(int, voxel)) for voxel in np.asarray(response.targets.index)] == in_pycortex_order
    assert in_pycortex_order != [tuple(map(int, voxel)) for voxel in np.argwhere(some_mask())]  # the order matters


def test_without_a_mask_that_fits_columns_have_no_place_and_that_is_told(lebel: Path) -> None:
    (lebel / "derivative/db/UTS01/transforms/UTS01_auto/mask_thick.nii.gz").unlink()
    first = found(lebel).recordings[0]
    assert first.kind == "array"
    assert "mask_thin.nii.gz has 60 voxels" in " ".join(first.warnings)
    targets = load_targets(first)
    assert targets.names == ("0", "1", "2", "3")
    assert targets.shape == (4,)


def test_a_run_with_other_columns_costs_itself(lebel: Path) -> None:
    write_array(lebel / "derivative/data/UTS01/other.hf5", numbered(12, 9))
    events(lebel, "UTS01", task="other")
    result = found(lebel, participants=("UTS01",))
    assert [one.entities["task"] for one in result.recordings] == ["story"]
    assert "fit no mask" in result.excluded[0].reason


def test_labels_choose_and_people_without_a_raw_folder_count(lebel: Path) -> None:
    write_array(lebel / "derivative/data/UTS09/story.hf5", numbered(12, 4))
    result = found(lebel, participants=("UTS09",))
    assert "no events.tsv" in result.excluded[0].reason
    assert result.excluded[0].participant == "UTS09"


@pytest.mark.parametrize(
    ("files", "error"),
    [
        ("/abs/{sub}/{task}.hf5", UsageError),
        ("../{sub}/{task}.hf5", UsageError),
        ("derivative/data/{sub}/story.hf5", UsageError),
        ("nowhere/{sub}/{task}.hf5", NoInput),
    ],
)
def test_templates_that_cannot_be_used(lebel: Path, files: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        found(lebel, ResponseFiles(files))


def test_an_entity_that_stands_twice_must_agree(lebel: Path) -> None:
    write_array(lebel / "twice/UTS01/UTS02_story.hf5", numbered(3, 2))
    write_array(lebel / "twice/UTS01/UTS01_story.hf5", numbered(3, 2))
    (only,) = found(lebel, ResponseFiles("twice/{sub}/{sub}_{task}.hf5")).recordings
    assert only.label == "sub-UTS01_task-story"


def test_files_of_one_name_are_two_recordings(lebel: Path) -> None:
    for person in ("UTS01", "UTS02"):
        write_array(lebel / f"one_name/{person}/story.hf5", numbered(3, 2))
    several = found(lebel, ResponseFiles("one_name/{sub}/{task}.hf5"), participants=("UTS01", "UTS02"))
    labels = [one.label for one in (*several.recordings, *several.excluded)]
    assert sorted(labels) == ["sub-UTS01_task-story", "sub-UTS02_task-story"]


# ------------------------------------------------------------------------------------------------ BIDS names
def test_bids_names_with_and_without_a_mask(tmp_path: Path) -> None:
    root = fmri_dataset(tmp_path / "bids", people=("01",), derivative="derivatives/arrays")
    func = root / "derivatives/arrays/sub-01/func"
    for path in func.glob("*"):
        path.unlink()
    path = write_array(func / "sub-01_task-story_bold.h5", numbered(20, 4))
    write_json(path.with_suffix(".json"), {"RepetitionTime": 1.5, "StartTime": 0.75})
    (recording,) = found(root, None).recordings
    assert (recording.kind, recording.space, recording.start_s) == ("array", "n/a", 0.75)
    np.testing.assert_array_equal(read(recording).values, numbered(20, 4))
    write_mask(func / "sub-01_task-story_desc-brain_mask.nii.gz", some_mask())
    (recording,) = found(root, None).recordings
    assert recording.kind == "volume"
    np.testing.assert_array_equal(np.asarray(load_targets(recording).index), np.argwhere(some_mask()))


# ------------------------------------------------------------------------------------------------ numbers
@settings(max_examples=25, deadline=None)
@given(
    values=arrays.arrays(
        st.sampled_from([np.float16, np.float32, np.float64, np.int16]), arrays.array_shapes(min_dims=2, max_dims=2)
    )
)
def test_every_number_comes_out_where_it_went_in(tmp_path_factory: Any, values: np.ndarray) -> None:
    root = tmp_path_factory.mktemp("any")
    path = write_array(root / "x.h5", values)
    recording = Recording("01", "fmri", "array", "individual", {}, (path,), 0.5, 0.0, ())
    got = read(recording).values
    with np.errstate(over="ignore"):
        wanted = values.astype(np.float32)
    np.testing.assert_array_equal(got, np.where(np.isinf(wanted), np.nan, wanted))


@settings(max_examples=25, deadline=None)
@given(mask=arrays.arrays(bool, arrays.array_shapes(min_dims=3, max_dims=3, max_side=4)))
def test_both_orders_are_those_of_numpy_and_of_pycortex(tmp_path_factory: Any, mask: np.ndarray) -> None:
    path = write_mask(tmp_path_factory.mktemp("mask") / "mask.nii.gz", mask)
    place = np.arange(mask.size).reshape(mask.shape)
    for order, wanted in (("C", place[mask]), ("F", place.T[mask.T])):
        i, j, k = mask_voxels(path, order).T  # type: ignore[arg-type]
        np.testing.assert_array_equal(place[i, j, k], wanted)


# ------------------------------------------------------------------------------------------------ damage and traps
def test_the_mean_is_taken_where_single_hearings_lie_beside_it(tmp_path: Path) -> None:
    path = write_array(tmp_path / "x.hf5", numbered(3, 2), individual_repeats=np.zeros((10, 3, 2)))
    assert describe_array(path).warnings == ("'data' is read, not individual_repeats",)
    assert describe_array(write_array(tmp_path / "y.h5", numbered(3, 2), key="zscored")).n_columns == 2


def linked(path: Path, kind: str) -> Path:
    other = write_array(path.with_name("other.h5"), numbered(3, 2))
    with h5py.File(path, "w") as file:
        if kind == "external":
            file["data"] = h5py.ExternalLink(str(other), "/data")
        elif kind == "soft":
            file["away"] = h5py.ExternalLink(str(other), "/")
            file["data"] = h5py.SoftLink("/away/data")
        elif kind == "virtual":
            layout = h5py.VirtualLayout(shape=(3, 2), dtype="f8")
            layout[:] = h5py.VirtualSource(str(other), "data", shape=(3, 2))
            file.create_virtual_dataset("data", layout)
        elif kind == "storage":
            file.create_dataset("data", (3, 2), "f8", external=[(str(other), 0, 48)])
    return path


@pytest.mark.parametrize("kind", ["external", "soft", "virtual", "storage"])
def test_what_lies_in_other_files_is_never_read(tmp_path: Path, kind: str) -> None:
    with pytest.raises(DataError, match=r"link|other files"):
        describe_array(linked(tmp_path / "x.h5", kind))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (np.zeros((2, 3, 4)), "2×3×4 of float64, not volumes × voxels"),
        (np.zeros((0, 4)), "empty"),
        (np.array([[b"a"]]), "not volumes × voxels"),
        (np.zeros((2, 2), dtype=complex), "complex"),
        (3.0, "one number"),
    ],
)
def test_arrays_of_another_form_are_one_line(tmp_path: Path, content: Any, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        describe_array(write_array(tmp_path / "x.h5", content))
    assert "\n" not in str(caught.value)


def test_damaged_files_are_one_line(tmp_path: Path) -> None:
    path = write_array(tmp_path / "x.h5", numbered(50, 40))
    whole = path.read_bytes()
    for size in (0, 10, len(whole) // 2):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError) as caught:
            describe_array(path)
        assert "\n" not in str(caught.value)
    with h5py.File(path, "w") as file:
        file.create_dataset("data", (10**7, 10**6), "f4", chunks=(1, 1000))
    with pytest.raises(DataError, match="larger than any run"):
        describe_array(path)
    with h5py.File(path, "w") as file:
        file.create_group("data")
    with pytest.raises(DataError, match="no array"):
        describe_array(path)
