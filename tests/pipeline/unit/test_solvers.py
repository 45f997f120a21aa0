"""Solvers are strategies, chosen by what each can do; averages come back with the fit, whatever the solver."""

from dataclasses import replace

import numpy as np
import pytest

from bids_app import encoding
from bids_app.encoding import FitContext
from bids_app.encoding.ridge import batches
from bids_app.pipeline.unit.fit_inputs import FitInputs
from bids_app.pipeline.unit.model_pair import control_models, first_averaging
from bids_app.pipeline.unit.solvers import NestedRidge, PublishedRidge, UnitQuestions, choose_solver
from bids_app.records import SOLVERS, Component, FitSpec, InferenceSpec, Run

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
    answers = choose_solver(given.spec).answer(given, UnitQuestions(averaging, {"again": GROUPS}))
    fitted = answers.main
    assert fitted.fit.unions == (("a",), ("b",), ("a", "b"))
    assert fitted.tests is None
    assert fitted.averages.unions == fitted.fit.unions
    mean = fitted.averages.averages["all"].scores[0]
    np.testing.assert_allclose(mean, fitted.fit.rsquared.mean(axis=1), rtol=1e-6)
    assert not fitted.has_ceiling
    np.testing.assert_allclose(answers.extra["again"].fit.rsquared, fitted.fit.rsquared, rtol=1e-9)
    assert answers.controls.components == ()
    assert answers.alone is None


def test_all_else_is_averaged_over_reliable_targets_too(monkeypatch):
    """Those that the main partition predicts, whichever batch they are in."""
    monkeypatch.setitem(batches.BLOCK_WIDTH, "cpu", 2)
    monkeypatch.setattr(batches, "_n_blocks", lambda *_: 1)
    given = inputs(tests=InferenceSpec(20, 10.0))
    asked = UnitQuestions(first_averaging(given.design.usable, 1, None, None), {"b": {"b": ("b",)}}, models=GROUPS)
    answers = NestedRidge().answer(given, asked)
    assert answers.main.tests is not None
    assert answers.main.sets[encoding.RELIABLE].tolist() == [True] * 3 + [False] * 3
    for one in (answers.main.averages, answers.extra["b"].averages, answers.alone):
        assert one.averages[encoding.RELIABLE].n == 3
        assert one.averages["all"].n == 6
    assert answers.main.averages.maps == answers.alone.maps == (0, 1)
    assert answers.extra["b"].averages.maps == ()  # compared with nothing
    without = NestedRidge().answer(inputs(), asked)
    assert list(without.main.sets) == list(without.extra["b"].averages.averages) == ["all"]


def test_of_windows_the_first_is_averaged():
    averaging = first_averaging(np.array([True] * 6 + [False] * 3), 3, None, None)
    assert averaging.sets["all"].tolist() == [True, False, False] * 2 + [False] * 3


def test_models_alone_are_compared_with_the_baseline_and_controls_alone():
    baseline = Component("baseline", (), ((("w", "e"), 1),))
    beyond = Component("beyond_baseline", ("a",), ((("w", "e", "a"), 1), (("w", "e"), -1)))
    twin = Component("control", ("b",), ((("b",), 1),))
    groups = {**GROUPS, "c": ("c",)}
    controls = baseline, beyond, twin
    assert control_models(("a", "c"), groups, controls) == {"a": ("a",), "c": ("c",), "baseline": ("w", "e")}
    assert control_models(None, groups, controls) == {}
    assert control_models(("a", "b"), groups, ()) == {}


def test_models_and_controls_are_answered_in_the_same_stream():
    given = inputs(tests=InferenceSpec(20, 10.0))
    beyond = Component("beyond_baseline", ("a",), ((("b", "a"), 1), (("b",), -1)))
    averaging = first_averaging(given.design.usable, 1, None, None)
    answers = NestedRidge().answer(given, UnitQuestions(averaging, controls=[beyond], models=GROUPS))
    assert answers.alone.unions == (("a",), ("b",))
    apart = encoding.fit_controls(given.design, [beyond], SPEC, given.inference)
    for stat, values in apart.values[beyond.label].items():
        np.testing.assert_allclose(answers.controls.values[beyond.label][stat], values, atol=1e-6, err_msg=stat)
    (label,) = answers.controls.values
    assert {"p", "pfwe"} <= set(answers.controls.values[label])
