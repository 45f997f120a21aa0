"""Agreement of two models' predictions and maps: closed forms on kept predictions, and planted truth."""

import numpy as np
import pytest
from scipy.stats import t as student

from bids_app import encoding
from bids_app.encoding.comparisons.averages import RELIABLE, Averages, AveragingPlan, map_correlation, with_interval
from bids_app.encoding.inference.blocks import block_labels
from bids_app.encoding.ridge.batches import BLOCK_WIDTH
from bids_app.encoding.ridge.fitted import Observer, ObserverGroup
from bids_app.records import FitSpec, Run

SPEC = FitSpec(candidates=4, alphas=(1e-1, 1e4, 6))
N_RUNS, N_TIMES = 4, 60
ALL = (("one",), ("two",), ("one", "two"))


def design(bands, Y):
    runs = [
        Run(
            f"run-{number}",
            {name: values[number][:, None] for name, values in bands.items()},
            Y[number],
            np.arange(N_TIMES) * 2.0,
            (f"{number}",),
        )
        for number in range(N_RUNS)
    ]
    return encoding.build_design(runs, "by_run", (0.0,), {}, 6.0)


def bands_of(rng, dims=3):
    return {name: rng.standard_normal((N_RUNS, N_TIMES, dims)) for name in ("a", "b")}


class Kept(Observer):
    """Predictions of every union, (n_unions, n_times, n_targets)."""

    def __init__(self, n_unions, shape):
        self.predictions = np.full((n_unions, *shape), np.nan)

    def fitted(self, models):
        for union, mine in models.unions.items():
            at = np.ix_(models.split.evaluate, models.targets[mine])
            self.predictions[union][at] = models.predictions[:, mine].numpy()


def observed(given, blocks=True, ceiling=None, sets=None):
    labels = block_labels(given.runs, given.times_s, 20.0)
    sets = {"all": given.usable, **(sets or {})}
    observer = Averages(ALL, (0, 1), AveragingPlan(given.folds, sets, labels if blocks else None, ceiling))
    kept = Kept(3, given.Y.shape)
    fit = encoding.fit(given, {"one": ("a",), "two": ("b",)}, SPEC, observer=ObserverGroup([observer, kept]))
    return observer, kept, fit, labels


@pytest.fixture(scope="module")
def found():
    rng = np.random.default_rng(0)
    bands = bands_of(rng)
    bands["b"][..., :2] += bands["a"][..., :2]
    Y = rng.standard_normal((N_RUNS, N_TIMES, 9))
    Y += bands["a"] @ rng.standard_normal((3, 9)) + bands["b"] @ rng.standard_normal((3, 9))
    return design(bands, Y)


def fisher(given, kept, rows_of):
    """Fisher's z by numpy over the rows that each fold draws, (n_targets,)."""
    z = []
    for fold in np.unique(given.folds):
        rows = rows_of(np.flatnonzero(given.folds == fold))
        if len(rows):
            a, b = kept.predictions[0][rows], kept.predictions[1][rows]
            z.append([np.arctanh(np.corrcoef(a[:, t], b[:, t])[0, 1]) for t in range(a.shape[1])])
    return np.mean(z, axis=0)


def test_correlations_of_predictions_and_those_without_a_block_are_numpys(found, monkeypatch):
    monkeypatch.setitem(BLOCK_WIDTH, "cpu", 4)
    observer, kept, _, labels = observed(found)
    (agreement,) = observer.agreements()
    expected = fisher(found, kept, lambda rows: rows)
    assert np.allclose(agreement.r, np.tanh(expected), atol=1e-9)
    average = observer.averages()["all"]
    assert average.z[0, 0] == pytest.approx(expected.mean(), abs=1e-9)
    without = [
        fisher(found, kept, lambda rows, b=block: rows[labels[rows] != b]) for block in range(labels.max() + 1)
    ]
    assert np.allclose(average.z[1:, 0], np.mean(without, axis=1), atol=1e-8)
    n = len(without)
    half = student.ppf(0.975, n - 1) * np.sqrt(2 * (n - 1) * np.var(without, axis=0))
    assert np.allclose(agreement.low, np.tanh(expected - half), atol=1e-7)
    assert np.allclose(agreement.high, np.tanh(expected + half), atol=1e-7)


def test_mean_scores_and_map_correlations_are_those_of_the_fit(found):
    ceiling = np.linspace(0.2, 0.9, 9)
    observer, kept, fit, labels = observed(found, ceiling=ceiling)
    average = observer.averages()["all"]
    assert np.allclose(average.scores[0], fit.rsquared.mean(axis=1), atol=1e-9)
    r = np.corrcoef(fit.rsquared[:2])[0, 1]
    assert map_correlation(average.maps, 0, 1)[0] == pytest.approx(r, abs=1e-7)
    resid = [one - np.polyval(np.polyfit(ceiling, one, 1), ceiling) for one in fit.rsquared[:2]]
    partial = np.corrcoef(resid)[0, 1]
    assert map_correlation(average.maps, 0, 1, 2)[0] == pytest.approx(partial, abs=1e-7)
    # without the fourth block, by hand: R² of every target from the rows left
    rows = np.flatnonzero(labels != 3)
    means = np.array([found.Y[found.folds != fold].mean(axis=0) for fold in range(N_RUNS)])[found.folds]
    y = (found.Y - means)[rows]
    left = [1 - ((y - one[rows]) ** 2).sum(axis=0) / (y**2).sum(axis=0) for one in kept.predictions]
    assert np.allclose(average.scores[4], np.mean(left, axis=1), atol=1e-6)
    assert map_correlation(average.maps, 0, 1)[4] == pytest.approx(np.corrcoef(left[:2])[0, 1], abs=1e-5)


def test_limits_of_a_mean_are_students_with_the_variance_doubled():
    values = np.random.default_rng(0).standard_normal(20)
    without = (values.sum() - values) / 19
    value, low, high = with_interval(np.concatenate([[values.mean()], without]))
    half = student.ppf(0.975, 19) * values.std(ddof=1) / np.sqrt(20) * np.sqrt(2)
    assert (value, low, high) == pytest.approx((values.mean(), values.mean() - half, values.mean() + half))


def test_a_set_counts_its_own_targets_and_reliable_ones_are_found():
    rng = np.random.default_rng(3)
    bands, Y = bands_of(rng), rng.standard_normal((N_RUNS, N_TIMES, 10))
    Y[..., :4] += bands["a"] @ rng.standard_normal((3, 4))
    some = np.arange(10) < 3
    observer, _, fit, _ = observed(design(bands, Y), sets={"responsive": some})
    averages = observer.averages()
    assert (averages["all"].n, averages["responsive"].n) == (10, 3)
    assert np.allclose(averages["responsive"].scores[0], fit.rsquared[:, :3].mean(axis=1))
    assert observer.sets[RELIABLE][:4].all()
    assert observer.sets[RELIABLE][4:].sum() <= 1


def test_equal_features_agree_and_unrelated_ones_do_not():
    rng = np.random.default_rng(4)
    bands = bands_of(rng)
    Y = bands["a"] @ rng.standard_normal((3, 40)) + rng.standard_normal((N_RUNS, N_TIMES, 40))
    same = observed(design({"a": bands["a"], "b": bands["a"]}, Y))[0]
    assert np.allclose(same.agreements()[0].r, 1)
    both = Y + bands["b"] @ rng.standard_normal((3, 40))
    apart = observed(design(bands, both))[0].agreements()[0]
    assert abs(np.nanmean(apart.r)) < 0.1
    assert ((apart.low < 0) & (apart.high > 0)).mean() > 0.8


def test_noise_level_alone_makes_maps_agree_and_the_ceiling_takes_it_out():
    rng = np.random.default_rng(5)
    bands = bands_of(rng)
    signal = bands["a"] @ rng.standard_normal((3, 60)) + bands["b"] @ rng.standard_normal((3, 60))
    ceiling = np.tile(np.linspace(0.05, 0.9, 20), 3)
    signal /= signal.std(axis=(0, 1))
    Y = signal * np.sqrt(ceiling) + rng.standard_normal(signal.shape) * np.sqrt(1 - ceiling)
    observer = observed(design(bands, Y), ceiling=ceiling)[0]
    maps = observer.averages()["all"].maps
    assert map_correlation(maps, 0, 1)[0] > 0.15 + map_correlation(maps, 0, 1, 2)[0]
    assert abs(np.nanmean(observer.agreements()[0].r)) < 0.1


def test_without_blocks_there_are_values_alone(found):
    observer = observed(found, blocks=False)[0]
    (agreement,) = observer.agreements()
    assert np.isfinite(agreement.r).all()
    assert np.isnan(agreement.low).all()
    assert RELIABLE not in observer.sets
    value, low, high = with_interval(observer.averages()["all"].z[:, 0])
    assert np.isfinite(value)
    assert np.isnan([low, high]).all()
