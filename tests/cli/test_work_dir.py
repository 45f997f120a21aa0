"""`-w/--work-dir`: where working files lie, and the temporary ones of libraries; never in BIDS_DIR."""

import errno
import os
import signal
import tempfile
from pathlib import Path

import pytest

from bids_app.cli.concord import build_parser, main, parse_arguments
from bids_app.disk import scratch_folder
from bids_app.errors import CannotCreate, UsageError
from bids_app.pipeline import run, several_models
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
    for right in (f"{out}/work", out):
        assert options("-w", right, out=out).scratch_dir == data / right
    with pytest.raises(UsageError, match="lies in BIDS_DIR"):
        options("-w", "bids/derivatives/work", out=out)


@pytest.mark.parametrize("work", ["bids", "bids/sub-01/work", "bids/derivatives/fmriprep/work"])
def test_an_out_dir_above_bids_dir_lets_nothing_into_it(data, work, capsys):
    assert main(["bids", ".", "participant", "-w", work]) == 64
    (line,) = capsys.readouterr().err.splitlines()
    assert "--work-dir lies in BIDS_DIR" in line
    assert [path.relative_to(data).as_posix() for path in (data / "bids").rglob("*")] == ["bids/derivatives"]
    assert options("-w", "work", out=".").scratch_dir == data / "work"


def test_it_is_never_in_a_data_set_that_is_read(data):
    for wrong in ("prep", "prep/sub-01/work"):
        for out in ("out", ".", "prep"):
            with pytest.raises(UsageError, match="lies in a data set of --derivatives"):
                options("-w", wrong, "-d", "prep", out=out)
    assert options("-w", "prep/own/work", "-d", "prep", out="prep/own").scratch_dir == data / "prep/own/work"


def test_temporary_files_of_a_run_lie_there_and_others_not(data, monkeypatch):
    before, seen = tempfile.gettempdir(), []

    def run_all(options, screen):
        seen.extend([tempfile.gettempdir(), os.environ["TMPDIR"], os.environ["XDG_CACHE_HOME"]])
        return 0

    monkeypatch.setattr(several_models, "run_all", run_all)
    monkeypatch.setenv("HOME", str(data / "nowhere"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert main(["bids", "out", "participant", "-w", "work"]) == 0
    assert seen[0] == seen[1]
    assert Path(seen[0]).parent == data / "work"
    assert Path(seen[2]).parent == Path(seen[0])  # the home that libraries are lent, too
    assert tempfile.gettempdir() == before
    assert not list((data / "work").iterdir())


def test_a_place_that_cannot_be_written_is_one_line(data, capsys):
    (data / "file").write_text("")
    assert main(["bids", "out", "participant", "-w", "file/work"]) == 73
    (line,) = capsys.readouterr().err.splitlines()
    assert "no working files can be written" in line
    assert str(data / "file/work") in line
    assert "choose another --work-dir" in line


def test_a_disk_without_room_for_a_name_keeps_nothing(data, monkeypatch):
    def full():
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("bids_app.disk.scratch.own_token", full)
    with pytest.raises(CannotCreate, match=r"\(No space left on device\)"), temporary_files_in(data / "work"):
        pass
    assert not list((data / "work").iterdir())


def test_a_run_takes_away_what_killed_ones_left_there(data, monkeypatch):
    monkeypatch.setenv("HOME", str(data / "nowhere"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    given = options("-w", "work")
    pid = os.fork()
    if pid == 0:
        with temporary_files_in(given.work_dir), usable_home(), scratch_folder(given.scratch_dir):
            tempfile.mkstemp()
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    assert len(list((data / "work").iterdir())) == 2
    with temporary_files_in(given.work_dir):
        run._sweep(given)
        (own,) = (data / "work").iterdir()
        assert own == Path(tempfile.gettempdir())


def test_where_no_temporary_file_can_be_made_it_is_named(data, monkeypatch):
    monkeypatch.setenv("HOME", str(data / "nowhere"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    (data / "file").write_text("")
    monkeypatch.setattr(tempfile, "tempdir", str(data / "file/absent"))
    with pytest.raises(CannotCreate, match="--work-dir"), usable_home():
        pass
    with temporary_files_in(data / "work"), usable_home():
        assert Path(os.environ["HOME"]).parents[1] == data / "work"


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
