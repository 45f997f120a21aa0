"""The whole fit: scores by their definition, planted truth, leakage, and what one target may do to another."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from bids_app import encoding
from bids_app.encoding.ridge.batches import BLOCK_WIDTH
from bids_app.records import Features, FitSpec, Run

GROUPS = {"one": ("a",), "two": ("b", "c")}
SPEC = FitSpec(candidates=9, alphas=(1e-1, 1e5, 8))


def white_runs(n_runs=4, n_times=60, n_targets=5, seed=0, noise=1.0, dims=3):
    """Runs of three white bands with two delays; each target follows one band."""
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((2 * dims, n_targets)) / np.sqrt(2 * dims)
    runs = []
    for number in range(n_runs):
        bands = {name: rng.standard_normal((n_times, 2, dims)).astype("f4") for name in "abc"}
        signal = np.stack(
            [bands["abc"[k % 3]].reshape(n_times, -1) @ weights[:, k] for k in range(n_targets)], axis=1
        )
        Y = signal + noise * rng.standard_normal(signal.shape)
        runs.append(Run(f"run-{number}", bands, Y, np.arange(n_times) * 2.0, (f"{number}.wav",)))
    return runs


def design_of(runs, outer="by_run", pca=None, purge_s=8.0, delays_s=(2.0, 4.0)):
    return encoding.build_design(runs, outer, delays_s, pca or {}, purge_s)


def test_scores_are_those_of_their_definition():
    runs = white_runs()
    found = encoding.fit(design_of(runs), {"one": ("a",)}, FitSpec(candidates=1, alphas=(30.0, 30.0, 1)))
    residual, total, z = 0.0, 0.0, []
    for test in range(4):
        X, Y = ([run.bands["a"].reshape(60, -1).astype(float) for run in runs], [run.Y for run in runs])
        fitted, y = np.vstack(X[:test] + X[test + 1 :]), np.vstack(Y[:test] + Y[test + 1 :])
        scale = fitted.std(axis=0)
        predicted = Ridge(alpha=30.0).fit(fitted / scale, y).predict(X[test] / scale)
        residual += ((Y[test] - predicted) ** 2).sum(axis=0)
        total += ((Y[test] - y.mean(axis=0)) ** 2).sum(axis=0)
        z.append([np.arctanh(np.corrcoef(Y[test][:, k], predicted[:, k])[0, 1]) for k in range(5)])
    np.testing.assert_allclose(found.rsquared[0], 1 - residual / total, atol=1e-9)
    np.testing.assert_allclose(found.r[0], np.tanh(np.mean(z, axis=0)), atol=1e-9)
    assert (found.at_edge == 0).all()  # a grid of one alpha has no edge


def test_unions_shapes_and_audits():
    fitted = encoding.fit(design_of(white_runs()), GROUPS, SPEC)
    assert fitted.unions == (("one",), ("two",), ("one", "two"))
    assert fitted.rsquared.shape == fitted.r.shape == fitted.at_edge.shape == (3, 5)
    assert {name: band.shape for name, band in fitted.profile.items()} == dict.fromkeys("abc", (2, 5))
    assert [row.test for row in fitted.folds] == [("run-0",), ("run-1",), ("run-2",), ("run-3",)]
    assert [row.n_inner for row in fitted.folds] == [3] * 4
    assert fitted.warnings == ()


def planted(n_times, seed, noise):
    """Bands that share: a = [s, own a], b = [s, own b], c alone; targets in known mixtures of the parts."""
    rng = np.random.default_rng(seed)
    shared, a, b, c = (rng.standard_normal((n_times, 1, 2)) for _ in range(4))
    bands = {"a": np.concatenate([shared, a], axis=2), "b": np.concatenate([shared, b], axis=2), "c": c}
    sources = np.concatenate([shared, a, b, c], axis=2)[:, 0]
    mix = np.array([[1, 1, 1, 1], [1, 0, 0, 0], [0, 1, 0, 1], [0, 0, 1, 0], [1, 1, 0, 0.5], [0, 0, 0, 0]], float).T
    signal = sources @ np.repeat(mix, 2, axis=0)
    return bands, signal + noise * rng.standard_normal(signal.shape)


def planted_runs(seed=1, noise=1.5):
    bands, Y = planted(1200, seed, noise)
    return [
        Run(f"run-{k}", {n: v[k::4] for n, v in bands.items()}, Y[k::4], np.arange(300) * 2.0, (f"{k}",))
        for k in range(4)
    ]


def test_planted_components_are_recovered():
    groups = {"a": ("a",), "b": ("b",), "c": ("c",)}
    fitted = encoding.fit(design_of(planted_runs(), delays_s=(2.0,)), groups, replace(SPEC, candidates=12))
    parts = encoding.partition(fitted).values
    power = np.array([[2, 2, 2, 2], [2, 0, 0, 0], [0, 2, 0, 2], [0, 0, 2, 0], [2, 2, 0, 0.5], [0, 0, 0, 0]]).T
    expected = power / (power.sum(axis=0) + 1.5**2)
    for name, truth in zip(("sharedAB", "uniqueA", "uniqueB", "uniqueC"), expected, strict=True):
        np.testing.assert_allclose(parts[name]["rsquared"], truth, atol=0.05)
    for name in ("sharedAC", "sharedBC", "sharedABC"):
        np.testing.assert_allclose(parts[name]["rsquared"], 0, atol=0.04)


def test_planted_unions_match_a_much_larger_sample():
    groups = {"a": ("a",), "b": ("b",)}
    fitted = encoding.fit(design_of(planted_runs(), delays_s=(2.0,)), groups, SPEC)
    bands, Y = planted(100_000, 9, 1.5)
    for union, scores in zip(fitted.unions, fitted.rsquared, strict=True):
        X = np.hstack([bands[name][:, 0] for name in union])
        residual = Y - X @ np.linalg.lstsq(X, Y, rcond=None)[0]
        np.testing.assert_allclose(scores, 1 - residual.var(axis=0) / Y.var(axis=0), atol=0.05)


@pytest.mark.parametrize("solver", ["ridge", "banded_ridge"])
def test_noise_is_not_predicted(solver):
    rng = np.random.default_rng(0)
    runs = [replace(run, Y=rng.standard_normal((60, 300))) for run in white_runs()]
    fitted = encoding.fit(design_of(runs), GROUPS, replace(SPEC, solver=solver, candidates=6))
    assert (fitted.rsquared.mean(axis=1) < 0.005).all()
    assert (fitted.rsquared.mean(axis=1) > -0.05).all()
    assert np.abs(fitted.r.mean(axis=1)).max() < 0.03
    assert fitted.rsquared.std() > 0  # an empty map would pass the rest


def events_run(response_delay_s, seed, period_s=2.0, n_times=200, delays_s=(2.0, 4.0, 6.0, 8.0)):
    """A response that follows word events through the Lanczos kernel after a fixed latency."""
    rng = np.random.default_rng(seed)
    words_s = np.cumsum(rng.gamma(2.0, 1.5, 120))
    values = rng.standard_normal((120, 2)).astype("f4")
    words = Features("words", values, words_s, "events", words_s - 0.3)
    times_s = np.arange(n_times) * period_s + 0.7
    band = encoding.make_band([(words, 0.0)], times_s, delays_s, period_s, "offset")
    signal = encoding.resample(values, words_s, times_s - response_delay_s, period_s, "events")
    Y = signal @ [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]] + 0.3 * rng.standard_normal((n_times, 3))
    return Run(f"run-{seed}", {"words": band}, Y, times_s, (f"{seed}",))


def fir(response_delay_s, **settings):
    runs = [events_run(response_delay_s, seed, **settings) for seed in range(3)]
    delays_s = settings.get("delays_s", (2.0, 4.0, 6.0, 8.0))
    return encoding.fit(design_of(runs, delays_s=delays_s), {"words": ("words",)}, SPEC)


@pytest.mark.parametrize("latency_s", [2.0, 4.0, 6.0])
def test_the_fir_profile_peaks_at_the_planted_latency(latency_s):
    found = fir(latency_s)
    profile = found.profile["words"]
    assert (np.asarray(found.delays_s)[profile.argmax(axis=0)] == latency_s).all()
    others = np.sort(profile, axis=0)[-2]
    assert (profile.max(axis=0) > 4 * others).all()


def test_one_tr_wrong_is_seen():
    right, wrong = fir(4.0, delays_s=(4.0,)), fir(4.0, delays_s=(6.0,))
    assert (right.rsquared > 0.7).all()
    assert (wrong.rsquared < 0.1).all()


@pytest.mark.parametrize("spoil", [np.nan, np.inf, 3.0])
def test_a_bad_target_spoils_no_other(spoil):
    """Equal but for rounding: a product's last bits depend on how many columns it has."""
    runs = white_runs(n_targets=7)
    clean = encoding.fit(design_of(runs), GROUPS, SPEC)
    spoiled = [replace(run, Y=run.Y.copy()) for run in runs]
    for run in spoiled if spoil == 3.0 else spoiled[:1]:
        run.Y[slice(None) if spoil == 3.0 else 4, 2] = spoil
    fitted = encoding.fit(design_of(spoiled), GROUPS, SPEC)
    others = np.arange(7) != 2
    pairs = [(getattr(fitted, name), getattr(clean, name)) for name in ("rsquared", "r", "at_edge")]
    for mine, expected in [*pairs, *((fitted.profile[band], clean.profile[band]) for band in "abc")]:
        assert np.isnan(mine[:, 2]).all()
        np.testing.assert_allclose(mine[:, others], expected[:, others], atol=1e-9)


def test_the_same_input_gives_the_same_bytes():
    once, again = (encoding.fit(design_of(white_runs(), pca={"a": 2}), GROUPS, SPEC) for _ in range(2))
    for name in ("rsquared", "r", "at_edge"):
        assert getattr(once, name).tobytes() == getattr(again, name).tobytes()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dims", [3, 30], ids=["primal", "dual"])
def test_a_gpu_gives_the_same_scores(dims):
    design = design_of(white_runs(n_times=40, dims=dims))
    found, expected = (
        encoding.fit(design, GROUPS, SPEC, encoding.FitContext(device, precision="float64"))
        for device in ("cuda", "cpu")
    )
    np.testing.assert_allclose(found.rsquared, expected.rsquared, atol=1e-6)
    np.testing.assert_allclose(found.r, expected.r, atol=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_search_in_tf32_leaves_the_scores_of_equal_choices_alone():
    design = design_of(white_runs(n_times=40, dims=30))
    found, expected = (encoding.fit(design, GROUPS, SPEC, encoding.FitContext(device)) for device in ("cuda", "cpu"))
    same = (found.alpha == expected.alpha).all(axis=0)
    same &= np.all([(found.band_weights[b] == expected.band_weights[b]).all(axis=0) for b in "abc"], axis=0)
    assert same.mean() > 0.5
    np.testing.assert_allclose(found.rsquared[-1, same], expected.rsquared[-1, same], atol=1e-6)


def test_blocks_of_targets_give_the_same_scores(monkeypatch):
    runs = white_runs(n_targets=7)
    whole = encoding.fit(design_of(runs), GROUPS, SPEC)
    monkeypatch.setitem(BLOCK_WIDTH, "cpu", 3)
    parts = encoding.fit(design_of(runs), GROUPS, SPEC)
    np.testing.assert_allclose(parts.rsquared, whole.rsquared, atol=1e-9)
    np.testing.assert_allclose(parts.profile["b"], whole.profile["b"], atol=1e-9)


def weights_without_run_0(runs):
    """The weights trained on all runs but the first, by band."""
    return {
        name: weights[0]
        for name, weights in encoding.fit(
            design_of(runs, pca={"a": 2}), GROUPS, SPEC, options=encoding.FitOptions(keep_weights=True)
        ).weights.items()
    }


def test_held_out_features_and_responses_leave_the_trained_weights_alone():
    runs = white_runs(n_runs=3)
    bands = {name: values * 50 + 3 for name, values in runs[0].bands.items()}
    spoiled = [replace(runs[0], bands=bands, Y=runs[0].Y * -9 + 4), *runs[1:]]
    once, again = weights_without_run_0(runs), weights_without_run_0(spoiled)
    for name in "abc":
        np.testing.assert_array_equal(once[name], again[name])


def test_alpha_at_the_edge_is_flagged():
    strong = white_runs(noise=0.01)
    edge = encoding.fit(design_of(strong), {"one": ("a",)}, replace(SPEC, alphas=(1e3, 1e6, 4)))
    assert (edge.at_edge[0, [0, 3]] == 1).all()  # these follow band a and want less regularisation
    inside = encoding.fit(design_of(white_runs(noise=1.0)), {"one": ("a",)}, replace(SPEC, alphas=(1e-4, 1e9, 14)))
    assert (inside.at_edge[0, [0, 3]] == 0).all()


def test_a_constant_prediction_has_r_zero():
    runs = [replace(run, bands={"a": np.zeros((60, 2, 3), "f4")}) for run in white_runs()]
    fitted = encoding.fit(design_of(runs), {"one": ("a",)}, SPEC)
    assert (fitted.r == 0).all()
    np.testing.assert_allclose(fitted.rsquared, 0, atol=1e-12)


def test_more_columns_than_samples():
    runs = white_runs(n_times=40, dims=30)  # 180 columns, 120 training samples
    fitted = encoding.fit(design_of(runs), GROUPS, SPEC)
    assert np.isfinite(fitted.rsquared).all()
    assert (fitted.rsquared[0, [0, 3]] > 0.1).all()


def test_a_single_run_is_cut_and_purged():
    run = white_runs(n_runs=1, n_times=200)
    fitted = encoding.fit(design_of(run), GROUPS, SPEC)
    assert "single run" in fitted.warnings[0]
    assert [row.n_test for row in fitted.folds] == [40] * 5
    assert all(row.n_purged >= 4 for row in fitted.folds)
    assert fitted.rsquared[-1].mean() > 0.2


def test_plain_ridge_says_what_it_does_to_shared_parts():
    fitted = encoding.fit(design_of(white_runs()), GROUPS, replace(SPEC, solver="ridge"))
    assert "makes shared parts too large" in fitted.warnings[0]
    one_group = encoding.fit(design_of(white_runs()), {"one": ("a", "b")}, replace(SPEC, solver="ridge"))
    assert one_group.warnings == ()  # nothing is shared, though there are two bands


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({}, "1 to 4 feature groups"),
        ({name: (name,) for name in "abcde"}, "1 to 4 feature groups"),
        ({"one": ("a", "x")}, "no band x"),
        ({"one": ("a",), "two": ("a", "b")}, "more than one feature group"),
    ],
)
def test_impossible_partitions_are_errors(groups, message):
    with pytest.raises(ValueError, match=message):
        encoding.fit(design_of(white_runs()), groups, SPEC)
