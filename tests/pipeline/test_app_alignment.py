"""What is noticed of a recording stands in all five places, so that whoever reads only one of them knows."""

import csv
import json
import re

import numpy as np
import pytest
import soundfile
from tiny_study import make_study

from bids_app.cli.concord import main

pytestmark = pytest.mark.long

FUNC = "derivatives/fmriprep/sub-01/func/sub-01_task-story_run-{}_{}"
SPACE = "space-MNI152NLin2009cAsym_desc-preproc_bold"
ANALYSIS = """\
name: tiny
features:
  rate: {kind: word_rate}
  loudness: {kind: envelope}
response: {fmri: {confounds: motion, high_pass_s: 128}}
design: {fmri: {delays_s: [4], skip_onset_s: 0}}
fit: {solver: ridge, alphas: [0.01, 10000, 3]}
inference: {permutations: 20}
baseline: {spaces: []}
"""
ROADS = {  # text of a finding → the recording that it is about
    "no StartTime": "run-1",  # when files are looked for
    "of the words end after the sound": "run-2",  # by the alignment record
    "words left out": "run-2",  # of the stimulus's words
    "channel 2 is silent": "run-1",  # of its sound
    "no confounds file": "run-1",  # while the response is read
    "JSON cannot be read": "run-3",  # a refusal
}


def spoil(bids):
    """One finding of each road, and a recording that is refused."""
    first, third = bids / FUNC.format(1, SPACE + ".json"), bids / FUNC.format(3, SPACE + ".json")
    first.write_text(json.dumps({"RepetitionTime": 2.0}))
    third.write_text("{")
    (bids / FUNC.format(1, "desc-confounds_timeseries.tsv")).unlink()
    sound, rate_hz = soundfile.read(bids / "stimuli/story1.wav")
    soundfile.write(bids / "stimuli/story1.wav", np.stack([sound, np.zeros_like(sound)], axis=1), rate_hz)
    with (bids / "stimuli/story2.tsv").open("a") as table:
        table.write("late\t126.0\t126.5\n[noise]\t3.0\t3.1\nuntimed\tn/a\tn/a\n")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """OUT_DIR after a run of one person, what the terminal said of it, and the same of a dry run."""
    root = tmp_path_factory.mktemp("five")
    bids, analysis = make_study(root, people=("01",))
    analysis.write_text(ANALYSIS)
    spoil(bids)
    said = {}
    for name, levels in (("dry", ("participant", "--dry-run")), ("out", ("participant", "group"))):
        lines = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("bids_app.outputs.report.unit.section.unit_figures", lambda *_: [])  # drawing takes long
            patch.setattr("bids_app.outputs.report.group.page.group_maps", lambda *_: [])
            patch.setattr("builtins.print", lambda *words, lines=lines, **_: lines.append(" ".join(map(str, words))))
            code = main([str(bids), str(root / name), *levels, "--analysis", str(analysis)])
        said[name] = "\n".join(lines)
        assert code == 1, said[name]
    return root, said


def places(run):
    """Place → its text."""
    root, said = run
    out = root / "out"
    with (out / "status.tsv").open() as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    unit = next(row for row in rows if row["status"] == "done" and row["unit"].startswith("sub-01"))
    sidecar = next((out / "sub-01").glob("*_statmap.json"))
    return {
        "dry run, terminal": said["dry"],
        "dry run, plan.json": (root / "dry/plan.json").read_text(),
        "terminal": said["out"],
        "status.tsv": unit["reason"],
        "JSON": sidecar.read_text(),
        "report": re.sub("<a [^>]+>|</a>", "", (out / "sub-01.html").read_text()),
        "group": re.sub("<a [^>]+>|</a>", "", (out / "group.html").read_text()),
    }


@pytest.mark.parametrize("text", ROADS)
def test_each_road_ends_in_all_places(run, text):
    for place, content in places(run).items():
        if text == "no confounds file" and place.startswith(("dry run", "group")):
            continue  # known when the response is read
        assert text in content, place


def test_the_recording_is_named(run):
    for place, content in places(run).items():
        for text, recording in ROADS.items():
            lines = [line for line in content.replace("; ", "\n").splitlines() if text in line]
            if place in ("terminal", "dry run, terminal", "status.tsv"):
                assert any(recording in line for line in lines) or not lines, (place, text)


def test_every_recording_has_its_record_in_the_plan_and_the_summary(run):
    root, _ = run
    plan = json.loads((root / "dry/plan.json").read_text())
    summary = json.loads(next((root / "out/logs").glob("sub-01*_unit.json")).read_text())
    assert [one["recording"].split("_")[2] for one in plan["recordings"]] == ["run-1", "run-2"]
    assert plan["recordings"] == summary["alignments"]
    assert [one["label"].split("_")[2] for one in plan["unused"]] == ["run-3"]


def test_the_plan_counts_them(run):
    root, said = run
    (unit,) = json.loads((root / "dry/plan.json").read_text())["units"]
    assert (unit["recordings"], unit["warned"], unit["refused"]) == (2, 2, 1)
    assert "2 warnings" in said["dry"]


def test_the_reports_count_them(run):
    texts = places(run)
    for place in ("report", "group"):
        assert "3 recordings: 0 without a warning, 2 warned of, 1 refused" in texts[place], place
    assert '<span class="warning">warning</span>' in texts["report"]


def test_a_reused_unit_tells_them_again(run, monkeypatch):
    root, _ = run
    before = places(run)["status.tsv"]
    monkeypatch.setattr("bids_app.outputs.report.unit.section.unit_figures", lambda *_: [])
    main([str(root / "bids"), str(root / "out"), "participant", "--analysis", str(root / "tiny.yaml")])
    with (root / "out/status.tsv").open() as table:
        rows = {row["unit"]: row for row in csv.DictReader(table, delimiter="\t")}
    (again,) = [row for row in rows.values() if row["status"] == "reused"]
    assert again["reason"] == before


def test_where_all_are_refused_a_dry_run_shows_them_and_ends_as_the_run_would(run, tmp_path, capsys):
    root, _ = run
    for run_number in (1, 2, 3):
        (root / "bids" / FUNC.format(run_number, SPACE + ".json")).write_text("{")
    given = [str(root / "bids"), str(tmp_path / "out"), "participant", "--analysis", str(root / "tiny.yaml")]
    assert main([*given, "--dry-run"]) == main(given) == 66
    assert "cannot use 3 recordings: JSON cannot be read" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "out/plan.json").read_text())["unused"]) == 3
