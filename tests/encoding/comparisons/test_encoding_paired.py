"""Paired differences of two models' R²: closed forms, null data, planted differences."""

from itertools import product

import numpy as np
import pytest

from bids_app import encoding
from bids_app.encoding.comparisons.paired import paired_difference
from bids_app.encoding.inference.blocks import block_labels
from bids_app.encoding.kept.models import Keeping, KeptModels
from bids_app.records import FitSpec, Run


def sums(n_blocks=8, n_targets=5, seed=0):
    rng = np.random.default_rng(seed)
    total = rng.uniform(50, 60, (n_blocks, n_targets))
    return rng.standard_normal((n_blocks, n_targets)), total


def test_the_difference_is_that_of_rsquared_and_p_is_counted():
    """All 2^8 sign vectors, each by hand; flips are wider by what blocks may share, but for the data as they are."""
    contrast, total = sums()
    contrast[:, 0] += 2.0
    found = paired_difference(contrast, total, 1000, 0)
    np.testing.assert_allclose(found.difference, contrast.sum(axis=0) / total.sum(axis=0))
    observed = np.abs(contrast.sum(axis=0))
    signs = np.array(list(product([1, -1], repeat=8)))
    wider = np.sqrt(1 + 8 * contrast.var(axis=0, ddof=1) / np.square(contrast).sum(axis=0))
    others = np.abs(signs[1:] @ contrast) * wider >= observed * (1 - 1e-6)
    np.testing.assert_allclose(found.p, (1 + others.sum(axis=0)) / 256, atol=1e-12)
    assert found.p[0] < 0.05
    assert (found.low < found.difference).all()
    assert (found.difference < found.high).all()


def test_it_turns_with_its_sign():
    contrast, total = sums()
    one, other = paired_difference(contrast, total, 200, 1), paired_difference(-contrast, total, 200, 1)
    np.testing.assert_array_equal(one.p, other.p)
    np.testing.assert_allclose(one.low, -other.high)


def test_equal_models_have_p_of_one_and_few_blocks_have_none():
    contrast, total = sums()
    contrast[:, 1], total[:, 2] = 0.0, np.nan
    contrast[:, 2] = np.nan
    found = paired_difference(contrast, total, 200, 0)
    assert (found.p[1], found.p_family[1], found.difference[1]) == (1.0, 1.0, 0.0)
    assert np.isnan([found.p[2], found.q[2], found.difference[2]]).all()
    few = paired_difference(*sums(5), 200, 0)  # 2 of 2^5 sign vectors are the observed sum, and its opposite
    assert np.isnan(few.p).all()
    assert np.isfinite(few.difference).all()
    assert np.isfinite(paired_difference(*sums(6), 200, 0).p).all()


def design_of(kind, seed, n_runs=6, n_times=150, n_targets=60, dims=8):
    """Responses of coloured noise, and two spaces that know nothing, or equally much, or of which one knows more."""
    rng = np.random.default_rng(seed)
    weights, runs = rng.standard_normal((4, n_targets)), []
    for number in range(n_runs):
        noise = rng.standard_normal((n_times, n_targets))
        for row in range(1, n_times):
            noise[row] += 0.5 * noise[row - 1]
        signal = rng.standard_normal((n_times, 4))
        of = {name: rng.standard_normal((n_times, 1, dims)) for name in "ab"}
        known = {"noise": (), "equal": ("a", "b"), "better": ("a",)}[kind]
        for name in known:
            of[name][:, 0, :4] = signal + rng.standard_normal(signal.shape)
        Y = noise if kind == "noise" else 0.5 * signal @ weights + 1.5 * noise
        runs.append(Run(f"run-{number}", of, Y - Y.mean(axis=0), np.arange(n_times) * 2.0, (str(number),)))
    return encoding.build_design(runs, "by_run", (0.0,), {}, 2.0)


def blocks_of(design, band):
    labels = block_labels(design.first_runs, design.first_times_s, 60.0)
    keeping = Keeping(("blocks",), lambda name, shape, dtype: np.zeros(shape, dtype), 1, labels)
    kept = KeptModels(design, {band: (band,)}, ((band,),), keeping)
    fit = encoding.fit(design, {band: (band,)}, FitSpec("ridge", alphas=(1.0, 1e5, 8)), observer=kept)
    return fit, kept.saved().blocks


def compared(kind, seed):
    design = design_of(kind, seed)
    (first, one), (second, other) = blocks_of(design, "a"), blocks_of(design, "b")
    np.testing.assert_allclose(one.gains["a",].sum(axis=0) / one.total.sum(axis=0), first.rsquared[-1], atol=1e-9)
    np.testing.assert_array_equal(one.total, other.total)
    found = paired_difference(one.gains["a",] - other.gains["b",], one.total, 400, 0)
    np.testing.assert_allclose(found.difference, (first.rsquared - second.rsquared)[-1], atol=1e-9)
    return found


@pytest.mark.parametrize("kind", ["noise", "equal"])
def test_null_data_are_rarely_significant(kind):
    """Where neither knows anything, and where both know equally much: p and interval hold, over 240 targets."""
    found = [compared(kind, seed) for seed in range(4)]
    assert np.mean([one.p <= 0.05 for one in found]) <= 0.05
    assert np.mean([(one.low <= 0) & (one.high >= 0) for one in found]) >= 0.95
    assert np.mean([(one.p_family <= 0.05).any() for one in found]) <= 1 / 4


def test_a_better_model_is_found():
    found = compared("better", 3)
    assert np.median(found.difference) > 0.05
    assert np.mean(found.p <= 0.05) > 0.5
    assert np.mean(found.p_family <= 0.05) > 0.2
    assert (found.difference[found.p_family <= 0.05] > 0).all()
    assert (found.low[found.p <= 0.01] > 0).mean() > 0.9
