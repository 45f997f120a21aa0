"""What numbers rest on: folds by recording, samples that are not used, head motion, time and memory of the fit."""

from dataclasses import replace

import pytest
from artists import watched
from synthetic_units import make_unit, parcel_targets, with_words

from bids_app import outputs
from bids_app.outputs.figures.charts import PARTS_OF_FOLDS, folds_chart
from bids_app.outputs.report.basis import folds
from bids_app.outputs.report.basis.folds import folds_drawing, short_names
from bids_app.outputs.report.basis.quality import quality_of
from bids_app.records import AlignmentLine, Effort, FoldAudit

LABELS = tuple(f"sub-01_task-story_seg-Brennan10mm_run-{run}_bold" for run in (1, 2))


def written(out_dir, effort=None, **changes):
    unit = make_unit(parcel_targets(), "01", "task-story_seg-Brennan10mm", groups=("speech", "language"))
    unit = replace(unit, **changes)
    outputs.write_unit(out_dir, unit, *([effort] if effort else []))
    return outputs.read_unit(outputs.summary_path(out_dir, unit.stem))


def with_folds(*audits):
    unit = make_unit(parcel_targets(), "01", "task-story_seg-Brennan10mm")
    return replace(unit.fit, folds=audits)


@pytest.fixture
def drawn(monkeypatch):
    return watched(monkeypatch, folds, "folds_chart")


def test_a_field_says_what_a_fold_makes_of_a_recording(tmp_path, drawn):
    one, two = LABELS
    audits = (
        FoldAudit(0, (one,), (two,), 280, 270, 0, 3),
        FoldAudit(1, (f"{two} [0–100 s]",), (f"{two} [120–300 s]", one), 400, 100, 20, 4),
        FoldAudit(2, (f"{two}0",), (two,), 400, 100, 0, 4),  # the name of another recording begins alike
    )
    drawing = folds_drawing(written(tmp_path, fit=with_folds(*audits)))
    ((names, rows),) = drawn
    assert names == ["run-1", "run-2"]
    assert list(rows.items()) == [
        ("fold 0: 270 test, 280 training", ["test", "training"]),
        ("fold 1: 100 test, 400 training", ["training", "both"]),
        ("fold 2: 100 test, 400 training", ["", "training"]),
    ]
    assert "3 outer folds (by run), features delayed by 2, 4, 6, 8 s" in drawing.caption
    assert "3 to 4 inner folds" in drawing.caption
    assert "20 samples near test samples are in neither" in drawing.caption
    assert "splits in time" in drawing.caption


def test_rows_that_are_words_have_no_delays(tmp_path, drawn):
    unit = with_words(make_unit(parcel_targets(), "01", "task-story_seg-Brennan10mm"))
    drawing = folds_drawing(written(tmp_path, provenance=unit.provenance))
    assert "one row a word" in drawing.caption


def test_the_chart_shows_every_field():
    rows = {"fold 0": ["test", "training", "both", ""]}
    content = folds_chart(["a", "b", "c", "long name"], rows).decode()
    for colour in PARTS_OF_FOLDS.values():
        assert content.count(f"fill: {colour}") == 3  # two fields and the legend
    assert folds_chart([str(n) for n in range(300)], {"fold 0": ["test"] * 300})


def test_names_are_what_others_do_not_have():
    assert short_names(LABELS) == ["run-1", "run-2"]
    assert short_names(LABELS[:1]) == ["1"]


def test_what_was_not_used_is_counted(tmp_path):
    unit = written(tmp_path)
    quality = quality_of(unit.summary)
    (words,) = quality.sentences
    assert words.startswith("560 of 600 samples of 2 recordings are used.")
    assert "10 samples of the scan are absent from the response and 4 are censored; 4 s are pauses and 5 s" in words
    assert "1 parcel of 6 cannot be used" in words
    assert "1 of 1 stimuli are heard in several recordings." in words
    assert "head motion" not in quality.columns
    assert quality.rows[0] == (unit.summary.recordings[0].label, "280", "300", "5", "2", "2.0", "2.5", "1")


def test_head_motion_is_shown_where_it_is_known(tmp_path):
    unit = make_unit(parcel_targets(), "01", "task-story_seg-Brennan10mm")
    line = AlignmentLine("fine", "head motion", "framewise displacement 0.1 mm on average")
    first, second = unit.alignments
    quality = quality_of(written(tmp_path, alignments=(replace(first, lines=(line,)), second)).summary)
    assert quality.columns[-1] == "head motion"
    assert [row[-1] for row in quality.rows] == [line.text, "–"]


def test_clean_data_are_said_to_be(tmp_path):
    unit = make_unit(parcel_targets(), "01", "task-story_seg-Brennan10mm")
    clean = tuple(replace(one, dropped=None, gaps=(), bad_spans=()) for one in unit.alignments)
    (words,) = quality_of(written(tmp_path, alignments=clean).summary).sentences
    assert "No sample is absent or censored, and there are no pauses or bad stretches." in words


def test_a_reused_unit_shows_what_its_fit_took(tmp_path):
    unit = written(tmp_path, Effort(197.1, 1251.7))
    (tmp_path / "status.tsv").write_text(
        f"unit\tparticipant\tstatus\tseconds\tpeak_mb\treason\n{unit.stem}\t01\treused\t0.4\t300\tn/a\n"
    )
    text = outputs.write_participant_report(tmp_path, "01", None).read_text()
    row = next(line for line in text.splitlines() if "<td>reused</td>" in line)
    assert row.endswith(
        '<td class="n">0.4</td><td class="n">300</td><td class="n">197.1</td><td class="n">1252</td></tr>'
    )
    assert "Design and folds" in text
    assert "Quality of the data" in text
