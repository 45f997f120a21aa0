"""Thresholds, slopes and numbers as they are written: what is judged, apart from any file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bids_app.dataset.alignment.drift import Markers, drift_of
from bids_app.dataset.alignment.judge_clock import drift_lines, drift_severity
from bids_app.dataset.alignment.judge_playings import playing_lines
from bids_app.dataset.alignment.judge_sampling import interval_lines, start_lines
from bids_app.dataset.alignment.thresholds import Limits, limits
from bids_app.dataset.discovery.clock import fmri_start, stated_intervals
from bids_app.dataset.files.layout import read_json
from bids_app.dataset.files.written import WrittenNumber, half_unit, header_seconds, number_of
from bids_app.errors import DataError
from bids_app.records import Drift, PlayingAlignment, StartAccount, StatedInterval

SECONDS = st.floats(0, 100, allow_nan=False)


# ------------------------------------------------------------------------------------------------ thresholds
@pytest.mark.parametrize(
    ("modality", "interval_s", "window_s", "warn_s", "refuse_s"),
    [
        ("fmri", 2.0, None, 0.25, 1.0), ("fmri", 1.0, None, 0.25, 1.0), ("fmri", 3.0, None, 0.3, 1.5),
        ("fmri", 10.0, None, 1.0, 5.0), ("ieeg", 0.001, None, 0.02, 0.1), ("ieeg", 0.001, 0.2, 0.02, 0.2),
        ("ieeg", 0.001, 0.01, 0.02, 0.02),
    ],
)  # fmt: skip
def test_limits(modality: Any, interval_s: float, window_s: float | None, warn_s: float, refuse_s: float) -> None:
    found = limits(modality, interval_s, window_s)
    assert (found.warn_s, found.refuse_s) == (pytest.approx(warn_s), pytest.approx(refuse_s))


@given(SECONDS, SECONDS, SECONDS)
def test_a_larger_error_is_never_judged_milder_and_precision_never_worse(
    one: float, more: float, rounded: float
) -> None:
    order = ("fine", "warning", "refusal")
    allowed = Limits(0.25, 1.0)
    rank = [order.index(allowed.severity(error)) for error in (one, one + more, -one - more)]
    assert rank[0] <= rank[1] == rank[2]
    assert order.index(allowed.severity(one, rounded)) <= rank[0]


# ------------------------------------------------------------------------------------------------ numbers as written
@pytest.mark.parametrize(
    ("text", "half"),
    [("2.0", 0.05), ("1.49", 0.005), ("0.720", 0.0005), ("1e-3", 0.0005), ("1.5E2", 5.0), ("422", 0.5)],
)
def test_half_a_unit_of_the_last_digit(text: str, half: float) -> None:
    assert half_unit(WrittenNumber(text)) == pytest.approx(half)


@given(st.floats(-1e6, 1e6, allow_nan=False))
def test_a_written_number_is_its_float_in_all_else(value: float) -> None:
    written = WrittenNumber(repr(value))
    assert written == value
    assert json.dumps(written) == json.dumps(value)
    assert half_unit(written) >= 0


def test_json_keeps_how_numbers_are_written(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"RepetitionTime": 1.490, "n": 3}')
    found = read_json(tmp_path / "x.json")
    assert half_unit(found["RepetitionTime"]) == pytest.approx(0.0005)
    assert type(found["n"]) is int


@pytest.mark.parametrize(
    ("value", "number"),
    [("2.0", 2.0), (" 2 ", 2.0), (2, 2), ("TR", None), (True, None), (None, None), (float("nan"), None), ([2], None)],
)
def test_numbers_that_are_texts(value: Any, number: float | None) -> None:
    assert number_of(value) == number


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(0, 0), (1, 0), (2, 2), (2000, 2), (0.72, 0.72), (0.002, 0), (float("nan"), 0), (float("inf"), 0)],
)
def test_a_header_that_says_nothing(value: float, seconds: float) -> None:
    assert header_seconds(value) == seconds


# ------------------------------------------------------------------------------------------------ sampling interval
@pytest.mark.parametrize(
    ("metadata", "seconds", "precision"),
    [
        ({"RepetitionTime": WrittenNumber("1.49")}, 1.49, 0.0005),
        ({"RepetitionTime": WrittenNumber("1.33333")}, 1.33333, 0.000005),
        ({"RepetitionTime": 2000}, 2.0, 0.0005),
        ({"SamplingFrequency": WrittenNumber("0.5")}, 2.0, 0.0005),
        ({"SamplingFrequency": WrittenNumber("0.67")}, 1 / 0.67, 0.005 / 0.67**2),
        ({"VolumeTiming": [0, 2.01, 4, 6]}, 2.0, 0.0005),
        ({"VolumeTiming": [0, 2, 8, 10, 12]}, 2.0, 0.0005),
    ],
)
def test_stated_intervals(metadata: dict[str, Any], seconds: float, precision: float) -> None:
    (found,), _ = stated_intervals(metadata, "sidecar")
    assert found.seconds == pytest.approx(seconds)
    assert found.precision_s == pytest.approx(precision)


@pytest.mark.parametrize("times", [[0, 2, 4.9, 6], [0, 0, 0], [4, 2, 0], [0, 1.2, 3.5, 4.1]])
def test_volumes_at_uneven_times_are_refused(times: list[float]) -> None:
    with pytest.raises(DataError, match="not even"):
        stated_intervals({"VolumeTiming": times}, "sidecar")


@pytest.mark.parametrize(("other", "severity"), [(2.001, "fine"), (2.002, "warning"), (1.985, "refusal")])
def test_intervals_are_judged_by_what_they_add_up_to(other: float, severity: str) -> None:
    used = StatedInterval("sidecar", 2.0, 0.0)
    lines = interval_lines([used, StatedInterval("header", other, 0.0)], 200, Limits(0.25, 1.0))
    assert lines[-1].severity == severity


# ------------------------------------------------------------------------------------------------ time of sample 0
TR10 = 10.0


@pytest.mark.parametrize(
    ("own", "raw", "start"),
    [
        ({"SliceTimingCorrected": True}, {}, 5.0),
        ({"SliceTimingCorrected": "true"}, {}, 5.0),
        ({"SliceTimingCorrected": True}, {"DelayTime": 8.0}, 1.0),
        ({"SliceTimingCorrected": True}, {"DelayTime": "8"}, 1.0),
        ({"SliceTimingCorrected": True}, {"AcquisitionDuration": 2.0}, 1.0),
        ({"SliceTimingCorrected": True}, {"SliceTiming": [0, 0.5, 1.0, 1.5]}, 0.75),
        ({"SliceTimingCorrected": True}, {"SliceTiming": [0, 2.5, 5.0, 7.5]}, 5.0),
        ({"SliceTimingCorrected": True, "StartTime": 0.4}, {"DelayTime": 8.0}, 0.4),
        ({"SliceTimingCorrected": False}, {"DelayTime": 8.0}, 0.0),
        ({}, {"StartTime": 3.0}, 0.0),  # the raw file's does not count
        ({"StartTime": "0.4"}, {}, 0.4),
    ],
)
def test_the_first_sample(own: dict[str, Any], raw: dict[str, Any], start: float) -> None:
    assert fmri_start(own, raw, TR10)[0].seconds == pytest.approx(start)


@pytest.mark.parametrize(
    ("start", "severity"),
    [(0.0, "fine"), (1.0, "fine"), (2.0, "fine"), (8.0, "warning"), (-1.0, "warning"), (975.0, "refusal"),
     (-30.0, "refusal"), (500.0, "refusal")],
)  # fmt: skip
def test_a_start_that_makes_sense(start: float, severity: str) -> None:
    (line,) = start_lines(StartAccount(start, "StartTime"), 2.0, 400.0)
    assert line.severity == severity
    assert start_lines(StartAccount(8.0, "recipe"), 2.0, 400.0)[0].severity == "fine"


# ------------------------------------------------------------------------------------------------ slopes
@given(st.integers(5, 30), st.floats(-0.01, 0.01), st.integers(0, 2**32 - 1))
def test_a_slope_is_found_through_noise_and_one_wild_marker(n: int, slope: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = np.linspace(0, 300, n)
    seen = times * (1 + slope) + 1.5 + rng.normal(size=n) * 1e-4
    wild = int(rng.integers(n))
    seen[wild] += 0.67
    found = drift_of(Markers(times, seen, tuple(map(str, range(n)))), 300.0)
    assert found is not None
    assert found.seconds == pytest.approx(slope * 300, abs=0.02)
    assert [name.split()[0] for name in found.deviant] == [str(wild)]
    assert found.n_events == n - 1


def test_lengths_of_equal_playings_make_a_slope_too() -> None:
    lasts = np.array([15.0, 15.0, 15.0])
    found = drift_of(Markers(lasts, lasts * 1.005, ("a", "b", "c")), 60.0, through_zero=True)
    assert found is not None
    assert found.seconds == pytest.approx(0.3)
    assert drift_of(Markers(lasts[:2], lasts[:2] * 1.005, ("a", "b")), 60.0, through_zero=True) is None


def test_noise_is_no_drift() -> None:
    times = np.linspace(0, 300, 8)
    seen = times + np.random.default_rng(3).normal(size=8) * 0.2
    found = drift_of(Markers(times, seen, tuple("abcdefgh")), 300.0)
    assert found is not None
    assert abs(found.seconds) > 0.02
    assert drift_severity(found, limits("ieeg", 0.001)) == "fine"


@pytest.mark.parametrize(
    ("seconds", "error", "severity"),
    [(0.019, 0.001, "fine"), (0.05, 0.001, "warning"), (0.05, 0.02, "fine"), (0.2, 0.01, "refusal"),
     (-0.2, 0.01, "refusal"), (0.2, 0.07, "fine")],
)  # fmt: skip
def test_a_slope_is_judged_by_its_size_and_its_error(seconds: float, error: float, severity: str) -> None:
    lines = drift_lines(Drift(seconds, error, 5, ("x (+0.67 s)",)), "events", limits("ieeg", 0.001))
    assert lines[0].severity == severity
    assert "x (+0.67 s)" in lines[1].text


# ------------------------------------------------------------------------------------------------ playings
def playing(**facts: Any) -> PlayingAlignment:
    whole = {
        "stimulus": "story.wav", "onset_s": 0.0, "n_rows": 1, "file_s": 300.0, "event_s": 300.0,
        "transcript_s": 299.0, "heard_share": 1.0, "n_words": 100, "words_in_sound": 1.0,
        "words_in_event": 1.0, "empty_words": 0, "times_heard": 1, "words_a_second": 3.0,
    }  # fmt: skip
    return PlayingAlignment(**(whole | facts))


@pytest.mark.parametrize(
    ("facts", "severities"),
    [
        ({}, []),
        ({"event_s": 301.5}, ["refusal"]),
        ({"event_s": 301.5, "precision_s": 1.5}, []),  # two rows in whole seconds
        ({"event_s": 300.6}, ["warning"]),
        ({"event_s": 298.0}, ["warning"]),
        ({"event_s": 150.0, "words_in_event": 0.5}, ["warning", "warning"]),
        ({"file_s": 600.0}, ["refusal"]),  # a header with half the rate
        ({"file_s": 300.0 * 48000 / 44100}, ["refusal"]),
        ({"file_s": 330.0}, ["warning"]),  # no two rates
        ({"event_s": None}, []),
        ({"file_s": None}, []),
        ({"words_a_second": 0.003}, ["refusal"]),
        ({"words_a_second": 30.0}, ["refusal"]),
        ({"words_a_second": 30.0, "n_words": 5}, []),
        ({"transcript_s": 299000.0}, ["refusal"]),
        ({"late_words": 0.05}, ["refusal"]),
        ({"late_words": 0.01, "words_in_sound": 0.99}, ["warning"]),
        ({"heard_share": 0.94, "empty_words": 2, "times_heard": 2}, ["warning"] * 3),
    ],
)
def test_playings(facts: dict[str, Any], severities: list[str]) -> None:
    assert [line.severity for line in playing_lines(playing(**facts), Limits(0.25, 1.0))] == severities


def test_a_single_marker_of_ieeg_is_told_and_a_player_that_is_corrected_is_fine() -> None:
    ieeg = limits("ieeg", 0.001)
    assert [line.severity for line in playing_lines(playing(event_s=300.67), ieeg)] == ["warning"]
    assert [line.severity for line in playing_lines(playing(event_s=301.5), ieeg)] == ["refusal"]
    assert playing_lines(playing(event_s=301.5, file_s=301.5), ieeg) == []
