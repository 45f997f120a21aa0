"""Whole small data sets, spoiled and run: a documented exit code, no traceback, others done, nothing else touched."""

import pytest
from fuzz_spoil import Spoiling
from fuzz_studies import CODES, Case, cases, concord, faults_of, make_fuzz_study
from hypothesis import given, settings
from quick_study import quick_runs
from test_fuzz_parsers import FIXED

EXAMPLES = {
    "own": 3,
    "shared": 1,
    "results": 2,
    "inputs again": 1,
    "filters": 4,
    "labels": 4,
    "analysis": 6,
    "recipe": 6,
}


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    root = make_fuzz_study(tmp_path_factory.mktemp("fuzz"))
    with quick_runs():
        assert concord(root)[0] == 0
        yield root


def test_exit_codes_are_those_of_the_documentation():
    assert {0, 1, 16, 64, 70, 75, 130} <= CODES


def test_an_undisturbed_run_has_no_fault(pristine, tmp_path):
    assert faults_of(Case("run", False, ()), pristine, tmp_path) == []


@pytest.mark.parametrize("share", [1 / 3, pytest.param(1.0, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", EXAMPLES)
def test_whatever_is_spoiled(kind, share, pristine, tmp_path):
    drawn = cases(pristine)
    assert drawn.keys() == EXAMPLES.keys()

    @settings(FIXED, max_examples=max(1, round(share * EXAMPLES[kind])))
    @given(drawn[kind])
    def every(case):
        assert faults_of(case, pristine, tmp_path) == [], case.plain()

    every()


# ------------------------------------------------------------------------------------------------ it can fail
def touched(options, say):
    (options.bids_dir / "new").touch()
    return 0


def raising(options, say):
    raise KeyError("x")


def told(options, say):
    print("Traceback (most recent call last):")
    return 5


@pytest.mark.parametrize(
    ("run", "kinds"), [(touched, {"outside", "other"}), (raising, {"bug", "other"}), (told, {"code", "traceback"})]
)
def test_what_does_not_hold_is_found(run, kinds, pristine, tmp_path, monkeypatch):
    monkeypatch.setattr("bids_app.pipeline.several_models.run_all", run)
    case = Case("run", False, (Spoiling("bids/sub-02/func/sub-02_task-story_run-1_events.tsv", "absent"),))
    assert {kind for kind, _ in faults_of(case, pristine, tmp_path)} == kinds
