"""Whose results do not count: who failed since, whose inputs are gone, who is of another unit now, and who was not
asked for."""

import os
import shutil

import pytest
from quick_study import (
    DERIVATIVES,
    PEOPLE,
    SPACE,
    change_word,
    concord,
    counted,
    differences,
    edit_map,
    rehashed,
    response,
    rows,
    stem,
)
from tiny_study import bold, write_run

from bids_app.disk import locked
from bids_app.errors import NoInput
from bids_app.pipeline.job.stimulus_library import StimulusLibrary


def test_who_fails_after_a_success_is_left_out_until_it_is_done_again(study, pristine, capsys):
    kept = response(study, "02", 1), response(study, "02", 2)
    contents = [(path.read_bytes(), path.stat()) for path in kept]
    for path in kept:
        path.write_bytes(b"not a nifti")
    assert concord(study, "participant") == 1
    assert "Left out" in (study / "out/sub-02.html").read_text()
    assert concord(study, "group") == 1
    assert counted(study) == ("01", "03")
    assert f"left out {stem('02')}: failed: " in rows(study)["group"]["reason"]
    for path, (content, state) in zip(kept, contents, strict=True):
        path.write_bytes(content)
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert concord(study, "participant", "group") == 0
    assert rows(study)[stem("02")]["status"] == "reused"
    assert differences(study / "out", pristine / "out") == []


def test_a_fit_that_failed_since_counts_as_failed_from_out_dir_alone(study, capsys):
    assert concord(study, "participant", "--force", "--mem-mb", "1", "--participant-label", "02") == 1
    shutil.rmtree(study / "bids/derivatives")
    capsys.readouterr()
    assert concord(study, "group") == 1
    assert counted(study) == ("01", "03")
    assert f"left out {stem('02')}: failed: it was tried again and failed: " in capsys.readouterr().out


def test_who_never_had_results_is_named_from_out_dir_alone(study, capsys):
    shutil.rmtree(study / "out")
    for run in (1, 2):
        response(study, "02", run).write_bytes(b"not a nifti")
    assert concord(study, "participant") == 1
    shutil.rmtree(study / "bids/derivatives")
    capsys.readouterr()
    assert concord(study, "group") == 1
    assert "no results of sub-02" in capsys.readouterr().out
    assert "sub-02: " in (study / "out/group.html").read_text()
    assert counted(study) == ("01", "03")


def test_from_out_dir_alone_hashes_and_agreement_are_checked(study, capsys):
    shutil.rmtree(study / "bids/derivatives")
    assert concord(study, "group") == 0
    assert counted(study) == PEOPLE

    def of_another_model(content):
        content["provenance"]["spaces"]["rate"]["version"] = 99

    rehashed(study, of_another_model, "03")
    edit_map(study)
    capsys.readouterr()
    assert concord(study, "group") == 1
    said = capsys.readouterr().out
    assert f"left out {stem('02')}: damaged: " in said
    assert f"left out {stem('03')}: stale: its features rate were made by another model or version" in said
    assert counted(study) == ("01",)


def test_a_person_whose_inputs_are_gone_counts_by_their_hashes_and_is_told(study, capsys):
    shutil.rmtree(study / DERIVATIVES / "sub-02")
    assert concord(study, "group") == 0
    assert counted(study) == PEOPLE
    assert "not compared with inputs: sub-02" in capsys.readouterr().out
    edit_map(study)
    assert concord(study, "group") == 1
    assert counted(study) == ("01", "03")


def test_where_a_model_is_not_there_all_but_its_features_is_compared(study, monkeypatch, capsys):
    def keys(*_):
        raise NoInput("a file of the model is not there", "model.safetensors", "fetch it")

    monkeypatch.setattr(StimulusLibrary, "keys", keys)
    unchecked = "features not compared, as files of a model are not there"
    path = response(study, "02", 1)
    assert concord(study, "group") == 0
    assert counted(study) == PEOPLE
    assert f"{unchecked}: sub-01, sub-02, sub-03" in capsys.readouterr().out
    os.utime(path, (1, 1))
    assert concord(study, "group") == 1
    assert counted(study) == ("01", "03")
    said = capsys.readouterr().out
    assert f"left out {stem('02')}: stale: its recordings, their files or their sidecars have changed" in said
    assert f"{unchecked}: sub-01, sub-03" in said
    concord(study, "participant", "--dry-run")
    said = capsys.readouterr().out
    assert f"{stem('02')} would be fitted again: stale: its recordings, their files" in said
    assert f"{stem('01')}: {unchecked}" in said


def test_where_nobody_is_left_the_earlier_group_stays_and_the_row_says_so(study, capsys):
    before = group_files(study)
    assert any("_statmap." in name for name in before)
    change_word(study)
    assert concord(study, "group") == 1
    assert group_files(study) == before
    row = rows(study)["group"]
    assert row["status"] == "failed"
    said, page = capsys.readouterr().out, (study / "out/group.html").read_text()
    assert "0 with results: none." in page
    assert "<figure" not in page  # of results that do not count
    for person in PEOPLE:
        assert f"<code>{stem(person)}</code>: stale: " in page
        assert f"left out {stem(person)}: stale: " in row["reason"]
        assert f"left out {stem(person)}: stale: " in said
    assert "0 participants" in said
    assert "earlier tables and maps stay" in row["reason"]
    assert concord(study, "participant", "group") == 0
    assert rows(study)["group"]["status"] == "done"


def group_files(study):
    """Name → bytes of all that a group level writes, mean responses too, but for status.tsv, the page and its
    figures."""
    out = study / "out"
    ours = [*out.glob("logs/group*.json"), *out.glob("logs/task-*.json")]
    paths = [*ours, *out.glob("tpl-*/**/*"), *out.glob("group/**/*")]
    return {str(path): path.read_bytes() for path in paths if path.is_file() and path.parent.name != "figures"}


def test_reports_alone_leave_out_and_say_what_does_not_count(study):
    edit_map(study)
    assert concord(study, "participant", "--reports-only") == 1
    page = (study / "out/sub-02.html").read_text()
    assert "damaged: " in page
    assert "desc-full_statmap.nii.gz has changed since it was written" in page
    assert "figures/" not in page
    assert not list((study / "out/sub-02/figures").glob("*.svg"))


@pytest.mark.long
def test_a_unit_of_some_recordings_is_superseded_by_one_of_all(study):
    """A task that is new makes a unit of another name."""
    write_run(study / "bids", study / DERIVATIVES, "02", 3, bold(1, 9))
    for folder in (study / "bids/sub-02/func", study / DERIVATIVES / "sub-02/func"):
        for path in folder.glob("*_run-3_*"):
            path.rename(path.with_name(path.name.replace("task-story_run-3", "task-tale")))
    events = study / "bids/sub-02/func/sub-02_task-tale_events.tsv"
    events.write_text("onset\tduration\ttrial_type\tstim_file\n0.0\t125\ttale\tstory1.wav\n")
    assert concord(study, "group") == 1
    assert (
        f"left out {stem('02')}: superseded: its recordings are those of sub-02_{SPACE} now"
        in rows(study)["group"]["reason"]
    )
    assert concord(study, "participant", "group") == 0
    assert stem("02") not in rows(study)
    assert concord(study, "participant", "group", out="fresh") == 0
    assert differences(study / "out", study / "fresh") == []
    events.unlink()  # and back again: the larger unit's inputs have failed
    assert concord(study, "group") == 1
    reason = rows(study)["group"]["reason"]
    assert f"left out sub-02_{SPACE}: superseded: its recordings are those of {stem('02')} now" in reason
    assert f"left out {stem('02')}: new: there are no results yet" in reason
    shutil.rmtree(study / "fresh")
    for out in ("out", "fresh"):
        concord(study, "participant", "group", out=out)
    assert differences(study / "out", study / "fresh") == []


@pytest.mark.parametrize(("lock", "levels"), [
    ("sub-02", ("participant", "--force")),
    *(pytest.param(*one, marks=pytest.mark.long) for one in (
        ("sub-02", ("participant",)), ("group", ("group",)), ("status", ("participant",)),
        ("prepare", ("participant",)),
    )),
])  # fmt: skip
def test_a_job_that_another_one_holds_up_says_so_and_ends_with_75(study, monkeypatch, capsys, lock, levels):
    for name in ("disk.locks.SAID_S", "execution.status.ENDS_S", "pipeline.participants.PATIENCE_S",
                 "pipeline.group_level.PATIENCE_S", "pipeline.mean_response.PATIENCE_S"):  # fmt: skip
        monkeypatch.setattr(f"bids_app.{name}", 0.1 if name.endswith("SAID_S") else 0.5)
    monkeypatch.setattr("bids_app.outputs.derivatives.data_set.PATIENCE_S", 0.5)
    with locked(study / f"out/logs/{lock}.lock", str):
        assert concord(study, *levels) == 75
    said = capsys.readouterr()
    assert f"waiting for {study / 'out/logs' / lock}.lock, which process {os.getpid()} on " in said.out
    assert len(said.err.splitlines()) == 1
    assert "has held a lock for over" in said.err
    assert concord(study, "participant", "group") == 0


def test_who_is_not_asked_for_is_not_in_the_group_and_not_left_out(study):
    assert concord(study, "group", "--participant-label", "01", "02") == 0
    assert counted(study) == ("01", "02")
    assert concord(study, "group") == 0
    assert counted(study) == PEOPLE
