"""Planted parts come back: the truth of the benchmark against samples, and the benchmark in small."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.nulls import models_of
from benchmarks.planting import Planting, Reached
from benchmarks.recovery import BANDED, condition_bars, recover
from benchmarks.recovery_ceilings import ceilings
from bids_app import encoding

SMALL = Planting("fmri", 300, {"a": 3, "b": 6, "c": 2}, 0.6, ("a", "b"), 0.3, "slow")


def rsquared(Y, predicted):
    return 1 - np.square(Y - predicted).sum(axis=0) / np.square(Y).sum(axis=0)


def longer(planting, times):
    """Many more runs of the same length."""
    return replace(planting, n=planting.n * times, n_runs=planting.n_runs * times)


@pytest.mark.parametrize("rows", ["fmri", "words"])
def test_population_values_are_those_of_least_squares_on_a_long_sample(rows):
    planted = longer(replace(SMALL, rows=rows), 200).draw(5, np.random.default_rng(0))
    population, Y = planted.population(), planted.design.Y
    X = {name: band[:, 0] for name, band in planted.design.bands.items()}

    def best(*names):
        columns = np.concatenate([X[name] for name in names], axis=1)
        return rsquared(Y, columns @ np.linalg.lstsq(columns, Y, rcond=None)[0])

    np.testing.assert_allclose(Y.var(axis=0), planted.variance, rtol=0.03)
    np.testing.assert_allclose(best("a", "b", "c"), population["full"], atol=0.02)
    np.testing.assert_allclose(best("c"), population["c"], atol=0.01)
    np.testing.assert_allclose(best("a", "b", "c") - best("b", "c"), population["uniqueA"], atol=0.01)
    shared = best("a", "c") + best("b", "c") - best("a", "b", "c") - best("c")
    np.testing.assert_allclose(shared, population["sharedAB"], atol=0.015)
    np.testing.assert_allclose(population["uniqueC"], 0, atol=1e-12)


@pytest.mark.parametrize("rows", ["fmri", "words"])
def test_what_models_reach_is_their_value_on_a_long_independent_sample(rows):
    rng = np.random.default_rng(1)
    planting = replace(SMALL, rows=rows)
    short, long = planting.draw(4, rng), longer(planting, 200).draw(4, rng)
    X = {name: band[:, 0] for name, band in long.design.bands.items()}
    beside = np.concatenate(list(X.values()), axis=1)
    Y = long.design.Y + beside @ (short.weights - long.weights)
    observer = Reached(short)
    encoding.fit(short.design, planting.groups, BANDED, encoding.FitContext(precision="float64"), observer=observer)
    residual = np.zeros(Y.shape[1])
    for models in models_of(short.design, BANDED):
        predicted = np.zeros((len(Y), len(models.targets)))
        for number, weights in models.band_weights().items():
            name = tuple(X)[number]
            train = short.design.bands[name][models.split.train, 0]
            predicted += (X[name] - train.mean(axis=0)) / train.std(axis=0) @ weights.numpy()
        np.add.at(residual, models.targets, np.square(Y[:, models.targets] - predicted).sum(axis=0) / 5)
    np.testing.assert_allclose(observer.values()["full"], 1 - residual / np.square(Y).sum(axis=0), atol=0.012)


def test_all_that_is_planted_sums_to_the_full_value():
    population = SMALL.draw(3, np.random.default_rng(2)).population()
    parts = [values for name, values in population.items() if name.startswith(("unique", "shared"))]
    np.testing.assert_allclose(np.sum(parts, axis=0), population["full"], atol=1e-12)
    np.testing.assert_allclose(population["full"], 0.3, atol=0.1)  # slow noise loses some variance to centring


CONDITIONS = {
    "fmri-weak": Planting("fmri", 600, {"a": 5, "b": 20}, 0.0, ("a",), 0.1),
    "words-r.9": Planting("words", 1000, {"a": 10, "b": 10}, 0.9, ("a",), 0.3),
    "words-null": Planting("words", 400, {"a": 5, "b": 5}, 0.0, (), 0.0, "slow"),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_small_study(name):
    """Limits of coverage are wider than the benchmark's, as there are few data sets."""
    planting = CONDITIONS[name]
    recovered = recover(planting, 4)
    for bar in condition_bars(name, planting.n, recovered):
        if bar.name.endswith("false"):
            assert bar.holds, str(bar)
        elif not bar.smaller_is_better:
            assert bar.figure > 0.82, str(bar)
    error = {part: (one.value - one.reached).mean() for part, one in recovered.items()}
    assert max(map(abs, error.values())) < 0.03, error
    if planting.share:
        shared, unique = recovered["sharedAB"].population.mean(), recovered["uniqueA"].population.mean()
        assert recovered["sharedAB"].value.mean() == pytest.approx(shared, abs=0.03)
        assert recovered["uniqueA"].value.mean() == pytest.approx(unique, abs=0.05)
        assert recovered["uniqueB"].null


def test_ceilings_are_unbiased():
    held = {bar.name: bar.holds for bar in ceilings(quick=True) if "hearings" in bar.name}
    assert all(held.values()), held
