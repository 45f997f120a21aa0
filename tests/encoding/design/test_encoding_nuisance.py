"""Features that lose what responses are cleaned of: closed forms, what is left out, and where it is not done."""

from dataclasses import replace

import numpy as np
import pytest

from bids_app import encoding
from bids_app.encoding.design.columns import LOST, design_columns
from bids_app.encoding.design.folds import outer_split
from bids_app.encoding.design.nuisance import ALREADY, ALREADY_WHY, NOT_DONE, samples_left
from bids_app.records import FitSpec, Layered, Projected, Run

N, SIZES = 60, (3, 1)  # samples a run; dimensions of the bands x and y, of two delays
EVERY = np.ones(N, bool)
SPEC = FitSpec(solver="ridge", alphas=(1e-8, 1e-8, 1))


def nuisance_of(rng, n_confounds=5):
    """A slow drift and confounds of one run."""
    return np.column_stack([np.cos(np.pi * (np.arange(N) + 0.5) / N), rng.standard_normal((N, n_confounds))])


def make_run(seed, stimulus=None, nuisance=None, Y=None, **bands):
    rng = np.random.default_rng(seed)
    nuisance = nuisance_of(rng) if nuisance is None else nuisance
    drawn = {name: 5 + rng.standard_normal((N, 2, size)) * 3 for name, size in zip("xy", SIZES, strict=True)}
    Y = rng.standard_normal((N, 4)) if Y is None else Y
    return Run(
        f"run-{seed}",
        {**drawn, **bands},
        encoding.clean(Y, nuisance, EVERY, "none"),
        np.arange(N) * 2.0,
        (stimulus or str(seed),),
        nuisance=encoding.nuisance_basis(nuisance, EVERY),
    )


def stack(runs, outer="by_run", **settings):
    return encoding.build_design(
        runs, outer, (2.0, 4.0), settings.get("pca", {}), 0.0, settings.get("residualise", True)
    )


def scale_first(design, band, fold=0):
    """Columns as they are without it, and then less each run's nuisance."""
    train = outer_split(design, fold)[0]
    expected = design_columns(replace(design, residualised=False), band, fold, train)
    for run, basis in enumerate(design.nuisance):
        own = design.runs == run
        expected[own] -= basis @ np.linalg.lstsq(basis, expected[own], rcond=None)[0]
    return expected, design_columns(design, band, fold, train)


# ------------------------------------------------------------------------------------------------ the projection
def test_the_basis_is_orthonormal_and_spans_constant_and_nuisance():
    nuisance = nuisance_of(np.random.default_rng(0)) * [1, 1e-6, 1e6, 1, 1, 1]
    doubled = np.column_stack([nuisance, nuisance @ np.ones((6, 2)), np.full(N, 7.0)])
    keep = np.arange(N) >= 10
    basis = encoding.nuisance_basis(doubled, keep)
    assert basis.shape == (50, 7)
    np.testing.assert_allclose(basis.T @ basis, np.eye(7), atol=1e-10)
    wanted = np.column_stack([np.ones(50), nuisance[keep]])
    np.testing.assert_allclose(basis @ (basis.T @ wanted), wanted, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("pca", [None, 2])
def test_columns_are_scaled_first_and_then_lose_each_runs_nuisance(pca):
    design = stack([make_run(seed) for seed in range(3)], pca={"x": pca})
    assert design.residualised
    expected, found = scale_first(design, "x")
    np.testing.assert_allclose(found, expected, atol=1e-9)
    spread = found[outer_split(design, 0)[0]].std(axis=0)
    assert spread.mean() < 0.97  # not scaled again to what they were


def test_projected_and_layered_bands_lose_it_too():
    rng = np.random.default_rng(1)
    ones = np.ones((N, 2, 1))
    design = stack([make_run(seed, ones=ones) for seed in range(3)])
    matrices = {fold: rng.standard_normal((4, 2)) for fold in range(3)}
    layered = {"x": Layered({"a": (0, 1), "b": (1, 3)}, {0: "b", 1: "a", 2: "b"})}
    design = replace(design, projected={"p": Projected(("y", "x"), matrices)})
    for given in (design, replace(design, projected={}, layered=layered)):
        for fold in range(3):
            expected, found = scale_first(given, "p" if given.projected else "x", fold)
            np.testing.assert_allclose(found, expected, atol=1e-9)
    # a projection's constant is a run's mean and goes with it
    shifted = {fold: np.vstack([matrix, rng.standard_normal((1, 2))]) for fold, matrix in matrices.items()}
    with_constant = replace(design, projected={"p": Projected(("y", "x", "ones"), shifted)})
    np.testing.assert_allclose(scale_first(with_constant, "p")[1], scale_first(design, "p")[1], atol=1e-9)


def test_weights_are_those_of_a_regression_on_features_and_nuisance_together():
    """Frisch, Waugh and Lovell: least squares of raw responses on both."""
    runs = []
    for seed in range(3):
        rng = np.random.default_rng(10 + seed)
        nuisance, x = nuisance_of(rng), rng.standard_normal((N, 2, 3))
        x += (nuisance @ rng.standard_normal((6, 6))).reshape(N, 2, 3)
        Y = x.reshape(N, -1) @ np.arange(24).reshape(6, 4) + nuisance @ rng.standard_normal((6, 4)) * 9
        runs.append(make_run(seed, nuisance=nuisance, x=x, Y=Y + rng.standard_normal((N, 4))))
    design = stack(runs)
    train = outer_split(design, 0)[0]
    X = design_columns(design, "x", 0, train)[train]
    blocks = [np.zeros((2 * N, 7)) for _ in range(2)]
    for number, block in enumerate(blocks):
        block[number * N : (number + 1) * N] = design.nuisance[number + 1]
    raw = design_columns(replace(design, residualised=False), "x", 0, train)[train]
    both = np.linalg.lstsq(np.hstack([raw, *blocks]), design.Y[train], rcond=None)[0][:6]
    np.testing.assert_allclose(np.linalg.lstsq(X, design.Y[train], rcond=None)[0], both, atol=1e-6)
    assert not np.allclose(np.linalg.lstsq(raw, design.Y[train], rcond=None)[0], both, atol=0.1)


def test_a_signal_amid_drift_is_predicted_better():
    """Features with half of their variance in confounds and drift: all of the cleaned signal comes back."""
    runs, weights = [], np.random.default_rng(3).standard_normal((6, 4))
    for seed in range(4):
        rng = np.random.default_rng(20 + seed)
        nuisance, x = nuisance_of(rng, 10), rng.standard_normal((N, 6))
        x = (x + 0.5 * nuisance @ rng.standard_normal((11, 6))).reshape(N, 2, 3)
        Y = x.reshape(N, -1) @ weights + 0.1 * rng.standard_normal((N, 4))
        runs.append(make_run(seed, nuisance=nuisance, x=x, Y=Y))
    given, without = stack(runs), stack(runs, residualise=False)
    scores = [encoding.fit(one, {"x": ("x",)}, SPEC).rsquared[0] for one in (given, without)]
    assert scores[0].min() > 0.98
    assert (scores[1] < scores[0] - 0.1).all()


# ------------------------------------------------------------------------------------------------ what is left out
def test_a_column_that_nuisance_explains_is_zero_and_counted():
    runs = []
    for seed in range(3):
        rng = np.random.default_rng(30 + seed)
        nuisance = nuisance_of(rng)
        x = rng.standard_normal((N, 2, 3))
        x[:, 1, 2] = 4 + nuisance[:, 1] + 0.05 * rng.standard_normal(N)  # keeps a quarter of a percent
        x[:, 0, 0] = nuisance[:, 2] + 0.3 * rng.standard_normal(N)  # keeps 8 %
        runs.append(make_run(seed, nuisance=nuisance, x=x))
    design = stack(runs)
    columns = design_columns(design, "x", 0, outer_split(design, 0)[0])
    np.testing.assert_array_equal(np.flatnonzero((columns == 0).all(axis=0)), [5])
    (line,) = encoding.nuisance_warnings(design, ("x", "y"), asked=False)
    assert f"more than {LOST:.0%} of them: x 1 (delays counted)" in line
    left = replace(design, residualised=False)
    assert encoding.nuisance_warnings(left, ("x", "y"), asked=False) == ()
    assert encoding.nuisance_warnings(left, ("x", "y"), asked=True) == (NOT_DONE,)
    assert encoding.nuisance_warnings(design, ("x", "y"), asked=True) == (line,)


def test_a_run_that_loses_a_quarter_of_its_samples_is_named():
    rng = np.random.default_rng(4)
    runs = [make_run(0), make_run(1, nuisance=nuisance_of(rng, 13)), make_run(2, nuisance=nuisance_of(rng, 14))]
    (line,) = encoding.nuisance_warnings(stack(runs), ("x",), asked=False)
    assert line.startswith("run-2: confounds and drift take 16 of 60 samples")


def test_samples_left_are_those_less_nuisance_and_add_up():
    design = stack([make_run(seed) for seed in range(3)])
    assert samples_left(design, design.runs == 1) == pytest.approx(N - 7)
    early = (design.runs == 1) & (design.times_s < 40)
    late = (design.runs == 1) & ~early
    assert samples_left(design, early) + samples_left(design, late) == pytest.approx(N - 7)
    assert samples_left(replace(design, nuisance=()), early) == early.sum()


# ------------------------------------------------------------------------------------------------ where it is done
def test_it_is_done_where_no_fold_splits_a_run():
    several, one = [make_run(seed) for seed in range(3)], [make_run(0)]
    repeated = [make_run(seed, stimulus="story") for seed in range(3)]
    linked = [make_run(seed, stimulus=f"{seed // 2}") for seed in range(4)]
    assert stack(several).residualised
    assert stack(linked).residualised
    assert not any(stack(runs).residualised for runs in (one, repeated))
    assert not stack(several, 5).residualised
    assert not stack(several, residualise=False).residualised
    assert not encoding.build_design(several, "by_run", (2.0, 4.0), {}, 0.0).residualised
    assert not stack([replace(run, nuisance=None) for run in several]).residualised
    assert not encoding.published_design(stack(several)).residualised


def test_the_basis_of_a_mean_takes_of_features_what_participants_lose_on_average():
    rng = np.random.default_rng(5)
    drift = np.cos(np.pi * (np.arange(N) + 0.5) / N)
    bases = [encoding.nuisance_basis(np.column_stack([drift, rng.standard_normal((N, 3))]), EVERY) for _ in range(4)]
    X = rng.standard_normal((N, 6))
    mean = np.mean([X - basis @ (basis.T @ X) for basis in bases], axis=0)
    B = encoding.mean_basis(bases)
    np.testing.assert_allclose(X - B @ (B.T @ X), mean, atol=1e-12)
    assert np.square(B).sum() == pytest.approx(5)  # the mean number of regressors


def test_features_that_have_lost_it_already_are_named():
    """Flips take features for unrelated to nuisance, of which they hold a share by chance."""
    rng = np.random.default_rng(6)
    runs, own = [], nuisance_of(rng, 20)
    basis = encoding.nuisance_basis(own, EVERY)
    for seed in range(3):
        x = rng.standard_normal((N, 2, 3))
        flat = x.reshape(N, -1)
        runs.append(make_run(seed, nuisance=own, x=(flat - basis @ (basis.T @ flat)).reshape(x.shape)))
    for residualise in (True, False):  # responses are cleaned in any case
        named = encoding.nuisance_warnings(stack(runs, residualise=residualise), ("x", "y"), asked=False)
        assert [line for line in named if line.startswith(ALREADY)] == [f"{ALREADY}: x. {ALREADY_WHY}"]
