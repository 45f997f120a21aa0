"""A GPU's TF32 in the search and nowhere else, its products imitated on a CPU."""

import sys

import numpy as np
import pytest
import torch
from sklearn.model_selection import KFold
from torch.overrides import TorchFunctionMode

from bids_app import encoding
from bids_app.encoding.ridge.candidates import Grid, as_candidates, band_weights
from bids_app.encoding.ridge.moments import TF32, Moments, rounding_of, tf32_products
from bids_app.encoding.ridge.search import Search, spacing
from bids_app.encoding.ridge.splits import Columns, Split
from bids_app.records import Design, FitSpec

ALPHAS = np.logspace(0, 8, 20)


def shortened(values):
    """float32 with significands of 11 bits, rounded to even."""
    if values.dtype != torch.float32:
        return values
    bits = values.contiguous().view(torch.int32)
    return ((bits + 0xFFF + ((bits >> 13) & 1)) & ~0x1FFF).view(torch.float32)


class Imitated(TorchFunctionMode):
    """Products of float32 as TF32 makes them: factors shortened, sums in float32."""

    PRODUCTS = (torch.Tensor.matmul, torch.matmul)
    ADDED = (torch.addmm, torch.Tensor.addmm_)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in self.PRODUCTS:
            args = tuple(shortened(one) for one in args)
        elif func in self.ADDED:
            args = (args[0], shortened(args[1]), shortened(args[2]), *args[3:])
        return func(*args, **(kwargs or {}))


def problem(n, columns, n_targets=200):
    rng = np.random.default_rng(n)
    X = [(rng.standard_normal((n, k)) / np.sqrt(1 + np.arange(k))) @ rng.standard_normal((k, k)) for k in columns]
    X = [x / x.std(axis=0) for x in X]
    signal = sum(x @ rng.standard_normal((x.shape[1], n_targets)) * rng.random(n_targets) for x in X)
    return X, signal / signal.std(axis=0) + 2 * rng.standard_normal((n, n_targets))


def searched(X, Y, candidates, dtype, tf32=False):
    rows = np.arange(len(Y))
    whole = Split(Columns([torch.as_tensor(x) for x in X], rows), rows, rows)
    inner = [Split(whole.columns, *pair, whole) for pair in KFold(5).split(rows)]
    moments = Moments(torch.as_tensor(Y - Y.mean(axis=0)).to(dtype), whole)
    return Search(inner, [moments], Grid.of_all(candidates, ALPHAS), tf32).choose(range(len(candidates)))


@pytest.mark.parametrize("columns", [[100, 100], [40, 20], [300, 200]], ids=["columns", "few", "kernels"])
def test_a_search_in_tf32_costs_no_more_than_its_rounding(columns):
    X, Y = problem(400, columns)
    candidates = as_candidates(band_weights(2, 6, 0), range(2))
    exact = searched(X, Y, candidates, torch.float64)
    with Imitated():
        rough = searched(X, Y, candidates, torch.float32, tf32=True)
    power = Y.var(axis=0)
    assert np.abs((rough.error - exact.error) / power).max() < 3e-4
    apart = rough.candidate != exact.candidate
    worse = searched_errors(X, Y, candidates)[rough.candidate, np.arange(Y.shape[1])] - exact.error
    assert (worse / power).max() < 2e-4
    assert apart.mean() < 0.15


def searched_errors(X, Y, candidates):
    """(n_candidates, n_targets) least errors of each candidate by itself, in float64."""
    return np.stack([searched(X, Y, [one], torch.float64).error for one in candidates])


def test_the_imitation_shortens():
    values = torch.tensor([1 + 2.0**-10, 1 + 2.0**-11, 1 + 2.0**-12, 3.14159265], dtype=torch.float32)
    short = shortened(values)
    assert short.tolist()[:3] == [1 + 2.0**-10, 1.0, 1.0]
    assert abs(float(short[3]) / 3.14159265 - 1) <= TF32.eps
    with Imitated():
        product = torch.eye(4) @ values[:, None]
    assert torch.equal(product[:, 0], short)


def test_pairs_count_as_near_farther_apart_in_tf32():
    assert spacing(TF32.eps) > 5 * spacing(rounding_of(torch.float32).eps)


def test_tf32_ends_with_the_search_even_where_it_fails():
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32
    seen = []

    def fails():
        with tf32_products():
            seen.append(matmul.allow_tf32)
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        fails()
    assert seen == [True]
    assert matmul.allow_tf32 == before


def test_only_the_search_may_use_it(monkeypatch, design):
    """With the plan of a GPU, the search has TF32 and products of its own; decompositions and fits have none."""
    fit_module, search_module = (sys.modules[f"bids_app.encoding.ridge.{name}"] for name in ("stream", "search"))
    allowed = {"search": [], "fit": []}
    errors, fits = search_module.Errors.__call__, fit_module.ChosenModels

    def watched_errors(self, moments):
        allowed["search"].append(torch.backends.cuda.matmul.allow_tf32)
        return errors(self, moments)

    def watched_fits(number, blocks, *others):
        assert all("cross" not in vars(moments) for moments in (block.moments for block in blocks)), (
            "made within the search"
        )
        allowed["fit"].append(torch.backends.cuda.matmul.allow_tf32)
        return fits(number, blocks, *others)

    monkeypatch.setattr(search_module.Errors, "__call__", watched_errors)
    monkeypatch.setattr(fit_module, "ChosenModels", watched_fits)
    monkeypatch.setattr(fit_module.Plan, "tf32", property(lambda plan: plan.types[0] == torch.float32))
    found = encoding.fit(
        design, {"a": ("a",)}, FitSpec(solver="ridge", alphas=(1.0, 1e4, 5)), encoding.FitContext(precision="float32")
    )
    assert set(allowed["search"]) == {True}
    assert set(allowed["fit"]) == {False}
    monkeypatch.undo()
    expected = encoding.fit(
        design, {"a": ("a",)}, FitSpec(solver="ridge", alphas=(1.0, 1e4, 5)), encoding.FitContext(precision="float64")
    )
    np.testing.assert_allclose(found.rsquared, expected.rsquared, atol=1e-4)


@pytest.fixture
def design():
    X, Y = problem(120, [8], n_targets=5)
    runs = np.repeat(np.arange(3), 40)
    return Design(
        bands={"a": X[0][:, None]}, Y=Y, folds=runs, runs=runs, times_s=np.arange(120.0),
        first_runs=runs, first_times_s=np.arange(120.0), delays_s=(0.0,), pca={},
        run_labels=("1", "2", "3"), run_stimuli=(("1",), ("2",), ("3",)), usable=np.ones(5, bool), purge_s=0.0,
    )  # fmt: skip
