"""Flips of what the smaller model leaves: against refits one by one, and on planted data."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.calibration_family import Scene
from benchmarks.conditions import RIDGE, infer
from benchmarks.nulls import Collected, design_of
from benchmarks.simulation import FMRI, mixed, series, with_weights
from bids_app import encoding
from bids_app.encoding.inference.blocks import Blocks, block_labels
from bids_app.encoding.inference.component_tests import Flips, Inference
from bids_app.encoding.inference.flips import explained
from bids_app.encoding.inference.null_hypotheses import Contrast
from bids_app.encoding.ridge.fit import unions_of
from bids_app.records import FitSpec

ONE = FitSpec(solver="ridge", alphas=(200.0, 200.0, 1))
GROUPS = {"a": ("a",), "b": ("b",)}
ADDED = Contrast(frozenset([(frozenset("ab"), 1), (frozenset("a"), -1)]))


def problem(n_targets=3):
    rng = np.random.default_rng(0)
    bands = {name: series("ar.5", FMRI, 6, rng) for name in "ab"}
    signal = with_weights(bands["a"], n_targets, rng) + 0.5 * with_weights(bands["b"], n_targets, rng)
    return design_of(bands, mixed(signal, series("ar.5", FMRI, n_targets, rng), 0.2), FMRI.runs, FMRI.times_s)


class Kept(Inference):
    """Keeps the nulls of the addition of b to a."""

    def end(self):
        self.null, _ = self._contrast_nulls(ADDED, slice(0, self._batch.n_targets))
        super().end()


def models_of_union(design, union):
    kept = Collected()
    encoding.fit(design, GROUPS, ONE, encoding.FitContext(precision="float64"), observer=kept)
    return [one for one in kept.models if unions_of(("a", "b")).index(union) in one.unions]


def within_one_run(design):
    """The same samples as one run whose folds are its fifths, purged."""
    one = {"runs": design.runs * 0, "run_labels": ("one",), "run_stimuli": (("s",),), "purge_s": 6.0}
    return replace(design, **one, times_s=np.arange(len(design.Y)) * FMRI.period_s)


def losses(models, Y):
    """(n_targets,) Σ (y − ŷ)² over folds of models refitted to other responses, by the definition of ridge."""
    total = np.zeros(Y.shape[1])
    for one in models:
        train, test = one.split.train, one.split.evaluate
        columns = one.split.columns
        X = np.concatenate([np.sqrt(g) * columns.band(band).numpy() for band, g in one.basis.weights.items()], axis=1)
        X_mean, y_mean = X[train].mean(axis=0), Y[train].mean(axis=0)
        gram = (X[train] - X_mean).T @ (X[train] - X_mean) + float(one.alpha[0]) * np.eye(X.shape[1])
        weights = np.linalg.solve(gram, (X[train] - X_mean).T @ (Y[train] - y_mean))
        total += ((Y[test] - y_mean - (X[test] - X_mean) @ weights) ** 2).sum(axis=0)
    return total


@pytest.mark.parametrize("arranged", [lambda design: design, within_one_run], ids=["runs", "within a run, purged"])
def test_flips_are_refits(arranged):
    """In blocks that lie within folds, and in blocks that folds tear apart."""
    design = arranged(problem())
    labels = block_labels(design.runs, design.times_s, 74.0)
    blocks = Blocks(labels, int(labels.max()) + 1, 74.0, 0.0, ())
    inference = Kept(unions_of(("a", "b")), blocks, design, Flips(20, dtype=torch.float64))
    encoding.fit(design, GROUPS, ONE, encoding.FitContext(precision="float64"), observer=inference)
    small, large = models_of_union(design, ("a",)), models_of_union(design, ("a", "b"))
    kept = np.zeros_like(design.Y)
    for one in small:
        kept[one.split.evaluate] = (one.predictions + one.mean).numpy()
    Y = design.Y - design.Y.mean(axis=0)
    signs = inference.signs[0].vectors.numpy()
    for row in (0, 1, 7, 20):
        flipped = kept + signs[row][blocks.labels][:, None] * (Y - kept)
        expected = losses(small, flipped) - losses(large, flipped)
        np.testing.assert_allclose(inference.null[row], expected, rtol=1e-6, atol=1e-8)


@pytest.mark.long
@pytest.mark.parametrize("scene", [Scene("equal"), Scene("unequal", samples=(300, 40, 40, 40))], ids=lambda s: s.name)
def test_an_idle_band_is_not_unique(scene):
    rng, hits, families = np.random.default_rng(1), [], []
    for number in range(2):
        _, found = infer(scene.draw(60, rng), RIDGE, 60.0, number)
        hits.append(found["uniqueB"].p <= 0.05)
        families.append(found["uniqueB"].p_family.min() <= 0.05)
    assert np.mean(hits) <= 0.1  # binomial, 120 nulls, 99.5 %
    assert np.sum(families) <= 1


def test_where_the_models_are_the_same_no_flip_leaves_anything(monkeypatch):
    """Targets that give the added space no weight in any fold: rounding of float32 would join the family else."""
    monkeypatch.setattr(explained, "ELEMENTS_AT_ONCE", 2**15)  # products of other shapes round otherwise
    rng = np.random.default_rng(0)
    runs, times_s = np.repeat(np.arange(5), 40), np.tile(np.arange(40) * 2.0, 5)
    bands = {"a": rng.standard_normal((200, 3)), "b": rng.standard_normal((200, 150))}
    Y = bands["a"] @ rng.standard_normal((3, 300)) + 2 * rng.standard_normal((200, 300))
    labels = block_labels(runs, times_s, 20.0)
    blocks = Blocks(labels, int(labels.max()) + 1, 20.0, 0.0, ())
    design = design_of(bands, Y - Y.mean(axis=0), runs, times_s)
    kept = Same(unions_of(("a", "b")), blocks, design, Flips(100))
    spec = FitSpec(candidates=8, alphas=(1e-1, 1e3, 5))
    encoding.fit(design, GROUPS, spec, options=encoding.FitOptions(search_subsets=True), observer=kept)
    assert kept.same.sum() > 20
    assert (kept.null[:, kept.same] == 0).all()
    assert (kept.null[:, ~kept.same] != 0).any(dim=0).all()


class Same(Kept):
    """Notes besides which targets lose nothing by the addition, nor gain, in any block."""

    def end(self):
        self.same = (self._batch.losses.tested(self._coefficients(ADDED)) == 0).all(dim=0)
        super().end()
