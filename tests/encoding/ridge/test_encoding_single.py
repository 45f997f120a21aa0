"""Searches that decompose kernels in single precision: what they choose is as good as what an exact one chooses."""

import numpy as np
import pytest
import torch
from sklearn.model_selection import KFold

from bids_app.encoding.ridge import search
from bids_app.encoding.ridge.candidates import Grid, as_candidates, band_weights
from bids_app.encoding.ridge.moments import Moments
from bids_app.encoding.ridge.search import Errors, Search
from bids_app.encoding.ridge.splits import Columns, Split

ALPHAS = np.geomspace(1e-5, 1e10, 30)
NOISE = {"none": 0.0, "little": 0.05, "some": 1.0, "much": 8.0}


def problem(noise, seed=0):
    """Two bands with more columns than samples, of steep spectra, which nuisance leaves without some directions; and
    what follows both."""
    rng = np.random.default_rng(seed)
    nuisance = np.linalg.qr(rng.standard_normal((120, 20)))[0]
    X = []
    for count in (150, 300):
        columns = (
            rng.standard_normal((120, count)) * np.geomspace(1, 1e-3, count) @ rng.standard_normal((count, count))
        )
        columns -= nuisance @ (nuisance.T @ columns)
        X.append(columns / columns.std())
    Y = X[0] @ rng.standard_normal((150, 12)) / 12 + X[1] @ rng.standard_normal((300, 12)) / 17
    return X, Y / Y.std(axis=0) + noise * rng.standard_normal(Y.shape)


def searched(X, Y, dtype):
    rows = np.arange(len(Y))
    columns = Columns([torch.as_tensor(x, dtype=torch.float64) for x in X], rows)
    outer = Split(columns, rows, rows)
    inner = [Split(columns, train, held_out, outer) for train, held_out in KFold(4).split(rows)]
    candidates = as_candidates(band_weights(2, 10, 0), (0, 1))
    made = Search(inner, [Moments(torch.as_tensor(Y).to(dtype), outer)], Grid.of_all(candidates, ALPHAS))
    moments = Moments(torch.as_tensor(Y), outer)
    exact = np.zeros((len(candidates), len(ALPHAS), Y.shape[1]))
    for split in inner:
        mine = Moments(torch.as_tensor(Y), split, moments)
        exact += [Errors(split, one, ALPHAS, torch.float64)(mine).numpy() for one in candidates]
    return made.choose(range(len(candidates))), exact / sum(len(split.evaluate) for split in inner)


def cost(given):
    """What choices of a search in single precision cost beside exact ones, as shares of the power, (n_targets,)."""
    (single, table), (exact, _) = (searched(*given, dtype) for dtype in (torch.float32, torch.float64))
    target = np.arange(len(exact.power))
    chosen = [table[one.candidate, one.alpha_index, target] for one in (single, exact)]
    return (chosen[0] - chosen[1]) / exact.power


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE)
def test_choices_cost_less_than_a_thousandth_of_the_power(noise):
    assert cost(problem(noise)).max() < 1e-3


def one_direction(seed=0):
    """A strong direction, which the response follows, and many that single precision takes for nothing."""
    rng = np.random.default_rng(seed)
    strong = rng.standard_normal((120, 1))
    X = [strong @ rng.standard_normal((1, count)) + 1e-3 * rng.standard_normal((120, count)) for count in (150, 300)]
    return X, strong @ rng.standard_normal((1, 12)) + 0.3 * rng.standard_normal((120, 12))


def test_alphas_that_single_precision_cannot_tell_apart_are_left_to_double(monkeypatch):
    assert cost(one_direction()).max() < 1e-5
    monkeypatch.setattr(search, "SMALLEST", 0.0)
    assert cost(one_direction()).max() > 1e-2


def test_errors_in_single_precision_are_near_the_exact_ones_where_alphas_are_not_small():
    X, Y = problem(1.0)
    columns = Columns([torch.as_tensor(x, dtype=torch.float64) for x in X], np.arange(120))
    split = Split(columns, np.arange(90), np.arange(90, 120))
    moments = Moments(torch.as_tensor(Y, dtype=torch.float32), split)
    exact, single = (
        Errors(split, {0: 0.3, 1: 0.7}, ALPHAS, torch.float32, exact=way)(moments) for way in (True, False)
    )
    largest = float(torch.linalg.eigvalsh(split.kernels({0: 0.3, 1: 0.7})[0])[-1])
    kept = search.SMALLEST * largest < ALPHAS
    assert 5 < kept.sum() < len(ALPHAS)
    difference = (exact - single).abs() / moments.power
    assert difference[kept].max() < 1e-3
    assert difference.max() > 0
