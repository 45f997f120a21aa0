"""Differences of two runs over participants: by hand, with what all responses share by chance, planted, and null."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from bids_app.group import WHOLE, blocks_of, compared_group, compared_regions, compared_unit, joined
from bids_app.group.compared.over_participants import _over_electrodes, _own_tests, two_sided
from bids_app.group.compared.pairs import PairedBlocks
from bids_app.group.electrodes import mean_and_error
from bids_app.records import Targets
from bids_app.records.regions.atlases import LOCALISER

N_BLOCKS, SIZE, N_REGIONS = 20, 5, 4
NAMES = tuple(f"parcel-{one}" for one in range(SIZE * N_REGIONS))
REGIONS = {("A", str(one)): np.arange(one * SIZE, (one + 1) * SIZE) for one in range(N_REGIONS)}
HEARD = tuple(((f"story{one // 5}.wav",), 60.0 * (one % 5)) for one in range(N_BLOCKS))
OWN = [tuple(((f"own{who}",), float(at)) for at in range(N_BLOCKS)) for who in range(8)]  # of each their own
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


def group_of(people, why="", why_no_p=""):
    shared = None
    for _, own in people:
        shared = joined(shared, own)
    return compared_group([unit for unit, _ in people], shared, why, why_no_p)


def drawn(rng, n_people=8, in_common=0.0, layouts=1, **more):
    """People whose blocks share part of their variance over people: what one stimulus does by chance. layouts: how
    many different numbers of blocks they have."""
    common = rng.standard_normal((N_BLOCKS, len(NAMES)))
    each = [np.sqrt(in_common) * common + np.sqrt(1 - in_common) * rng.standard_normal(common.shape)
            for _ in range(n_people)]  # fmt: skip
    n = [N_BLOCKS - number % layouts for number in range(n_people)]
    return [person(contrast[: n[who]], HEARD[: n[who]], number=who, **more) for who, contrast in enumerate(each)]


def guards_of(group):
    return {group.whole.guard, *(row.guard for row in group.regions), *([group.guard] if group.values else [])}


def assert_own_tests(group, people):
    """p is the larger of flips of people and of the smallest of their own tests, times how many they are."""
    units, n = [unit for unit, _ in people], len(people)
    alone = two_sided(np.array([[row.difference for row in unit.regions] for unit in units]))
    for place, row in enumerate(group.regions):
        for stat in ("p", "pfwe"):
            least = min(getattr(unit.regions[place], stat) for unit in units)
            assert getattr(row, stat) == pytest.approx(max(alone[stat][place], min(1.0, n * least)))
    assert group.whole.p >= min(1.0, n * min(unit.mean["p"] for unit in units)) - 1e-12
    assert (group.whole.pfwe, group.whole.q) == (group.whole.p, group.whole.p)
    assert guards_of(group) == {"own tests"}
    if group.values:
        alone = two_sided(np.array([unit.values["difference"] for unit in units]))
        for stat in ("p", "pfwe"):
            least = np.min([unit.values[stat] for unit in units], axis=0)
            np.testing.assert_allclose(group.values[stat], np.maximum(alone[stat], np.minimum(1.0, n * least)))


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
    for other in (tuple((("else.wav",), start_s) for _, start_s in HEARD), later, UNKNOWN):
        people = [first, *straight, person(contrast, heard=other, number=9)]
        assert_own_tests(group_of(people), people)


@pytest.mark.parametrize("kind", ["parcels", "electrodes"])
def test_people_of_other_numbers_of_blocks_are_guarded_by_their_own_tests(kind):
    """Block lengths follow each one's responses: with one fewer in one of eight, p was that of people alone."""
    people = drawn(np.random.default_rng(11), in_common=0.9, layouts=3, kind=kind)
    group = group_of(people, WHY if kind == "electrodes" else "")
    assert_own_tests(group, people)
    assert bool(group.values) == (kind == "parcels")


def test_only_people_who_are_known_to_have_heard_nothing_in_common_have_no_guard():
    rng = np.random.default_rng(12)
    contrasts = [rng.standard_normal((N_BLOCKS, len(NAMES))) + 0.3 for _ in range(8)]
    apart = [person(each, OWN[number], number=number) for number, each in enumerate(contrasts)]
    group = group_of(apart)
    assert guards_of(group) == {"none"}
    table = np.array([unit.values["difference"] for unit, _ in apart])
    for stat, p in two_sided(table).items():
        np.testing.assert_allclose(group.values[stat], p)
    assert group.whole.p == pytest.approx(two_sided(table.mean(axis=1)[:, None])["p"][0])
    part = (*OWN[7][1:], (("else.wav", "own3"), 0.0))  # one block in which there was what another one heard
    for heard in (part, UNKNOWN, (*OWN[7][1:], UNKNOWN[0])):
        people = [*apart[:7], person(contrasts[7], heard, number=7)]
        assert_own_tests(group_of(people), people)
    alike = [person(each, UNKNOWN, number=number) for number, each in enumerate(contrasts)]
    assert_own_tests(group_of(alike), alike)  # unknown stimuli are not the same ones either


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
    people = [person(contrasts[number], UNKNOWN, "electrodes", own[number], number=number) for number in range(7)]
    group = group_of(people, WHY)
    assert (group.values, group.notes) == ({}, (WHY,))
    each = [unit.values["difference"] for unit, _ in people]
    mean, error = mean_and_error([values[:, None] for values in each], 0)
    assert group.whole.mean == pytest.approx(mean[0])
    half = stats.t.ppf(0.975, 6) * error[0]
    assert (group.whole.ci025, group.whole.ci975) == pytest.approx((mean[0] - half, mean[0] + half))
    alone = max(2 * stats.t.sf(mean[0] / error[0], 6), 2 / 2**7)
    assert group.whole.p == pytest.approx(max(alone, 7 * min(unit.mean["p"] for unit, _ in people)))
    assert_own_tests(group, people)
    apart = [person(contrasts[number], OWN[number], "electrodes", own[number], number=number) for number in range(7)]
    assert_own_tests(group_of(apart, WHY), apart)  # the name of a stimulus does not say what was heard


@pytest.mark.parametrize("heard", [OWN, [UNKNOWN] * 8], ids=["apart", "unknown"])
def test_own_masks_are_guarded_by_the_tests_of_those_who_have_them(heard):
    rng = np.random.default_rng(8)
    masks = {(LOCALISER, "lang"): np.arange(4), (LOCALISER, "md"): np.arange(4, 9)}
    people = [person(rng.standard_normal((N_BLOCKS, len(NAMES))) + 0.4, heard[number], number=number,
                     regions=masks if number else {(LOCALISER, "md"): masks[LOCALISER, "md"]})
              for number in range(7)]  # fmt: skip
    found = {row.region: row for row in group_of(people).regions}
    own = [row for unit, _ in people for row in unit.regions if row.region == "lang"]
    alone = two_sided(np.array([[row.difference] for row in own]))["p"][0]
    assert (found["lang"].n_participants, found["lang"].guard) == (6, "own tests")
    assert found["lang"].p == pytest.approx(max(alone, 6 * min(row.p for row in own)))
    assert found["lang"].pfwe >= 7 * min(row.pfwe for row in own) - 1e-12


def test_own_tests_count_who_has_a_value_there_or_anywhere_by_hand():
    none = np.nan
    table = np.array([[0.1, none, 0.3], [0.1, 0.2, none], [none, none, none]])
    p = np.array([[0.01, none, none], [0.02, 0.6, none], [none, none, none]])
    found = _own_tests(table, p, 2 * p)
    np.testing.assert_allclose(found["p"], [2 * 0.01, 0.6, none])
    np.testing.assert_allclose(found["pfwe"], [2 * 0.02, 1.0, none])  # 2 of 3 people have any
    np.testing.assert_allclose(_own_tests(table[:, 1:], p[:, 1:], p[:, 1:] / 2)["pfwe"], [2 * 0.3, none])


@pytest.mark.parametrize("kind", ["parcels", "electrodes"])
@pytest.mark.parametrize("layouts", [1, 2])
def test_who_has_no_usable_target_is_left_out_of_the_mean_over_all(kind, layouts):
    people = drawn(np.random.default_rng(13), 7, layouts=layouts, kind=kind)
    nothing = person(np.full((N_BLOCKS, len(NAMES)), np.nan), kind=kind, number=7)
    why = WHY if kind == "electrodes" else ""
    with_it, without = group_of([*people, nothing], why), group_of(people, why)
    assert with_it.whole == without.whole
    assert (with_it.whole.n_participants, with_it.whole.n_targets) == (7, 7 * len(NAMES))
    assert np.isfinite([with_it.whole.mean, with_it.whole.ci025, with_it.whole.p]).all()
    assert "sub-07 has no usable target" in with_it.notes
    of_nobody = group_of([nothing, nothing], why).whole
    assert (of_nobody.n_participants, of_nobody.n_targets) == (0, 0)
    assert np.isnan([of_nobody.mean, of_nobody.ci025, of_nobody.p]).all()


def test_a_difference_that_is_but_rounding_has_one_sign_in_everybody_and_no_p():
    rng = np.random.default_rng(14)
    tiny = [3e-7 * (1 + 0.1 * rng.standard_normal((N_BLOCKS, len(NAMES)))) for _ in range(8)]
    people = [person(each, OWN[number], number=number) for number, each in enumerate(tiny)]
    assert 0 < people[0][0].values["difference"].min() < 1e-7
    group = group_of(people)
    assert {(row.p, row.pfwe) for row in (group.whole, *group.regions)} == {(1.0, 1.0)}
    assert 0 < group.whole.ci025 <= group.whole.mean <= group.whole.ci975 < 1e-7  # as they are
    table = rng.normal(0.02, 0.02, (8, 3))
    beside = two_sided(np.column_stack([table, np.full(8, 1e-7)]))
    assert beside["p"][3] == beside["pfwe"][3] == 1
    np.testing.assert_allclose(beside["p"][:3], two_sided(table)["p"])
    ends, p = _over_electrodes([each.sum(axis=0) / 1000 for each in tiny])
    assert 0 < ends["ci025"][0] < ends["ci975"][0] < 1e-7
    assert [*p["p"], *p["pfwe"], *p["q"]] == [1.0, 1.0, 1.0]


def test_where_no_test_holds_there_are_means_and_intervals_alone():
    people = drawn(np.random.default_rng(15))
    group, tested = group_of(people, why_no_p="shared parts"), group_of(people)
    assert np.isnan([group.values[stat] for stat in ("p", "pfwe", "q")]).all()
    assert np.isnan([(row.p, row.pfwe, row.q) for row in (group.whole, *group.regions)]).all()
    assert group.notes == ("shared parts",)
    for stat in ("mean", "n", "ci025", "ci975"):
        np.testing.assert_array_equal(group.values[stat], tested.values[stat])
    assert [(row.mean, row.ci025) for row in group.regions] == [(row.mean, row.ci025) for row in tested.regions]


def rates(n_sets, seed, **scene):
    """Shares of targets and regions with p ≤ .05, of families of either with one, of rows over all targets; and of
    targets by flips of people alone."""
    rng, found = np.random.default_rng(seed), []
    why = WHY if scene.get("kind") == "electrodes" else ""
    for _ in range(n_sets):
        people = drawn(rng, 8, **scene)
        group = group_of(people, why)
        alone = two_sided(np.array([unit.values["difference"] for unit, _ in people]))
        p = np.array([row.p for row in group.regions])
        targets = group.values if group.values else {"p": np.ones(1), "pfwe": np.ones(1)}
        found.append((
            np.mean(targets["p"] <= 0.05), targets["pfwe"].min() <= 0.05, np.mean(p <= 0.05),
            min(row.pfwe for row in group.regions) <= 0.05, group.whole.p <= 0.05, np.mean(alone["p"] <= 0.05),
        ))  # fmt: skip
    return np.mean(found, axis=0)


@pytest.mark.parametrize("n_sets", [8, pytest.param(300, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    "scene",
    [
        {},
        {"in_common": 0.5},
        {"in_common": 0.5, "layouts": 3},
        {"in_common": 0.5, "layouts": 3, "kind": "electrodes"},
    ],
    ids=["nothing in common", "same blocks", "other blocks", "electrodes"],
)
def test_where_two_runs_predict_equally_well_few_participants_agree(scene, n_sets):
    """Also where one stimulus favours a run in all of them by chance, which flips of people alone do not see, and
    where their blocks are not the same."""
    target, targets, region, regions, whole, alone = rates(n_sets, 9, **scene)
    assert target <= 0.02
    assert region <= 0.03
    assert targets <= 0.05
    assert regions <= 0.05
    assert whole <= 0.05
    assert alone > 0.2 if scene else alone <= 0.07


@pytest.mark.parametrize(("layouts", "guard", "fewest"), [(1, "blocks", 4), (3, "own tests", 2)])
def test_a_difference_in_one_region_is_found_there_alone(layouts, guard, fewest):
    rng = np.random.default_rng(10)
    noise = [rng.standard_normal((N_BLOCKS, len(NAMES))) for _ in range(10)]
    for each in noise:
        each[:, REGIONS["A", "2"]] += 0.8
    n = [N_BLOCKS - number % layouts for number in range(10)]
    group = group_of([person(each[: n[who]], HEARD[: n[who]], number=who) for who, each in enumerate(noise)])
    assert guards_of(group) == {guard}
    assert [row.region for row in group.regions if row.pfwe <= 0.05] == ["2"]
    sure = np.flatnonzero(group.values["pfwe"] <= 0.05)
    assert set(sure) <= set(REGIONS["A", "2"])
    assert len(sure) >= fewest
    (row,) = [row for row in group.regions if row.region == "2"]
    assert row.ci025 > 0
    assert row.mean == pytest.approx(N_BLOCKS * 0.8 / (N_BLOCKS * 50), rel=0.3)
