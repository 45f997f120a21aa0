from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace

import pytest

from bids_app.errors import UsageError
from bids_app.execution import StatusBook, StatusRow, is_done, plan_units, unit_key
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


def test_a_unit_is_done_only_with_its_key_and_all_its_files(tmp_path):
    summary = SimpleNamespace(files=("a.txt",), provenance=SimpleNamespace(unit_key="k"))
    assert not is_done(tmp_path, summary, "k")
    (tmp_path / "a.txt").write_text("x")
    assert is_done(tmp_path, summary, "k")
    assert not is_done(tmp_path, summary, "other")
    (tmp_path / "a.txt").write_text("")
    assert not is_done(tmp_path, summary, "k")


@pytest.mark.parametrize(("name", "part"), [("a.vhdr", "a.eeg"), ("a.set", "a.fdt"), ("a.mefd", "a.mefd/A1.tdat")])
def test_a_key_counts_the_parts_of_a_recording(tmp_path, name, part):
    path = tmp_path / name
    if part.startswith(name):
        path.mkdir()
    else:
        path.write_text("x")
    (tmp_path / part).write_text("x")
    recording = SimpleNamespace(paths=(path,), companions={}, start_s=0.0, rate_hz=1.0, stimuli=())
    unit = SimpleNamespace(stem="u", recordings=(recording,))
    before = unit_key(unit, "h", "1", ())
    assert unit_key(unit, "h", "1", ()) == before
    (tmp_path / part).write_text("longer")
    assert unit_key(unit, "h", "1", ()) != before
