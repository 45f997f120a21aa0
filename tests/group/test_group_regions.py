"""Regions over participants: closed forms, guards, who is left without p, and null data."""

from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from bids_app.group.participant_tests import t_interval
from bids_app.group.regions.over_participants import region_rows
from bids_app.records import InferenceSpec, Partition, partition_components
from bids_app.records.regions.scores import GroupRegions, RegionScore, UnitRegions

LABELS = [one.label for one in partition_components(("a", "b"))]
SPEC = InferenceSpec(permutations=1000)


def member(stem, kind="volume", solver="banded_ridge"):
    """A unit as read back, as far as regions over participants look at it."""
    fit = SimpleNamespace(solver=solver)
    summary = SimpleNamespace(provenance=SimpleNamespace(analysis=SimpleNamespace(fit=fit)))
    partition = Partition(("a", "b"), {label: {} for label in LABELS})
    return SimpleNamespace(stem=stem, targets=SimpleNamespace(kind=kind), partition=partition, summary=summary)


def score(region, component, rsquared, r=None, pfwe=0.5, atlas="A"):
    r = rsquared if r is None else r
    return RegionScore(
        atlas, region, component, 10, rsquared, r, 0.0, 0.0, pfwe, np.nan, "1,1,1", 0.1, (0.0, 0.0, 0.0)
    )


def regions_of(table, pfwe=0.5, atlas="A"):
    """table (n_participants, n_regions): each one's value, of all components alike; NaN: not there."""
    return {
        str(number): UnitRegions(tuple(
            score(f"R{place}", label, value, pfwe=pfwe, atlas=atlas)
            for place, value in enumerate(row) if np.isfinite(value) for label in LABELS
        ))
        for number, row in enumerate(table)
    }  # fmt: skip


def rows_of(table, spec=SPEC, kind="volume", mean=(), ceilings=MappingProxyType({}), **more):
    members = [member(str(number), kind) for number in range(len(table))]
    rows = region_rows(members, GroupRegions(regions_of(table, **more), mean, ceilings), spec)
    return {(one.region, one.component): one for one in rows}


def test_shared_parts_of_plain_ridge_have_no_p_unless_a_mean_response_guards_them():
    table = np.full((8, 2), 0.2) + np.random.default_rng(3).normal(0, 0.01, (8, 2))
    for kind in ("volume", "electrodes"):
        members = [member(str(number), kind, "ridge") for number in range(8)]
        found = region_rows(members, GroupRegions(regions_of(table, pfwe=1e-3)), SPEC)
        rows = {(one.region, one.component): one for one in found}
        assert np.isnan([rows["R0", "sharedAB"].p, rows["R0", "sharedAB"].pfwe, rows["R0", "sharedAB"].q]).all()
        assert rows["R0", "full"].p <= 0.05


def test_regions_of_different_people_are_one_family():
    """Eight people a region: where nobody has anything, own tests find some region in at most .05 of sets."""
    rng, hits = np.random.default_rng(4), 0
    for _ in range(100):
        table = np.full((24, 3), np.nan)
        found = {}
        for person in range(24):
            table[person, person // 8] = 0.1 + 0.01 * rng.random()  # what all responses have in common by chance
            own = score(f"R{person // 8}", "full", table[person, person // 8], pfwe=rng.random())
            others = [score(f"R{person // 8}", label, 0.1, pfwe=1.0) for label in LABELS if label != "full"]
            found[str(person)] = UnitRegions((own, *others))
        members = [member(str(number), "electrodes") for number in range(24)]
        rows = region_rows(members, GroupRegions(found), InferenceSpec(permutations=200))
        hits += min(one.pfwe for one in rows if one.component == "full") <= 0.05
    assert hits <= 12  # 99.9 % of binomial draws with .05


def test_means_and_intervals_are_students_over_participants():
    table = np.random.default_rng(0).normal(0.1, 0.1, (7, 3))
    table[2, 1] = np.nan
    rows = rows_of(table)
    for place in range(3):
        own = table[:, place][np.isfinite(table[:, place])]
        row = rows[f"R{place}", "full"]
        low, high = stats.t.interval(0.95, len(own) - 1, own.mean(), stats.sem(own))
        assert (row.n_participants, row.n_targets) == (len(own), 10 * len(own))
        assert (row.mean, row.ci025, row.ci975) == pytest.approx((own.mean(), low, high))
    assert t_interval(table)["ci025"][0] == pytest.approx(rows["R0", "full"].ci025)


def test_p_is_that_of_all_flips_of_participants():
    """Exact: the share of 2^6 sign vectors whose mean z is as high."""
    table = np.random.default_rng(1).normal(0.1, 0.1, (6, 1))
    z = np.arctanh(table[:, 0])
    signs = np.array(np.meshgrid(*[[1, -1]] * 6)).reshape(6, -1).T
    expected = ((signs @ z) >= z.sum() - 1e-12).mean()
    row = rows_of(table)["R0", "full"]
    assert row.p == pytest.approx(expected)
    assert row.guard == "none"


def test_fewer_than_five_participants_have_no_p_region_by_region():
    table = np.full((6, 2), 0.1) + np.random.default_rng(2).normal(0, 0.01, (6, 2))
    table[:2, 1] = np.nan
    rows = rows_of(table)
    assert rows["R0", "full"].pfwe <= 0.05
    assert np.isnan([rows["R1", "full"].p, rows["R1", "full"].pfwe, rows["R1", "full"].q]).all()
    assert np.isnan([rows["R1", "full"].ci025, rows["R1", "full"].ci975]).all()
    assert np.isfinite(rows["R0", "full"].ci025)
    assert np.isnan([row.p for row in rows_of(table[:4]).values()]).all()
    assert np.isnan([row.p for row in rows_of(table, spec=None).values()]).all()


def test_guards():
    table = np.full((6, 1), 0.1) + np.random.default_rng(3).normal(0, 0.01, (6, 1))
    mean = [score("R0", label, 0.1, pfwe=0.3) for label in LABELS]
    guarded = rows_of(table, mean=mean)["R0", "full"]
    assert (guarded.guard, guarded.p, guarded.pfwe) == ("mean response", 0.3, 0.3)
    alone = rows_of(table)["R0", "full"]
    assert alone.p == pytest.approx(2**-6)
    for more in ({"kind": "electrodes"}, {"atlas": "localiser", "mean": mean}):
        own = rows_of(table, pfwe=0.02, **more)["R0", "full"]
        assert (own.guard, own.p) == ("own tests", pytest.approx(0.12))  # of any of six


def test_noise_ceilings_from_the_others_are_means_over_those_who_have_one():
    table = np.full((6, 2), 0.1)
    ceilings = {"0": {("A", "R0"): 0.4, ("B", "R0"): 9.0}, "3": {("A", "R0"): 0.2}, "4": {}}
    rows = rows_of(table, ceilings={**ceilings, "of somebody who has no regions": {("A", "R0"): 9.0}})
    assert rows["R0", "full"].ceiling == pytest.approx(0.3)
    assert np.isnan([rows["R1", "full"].ceiling, rows["R0", "a"].ceiling]).all()


N_SETS, N_PEOPLE, N_REGIONS = 100, 8, 6


def test_on_noise_few_families_have_a_significant_region():
    """Skewed values that go together over regions, with nothing to find."""
    rng = np.random.default_rng(4)
    wrong, single = 0, []
    for _ in range(N_SETS):
        common = rng.normal(size=(N_PEOPLE, 1))
        z = 0.03 * (common + rng.normal(size=(N_PEOPLE, N_REGIONS))) * np.exp(0.3 * rng.normal(size=(N_PEOPLE, 1)))
        rows = [row for (_, label), row in rows_of(np.tanh(z)).items() if label == "a"]
        wrong += min(row.pfwe for row in rows) <= 0.05
        single += [row.p <= 0.05 for row in rows]
    assert stats.binomtest(wrong, N_SETS, 0.05, "greater").pvalue > 0.01
    assert np.mean(single) < 0.08


def test_a_region_that_everybody_has_something_in_is_found():
    z = np.random.default_rng(5).normal(0.0, 0.02, (12, 6)) + np.array([0.05, 0, 0, 0, 0, 0])
    rows = rows_of(np.tanh(z))
    assert rows["R0", "full"].pfwe <= 0.01
    assert min(rows[f"R{place}", "full"].pfwe for place in range(1, 6)) > 0.05
