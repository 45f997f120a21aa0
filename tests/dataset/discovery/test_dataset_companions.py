"""Mask and confounds of a response: by what contradicts nothing, whatever entities there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from bids_trees import AFFINE, SHAPE, SPACE, confounds, describe, events, some_mask, volume, write_tsv
from hypothesis import given
from hypothesis import strategies as st

from bids_app.dataset import find_recordings, load_targets
from bids_app.dataset.files.matching import best_matches
from bids_app.dataset.files.names import parse_name
from bids_app.records import Recording, RecordingQuery


@pytest.fixture
def root(tmp_path: Path) -> Path:
    describe(tmp_path / "bids")
    describe(tmp_path / "bids/derivatives/fmriprep", derivative=True)
    return tmp_path / "bids"


def only(root: Path, **settings: Any) -> Recording:
    (recording,) = find_recordings(RecordingQuery(root, root.parent / "out", **settings)).recordings
    return recording


def matched(names: list[str], response: str) -> list[str]:
    entities = parse_name(Path(response)).entities
    return [
        entry.path.name for entry in best_matches([parse_name(Path(name)) for name in names], entities, ("desc",))
    ]


CONFOUNDS = "desc-confounds_timeseries.tsv"


@pytest.mark.parametrize(
    ("names", "response", "expected"),
    [
        (["sub-1_task-a_part-mag"], "sub-1_task-a_part-mag", [0]),
        (["sub-1_task-a"], "sub-1_task-a_part-mag", [0]),  # the derivative dropped it
        (["sub-1_task-a_part-mag", "sub-1_task-a"], "sub-1_task-a_part-mag", [0]),
        (["sub-1_task-a_part-mag", "sub-1_task-a"], "sub-1_task-a", [1]),
        (["sub-1_task-a_part-mag", "sub-1_task-a_part-phase"], "sub-1_task-a", [0, 1]),  # ambiguous
        (["sub-1_task-a_echo-2"], "sub-1_task-a", [0]),
        (["sub-1_task-a_lab-x"], "sub-1_task-a_lab-y", []),  # an entity that no list knows
        (["sub-1_task-a_lab-x", "sub-1_task-a"], "sub-1_task-a_lab-x_acq-mb_space-MNI", [0]),
        (["sub-1_task-a_acq-mb_lab-x", "sub-1_task-a_acq-mb"], "sub-1_task-a_acq-mb", [1]),
        (["sub-1_task-a_run-1"], "sub-1_task-a_run-01", [0]),
        (["sub-1_task-a_run-1"], "sub-1_task-a", []),  # another run
        (["sub-1_task-b", "sub-2_task-a", "sub-1_ses-2_task-a"], "sub-1_task-a", []),
        (["sub-1_task-a"], "sub-1_ses-2_task-a_run-1", [0]),
    ],
)
def test_the_best_match(names: list[str], response: str, expected: list[int]) -> None:
    files = [f"{name}_{CONFOUNDS}" for name in names]
    assert matched(files, f"{response}_desc-preproc_bold.nii.gz") == [files[at] for at in expected]


ENTITIES = st.dictionaries(st.sampled_from(["acq", "ce", "echo", "part", "zoo"]), st.sampled_from("ab"))


@given(st.lists(ENTITIES, max_size=5), ENTITIES)
def test_what_matches_contradicts_nothing_and_the_own_name_always_matches(
    several: list[dict[str, str]], own: dict[str, str]
) -> None:
    def named(entities: dict[str, str]) -> str:
        return "_".join(["sub-1", *(f"{key}-{value}" for key, value in entities.items()), CONFOUNDS])

    found = matched([named(one) for one in several], named(own))
    for name in found:
        entities = parse_name(Path(name)).entities
        assert all(own.get(key, value) == value for key, value in entities.items() if key not in ("sub", "desc"))
    assert bool(found) is any(all(own.get(k, v) == v for k, v in one.items()) for one in several)
    assert not any(one == own for one in several) or set(found) == {named(one) for one in several if one == own}


@pytest.mark.parametrize("extra", ["_part-mag", "_acq-mb_ce-x", "_lab-new", "_rec-a_dir-AP"])
def test_entities_hide_neither_mask_nor_confounds(root: Path, extra: str) -> None:
    stem = f"sub-01_task-story{extra}"
    events(root)
    volume(root / "derivatives/fmriprep", stem, mask=some_mask())
    confounds(root / "derivatives/fmriprep", stem)
    recording = only(root)
    assert {"mask", "confounds"} <= set(recording.companions)
    assert recording.warnings == ()


def test_companions_that_fit_equally_well_are_not_guessed(root: Path) -> None:
    events(root)
    volume(root / "derivatives/fmriprep", "sub-01_task-story")
    for part in ("mag", "phase"):
        confounds(root / "derivatives/fmriprep", f"sub-01_task-story_part-{part}")
    recording = only(root)
    assert "confounds" not in recording.companions
    assert any("2 files could be its confounds" in line and "none is used" in line for line in recording.warnings)


def test_a_companion_that_names_more_is_told(root: Path) -> None:
    events(root)
    volume(root / "derivatives/fmriprep", "sub-01_task-story", mask=some_mask())
    confounds(root / "derivatives/fmriprep", "sub-01_task-story_acq-mb")
    recording = only(root)
    assert "confounds" in recording.companions
    assert recording.warnings == ("its confounds names acq-mb, which the response does not",)


@pytest.mark.parametrize(("grid", "used"), [(AFFINE, True), (2 * AFFINE, False)])
def test_a_mask_of_another_resolution_is_used_where_it_lies_on_the_grid(
    root: Path, grid: np.ndarray, used: bool
) -> None:
    events(root)
    path = volume(root / "derivatives/fmriprep", "sub-01_task-story")
    mask = path.with_name(f"sub-01_task-story_space-{SPACE}_res-2_desc-brain_mask.nii.gz")
    nibabel.save(nibabel.Nifti1Image(np.ones(SHAPE, np.uint8), grid), mask)
    recording = only(root)
    assert ("mask" in recording.companions) is used
    assert len(load_targets(recording).names) == (60 if used else 59)


@pytest.mark.parametrize("name", ["desc-confounds_regressors.tsv", "confounds.tsv"])
def test_confounds_of_other_names(root: Path, name: str) -> None:
    events(root)
    path = volume(root / "derivatives/fmriprep", "sub-01_task-story")
    write_tsv(path.with_name(f"sub-01_task-story_{name}"), {"trans_x": range(20)})
    assert only(root).companions["confounds"].name.endswith(name)


@pytest.mark.parametrize(
    ("extra", "names", "expected"),
    [
        ("_part-mag", ["sub-01_task-story"], 0),  # an entity that the table does not name hides it not
        ("", ["sub-01_task-story_acq-mb"], 0),
        ("", ["sub-01"], None),  # of no one run
        ("", ["sub-01_task-other"], None),
        ("", ["sub-01_task-story_acq-a", "sub-01_task-story_acq-b"], "2 files could say which samples"),
        ("_acq-a", ["sub-01_task-story_acq-a", "sub-01_task-story_acq-b"], 0),
    ],
)
def test_tables_of_dropped_samples_are_found_in_the_same_way(
    root: Path, extra: str, names: list[str], expected: Any
) -> None:
    events(root)
    path = volume(root / "derivatives/fmriprep", f"sub-01_task-story{extra}")
    for name in names:
        write_tsv(path.with_name(f"{name}_outliers.tsv"), {"framewise_displacement": [0] * 20})
    found = find_recordings(RecordingQuery(root, root.parent / "out"))
    if isinstance(expected, str):
        assert expected in found.excluded[0].reason
    else:
        outliers = found.recordings[0].companions.get("outliers")
        assert (None if outliers is None else outliers.name) == (
            None if expected is None else f"{names[expected]}_outliers.tsv"
        )
