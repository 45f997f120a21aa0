"""Bands that are linear in others: the same as projecting rows first, fitted on training stimuli alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from bids_app import encoding
from bids_app.encoding.design.align import SAME_S
from bids_app.encoding.design.columns import band_columns, projected_columns, projected_values
from bids_app.encoding.design.words import inner_labels, over_words, word_means, words_of
from bids_app.records import Features, FitSpec, Projected, Run, WordRows

TR, DELAYS_S = 2.0, (2.0, 4.0)


def words(seed, n=80, dims=4, name="w"):
    rng = np.random.default_rng(seed)
    onsets_s = np.cumsum(rng.uniform(0.2, 1.5, n))
    values = 5 + rng.standard_normal((n, dims)) * np.arange(1, dims + 1)
    return Features(name, values, onsets_s + 0.2, "events", onsets_s)


def aligned(features, times_s):
    """(n_times, n_delays, n_dims) in float64."""
    delayed = [encoding.resample(features.values, features.times_s, times_s - d, TR, "events") for d in DELAYS_S]
    return np.stack(delayed, axis=1)


def test_projecting_then_aligning_equals_aligning_then_projecting():
    rng = np.random.default_rng(0)
    one, other = words(0, dims=4), words(0, dims=3)
    other = replace(other, times_s=one.times_s, onsets_s=one.onsets_s)
    ones = replace(one, values=np.ones((80, 1)))
    times_s = np.arange(30) * TR + 0.3
    matrix = rng.standard_normal((8, 5))
    rows = np.hstack([one.values, other.values, ones.values]) @ matrix
    bands = {name: aligned(part, times_s) for name, part in (("a", one), ("b", other), ("1", ones))}
    found = projected_values(bands, Projected(("a", "b", "1"), {0: matrix}), 0)
    expected = aligned(replace(one, values=rows), times_s)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * np.abs(expected).max())


def test_the_same_through_bands_as_they_are_made():
    one = words(1)
    ones = replace(one, values=np.ones((80, 1)))
    times_s = np.arange(30) * TR
    matrix = np.random.default_rng(1).standard_normal((5, 2))
    bands = {k: encoding.make_band([(f, 1.0)], times_s, DELAYS_S, TR, "onset") for k, f in (("a", one), ("1", ones))}
    projected = replace(one, values=np.hstack([one.values, ones.values]) @ matrix)
    expected = encoding.make_band([(projected, 1.0)], times_s, DELAYS_S, TR, "onset")
    found = projected_values(bands, Projected(("a", "1"), {3: matrix}), 3)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_columns_are_centred_on_training_rows_and_share_one_scale():
    rng = np.random.default_rng(2)
    bands = {"a": 3 + rng.standard_normal((50, 2, 3)) * [1, 2, 5]}
    train = np.arange(50) < 30
    columns = projected_columns(bands, Projected(("a",), {0: np.eye(3)}), 0, train)
    np.testing.assert_allclose(columns[train].mean(axis=0), 0, atol=1e-12)
    assert np.mean(columns[train] ** 2) == pytest.approx(1)
    raw = bands["a"].reshape(50, -1)
    np.testing.assert_allclose(
        columns[train].std(axis=0) / raw[train].std(axis=0), columns[train].std(axis=0)[0] / raw[train].std(axis=0)[0]
    )
    other = bands["a"].copy()
    other[30:] += 100
    changed = projected_columns({"a": other}, Projected(("a",), {0: np.eye(3)}), 0, train)
    np.testing.assert_array_equal(changed[train], columns[train])


def test_columns_of_zeros_change_no_scale():
    bands = {"a": np.random.default_rng(3).standard_normal((40, 1, 3))}
    train = np.arange(40) < 30
    plain = projected_columns(bands, Projected(("a",), {0: np.eye(3)}), 0, train)
    wider = projected_columns(bands, Projected(("a",), {0: np.pad(np.eye(3), ((0, 0), (0, 4)))}), 0, train)
    np.testing.assert_allclose(wider[:, :3], plain, rtol=1e-12)
    assert (wider[:, 3:] == 0).all()


def test_an_empty_projection_is_zero_columns():
    bands = {"a": np.ones((20, 1, 2))}
    assert (projected_columns(bands, Projected(("a",), {0: np.zeros((2, 1))}), 0, np.ones(20, bool)) == 0).all()


def word_runs(n_runs=4, n_words=60, stimuli=None, seed=0):
    """Runs of noise with a band by word; each hears a story of its own, or those named."""
    runs = []
    for number in range(n_runs):
        rng = np.random.default_rng([seed, number])
        story = (stimuli or [f"{k}.wav" for k in range(n_runs)])[number]
        heard = words(ord(story[0]), n_words, 3)
        times_s = np.arange(int(heard.times_s[-1] / TR) + 4) * TR
        bands = {"a": encoding.make_band([(heard, 0.0)], times_s, DELAYS_S, TR, "offset")}
        bands["1"] = encoding.make_band(
            [(replace(heard, values=np.ones((n_words, 1))), 0.0)], times_s, DELAYS_S, TR, "offset"
        )
        rows = WordRows(story, heard.times_s, {"a": heard.values})
        runs.append(Run(f"run-{number}", bands, rng.standard_normal((len(times_s), 4)), times_s, (story,), (rows,)))
    return runs


def design_of(runs, outer="by_run", purge_s=8.0):
    return encoding.build_design(runs, outer, DELAYS_S, {}, purge_s)


def test_a_projected_unit_is_fitted_as_its_columns():
    design = design_of(word_runs())
    rng = np.random.default_rng(0)
    projected = Projected(("a", "1"), {fold: rng.standard_normal((4, 2)) for fold in range(4)})
    design = replace(design, projected={"p": projected})
    fitted = encoding.fit(design, {"p": ("p",)}, FitSpec(candidates=1, alphas=(5.0, 5.0, 1)))
    residual, total = np.zeros(4), np.zeros(4)
    for fold in range(4):
        train, test = design.folds != fold, design.folds == fold
        X = projected_columns(design.bands, projected, fold, train)
        predicted = Ridge(alpha=5.0).fit(X[train], design.Y[train]).predict(X[test])
        residual += ((design.Y[test] - predicted) ** 2).sum(axis=0)
        total += ((design.Y[test] - design.Y[train].mean(axis=0)) ** 2).sum(axis=0)
    np.testing.assert_allclose(fitted.rsquared[0], 1 - residual / total, atol=1e-9)


def test_each_fold_has_its_own_matrix():
    runs = word_runs()
    design = design_of(runs)
    dead = {fold: np.zeros((3, 2)) for fold in range(4)}
    alive = {**dead, 2: np.random.default_rng(0).standard_normal((3, 2))}
    fitted = encoding.fit(
        replace(design, projected={"p": Projected(("a",), alive)}),
        {"p": ("p",)},
        FitSpec(candidates=1, alphas=(1.0, 1.0, 1)),
    )
    none = encoding.fit(
        replace(design, projected={"p": Projected(("a",), dead)}),
        {"p": ("p",)},
        FitSpec(candidates=1, alphas=(1.0, 1.0, 1)),
    )
    np.testing.assert_allclose(none.rsquared, 0, atol=1e-12)
    assert (fitted.rsquared != 0).all()
    train = design.folds != 2
    columns = projected_columns(design.bands, Projected(("a",), alive), 2, train)
    np.testing.assert_allclose(np.square(columns[train]).mean(), 1)
    assert not np.allclose(columns, band_columns(design.bands["a"], train, None)[:, :4])


# ------------------------------------------------------------------------------------------------ words of a fold
def test_a_test_stimulus_gives_no_training_words():
    runs = word_runs()
    design = design_of(runs)
    for fold in range(4):
        words = words_of(runs, design, fold)
        expected = np.concatenate([run.words[0].values["a"] for k, run in enumerate(runs) if k != fold])
        np.testing.assert_array_equal(words.values["a"], expected)
    assert len(words_of(runs, design, None).times_s) == 240


def test_a_stimulus_heard_twice_counts_once():
    runs = word_runs(stimuli=["x", "y", "x", "z"])
    design = design_of(runs)
    fold = int(design.folds[design.runs == 0][0])
    assert len(words_of(runs, design, fold).times_s) == 120
    assert len(words_of(runs, design, int(design.folds[design.runs == 1][0])).times_s) == 120


def test_words_of_a_split_stimulus_keep_their_distance():
    runs = word_runs(1, 200)
    design = design_of(runs, purge_s=10.0)
    for fold in range(5):
        words = words_of(runs, design, fold)
        tested = design.times_s[design.folds == fold]
        assert 0 < len(words.times_s) < 200
        assert np.abs(words.times_s[:, None] - tested).min() > 10.0


def test_inner_folds_are_whole_stimuli_or_blocks_apart():
    runs = word_runs(4)
    labels = inner_labels(words_of(runs, design_of(runs), None), 10.0)
    assert labels.min() == 0
    stories = np.repeat(np.arange(4), 60)
    assert all(len(set(labels[stories == story])) == 1 for story in range(4))
    single = words_of(word_runs(1, 200), design_of(word_runs(1, 200)), None)
    labels = inner_labels(single, 10.0)
    for fold in range(5):
        mine, others = single.times_s[labels == fold], single.times_s[(labels != fold) & (labels >= 0)]
        assert np.abs(mine[:, None] - others).min() >= 10.0 - 2
    assert (labels == -1).any()


# ------------------------------------------------------------------------------------------------ averages over words
def test_a_words_row_is_the_mean_of_its_frames():
    times_s = np.arange(1, 21) * 0.1
    values = np.arange(20.0)[:, None]
    onsets_s, offsets_s = np.array([0.0, 0.52, 1.01, 1.97]), np.array([0.35, 0.80, 1.04, 1.99])
    found = word_means(values, times_s, onsets_s, offsets_s)[:, 0]
    np.testing.assert_allclose(found, [1.0, 6.0, 9.0, 19.0])  # frames .1–.3; .6–.8; nearest 1.0; nearest 2.0


@given(
    st.lists(st.tuples(st.floats(-1, 5), st.floats(0, 1)), min_size=1, max_size=20),
    st.integers(1, 40),
)
def test_every_word_has_a_row_within_the_range_of_the_frames(spans, n_frames):
    onsets_s = np.array([onset for onset, _ in spans])
    offsets_s = onsets_s + [length for _, length in spans]
    times_s, values = np.arange(n_frames) * 0.1, np.arange(n_frames, dtype=float)[:, None]
    found = word_means(values, times_s, onsets_s, offsets_s)[:, 0]
    for onset, offset, value in zip(onsets_s, offsets_s, found, strict=True):
        inside = np.flatnonzero((times_s > onset + SAME_S) & (times_s <= offset + SAME_S))
        distance = np.abs(times_s - offset)
        at_the_edge = np.abs(np.abs(times_s[:, None] - [onset, offset]) - SAME_S) < 1e-12
        if at_the_edge.any():
            continue  # within or not, by rounding
        if len(inside):
            assert value == pytest.approx(inside.mean(), abs=1e-9)
        else:
            assert distance[round(value)] == pytest.approx(distance.min(), abs=2 * SAME_S)


def test_rows_by_word_stay_and_other_words_are_refused():
    one, other = words(0), words(1)
    assert over_words(one, one) is one
    with pytest.raises(encoding.CannotFit, match="different words"):
        over_words(other, one)
    frames = Features("f", np.zeros((5, 2)), np.arange(5.0), "continuous")
    assert over_words(frames, one).values.shape == (80, 2)
    with pytest.raises(ValueError, match="no rows by word"):
        over_words(frames, frames)
