import os
import re
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace

import pytest

from bids_app.disk import locked
from bids_app.errors import Busy, UsageError
from bids_app.execution import (
    NUMBERS,
    StatusBook,
    StatusRow,
    key_without_inputs,
    plan_units,
    unit_key,
    what_changed,
)
from bids_app.records import Recording


def recording(sub="01", run="1", dataset="fmriprep", **entities):
    entities = {"sub": sub, "task": "story", "run": run, "space": "MNI", "desc": "preproc", **entities}
    name = "_".join(f"{key}-{value}" for key, value in entities.items())
    return Recording(
        sub, "fmri", "volume", "MNI", entities, (Path(f"{name}_bold.nii.gz"),), 0.5, 0.0, (),
        sources=(f"bids:{dataset}:sub-{sub}/func/{name}_bold.nii.gz",),
    )  # fmt: skip


def test_runs_are_pooled_and_people_are_not():
    units = plan_units([recording("02"), recording("01", "2"), recording("01", "1")], ("session", "task", "run"))
    assert [unit.stem for unit in units] == ["sub-01_task-story_space-MNI", "sub-02_task-story_space-MNI"]
    assert [one.entities["run"] for one in units[0].recordings] == ["1", "2"]


def test_several_tasks_leave_task_out_of_the_name():
    units = plan_units([recording(task="a"), recording(task="b")], ("session", "task", "run"))
    assert [unit.stem for unit in units] == ["sub-01_space-MNI"]


def test_unpooled_runs_keep_their_entity():
    units = plan_units([recording(run="1"), recording(run="2")], ("session", "task"))
    assert [unit.stem for unit in units] == ["sub-01_task-story_run-1_space-MNI", "sub-01_task-story_run-2_space-MNI"]


@pytest.mark.parametrize("other", [{"dataset": "xcpd"}, {"desc": "denoised"}])
def test_the_same_run_twice_is_refused(other):
    with pytest.raises(UsageError, match="would both be written"):
        plan_units([recording(), recording(**other)], ("session", "task", "run"))


def plain_recording(path, **own):
    facts = {"companions": {}, "start_s": 0.0, "rate_hz": 1.0, "stimuli": (), "metadata": {}, **own}
    return SimpleNamespace(paths=(path,), **facts)


def record_many(out_dir, name):
    for number in range(20):
        StatusBook(out_dir).record(StatusRow(f"{name}{number}", name, "done"))


def test_two_jobs_fill_one_status_table(tmp_path):
    context = get_context("spawn")
    jobs = [context.Process(target=record_many, args=(tmp_path, name)) for name in "ab"]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert len(StatusBook(tmp_path).rows()) == 40
    assert (tmp_path / "status.tsv").read_text().count("\n") == 41


def test_a_reason_with_tabs_and_newlines_stays_one_row(tmp_path):
    StatusBook(tmp_path).record(StatusRow("u", "01", "failed", reason='a\tb\n"c"'))
    lines = (tmp_path / "status.tsv").read_text().splitlines()
    assert lines[1].split("\t") == ["u", "01", "failed", "0.0", "0.0", 'a b "c"']


@pytest.mark.parametrize(("name", "part"), [("a.vhdr", "a.eeg"), ("a.set", "a.fdt"), ("a.mefd", "a.mefd/A1.tdat")])
def test_a_key_counts_the_parts_of_a_recording(tmp_path, name, part):
    path = tmp_path / name
    if part.startswith(name):
        path.mkdir()
    else:
        path.write_text("x")
    (tmp_path / part).write_text("x")
    recording = plain_recording(path)
    unit = SimpleNamespace(stem="u", recordings=(recording,))
    before = unit_key(unit, "h", (), ())
    assert unit_key(unit, "h", (), ()) == before
    (tmp_path / part).write_text("longer")
    assert unit_key(unit, "h", (), ()) != before


ANNEX = ".git/annex/objects/k4/z9/MD5E-s4--{0}/MD5E-s4--{0}.nii.gz"


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        (ANNEX.format("ab"), ANNEX.format("ab"), True),
        (ANNEX.format("ab"), "../" + ANNEX.format("ab").replace("k4/z9", "1a/2b"), True),
        (ANNEX.format("ab"), ANNEX.format("cd"), False),
        (ANNEX.format("ab"), None, False),
        ("elsewhere/bold.nii.gz", "elsewhere/bold.nii.gz", False),
        ("annex/my/objects/bold.nii.gz", "annex/my/objects/bold.nii.gz", False),
        (None, None, False),
    ],
)
def test_a_clone_of_an_annex_has_the_key_that_the_data_set_has(tmp_path, first, second, is_same):
    """A clone has files of equal names, sizes and annex keys, and of other times."""
    keys = []
    for clone, target in (("one", first), ("two", second)):
        path = tmp_path / clone / "in" / "bold.nii.gz"
        content = path if target is None else path.parent / target
        path.parent.mkdir(parents=True)
        content.parent.mkdir(parents=True, exist_ok=True)
        content.write_text("bold")
        os.utime(content, (len(keys), len(keys)))
        if target is not None:
            path.symlink_to(target)
        keys.append(unit_key(SimpleNamespace(stem="u", recordings=(plain_recording(path),)), "h", (), ()))
    assert (keys[0] == keys[1]) is is_same


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        ({"numbers": 2}, "computes other numbers"),
        ({"analysis": "other"}, "of another analysis"),
        ({"content": "longer"}, "recordings, their files or their sidecars"),
        ({"content": None}, "recordings, their files or their sidecars"),
        ({"metadata": {"StartTime": 1}}, "recordings, their files or their sidecars"),
        ({"rate_hz": 2.0}, "recordings, their files or their sidecars"),
        ({"features": ("a", "c")}, "stimuli, their transcripts or the models"),
        ({"facts": ("other",)}, "recordings' times, or which of them can be used"),
        ({"numbers": 2, "facts": ("other",)}, "computes other numbers"),
    ],
    ids=str,
)
def test_a_key_says_which_part_has_changed(tmp_path, monkeypatch, change, words):
    path = tmp_path / "bold.nii.gz"
    path.write_text("x")

    def key(numbers=1, analysis="h", content="x", features=("a", "b"), facts=("fact",), **own):
        monkeypatch.setattr("bids_app.execution.resume.NUMBERS", numbers)
        if content is None:
            path.unlink(missing_ok=True)
        elif content != "x":
            path.write_text(content)
        unit = SimpleNamespace(stem="u", recordings=(plain_recording(path, **own),))
        return unit_key(unit, analysis, features, facts)

    before = key()
    today = key(**change)
    assert (what_changed(before, today) == "") is (words == "")
    assert words in what_changed(before, today)
    without = key(**change | {"features": None})
    assert "features=" not in without
    assert what_changed(before, without) == ("" if "features" in change else what_changed(before, today))
    known = key_without_inputs("h")
    assert what_changed(before, known) == ("" if "numbers" not in change else words_of("numbers"))
    assert what_changed("k" * 64, known) == words_of("numbers")  # a key of before


def words_of(part):
    return {"numbers": "this version of concord computes other numbers"}[part]


def test_numbers_are_those_that_changes_md_states():
    text = (Path(__file__).parents[2] / "CHANGES.md").read_text(encoding="utf-8")
    newest = text.partition("### Changed numbers")[2]
    stated = re.search(r"`NUMBERS` (\d+)", newest)
    assert stated
    assert int(stated[1]) == NUMBERS


def test_a_wait_for_the_table_is_said_and_ends(tmp_path, monkeypatch):
    monkeypatch.setattr("bids_app.disk.locks.SAID_S", 0.1)
    monkeypatch.setattr("bids_app.execution.status.ENDS_S", 0.3)
    said = []
    book = StatusBook(tmp_path, said.append)
    with locked(tmp_path / "logs/status.lock", str), pytest.raises(Busy) as caught:
        book.record(StatusRow("u", "01", "done"))
    assert len(said) == 1
    assert "waiting for" in said[0]
    assert caught.value.exit_code == 75
    assert book.rows() == []


def test_rows_of_units_that_are_no_more_go(tmp_path):
    book = StatusBook(tmp_path)
    for name in "abc":
        book.record(StatusRow(name, "01", "done", 2.0))
    book.remove(["b", "x"])
    assert [row.unit for row in book.rows()] == ["a", "c"]


def test_what_a_job_has_ended_stays_so_while_another_is_at_it(tmp_path):
    """Else its own group level would leave out what it has just made."""
    own, other = StatusBook(tmp_path), StatusBook(tmp_path)
    own.record(StatusRow("u", "01", "done"))
    other.record(StatusRow("u", "01", "running"))
    assert [row.status for row in own.rows()] == ["done"]
    assert [row.status for row in StatusBook(tmp_path).rows()] == ["running"]
    other.record(StatusRow("u", "01", "failed"))
    assert [row.status for row in own.rows()] == ["failed"]
