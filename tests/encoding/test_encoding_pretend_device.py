"""Engine and inference on a pretend accelerator: the CPU's numbers, and what a GPU would refuse is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from pretend_device import PRETEND, pretend_device

from benchmarks.calibration_residuals import Residuals, draw
from bids_app import encoding
from bids_app.encoding import Additions, Averages, AveragingPlan, FitContext, ObserverGroup
from bids_app.encoding.ridge import batches
from bids_app.encoding.ridge.options import with_backoff
from bids_app.records import FitSpec, InferenceSpec, partition_components

SPEC = FitSpec(candidates=2, alphas=(1e0, 1e4, 3))


def test_tensors_of_two_devices_do_not_mix():
    with pretend_device():
        there, here = torch.ones(3, device=PRETEND), torch.ones(3)
        with pytest.raises(RuntimeError, match="found at least two devices"):
            there + here
        with pytest.raises(RuntimeError, match="found at least two devices"):
            torch.cat([here, there])
        with pytest.raises(RuntimeError, match="found at least two devices"):
            there[here > 0] = here
        assert (there + torch.tensor(1.0)).tolist() == [2.0] * 3  # numbers alone may be anywhere
        assert there[torch.tensor([0, 2])].tolist() == [1.0, 1.0]
        assert there[np.array([0, 2])].tolist() == there[[0, 2]].tolist() == [1.0, 1.0]
        assert (there.cpu() + here).tolist() == [2.0] * 3
        assert (here.copy_(there) + there.cpu()).tolist() == [2.0] * 3
        assert there.new_tensor([1.0]).device.type == torch.as_tensor([1.0], device=PRETEND).device.type == PRETEND
        for as_array in (there.numpy, lambda: np.asarray(there)):
            with pytest.raises(RuntimeError, match="not supported"):
                as_array()


def test_memory_is_counted_and_runs_out():
    with pretend_device(limit_mb=0.001) as memory:
        held = torch.zeros(200, device=PRETEND)
        part = held[10:].reshape(-1, 10)
        assert memory.held == 800  # a view holds nothing of its own
        with pytest.raises(torch.OutOfMemoryError):
            torch.zeros(100, device=PRETEND)
        del held
        assert memory.held == 800
        del part
        assert (memory.held, memory.peak) == (0, 800)
        torch.zeros(100, device=PRETEND)


def problem(columns, noise, n_targets=4):
    """Four residualised runs; `columns` of b, the dual where they are more than samples; smooth noise asks for flips
    of frequencies too."""
    design = draw(Residuals(noise, noise, 25), {"a": 0.2}, np.random.default_rng(0))
    bands = {**design.bands, "b": np.random.default_rng(1).standard_normal((400, 1, columns))}
    Y = np.tile(design.Y, 1 + n_targets // design.Y.shape[1])[:, :n_targets]
    few = {"Y": Y, "usable": np.arange(n_targets) != 2, "bands": bands}
    return replace(design, **few, residualised=True)


def fitted(design, context):
    """A fit with its inference, and what the pipeline observes of it."""
    groups = {name: (name,) for name in design.bands}
    unions = encoding.unions_of(tuple(groups))
    plan = AveragingPlan(design.folds, {"all": design.usable}, np.arange(400) // 20, None)
    averages = Averages(unions, encoding.singles(unions), plan, context.device)
    additions = Additions(unions, partition_components(tuple(groups)), groups, design)
    observers = ObserverGroup([averages, additions])
    fit, tests = encoding.fit_and_infer(design, groups, SPEC, InferenceSpec(50, 60.0), context, observers)
    return fit, tests, averages.averaged().averages["all"], additions.partial_r()


@pytest.mark.parametrize(("columns", "noise"), [(5, "ar.9"), (350, "ar.5")], ids=["primal", "dual"])
def test_a_fit_with_its_inference_is_that_of_the_cpu(columns, noise):
    design = problem(columns, noise)
    fit, tests, average, partial_r = fitted(design, FitContext())
    with pretend_device() as memory:
        there = fitted(design, FitContext(PRETEND))
    assert memory.peak > 0
    assert not memory.held
    np.testing.assert_allclose(there[0].rsquared, fit.rsquared, atol=1e-6)
    for label, found in tests.components.items():
        for name in ("p", "p_family", "low", "high"):
            mine = getattr(there[1].components[label], name)
            np.testing.assert_allclose(mine, getattr(found, name), atol=1e-5, err_msg=f"{label} {name}")
    np.testing.assert_allclose(there[2].z, average.z, atol=1e-5)
    for label, r in partial_r.items():
        np.testing.assert_allclose(there[3][label], r, atol=1e-5, err_msg=label)


def test_a_fit_that_runs_out_of_memory_goes_on_with_less_and_then_on_the_cpu(monkeypatch):
    """Half the limit is half the targets at a time."""
    monkeypatch.setattr(batches, "BASE_MB", 0)
    monkeypatch.setitem(batches.BLOCK_WIDTH, "cpu", 200)
    design = problem(5, "ar.5", n_targets=2000)
    groups, spec = {name: (name,) for name in design.bands}, FitSpec(solver="ridge", alphas=(1e0, 1e2, 2))

    def attempt(context):
        return encoding.fit(design, groups, spec, context)

    expected, peaks = attempt(FitContext()).rsquared, {}
    for mem_mb in (40, 20):
        with pretend_device(width=200) as memory:
            attempt(FitContext(PRETEND, mem_mb))
        peaks[mem_mb] = memory.peak / 1e6
    assert peaks[20] < 0.85 * peaks[40]
    for limit_mb, said in ((0.9 * peaks[40], "fitted again with 20 MB"), (0.01, "fitted on the CPU")):
        with pretend_device(limit_mb, width=200):
            fit, (warning,) = with_backoff(attempt, FitContext(PRETEND, 40))
        assert said in warning
        np.testing.assert_allclose(fit.rsquared, expected, atol=1e-6)
