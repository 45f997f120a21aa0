"""The picture of one minute: read back as written, drawn on one clock, said in words."""

import re
from dataclasses import replace

import numpy as np
import pytest
from synthetic_units import MINUTE, make_unit, parcel_targets

from bids_app import outputs
from bids_app.errors import ReadWriteError
from bids_app.outputs.derivatives.minute import read_minute
from bids_app.outputs.figures.minute import minute_chart
from bids_app.outputs.files import names
from bids_app.outputs.files.files import write_text
from bids_app.outputs.report.unit.minute import minute_drawing
from bids_app.records import Course, Span


def written(out_dir, minute=MINUTE):
    unit = replace(make_unit(parcel_targets(), groups=("speech", "language")), minute=minute)
    outputs.write_unit(out_dir, unit)
    return outputs.read_unit(outputs.summary_path(out_dir, unit.stem))


def test_it_comes_back_as_it_was_written(tmp_path):
    back = read_minute(tmp_path, written(tmp_path).summary)
    assert (back.recording, back.from_s, back.target) == (MINUTE.recording, 20.0, "LIFG")
    assert [one.name for one in back.spans] == ["story.wav", "the", "the", "$x_{", "<b>", "a b"]
    for got, one in zip(back.courses, MINUTE.courses, strict=True):
        assert (got.kind, got.name, got.is_events) == (one.kind, one.name, one.is_events)
        np.testing.assert_allclose(got.times_s, one.times_s, rtol=1e-5)
        np.testing.assert_allclose(got.values, one.values, rtol=1e-5)


def test_a_unit_without_one_has_no_picture(tmp_path):
    unit = written(tmp_path, None)
    assert read_minute(tmp_path, unit.summary) is None
    assert minute_drawing(tmp_path, unit) is None
    assert "One minute" not in outputs.write_participant_report(tmp_path, "01", None).read_text()


def test_a_broken_one_is_an_error_in_a_line(tmp_path):
    unit = written(tmp_path)
    file = tmp_path / names.own_table(unit.stem, "parcels", "minute")
    for text in (file.read_text().replace("-1.5", "lots"), "kind\tname\nword\tthe\n"):
        write_text(file, text)
        with pytest.raises(ReadWriteError, match="minute"):
            read_minute(tmp_path, unit.summary)


def test_the_report_shows_and_explains_it(tmp_path):
    written(tmp_path)
    text = outputs.write_participant_report(tmp_path, "01", None).read_text()
    assert "desc-minute_figure.svg" in text
    assert "from 20.0 to 80.0 s of it" in text
    assert "parcel LIFG, which the full" in re.sub(r"<[^>]+>", "", text)
    assert "in standard deviations (SD)" in text


def sticks(svg, colour):
    """x of every upright line of a colour, row by row."""
    rows = re.findall(rf'<path d="([^"]*)"[^>]*stroke: {colour}', svg)
    found = [re.findall(r"M ([\d.]+) [\d.]+ *\nL \1 ", row) for row in rows]
    return [np.array(row, dtype=float) for row in found if row]


def test_all_rows_share_one_clock():
    svg = minute_chart(MINUTE, "SD").decode()
    (words,), (events,) = sticks(svg, "#1d2733"), sticks(svg, "#0072b2")
    apart = np.diff(words)
    np.testing.assert_allclose(apart, apart[0], rtol=1e-3)  # a second each
    np.testing.assert_allclose(events - words, 0.25 * apart[0], rtol=1e-2)


def test_words_of_any_script_stay_text():
    spans = tuple(
        Span("word", text, 21.0 + number, 0.25) for number, text in enumerate(("你好", "مرحبا", "नमस्ते", "<b>"))
    )
    svg = minute_chart(replace(MINUTE, spans=spans), "SD").decode()
    for text in ("你好", "مرحبا", "नमस्ते", "&lt;b&gt;"):
        assert f">{text}</text>" in svg, text
    assert "<b>" not in svg


def test_nothing_heard_and_nothing_recorded_is_drawn_as_such():
    empty = replace(MINUTE, spans=(), courses=(Course("response", "LIFG", np.empty(0), np.empty(0)),))
    assert b"<svg" in minute_chart(empty, "")
