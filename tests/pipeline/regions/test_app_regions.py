"""`--atlas` and `--localiser`: finished results by region, which change nothing of these, and are refused in time."""

import csv
import json

import nibabel as nib
import numpy as np
import pytest
from quick_study import SPACE, func, main, make_quick_study, quick_runs, stem, summary
from tiny_study import AFFINE, SHAPE

pytestmark = pytest.mark.long
PEOPLE = ("01", "02")
FRONT, BACK = "front of it, left", "back"


def run(root, *more, levels=("participant", "group")):
    with quick_runs():
        return main([str(root / "bids"), str(root / "out"), *levels, "--analysis", str(root / "quick.yaml"), *more])


def write_atlas(folder, name, labels, affine=AFFINE, table=((1, FRONT), (2, BACK))):
    folder.mkdir(exist_ok=True, parents=True)
    nib.save(nib.Nifti1Image(labels.astype(np.int16), affine), folder / f"{name}.nii.gz")
    rows = "".join(f"{label}\t{called}\n" for label, called in table)
    (folder / f"{name}.tsv").write_text(f"index\tname\n{rows}")
    return folder / f"{name}.nii.gz"


def halves(shape=SHAPE):
    """Label 1 where voxels follow the word rate, 2 elsewhere."""
    labels = np.full(shape, 2)
    labels[: 3 * shape[0] // 5] = 1
    return labels


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = make_quick_study(tmp_path_factory.mktemp("regions"), PEOPLE)
    assert run(root) == 0
    write_atlas(root / "atlases", "tpl-MNI152NLin2009cAsym_atlas-Halves_desc-tiny_dseg", halves())
    for person in PEOPLE:
        folder = root / f"masks/sub-{person}"
        folder.mkdir(parents=True)
        mask = np.zeros(SHAPE, dtype=np.uint8)
        mask[int(person) % 3, :2] = 1
        nib.save(nib.Nifti1Image(mask, AFFINE), folder / f"sub-{person}_{SPACE}_mask.nii.gz")
    return root


def table(path):
    with path.open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def files_of(root):
    return {
        name: digest
        for person in PEOPLE
        for name, digest in json.loads(summary(root, person).read_text())["files"].items()
    }


def test_the_line(study, capsys):
    before, masks = files_of(study), study / f"masks/sub-{{participant}}/sub-{{participant}}_{SPACE}_mask.nii.gz"
    asked = ("--atlas", "Halves", "--atlas-dir", str(study / "atlases"), "--localiser", f"lang={masks}")
    assert run(study, *asked) == 0
    said = capsys.readouterr().out
    assert said.count(": reused") == len(PEOPLE)
    assert files_of(study) == before  # regions are read off results, which stay

    rows = table(func(study, "01", "desc-regions_encoding.tsv"))
    assert list(dict.fromkeys((row["atlas"], row["region"]) for row in rows)) == [
        ("Halves-tiny", FRONT), ("Halves-tiny", BACK), ("localiser", "lang")
    ]  # fmt: skip
    full = nib.load(func(study, "01", "stat-rsquared_desc-full_statmap.nii.gz")).get_fdata()
    (row,) = [one for one in rows if (one["region"], one["component"]) == (FRONT, "full")]
    inside = full[halves() == 1]
    assert float(row["rsquared"]) == pytest.approx(np.nanmean(inside), abs=1e-6)
    assert int(row["n"]) == np.isfinite(inside).sum()
    at = np.unravel_index(np.nanargmax(np.where(halves() == 1, full, -9)), SHAPE)
    assert row["peak"] == ",".join(map(str, at))
    assert [float(row[axis]) for axis in "xyz"] == pytest.approx(nib.affines.apply_affine(AFFINE, at))
    about = json.loads(func(study, "01", "desc-regions_encoding.json").read_text())
    assert set(about["Atlases"]) == {"Halves-tiny", "localiser lang"}

    over = table(study / f"out/group/task-story_{SPACE}_desc-regions_encoding.tsv")
    (row,) = [one for one in over if (one["region"], one["component"]) == (FRONT, "full")]
    each = [
        float(one["rsquared"]) for person in PEOPLE for one in table(func(study, person, "desc-regions_encoding.tsv"))
        if (one["region"], one["component"]) == (FRONT, "full")
    ]  # fmt: skip
    assert float(row["mean"]) == pytest.approx(np.mean(each), abs=1e-6)
    assert (row["ci025"], row["p"]) == ("n/a", "n/a")  # of two participants nothing is tested
    assert row["guard"] == "mean response"
    assert next(one["guard"] for one in over if one["region"] == "lang") == "own tests"
    for page in ("sub-01.html", "group.html"):
        assert FRONT in (study / "out" / page).read_text()


def test_a_refit_takes_its_regions_away(study):
    assert (
        run(study, "--atlas", str(study / "atlases/tpl-MNI152NLin2009cAsym_atlas-Halves_desc-tiny_dseg.nii.gz")) == 0
    )
    assert func(study, "02", "desc-regions_encoding.tsv").exists()
    assert run(study, "--force", "--participant-label", "02", levels=("participant",)) == 0
    assert not func(study, "02", "desc-regions_encoding.tsv").exists()
    assert not (study / f"out/logs/{stem('02')}_regions.json").exists()
    assert FRONT not in (study / "out/sub-02.html").read_text()
    assert FRONT in (study / "out/sub-01.html").read_text()


def test_what_cannot_be_read_off_leaves_no_other_atlas(study, capsys):
    """Neither where a mask is damaged, nor on the page where the group level alone reads regions off."""
    folder = study / "masks/sub-02"
    masks = study / f"masks/sub-{{participant}}/sub-{{participant}}_{SPACE}_mask.nii.gz"
    atlas = write_atlas(study / "atlases", "tpl-MNI152NLin2009cAsym_atlas-Anew_dseg", halves(), table=((1, "new"),))
    assert run(study, "--atlas", str(atlas), levels=("group",)) == 0
    for page in ("sub-01.html", "sub-02.html", "group.html"):
        assert "new" in (study / "out" / page).read_text()
        assert FRONT not in (study / "out" / page).read_text()
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert run(study, "--localiser", f"lang={masks}") == 1
    assert f"{stem('02')}: no regions: " in capsys.readouterr().out
    assert not func(study, "02", "desc-regions_encoding.tsv").exists()
    path.unlink()  # one participant alone, as in a job of a cluster: others have a mask
    assert run(study, "--localiser", f"lang={masks}", "--participant-label", "02", levels=("participant",)) == 0
    assert "no mask of the localiser 'lang': sub-02" in capsys.readouterr().out
    path.write_bytes(whole)


def refused(study, capsys, *asked):
    """The exit code and the one line, which a dry run says as well."""
    dry = run(study, *asked, "--dry-run")
    line = capsys.readouterr().err.strip()
    assert run(study, *asked) == dry
    assert capsys.readouterr().err.strip() == line
    assert "\n" not in line
    return dry, line


def test_what_cannot_be_laid_is_refused_before_anything_is_computed(study, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    labels = halves()
    elsewhere = write_atlas(tmp_path, "space-T1w_atlas-Own_dseg", labels)
    far = AFFINE.copy()
    far[:3, 3] = 500
    beside = write_atlas(tmp_path, "space-MNI152NLin6Asym_atlas-Far_dseg", labels, far)
    nameless = tmp_path / "other/atlas-Bare_dseg.nii.gz"
    nameless.parent.mkdir()
    nameless.write_bytes(beside.read_bytes())
    wrong = write_atlas(tmp_path, "atlas-Wrong_dseg", labels, table=((7, "seven"),))
    maps = write_atlas(tmp_path, "atlas-Maps_dseg", np.ones((*SHAPE, 3)))
    for asked, code, words in (
        ([str(elsewhere)], 65, "the atlas is in T1w, the results are in MNI152NLin2009cAsym"),
        ([str(beside)], 65, "has no label at any of"),
        ([str(nameless)], 66, "no table names the labels"),
        ([str(wrong)], 65, "none of 2 labels of the atlas has a name"),
        ([str(maps)], 65, "one volume is expected"),
        ([str(tmp_path / "absent.nii.gz")], 66, "the file is not there"),
        (["Glasser"], 66, "no atlas 'Glasser' lies in"),
    ):
        given, line = refused(study, capsys, "--atlas", *asked)
        assert (given, words in line) == (code, True), line
    code, line = refused(study, capsys, "--localiser", f"lang={tmp_path}/sub-{{participant}}_mask.nii.gz")
    assert code == 66
    assert "nobody has a mask of the localiser 'lang'" in line
    assert main([str(study / "bids"), str(study / "out"), "group", "--localiser", "lang=mask.nii.gz"]) == 64


def test_other_grids_of_the_same_space_are_sampled_at_the_nearest_voxel(study):
    """An atlas of half the voxels' size has the same regions."""
    fine, affine = np.kron(halves(), np.ones((2, 2, 2))), AFFINE.copy()
    affine[:3, :3] /= 2
    affine[:3, 3] -= 1.0
    path = write_atlas(study / "fine", "space-MNI152NLin6Asym_atlas-Fine_dseg", fine, affine)
    assert (
        run(study, "--atlas", str(path), "--reports-only", "--participant-label", "01", levels=("participant",)) == 0
    )
    rows = [one for one in table(func(study, "01", "desc-regions_encoding.tsv")) if one["component"] == "full"]
    full = nib.load(func(study, "01", "stat-rsquared_desc-full_statmap.nii.gz")).get_fdata()
    for row, label in zip(rows, (1, 2), strict=True):
        assert float(row["rsquared"]) == pytest.approx(np.nanmean(full[halves() == label]), abs=1e-6)
    about = json.loads(func(study, "01", "desc-regions_encoding.json").read_text())
    assert about["Notes"] == [
        "Fine: it is in MNI152NLin6Asym, results in MNI152NLin2009cAsym: borders may be some millimetres off"
    ]
