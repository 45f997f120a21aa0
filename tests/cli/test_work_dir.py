"""`-w/--work-dir`: where working files lie, and the temporary ones of libraries; never in BIDS_DIR."""

import os
import tempfile
from pathlib import Path

import pytest

from bids_app.cli.concord import build_parser, main, parse_arguments
from bids_app.errors import CannotCreate, UsageError
from bids_app.pipeline import several_models
from bids_app.process import temporary_files_in, usable_home


@pytest.fixture
def data(tmp_path, monkeypatch):
    (tmp_path / "bids/derivatives").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def options(*more, out="out"):
    return parse_arguments(["bids", out, "participant", *more])


def test_without_it_working_files_lie_in_logs(data):
    assert options().scratch_dir == data / "out/logs"
    assert options("-w", "work").scratch_dir == options("--work-dir", "work").scratch_dir == data / "work"


def test_it_is_never_in_bids_dir(data):
    for wrong in ("bids", "bids/work", "bids/derivatives/work"):
        with pytest.raises(UsageError, match="lies in BIDS_DIR"):
            options("-w", wrong)
    out = "bids/derivatives/concord"
    assert options("-w", f"{out}/work", out=out).scratch_dir == data / out / "work"


def test_temporary_files_of_a_run_lie_there_and_others_not(data, monkeypatch):
    before, seen = tempfile.gettempdir(), []

    def run_all(options, screen):
        seen.extend([tempfile.gettempdir(), os.environ["TMPDIR"], os.environ["XDG_CACHE_HOME"]])
        return 0

    monkeypatch.setattr(several_models, "run_all", run_all)
    monkeypatch.setenv("HOME", str(data / "nowhere"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert main(["bids", "out", "participant", "-w", "work"]) == 0
    assert seen[:2] == [str(data / "work")] * 2
    assert Path(seen[2]).parent == data / "work"  # the home that libraries are lent, too
    assert tempfile.gettempdir() == before
    assert not list((data / "work").iterdir())


def test_a_place_that_cannot_be_written_is_one_line(data, capsys):
    (data / "file").write_text("")
    assert main(["bids", "out", "participant", "-w", "file/work"]) == 73
    (line,) = capsys.readouterr().err.splitlines()
    assert "no working files can be written" in line
    assert str(data / "file/work") in line


def test_where_no_temporary_file_can_be_made_it_is_named(data, monkeypatch):
    monkeypatch.setenv("HOME", str(data / "nowhere"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(data / "absent"))
    with pytest.raises(CannotCreate, match="--work-dir"), usable_home():
        pass
    with temporary_files_in(data / "work"), usable_home():
        assert Path(os.environ["HOME"]).parent == data / "work"


def test_help_is_grouped_as_fmriprep_has_it():
    titles = [group.title for group in build_parser()._action_groups]
    assert titles[2:] == [
        "Options for filtering BIDS queries",
        "Options to handle performance",
        "Options for performing only a subset of the workflow",
        "Workflow configuration",
        "Options for results by region",
        "Other options",
    ]
