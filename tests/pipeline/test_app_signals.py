"""A unit that runs has a row; a signal leaves a row and an exit code, and the same command goes on."""

import json
import signal

import pytest
from quick_study import concord, make_quick_study, plain_brains, stem

from bids_app.disk import locked
from bids_app.outputs import lock_path
from bids_app.pipeline import participants


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_quick_study(tmp_path_factory.mktemp("signals"), people=("01", "02"), runs=(1, 2))


@pytest.fixture(autouse=True)
def quickly():
    with plain_brains():
        yield


def statuses(root, out):
    return {unit: row["status"] for unit, row in rows(root, out).items()}


def rows(root, out):
    return {row["unit"]: row for row in json.loads((root / out / "status.json").read_text())}


def fit_of(monkeypatch, instead):
    """Something happens in place of the second person's fit."""
    plain = participants.fit_unit

    def fit_unit(task, *given):
        if task.unit.participant == "02":
            instead()
        return plain(task, *given)

    monkeypatch.setattr(participants, "fit_unit", fit_unit)


def test_a_unit_that_is_fitted_has_a_row_that_says_so(study, monkeypatch):
    seen = []
    fit_of(monkeypatch, lambda: seen.append(rows(study, "watched")))
    assert concord(study, "participant", out="watched") == 0
    assert {unit: row["status"] for unit, row in seen[0].items()} == {stem("01"): "done", stem("02"): "running"}
    assert seen[0][stem("02")]["reason"].startswith("began at 20")
    assert {*statuses(study, "watched").values()} == {"done"}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["TERM", "INT"])
def test_a_signal_in_the_middle_of_a_unit(study, monkeypatch, capsys, number, code):
    out = f"stopped{code}"
    with monkeypatch.context() as patch:
        fit_of(patch, lambda: signal.raise_signal(number))
        assert concord(study, "participant", out=out) == code
    assert {unit: row["status"] for unit, row in rows(study, out).items()} == {
        stem("01"): "done",
        stem("02"): "failed",
    }
    assert "interrupted" in rows(study, out)[stem("02")]["reason"]
    assert "run the same command to go on" in capsys.readouterr().err
    assert concord(study, "participant", out=out) == 0
    assert {*statuses(study, out).values()} == {"done", "reused"}


@pytest.mark.parametrize("place", ["judge.Judge.planned", "participants._remade_features"])
def test_a_signal_while_whole_results_are_looked_at_leaves_their_rows(study, place):
    assert concord(study, "participant", out="whole") == 0
    before = statuses(study, "whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"bids_app.pipeline.{place}", lambda *_: signal.raise_signal(signal.SIGTERM))
        assert concord(study, "participant", out="whole") == 143
    assert statuses(study, "whole") == before
    assert {*before.values()} <= {"done", "reused"}


def test_a_signal_after_the_results_are_written_leaves_a_done_row(study, monkeypatch):
    monkeypatch.setattr(participants, "_remove_superseded", lambda *_: signal.raise_signal(signal.SIGTERM))
    assert concord(study, "participant", out="written") == 143
    assert statuses(study, "written") == {stem("01"): "done"}


def test_a_unit_whose_files_another_job_holds_has_a_failed_row(study, monkeypatch):
    monkeypatch.setattr(participants, "PATIENCE_S", 0.2)
    (study / "held/logs").mkdir(parents=True)
    with locked(lock_path(study / "held", "01"), str):
        assert concord(study, "participant", out="held") == 75
    row = rows(study, "held")[stem("01")]
    assert row["status"] == "failed"
    assert "has held a lock for over" in row["reason"]
    assert concord(study, "participant", out="held") == 0


def test_what_has_not_ended_is_left_out_of_the_group_and_named(study, monkeypatch, capsys):
    """As after kill -9: the row still says that it runs."""
    assert concord(study, "participant", out="killed") == 0
    path = study / "killed" / "status.json"
    left = rows(study, "killed")
    left[stem("02")] |= {
        "status": "running",
        "reason": "began at 2026-01-01 00:00:00 and has not ended, or was killed",
    }
    path.write_text(json.dumps([*left.values()]))
    capsys.readouterr()
    assert concord(study, "group", out="killed") == 1
    said = capsys.readouterr().out
    assert "sub-02" in said
    assert "has not ended" in said
