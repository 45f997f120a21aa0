"""Killed at any rename, out of disk at any rename, or two at once: after the next run OUT_DIR is as if a run had not
been disturbed, hidden files included."""

import errno
import fnmatch
import os
import shutil
import signal
from pathlib import Path

import pytest
from killed_runs import HOW, beginnings, disturbed, in_child, names_of
from quick_study import concord, differences, make_quick_study, plain_brains, stem

from bids_app.disk import owners, replace, scratch
from bids_app.pipeline import participants
from bids_app.pipeline.unit.fit_unit import fit_unit

PEOPLE = ("01", "02")
LEVELS = ("participant", "group")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    root = make_quick_study(tmp_path_factory.mktemp("undisturbed"), PEOPLE)
    with plain_brains():
        assert concord(root, *LEVELS) == 0
        yield root


@pytest.fixture(scope="module")
def older(undisturbed, tmp_path_factory):
    """An OUT_DIR of other inputs, with files that those of today do not make: there was a third run, heard again."""
    root = tmp_path_factory.mktemp("older")
    shutil.copytree(undisturbed / "bids", root / "bids")
    shutil.copy(undisturbed / "quick.yaml", root)
    for folder in (root / "bids", root / "bids/derivatives/fmriprep"):
        for path in (folder / "sub-02/func").glob("*_run-1_*"):
            shutil.copy(path, path.with_name(path.name.replace("_run-1_", "_run-3_")))
    assert concord(root, *LEVELS) == 0
    assert list((root / "out").rglob("sub-02*stat-ceiling*"))
    return root / "out"


@pytest.fixture
def out(request, undisturbed):
    """Where a disturbed run writes; removed when the test is over."""
    folder = undisturbed / "disturbed"
    if request.param == OLDER:
        shutil.copytree(request.getfixturevalue("older"), folder)
    yield folder
    shutil.rmtree(folder)


def at_rename(which, act):
    """A rename that acts before the first whose target's name is like `which`."""

    def rename(part, path):
        if fnmatch.fnmatch(path.name, which):
            act()
        part.replace(path)

    return rename


def killed_at(root, out, which):
    """Run, and be killed with signal 9."""

    def run():
        replace.rename = at_rename(which, lambda: os.kill(os.getpid(), signal.SIGKILL))
        return concord(root, *LEVELS, out=out.name)

    return in_child(run)


PLACES = {
    "the data set's description": "dataset_description.json",
    "features": "*_desc-length_features.h5",
    "features' JSON": "*_desc-length_features.json",
    "a map": f"{stem('02')}_stat-p_statmap.nii.gz",
    "a unit's list": f"{stem('02')}_unit_files.txt",
    "a unit's summary": f"{stem('02')}_unit.json",
    "a figure": f"{stem('02')}_desc-profile_figure.svg",
    "a report": "sub-01.html",
    "status": "status.json",
    "the mean response": "task-story*_desc-meanResponse_encoding.tsv",
    "a map over people": "tpl-*_stat-sd_statmap.nii.gz",
    "the group's summary": "group.json",
    "the group's report": "group.html",
}
NEW, OLDER = "a new OUT_DIR", "over older results"
THERE = {"the data set's description", "features", "features' JSON"}  # of older results, and not written again


def places(few):
    """What is written in each OUT_DIR; all but a few are tried in long tests alone."""
    every = [(out, place) for out in (NEW, OLDER) for place in PLACES if out == NEW or place not in THERE]
    marked = [pytest.param(*one, marks=() if one in few else pytest.mark.long) for one in every]
    return pytest.mark.parametrize(("out", "place"), marked, indirect=["out"])


@places([(NEW, "features' JSON"), (OLDER, "a unit's summary"), (NEW, "a map over people")])
def test_a_run_that_was_killed_is_as_if_it_had_not_been(undisturbed, out, place):
    assert killed_at(undisturbed, out, PLACES[place]) == -signal.SIGKILL
    assert differences(out, undisturbed / "out") != []
    assert list(out.rglob(".*.part"))
    assert concord(undisturbed, *LEVELS, out=out.name) == 0
    assert differences(out, undisturbed / "out") == []


@pytest.mark.long
@pytest.mark.parametrize("out", [NEW, OLDER], indirect=True)
def test_killed_at_each_rename_of_a_run(undisturbed, out, monkeypatch, tmp_path):
    """The disk is copied before each rename: that is what a process leaves which is killed there."""
    states = []

    def copying(part, path):
        states.append((path.name, tmp_path / str(len(states))))
        shutil.copytree(out, states[-1][1], symlinks=True)
        part.replace(path)

    monkeypatch.setattr(replace, "rename", copying)
    dead = owners.own_token().rpartition("-")[0] + "-1"
    for module in (replace, scratch):
        monkeypatch.setattr(module, "own_token", lambda: dead)
    assert concord(undisturbed, *LEVELS, out=out.name) == 0
    monkeypatch.undo()
    assert len(states) > 100
    for name, state in states:
        shutil.rmtree(out)
        state.rename(out)
        assert concord(undisturbed, *LEVELS, out=out.name) == 0, name
        assert differences(out, undisturbed / "out") == [], name


@pytest.mark.long
@pytest.mark.parametrize("levels", ["participant group", "group"])
@pytest.mark.parametrize(("how", "step"), [("killed", 2), ("disk full", 3), ("two jobs", 8)])
def test_disturbed_at_renames_by_number(undisturbed, how, step, levels):
    """Each is a process of its own that is killed with signal 9, has no disk from there on, or is met by another.
    `tests/helpers/killed_runs.py` does so at every rename, which takes half an hour."""
    asked, before = beginnings(undisturbed)[levels]
    names = names_of(undisturbed, asked, before)
    assert len(names) > (100 if "participant" in levels else 20)
    for number in range(1, len(names) + 1, step):
        *_, after = disturbed(undisturbed, how, asked, number, before)
        assert after == [], f"{number}, {names[number - 1]}"


@pytest.mark.parametrize("how", HOW)
def test_disturbed_at_one_rename_of_each_level(undisturbed, how):
    (asked, before), number = beginnings(undisturbed)["group"], 12
    left, said, after = disturbed(undisturbed, how, asked, number, before)
    assert bool(left) == (how != "two jobs")
    assert "done" in said
    assert after == []


def test_a_difference_is_seen(undisturbed):
    """A hidden file and a part that was left are differences, too."""
    asked, before = beginnings(undisturbed)["group"]
    other = undisturbed / "strange"
    shutil.copytree(before, other)
    (other / ".hidden").write_text("x")
    assert disturbed(undisturbed, "killed", asked, 12, other)[2] == [".hidden"]
    shutil.rmtree(other)


def full_from(which):
    """A rename that fails from the first whose target's name is like `which` on, as on a full disk."""
    full = []

    def failing(part, path):
        if full or fnmatch.fnmatch(path.name, which):
            full.append(path)
            raise OSError(errno.ENOSPC, "No space left on device", str(part))
        part.replace(path)

    return failing


@places([(OLDER, "a map")])
def test_a_run_that_the_disk_was_full_for_is_as_if_it_had_not_been(undisturbed, out, place, monkeypatch, capsys):
    monkeypatch.setattr(replace, "rename", full_from(PLACES[place]))
    code = concord(undisturbed, *LEVELS, out=out.name)
    monkeypatch.undo()
    said = capsys.readouterr()
    assert code in (1, 73, 74)
    assert "No space left on device" in said.err + said.out
    assert "a bug of Concord" not in said.err + said.out
    assert len(said.err.splitlines()) <= 1
    assert not list(out.rglob(".*.part"))
    assert concord(undisturbed, *LEVELS, out=out.name) == 0
    assert differences(out, undisturbed / "out") == []


@pytest.mark.parametrize(
    ("out", "first"),
    [
        (NEW, LEVELS),
        *(pytest.param(*one, marks=pytest.mark.long) for one in ((NEW, ("participant",)), (OLDER, LEVELS))),
    ],
    indirect=["out"],
)
def test_two_jobs_at_once_leave_what_one_does(undisturbed, out, first):
    if first == ("participant",):  # then two group jobs at once
        assert concord(undisturbed, *first, out=out.name) == 0
    levels = LEVELS if first == LEVELS else ("group",)
    pids = []
    for _ in range(2):
        pid = os.fork()
        if pid == 0:
            code = 99
            try:
                code = concord(undisturbed, *levels, out=out.name)
            finally:
                os._exit(code)
        pids.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0, 0]
    assert differences(out, undisturbed / "out") == []
    assert not [
        *Path(out).rglob(".*.part"),
        *(out / "logs").glob("concord-scratch-*"),
        *(out / "logs").glob("*_files.txt"),
    ]


@pytest.mark.long
@pytest.mark.parametrize("out", [NEW], indirect=True)
def test_results_that_another_job_made_meanwhile_are_not_taken_away(undisturbed, out, monkeypatch):
    """Its group level may count on them: were they written anew, they would be gone for a moment."""
    made = {}

    def fitting(task, *more):
        result = fit_unit(task, *more)
        monkeypatch.setattr(participants, "fit_unit", fit_unit)
        assert in_child(lambda: concord(undisturbed, "participant", out=out.name)) == 0
        monkeypatch.setattr(participants, "fit_unit", fitting)
        summary = out / f"logs/{task.unit.stem}_unit.json"
        made[summary] = summary.stat().st_mtime_ns
        return result

    monkeypatch.setattr(participants, "fit_unit", fitting)
    assert concord(undisturbed, *LEVELS, out=out.name) == 0
    assert made
    assert {summary: summary.stat().st_mtime_ns for summary in made} == made
    assert differences(out, undisturbed / "out") == []
