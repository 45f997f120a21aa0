"""Time: Lanczos against its formula, exact delays, several stimuli, and which samples are used."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bids_app import encoding
from bids_app.records import Features


def dense(rows_s, at_s, period_s):
    """The kernel written out, every row against every instant."""
    t = np.asarray(at_s)[:, None] - np.asarray(rows_s)[None]
    x = t / period_s
    with np.errstate(invalid="ignore", divide="ignore"):
        h = np.where(x == 0, 1.0, np.sin(np.pi * x) / (np.pi * x) * np.sin(np.pi * x / 3) / (np.pi * x / 3))
    return np.where(np.abs(t) < 3 * period_s, h, 0.0)


@given(st.lists(st.floats(0, 50), min_size=1, max_size=30), st.floats(0.3, 3), st.integers(0, 9))
def test_events_are_the_unnormalised_sum(rows, period_s, seed):
    rows_s = np.sort(rows)
    rng = np.random.default_rng(seed)
    values, at_s = rng.standard_normal((len(rows), 3)), rng.uniform(-5, 55, 20)
    expected = dense(rows_s, at_s, period_s) @ values
    np.testing.assert_allclose(encoding.resample(values, rows_s, at_s, period_s, "events"), expected, atol=1e-9)


def test_continuous_weights_sum_to_one_and_a_constant_stays():
    rows_s = np.arange(0, 60, 0.01)
    at_s = np.arange(0, 60, 1.5)
    values = np.column_stack([np.ones(len(rows_s)), np.sin(2 * np.pi * rows_s / 30)])
    resampled = encoding.resample(values, rows_s, at_s, 1.5, "continuous")
    np.testing.assert_allclose(resampled[:, 0], 1.0, atol=1e-12)
    middle = (at_s > 5) & (at_s < 55)
    np.testing.assert_allclose(resampled[middle, 1], np.sin(2 * np.pi * at_s[middle] / 30), atol=0.01)
    weights = dense(rows_s, at_s, 1.5)
    np.testing.assert_allclose(resampled[:, 1], weights @ values[:, 1] / weights.sum(axis=1), atol=1e-9)


def test_fast_signals_are_filtered_and_slow_rows_interpolated():
    rows_s = np.arange(0, 100, 0.01)
    fast = np.cos(2 * np.pi * 2.0 * rows_s)[:, None]  # far above the Nyquist frequency of 2 s sampling
    at_s = np.arange(10, 90, 2.0)
    assert np.abs(encoding.resample(fast, rows_s, at_s, 2.0, "continuous")).max() < 0.01
    slow_s = np.arange(0, 100, 1.0)
    slow = np.sin(2 * np.pi * slow_s / 12)[:, None]
    at_s = np.arange(10, 90, 0.1)
    resampled = encoding.resample(slow, slow_s, at_s, 0.1, "continuous")[:, 0]
    np.testing.assert_allclose(resampled, np.sin(2 * np.pi * at_s / 12), atol=0.03)


@given(st.floats(0.005, 3), st.floats(0.2, 3), st.integers(0, 100))
def test_no_instant_is_blown_up_at_the_ends_or_in_gaps(step_s, period_s, seed):
    rows_s = np.concatenate([np.arange(0, 20, step_s), np.arange(60, 80, step_s)])
    values = np.random.default_rng(seed).uniform(-1, 1, (len(rows_s), 1))
    resampled = encoding.resample(values, rows_s, np.linspace(-10, 90, 701), period_s, "continuous")
    assert np.nanmax(np.abs(resampled)) <= 2 + 1e-9  # Σ|h| < 2 Σh
    assert np.isnan(encoding.resample(values, rows_s, np.array([-10.0, 40.0, 90.0]), period_s, "continuous")).all()


def test_an_instant_within_the_rows_is_covered():
    rows_s = np.arange(0, 20, 0.5)
    at_s = np.arange(0, 19.5, 0.13)
    assert np.isfinite(encoding.resample(np.ones((len(rows_s), 1)), rows_s, at_s, 1.5, "continuous")).all()


def events(times, onsets=None, values=None):
    values = np.ones((len(times), 1), np.float32) if values is None else np.asarray(values, np.float32)
    return Features(
        "words", values, np.asarray(times, float), "events", None if onsets is None else np.asarray(onsets)
    )


def test_a_word_peaks_at_its_stamp_plus_the_delay():
    times_s = np.arange(0, 40, 0.1)
    word = events([10.0], onsets=[9.0])
    for stamp, at in (("offset", 10.0), ("onset", 9.0)):
        band = encoding.make_band([(word, 3.0)], times_s, (0.0, 4.0), 1.0, stamp)
        assert band.shape == (400, 2, 1)
        assert times_s[band[:, 0, 0].argmax()] == pytest.approx(at + 3.0)
        assert times_s[band[:, 1, 0].argmax()] == pytest.approx(at + 3.0 + 4.0)


def test_delays_are_exact_in_seconds():
    times_s = np.arange(30) * 1.5
    word = events([11.3])
    band = encoding.make_band([(word, -2.5)], times_s, (2.0, 3.7), 1.5, "offset")
    for number, delay_s in enumerate((2.0, 3.7)):
        np.testing.assert_allclose(band[:, number], dense([11.3 - 2.5], times_s - delay_s, 1.5), atol=1e-6)


def test_several_stimuli_each_cover_their_own_time():
    rows_s = np.arange(0, 20, 0.1)
    parts = [
        (Features("f", np.full((200, 1), value, np.float32), rows_s, "continuous"), onset_s)
        for value, onset_s in ((1.0, 0.0), (3.0, 50.0))
    ]
    times_s = np.arange(0, 80, 1.0)
    band = encoding.make_band(parts, times_s, (0.0, 4.0), 1.0, "offset")
    for number, delay_s in enumerate((0.0, 4.0)):
        at_s = times_s - delay_s
        np.testing.assert_allclose(band[(at_s >= 0) & (at_s < 20), number, 0], 1.0, atol=1e-6)
        np.testing.assert_allclose(band[(at_s >= 50) & (at_s < 70), number, 0], 3.0, atol=1e-6)
        between = band[(at_s > 22) & (at_s < 48), number, 0]
        assert np.ptp(between) == 0
        assert 1.9 < between[0] < 2.1  # the mean of what is covered: no information
    heard = encoding.make_band([(events([5.0]), 0.0), (events([5.0]), 50.0)], times_s, (0.0,), 1.0, "offset")
    assert heard[[5, 55], 0, 0] == pytest.approx(1.0)
    assert heard[30, 0, 0] == 0.0


def test_unsorted_onsets_are_sorted_with_their_values():
    word = events([1.0, 2.0], onsets=[0.9, 0.2], values=[[1.0], [5.0]])
    band = encoding.make_band([(word, 0.0)], np.array([0.2, 0.9]), (0.0,), 0.1, "onset")
    np.testing.assert_allclose(band[:, 0, 0], [5.0, 1.0], atol=1e-6)


def test_used_samples_are_valid_and_inside_a_span():
    times_s = np.arange(10.0)
    valid = np.ones(10, bool)
    valid[3] = False
    used = encoding.used_samples(times_s, [(2.0, 4.0), (8.0, 20.0)], valid)
    assert times_s[used].tolist() == [2.0, 4.0, 8.0, 9.0]
    assert not encoding.used_samples(times_s, [], valid).any()
