"""What a model says beyond a smaller one: against regressions by hand, and what must be exactly nothing."""

import numpy as np
import pytest
from scipy.stats import pearsonr

from benchmarks.nulls import design_of
from bids_app import encoding
from bids_app.encoding.ridge import batches
from bids_app.records import FitSpec, baseline_alone, beyond_baseline, partition_components

ALPHA = 30.0
RIDGE = FitSpec(solver="ridge", alphas=(ALPHA, ALPHA, 1))
BANDED = FitSpec(solver="banded_ridge", candidates=4, alphas=(1.0, 1e2, 2))
RUNS = np.repeat([0, 1, 2], [60, 40, 20])


def planted(seed=0, n_targets=3):
    """Bands a and b of some columns, both in the response."""
    rng = np.random.default_rng(seed)
    bands = {"a": rng.standard_normal((len(RUNS), 4)), "b": rng.standard_normal((len(RUNS), 3))}
    Y = sum(0.4 * band @ rng.standard_normal((band.shape[1], n_targets)) for band in bands.values())
    return bands, Y + rng.standard_normal((len(RUNS), n_targets))


def partial_r(bands, Y, spec):
    """Component's label → its partial correlation."""
    design = design_of(bands, Y, RUNS, np.arange(len(RUNS)) * 2.0)
    groups = {name: (name,) for name in bands}
    additions = encoding.Additions(
        encoding.unions_of(tuple(groups)), partition_components(tuple(groups)), groups, design
    )
    encoding.fit(design, groups, spec, observer=additions)
    return additions.partial_r()


def ridge(bands, y, test):
    """Each band's part of the prediction of a fold, by the normal equations; bands count alike."""
    X = {name: (band - band[~test].mean(axis=0)) / band[~test].std(axis=0) for name, band in bands.items()}
    columns = np.hstack(list(X.values())) / np.sqrt(len(X))
    train, target = columns[~test], y[~test] - y[~test].mean()
    weights = np.linalg.solve(train.T @ train + ALPHA * np.eye(train.shape[1]), train.T @ target)
    ends = np.cumsum([band.shape[1] for band in X.values()])[:-1]
    return dict(zip(X, (part @ w for part, w in zip(
        np.split(columns[test], ends, axis=1), np.split(weights, ends), strict=True)), strict=True))  # fmt: skip


def test_unique_parts_are_partial_correlations_by_hand():
    bands, Y = planted()
    found = partial_r(bands, Y, RIDGE)
    assert set(found) == {"uniqueA", "uniqueB"}
    for target in range(Y.shape[1]):
        for label, added, smaller in (("uniqueB", "b", "a"), ("uniqueA", "a", "b")):
            z = []
            for fold in range(3):
                test = fold == RUNS
                both, alone = ridge(bands, Y[:, target], test), ridge({smaller: bands[smaller]}, Y[:, target], test)
                given = np.column_stack([np.ones(test.sum()), alone[smaller], both[smaller]])
                left = [
                    one - given @ np.linalg.lstsq(given, one, rcond=None)[0] for one in (Y[test, target], both[added])
                ]
                z.append(np.arctanh(pearsonr(*left).statistic))
            expected = np.tanh(np.average(z, weights=[60, 40, 20]))  # folds count by their samples
            assert found[label][target] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("spec", [RIDGE, BANDED], ids=["ridge", "banded"])
@pytest.mark.parametrize("empty", ["zero", "copy"])
def test_a_band_that_is_empty_or_a_copy_adds_exactly_nothing(spec, empty):
    bands, Y = planted()
    bands["b"] = np.zeros((len(RUNS), 2)) if empty == "zero" else bands["a"]
    assert (partial_r(bands, Y, spec)["uniqueB"] == 0).all()


def test_blocks_and_batches_of_targets_change_nothing(monkeypatch):
    bands, Y = planted(n_targets=6)
    whole = partial_r(bands, Y, BANDED)
    monkeypatch.setitem(batches.BLOCK_WIDTH, "cpu", 3)
    monkeypatch.setattr(batches, "DEFAULT_MB", 0)  # one block at a time
    for label, pieces in partial_r(bands, Y, BANDED).items():
        np.testing.assert_allclose(pieces, whole[label], atol=1e-4)


def test_controls_have_correlations_of_what_they_add():
    bands, Y = planted()
    design = design_of(bands, Y, RUNS, np.arange(len(RUNS)) * 2.0)
    components = [baseline_alone(("a",)), beyond_baseline("b", ("b",), ("a",))]
    values = encoding.fit_controls(design, components, RIDGE, None).values
    np.testing.assert_allclose(values["bBeyondBaseline"]["r"], partial_r(bands, Y, RIDGE)["uniqueB"], atol=1e-6)
    fitted = encoding.fit(design, {"a": ("a",)}, RIDGE)
    np.testing.assert_allclose(values["baseline"]["r"], fitted.r[0])
    assert [one.difference for one in components] == [None, (("a", "b"), ("a",))]
    parts = {one.label: one.difference for one in partition_components(("x", "y"))}
    assert parts == dict.fromkeys(("full", "x", "y", "sharedXY")) | {
        "uniqueX": (("x", "y"), ("y",)), "uniqueY": (("x", "y"), ("x",))}  # fmt: skip
