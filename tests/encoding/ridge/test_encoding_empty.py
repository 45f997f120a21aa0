"""Spaces that say nothing: empty, constant, copies, nearly empty ones. None of them adds to another one."""

from dataclasses import replace

import numpy as np
import pytest

from bids_app import encoding
from bids_app.records import FitSpec, InferenceSpec, Projected, Run

N_RUNS, N_TIMES, N_TARGETS = 4, 80, 12
ALPHAS = (1e-1, 1e6, 15)
SOLVERS = {"ridge": FitSpec(solver="ridge", alphas=ALPHAS), "banded": FitSpec(candidates=8, alphas=ALPHAS)}
PAIR = {"a": ("a",), "b": ("b",)}


def design_of(kind, n_columns, share, seed=0):
    """Band a carries the share of the responses; b is of the kind, of so many columns."""
    rng = np.random.default_rng(seed)
    n = N_RUNS * N_TIMES
    a = rng.standard_normal((n, n_columns if kind == "copy" else 6))
    almost = np.zeros((n, n_columns))
    almost[5:9] = rng.standard_normal((4, n_columns))  # four samples of the first run, and nothing else
    bands = {
        "zeros": np.zeros((n, n_columns)),
        "constant": np.full((n, n_columns), 3.7),
        "copy": a,
        "almost empty": almost,
    }
    signal = a @ rng.standard_normal((a.shape[1], N_TARGETS))
    Y = np.sqrt(share) * signal / signal.std(axis=0) + np.sqrt(1 - share) * rng.standard_normal(signal.shape)
    runs = []
    for number in range(N_RUNS):
        rows = slice(number * N_TIMES, (number + 1) * N_TIMES)
        named = {"a": a[rows, None], "b": bands[kind][rows, None]}
        runs.append(Run(f"run-{number}", named, Y[rows], np.arange(N_TIMES) * 2.0, (f"{number}",)))
    return encoding.build_design(runs, "by_run", (0.0,), {}, 0.0)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("share", [0.0, 0.1, 0.3])
@pytest.mark.parametrize(
    ("kind", "n_columns"), [("zeros", 1), ("zeros", 10), ("constant", 2), ("copy", 1), ("copy", 10)]
)
def test_a_band_that_says_nothing_new_leaves_predictions_as_they_are(kind, n_columns, share, solver):
    fitted = encoding.fit(design_of(kind, n_columns, share), PAIR, SOLVERS[solver])
    a, b, both = fitted.rsquared
    np.testing.assert_allclose(both, a, atol=1e-9)
    if kind != "copy":
        np.testing.assert_array_equal(both, a)
        assert (b == 0).all()


@pytest.mark.parametrize("solver", SOLVERS)
def test_an_empty_space_has_p_of_one_and_is_warned_of_by_name(solver):
    design = design_of("constant", 2, 0.3)
    fitted, tests = encoding.fit_and_infer(design, PAIR, SOLVERS[solver], InferenceSpec(200, 40.0))
    for label in ("b", "uniqueB", "sharedAB"):
        assert (tests.components[label].p == 1).all()
        assert (tests.components[label].p_family == 1).all()
    assert (tests.components["uniqueA"].p <= 0.05).mean() > 0.5  # it hides nothing of the other one
    lines = [line for line in fitted.warnings if "does not vary" in line]
    assert lines == [
        "the feature space b does not vary in the training samples of every fold: it predicts nothing there, "
        "whatever the responses are, so this is no finding about them"
    ]


def test_a_band_that_varies_in_one_run_alone_is_empty_in_the_fold_that_tests_it():
    design = design_of("almost empty", 2, 0.3)
    groups = {"a": ("a",), "rare": ("b",)}
    fitted = encoding.fit(design, groups, SOLVERS["banded"])
    assert [line for line in fitted.warnings if "b (of rare) does not vary in the training samples of 1 of 4" in line]
    assert not encoding.fit(design, {"a": ("a",)}, SOLVERS["banded"]).warnings


def test_a_nearly_empty_band_is_unique_nowhere():
    """A band of four samples lets penalties of the other one through that this one alone had not met: with draws of
    each union, 16 % of targets without any signal."""
    hits = []
    for seed in range(6):
        fitted = design_of("almost empty", 1, 0.0, seed)
        _, tests = encoding.fit_and_infer(fitted, PAIR, SOLVERS["banded"], InferenceSpec(200, 40.0))
        hits.append(tests.components["uniqueB"].p <= 0.05)
    assert np.mean(hits) <= 0.05


def test_a_shared_subspace_without_pairs_is_no_part_of_anything():
    """Where no canonical pair is kept, the shared band is a projection on nothing."""
    design = design_of("copy", 3, 0.3)
    nothing = Projected(("b",), {fold: np.zeros((3, 1)) for fold in range(N_RUNS)})
    design = replace(design, projected={"shared": nothing})
    groups = {"rest": ("a",), "shared": ("shared",)}
    fitted, tests = encoding.fit_and_infer(design, groups, SOLVERS["banded"], InferenceSpec(200, 40.0))
    np.testing.assert_array_equal(fitted.rsquared[2], fitted.rsquared[0])
    assert (tests.components["uniqueShared"].p == 1).all()
    assert (tests.components["sharedRestShared"].p == 1).all()
