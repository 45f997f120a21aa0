"""A unit that runs has a row; a signal leaves a row and an exit code, and the same command goes on."""

import json
import signal

import pytest
from quick_study import concord, make_quick_study, plain_brains, stem

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
