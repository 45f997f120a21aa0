"""The minute that a report draws: everything on the recording's clock, of the target that is predicted best."""

import json
from types import SimpleNamespace

import numpy as np
from quick_study import concord, make_quick_study, quick_runs, stem
from tiny_study import words_of

from bids_app.outputs import read_unit, summary_path
from bids_app.outputs.derivatives.minute import read_minute
from bids_app.pipeline.unit.excerpt.minute import _response, _thinned
from bids_app.records import Epochs, Run


def test_what_a_run_writes_is_what_was_played_and_measured(tmp_path):
    make_quick_study(tmp_path, ("01",))
    with quick_runs():
        assert concord(tmp_path, "participant") == 0
    out = tmp_path / "out"
    unit = read_unit(summary_path(out, stem("01")))
    minute = read_minute(out, unit.summary)
    full = np.asarray(unit.partition.values["full"]["rsquared"])
    assert minute.target == unit.targets.names[int(np.nanargmax(full))]
    onsets_s = [one.onset_s for one in minute.spans if one.kind == "word"]
    spoken_s = words_of(1)
    expected_s = spoken_s[(spoken_s >= minute.from_s) & (spoken_s < minute.to_s)]
    np.testing.assert_allclose(onsets_s, expected_s, atol=2e-3)
    (playing,) = [one for one in minute.spans if one.kind == "playing"]
    assert (playing.name, playing.onset_s, playing.duration_s) == ("story1.wav", 0.0, 125.0)
    courses = {(one.kind, one.name): one for one in minute.courses}
    assert set(courses) == {("feature", "rate"), ("feature", "length"), ("response", minute.target)}
    rate = courses["feature", "rate"]
    assert rate.is_events
    ends_s = spoken_s + 0.25
    inside_s = ends_s[(ends_s >= minute.from_s) & (ends_s < minute.to_s)]
    np.testing.assert_allclose(rate.times_s, inside_s, atol=2e-3)
    response = courses["response", minute.target]
    np.testing.assert_allclose(np.diff(response.times_s), 2.0, atol=1e-3)
    assert not response.is_events
    (sidecar,) = (out / "sub-01/func").glob("*_desc-minute_encoding.json")
    sources = json.loads(sidecar.read_text())["Sources"]
    assert {source.split("_run-")[1][0] for source in sources} == {minute.recording.split("_run-")[1][0]}
    text = (out / "sub-01.html").read_text()
    assert "One minute: what was heard and what was recorded" in text
    assert f"{stem('01')}_desc-minute_figure.svg" in text


def test_dense_signals_become_means_at_their_mean_time():
    times_s = 5.005 + np.arange(100) / 100
    values = np.sin(times_s)
    thin_s, thin = _thinned(times_s, values, 5.0)
    np.testing.assert_allclose(thin_s, 5.05 + np.arange(10) / 10)
    np.testing.assert_allclose(thin, values.reshape(10, 10).mean(axis=1))
    sparse_s, sparse = _thinned(times_s[::50], values[::50], 5.0)
    np.testing.assert_allclose(sparse_s, times_s[::50])
    np.testing.assert_allclose(sparse, values[::50])


def test_where_rows_are_words_a_response_is_its_mean_in_their_windows():
    signal = np.arange(20.0)[:, None] * [1, 10]
    epochs = Epochs(np.array([[2, 0], [7, 5]]), np.array([4, 2]))
    run = Run("r", {}, signal, np.array([3.0, 70.0]), ("s",), epochs=epochs)
    course = _response(run, 1, "E2", 0.0)
    assert course.is_events
    assert course.times_s.tolist() == [3.0]  # the other word lies after the minute
    assert course.values.tolist() == [35.0]


def test_what_goes_wrong_costs_the_picture_alone():
    from bids_app.pipeline.unit.excerpt.minute import minute_of

    values = {"full": {"rsquared": np.array([0.1, np.nan])}}
    assert minute_of(SimpleNamespace(), SimpleNamespace(), SimpleNamespace(values=values)) is None
    nothing = {"full": {"rsquared": np.array([np.nan])}}
    assert minute_of(SimpleNamespace(), SimpleNamespace(), SimpleNamespace(values=nothing)) is None
