"""Layers: each scored as if alone, the best chosen inside training, one decomposition a layer and fold."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from bids_app import encoding
from bids_app.encoding.design.columns import design_columns
from bids_app.encoding.design.folds import inner_folds, outer_split
from bids_app.encoding.ridge import chosen, search
from bids_app.encoding.ridge.candidates import alpha_grid
from bids_app.records import FitSpec, Run

SPEC = FitSpec(solver="ridge", alphas=(1e-1, 1e5, 7))
MARGIN = 1e-5  # of the power: errors of a search in float32 that are nearer may be taken for one another
SPANS = {"0": (0, 4), "1": (4, 7), "2": (7, 13)}


def layers_of(seed, n, spans=SPANS):
    """(n, n_dims): neighbouring layers correlate by .7, as a model's do."""
    rng = np.random.default_rng(seed)
    before, parts = None, []
    for first, end in spans.values():
        own = rng.standard_normal((n, end - first))
        if before is not None:
            own = 0.7 * before[:, np.arange(end - first) % before.shape[1]] + np.sqrt(1 - 0.49) * own
        parts.append(own)
        before = own
    return np.hstack(parts).astype(np.float32)


def runs_of(n_times=80, n_runs=4, targets=(), noise=1.0, seed=0, spans=SPANS, n_noise=0, delays=1):
    """`targets`: the layer each target follows, with weights common to runs; then `n_noise` of noise alone."""
    rng, weights = np.random.default_rng(seed), np.random.default_rng(99)
    names = list(spans)
    W = [weights.standard_normal(spans[name][1] - spans[name][0]) for name in targets]
    runs = []
    for number in range(n_runs):
        X = layers_of(1000 * seed + number, n_times, spans)
        Y = rng.standard_normal((n_times, len(targets) + n_noise)) * noise
        for k, name in enumerate(targets):
            signal = X[:, slice(*spans[name])] @ W[k]
            Y[:, k] += signal / np.linalg.norm(W[k])
        other = rng.standard_normal((n_times, delays, 3)).astype(np.float32)
        bands = {"speech": np.stack([np.roll(X, d, axis=0) for d in range(delays)], axis=1), "other": other}
        runs.append(Run(f"run{number}", bands, Y, np.arange(n_times) * 2.0, (f"s{number}",)))
    assert names
    return runs


def design_of(runs, pca=None, spans=SPANS):
    delays = tuple(2.0 * k for k in range(runs[0].bands["speech"].shape[1]))
    design = encoding.build_design(runs, "by_run", delays, {"speech": pca, "other": None}, 6.0)
    return encoding.layered(design, {"speech": spans})


@pytest.mark.parametrize("noise", [0.5, 1.0, 2.0])
def test_planted_layers_come_back(noise):
    targets = tuple(name for name in SPANS for _ in range(20))
    scores = encoding.score_layers(design_of(runs_of(120, targets=targets, noise=noise)), "speech", SPEC)
    planted = np.repeat([0, 1, 2], 20)
    assert (scores.best == planted).mean() >= {0.5: 1.0, 1.0: 0.98, 2.0: 0.75}[noise]
    right = scores.best == planted
    assert scores.agreement[right].mean() > {0.5: 0.99, 1.0: 0.95, 2.0: 0.7}[noise]
    expected = 1 / (1 + noise**2)
    assert scores.best_rsquared.mean() == pytest.approx(expected, abs=0.12)


def test_the_layer_of_the_partition_is_the_one_most_targets_follow():
    scores = encoding.score_layers(design_of(runs_of(targets=("2",) * 8 + ("0",) * 2, n_noise=30)), "speech", SPEC)
    assert scores.chosen == dict.fromkeys(range(4), "2")


@pytest.mark.parametrize(("pca", "delays"), [(None, 1), (2, 1), (None, 3), (2, 3)])
def test_each_layer_scores_as_if_it_were_the_only_one(pca, delays):
    runs = runs_of(targets=("0", "1", "2"), n_noise=2, delays=delays)
    runs[0].Y[:, 3] = np.nan
    scores = encoding.score_layers(design_of(runs, pca), "speech", SPEC)
    for number, (first, end) in enumerate(SPANS.values()):
        alone = [replace(run, bands={"x": run.bands["speech"][:, :, first:end].copy()}) for run in runs]
        delays_s = tuple(2.0 * k for k in range(delays))
        design = encoding.build_design(alone, "by_run", delays_s, {"x": pca}, 6.0)
        expected = encoding.fit(design, {"x": ("x",)}, SPEC).rsquared[0]
        np.testing.assert_allclose(scores.rsquared[number], expected, atol=1e-9)
    for values in (scores.best, scores.agreement, scores.best_rsquared, scores.inner[0]):
        assert np.isnan(values[3])
        assert np.isfinite(values[:3]).all()


def test_two_layers_by_scikit_learn_with_folds_and_alphas_by_hand():
    spans = {"a": (0, 5), "b": (5, 8)}
    runs = runs_of(60, 3, ("a", "b", "b"), 1.5, seed=3, spans=spans, n_noise=3)
    design = design_of(runs, spans=spans)
    alphas, n = alpha_grid(*SPEC.alphas), 6
    inner, residual, total = np.zeros((2, 3, n)), np.zeros((2, 3, n)), np.zeros((3, n))
    clear = np.ones(n, bool)  # targets none of whose choices is a matter of rounding
    for fold in range(3):
        train, test = outer_split(design, fold)
        for number, name in enumerate(spans):
            one = encoding.choose_layers(design, "speech", {fold: name, **dict.fromkeys({0, 1, 2} - {fold}, "a")})
            X = design_columns(one, "speech", fold, train)
            errors, power = np.zeros((len(alphas), n)), np.zeros(n)
            for fit_rows, held in inner_folds(design, train, "by_run"):
                power += np.square(design.Y[held] - design.Y[fit_rows].mean(axis=0)).sum(axis=0)
                for place, alpha in enumerate(alphas):
                    model = Ridge(alpha=alpha, solver="svd").fit(X[fit_rows], design.Y[fit_rows])
                    errors[place] += np.square(design.Y[held] - model.predict(X[held])).sum(axis=0)
            inner[number, fold] = 1 - errors.min(axis=0) / power
            best, following = np.sort(errors, axis=0)[:2]
            clear &= following - best > MARGIN * power
            for k, place in enumerate(errors.argmin(axis=0)):
                model = Ridge(alpha=alphas[place], solver="svd").fit(X[train], design.Y[train, k])
                residual[number, fold, k] = np.square(design.Y[test, k] - model.predict(X[test])).sum()
        total[fold] = np.square(design.Y[test] - design.Y[train].mean(axis=0)).sum(axis=0)
    scores = encoding.score_layers(design, "speech", SPEC)
    np.testing.assert_allclose(scores.inner, inner.mean(axis=1), atol=2e-5)
    mean = inner.mean(axis=1)
    clear &= (np.abs(inner[0] - inner[1]) > 1e-4).all(axis=0) & (np.abs(mean[0] - mean[1]) > 1e-4)
    clear &= np.abs(mean.max(axis=0)) > 1e-4
    assert clear.sum() >= n - 2
    rsquared = 1 - residual.sum(axis=1) / total.sum(axis=0)
    np.testing.assert_allclose(scores.rsquared[:, clear], rsquared[:, clear], atol=1e-9)
    own = inner.argmax(axis=0)
    taken = np.take_along_axis(residual, own[None], axis=0)[0]
    best_rsquared = 1 - taken.sum(axis=0) / total.sum(axis=0)
    np.testing.assert_allclose(scores.best_rsquared[clear], best_rsquared[clear], atol=1e-9)
    best = np.where(mean.max(axis=0) > 0, mean.argmax(axis=0), np.nan)
    np.testing.assert_array_equal(scores.best[clear], best[clear])
    agreement = np.where(np.isnan(best), np.nan, (own == mean.argmax(axis=0)).mean(axis=0))
    np.testing.assert_allclose(scores.agreement[clear], agreement[clear])
    everyones = np.maximum(inner, 0).mean(axis=2)
    assert np.abs(everyones[0] - everyones[1]).min() > 1e-4
    assert scores.chosen == {fold: "ab"[place] for fold, place in enumerate(everyones.argmax(axis=0))}


def test_noise_has_no_best_layer_worth_its_name():
    """The highest of many held-out scores is too high; that of the layer chosen inside training is not."""
    spans = {str(k): (3 * k, 3 * k + 3) for k in range(8)}
    chosen, highest, claimed = [], [], []
    for seed in range(4):
        scores = encoding.score_layers(
            design_of(runs_of(50, 4, seed=seed, spans=spans, n_noise=100), spans=spans), "speech", SPEC
        )
        chosen.append(scores.best_rsquared.mean())
        highest.append(scores.rsquared.max(axis=0).mean())
        claimed.append((scores.best_rsquared > 0.02).mean())
    assert max(chosen) < 0
    assert min(highest) > 0.001
    assert np.mean(claimed) < 0.1


def test_one_decomposition_a_layer_and_fold(monkeypatch):
    """Inner and outer folds once each, however many targets and alphas; a search among candidates needs more."""
    counted = []
    original = search.decompose
    for module in (search, chosen):
        monkeypatch.setattr(module, "decompose", lambda *given: counted.append(1) or original(*given))
    encoding.score_layers(design_of(runs_of(targets=("0", "1") * 40)), "speech", replace(SPEC, solver="banded_ridge"))
    assert len(counted) == 3 * 4 * (3 + 1)


def test_unions_take_the_layer_of_each_fold():
    """Another layer in one fold changes what is fitted there and nowhere else."""
    design = design_of(runs_of(targets=("0", "1", "2")))
    picked = encoding.choose_layers(design, "speech", {0: "1", 1: "1", 2: "2", 3: "0"})
    for fold, name in {0: "1", 2: "2", 3: "0"}.items():
        train, _ = outer_split(design, fold)
        alone = replace(design, bands={"speech": design.bands["speech"][:, :, slice(*SPANS[name])]}, layered={})
        expected = design_columns(alone, "speech", fold, train)
        np.testing.assert_array_equal(design_columns(picked, "speech", fold, train), expected)
    groups = {"speech": ("speech",), "other": ("other",)}
    fitted = encoding.fit(picked, groups, replace(SPEC, solver="banded_ridge", candidates=4))
    assert np.isfinite(fitted.rsquared).all()


def test_a_limit_on_memory_changes_no_number():
    design = design_of(runs_of(targets=("0", "1", "2")))
    whole, small = (
        encoding.score_layers(design, "speech", SPEC, encoding.FitContext(mem_mb=mb)) for mb in (None, 640)
    )
    np.testing.assert_array_equal(whole.rsquared, small.rsquared)
    with pytest.raises(MemoryError):
        encoding.score_layers(design, "speech", SPEC, encoding.FitContext(mem_mb=100))


def test_layers_beyond_the_band_are_refused():
    with pytest.raises(ValueError, match="beyond its 13 dimensions"):
        design_of(runs_of(), spans={"0": (0, 20)})
