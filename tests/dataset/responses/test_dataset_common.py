"""Grids that differ by rounding, and runs that would cost the others their targets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from bids_trees import AFFINE, SHAPE, fmri_dataset, some_mask
from hypothesis import given
from hypothesis import strategies as st

from bids_app.dataset import (
    align,
    find_recordings,
    intersect_targets,
    load_response,
    load_targets,
    lost_to_others,
    targets_of_most,
    with_companions,
)
from bids_app.dataset.responses.common import varying
from bids_app.errors import DataError
from bids_app.records import RecordingQuery, ResponseSpec, Targets, grid_offset

VOXELS = tuple(f"{i},{j},{k}" for i in range(4) for j in range(3) for k in range(2))
PLAIN = ResponseSpec("none", None)


def shifted(**mm: float) -> np.ndarray:
    affine = AFFINE.copy()
    for axis, distance in mm.items():
        affine["xyz".index(axis), 3] += distance
    return affine


def scaled(by: float) -> np.ndarray:
    affine = AFFINE.copy()
    affine[:3, :3] *= by
    return affine


@pytest.mark.parametrize(
    ("affine", "severity"),
    [
        (AFFINE, None),
        (AFFINE.astype(np.float32) * np.float32(1.0000001), None),
        (shifted(x=0.01), None),
        (shifted(x=0.05), "warning"),
        (shifted(x=0.05, y=0.05, z=0.05), "warning"),
        (scaled(1.01), "warning"),  # 0.04 voxels at the far corner of so small a grid
        (shifted(z=0.5), "refusal"),
        (shifted(z=1.0), "refusal"),
        (scaled(-1), "refusal"),
    ],
)
def test_a_mask_off_by_rounding_is_used_and_told_and_one_truly_off_refused(
    tmp_path: Path, affine: np.ndarray, severity: str | None
) -> None:
    root = fmri_dataset(tmp_path / "bids", people=("01",))
    mask = next((root / "derivatives").rglob("*mask.nii.gz"))
    image = nibabel.Nifti1Image(some_mask().astype(np.uint8), affine)
    nibabel.save(image, mask)
    (recording,) = find_recordings(RecordingQuery(root, tmp_path / "out")).recordings
    account = with_companions(align(recording, []), recording, PLAIN)
    lines = [line for line in account.lines if "mask" in line.text]
    assert [line.severity for line in lines] == ([severity] if severity else [])
    if severity == "refusal":
        with pytest.raises(DataError, match="does not lie on the grid"):
            load_targets(recording)
    else:
        assert len(load_targets(recording).names) == some_mask().sum()


@pytest.mark.parametrize(
    ("inside", "outside", "told"), [(0.999, 0.001, False), (255, 0, False), (0.6, 0.0, True), (1.0, 0.4, True)]
)
def test_masks_of_fractions(tmp_path: Path, inside: float, outside: float, told: bool) -> None:
    root = fmri_dataset(tmp_path / "bids", people=("01",))
    mask = next((root / "derivatives").rglob("*mask.nii.gz"))
    values = np.where(some_mask(), inside, outside).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(values, AFFINE), mask)
    (recording,) = find_recordings(RecordingQuery(root, tmp_path / "out")).recordings
    targets = load_targets(recording)
    assert len(targets.names) == some_mask().sum()
    assert any("fractions" in line for line in load_response(recording, targets, PLAIN).warnings) is told


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3))
def test_an_offset_is_that_of_the_furthest_voxel(x: float, y: float, z: float) -> None:
    other = shifted(x=x, y=y, z=z)
    other[0, 1] += 0.1  # a shear: 0.4 mm at the end of axis y
    voxels = np.stack(np.meshgrid(*map(range, SHAPE), indexing="ij"), axis=-1).reshape(-1, 3)
    apart = np.linalg.norm(np.c_[voxels, np.ones(len(voxels))] @ (AFFINE - other).T, axis=1)
    assert grid_offset(SHAPE, AFFINE, other) == pytest.approx(apart.max() / 2, abs=1e-9)


# ------------------------------------------------------------------------------------------------ runs
def run(names: Any = VOXELS, **other: Any) -> Targets:
    return replace(Targets("volume", "MNI", tuple(names), None, (4, 3, 2), AFFINE), **other)


def lost(*runs: Targets, dead: dict[int, Any] | None = None) -> dict[int, str]:
    alive = [np.ones(len(one.names), dtype=bool) for one in runs]
    for number, which in (dead or {}).items():
        alive[number][which] = False
    return lost_to_others(runs, alive)


ALL = slice(None)


@pytest.mark.parametrize(
    ("runs", "dead", "left_out"),
    [
        ([run()] * 3, {}, {}),
        ([run()], {0: ALL}, {}),  # nobody to compare with: the fit says that nothing varies
        ([run()] * 3, {1: ALL}, {1: "never varies"}),  # a run of zeros
        ([run()] * 2, {0: ALL}, {0: "never varies"}),
        ([run()] * 2, {0: ALL, 1: ALL}, {}),
        ([run()] * 3, {1: slice(0, 11)}, {}),  # 11 of 24 dead: intersected, as ever
        ([run()] * 3, {1: slice(0, 13)}, {1: "lacks 13 of the 24 targets"}),
        ([run()] * 4, {0: ALL, 3: ALL}, {0: "never varies", 3: "never varies"}),
        ([run(), run(VOXELS[:1]), run()], {}, {1: "lacks 23 of the 24 targets"}),  # a broken mask
        ([run(VOXELS[:1]), run()], {}, {0: "lacks 23 of the 24 targets"}),
        ([run(VOXELS[:12]), run(VOXELS[12:])], {}, {}),  # nothing in common: neither is the odd one
        ([run(), run(VOXELS[:20]), run(VOXELS[4:])], {}, {}),
        ([run()] * 3, {number: slice(20, 24) for number in range(3)}, {}),  # a medial wall is dead in all
        ([run(), run(), run(shape=(9, 9, 9))], {}, {2: "its grid (9, 9, 9)"}),
        ([run(), run(), run(affine=shifted(x=2.0))], {}, {2: "its grid"}),
        ([run(), run(affine=shifted(x=0.05)), run()], {}, {}),
        ([run(), run(shape=(9, 9, 9))], {}, {}),  # one against one: refused as a whole
    ],
)
def test_a_run_that_would_cost_the_others_their_targets_costs_itself(
    runs: list[Targets], dead: dict[int, Any], left_out: dict[int, str]
) -> None:
    found = lost(*runs, dead=dead)
    assert set(found) == set(left_out)
    for number, reason in left_out.items():
        assert reason in found[number]


@given(st.lists(st.sets(st.sampled_from(VOXELS), min_size=1), min_size=2, max_size=5))
def test_whoever_is_kept_has_half_of_what_is_shared(runs: list[set[str]]) -> None:
    several = [run(sorted(names)) for names in runs]
    found = lost(*several)
    assert len(found) < len(several)
    shared = {name for name in VOXELS if 2 * sum(name in names for names in runs) >= len(runs)}
    for number, names in enumerate(runs):
        assert found == {} or (number in found) is (2 * len(shared - names) > len(shared))


def test_grids_apart_by_rounding_are_joined_and_told() -> None:
    common, warnings = intersect_targets([run(), run(affine=shifted(x=0.05))])
    assert common.names == VOXELS
    assert "0.025 voxels apart: taken for rounding" in warnings[0]
    assert intersect_targets([run(), run(affine=shifted(x=0.001))])[1] == ()
    with pytest.raises(DataError, match="different grids"):
        intersect_targets([run(), run(affine=shifted(x=0.5))])


def test_what_varies() -> None:
    values = np.random.default_rng(0).normal(size=(9, 5)).astype(np.float32)
    values[:, 1] = 3.0
    values[2, 2] = np.nan
    values[8, 3] = np.nan
    values[:8, 4] = 7.0
    used = np.arange(9) < 8
    assert varying(values, used).tolist() == [True, False, False, True, False]
    assert not varying(values, np.zeros(9, dtype=bool)).any()


def test_targets_of_most_keep_their_places_and_what_is_left_out_is_told() -> None:
    index = np.stack(np.unravel_index(np.arange(24), (4, 3, 2)), axis=1)

    def some(rows: list[int]) -> Targets:
        return Targets("volume", "MNI", tuple(VOXELS[row] for row in rows), index[rows], (4, 3, 2), np.eye(4))

    several = [some([0, 1, 2]), some([5, 1, 2]), some([2, 5, 1, 7])]
    found, told = targets_of_most(several, 2)
    assert found.names == tuple(VOXELS[row] for row in (1, 2, 5))
    np.testing.assert_array_equal(found.index, index[[1, 2, 5]])
    assert told == ("3 of 5 targets are used: those of at least 2 of 3 participants",)
    for least in (3, 9):
        (all_have, told), expected = targets_of_most(several, least), intersect_targets(several)
        assert (all_have.names, told) == (expected[0].names, expected[1])
    assert targets_of_most(several, 1)[1] == ()
    with pytest.raises(DataError, match="no target is common to 2 of 3"):
        targets_of_most([some([0]), some([1]), some([2])], 2)
