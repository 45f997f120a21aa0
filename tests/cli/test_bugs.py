"""Bugs of Concord: a failed row inside a recording or unit, exit 70 outside; one line; the traceback in the log."""

import csv

import pytest
from tiny_study import make_study

from bids_app import encoding, outputs
from bids_app.cli import concord_tools
from bids_app.cli.concord import main
from bids_app.pipeline import accounts
from bids_app.pipeline.job.stimulus_library import StimulusLibrary
from bids_app.pipeline.runs import load_runs
from bids_app.settings import load


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    root = tmp_path_factory.mktemp("study")
    make_study(root, ("01",), (1, 2, 3))
    return root


def concord(root, out, *more):
    given = [str(root / "bids"), str(out), "participant", "--analysis", str(root / "tiny.yaml"), *more]
    return main(given)


def rows(out):
    with (out / "status.tsv").open() as table:
        return {row["unit"]: row for row in csv.DictReader(table, delimiter="\t")}


def the_log(out):
    (path,) = (out / "logs").glob("concord_*.log")
    return path


def broken(*arguments, **named):
    raise ZeroDivisionError("planted")


def test_inside_a_recording_it_costs_that_recording(pristine, tmp_path, monkeypatch, capsys):
    read = load_runs.dataset.load_response

    def sometimes(recording, *rest):
        return broken() if "run-2" in recording.label else read(recording, *rest)

    monkeypatch.setattr(load_runs.dataset, "load_response", sometimes)
    assert concord(pristine, tmp_path / "out") == 1
    (bad,) = [row for row in rows(tmp_path / "out").values() if row["status"] == "failed"]
    log = the_log(tmp_path / "out")
    assert "run-2" in bad["unit"]
    assert bad["reason"] == f"a bug of Concord: ZeroDivisionError: planted (traceback in {log})"
    assert "in broken" in log.read_text()
    assert "Traceback" not in "".join(capsys.readouterr())
    assert "done" in {row["status"] for row in rows(tmp_path / "out").values()}


def test_inside_a_fit_it_costs_that_unit(pristine, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(encoding, "build_design", broken)
    assert concord(pristine, tmp_path / "out") == 1
    (bad,) = rows(tmp_path / "out").values()
    log = the_log(tmp_path / "out")
    assert (bad["status"], bad["unit"]) == ("failed", "sub-01_task-story_space-MNI152NLin2009cAsym")
    assert bad["reason"] == f"a bug of Concord: ZeroDivisionError: planted (traceback in {log})"
    assert "in broken" in log.read_text()
    assert "Traceback" not in "".join(capsys.readouterr())


def test_a_value_error_inside_a_fit_is_no_hint(pristine, tmp_path, monkeypatch):
    def wrong(*arguments, **named):
        raise ValueError("shapes do not match")

    monkeypatch.setattr(encoding, "build_design", wrong)
    assert concord(pristine, tmp_path / "out") == 1
    (bad,) = rows(tmp_path / "out").values()
    assert "a bug of Concord: ValueError: shapes do not match" in bad["reason"]
    assert "folds" not in bad["reason"]


def test_too_few_samples_for_the_folds_are_a_hint(pristine, tmp_path, monkeypatch):
    def refused(*arguments, **named):
        raise encoding.CannotFit("too few samples", "ask for fewer folds")

    monkeypatch.setattr(encoding, "build_design", refused)
    assert concord(pristine, tmp_path / "out") == 1
    (bad,) = rows(tmp_path / "out").values()
    assert "ask for fewer folds" in bad["reason"]
    assert "bug" not in bad["reason"]


def test_inside_preflight_it_costs_that_recording(pristine, tmp_path, monkeypatch, capsys):
    check = accounts.dataset.align

    def sometimes(recording, *rest):
        return broken() if "run-2" in recording.label else check(recording, *rest)

    monkeypatch.setattr(accounts.dataset, "align", sometimes)
    assert concord(pristine, tmp_path / "out", "--dry-run") == 1  # as the run
    log = the_log(tmp_path / "out")
    line = "run-2_space-MNI152NLin2009cAsym_desc-preproc_bold: a bug of Concord: ZeroDivisionError: planted (trace"
    assert line in capsys.readouterr().out
    assert "in broken" in log.read_text()


def test_inside_the_mean_response_it_costs_that_fit(tmp_path, monkeypatch):
    make_study(tmp_path, ("01", "02"), (1, 2))
    monkeypatch.setattr("bids_app.pipeline.runs.shared_runs.group.match_participants", broken)
    given = [str(tmp_path / "bids"), str(tmp_path / "out"), "participant", "group"]
    assert main([*given, "--analysis", str(tmp_path / "tiny.yaml")]) == 1
    (bad,) = [row for row in rows(tmp_path / "out").values() if row["status"] == "failed"]
    assert "mean response" in bad["unit"]
    assert "a bug of Concord: ZeroDivisionError: planted" in bad["reason"]
    assert (tmp_path / "out" / "group.html").exists()


@pytest.mark.parametrize("verbose", [False, True])
def test_outside_of_units_it_ends_with_70_and_one_line(pristine, tmp_path, monkeypatch, capsys, verbose):
    monkeypatch.setattr(outputs, "prepare", broken)
    assert concord(pristine, tmp_path / "out", *(["-vv"] if verbose else [])) == 70
    said, log = capsys.readouterr().err, the_log(tmp_path / "out")
    line = f"concord: a bug of Concord: ZeroDivisionError: planted (traceback in {log})"
    assert said.splitlines()[-1] == line
    assert ("Traceback" in said) is verbose
    assert verbose or said.count("\n") == 1
    assert "in broken" in log.read_text()


def test_before_there_is_a_run_the_traceback_is_among_temporary_files(pristine, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("bids_app.cli.concord.parse_arguments", broken)
    assert concord(pristine, tmp_path / "out") == 70
    (log,) = tmp_path.glob("concord_*.log")
    line = f"concord: a bug of Concord: ZeroDivisionError: planted (traceback in {log})\n"
    assert capsys.readouterr().err == line
    assert "in broken" in log.read_text()


def test_companion_commands_do_the_same(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(load, "preset_names", broken)
    assert concord_tools.main(["presets"]) == 70
    (log,) = tmp_path.glob("concord-tools_*.log")
    assert capsys.readouterr().err.startswith(
        "concord-tools: a bug of Concord: ZeroDivisionError: planted (traceback"
    )
    assert "in broken" in log.read_text()


# ------------------------------------------------------------------------------------------------ exit codes
def exhausted(*arguments, **named):
    raise MemoryError


def test_memory_that_runs_out_in_every_recording_is_75_and_in_one_of_them_1(pristine, tmp_path, monkeypatch, capsys):
    check = accounts.dataset.align
    monkeypatch.setattr(accounts.dataset, "align", exhausted)
    assert concord(pristine, tmp_path / "out") == 75
    assert capsys.readouterr().err.count("\n") == 1

    def sometimes(recording, *rest):
        return exhausted() if "run-2" in recording.label else check(recording, *rest)

    monkeypatch.setattr(accounts.dataset, "align", sometimes)
    assert concord(pristine, tmp_path / "out") == 1
    assert [row["reason"][:13] for row in rows(tmp_path / "out").values() if row["status"] == "failed"] == [
        "out of memory"
    ]


@pytest.mark.parametrize("where", ["load_response", pytest.param("group", marks=pytest.mark.long)])
def test_what_failed_before_the_group_level_is_1(where, pristine, tmp_path, monkeypatch):
    if where == "group":
        monkeypatch.setattr("bids_app.pipeline.group_level.group.summarise", exhausted)
    else:
        monkeypatch.setattr(load_runs.dataset, "load_response", exhausted)
    given = [str(pristine / "bids"), str(tmp_path / "out"), "participant", "group"]
    assert main([*given, "--analysis", str(pristine / "tiny.yaml")]) == 1
    assert rows(tmp_path / "out")["group"]["status"] == "failed"


def test_a_feature_that_cannot_be_made_of_one_stimulus_costs_its_recording(pristine, tmp_path, monkeypatch):
    features_of = StimulusLibrary.features

    def broken_features(self, recording, event):
        return broken() if "run-2" in recording.label else features_of(self, recording, event)

    monkeypatch.setattr(StimulusLibrary, "features", broken_features)
    assert concord(pristine, tmp_path / "out") == 1
    found = rows(tmp_path / "out")
    assert [row["status"] for unit, row in found.items() if "run-2" in unit] == ["failed"]
    assert "done" in {row["status"] for row in found.values()}


@pytest.mark.long
@pytest.mark.parametrize("run", [1, 2])
def test_rows_that_cannot_be_made_cost_their_recording_as_if_it_were_not_there(run, tmp_path, monkeypatch):
    make_study(tmp_path, ("01",), (1, 2, 3))
    make_run = load_runs._make_run

    def sometimes(read, *rest):
        return broken() if f"run-{run}" in read.recording.label else make_run(read, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(load_runs, "_make_run", sometimes)
        assert concord(tmp_path, tmp_path / "out") == 1
    for path in (tmp_path / "bids").rglob(f"*run-{run}_*bold*"):
        path.unlink()
    assert concord(tmp_path, tmp_path / "without") == 0
    maps = sorted((tmp_path / "without").rglob("*_statmap.nii.gz"))
    assert maps
    for path in maps:
        assert path.read_bytes() == (tmp_path / "out" / path.relative_to(tmp_path / "without")).read_bytes()


@pytest.mark.parametrize("how", ["bug", "refused"])
def test_a_task_of_which_every_recording_fails_costs_the_exit_code(how, tmp_path, monkeypatch):
    """It has stimuli, so it is no rest that nobody has one for."""
    make_study(tmp_path, ("01",), (1, 2, 3))
    for path in [*(tmp_path / "bids").rglob("*_task-story_run-3_*")]:
        path.rename(path.with_name(path.name.replace("_task-story_", "_task-other_")))
    if how == "refused":
        (path,) = (tmp_path / "bids").rglob("*_task-other_run-3_events.tsv")
        path.write_text(path.read_text().replace("0.0\t125", "9000.0\t125"))  # when the response has ended
    else:
        check = accounts.dataset.align

        def sometimes(recording, *rest):
            return broken() if "task-other" in recording.label else check(recording, *rest)

        monkeypatch.setattr(accounts.dataset, "align", sometimes)
    assert concord(tmp_path, tmp_path / "out") == 1
    found = rows(tmp_path / "out")
    assert [row["status"] for unit, row in found.items() if "task-other" in unit] == ["failed"]
    assert "done" in {row["status"] for row in found.values()}


def test_a_wrong_derivative_is_no_group_level_of_the_output_folder_alone(pristine, tmp_path, capsys):
    given = [str(pristine / "bids"), str(tmp_path / "out"), "group", "-d", str(tmp_path / "fmriperp")]
    (tmp_path / "fmriperp").mkdir()
    assert main([*given, "--analysis", str(pristine / "tiny.yaml")]) == 66
    assert "fmriperp" in capsys.readouterr().err
