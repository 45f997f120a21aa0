"""Inference of all components: what is tested, what is required, and a small calibration."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.stats import binom

from benchmarks.conditions import SPECS, Condition, infer, largest, total_nulls
from benchmarks.nulls import design_of, models_of, null_of
from benchmarks.simulation import FMRI, mixed, series, with_weights
from bids_app import encoding
from bids_app.encoding.inference.blocks import Blocks, block_labels
from bids_app.encoding.inference.component_tests import TESTED_AT_ONCE, Flips, Inference
from bids_app.encoding.inference.flips.flip_units import time_flip_units
from bids_app.encoding.inference.flips.signs import Signs
from bids_app.encoding.inference.multiple_testing import p_values
from bids_app.encoding.inference.null_hypotheses import Contrast, Total, null_hypotheses
from bids_app.encoding.ridge import batches
from bids_app.encoding.ridge.batches import BLOCK_WIDTH
from bids_app.encoding.ridge.fit import unions_of
from bids_app.records import FitSpec, InferenceSpec, part_of, partition_components

GROUPS = ("a", "b", "c", "d")
RIDGE = FitSpec(solver="ridge", alphas=(9.0, 9.0, 1))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_components_are_those_of_the_partition(count, blocks):
    """What is tested, by which terms: those of the records, and by hand the sum over all subsets of those chosen."""
    groups = GROUPS[:count]
    rng = np.random.default_rng(0)
    rsquared = {frozenset(union): rng.random(3) for union in unions_of(groups)}
    inference = Inference(unions_of(groups), blocks, problem(1), Flips(20))
    assert tuple(inference.components) == tuple(each.label for each in partition_components(groups))
    values = {label: each.of(rsquared) for label, each in inference.components.items()}
    np.testing.assert_allclose(values["full"], rsquared[frozenset(groups)])
    for chosen in unions_of(groups):
        label = ("unique" if len(chosen) == 1 else "shared") + "".join(chosen).upper()
        np.testing.assert_allclose(values[label], by_hand(rsquared, groups, chosen), atol=1e-12)


def by_hand(rsquared, groups, chosen):
    """Σ_{T ⊆ S} (−1)^{|T|+1} R²((K∖S) ∪ T), with R²(∅) = 0."""
    rest = frozenset(groups) - frozenset(chosen)
    subsets = [frozenset(some) for size in range(len(chosen) + 1) for some in combinations(chosen, size)]
    return sum((-1) ** (len(some) + 1) * rsquared[rest | some] for some in subsets if rest | some)


def test_what_each_component_requires():
    required = {each.label: null_hypotheses(each) for each in partition_components(("a", "b"))}
    a, b, both = frozenset("a"), frozenset("b"), frozenset("ab")
    assert required["full"] == (Total(both),)
    assert required["a"] == (Total(a),)
    assert required["uniqueA"] == (Contrast(frozenset([(both, 1), (b, -1)])), Total(both))
    signed_sum = Contrast(frozenset([(a, 1), (b, 1), (both, -1)]))
    assert set(required["sharedAB"]) == {Total(a), Total(b), Total(both), signed_sum}
    c = frozenset("c")
    additions = {Contrast(frozenset([(c | some, 1), (c, -1)])) for some in (a, b, both)}
    signed_sum = Contrast(frozenset([(c | a, 1), (c | b, 1), (c, -1), (a | b | c, -1)]))
    required = set(null_hypotheses(part_of(("a", "b", "c"), ("a", "b"))))
    assert required == {*additions, signed_sum, Total(a | b | c)}
    assert null_hypotheses(part_of(("a",), ("a",))) == (Total(a),)


def problem(n_targets, seed=0):
    """Two bands of which targets follow the first, the later ones more; in runs."""
    rng = np.random.default_rng(seed)
    bands = {name: series("ar.5", FMRI, 6, rng) for name in "ab"}
    share = np.linspace(0, 0.3, n_targets)
    Y = mixed(with_weights(bands["a"], n_targets, rng), series("ar.5", FMRI, n_targets, rng), share)
    return design_of(bands, Y, FMRI.runs, FMRI.times_s)


def run(design, blocks, groups=("a", "b"), **kwargs):
    observer = Inference(unions_of(groups), blocks, design, Flips(200, dtype=torch.float64), **kwargs)
    encoding.fit(design, {name: (name,) for name in groups}, RIDGE, observer=observer)
    return observer.results(design.Y.shape[1])


@pytest.fixture(scope="module")
def blocks():
    labels = block_labels(FMRI.runs, FMRI.times_s, 60.0)
    return Blocks(labels, int(labels.max()) + 1, 60.0, 0.0, ())


FIELDS = ("p", "p_family", "q", "low", "high")


@pytest.mark.parametrize("lost", [0.0, 0.1], ids=["blocks", "blocks and frequencies"])
def test_batches_give_what_all_targets_at_once_give(blocks, lost, monkeypatch):
    design, blocks = problem(7), replace(blocks, lost=lost)
    together = run(design, blocks)
    monkeypatch.setitem(BLOCK_WIDTH, "cpu", 3)
    monkeypatch.setattr(batches, "DEFAULT_MB", batches.BASE_MB)
    apart = run(design, blocks)
    for name, found in together.items():
        for field in FIELDS:
            np.testing.assert_allclose(getattr(found, field), getattr(apart[name], field), atol=1e-9, err_msg=name)


@pytest.mark.parametrize("lost", [0.0, 0.02], ids=["blocks", "frequencies besides"])
def test_a_few_targets_tested_at_a_time_give_what_all_at_once_give(blocks, lost, monkeypatch):
    """Two of 256 sign vectors' nulls at a time, of seven targets: the last alone."""
    design, blocks = problem(7), replace(blocks, lost=lost)
    together = run(design, blocks)
    monkeypatch.setitem(TESTED_AT_ONCE, "cpu", 3 * 256)
    few = run(design, blocks)
    for name, found in together.items():
        assert np.isfinite(found.p).all()
        for field in FIELDS:
            np.testing.assert_allclose(getattr(few[name], field), getattr(found, field), atol=1e-9, err_msg=name)


def test_values_and_nulls_are_those_of_the_fit(blocks):
    """The observed statistics lie within their intervals, and p is that of the flips of the union alone."""
    design = problem(7)
    inferred = run(design, blocks)
    alone = replace(design, bands={"a": design.bands["a"]})
    signs = Signs.draw(blocks.count, 200, 0, torch.float64)
    null = null_of(models_of(alone, RIDGE), time_flip_units(blocks.labels), 7, signs)
    np.testing.assert_allclose(inferred["a"].p, p_values(null))
    fitted, tests = encoding.fit_and_infer(design, {"a": ("a",), "b": ("b",)}, RIDGE, InferenceSpec(200, 60.0))
    assert (tests.n_blocks, tests.block_s, tests.permutations) == (blocks.count, 60.0, 255)
    for name, values in encoding.partition(fitted).values.items():
        each = tests.components[name]
        assert ((each.low <= values["rsquared"]) & (values["rsquared"] <= each.high)).all(), name


def test_signal_is_found_where_it_is_and_the_limits_enclose_it(blocks):
    inferred = run(problem(8), blocks)
    for name in ("full", "a", "uniqueA"):
        assert (inferred[name].p[3:] < 0.01).all(), name
        assert (inferred[name].p_family[4:] < 0.05).all(), name
        assert (inferred[name].low[4:] > 0).all(), name
    for name in ("b", "uniqueB", "sharedAB"):
        assert inferred[name].p_family.min() > 0.05, name
    assert all((each.low <= each.high).all() for each in inferred.values())
    assert all((each.p <= each.p_family + 1e-12).all() or name == "sharedAB" for name, each in inferred.items())


def test_shared_p_is_no_smaller_than_any_total_drawn_on(blocks):
    inferred = run(problem(8), blocks)
    for name in ("a", "b", "full"):
        assert (inferred["sharedAB"].p >= inferred[name].p).all()
        assert (inferred["sharedAB"].p_family >= inferred[name].p_family).all()


def test_smooth_data_need_both_kinds_of_flips(blocks):
    design = problem(24)
    alone, both = run(design, blocks), run(design, replace(blocks, lost=0.1))
    assert (both["full"].p >= alone["full"].p).all()
    assert (both["full"].p > alone["full"].p).any()
    # a part has blocks alone, and no smaller p than the full model
    np.testing.assert_array_equal(both["uniqueA"].p, np.maximum(alone["uniqueA"].p, both["full"].p))


def test_a_missing_target_stays_missing_and_spoils_no_neighbour(blocks):
    design, others = problem(5), [0, 1, 3, 4]
    whole = run(replace(design, Y=design.Y[:, others], usable=design.usable[others]), blocks)
    design.Y[:, 2] = np.nan
    inferred = run(replace(design, usable=np.isfinite(design.Y).all(axis=0)), blocks)
    for name in inferred:
        for field in FIELDS:
            values = getattr(inferred[name], field)
            assert np.isnan(values[2]), (name, field)
            np.testing.assert_allclose(values[others], getattr(whole[name], field), atol=1e-9)


def test_an_idle_unit_whose_weight_is_zero_has_no_unique_part():
    """Where the larger union chose the smaller one's candidate, both are one model."""
    fitted, tests = encoding.fit_and_infer(
        problem(30), {"a": ("a",), "b": ("b",)}, FitSpec(candidates=6, alphas=(1e0, 1e5, 6)), InferenceSpec(200, 60.0)
    )
    unique = encoding.partition(fitted).values["uniqueB"]["rsquared"]
    assert (unique == 0).sum() >= 3
    np.testing.assert_array_equal(tests.components["uniqueB"].p[unique == 0], 1.0)


CALIBRATED = [
    ("ar.5", "ar.5", FMRI, False, "highest"),
    ("ar.9", "ar.9", FMRI, False, "highest"),
    ("ar.5", "ar.5", FMRI, True, "highest"),
    ("1/f", "1/f", FMRI, False, "highest"),
]


@pytest.mark.parametrize("kind", CALIBRATED)
def test_false_positives_of_totals(kind):
    condition = Condition(*kind[:4], 20, kind[4])
    rng = np.random.default_rng(0)
    hits = []
    for draw in range(4):
        design = condition.draw(60, rng)
        hits.append(largest(total_nulls(design, condition, draw)) <= 0.05)
    assert np.sum(hits) <= binom.ppf(0.995, 240, 0.05)


def test_false_positives_of_parts_amid_signal():
    rng, hits = np.random.default_rng(0), {"uniqueB": [], "sharedAB": []}
    for draw in range(2):
        bands = {name: series("ar.5", FMRI, 20, rng) for name in "ab"}
        Y = mixed(with_weights(bands["a"], 100, rng), series("ar.5", FMRI, 100, rng), 0.3)
        _, found = infer(design_of(bands, Y, FMRI.runs, FMRI.times_s), SPECS["selected"], FMRI.least_s, draw)
        assert (found["a"].p < 0.05).mean() > 0.9
        for name in hits:
            hits[name].append(found[name].p <= 0.05)
    for name, each in hits.items():
        assert np.sum(each) <= binom.ppf(0.995, 200, 0.05), name
