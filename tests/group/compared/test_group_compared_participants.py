"""Differences of two runs over participants: by hand, with what all responses share by chance, planted, and null."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from bids_app.group import WHOLE, blocks_of, compared_group, compared_regions, compared_unit, joined
from bids_app.group.compared.over_participants import two_sided
from bids_app.group.compared.pairs import PairedBlocks
from bids_app.group.electrodes import mean_and_error
from bids_app.records import Targets
from bids_app.records.regions.atlases import LOCALISER

N_BLOCKS, SIZE, N_REGIONS = 20, 5, 4
NAMES = tuple(f"parcel-{one}" for one in range(SIZE * N_REGIONS))
REGIONS = {("A", str(one)): np.arange(one * SIZE, (one + 1) * SIZE) for one in range(N_REGIONS)}
HEARD = tuple(((f"story{one // 5}.wav",), 60.0 * (one % 5)) for one in range(N_BLOCKS))
OWN = [tuple(((f"own{who}",), float(at)) for at in range(N_BLOCKS)) for who in range(8)]  # of each what nobody else has
UNKNOWN = tuple(((), 60.0 * one) for one in range(N_BLOCKS))
WHY = "electrodes of two participants are at other places"


def person(contrast, heard=HEARD, kind="parcels", regions=REGIONS, names=NAMES, number=0):
    """A unit whose blocks have this contrast (n_blocks, n_targets), as the pipeline makes it."""
    total = np.full(contrast.shape, 50.0)
    blocks = PairedBlocks(0.1 * total + contrast, 0.1 * total, total)
    targets = Targets(kind, "atlas", names[: contrast.shape[1]])
    unit = compared_unit(f"sub-{number:02}_task-story", f"{number:02}", targets, blocks, np.arange(contrast.shape[1]))
    unit = unit.__class__(**{**unit.__dict__, "regions": compared_regions(blocks, regions)})
    sets = {WHOLE: np.flatnonzero(blocks.usable), **regions}
    return unit, blocks_of(blocks, heard, () if kind == "electrodes" else names[: contrast.shape[1]], sets)


def group_of(people, why=""):
    shared = None
    for _, own in people:
        shared = joined(shared, own)
    return compared_group([unit for unit, _ in people], shared, why)


def drawn(rng, n_people=8, in_common=0.0, **more):
    """People whose blocks share part of their variance over people: what one stimulus does by chance."""
    common = rng.standard_normal((N_BLOCKS, len(NAMES)))
    each = [np.sqrt(in_common) * common + np.sqrt(1 - in_common) * rng.standard_normal(common.shape)
            for _ in range(n_people)]  # fmt: skip
    return [person(contrast, number=number, **more) for number, contrast in enumerate(each)]


def test_p_is_that_of_all_flips_of_participants():
    table = np.random.default_rng(0).normal(0.02, 0.02, (7, 3))
    signs = np.array(list(product([1, -1], repeat=7)))
    expected = (np.abs(signs @ table) >= np.abs(table.sum(axis=0)) - 1e-12).mean(axis=0)
    found = two_sided(table)
    np.testing.assert_allclose(found["p"], expected)
    np.testing.assert_allclose(two_sided(-table)["p"], expected)
    assert (found["pfwe"] >= found["p"]).all()
    table[:2, 1] = np.nan  # five are left: no p could be .05
    assert np.isnan(two_sided(table)["p"]).tolist() == [False, True, False]
    assert two_sided(np.ones((6, 1)))["p"][0] == pytest.approx(2 / 64)


def test_means_and_intervals_are_students_over_participants():
    people = drawn(np.random.default_rng(1))
    group = group_of(people)
    each = np.array([unit.values["difference"] for unit, _ in people])
    np.testing.assert_allclose(group.values["mean"], each.mean(axis=0))
    ends = stats.t.interval(0.95, 7, each.mean(axis=0), stats.sem(each, axis=0))
    np.testing.assert_allclose([group.values["ci025"], group.values["ci975"]], ends)
    row = next(one for one in group.regions if one.region == "1")
    own = each[:, REGIONS["A", "1"]].mean(axis=1)
    assert (row.n_participants, row.n_targets, row.mean) == (8, 40, pytest.approx(own.mean()))
    assert (row.ci025, row.ci975) == pytest.approx(stats.t.interval(0.95, 7, own.mean(), stats.sem(own)))
    assert group.whole.mean == pytest.approx(each.mean())
    assert group.whole.n_targets == 8 * len(NAMES)


def test_few_participants_have_means_alone():
    for n, interval in ((4, False), (5, True)):
        group = group_of(drawn(np.random.default_rng(2), n))
        assert np.isfinite(group.values["mean"]).all()
        assert np.isfinite(group.values["ci025"]).all() == interval
        assert np.isnan([group.values["p"], group.values["pfwe"], group.values["q"]]).all()
        assert np.isnan([row.p for row in (*group.regions, group.whole)]).all()


def test_p_is_no_smaller_than_that_of_blocks_that_all_heard():
    """One contrast in everybody, to the last digit: eight people are no more than one, and never below 2 / 2^8."""
    contrast = np.random.default_rng(3).standard_normal((N_BLOCKS, len(NAMES))) + 0.3
    group = group_of([person(contrast, number=number) for number in range(8)])
    alone, _ = person(contrast)
    least = 2 / 2**8
    np.testing.assert_allclose(group.values["p"], np.maximum(alone.values["p"], least))
    assert (group.values["pfwe"] >= alone.values["pfwe"] - 1e-12).all()
    assert [row.p for row in group.regions] == pytest.approx([max(row.p, least) for row in alone.regions])
    assert group.whole.p == pytest.approx(max(alone.mean["p"], least))
    assert {group.guard, group.whole.guard, *(row.guard for row in group.regions)} == {"blocks"}


def test_blocks_are_those_of_the_same_seconds_of_a_story():
    """Stories in another order are the same blocks; other stories, or another number of blocks, are not."""
    contrast = np.random.default_rng(4).standard_normal((N_BLOCKS, len(NAMES))) + 0.3
    order = np.roll(np.arange(N_BLOCKS), 5)
    turned = [
        person(contrast[order], heard=tuple(HEARD[at] for at in order), number=number) for number in range(1, 7)
    ]
    straight = [person(contrast, number=number) for number in range(1, 7)]
    first = person(contrast)
    np.testing.assert_allclose(group_of([first, *turned]).values["p"], group_of([first, *straight]).values["p"])
    assert group_of([first, *turned]).guard == "blocks"
    later = tuple((story, start_s + 3.0) for story, start_s in HEARD)
    for other in (tuple(("else.wav", start_s) for _, start_s in HEARD), later):
        group = group_of([first, *straight, person(contrast, heard=other, number=9)])
        assert {group.guard, group.whole.guard, *(row.guard for row in group.regions)} == {"none"}
        assert (group.values["p"] <= 2 / 2**8 + 1e-12).all()  # of people alone


def test_targets_that_somebody_lacks_are_in_the_mean_and_not_tested():
    people = drawn(np.random.default_rng(5), 7)
    short = np.random.default_rng(6).standard_normal((N_BLOCKS, len(NAMES)))
    short[:, 3] = np.nan
    group = group_of([*people, person(short, number=8)])
    assert (group.values["n"][3], group.values["n"][4]) == (7, 8)
    assert np.isnan(group.values["p"][3])
    assert np.isfinite(np.delete(group.values["p"], 3)).all()
    assert np.isfinite([group.values["mean"][3], group.values["ci025"][3]]).all()


def test_electrodes_are_joined_by_region_and_over_all_of_them():
    rng = np.random.default_rng(7)
    contrasts = [rng.standard_normal((N_BLOCKS, 6 + number)) + 0.5 for number in range(7)]
    own = [{("A", "0"): np.arange(3), ("A", "1"): np.arange(3, 6 + number)} for number in range(7)]
    people = [person(contrasts[number], OWN[number], "electrodes", own[number], number=number) for number in range(7)]
    group = group_of(people, WHY)
    assert (group.values, group.notes) == ({}, (WHY,))
    each = [unit.values["difference"] for unit, _ in people]
    mean, error = mean_and_error([values[:, None] for values in each], 0)
    assert group.whole.mean == pytest.approx(mean[0])
    half = stats.t.ppf(0.975, 6) * error[0]
    assert (group.whole.ci025, group.whole.ci975) == pytest.approx((mean[0] - half, mean[0] + half))
    assert group.whole.p == pytest.approx(max(2 * stats.t.sf(mean[0] / error[0], 6), 2 / 2**7))
    for row in group.regions:
        tests = [one for unit, _ in people for one in unit.regions if one.region == row.region]
        assert row.guard == "own tests"
        assert row.p >= min(1.0, 7 * min(one.p for one in tests)) - 1e-12
        assert row.pfwe >= min(1.0, 7 * min(one.pfwe for one in tests)) - 1e-12


def test_own_masks_are_a_family_and_guarded_by_own_tests():
    rng = np.random.default_rng(8)
    masks = {(LOCALISER, "lang"): np.arange(4)}
    people = [person(rng.standard_normal((N_BLOCKS, len(NAMES))), OWN[number], regions=masks, number=number)
              for number in range(6)]  # fmt: skip
    assert [row.guard for row in group_of(people).regions] == ["own tests"]


def rates(n_sets, in_common, seed):
    """Shares of targets and regions with p ≤ .05, of families of either with one; and of flips of people alone."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(n_sets):
        people = drawn(rng, 8, in_common)
        group = group_of(people)
        alone = two_sided(np.array([unit.values["difference"] for unit, _ in people]))
        p = np.array([row.p for row in group.regions])
        found.append((
            np.mean(group.values["p"] <= 0.05), group.values["pfwe"].min() <= 0.05, np.mean(p <= 0.05),
            min(row.pfwe for row in group.regions) <= 0.05, np.mean(alone["p"] <= 0.05),
        ))  # fmt: skip
    return np.mean(found, axis=0)


@pytest.mark.parametrize("n_sets", [8, pytest.param(300, marks=pytest.mark.long)])
@pytest.mark.parametrize("in_common", [0.0, 0.5])
def test_where_two_runs_predict_equally_well_few_participants_agree(in_common, n_sets):
    """Also where one stimulus favours a run in all of them by chance, which flips of people alone do not see."""
    target, targets, region, regions, alone = rates(n_sets, in_common, 9)
    assert target <= 0.02
    assert region <= 0.03
    assert targets <= 0.05
    assert regions <= 0.05
    assert alone > 0.2 if in_common else alone <= 0.07


def test_a_difference_in_one_region_is_found_there_alone():
    rng = np.random.default_rng(10)
    noise = [rng.standard_normal((N_BLOCKS, len(NAMES))) for _ in range(10)]
    for each in noise:
        each[:, REGIONS["A", "2"]] += 0.8
    group = group_of([person(each, number=number) for number, each in enumerate(noise)])
    assert [row.region for row in group.regions if row.pfwe <= 0.05] == ["2"]
    sure = np.flatnonzero(group.values["pfwe"] <= 0.05)
    assert set(sure) <= set(REGIONS["A", "2"])
    assert len(sure) >= 4
    (row,) = [row for row in group.regions if row.region == "2"]
    assert row.ci025 > 0
    assert row.mean == pytest.approx(N_BLOCKS * 0.8 / (N_BLOCKS * 50), rel=0.3)
