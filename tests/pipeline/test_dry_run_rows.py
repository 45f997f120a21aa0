"""Rows of a dry run's plan."""

from types import SimpleNamespace

import pytest

from bids_app.pipeline import dry_run


@pytest.mark.parametrize(
    ("suffices", "force", "results", "to_compute"),
    [(True, False, "reused", "-"), (True, True, "whole", "length rate"), (False, False, "whole", "length rate")],
)
def test_a_unit_that_is_reused_computes_no_features(monkeypatch, suffices, force, results, to_compute):
    monkeypatch.setattr(dry_run, "stimuli_of", lambda unit, accounts: {"a.wav": SimpleNamespace(duration_s=60.0)})
    monkeypatch.setattr(dry_run, "_count_targets", lambda unit, accounts: 3)
    accounts = SimpleNamespace(missing=lambda facts: ["rate", "length"])
    job = SimpleNamespace(options=SimpleNamespace(force=force), specs={"rate": None, "length": None})
    verdict = SimpleNamespace(suffices=suffices, counts=False, unsaved=False, state="whole")
    unit = SimpleNamespace(stem="sub-01_task-a", recordings=())
    row = dry_run._plan_row(unit, verdict, job, accounts, SimpleNamespace(unused=()))
    assert (row["results"], row["to_compute"], row["cached"]) == (results, to_compute, "-")
