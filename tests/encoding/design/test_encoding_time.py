"""Clicks, delays and shifts: a feature stands where it was heard, to the second's fraction."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bids_app import encoding
from bids_app.records import Features

TR = 1.5
ROUNDING = 1e-5  # of float32 columns of values about one
SAMPLING = pytest.mark.parametrize("sampling", ["events", "continuous"])


@given(st.floats(-10, 10), st.floats(0.1, 4))
def test_the_kernel_is_its_closed_form(t, period_s):
    x = t / period_s
    inside = abs(x) < 3
    expected = np.sinc(x) * np.sinc(x / 3) if inside else 0.0
    assert encoding.lanczos(np.array([t]), period_s)[0] == pytest.approx(expected, abs=1e-12)


def test_the_kernel_at_known_points():
    found = encoding.lanczos(np.array([0.0, 0.75, 1.5, 3.0, 4.5, 6.0, -0.75]), TR)
    half = (2 / np.pi) * (3 / np.pi)  # sinc(½)·sinc(⅙) = (1 / (π/2)) · (½ / (π/6))
    np.testing.assert_allclose(found, [1, half, 0, 0, 0, 0, half], atol=1e-12)


@SAMPLING
@pytest.mark.parametrize("onset_s", [-3.0, 0.0, 7.5])
def test_an_impulse_on_a_sample_is_that_sample_alone(sampling, onset_s):
    """The kernel is zero at every other multiple of the period; half a TR wrong, two samples share the impulse."""
    rows_s = np.arange(0, 60, TR)
    click = Features("click", (rows_s == 12.0).astype("f4")[:, None], rows_s, sampling)
    times_s = onset_s + 0.75 + np.arange(40) * TR
    right, half_off = (
        encoding.make_band([(click, onset)], times_s, (0.0,), TR, "offset")[:, 0, 0]
        for onset in (onset_s + 0.75, onset_s)
    )
    np.testing.assert_allclose(right, np.arange(40) == 8, atol=1e-6)
    assert half_off[7] == pytest.approx(half_off[8], abs=1e-6)
    assert 0.5 < half_off[7] < 0.65


@pytest.mark.parametrize(("row_step_s", "period_s"), [(0.01, TR), (0.02, 0.01), (0.5, 0.1), (0.125, 2.0)])
@pytest.mark.parametrize("delay_s", [0.0, 4.0, 3.7])
def test_a_click_lands_at_its_time_whatever_the_rates(row_step_s, period_s, delay_s):
    rows_s = np.arange(0, 30, row_step_s)
    row = len(rows_s) // 3
    values = np.zeros((len(rows_s), 1), "f4")
    values[row] = 1.0
    part = (Features("click", values, rows_s, "continuous"), 2.5)
    times_s = np.arange(0.3, 40, period_s)
    band = encoding.make_band([part], times_s, (delay_s,), period_s, "offset")[:, 0, 0]
    # symmetric about the click, so its centre of mass is the click's time, finer than the grid
    near = np.abs(times_s - times_s[band.argmax()]) <= max(row_step_s, period_s)
    centre_s = (times_s[near] * band[near]).sum() / band[near].sum()
    at_s = rows_s[row] + 2.5 + delay_s
    assert times_s[band.argmax()] == pytest.approx(at_s, abs=max(row_step_s, period_s) / 2 + 1e-9)
    assert centre_s == pytest.approx(at_s, abs=0.35 * period_s)


@given(st.integers(-200, 200), st.sampled_from(["events", "continuous"]), st.integers(0, 99))
def test_a_delay_is_the_stimulus_that_much_later(sixty_fourths, sampling, seed):
    """Delays are seconds, not samples (multiples of 1/64 s are exact in floating point, so times are the same)."""
    delay_s = sixty_fourths / 64
    rng = np.random.default_rng(seed)
    rows_s = np.unique(rng.integers(0, 64 * 20, 80)) / 64 if sampling == "events" else np.arange(0, 20, 0.125)
    part = Features("f", rng.standard_normal((len(rows_s), 2)).astype("f4"), rows_s, sampling)
    times_s = np.arange(-2, 30, TR)
    delayed = encoding.make_band([(part, 1.25)], times_s, (delay_s,), TR, "offset")
    later = encoding.make_band([(part, 1.25 + delay_s)], times_s, (0.0,), TR, "offset")
    np.testing.assert_allclose(delayed, later, atol=ROUNDING)


@SAMPLING
def test_a_shift_by_one_sample_or_one_row_shifts_exactly(sampling):
    rows_s = np.arange(0, 40, 0.125)
    values = np.random.default_rng(0).standard_normal((len(rows_s), 2)).astype("f4")
    times_s = np.arange(-9, 60, TR)

    def band(part, onset_s, at_s):
        return encoding.make_band([(part, onset_s)], at_s, (0.0,), TR, "offset")[:, 0]

    part = Features("f", values, rows_s, sampling)
    once, later = band(part, 0.25, times_s), band(part, 0.25 + TR, times_s)
    heard = np.flatnonzero((times_s > 1) & (times_s < 34))  # elsewhere it is the mean of what is covered
    np.testing.assert_allclose(later[heard + 1], once[heard], atol=ROUNDING)
    assert np.abs(later[heard] - once[heard]).max() > 0.05
    np.testing.assert_allclose(band(part, 0.25 + 0.125, times_s + 0.125), once, atol=ROUNDING)
    one_row = Features("f", values[:-1], rows_s[1:], sampling)  # every value one row later
    np.testing.assert_allclose(band(one_row, 0.25, times_s)[heard], band(part, 0.375, times_s)[heard], atol=ROUNDING)


@given(st.integers(0, 999), st.floats(-5, 5), st.sampled_from(["events", "continuous"]), st.floats(0.05, 3))
def test_resampling_is_linear_in_the_values(seed, factor, sampling, period_s):
    rng = np.random.default_rng(seed)
    rows_s, at_s = np.sort(rng.uniform(0, 20, 50)), rng.uniform(-3, 23, 30)
    one, other = rng.standard_normal((2, 50, 3))
    a, b, both = (
        encoding.resample(values, rows_s, at_s, period_s, sampling) for values in (one, other, one + factor * other)
    )
    np.testing.assert_allclose(both, a + factor * b, atol=1e-9)


@given(st.integers(0, 999), st.floats(0.05, 3), st.floats(-1e3, 1e3))
def test_a_continuous_constant_is_itself_wherever_covered(seed, period_s, level):
    rng = np.random.default_rng(seed)
    rows_s, at_s = np.sort(rng.uniform(0, 20, 50)), rng.uniform(-3, 23, 30)
    resampled = encoding.resample(np.full((50, 1), level), rows_s, at_s, period_s, "continuous")
    np.testing.assert_allclose(resampled[np.isfinite(resampled)], level, atol=1e-9)


def test_uncovered_instants_take_the_covered_mean():
    rows_s = np.arange(0, 20, 0.1)
    values = np.random.default_rng(0).standard_normal((200, 3)).astype("f4") + 5
    times_s = np.arange(0, 60, 1.0)
    part = Features("f", values, rows_s, "continuous")
    band = encoding.make_band([(part, 10.0)], times_s, (0.0,), 1.0, "offset")[:, 0]
    raw = encoding.resample(values, rows_s + 10.0, times_s, 1.0, "continuous")
    covered = np.isfinite(raw[:, 0])
    assert times_s[covered].tolist() == list(range(10, 31))
    np.testing.assert_allclose(band[covered], raw[covered], rtol=1e-6)
    np.testing.assert_allclose(band[~covered] - raw[covered].mean(axis=0), 0, atol=1e-5)
    assert (encoding.make_band([(part, 500.0)], times_s, (0.0,), 1.0, "offset") == 0).all()


@given(st.floats(0.3, 3), st.floats(0.01, 0.3), st.floats(-9, 9))
def test_nothing_is_covered_a_period_or_more_from_any_row(period_s, row_step_s, from_end_s):
    """Two to three periods off, the kernel's outer lobe is positive: it must not pass for coverage."""
    rows_s = np.arange(0, 20, row_step_s)
    ends_s = np.array([rows_s[0] - abs(from_end_s), rows_s[-1] + abs(from_end_s)])
    resampled = encoding.resample(np.ones((len(rows_s), 1)), rows_s, ends_s, period_s, "continuous")
    if abs(from_end_s) >= max(period_s, row_step_s) * 1.001:
        assert np.isnan(resampled).all()


def test_the_ends_of_spans_are_included_and_spans_may_overlap():
    times_s = np.arange(6) * 0.5
    everything = np.ones(6, bool)
    assert times_s[encoding.used_samples(times_s, [(0.5, 1.0), (1.0, 1.5)], everything)].tolist() == [0.5, 1.0, 1.5]
    assert times_s[encoding.used_samples(times_s, [(0.5 + 1e-5, 1.5 - 1e-5)], everything)].tolist() == [1.0]
    assert not encoding.used_samples(times_s, [(1.5, 1.0)], everything).any()
    assert not encoding.used_samples(times_s, [(0.0, 9.0)], ~everything).any()
