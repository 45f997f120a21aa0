"""Results prove themselves: whatever is changed in OUT_DIR or in the inputs is seen by a dry run and both levels,
named with what to do, and put right by the participant level, whose OUT_DIR is then as if nothing had been."""

import json
import os
import re
import shutil
from dataclasses import dataclass
from html import unescape

import nibabel as nib
import numpy as np
import pytest
from quick_study import (
    DERIVATIVES,
    PEOPLE,
    change_word,
    concord,
    counted,
    cut,
    differences,
    edit_map,
    func,
    rehashed,
    replace_text,
    response,
    rows,
    stem,
    summary,
)
from tiny_study import bold, write_run

from bids_app.disk.owners import own_token
from bids_app.execution import NUMBERS


# ------------------------------------------------------------------------------------------------ what is done to it
def lose_rows(root):
    path = func(root, "02", "desc-findings_encoding.tsv")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-2]))


def swap(root, ending):
    shutil.copy(func(root, "01", ending), func(root, "02", ending))


def swap_all(root):
    """Another person's results under this one's names, summary and all."""
    for path in (root / "out/sub-01").rglob("sub-01_*"):
        if path.is_file():
            shutil.copy(path, root / "out" / str(path.relative_to(root / "out")).replace("sub-01", "sub-02"))
    text = summary(root, "01").read_text()
    summary(root).write_text(text.replace("sub-01", "sub-02"))


def of_another_analysis(root):
    def change(content):
        made = content["provenance"]
        made["unit_key"] = re.sub(r"analysis=\w+", "analysis=0123456789abcdef", made["unit_key"])

    rehashed(root, change)


def of_other_numbers(root):
    def change(content):
        made = content["provenance"]
        made["unit_key"] = made["unit_key"].replace(f"numbers={NUMBERS}", f"numbers={NUMBERS - 1}")

    rehashed(root, change)


def change_bold(root):
    image = nib.load(response(root, "02", 1))
    nib.save(nib.Nifti1Image(image.get_fdata().astype(np.float32)[..., ::-1], image.affine), response(root, "02", 1))


def change_events(root):
    path = root / "bids/sub-02/func/sub-02_task-story_run-1_events.tsv"
    replace_text(path, "0.0\t125", "1.0\t125")


def confounds(root, person="02", run=1):
    return root / DERIVATIVES / f"sub-{person}/func/sub-{person}_task-story_run-{run}_desc-confounds_timeseries.tsv"


def change_confounds(root):
    path = confounds(root)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join((lines[0], *reversed(lines[1:]))))
    os.utime(path, (1, 1))


def add_run(root):
    write_run(root / "bids", root / DERIVATIVES, "02", 3, bold(1, 9))
    (root / "bids/sub-02/func/sub-02_task-story_run-3_events.tsv").write_text(
        "onset\tduration\ttrial_type\tstim_file\n0.0\t125\tstory\tstory1.wav\n"
    )


def lose_run(root):
    for path in (root / DERIVATIVES / "sub-02/func").glob("*_run-2_*"):
        path.unlink()


DAMAGED, STALE = "damaged", "stale"


@dataclass(frozen=True)
class Case:
    """do: what is done. state, said: of the unit of sub-02 (or of `whose`). files: those of OUT_DIR are put right and
    are then as they were; else inputs have changed, and results are others."""

    do: object
    state: str
    said: str
    whose: tuple[str, ...] = ("02",)
    files: bool = True


CASES = {
    "R2 of .99 in a map": Case(edit_map, DAMAGED, "desc-full_statmap.nii.gz has changed since it was written"),
    "a table short of two rows": Case(lose_rows, DAMAGED, "desc-findings_encoding.tsv has changed"),
    "another person's map": Case(lambda root: swap(root, "stat-r_statmap.nii.gz"), DAMAGED, "r_statmap.nii.gz has"),
    "another person's JSON": Case(lambda root: swap(root, "desc-findings_encoding.json"), DAMAGED, "g.json has"),
    "all of another person's": Case(swap_all, DAMAGED, "is not what was written"),
    "another person's summary": Case(lambda root: shutil.copy(summary(root, "01"), summary(root)), DAMAGED,
                                     "holds the results of sub-01_"),
    "a map cut": Case(lambda root: cut(func(root, "02", "stat-q_statmap.nii.gz")), DAMAGED, "has changed"),
    "a map emptied": Case(lambda root: func(root, "02", "stat-q_statmap.nii.gz").write_bytes(b""), DAMAGED, "chang"),
    "a map gone": Case(lambda root: func(root, "02", "stat-p_statmap.nii.gz").unlink(), DAMAGED, "nii.gz is gone"),
    "a sidecar edited": Case(lambda root: replace_text(func(root, "02", "stat-r_statmap.json"), "full", "empty"),
                             DAMAGED, "stat-r_statmap.json has changed"),
    "the shared sidecar edited": Case(
        lambda root: replace_text(root / f"out/sub-02/{stem('02')}_statmap.json", "word", "phone"), DAMAGED,
        "_statmap.json has changed"),
    "a number in the summary": Case(lambda root: replace_text(summary(root), '"mean": 0.', '"mean": 0.9'), DAMAGED,
                                    "changed since concord wrote it"),
    "the summary cut": Case(lambda root: cut(summary(root)), DAMAGED, "is not what was written"),
    "the summary gone": Case(lambda root: summary(root).unlink(), DAMAGED, "its summary in logs is gone"),
    "the folder gone": Case(lambda root: shutil.rmtree(root / "out/sub-02/func"), DAMAGED, "is gone"),
    "of an older version": Case(lambda root: replace_text(summary(root), '"format": 9', '"format": 8'), "outdated",
                                "another version of concord (format 8, not 9)"),
    "of another analysis": Case(of_another_analysis, STALE, "it is of another analysis"),
    "of other numbers": Case(of_other_numbers, STALE, "this version of concord computes other numbers"),
    "other responses": Case(change_bold, STALE, "its recordings, their files or their sidecars", files=False),
    "another start": Case(lambda root: replace_text(response(root, "02", 2, "_desc-preproc_bold.json"),
                                                    '"StartTime": 0.0', '"StartTime": 0.5'),
                          STALE, "their sidecars have changed", files=False),
    "other confounds": Case(change_confounds, STALE, "its recordings, their files", files=False),
    "no confounds": Case(lambda root: confounds(root).unlink(), STALE, "its recordings, their files", files=False),
    "another onset": Case(change_events, STALE, "its recordings, their files", files=False),
    "a run more": Case(add_run, STALE, "its recordings, their files", files=False),
    "a run less": Case(lose_run, STALE, "its recordings, their files", files=False),
    "another word": Case(change_word, STALE, "its stimuli, their transcripts or the models", PEOPLE, files=False),
}  # fmt: skip
FEW = ("R2 of .99 in a map",)


@pytest.mark.parametrize("case", [
    pytest.param(name, marks=() if name in FEW else pytest.mark.long) for name in CASES
])  # fmt: skip
def test_what_is_not_what_was_written_of_todays_inputs_is_named_left_out_and_put_right(study, pristine, case, capsys):
    one = CASES[case]
    one.do(study)
    before = differences(study / "out", pristine / "out")
    capsys.readouterr()

    assert concord(study, "participant", "--dry-run") == 0
    plan = json.loads((study / "out/plan.json").read_text())
    planned = {row["unit"]: (row["results"], row["reason"]) for row in plan["units"]}
    said = capsys.readouterr().out
    for person in one.whose:
        state, reason = planned[stem(person)]
        if case == "the summary gone":
            assert state == "new"
        else:
            assert state == one.state
            assert one.said in reason
            assert f"{stem(person)} would be fitted again: {one.state}: {reason}" in said
    others = {stem(person) for person in PEOPLE if person not in one.whose}
    assert {planned[unit][0] for unit in others} <= {"reused"}
    assert differences(study / "out", pristine / "out") == before  # nothing was touched

    assert concord(study, "group", "--dry-run") == 1  # as the run
    said = capsys.readouterr().out
    assert all(f"group: left out {stem(person)}: {one.state}: " in said for person in one.whose)
    assert concord(study, "group") == 1
    said, status = capsys.readouterr().out, rows(study)["group"]["reason"]
    page = unescape(re.sub(r"<[^>]+>", "", (study / "out/group.html").read_text()))
    for person in one.whose:
        line = f"{stem(person)}: {one.state}: "
        for place in (said, status, page):
            assert line in place
            assert one.said in place
            assert "run the participant level again" in place
    assert status.count("left out ") == len(one.whose)
    left = tuple(person for person in PEOPLE if person not in one.whose)
    if left:
        assert counted(study) == left

    assert concord(study, "participant", "group") == 0
    status = {unit: row["status"] for unit, row in rows(study).items()}
    assert {unit for unit in map(stem, PEOPLE) if status[unit] == "done"} == {*map(stem, one.whose)}
    assert counted(study) == PEOPLE
    if one.files:
        assert differences(study / "out", pristine / "out") == []
    else:
        assert concord(study, "participant", "group", out="fresh") == 0
        assert differences(study / "out", study / "fresh") == []
    assert concord(study, "participant", "group") == 0
    assert {rows(study)[stem(person)]["status"] for person in PEOPLE} == {"reused"}


# ------------------------------------------------------------------------------------------------ what costs no unit
def features(root, ending):
    return root / f"out/stimuli/stim-story1/stim-story1_desc-rate_features.{ending}"


def flip(path):
    content = bytearray(path.read_bytes())
    content[-50] ^= 1
    path.write_bytes(bytes(content))


DEAD = own_token().rpartition("-")[0] + "-1"  # of a process of this machine that has ended


def dead_scratch(folder):
    folder.mkdir()
    (folder / "owner").write_text(DEAD)


MENDED = {
    "features edited": lambda root: flip(features(root, "h5")),
    "features cut": lambda root: cut(features(root, "h5")),
    "features gone": lambda root: features(root, "h5").unlink(),
    "features' JSON cut": lambda root: cut(features(root, "json")),
    "features' JSON gone": lambda root: features(root, "json").unlink(),
    "features' JSON edited": lambda root: replace_text(features(root, "json"), "word", "phone"),
    "a figure gone": lambda root: next((root / "out/sub-02/figures").glob("*.svg")).unlink(),
    "a figure edited": lambda root: cut(next((root / "out/sub-02/figures").glob("*.svg"))),
    "a figure too many": lambda root: (root / f"out/sub-02/figures/{stem('02')}_desc-old_figure.svg").write_text("?"),
    "reports gone": lambda root: [path.unlink() for path in (root / "out").glob("*.html")],
    "a report edited": lambda root: replace_text(root / "out/sub-02.html", "R²", "r"),
    "README edited": lambda root: (root / "out/README.md").write_text("?"),
    "descriptions gone": lambda root: (root / "out/descriptions.tsv").unlink(),
    "the group's table edited": lambda root: replace_text(root / "out/group/desc-people_encoding.tsv", "0.", "0.9"),
    "the group's summary gone": lambda root: (root / "out/logs/group.json").unlink(),
    "a ceiling edited": lambda root: cut(func(root, "02", "desc-betweenPeople_statmap.nii.gz")),
    "status gone": lambda root: [(root / f"out/status.{end}").unlink() for end in ("tsv", "json")],
    "status broken": lambda root: cut(root / "out/status.json"),
    "half a file": lambda root: func(root, "02", "x").with_name(f".x.gz.{DEAD}.01234567.part").write_bytes(b"half"),
    "a scratch folder": lambda root: dead_scratch(root / "out/logs/concord-scratch-abc"),
}  # fmt: skip
FEW_MENDED = ("features edited", "status gone")


@pytest.mark.parametrize("case", [
    pytest.param(name, marks=() if name in FEW_MENDED else pytest.mark.long) for name in MENDED
])  # fmt: skip
def test_what_is_made_again_each_time_is_put_right_and_no_unit_is_fitted(study, pristine, case):
    before = {person: rows(study)[stem(person)] for person in PEOPLE}
    MENDED[case](study)
    assert concord(study, "participant", "group") == 0
    for person in PEOPLE:
        row = rows(study)[stem(person)]
        assert row["status"] == "reused"
        for column in ("seconds", "peak_mb", "reason"):  # of the run that made it
            assert row[column] == before[person][column]
    assert differences(study / "out", pristine / "out") == []


@pytest.mark.long
def test_files_that_are_not_concords_stay(study, pristine):
    mine = [
        study / "out/sub-02/func/notes.txt",
        func(study, "02", "stat-mine_statmap.nii.gz"),
        study / "out/mine.html",
    ]
    for path in mine:
        path.write_text("mine")
    for more in ((), ("--force",)):
        assert concord(study, "participant", "group", *more) == 0
        assert sorted(differences(study / "out", pristine / "out")) == sorted(
            path.relative_to(study / "out").as_posix() for path in mine
        )


@pytest.mark.long
def test_features_that_are_gone_altogether_stay_away_until_something_is_fitted(study, pristine):
    shutil.rmtree(study / "out/stimuli/stim-story2")
    assert concord(study, "participant") == 0
    assert not (study / "out/stimuli/stim-story2").exists()
    assert concord(study, "participant", "--force") == 0
    assert concord(study, "group") == 0
    assert differences(study / "out", pristine / "out") == []
