"""What blocks teach about each other, against fits without them and against the errors of planted data."""

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from benchmarks.nulls import design_of, models_of
from benchmarks.planting import Planting, Reached
from bids_app import encoding
from bids_app.encoding.inference import influence as module
from bids_app.encoding.inference.blocks import Blocks, block_labels
from bids_app.encoding.inference.component_tests import Inference
from bids_app.encoding.inference.flips.explained import Responses
from bids_app.encoding.inference.flips.flip_units import time_flip_units
from bids_app.encoding.inference.flips.fold_columns import FlipUnitColumns
from bids_app.encoding.inference.influence import Influences, influence
from bids_app.encoding.ridge.fit import unions_of
from bids_app.records import FitSpec

BANDED = FitSpec(candidates=5, alphas=(1e2, 1e2, 1))


def simulated(columns, n_targets, torn=False):
    """A design, and labels of blocks of time; folds are runs, or tear the blocks apart and purge."""
    rng = np.random.default_rng(0)
    bands = {name: rng.standard_normal((180, count)) + 2 for name, count in zip("ab", columns, strict=True)}
    Y = rng.standard_normal((180, n_targets)) + bands["a"][:, :n_targets]
    runs, times_s = np.repeat(np.arange(4), 45), np.tile(np.arange(45) * 2.0, 4)
    folds = np.repeat(np.arange(3), 60) if torn else None
    return design_of(bands, Y, runs, times_s, folds, 14.0 if torn else 0.0), block_labels(runs, times_s, 20.0)


def without(models, y, labels, block, target):
    """Predictions of the test samples by scikit-learn, on columns less their training means, without a block of the
    training samples; y less its training mean."""
    train, test = models.split.train, models.split.evaluate
    X = np.hstack([g**0.5 * models.split.columns.band(band).numpy() for band, g in models.basis.weights.items()])
    X -= X[train].mean(axis=0)
    kept = train[labels[train] != block]
    ridge = Ridge(alpha=float(models.alpha[target]), fit_intercept=False, solver="svd")
    return ridge.fit(X[kept], y[kept]).predict(X[test])


def influence_of(models, columns):
    """`influence`, from the responses that models have."""
    Y = columns.flip_units.responses(models.Y.to(columns.trained.dtype))
    directions = columns.directions(models.basis, float(models.alpha.min()))
    return influence(models, Responses(Y, torch.arange(len(Y))), columns, directions)


@pytest.mark.parametrize("columns", [(4, 6), (90, 80)], ids=["primal", "dual"])
@pytest.mark.parametrize("torn", [False, True], ids=["runs", "purged"])
def test_influence_is_that_of_fitting_without_a_block(columns, torn):
    design, labels = simulated(columns, 2, torn)
    flip_units = time_flip_units(labels)
    for models in models_of(design, BANDED):
        test = models.split.evaluate
        Y = (models.Y - models.mean).numpy()
        missed = Y[test] - models.predictions.numpy()
        tested = np.unique(labels[test])
        columns = FlipUnitColumns(models.split, flip_units, torch.float64)
        for few, e in influence_of(models, columns):
            for (place, target), block in product(enumerate(few.tolist()), range(flip_units.count)):
                taught = models.predictions[:, target].numpy() - without(models, Y[:, target], labels, block, target)
                expected = [2 * (missed[:, target] * taught)[labels[test] == one].sum() for one in tested]
                np.testing.assert_allclose(e[place, :, block], expected, atol=1e-3)


def test_a_model_that_leaves_no_residuals_has_a_finite_influence():
    design, labels = simulated((150, 90), 3)
    flip_units = time_flip_units(labels)
    for models in models_of(design, replace(BANDED, alphas=(1e-6, 1e-6, 1))):
        for dtype in (torch.float32, torch.float64):
            columns = FlipUnitColumns(models.split, flip_units, dtype)
            assert all(e.isfinite().all() for _, e in influence_of(models, columns))


@pytest.mark.parametrize("at_once", [1, 2**22])
def test_sums_are_over_pairs_of_different_blocks(at_once, monkeypatch):
    monkeypatch.setattr(module, "ELEMENTS_AT_ONCE", at_once)
    e = np.random.default_rng(0).standard_normal((2, 3, 4, 4))
    everything, mutual = summed(e).of(np.array([1.0, -0.5]))
    together = e[0] - 0.5 * e[1]
    expected = [sum(one[i, j] ** 2 for i in range(4) for j in range(4) if i != j) for one in together]
    np.testing.assert_allclose(everything, expected)
    np.testing.assert_allclose(mutual, expected)


def test_only_blocks_that_taught_each_other_err_together():
    """Unions of one fold whose models are the same, but for rounding."""
    e = np.random.default_rng(0).standard_normal((2, 3, 4, 4))
    e[1, 1, 2:] = 2 * e[0, 1, 2:] * (1 + 1e-6)
    everything, mutual = summed(e).of(np.array([1.0, -0.5]))
    together = (e[0] - 0.5 * e[1])[1]
    assert everything[1].numpy() == pytest.approx(
        sum(together[i, j] ** 2 for i in (0, 1) for j in range(4) if i != j)
    )
    assert mutual[1].numpy() == pytest.approx(together[0, 1] ** 2 + together[1, 0] ** 2)
    np.testing.assert_allclose(mutual[[0, 2]], everything[[0, 2]])
    np.testing.assert_array_equal(torch.stack(summed(0 * e).of(np.array([1.0, -0.5]))), 0)


def test_a_block_that_folds_tear_apart_is_at_home_where_most_of_it_is():
    held = Influences(1, torch.tensor([0, 0, 1, 1, 1]), torch.tensor([0, 0, 0, 1, 1]), 1, torch.float64)
    for fold, test in enumerate(([0, 1, 2], [3, 4])):
        held.begin_fold(fold, torch.tensor(test))
        held.add(torch.tensor([0]), torch.tensor([0]), torch.ones((1, 2 - fold, 2), dtype=torch.float64) * (1 - fold))
        held.end_fold([slice(0, 1)])
    everything, mutual = held.of(np.array([1.0]))
    assert (float(everything), float(mutual)) == (2.0, 1.0)  # block 1 taught 0, whose fold has models; 1's has none


@pytest.mark.parametrize(("n_unions", "n_targets"), [(3, 41), (7, 33), (7, 35), (15, 33)])
def test_products_hang_on_no_other_block_of_targets(n_unions, n_targets):
    """To the last bit: rows of numbers of an odd size do not lie alike in memory."""
    e = torch.randn((n_unions, n_targets, 7, 21), generator=torch.Generator().manual_seed(1))
    labels, folds = torch.arange(21), torch.tensor([0] * 7 + [1] * 14)
    signed = np.random.default_rng(0).standard_normal(n_unions)

    def summed_of(own):
        n = sum(len(block[0]) for block in own)
        held = Influences(n_unions, labels, folds, n, torch.float32)
        held.begin_fold(0, torch.arange(7))
        for union, its in enumerate(torch.cat(own, dim=1)):
            held.add(torch.full((n,), union), torch.arange(n), its)
        edges = [slice(*edge) for edge in pairwise(np.cumsum([0, *(len(block[0]) for block in own)]).tolist())]
        held.end_fold(edges)
        return torch.cat([torch.stack(held.of(signed, edge)) for edge in edges], dim=1)

    blocks = list(torch.split(e, 8, dim=1))
    assert torch.equal(summed_of(blocks), torch.cat([summed_of([block]) for block in blocks], dim=1))


def summed(e):
    """Of two unions, e (2, n_targets, 4, 4) of four blocks, the first two and the last two tested together."""
    folds = torch.tensor([0, 0, 0, 0, 1, 1])
    held = Influences(2, torch.tensor([0, 0, 1, 1, 2, 3]), folds, e.shape[1], torch.float64)
    for fold, (test, tested) in enumerate((([0, 1, 2], [0, 1]), ([4, 5], [2, 3]))):
        held.begin_fold(fold, torch.tensor(test))
        for union, its in enumerate(e):
            for targets in ([2, 0], [1]):
                places = torch.full((len(targets),), union)
                held.add(places, torch.tensor(targets), torch.as_tensor(its[targets][:, tested]))
        held.end_fold([slice(0, e.shape[1])])
    return held


def test_what_blocks_show_and_what_they_taught_are_the_variance_of_the_error():
    """With a penalty that is given; the shared part of bands of unequal size is where the second is the larger."""
    planting = Planting("words", 600, {"a": 10, "b": 40}, 0.0, ("a",), 0.1)
    spec, rng = FitSpec(solver="ridge", alphas=(100.0, 100.0, 1)), np.random.default_rng(3)
    names, ratios = ("full", "b", "uniqueB", "sharedAB"), []
    for _ in range(12):
        planted = planting.draw(60, rng)
        design = planted.design
        labels = block_labels(design.runs, design.times_s, 10.0)
        blocks = Blocks(labels, int(labels.max()) + 1, 10.0, 0.0, ())
        observer, reached = Kept(unions_of("ab"), blocks, design), Reached(planted)
        encoding.fit(design, planting.groups, spec, observer=observer)
        encoding.fit(design, planting.groups, spec, observer=reached)
        ratios.append([observer.variances(name, reached.values()[name]) for name in names])
    error, between, taught = np.mean(ratios, axis=(0, 3)).T
    np.testing.assert_allclose(error / (between + taught), 1, atol=0.2)
    assert (taught / between)[3] > 0.5
    assert (error / between).min() > 1.3


class Kept(Inference):
    """Keeps a batch's sums."""

    def end(self):
        """See Observer."""
        self.batch = self._batch
        super().end()

    def variances(self, name, reached):
        """Squared errors, variance between blocks and what they taught, (3, n_targets), of the contrast's sum."""
        signed, losses = self._coefficients(self.components[name]), self.batch.losses
        contrast, total = losses.contrast(signed), losses.total
        estimate = contrast.sum(dim=0) / total.sum(dim=0)
        error = (estimate - torch.as_tensor(reached)) * total.sum(dim=0)
        between = (contrast - estimate * total).square().sum(dim=0) * (len(total) / (len(total) - 1))
        return torch.stack([error**2, between, self.batch.influences.of(signed)[0]]).numpy()
