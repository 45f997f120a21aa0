"""Which units of two runs can be compared block by block, and the difference of a part."""

from dataclasses import replace

import numpy as np
import pytest

from bids_app.group import compared_unit, paired_blocks, why_not_paired
from bids_app.records import Targets, partition_components
from bids_app.records.fits import BlockSums

NAMES = ("a", "b", "c")
UNIONS = (("x",), ("y",), ("x", "y"))


def sums(seed=0, n_blocks=9):
    rng = np.random.default_rng(seed)
    gains = {union: rng.standard_normal((n_blocks, 3)) for union in UNIONS}
    starts = np.arange(n_blocks) * 60.0
    total, checks = np.full((n_blocks, 3), 50.0), np.ones((n_blocks, 3))
    total[:, 2] = checks[:, 2] = np.nan
    for each in gains.values():
        each[:, 2] = np.nan
    return BlockSums(
        total, gains, ("run-1",) * n_blocks, starts, np.arange(n_blocks) // 3, np.full(n_blocks, 30), checks
    )


def test_the_same_responses_can_be_compared():
    assert why_not_paired(sums(0), sums(1), (NAMES, NAMES)) == ""


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"runs": ("run-2",) * 9}, "other recordings"),
        ({"starts_s": np.arange(9) * 61.0}, "other blocks of time"),
        ({"sizes": np.full(9, 29)}, "used other samples"),
        ({"folds": np.arange(9) // 5}, "other outer folds"),
        ({"total": np.full((9, 3), 50.1)}, "other responses"),
        (
            {"checks": np.full((9, 3), 1.1)},
            "other responses",
        ),  # cleaned otherwise, then z-scored
    ],
)
def test_what_differs_is_said(changes, why):
    assert why in why_not_paired(sums(), replace(sums(), **changes), (NAMES, NAMES))


def test_other_targets_and_other_numbers_of_blocks():
    assert "other targets (3 and 2)" in why_not_paired(sums(), sums(), (NAMES, NAMES[:2]))
    assert "(9 and 8)" in why_not_paired(sums(), sums(n_blocks=8), (NAMES, NAMES))


def test_a_part_is_a_signed_sum_of_unions():
    one, other = sums(0), sums(1)
    unique = next(part for part in partition_components(("x", "y")) if part.label == "uniqueX")
    targets = Targets("parcels", "atlas", NAMES)
    blocks = paired_blocks((one, other), (unique, unique))
    found = compared_unit("sub-01_task-story", "01", targets, blocks, np.arange(3))
    parts = [(each.gains["x", "y"] - each.gains["y",]).sum(axis=0) / 450.0 for each in (one, other)]
    np.testing.assert_allclose(found.first[:2], parts[0][:2])
    np.testing.assert_allclose(found.values["difference"][:2], (parts[0] - parts[1])[:2])
    np.testing.assert_allclose(found.mean["difference"], (parts[0] - parts[1])[:2].mean())
    assert found.mean["ci025"] < found.mean["difference"] < found.mean["ci975"]
    assert np.isnan(found.values["p"][2])
    assert found.n_blocks == 9
