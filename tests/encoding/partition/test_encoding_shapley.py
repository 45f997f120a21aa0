"""Shapley values and product measures beside inclusion–exclusion: values, limits, and the warning."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from benchmarks.nulls import design_of
from benchmarks.simulation import FMRI, mixed, series, with_weights
from bids_app import encoding
from bids_app.encoding.partition.shapley import disagreements, shapley_values
from bids_app.encoding.ridge.fit import unions_of
from bids_app.records import FitSpec, InferenceSpec, Partition, part_of

GROUPS = ("a", "b", "c", "d")
SPEC = FitSpec(candidates=4, alphas=(1.0, 1e4, 5))


@pytest.mark.parametrize("count", [2, 3, 4])
def test_it_is_the_mean_over_all_orders_of_entering(count):
    groups, rng = GROUPS[:count], np.random.default_rng(count)
    rsquared = {frozenset(union): rng.random(5) for union in unions_of(groups)} | {frozenset(): np.zeros(5)}
    shapley = shapley_values(rsquared, groups)
    for group in groups:
        gains = []
        for order in permutations(groups):
            before = frozenset(order[: order.index(group)])
            gains.append(rsquared[before | {group}] - rsquared[before])
        np.testing.assert_allclose(shapley[group], np.mean(gains, axis=0), atol=1e-12)
    np.testing.assert_allclose(sum(shapley.values()), rsquared[frozenset(groups)], atol=1e-12)


def test_it_deals_each_shared_part_out_evenly():
    rng = np.random.default_rng(0)
    rsquared = {frozenset(union): rng.random(3) for union in unions_of(GROUPS)}
    sets = [chosen for chosen in unions_of(GROUPS) if "b" in chosen]
    even = sum(part_of(GROUPS, chosen).of(rsquared) / len(chosen) for chosen in sets)
    np.testing.assert_allclose(shapley_values(rsquared, GROUPS)["b"], even, atol=1e-12)


@pytest.fixture(scope="module")
def fitted():
    """Targets that follow `a` more and more; `b` is idle, and of two bands."""
    rng = np.random.default_rng(3)
    bands = {name: series("ar.5", FMRI, 5, rng) for name in ("a", "b1", "b2")}
    Y = mixed(with_weights(bands["a"], 8, rng), series("ar.5", FMRI, 8, rng), np.linspace(0, 0.4, 8))
    design = design_of(bands, Y, FMRI.runs, FMRI.times_s)
    groups = {"a": ("a",), "b": ("b1", "b2")}
    fit, tests = encoding.fit_and_infer(design, groups, SPEC, InferenceSpec(200, 60.0))
    return fit, tests, encoding.partition(fit, tests, groups)


def test_shares_sum_to_the_full_value_and_lie_within_their_limits(fitted):
    fit, _, partition = fitted
    values = partition.values
    for stat in ("shapley", "product"):
        np.testing.assert_allclose(values["a"][stat] + values["b"][stat], values["full"]["rsquared"], atol=1e-9)
        for group in "ab":
            low, high = values[group][f"{stat}025"], values[group][f"{stat}975"]
            assert ((low <= values[group][stat] + 1e-9) & (values[group][stat] <= high + 1e-9)).all()
        assert (values["a"][f"{stat}025"][5:] > 0).all()
        assert (np.abs(values["b"][stat]) < 0.03).all()
    np.testing.assert_allclose(values["b"]["product"], fit.product["b1"] + fit.product["b2"], atol=1e-12)


def test_limits_are_those_of_the_blocks_sums(fitted):
    """Of two units Shapley's value is the mean of a total and a unique part, and so, nearly, are its limits."""
    _, _, partition = fitted
    alone, unique = partition.values["a"], partition.values["uniqueA"]
    np.testing.assert_allclose(alone["shapley"], (alone["rsquared"] + unique["rsquared"]) / 2, atol=1e-12)
    for shapley, limit in (("shapley025", "ci025"), ("shapley975", "ci975")):
        np.testing.assert_allclose(alone[shapley], (alone[limit] + unique[limit]) / 2, atol=0.01)


def test_one_unit_has_no_shares():
    rng = np.random.default_rng(0)
    bands = {"a": series("ar.5", FMRI, 3, rng)}
    design = design_of(bands, rng.standard_normal((len(FMRI.runs), 2)), FMRI.runs, FMRI.times_s)
    partition = encoding.partition(encoding.fit(design, {"a": ("a",)}, SPEC), None, {"a": ("a",)})
    assert "shapley" not in partition.values["a"]


def test_opposite_signs_beyond_both_intervals_are_counted(fitted):
    _, _, partition = fitted
    assert disagreements(partition) == ()
    values = {name: dict(stats) for name, stats in partition.values.items()}
    values["a"]["product025"], values["a"]["product975"] = np.full(8, -0.3), np.full(8, -0.1)
    values["uniqueA"]["ci025"] = np.where(np.arange(8) < 3, 0.01, -0.01)
    values["a"]["shapley025"] = np.full(8, -0.01)
    (line,) = disagreements(replace(partition, values=values))
    assert line.startswith("a: its unique part and its product measure have opposite signs")
    assert "in 3 of 8 targets" in line


def test_without_limits_nothing_is_warned_of(fitted):
    fit, _, _ = fitted
    partition = encoding.partition(fit, None, {"a": ("a",), "b": ("b1", "b2")})
    assert isinstance(partition, Partition)
    assert disagreements(partition) == ()
