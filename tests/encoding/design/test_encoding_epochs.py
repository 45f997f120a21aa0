"""Words as rows: windows against a brute-force loop, planted impulses at their lags, features within words."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bids_app.encoding import (
    build_design,
    covered,
    epoch_purge_s,
    epochs_inside_recording,
    local_word_counts,
    place_epochs,
    reindex_epochs,
    within_words,
)
from bids_app.encoding.design.epochs import HALF_WAY
from bids_app.encoding.design.folds import outer_split
from bids_app.records import Epochs, EpochSpec, Features, Intervals, Run


def make_run(signals, onsets_s, times_s, spec, keep=None, label="a", stimuli=("s",)):
    epochs = place_epochs(onsets_s, times_s, spec)
    fine = epochs_inside_recording(epochs, np.ones(len(times_s), bool) if keep is None else keep)
    epochs = Epochs(epochs.starts[fine], epochs.lengths)
    bands = {"f": np.zeros((fine.sum(), 1, 1))}
    return Run(label, bands, signals, np.asarray(onsets_s)[fine], stimuli, epochs=epochs)


def table_of(run, spec):
    """(n_rows, n_electrodes, n_windows)."""
    design = build_design([run], 2, (0.0,), {}, 0.0)
    return design.Y.reshape(len(design.Y), run.Y.shape[1], len(spec.windows_s))


@st.composite
def cases(draw):
    rate = draw(st.sampled_from([25.0, 64.0, 100.0, 128.0, 99.97]))
    start_s = draw(st.floats(-3, 3))
    n = draw(st.integers(60, 300))
    lags = sorted(draw(st.lists(st.floats(-0.4, 0.4), min_size=1, max_size=4, unique=True)))
    first = draw(st.floats(-0.2, 0.3))
    summary = first, first + draw(st.floats(0, 0.3))
    spec = EpochSpec(tuple(lags), draw(st.sampled_from([0.0, 0.02, 0.1])), summary)
    onsets = draw(arrays(float, draw(st.integers(4, 12)), elements=st.floats(start_s - 1, start_s + 1 + n / rate)))
    bad = draw(st.lists(st.integers(0, n - 1), max_size=2))
    return rate, start_s, n, spec, onsets, bad


@settings(max_examples=150, deadline=None)
@given(cases())
def test_every_epoch_equals_a_brute_force_loop(case):
    rate, start_s, n, spec, onsets, bad = case
    times_s = start_s + np.arange(n) / rate
    signals = np.random.default_rng(0).normal(size=(n, 2)).astype(np.float32)
    usable = ~np.isin(np.arange(n), bad)
    epochs = place_epochs(onsets, times_s, spec)
    fine = epochs_inside_recording(epochs, usable)
    looped, wanted = [], []
    for onset in onsets:
        windows = []
        for middle, width in spec.windows_s:
            place = (onset + middle - times_s[0]) / ((times_s[-1] - times_s[0]) / (n - 1))
            centre = int(np.floor(place + 0.5 + HALF_WAY))
            half = 0
            while (half + 1) / rate <= width / 2 + HALF_WAY / rate:
                half += 1
            windows.append(range(centre - half, centre + half + 1))
        touched = range(min(window[0] for window in windows), max(window[-1] for window in windows) + 1)
        ok = all(0 <= sample < n and usable[sample] for sample in touched)
        wanted.append(ok)
        if ok:
            looped.append([[np.mean([signals[k, e] for k in window]) for window in windows] for e in range(2)])
    assert fine.tolist() == wanted
    if fine.sum() < 4:
        return
    mine = Epochs(epochs.starts[fine], epochs.lengths)
    keep = covered(mine, n)
    assert usable[keep].all()
    run = Run(
        "a",
        {"f": np.zeros((fine.sum(), 1, 1))},
        signals[keep],
        onsets[fine],
        ("s",),
        epochs=reindex_epochs(mine, keep),
    )
    np.testing.assert_allclose(table_of(run, spec), np.array(looped), atol=1e-6)


RATES_HZ = (25.0, 100.0, 128.0, 256.0, 512.0, 1000 / 3, 1 / 0.72, 512 * 100 / 513, 1000.0, 2048.0)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(RATES_HZ),
    st.integers(-(10**6), 10**6),
    st.lists(st.integers(100, 500_000), min_size=1, max_size=20),
    st.lists(st.integers(-50, 50), min_size=1, max_size=4, unique=True),
    st.randoms(use_true_random=False),
)
def test_a_word_half_way_between_two_samples_takes_the_later_one_whatever_the_rounding(rate, start, at, lags, rng):
    start_s, n = start / 1000, 600_000
    times_s = start_s + np.arange(n) / rate
    spec = EpochSpec(tuple(sorted(lag / rate for lag in lags)), 0.0, (0.0, 0.0))
    onsets_s = np.array([start_s + (sample + 0.5) / rate + rng.uniform(-1e-9, 1e-9) for sample in at])
    middles = place_epochs(onsets_s, times_s, spec).starts
    np.testing.assert_array_equal(middles[:, 0], np.array(at) + 1)
    # all windows of a word lie as far from each other as their lags
    np.testing.assert_array_equal(middles[:, 1:] - middles[:, :1], np.tile(sorted(lags), (len(at), 1)))


@given(st.sampled_from(RATES_HZ), st.integers(0, 5000), st.floats(-0.49, 0.49))
@settings(max_examples=100, deadline=None)
def test_a_word_that_is_nearer_to_one_sample_takes_that_one(rate, sample, beside):
    spec = EpochSpec((0.0,), 0.0, (0.0, 0.0))
    starts = place_epochs([(sample + beside) / rate], np.arange(6000) / rate, spec).starts
    assert starts.tolist() == [[sample, sample]]


@pytest.mark.parametrize("noise_s", [-1e-10, 0.0, 1e-10])
def test_borders_of_seconds_and_words_do_not_hang_on_rounding(noise_s):
    onsets_s = np.array([3.3, 4.3 + noise_s, 6.3])  # 4.3 − 3.3 is not 1 in floating point
    counts = local_word_counts(onsets_s)
    assert counts.tolist() == [[0, 0, 0, 1], [0, 1, 0, 0], [1, 0, 0, 0]]
    frames = Features("f", np.arange(100, dtype="f4")[:, None], np.arange(1, 101) * 0.01 + noise_s, "continuous")
    words = Intervals(np.array([0.29]), np.array([0.28]), ("word",))
    assert within_words(frames, words).tolist() == [[np.arange(29, 57).mean()]]  # stamped after .29 and up to .57


@pytest.mark.parametrize("rate", [100.0, 64.0, 512 * 100 / 513])
@pytest.mark.parametrize("start_s", [0.0, -1.25])
def test_an_impulse_comes_back_at_its_lag_to_one_sample(rate, start_s):
    spec = EpochSpec(tuple(np.arange(-0.5, 0.51, 1 / rate)), 0.0, (0.0, 0.5))
    onsets_s = start_s + np.array([2.0, 3.7, 5.123, 8.01])
    times_s = start_s + np.arange(round(12 * rate)) / rate
    signals = np.zeros((len(times_s), 1), np.float32)
    signals[np.rint((onsets_s + 0.3 - start_s) * rate).astype(int)] = 1.0
    table = table_of(make_run(signals, onsets_s, times_s, spec), spec)[:, 0, 1:]
    peaks_s = np.asarray(spec.lags_s)[table.argmax(axis=1)]
    assert (table.max(axis=1) == 1).all()
    assert np.abs(peaks_s - 0.3).max() <= 1 / rate + 1e-9


def test_a_window_of_a_tenth_of_a_second_is_centred_on_its_lag():
    spec = EpochSpec((-0.1, 0.0, 0.1), 0.1, (0.0, 0.5))
    ramp = np.arange(1000, dtype=np.float32)[:, None] / 100
    table = table_of(make_run(ramp, [2.0, 3.0, 4.0, 5.0], np.arange(1000) / 100, spec), spec)
    np.testing.assert_allclose(table[0, 0], [2.25, 1.9, 2.0, 2.1], atol=1e-5)
    assert place_epochs([2.0], np.arange(1000) / 100, spec).lengths.tolist() == [51, 11, 11, 11]


def test_an_epoch_may_reach_the_very_first_and_last_sample_and_no_further():
    spec, usable = EpochSpec((-1.0, 1.0), 0.0, (0.0, 0.0)), np.ones(500, bool)
    onsets_s = [0.99, 1.0, 3.99, 4.0]
    assert epochs_inside_recording(place_epochs(onsets_s, np.arange(500) / 100, spec), usable).tolist() == [
        False,
        True,
        True,
        False,
    ]


def test_runs_are_stacked_with_electrodes_and_windows_in_order():
    spec = EpochSpec((0.0, 0.2), 0.0, (0.0, 0.0))
    times_s = np.arange(100) / 10
    signals = np.stack([np.arange(100), 1000 + np.arange(100)], axis=1).astype(np.float32)
    runs = [make_run(signals + 5000 * k, [3.0, 4.0], times_s, spec, label=str(k), stimuli=(str(k),)) for k in (0, 1)]
    design = build_design(runs, "by_run", (0.0,), {}, 0.0)
    np.testing.assert_allclose(design.Y[2], [5030, 5030, 5032, 6030, 6030, 6032])
    assert design.folds.tolist() == [0, 0, 1, 1]


def test_a_dead_electrode_is_unusable_at_every_lag_and_no_other_is():
    spec = EpochSpec((0.0, 0.2), 0.1, (0.0, 0.5))
    signals = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    signals[:, 1] = np.nan
    design = build_design([make_run(signals, np.arange(1, 20.0) / 5, np.arange(500) / 100, spec)], 2, (0.0,), {}, 0.0)
    assert design.usable.reshape(3, 3).tolist() == [[True] * 3, [False] * 3, [True] * 3]


def test_no_training_epoch_meets_a_test_epoch():
    spec = EpochSpec((-0.5, 0.0, 0.5), 0.1, (0.0, 0.5))
    times_s, rng = np.arange(20000) / 100, np.random.default_rng(0)
    onsets_s = np.sort(rng.uniform(1, 199, 400))
    run = make_run(rng.normal(size=(20000, 2)).astype(np.float32), onsets_s, times_s, spec)
    purge_s = epoch_purge_s([run], spec, 0.01)
    assert purge_s == pytest.approx(1.1 + 0.01)  # white noise: one sample of autocorrelation
    design = build_design([run], 5, (0.0,), {}, purge_s)
    for fold in range(5):
        train, test = outer_split(design, fold)
        ends = run.epochs.starts + run.epochs.lengths
        spans = np.stack([run.epochs.starts.min(axis=1), ends.max(axis=1)], axis=1)
        apart = (spans[train, None, 1] <= spans[None, test, 0]) | (spans[train, None, 0] >= spans[None, test, 1])
        assert apart.all()
        assert train.sum() > 250


# ------------------------------------------------------------------------------------------------ features
def words_at(onsets_s, durations_s):
    return Intervals(np.asarray(onsets_s, float), np.asarray(durations_s, float), ("w",) * len(onsets_s))


def frames(values, times_s):
    return Features("x", np.asarray(values, np.float32)[:, None], np.asarray(times_s, float), "continuous")


@settings(max_examples=100, deadline=None)
@given(
    st.integers(2, 40),
    st.sampled_from([0.02, 0.1, 0.5]),
    arrays(float, 6, elements=st.floats(0.0, 3.0)),
    arrays(float, 6, elements=st.floats(0.001, 0.7)),
)
def test_frames_of_a_word_equal_a_loop(n, step_s, onsets, durations):
    times_s = step_s * (1 + np.arange(n))
    values = np.random.default_rng(1).normal(size=n)
    rows = within_words(frames(values, times_s), words_at(onsets, durations))[:, 0]
    for word, (onset, duration) in enumerate(zip(onsets, durations, strict=True)):
        offset = onset + duration
        inside = [k for k in range(n) if onset + 1e-6 < times_s[k] <= offset + 1e-6]
        if not inside:
            inside = [min(range(n), key=lambda k: (abs(times_s[k] - offset), k))]
            if abs(times_s[inside[0]] - offset) > step_s + 1e-6:
                assert np.isnan(rows[word])
                continue
        assert rows[word] == pytest.approx(np.mean(values[inside]), abs=1e-5)


def test_a_word_shorter_than_a_frame_takes_the_nearest():
    rows = within_words(frames([1, 2, 3, 4], [0.1, 0.2, 0.3, 0.4]), words_at([0.11, 0.29, 0.0], [0.05, 0.005, 0.06]))
    assert rows[:, 0].tolist() == [2, 3, 1]


def test_words_keep_their_own_rows_whatever_the_order_and_where_they_overlap():
    words = words_at([0.0, 0.5, 0.5, 1.0], [1.4, 0.2, 0.6, 0.3])
    order = np.argsort(words.offset_s)  # as the families give them
    rows = Features("x", np.arange(4.0)[order, None], words.offset_s[order], "events", words.onset_s[order])
    assert within_words(rows, words)[:, 0].tolist() == [0, 1, 2, 3]
    assert np.isnan(
        within_words(rows, words_at([0.0, 7.0, *words.onset_s[1:]], [1.4, 0.2, *words.duration_s[1:]]))[1]
    )


def test_phones_are_summed_within_their_word():
    phones = Features("x", np.ones((5, 1)), np.array([0.1, 0.2, 0.3, 0.6, 0.8]), "events",
                      np.array([0.0, 0.1, 0.2, 0.5, 0.6]))  # fmt: skip
    assert within_words(phones, words_at([0.0, 0.5, 0.3], [0.3, 0.3, 0.2]))[:, 0].tolist() == [3, 2, 0]


def test_neighbours_are_counted_second_by_second():
    onsets = np.array([0.0, 0.5, 1.0, 1.9, 3.0, 10.0])
    counts = local_word_counts(onsets)
    counted = [[np.sum((onsets - t >= a) & (onsets - t < a + 1)) - (a == 0) for a in (-2, -1, 0, 1)] for t in onsets]
    np.testing.assert_array_equal(counts, counted)
    np.testing.assert_array_equal(counts[-1], 0)
    order = [3, 0, 5, 1, 4, 2]
    np.testing.assert_array_equal(local_word_counts(onsets[order]), counts[order])
