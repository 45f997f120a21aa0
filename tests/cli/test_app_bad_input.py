"""Bad input: one clear line, the right exit code, and nothing else lost."""

import csv
import json
import shutil

import nibabel as nib
import numpy as np
import pytest
from tiny_study import AFFINE, make_study
from written_maps import sidecar_of

from bids_app.cli.concord import main

FUNC = "derivatives/fmriprep/sub-{}/func/sub-{}_task-story_run-{}_space-MNI152NLin2009cAsym_desc-{}"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    root = tmp_path_factory.mktemp("study")
    make_study(root)
    return root


@pytest.fixture
def study(pristine, tmp_path):
    shutil.copytree(pristine / "bids", tmp_path / "bids")
    shutil.copy(pristine / "tiny.yaml", tmp_path / "tiny.yaml")
    return tmp_path


def concord(root, *more, out="out", bids="bids", levels=("participant",)):
    return main([str(root / bids), str(root / out), *levels, "--analysis", str(root / "tiny.yaml"), *more])


def rows(root):
    with (root / "out" / "status.tsv").open() as table:
        return {row["unit"]: row for row in csv.DictReader(table, delimiter="\t")}


def bold(root, person, run, desc="preproc_bold.nii.gz"):
    return root / "bids" / FUNC.format(person, person, run, desc)


def events(root, person, run):
    return root / "bids" / f"sub-{person}" / "func" / f"sub-{person}_task-story_run-{run}_events.tsv"


def maps(root, person):
    return sorted((root / "out" / f"sub-{person}" / "func").glob("*_statmap.nii.gz"))


def one_line(capsys):
    lines = [line for line in capsys.readouterr().err.splitlines() if line]
    assert len(lines) == 1
    assert lines[0].startswith("concord: ")
    return lines[0]


def break_folder(root):
    return {"bids": "nowhere"}, 66


def break_description(root):
    (root / "bids" / "dataset_description.json").unlink()
    return {}, 16


def break_description_json(root):
    (root / "bids" / "dataset_description.json").write_text("{")
    return {}, 16


def break_derivatives(root):
    shutil.rmtree(root / "bids" / "derivatives")
    return {}, 66


def break_all_events(root):
    for person in ("01", "02"):
        for run in (1, 2, 3):
            events(root, person, run).write_text("onset\tduration\ttrial_type\n0.0\t125\tstory\n")
    return {}, 66


def break_all_audio(root):
    for path in (root / "bids" / "stimuli").glob("*.wav"):
        path.unlink()
    return {}, 66


def break_all_words(root):
    for path in (root / "bids" / "stimuli").glob("*.tsv"):
        path.write_text("word\tstart\tend\n")
    return {}, 66


def break_stim_file(root):
    for person in ("01", "02"):
        for run in (1, 2, 3):
            events(root, person, run).write_text("onset\tduration\tstim_file\n0.0\t125\t../../secret.wav\n")
    return {}, 66


@pytest.mark.parametrize(
    "spoil",
    [
        break_folder,
        break_description,
        break_description_json,
        break_derivatives,
        break_all_events,
        break_all_audio,
        break_all_words,
        break_stim_file,
    ],
)
def test_nothing_to_do_is_one_line_and_leaves_no_output(study, capsys, spoil):
    where, code = spoil(study)
    assert concord(study, **where) == code
    one_line(capsys)
    assert not (study / "out").exists()


def test_unknown_label_is_18_and_names_those_there(study, capsys):
    assert concord(study, "--participant-label", "01", "99") == 18
    line = one_line(capsys)
    assert "99" in line
    assert "02" in line


@pytest.mark.parametrize("more", [["-t", "rest"], ["--space", "T1w"], ["--session-label", "pre"]])
def test_filters_that_match_nothing_are_18(study, capsys, more):
    assert concord(study, *more) == 18
    one_line(capsys)


@pytest.mark.parametrize("out", ["bids", "bids/out", "bids/sub-01"])
def test_out_dir_in_bids_dir_is_64(study, capsys, out):
    assert concord(study, out=out) == 64
    one_line(capsys)


def lose_stim_file(root):
    events(root, "01", 2).write_text("onset\tduration\ttrial_type\n0.0\t125\tstory\n")


def lose_volumes(root):
    path = bold(root, "01", 2)
    path.write_bytes(path.read_bytes()[:3000])


def leave_stimuli(root):
    (root / "bids" / "secret.wav").write_bytes((root / "bids" / "stimuli" / "story1.wav").read_bytes())
    events(root, "01", 2).write_text("onset\tduration\tstim_file\n0.0\t125\t../secret.wav\n")


def miss_the_recording(root):
    events(root, "01", 2).write_text("onset\tduration\tstim_file\n9000.0\t125\tstory2.wav\n")


@pytest.mark.parametrize("spoil", [lose_stim_file, lose_volumes, leave_stimuli, miss_the_recording])
def test_one_bad_recording_costs_one_row(study, spoil):
    spoil(study)
    assert concord(study) == 1
    status = rows(study)
    bad = [unit for unit, row in status.items() if row["status"] == "failed"]
    assert len(bad) == 1
    assert "run-2" in bad[0]
    assert status[bad[0]]["reason"]
    assert status["sub-02_task-story_space-MNI152NLin2009cAsym"]["status"] == "done"
    assert len(maps(study, "01")) == len(maps(study, "02")) > 0


def test_a_person_without_a_good_recording_costs_nobody_else(study):
    for run in (1, 2, 3):
        bold(study, "01", run).write_bytes(b"not a nifti")
    assert concord(study) == 1
    assert maps(study, "02")
    assert not maps(study, "01")
    assert "sub-02.html" in {path.name for path in (study / "out").iterdir()}


@pytest.mark.long
def test_a_nan_voxel_is_left_out_and_changes_no_other(study):
    assert concord(study) == 0
    clean = nib.load(next(p for p in maps(study, "01") if "rsquared_desc-full_" in p.name)).get_fdata()
    for run in (1, 2, 3):
        image = nib.load(bold(study, "01", run))
        data = image.get_fdata().astype(np.float32)
        data[1, 2, 1] = np.nan
        nib.save(nib.Nifti1Image(data, AFFINE), bold(study, "01", run))
    assert concord(study, out="again") == 0
    again = study / "again" / "sub-01" / "func"
    spoiled = nib.load(next(again.glob("*rsquared_desc-full_statmap.nii.gz"))).get_fdata()
    assert not np.isfinite(spoiled[1, 2, 1]) or spoiled[1, 2, 1] == 0
    others = np.ones(clean.shape, bool)
    others[1, 2, 1] = False
    np.testing.assert_allclose(clean[others], spoiled[others], atol=1e-3)
    sidecar = sidecar_of(next(again.glob("*rsquared_desc-full_statmap.nii.gz")))
    assert any("1,2,1" in line for line in sidecar["Warnings"])


@pytest.mark.long
def test_responses_that_follow_the_words_are_found_and_noise_is_not(study):
    assert concord(study, levels=("participant", "group")) == 0
    full = nib.load(next(p for p in maps(study, "02") if "rsquared_desc-full_" in p.name)).get_fdata()
    assert np.median(full[:3]) > 0.15
    assert full[3:].mean() < 0.01
    assert (study / "out" / "group.html").exists()


def test_a_second_run_reuses_and_a_changed_analysis_is_refused(study, capsys):
    assert concord(study) == 0
    stamps = {path: path.stat().st_mtime_ns for path in maps(study, "01")}
    assert concord(study) == 0
    assert {row["status"] for row in rows(study).values()} == {"reused"}
    assert {path: path.stat().st_mtime_ns for path in maps(study, "01")} == stamps
    capsys.readouterr()
    (study / "tiny.yaml").write_text((study / "tiny.yaml").read_text().replace("[2, 4, 6]", "[2, 4]"))
    (study / "out/plan.json").write_text("{}")
    files = {path: path.stat().st_mtime_ns for path in (study / "out").rglob("*")}
    for more in (["--dry-run"], []):
        assert concord(study, *more) == 64
        assert "another analysis" in one_line(capsys)
        assert {path: path.stat().st_mtime_ns for path in (study / "out").rglob("*")} == files


@pytest.mark.parametrize("levels", [("participant",), pytest.param(("group",), marks=pytest.mark.long)])
def test_an_out_dir_of_before_is_refused_in_one_line(study, capsys, levels):
    assert concord(study) == 0
    path = study / "out" / "dataset_description.json"
    content = json.loads(path.read_text())
    del content["OutputFormat"]
    path.write_text(json.dumps(content))
    files = {one: one.stat().st_mtime_ns for one in (study / "out/sub-01").rglob("*")}
    capsys.readouterr()
    for more in ("--dry-run", "--force"):
        assert concord(study, more, levels=levels) == 64
        assert "files of format 1, not 2" in one_line(capsys)
        assert not (study / "out/plan.json").exists()
    assert {one: one.stat().st_mtime_ns for one in (study / "out/sub-01").rglob("*")} == files
    assert concord(study, "--features-from", str(study / "out"), out="new") == 0


def test_a_unit_whose_file_was_lost_is_computed_again(study):
    assert concord(study) == 0
    maps(study, "01")[0].unlink()
    assert concord(study) == 0
    status = rows(study)
    assert [row["status"] for row in status.values()] == ["done", "reused"]
    assert maps(study, "01")[0].exists()


def test_nothing_is_written_into_bids_dir_even_read_only(study):
    before = {path: path.stat().st_mtime_ns for path in (study / "bids").rglob("*")}
    for path in before:
        path.chmod(0o555 if path.is_dir() else 0o444)
    assert concord(study, levels=("participant", "group")) == 0
    assert {path: path.stat().st_mtime_ns for path in (study / "bids").rglob("*")} == before


def test_dry_run_computes_nothing(study, capsys):
    assert concord(study, "--dry-run") == 0
    shown = capsys.readouterr().out
    assert "sub-01_task-story_space-MNI152NLin2009cAsym" in shown
    assert [path.name for path in (study / "out").iterdir()] == ["plan.json"]
    plan = json.loads((study / "out" / "plan.json").read_text())
    assert plan["units"][0]["targets"] == 40
    assert plan["units"][0]["stimulus_min"] == pytest.approx(6.2, abs=0.1)


def test_group_alone_goes_on_with_who_is_there(study):
    assert concord(study, "--participant-label", "01") == 0
    assert concord(study, levels=("group",)) in (0, 1)
    assert "02" in (study / "out" / "group.html").read_text()


def test_a_limit_on_memory_changes_no_byte_and_one_too_low_costs_units_alone(study, capsys):
    assert concord(study, "--participant-label", "01") == 0
    assert concord(study, "--participant-label", "01", "--mem-mb", "1000", out="limited") == 0
    for path in maps(study, "01"):
        assert path.read_bytes() == (study / "limited" / path.relative_to(study / "out")).read_bytes()
    assert concord(study, "--participant-label", "01", "--force", "--mem-mb", "100") == 1
    (reason,) = [row["reason"] for row in rows(study).values() if row["status"] == "failed"]
    assert "more than 100 MB" in reason
    assert "--mem-mb" in reason
    assert "MemoryError" not in capsys.readouterr().out


@pytest.mark.long
def test_a_person_without_responses_costs_the_mean_response_only_themselves(study):
    text = (study / "tiny.yaml").read_text()
    make_study(study / "three", people=("01", "02", "03", "04"))
    (study / "three" / "tiny.yaml").write_text(text + "\ngroup: {mean_response: true}\n")
    root = study / "three"
    for run in (1, 2, 3):
        bold(root, "02", run).write_bytes(b"not a nifti")
        image = nib.load(bold(root, "03", run))
        nib.save(nib.Nifti1Image(np.zeros(image.shape, np.float32), AFFINE), bold(root, "03", run))
    assert concord(root, levels=("participant", "group")) == 1
    (mean,) = [row["status"] for unit, row in rows(root).items() if "mean response" in unit]
    assert mean == "done"
    summaries = [json.loads(path.read_text()) for path in (root / "out" / "logs").glob("task-*_unit.json")]
    assert {label[:6] for one in summaries for label in one["provenance"]["samples"]} == {"sub-01", "sub-04"}


@pytest.mark.long
def test_another_runs_features_are_used_and_left_alone(study, capsys):
    assert concord(study, out="first") == 0
    theirs = study / "first/stimuli"
    before = {path: path.stat().st_mtime_ns for path in (study / "first").rglob("*")}
    assert concord(study, "--features-from", str(study / "first"), "--dry-run") == 0
    plan = json.loads((study / "out/plan.json").read_text())
    assert {row["to_compute"] for row in plan["units"]} == {"-"}
    assert concord(study, "--features-from", str(study / "first")) == 0
    assert not list((study / "out").rglob("*_features.h5"))
    assert {path: path.stat().st_mtime_ns for path in (study / "first").rglob("*")} == before
    for path in maps(study, "01"):
        twin = study / "first" / path.relative_to(study / "out")
        assert path.read_bytes() == twin.read_bytes()
    for path in theirs.rglob("*.h5"):
        path.write_bytes(b"broken")  # falls through: computed here
    shutil.rmtree(study / "out")
    assert concord(study, "--features-from", str(study / "first")) == 0
    assert len(list((study / "out").rglob("*_features.h5"))) == len(list(theirs.rglob("*.h5"))) > 0
