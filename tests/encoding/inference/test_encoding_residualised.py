"""Flips and sums by block of residualised features: responses meet the columns as they were before, and the sums over
runs stay what they are."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.calibration_residuals import HIGHEST, Residuals, draw
from benchmarks.conditions import infer
from benchmarks.nulls import models_of, null_of
from bids_app import encoding
from bids_app.encoding.inference.flips.explained import Responses
from bids_app.encoding.inference.flips.flip_units import frequency_flip_units, time_flip_units
from bids_app.encoding.inference.flips.fold_columns import FlipUnitColumns
from bids_app.encoding.inference.flips.signs import Signs
from bids_app.encoding.inference.influence import influence
from bids_app.records import FitSpec, InferenceSpec

SPECS = {"primal": FitSpec(candidates=5, alphas=(1e-2, 1e4, 5)), "dual": FitSpec(candidates=2, alphas=(1e2, 1e4, 3))}


def residualised(kind="primal", n_targets=4):
    """Four runs of 100 samples, 25 of their dimensions cleaned; `dual`: features of more columns than samples."""
    design = draw(Residuals("ar.5", "ar.5", 25), {"a": 0.2}, np.random.default_rng(0))
    bands = dict(design.bands)
    if kind == "dual":
        bands["b"] = np.random.default_rng(1).standard_normal((400, 1, 350))
    return replace(design, Y=design.Y[:, :n_targets], usable=np.ones(n_targets, bool), bands=bands, residualised=True)


def weighted(models):
    """(n_times, n_columns) of all bands by their weights, and the same as they were, centred by training samples."""
    columns = models.split.columns
    met = columns.X + columns.nuisance @ columns.lost
    met -= met[models.split.train].mean(dim=0)
    shares = models.basis.weights.items()
    X, met = (
        np.hstack([g**0.5 * each[:, columns.at[band]].numpy() for band, g in shares]) for each in (columns.X, met)
    )
    return X, met


def learned(models, target, y):
    """Weights that the model of one target learns from some of the response, which meets columns as they were."""
    train, alpha = models.split.train, float(models.alpha[target])
    X, met = (each[train] for each in weighted(models))
    _, s, axes = np.linalg.svd(X, full_matrices=False)
    axes, s = axes[s > 1e-9 * s[0]], s[s > 1e-9 * s[0]]
    return axes.T @ (axes @ (met.T @ y[train]) / (s**2 + alpha))


@pytest.mark.parametrize("kind", SPECS)
def test_flips_are_refits_that_meet_columns_as_they_were(kind):
    design = residualised(kind)
    models = models_of(design, SPECS[kind])
    labels = np.arange(400) // 20
    signs = Signs.draw(20, 3, 1, torch.float64)
    null = null_of(models, time_flip_units(labels), 4, signs).numpy()
    gain, total = np.zeros((4, 4)), np.zeros((4, 4))
    for one in models:
        test = one.split.evaluate
        X, met = (each[test] for each in weighted(one))
        for place, target in enumerate(one.targets):
            for row, mine in enumerate(signs.vectors.numpy()):
                y = one.Y[:, place].numpy() * mine[labels]
                held = y[test] - y[one.split.train].mean()
                w = learned(one, place, y)
                gain[row, target] += 2 * held @ (met @ w) - ((X @ w) ** 2).sum()
                total[row, target] += (held**2).sum()
    np.testing.assert_allclose(null, gain / total, atol=1e-6)


@pytest.mark.parametrize("kind", SPECS)
@pytest.mark.parametrize("units", ["time", "frequency"])
def test_without_a_flip_they_are_what_was_observed(kind, units):
    design = residualised(kind)
    made = time_flip_units(np.arange(400) // 20)
    made = made if units == "time" else frequency_flip_units(design.runs, design.folds)
    groups = {name: (name,) for name in design.bands}
    context = encoding.FitContext(precision="float64")
    fitted = encoding.fit(design, groups, SPECS[kind], context)
    signs = Signs(np.zeros(made.count, dtype=int), 0, torch.float64, "cpu")  # one vector: the data as they are
    null = null_of(models_of(design, SPECS[kind]), made, 4, signs)
    np.testing.assert_allclose(null[0], encoding.partition(fitted).values["full"]["rsquared"], atol=1e-6)


@pytest.mark.parametrize("kind", SPECS)
def test_influence_is_that_of_fitting_without_a_block(kind):
    """e_ij = 2 r_i'H_ij r_j, r_j of the model that has not seen block j."""
    design, labels = residualised(kind, 1), np.arange(400) // 20
    units = time_flip_units(labels)
    for models in models_of(design, SPECS[kind]):
        train, test = models.split.train, models.split.evaluate
        columns = FlipUnitColumns(models.split, units, torch.float64)
        Y = Responses(units.responses(models.Y), torch.tensor([0]))
        ((few, e),) = influence(models, Y, columns, columns.directions(models.basis, float(models.alpha.min())))
        assert few.tolist() == [0]
        X, met = weighted(models)
        alpha, y = (
            float(models.alpha[0]),
            (models.Y - models.mean)[:, 0].numpy(),
        )
        hat = X[train] @ np.linalg.solve(X[train].T @ X[train] + alpha * np.eye(X.shape[1]), X[train].T)
        left, missed = y[train] - hat @ y[train], y[test] - models.predictions[:, 0].numpy()
        for block in np.unique(labels[train]):
            own = labels[train] == block
            without = np.zeros(400)
            without[train[own]] = np.linalg.solve(np.eye(own.sum()) - hat[np.ix_(own, own)], left[own])
            taught = met[test] @ learned(models, 0, without)
            for place, tested in enumerate(np.unique(labels[test])):
                expected = 2 * (missed * taught)[labels[test] == tested].sum()
                np.testing.assert_allclose(float(e[0, place, block]), expected, atol=2e-3)


def test_gains_of_blocks_add_up_to_what_is_reported():
    design = residualised(n_targets=20)
    groups = {name: (name,) for name in design.bands}
    fitted, tests = encoding.fit_and_infer(design, groups, SPECS["primal"], InferenceSpec(50, 60.0))
    values = encoding.partition(fitted).values
    for label, found in tests.components.items():
        middle = (found.low + found.high) / 2
        np.testing.assert_allclose(middle, values[label]["rsquared"], atol=1e-5, err_msg=label)


def test_what_cleaning_took_makes_blocks_fewer_and_is_named():
    """25 of 100 samples a run: with features as they are too, as responses have lost them."""
    design = replace(residualised(n_targets=20), residualised=False)
    groups = {name: (name,) for name in design.bands}
    whole, left = (
        encoding.fit_and_infer(one, groups, SPECS["primal"], InferenceSpec(50, 60.0))[1]
        for one in (replace(design, nuisance=()), design)
    )
    assert left.n_blocks == whole.n_blocks >= 12
    assert left.effective_blocks == pytest.approx(0.75 * whole.effective_blocks)
    assert any("confounds and drift took 25% of the samples" in line for line in left.warnings)
    assert not any("took" in line for line in whole.warnings)


@pytest.mark.long
def test_idle_residualised_features_are_not_significant():
    """Where responses met residualised columns, .16 of targets were."""
    condition, rng, p = Residuals("ar.9", "ar.9", 25, spec=HIGHEST), np.random.default_rng(0), []
    for number in range(12):
        design = replace(draw(condition, {"a": 0.2}, rng), residualised=True)
        p.append(infer(design, condition.spec, condition.setting.least_s, number)[1]["b"].p)
    assert np.isfinite(p).all()
    assert (np.array(p) <= 0.05).mean() <= 0.075
