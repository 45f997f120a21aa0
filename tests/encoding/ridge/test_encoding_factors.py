"""Searches by a few Cholesky factors, as on a GPU: what they choose is as good as what an eigenbasis chooses."""

import numpy as np
import pytest
import torch
from pretend_device import PRETEND, pretend_device
from test_encoding_single import ALPHAS, NOISE, one_direction, problem
from test_encoding_tf32 import Imitated

from bids_app.encoding.ridge import search
from bids_app.encoding.ridge.moments import TF32, Moments, rounding_of
from bids_app.encoding.ridge.search import LEAST_SHARE, LOWER_SHARE, Errors, FactorErrors, combinations, errors_of
from bids_app.encoding.ridge.splits import Columns, Split

WEIGHTS = {0: 0.3, 1: 0.7}


@pytest.mark.parametrize("lowest", [LEAST_SHARE, LOWER_SHARE], ids=["first", "lower"])
def test_a_few_alphas_stand_for_all_above_the_lowest(lowest):
    eigenvalues, alphas = np.geomspace(1e-9, 1, 400)[:, None], lowest * np.geomspace(1, 1e9, 300)
    mixed = combinations(lowest, alphas)
    factors = [lowest * search.STEP**step for step in range(mixed.shape[1] - 1)]
    functions = np.hstack([eigenvalues, eigenvalues / (eigenvalues + factors)])
    apart = np.abs(functions @ mixed.T - eigenvalues / (eigenvalues + alphas)).max(axis=0)
    covered = alphas < LEAST_SHARE if lowest == LOWER_SHARE else alphas > 0
    assert apart[covered].max() < 6e-3
    assert np.median(apart[covered]) < 2e-3
    assert np.abs(mixed).sum(axis=1).max() < 40  # what rounding is multiplied by


def splits_of(X, Y, dtype=torch.float32):
    """Of a training set and the rest of the rows, and the moments in it."""
    columns = Columns([torch.as_tensor(x, dtype=torch.float64) for x in X], np.arange(len(Y)))
    split = Split(columns, np.arange(90), np.arange(90, 120))
    return split, Moments(torch.as_tensor(Y).to(dtype), split)


def cost(X, Y, rounding):
    """Of what alphas factors choose, beside the best by an eigenbasis in float64, as a share of the power."""
    split, moments = splits_of(X, Y)
    exact = Errors(split, WEIGHTS, ALPHAS, torch.float64)(splits_of(X, Y, torch.float64)[1]).numpy()
    found = FactorErrors(split, WEIGHTS, ALPHAS, torch.float32, rounding)(moments).numpy()
    last = len(ALPHAS) - 1 - found[::-1].argmin(axis=0)  # the largest of equal ones, as the search chooses
    chosen = exact[last, np.arange(Y.shape[1])]
    return ((chosen - exact.min(axis=0)) / moments.power.numpy()).max(), found, exact, moments.power.numpy()


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE)
def test_factors_choose_alphas_that_cost_less_than_a_thousandth(noise):
    lost, found, exact, power = cost(*problem(noise), rounding_of(torch.float32))
    assert lost < 1e-3
    apart = np.abs(found.min(axis=0) - exact.min(axis=0)) / power
    assert apart.max() < 2e-3


def test_targets_that_want_lower_alphas_get_them(monkeypatch):
    given = (*one_direction(), rounding_of(torch.float32))
    assert cost(*given)[0] < 1e-4
    given = (*problem(0.0), rounding_of(torch.float32))
    assert cost(*given)[0] < 1e-3
    monkeypatch.setattr(FactorErrors, "_further", lambda self, moments: torch.ones(len(ALPHAS), moments.Y.shape[1]))
    assert cost(*given)[0] > 1e-2  # without them


@pytest.mark.parametrize("decay", [0.5, 1.0, 2.0])
def test_what_is_chosen_over_several_splits_costs_less_than_a_thousandth(decay):
    """Of columns whose variances fall by a power, some targets do best at low alphas in some splits alone."""
    rng = np.random.default_rng(int(4 * decay))
    columns = rng.standard_normal((300, 400)) * np.arange(1, 401.0) ** -decay
    Y = columns @ rng.standard_normal((400, 60)) + np.geomspace(1e-3, 3, 60) * rng.standard_normal((300, 60))
    X = Columns([torch.as_tensor(columns[:, :150]), torch.as_tensor(columns[:, 150:])], np.arange(300))
    found, exact, power = 0.0, 0.0, 0.0
    for validation in np.array_split(np.arange(300), 5):
        split = Split(X, np.setdiff1d(np.arange(300), validation), validation)
        single, double = (Moments(torch.as_tensor(Y).to(dtype), split) for dtype in (torch.float32, torch.float64))
        rounding = rounding_of(torch.float32)
        found = found + FactorErrors(split, WEIGHTS, ALPHAS, torch.float32, rounding)(single).double().numpy()
        exact = exact + Errors(split, WEIGHTS, ALPHAS, torch.float64)(double).numpy()
        power = power + double.power.numpy()
    last = len(ALPHAS) - 1 - found[::-1].argmin(axis=0)
    lost = (exact[last, np.arange(60)] - exact.min(axis=0)) / power
    assert lost.max() < 1e-3


@pytest.mark.parametrize("noise", [1.0, 8.0])
def test_factors_bear_products_in_tf32(noise):
    with Imitated():
        lost = cost(*problem(noise), TF32)[0]
    assert lost < 1e-3


def test_a_target_has_the_same_errors_whichever_are_beside_it():
    X, Y = problem(0.0)
    Y[:, 1::2] += 8 * np.random.default_rng(1).standard_normal(Y[:, 1::2].shape)
    both, some = (splits_of(X, each) for each in (Y, Y[:, 1::2]))
    found = [FactorErrors(split, WEIGHTS, ALPHAS, torch.float32, TF32)(moments) for split, moments in (both, some)]
    power = some[1].power.float()
    np.testing.assert_allclose(found[0][:, 1::2] / power, found[1] / power, atol=1e-5)


def test_a_gpu_has_factors_where_columns_are_many():
    X, Y = problem(1.0)
    rounding = rounding_of(torch.float32)
    with pretend_device():
        there = torch.as_tensor(np.hstack(X), device=PRETEND)
        split = Split(Columns([there[:, :150], there[:, 150:], there[:, :20]], np.arange(120)), *two_parts())
        moments = Moments(torch.as_tensor(Y, device=PRETEND).float(), split)
        made = {
            (name, dtype): errors_of(split, weights, ALPHAS, dtype, rounding, True)
            for name, weights in (("many", WEIGHTS), ("few", {2: 1.0}))
            for dtype in (torch.float32, torch.float64)
        }
        kinds = {key: type(errors) for key, errors in made.items()}
        found = made["many", torch.float32](moments).cpu().numpy()
    assert kinds.pop(("many", torch.float32)) is FactorErrors
    assert set(kinds.values()) == {Errors}
    split, moments = splits_of(X, Y)
    assert type(errors_of(split, WEIGHTS, ALPHAS, torch.float32, rounding, False)) is Errors
    here = FactorErrors(split, WEIGHTS, ALPHAS, torch.float32, rounding)(moments)
    power = moments.power.numpy()
    np.testing.assert_allclose(found / power, here.numpy() / power, atol=1e-4)


def two_parts():
    return np.arange(90), np.arange(90, 120)
