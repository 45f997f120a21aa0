"""The log of a run: held back until there is an error or an output folder; bugs have their traceback there."""

import logging
import re

import pytest

from bids_app.errors import Bug, DataError
from bids_app.execution import open_log, reason_of

LOG = logging.getLogger("concord")


def logs(folder):
    return sorted(folder.rglob("*.log"))


def test_without_an_error_nothing_is_written_until_it_is_asked_for(tmp_path):
    with open_log(tmp_path / "logs") as log:
        LOG.warning("one")
        assert not (tmp_path / "logs").exists()
        log.keep()
        LOG.info("two")
        (path,) = logs(tmp_path)
        assert [line.split()[-1] for line in path.read_text().splitlines()] == ["one", "two"]


def test_a_run_that_ends_before_it_has_a_folder_leaves_none(tmp_path):
    with open_log(tmp_path / "logs"):
        LOG.warning("one")
    assert not (tmp_path / "logs").exists()


def test_an_unexpected_exception_is_a_bug_with_its_traceback_in_the_log(tmp_path):
    with pytest.raises(Bug) as caught, open_log(tmp_path / "logs"):
        raise KeyError("spaces")
    (path,) = logs(tmp_path)
    assert str(caught.value) == f"a bug of Concord: KeyError: 'spaces' (traceback in {path})"
    assert "raise KeyError" in path.read_text()


@pytest.mark.parametrize("error", [DataError("what"), OSError("full"), MemoryError("little")])
def test_expected_exceptions_pass_as_they_are(tmp_path, error):
    with pytest.raises(type(error)) as caught, open_log(tmp_path / "logs"):
        raise error
    assert caught.value is error
    assert not (tmp_path / "logs").exists()


def test_reasons_are_one_line_and_only_expected_types_give_a_hint(tmp_path):
    with open_log(tmp_path / "logs"):
        assert reason_of(DataError("what", "where", "do this")) == "what: where (do this)"
        assert reason_of(OSError("gone"), (OSError,)) == "gone"
        said = reason_of(ValueError("one\ntwo"))
    (path,) = logs(tmp_path)
    assert said == f"a bug of Concord: ValueError: one two (traceback in {path})"


def test_where_the_log_cannot_be_written_it_is_not_named(tmp_path):
    (tmp_path / "logs").write_text("a file")
    with open_log(tmp_path / "logs"):
        said = reason_of(ValueError("x"))
    assert said == "a bug of Concord: ValueError: x (-vv shows the traceback)"


@pytest.mark.parametrize("error", [DataError("what"), OSError("full"), MemoryError("little"), KeyboardInterrupt()])
def test_whatever_ends_a_run_is_in_the_log_where_there_is_an_out_dir(tmp_path, error):
    def run(folder):
        with open_log(folder / "logs") as log, log.kept_beside(folder):
            LOG.info("one")
            raise error

    for folder in (tmp_path / "there", tmp_path / "not there"):
        if folder.name == "there":
            folder.mkdir()
        with pytest.raises(type(error)):
            run(folder)
    (path,) = logs(tmp_path)
    assert path.is_relative_to(tmp_path / "there")
    first, second = path.read_text().splitlines()
    assert first.endswith("one")
    assert second.endswith(f"ended: {error}" if str(error) else "ended: KeyboardInterrupt")


def test_a_log_begins_with_the_command_the_host_and_versions_and_has_what_was_said(tmp_path):
    said = []
    with open_log(tmp_path) as log:
        log.begin("concord bids 'my out' participant", "1.2.3")
        say = log.also(said.append)
        log.keep()
        say("a line")
    (path,) = tmp_path.iterdir()
    command, host, versions, line = path.read_text().splitlines()
    assert command.endswith("command: concord bids 'my out' participant")
    assert re.search(r"host: \S+, \w+ \w+, \d+ cores$", host)
    assert re.search(r"versions: Concord 1\.2\.3, Python 3\.\d+\.\d+, torch \d.*numpy \d", versions)
    assert line.endswith("INFO a line")
    assert said == ["a line"]
