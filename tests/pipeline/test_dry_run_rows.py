"""Rows of a dry run's plan."""

from types import SimpleNamespace

import pytest

from bids_app.execution.cost import ENHANCED_S, enhanced_s
from bids_app.group.participant_tests import nulls_of
from bids_app.pipeline import dry_run
from bids_app.records import partition_components
from bids_app.settings.load import parse_analysis


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


@pytest.mark.parametrize(
    ("group", "n_people", "line"),
    [
        ("group: {tfce: true}", 20, "about 25 min for the partition, 1,024 maps a test"),  # 9 tests
        ("group: {tfce: true}", 5, "about 48 s for the partition, 32 maps a test"),
        ("group: {tfce: true}", 4, None),  # nothing is tested
        ("inference: {permutations: 0}\ngroup: {tfce: true}", 20, None),
        ("", 20, None),
    ],
)
def test_what_tfce_would_take_is_said(group, n_people, line):
    text = f"name: one\nfeatures:\n  rate: {{kind: word_rate}}\n  place: {{kind: position}}\n{group}\n"
    job = SimpleNamespace(analysis=parse_analysis(text, "one.yaml"))
    units = [
        SimpleNamespace(stem=f"sub-{one}_task-a_space-{space}", kind=kind)
        for one in range(n_people)
        for kind, space in (("volume", "MNI"), ("parcels", "Yeo"))
    ]
    said = list(dry_run._of_tfce(units, [{"targets": 150_000}] * len(units), job))
    assert said == ([] if line is None else [f"TFCE over participants (task-a_space-MNI): {line}"])


@pytest.mark.parametrize("n_groups", [1, 2, 3, 4])
def test_a_partition_has_as_many_tests_as_are_counted(n_groups):
    components = partition_components(tuple("abcd"[:n_groups]))
    tests = {null for one in components for null in nulls_of(one)}
    assert enhanced_s(n_groups, 1, 1) == pytest.approx(ENHANCED_S * len(tests))
