"""Results prove themselves: whatever is changed in OUT_DIR or in the inputs is seen by a dry run and both levels,
named with what to do, and put right by the participant level, whose OUT_DIR is then as if nothing had been."""

import csv
import json
import os
import re
import shutil
from dataclasses import dataclass
from html import unescape

import nibabel as nib
import numpy as np
import pytest
from quick_study import PEOPLE, SPACE, concord, differences, make_quick_study, plain_brains, stem
from tiny_study import bold, write_run

from bids_app.outputs.files.serialise import PROOF, hash_of

DERIVATIVES = "bids/derivatives/fmriprep"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    root = make_quick_study(tmp_path_factory.mktemp("quick"))
    with plain_brains():
        assert concord(root, "participant", "group") == 0
        yield root


@pytest.fixture
def study(pristine, tmp_path):
    shutil.copytree(pristine, tmp_path / "study")
    return tmp_path / "study"


def rows(root):
    with (root / "out/status.tsv").open() as table:
        return {row["unit"]: row for row in csv.DictReader(table, delimiter="\t")}


def counted(root):
    (group,) = json.loads((root / "out/logs/group.json").read_text())["groups"]
    return tuple(group["participants"])


def func(root, person, ending):
    return root / f"out/sub-{person}/func/{stem(person)}_{ending}"


def response(root, person, run, ending="_desc-preproc_bold.nii.gz"):
    return root / DERIVATIVES / f"sub-{person}/func/sub-{person}_task-story_run-{run}_{SPACE}{ending}"


def summary(root, person="02"):
    return root / f"out/logs/{stem(person)}_unit.json"


# ------------------------------------------------------------------------------------------------ what is done to it
def cut(path, share=0.5):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def edit_map(root):
    path = func(root, "02", "stat-rsquared_desc-full_statmap.nii.gz")
    image = nib.load(path)
    values = image.get_fdata().astype(np.float32)
    values[1, 1, 1] = 0.99
    nib.save(nib.Nifti1Image(values, image.affine, image.header), path)


def lose_rows(root):
    path = func(root, "02", "desc-findings_encoding.tsv")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-2]))


def replace_text(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def swap(root, ending):
    shutil.copy(func(root, "01", ending), func(root, "02", ending))


def swap_all(root):
    """Another person's results under this one's names, summary and all."""
    for path in (root / "out/sub-01").rglob("sub-01_*"):
        if path.is_file():
            shutil.copy(path, root / "out" / str(path.relative_to(root / "out")).replace("sub-01", "sub-02"))
    text = summary(root, "01").read_text()
    summary(root).write_text(text.replace("sub-01", "sub-02"))


def rehashed(root, change, person="02"):
    """A summary edited by someone who knew how its hash is made."""
    content = json.loads(summary(root, person).read_text())
    del content[PROOF]
    change(content)
    summary(root, person).write_text(json.dumps(content | {PROOF: hash_of(content)}))


def of_another_analysis(root):
    def change(content):
        made = content["provenance"]
        made["unit_key"] = re.sub(r"analysis=\w+", "analysis=0123456789abcdef", made["unit_key"])

    rehashed(root, change)


def of_other_numbers(root):
    def change(content):
        made = content["provenance"]
        made["unit_key"] = made["unit_key"].replace("numbers=1", "numbers=0")

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


def change_word(root):
    replace_text(root / "bids/stimuli/story1.tsv", "w3\t", "longerword\t")


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
FEW = ("R2 of .99 in a map", "other responses")


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

    assert concord(study, "group", "--dry-run") == 0
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
    "half a file": lambda root: func(root, "02", "x").with_name(".x.nii.gz.0123.part").write_bytes(b"half"),
    "a scratch folder": lambda root: (root / "out/logs/scratch-abc").mkdir(),
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


# ------------------------------------------------------------------------------------------------ failures
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


def test_where_nobody_is_left_the_report_says_so(study):
    change_word(study)
    assert concord(study, "group") == 1
    page = (study / "out/group.html").read_text()
    assert all(stem(person) in page for person in PEOPLE)
    assert not list((study / "out").glob("tpl-*"))
    assert not list((study / "out/group").rglob("*_statmap.*"))


def test_reports_alone_leave_out_and_say_what_does_not_count(study):
    edit_map(study)
    assert concord(study, "participant", "--reports-only") == 1
    page = (study / "out/sub-02.html").read_text()
    assert "damaged: " in page
    assert "desc-full_statmap.nii.gz has changed since it was written" in page
    assert "figures/" not in page
    assert not list((study / "out/sub-02/figures").glob("*.svg"))


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


def test_who_is_not_asked_for_is_not_in_the_group_and_not_left_out(study):
    assert concord(study, "group", "--participant-label", "01", "02") == 0
    assert counted(study) == ("01", "02")
    assert concord(study, "group") == 0
    assert counted(study) == PEOPLE
