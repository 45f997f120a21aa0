"""Models beyond a baseline: planted truth, false positives on nulls, and a control that knows only time."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from benchmarks.nulls import design_of
from benchmarks.simulation import FMRI, mixed, series, with_weights
from bids_app import encoding
from bids_app.encoding.comparisons.controls import MOST_BUMPS, bumps
from bids_app.records import FitSpec, InferenceSpec, Run, autocorrelation_control, baseline_alone, beyond_baseline

SPEC = FitSpec(candidates=8, alphas=(1.0, 1e5, 6))
TESTS = InferenceSpec(200, 60.0)
ASKED = (
    baseline_alone(("rate",)),
    beyond_baseline("carrier", ("carrier",), ("rate",)),
    beyond_baseline("rich", ("rich",), ("rate",)),
)


def problem(n_targets, share, seed):
    """A baseline of two columns; a model that carries it among noise; one with a signal of its own. Responses follow
    the baseline, and in the second half of the targets the rich model too."""
    rng = np.random.default_rng(seed)
    rate, own = series("ar.5", FMRI, 2, rng), series("ar.5", FMRI, 4, rng)
    carrier = np.hstack([rate @ rng.standard_normal((2, 6)), series("ar.5", FMRI, 4, rng)])
    signal = with_weights(rate, n_targets, rng)
    signal[:, n_targets // 2 :] += with_weights(own, n_targets - n_targets // 2, rng)
    Y = mixed(signal, series("ar.5", FMRI, n_targets, rng), np.full(n_targets, share))
    return design_of({"rate": rate, "carrier": carrier, "rich": own}, Y, FMRI.runs, FMRI.times_s)


@pytest.fixture(scope="module")
def planted():
    return encoding.fit_controls(problem(12, 0.3, 0), ASKED, SPEC, TESTS).values


def test_what_carries_the_baseline_alone_does_not_beat_it(planted):
    assert (planted["baseline"]["pfwe"] < 0.05).all()
    assert (planted["carrierBeyondBaseline"]["pfwe"] > 0.05).all()
    assert (np.abs(planted["carrierBeyondBaseline"]["rsquared"]) < 0.02).all()


def test_what_carries_more_does_where_it_is_planted(planted):
    beyond = planted["richBeyondBaseline"]
    assert (beyond["pfwe"][6:] < 0.05).all()
    assert (beyond["pfwe"][:6] > 0.05).all()
    assert (beyond["ci025"][6:] > 0).all()
    assert (beyond["r"][6:] > 0.2).all()  # a partial correlation, which tests over participants rest on
    assert (np.abs(beyond["r"][:6]) < 0.2).all()
    assert "r" in planted["baseline"]


def test_values_are_differences_of_unions_fitted_alone(planted):
    """With one candidate nothing is searched: the same as two fits apart."""
    design, plain = problem(4, 0.3, 1), replace(SPEC, solver="ridge")
    controls = encoding.fit_controls(design, ASKED, plain, None).values["richBeyondBaseline"]["rsquared"]
    both = encoding.fit(design, {"x": ("rate", "rich")}, plain).rsquared[0]
    baseline = encoding.fit(design, {"x": ("rate",)}, plain).rsquared[0]
    np.testing.assert_allclose(controls, both - baseline, atol=1e-10)


def test_an_idle_model_beats_the_baseline_no_more_often_than_by_chance():
    """100 noise targets, each with p ≤ .05 in at most as many as the binomial allows, amid the baseline."""
    p = np.concatenate(
        [
            encoding.fit_controls(problem(20, 0.2, seed), ASKED, SPEC, TESTS).values["carrierBeyondBaseline"]["p"]
            for seed in range(10, 15)
        ]
    )
    assert (p <= 0.05).sum() <= binom.ppf(0.975, len(p), 0.05)


# ------------------------------------------------------------------------------------------------ time alone
def slow_run(seed, n=400, tau_s=10.0):
    rng = np.random.default_rng(seed)
    noise, keep = rng.standard_normal((n, 5)), np.exp(-2.0 / tau_s)
    for row in range(1, n):
        noise[row] += keep * noise[row - 1]
    noise -= noise.mean(axis=0)
    return Run(f"run-{seed}", {"x": noise[:, None, :1]}, noise, np.arange(n) * 2.0, (f"{seed}",))


TIME = (autocorrelation_control(),)


def test_time_alone_predicts_nothing_in_blocks_apart_and_much_in_shuffled_folds():
    design = encoding.build_design([slow_run(0)], 5, (0.0,), {}, 30.0)
    assert encoding.splits_runs(design)
    apart = encoding.fit_controls(encoding.with_time(design), TIME, SPEC, TESTS).values["autocorrelation"]
    assert (apart["pfwe"] > 0.05).all()
    assert apart["rsquared"].mean() < 0.03
    shuffled = replace(design, folds=np.random.default_rng(0).integers(0, 5, len(design.folds)), purge_s=1.0)
    leaking = replace(encoding.with_time(replace(shuffled, purge_s=12.0)), purge_s=1.0)
    assert (encoding.fit_controls(leaking, TIME, SPEC, None).values["autocorrelation"]["rsquared"] > 0.3).all()


def test_where_no_run_is_split_it_predicts_nothing_at_all():
    """So it need not be fitted."""
    design = encoding.build_design([slow_run(seed) for seed in range(4)], "by_run", (0.0,), {}, 30.0)
    assert not encoding.splits_runs(design)
    controls = encoding.fit_controls(encoding.with_time(design), TIME, SPEC, None).values["autocorrelation"]
    assert (controls["rsquared"] <= 1e-9).all()


def test_bumps_are_few_and_keep_to_their_run():
    design = encoding.build_design([slow_run(seed) for seed in range(3)], 5, (0.0,), {}, 4.0)
    columns = bumps(design)[:, 0]
    assert columns.shape[1] <= MOST_BUMPS + 3
    owner = design.runs[columns.argmax(axis=0)]
    assert (columns[design.runs[:, None] != owner] == 0).all()
    assert (columns.max(axis=1) > 0.8).all()


# ------------------------------------------------------------------------------------------------ contexts
def test_contexts_that_reach_training_samples_are_counted():
    design = encoding.build_design([slow_run(0)], 4, (0.0,), {}, 20.0)  # blocks of 200 s, every 2 s
    for reach_s, expected in ((10.0, 0), (20.0, 0), (60.0, 3 * 20)):
        assert encoding.reaching_back(design, design.times_s - reach_s) == expected
