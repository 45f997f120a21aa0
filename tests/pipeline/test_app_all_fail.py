"""`participant group` where everybody fails: exit code 1, and each cause on the terminal and in status.tsv."""

import json
import shutil

import nibabel as nib
import numpy as np
import pytest
from quick_study import concord, make_quick_study, plain_brains, replace_text, response, rows, stem
from tiny_study import AFFINE, SHAPE

from bids_app.cli.concord import main

PEOPLE = ("01", "02")


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    return make_quick_study(tmp_path_factory.mktemp("fails"), PEOPLE)


@pytest.fixture
def study(pristine, tmp_path):
    return shutil.copytree(pristine, tmp_path / "study")


def responses(root):
    return [response(root, person, run) for person in PEOPLE for run in (1, 2)]


def constant(root):
    for path in responses(root):
        nib.save(nib.Nifti1Image(np.full((*SHAPE, 70), 7, np.float32), AFFINE), path)


def cut(root):
    for path in responses(root):
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 9 // 10])


def missing_values(root):
    for path in responses(root):
        nib.save(nib.Nifti1Image(np.full((*SHAPE, 70), np.nan, np.float32), AFFINE), path)


def too_many_folds(root):
    replace_text(root / "quick.yaml", "solver: ridge", "solver: ridge, outer: 90")


def no_values(root):
    for run in (1, 2):
        np.save(root / f"bids/stimuli/story{run}_own.npy", np.full((126, 2), np.nan))
    own = "features:\n  own: {kind: file, path: '{stem}_own.npy', rate_hz: 1}\n"
    replace_text(root / "quick.yaml", "features:\n", own)


def each_in_its_own_way(root):
    for path in responses(root)[:2]:
        nib.save(nib.Nifti1Image(np.full((*SHAPE, 70), 7, np.float32), AFFINE), path)
    for path in responses(root)[2:]:
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 9 // 10])


CAUSES = {
    "constant": (constant, ("no target varies", "no target varies")),
    "cut off": (cut, ("cannot be read whole", "cannot be read whole")),
    "missing values": (missing_values, ("none of its recordings can be", "none of its recordings can be")),
    "too many folds": (too_many_folds, ("too few for 90 folds", "too few for 90 folds")),
    "features without numbers": (no_values, ("values with NaN", "values with NaN")),
    "each in its own way": (each_in_its_own_way, ("no target varies", "cannot be read whole")),
}


@pytest.mark.parametrize(("spoil", "causes"), CAUSES.values(), ids=CAUSES)
def test_it_ends_with_1_and_the_causes(spoil, causes, study, capsys):
    spoil(study)
    with plain_brains():
        assert concord(study, "participant", "group") == 1
    said, status = capsys.readouterr(), rows(study)
    assert "Traceback" not in said.out + said.err
    assert "a bug of Concord" not in said.out + said.err
    for person, cause in zip(PEOPLE, causes, strict=True):
        row = status[stem(person)]
        assert (row["status"], cause in row["reason"]) == ("failed", True), row
        assert any(stem(person) in line and cause in line for line in said.out.splitlines())
        assert f"left out {stem(person)}: failed: " in status["group"]["reason"]
    assert status["group"]["status"] == "failed"
    assert "0 participants" in said.out
    for person in PEOPLE:
        assert stem(person) in (study / "out/group.html").read_text()
    again = [json.loads(path.read_text()) for path in (study / "out/logs").glob("*_unit.json")]
    assert again == []
    with plain_brains():
        assert concord(study, "group") == 1  # from what the participant level has said


def test_where_preflight_refuses_all_each_recording_has_its_cause(study, capsys):
    for path in responses(study):
        path.write_bytes(b"")
    levels = ("participant", "group")
    arguments = [str(study / "bids"), str(study / "out"), *levels, "--analysis", str(study / "quick.yaml")]
    assert main([*arguments, "--dry-run"]) == 1
    assert not (study / "out/status.tsv").exists()
    with plain_brains():
        assert concord(study, *levels) == 1
    said, status = capsys.readouterr(), rows(study)
    assert status.pop("group")["status"] == "failed"
    assert [row["status"] for row in status.values()] == ["failed"] * 4
    for path, row in zip(responses(study), status.values(), strict=True):
        assert path.name.split("_space")[0] in row["unit"]
        assert "the file has no content" in row["reason"]
    assert "cannot use 4 recordings: the file has no content" in said.out
    for person in PEOPLE:
        assert "the file has no content" in (study / f"out/sub-{person}.html").read_text()
    assert concord(study, "participant") == 66
