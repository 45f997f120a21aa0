"""Solvers are strategies, chosen by what each can do; averages come back with the fit, whatever the solver."""

from dataclasses import replace

import numpy as np
import pytest

from bids_app import encoding
from bids_app.encoding import FitContext
from bids_app.pipeline.unit.fit_inputs import FitInputs
from bids_app.pipeline.unit.model_pair import average_alone, control_models, first_averaging, next_averaging
from bids_app.pipeline.unit.solvers import NestedRidge, PublishedRidge, choose_solver
from bids_app.records import SOLVERS, Component, ControlResults, FitSpec, InferenceSpec, Run

GROUPS = {"a": ("a",), "b": ("b",)}
SPEC = FitSpec(candidates=4, alphas=(1e-2, 1e4, 4))


def inputs(solver="banded_ridge", tests=None):
    rng = np.random.default_rng(0)
    bands = {name: rng.standard_normal((4, 80, 1, 3)) for name in GROUPS}
    Y = rng.standard_normal((4, 80, 6))
    Y[..., :3] += bands["a"][:, :, 0] @ rng.standard_normal((3, 3))
    runs = [
        Run(f"r{n}", {k: v[n] for k, v in bands.items()}, Y[n] - Y[n].mean(0), np.arange(80.0), (f"{n}",))
        for n in range(4)
    ]
    spec = replace(SPEC, solver=solver)
    design = choose_solver(spec).prepare_design(encoding.build_design(runs, "by_run", (0.0,), {}, 0.0))
    made = FitInputs(design, GROUPS, spec, tests, FitContext())
    return replace(made, blocks=made.make_blocks())


def test_every_solver_has_a_strategy_by_what_it_can_do():
    for name, can in SOLVERS.items():
        solver = choose_solver(replace(SPEC, solver=name))
        assert isinstance(solver, NestedRidge if can.fits_in_folds else PublishedRidge), name


@pytest.mark.parametrize("name", SOLVERS)
def test_a_partition_comes_back_with_its_averages(name):
    given = inputs(name)
    averaging = first_averaging(given.design.usable, 1, None, None)
    fitted = choose_solver(given.spec).fit_partition(given, GROUPS, averaging)
    assert fitted.fit.unions == (("a",), ("b",), ("a", "b"))
    assert fitted.tests is None
    assert fitted.averages.unions == fitted.fit.unions
    mean = fitted.averages.averages["all"].scores[0]
    np.testing.assert_allclose(mean, fitted.fit.rsquared.mean(axis=1), rtol=1e-6)
    assert not fitted.has_ceiling


def test_what_is_fitted_next_is_averaged_over_reliable_targets_too():
    given = inputs(tests=InferenceSpec(20, 10.0))
    first = first_averaging(given.design.usable, 1, None, None)
    main = NestedRidge().fit_partition(given, GROUPS, first)
    assert main.tests is not None
    following = next_averaging(first, main)
    assert list(following.sets) == ["all", encoding.RELIABLE]
    assert following.sets[encoding.RELIABLE].tolist() == [True] * 3 + [False] * 3
    without = NestedRidge().fit_partition(inputs(), GROUPS, first)
    assert list(next_averaging(first, without).sets) == ["all"]


def test_of_windows_the_first_is_averaged():
    averaging = first_averaging(np.array([True] * 6 + [False] * 3), 3, None, None)
    assert averaging.sets["all"].tolist() == [True, False, False] * 2 + [False] * 3


def test_models_alone_are_compared_with_the_baseline_and_controls_alone():
    baseline = Component("baseline", (), ((("w", "e"), 1),))
    beyond = Component("beyond_baseline", ("a",), ((("w", "e", "a"), 1), (("w", "e"), -1)))
    twin = Component("control", ("b",), ((("b",), 1),))
    groups = {**GROUPS, "c": ("c",)}
    controls = ControlResults((baseline, beyond, twin), {})
    assert control_models(("a", "c"), groups, controls) == {"a": ("a",), "c": ("c",), "baseline": ("w", "e")}
    assert control_models(None, groups, controls) == {}
    assert control_models(("a", "b"), groups, ControlResults((), {})) == {}


def test_models_are_averaged_alone():
    given = inputs()
    averaging = first_averaging(given.design.usable, 1, None, None)
    alone = average_alone(given, GROUPS, averaging)
    assert alone.unions == (("a",), ("b",))
    assert alone.maps == (0, 1)
    assert average_alone(given, {}, averaging) is None
