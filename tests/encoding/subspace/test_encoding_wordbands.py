"""Shared subspaces and residuals as bands of a design: fitted on training stimuli, planted parts come apart."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from bids_app import encoding
from bids_app.encoding.design.columns import projected_columns
from bids_app.encoding.subspace.word_bands import PENALTIES, residual_map, ridge
from bids_app.records import WORD_COUNT, Features, FitSpec, ResidualSpec, Run, SubspaceSpec, WordRows

TR, DELAYS_S = 2.0, (2.0, 4.0)
N_WORDS, N_RUNS = 250, 5
SPEC = SubspaceSpec(("speech", "language"))
SOURCES = ("@speech", "language")


def story(number, bases):
    """Word rows of both models and of the static space, and the latents: shared context and static, each alone."""
    rng = np.random.default_rng(number)
    context, static, mine, yours = (rng.standard_normal((N_WORDS, 2)) for _ in range(4))
    rows = {
        "@speech": np.hstack([context, static, mine]) @ bases[0],
        "language": np.hstack([context, static, yours]) @ bases[1],
        "semantic": static @ bases[2],
    }
    noisy = {name: 2 + values + 0.3 * rng.standard_normal(values.shape) for name, values in rows.items()}
    return noisy, {"context": context, "static": static, "mine": mine, "yours": yours}


def make_runs(noise=1.0, seed=0):
    """Five stories; four targets follow shared context, shared static, speech alone, language alone."""
    rng = np.random.default_rng(seed)
    bases = [2 * np.linalg.qr(rng.standard_normal((wide, k)))[0].T for k, wide in ((6, 10), (6, 14), (2, 5))]
    runs = []
    for number in range(N_RUNS):
        rows, latents = story(number, bases)
        onsets_s = np.cumsum(rng.uniform(0.3, 1.5, N_WORDS))
        times_s = np.arange(int(onsets_s[-1] / TR) + 3) * TR
        made = {**rows, WORD_COUNT: np.ones((N_WORDS, 1))}
        features = {
            name: Features(name, v.astype("f4"), onsets_s + 0.2, "events", onsets_s) for name, v in made.items()
        }
        bands = {k: encoding.make_band([(f, 0.0)], times_s, DELAYS_S, TR, "offset") for k, f in features.items()}
        heard = [
            encoding.resample(v.sum(axis=1, keepdims=True), onsets_s + 0.2, times_s - 2.0, TR, "events")
            for v in latents.values()
        ]
        signal = np.hstack(heard)
        Y = signal / 2.5 + noise * rng.standard_normal(signal.shape)
        words = WordRows(f"{number}.wav", onsets_s + 0.2, {name: f.values for name, f in features.items()})
        runs.append(Run(f"run-{number}", bands, Y, times_s, (f"{number}.wav",), (words,)))
    return runs


def design_of(runs):
    return encoding.build_design(runs, "by_run", DELAYS_S, {}, 8.0)


@pytest.fixture(scope="module")
def study():
    runs = make_runs()
    return runs, design_of(runs)


def with_subspace(runs, design, spec=SPEC):
    bands, found = encoding.shared_subspace(runs, design, spec, SOURCES, seed=0)
    return replace(design, projected={**design.projected, **bands}), found


def test_planted_shared_and_private_parts_come_apart(study):
    design, found = with_subspace(*study)
    groups = ("shared", "speechRest", "languageRest")
    fit = encoding.fit(design, {group: (group,) for group in groups}, FitSpec(candidates=8, alphas=(1e-1, 1e4, 6)))
    parts = {name: stats["rsquared"] for name, stats in encoding.partition(fit).values.items()}
    full = parts["full"]
    assert (full > 0.25).all()
    assert {len(one.correlation) for one in found.folds} <= {4, 5}  # two of context, two static; one by chance
    assert (parts["uniqueShared"][:2] > 0.8 * full[:2]).all()
    assert parts["uniqueSpeechRest"][2] > 0.8 * full[2]
    assert parts["uniqueLanguageRest"][3] > 0.8 * full[3]
    for name in ("uniqueSpeechRest", "uniqueLanguageRest"):
        assert np.abs(parts[name][:2]).max() < 0.1


def test_what_is_shared_is_split_into_static_and_beyond(study):
    design, _ = with_subspace(*study)
    groups = {"shared": ("shared",), "semantic": ("semantic",)}
    parts = encoding.partition(encoding.fit(design, groups, FitSpec(candidates=8, alphas=(1e-1, 1e4, 6)))).values
    shared, both = parts["uniqueShared"]["rsquared"], parts["sharedSharedSemantic"]["rsquared"]
    assert shared[0] > 5 * abs(both[0])  # context, beyond the static
    assert both[1] > 5 * abs(shared[1])  # static


def test_test_stimuli_do_not_move_a_folds_matrix(study):
    runs, design = study
    bands, _ = encoding.shared_subspace(runs, design, replace(SPEC, components=2), SOURCES, seed=0)
    words = runs[0].words[0]
    other = {name: np.roll(values, k, axis=0) for k, (name, values) in enumerate(words.values.items())}
    changed = [replace(runs[0], words=(replace(words, values=other),)), *runs[1:]]
    again, _ = encoding.shared_subspace(changed, design, replace(SPEC, components=2), SOURCES, seed=0)
    mine = int(design.folds[design.runs == 0][0])
    for name, band in bands.items():
        np.testing.assert_array_equal(band.matrices[mine], again[name].matrices[mine])
        assert not np.allclose(band.matrices[(mine + 1) % 5], again[name].matrices[(mine + 1) % 5])


def test_the_same_words_are_fitted_once(study, monkeypatch):
    runs, design = study
    known = {}
    bands, found = encoding.shared_subspace(runs, design, replace(SPEC, components=2), SOURCES, 0, known)
    assert len(known) == 5
    monkeypatch.setattr("bids_app.encoding.subspace.word_bands.canonical", None)  # nothing is fitted again
    again, observer = encoding.shared_subspace(runs, design, replace(SPEC, components=2), SOURCES, 0, known)
    assert [one.fold for one in observer.folds] == [one.fold for one in found.folds] == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(again["shared"].matrices[3], bands["shared"].matrices[3])
    with pytest.raises(AttributeError):
        encoding.shared_subspace(runs, design, replace(SPEC, components=3), SOURCES, 0, known)


def test_an_in_sample_fit_is_one_for_all_folds_with_each_models_own_scores(study):
    runs, design = study
    bands, found = encoding.shared_subspace(runs, design, SubspaceSpec(SPEC.between, 3, "all"), SOURCES, seed=0)
    assert set(bands) == {"shared", "speechRest", "languageRest", "speechShared", "languageShared"}
    assert [one.fold for one in found.folds] == [None]
    assert found.folds[0].n_words == N_RUNS * N_WORDS
    for band in bands.values():
        assert all(
            matrix is band.matrices[0] or (matrix == band.matrices[0]).all() for matrix in band.matrices.values()
        )
    sides = [bands[name].matrices[0] for name in ("speechShared", "languageShared")]
    np.testing.assert_allclose(bands["shared"].matrices[0][-1], (sides[0][-1] + sides[1][-1]) / 2)


def test_unrelated_models_share_nothing(study):
    runs, design = study
    rng = np.random.default_rng(5)
    mixed_up = []
    for run in runs:
        words = run.words[0]
        values = {**words.values, "@speech": rng.standard_normal(words.values["@speech"].shape)}
        mixed_up.append(replace(run, words=(replace(words, values=values),)))
    bands, found = encoding.shared_subspace(mixed_up, design, SPEC, SOURCES, seed=0)
    kept = [len(one.correlation) for one in found.folds]
    assert np.median(kept) == 0
    empty = projected_columns(design.bands, bands["shared"], kept.index(0), design.folds != kept.index(0))
    assert (empty == 0).all()
    widths = {matrix.shape for matrix in bands["speechRest"].matrices.values()}
    assert len(widths) == 1  # equal in all folds


# ------------------------------------------------------------------------------------------------ residuals
def test_a_residual_keeps_context_and_loses_what_the_static_space_has(study):
    runs, design = study
    band = encoding.residual(runs, design, ResidualSpec("language", "semantic"), ("language", "semantic"))
    design = replace(design, projected={"beyond": band})
    groups = {"beyond": ("beyond",), "language": ("language",)}
    fit = encoding.fit(design, groups, FitSpec(candidates=8, alphas=(1e-1, 1e4, 6)))
    beyond, language = fit.rsquared[0], fit.rsquared[1]
    assert beyond[0] > 0.85 * language[0]
    assert beyond[3] > 0.85 * language[3]
    assert beyond[1] < 0.15 * language[1]


def test_ridge_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    x, z = rng.standard_normal((300, 20)), rng.standard_normal((300, 4))
    z += x[:, :4] * 0.5
    x, z = x - x.mean(axis=0), z - z.mean(axis=0)
    folds = np.repeat(np.arange(3), 100)
    errors = []
    for penalty in PENALTIES:
        left = 0.0
        for fold in range(3):
            train, held = folds != fold, folds == fold
            model = Ridge(alpha=penalty * 200, fit_intercept=False).fit(x[train], z[train])
            left += ((z[held] - model.predict(x[held])) ** 2).sum()
        errors.append(left)
    chosen = PENALTIES[int(np.argmin(errors))]
    assert 0 < PENALTIES.index(chosen) < len(PENALTIES) - 1
    expected = Ridge(alpha=chosen * 300, fit_intercept=False).fit(x, z).coef_.T
    np.testing.assert_allclose(ridge(x, z, folds), expected, atol=1e-10)
    with pytest.raises(encoding.CannotFit, match="two folds"):
        ridge(x, z, np.zeros(300, int))


def test_a_residual_is_scaled_rows_less_their_prediction():
    rng = np.random.default_rng(1)
    static = 3 + rng.standard_normal((200, 4))
    contextual = (static @ rng.standard_normal((4, 6)) + rng.standard_normal((200, 6))) * np.geomspace(1, 100, 6)
    folds = np.repeat(np.arange(4), 50)
    matrix = residual_map(contextual, static, folds, None)
    rows = np.hstack([contextual, static, np.ones((200, 1))]) @ matrix
    z, x = ((v - v.mean(axis=0)) / v.std(axis=0) for v in (contextual, static))
    np.testing.assert_allclose(rows, z - x @ ridge(x, z, folds), atol=1e-9)
    cut = np.hstack([contextual, static, np.ones((200, 1))]) @ residual_map(contextual, static, folds, 2)
    top = np.linalg.svd(rows, compute_uv=False)[:2]
    np.testing.assert_allclose(np.sort(np.linalg.norm(cut, axis=0)), np.sort(top), rtol=1e-6)
