"""What can be seen of a run while it goes on, and what its log holds afterwards."""

import re
import time

import pytest
from quick_study import concord, make_quick_study, plain_brains, stem

from bids_app.cli.concord import main
from bids_app.cli.terminal import InLines
from bids_app.errors import DataError
from bids_app.pipeline import participants

STAGES = (
    "responses",
    "features",
    "shared subspace and blocks of time",
    "fit",
    "search of penalties",
    "what smaller models leave",
    "chosen models and their tests",
    "files",
)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_quick_study(tmp_path_factory.mktemp("watched"), people=("01",))


@pytest.fixture(autouse=True)
def quickly():
    with plain_brains():
        yield


def run(study, out, *flags):
    return main(
        [str(study / "bids"), str(study / out), "participant", "--analysis", str(study / "quick.yaml"), *flags]
    )


def log_of(study, out):
    (path,) = (study / out / "logs").glob("*.log")
    return path.read_text()


def test_the_log_has_every_stage_and_what_each_took(study):
    assert run(study, "logged") == 0
    log = log_of(study, "logged")
    begun = re.findall(rf"{stem('01')}: (.*) …$", log, re.MULTILINE)
    assert list(dict.fromkeys(begun)) == list(STAGES)
    took = re.search(rf"{stem('01')}: (responses .* s)$", log, re.MULTILINE).group(1)
    assert {part.rsplit(" ", 2)[0] for part in took.split(", ")} == {*STAGES}


@pytest.mark.parametrize(("flags", "begun"), [((), False), (("-v",), True), (("-vv",), True), (("-q",), False)])
def test_stages_are_on_the_terminal_where_more_is_asked_for(study, capsys, flags, begun):
    assert run(study, f"said{''.join(flags)}", *flags) == 0
    said = capsys.readouterr().out
    assert ("search of penalties …" in said) == begun
    assert bool(said) == (flags != ("-q",))


def test_a_line_now_and_then_says_stage_share_and_time_left(study, capsys, monkeypatch):
    """As it would each minute of a longer run."""
    plain = participants.fit_unit

    def slowly(task, *given):
        result = plain(task, *given)
        time.sleep(0.3)
        return result

    monkeypatch.setattr(participants, "fit_unit", slowly)
    monkeypatch.setattr(InLines, "every_s", 0.05)
    assert run(study, "minutes") == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if " left" in line]
    assert lines
    for line in lines:
        assert re.fullmatch(rf"[\d:]+ \[1/1\] {stem('01')}: [a-z ]+, \d+ % done, about \d+ s left", line)


@pytest.mark.parametrize(("flags", "shown"), [((), False), (("-v",), False), (("-vv",), True)])
def test_tracebacks_of_failed_units_are_in_the_log_and_shown_where_asked_for(
    study, capsys, monkeypatch, flags, shown
):
    def fails(*_):
        raise DataError("a reason")

    monkeypatch.setattr(participants, "fit_unit", fails)
    out = f"failed{''.join(flags)}"
    assert run(study, out, *flags) == 1
    assert ("in fails" in capsys.readouterr().err) == shown
    assert "in fails" in log_of(study, out)


def test_nothing_is_shown_of_a_unit_that_has_ended(study, capsys, monkeypatch):
    monkeypatch.setattr(InLines, "every_s", 0.01)
    assert run(study, "ended") == 0
    capsys.readouterr()
    time.sleep(0.1)
    assert capsys.readouterr().out == ""


def test_units_that_are_reused_have_no_stages(study, capsys):
    assert concord(study, "participant", out="twice") == 0
    capsys.readouterr()
    assert run(study, "twice", "-v") == 0
    assert "…" not in capsys.readouterr().out
