"""Over people, end to end: five heard the same; tests, the null over the stimulus, ceilings, and what is said
where they cannot be had."""

import json
import shutil

import nibabel as nib
import numpy as np
import pytest
from quick_study import quick_runs
from report_text import report_text
from scipy import stats
from tiny_study import make_study
from written_maps import definition_of, file_of, map_of, sidecar_of

from bids_app.cli.concord import main
from bids_app.outputs.files.files import read_tsv

PEOPLE = ("01", "02", "03", "04", "05")
TPL = "out/tpl-MNI152NLin2009cAsym"
INFERENCE = "\ninference: {permutations: 63}\n"


def concord(root, *more, levels=("participant", "group"), out="out"):
    command = [str(root / "bids"), str(root / out), *levels, "--analysis", str(root / "tiny.yaml"), *more]
    return main(command)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("five")
    _, analysis = make_study(root, PEOPLE)
    analysis.write_text(analysis.read_text() + INFERENCE)
    assert concord(root) == 0
    return root


def group_map(study, stat, desc="full"):
    return map_of(study / TPL, desc, stat)


def sidecar(study, stat, desc="full"):
    return sidecar_of(file_of(study / TPL, desc, stat)[0])


def test_five_people_allow_no_p_below_a_thirty_second(study):
    p = group_map(study, "p")
    assert p[:3].max() == p.min() == pytest.approx(1 / 32)  # the word rate is planted where i < 3
    assert np.median(p[3:]) > 0.5
    assert (group_map(study, "pfwe") >= p - 1e-6).all()
    assert (group_map(study, "ci025") < group_map(study, "rsquared")).all()
    assert "2^−5" in (study / "out/group.html").read_text()


def test_p_is_no_smaller_than_that_of_the_mean_response(study):
    table = read_tsv(study / "out/group/task-story_space-MNI152NLin2009cAsym_desc-meanResponse_encoding.tsv")
    for component in ("full", "uniqueRate", "sharedRateLoudness"):
        mine, theirs = group_map(study, "p", component), np.array(table[f"{component}_p"], dtype=float)
        at = tuple(np.array([name.split(",") for name in table["name"]], dtype=int).T)
        assert (mine[at] >= theirs - 1e-5).all()
    said = sidecar(study, "p")
    assert "mean response" in definition_of(study / TPL, "full", "p")
    assert "5 participants" in said["Inference"]
    assert "all 32 sign vectors" in said["Inference"]


def test_features_are_residualised_for_each_person_and_not_for_the_mean(study):
    """A mean response has lost each one's confounds in part: features cannot lose the same."""
    for stem, residualised in ((f"sub-{PEOPLE[0]}_task-story", True), ("task-story", False)):
        summary = json.loads((study / f"out/logs/{stem}_space-MNI152NLin2009cAsym_unit.json").read_text())
        assert summary["provenance"]["design"]["residualised"] is residualised


def test_ceilings_are_each_persons_from_the_others(study):
    """Half of the variance is planted alike in all, before the confounds and drift are taken out."""
    for person in PEOPLE:
        stem = f"sub-{person}/func/sub-{person}_task-story_space-MNI152NLin2009cAsym"
        path = study / "out" / f"{stem}_desc-betweenPeople_statmap.nii.gz"
        named = [one["Name"] for one in sidecar_of(path)["Components"]]
        assert named == ["ceiling", "ci025", "ci975", "share"]
        assert "No p was computed" in sidecar_of(path)["Inference"]
        ceiling, share = (nib.load(path).get_fdata()[..., named.index(stat)] for stat in ("ceiling", "share"))
        assert np.median(ceiling[:3]) == pytest.approx(0.5, abs=0.12)
        assert np.isnan(ceiling[3:]).mean() > 0.7  # nothing in common
        assert np.isnan(share[3:]).mean() > 0.7
        full = nib.load(study / "out" / f"{stem}_stat-rsquared_desc-full_statmap.nii.gz").get_fdata()
        reliable = np.isfinite(share)
        np.testing.assert_allclose(share[reliable], (full / ceiling)[reliable], rtol=1e-5)
    said = sidecar_of(next((study / TPL).glob("*_desc-betweenPeople_statmap.nii.gz")))
    assert "from 5 participants who heard the same 3 runs" in said["Ceiling"]
    assert len(said["Sources"]) == 5
    assert all((study / "out" / source.removeprefix("bids::")).exists() for source in said["Sources"])
    assert not list((study / "out/logs").glob("concord-scratch-*"))


@pytest.mark.long
def test_ceilings_by_region_are_means_over_people_of_those_of_their_voxels(study):
    shape = nib.load(next((study / TPL).glob("*desc-full_statmap.nii.gz"))).shape
    labels = np.full(shape, 2, dtype=np.int16)
    labels[:3] = 1  # where there is something in common
    affine = nib.load(next((study / TPL).glob("*desc-full_statmap.nii.gz"))).affine
    nib.save(nib.Nifti1Image(labels, affine), study / "tpl-MNI152NLin2009cAsym_atlas-Own_dseg.nii.gz")
    (study / "tpl-MNI152NLin2009cAsym_atlas-Own_dseg.tsv").write_text("index\tname\n1\tfront\n2\tback\n")
    shutil.copytree(study / "out", study / "regions")
    assert concord(study, "--atlas", "Own", "--atlas-dir", str(study), out="regions") == 0
    table = read_tsv(study / "regions/group/task-story_space-MNI152NLin2009cAsym_desc-regions_encoding.tsv")
    cells = zip(table["region"], table["component"], table["ceiling"], strict=True)
    rows = {(region, component): float(value) for region, component, value in cells if value != "n/a"}
    each = []
    for person in PEOPLE:
        path = next((study / f"regions/sub-{person}/func").glob("*desc-betweenPeople_statmap.nii.gz"))
        each.append(np.nanmean(nib.load(path).get_fdata()[..., 0][labels == 1]))
    assert rows["front", "full"] == pytest.approx(np.mean(each), abs=1e-5)
    assert {component for _, component in rows} == {"full"}
    assert "inter-subject noise ceiling" in (study / "regions/group.html").read_text()


def test_what_models_add_to_the_baseline_is_tested_over_people(study):
    table = read_tsv(study / "out/group/task-story_space-MNI152NLin2009cAsym_desc-meanResponse_encoding.tsv")
    for name in ("baseline", "loudnessBeyondBaseline"):
        folders = [study / "out" / f"sub-{person}/func" for person in PEOPLE]
        values = np.arctanh([map_of(folder, name, "r") for folder in folders])  # Fisher's z of each one's r
        exact = stats.permutation_test(
            (values,), np.mean, permutation_type="samples", alternative="greater", n_resamples=np.inf, axis=0
        ).pvalue
        exact[values.mean(axis=0) <= 0] = 1
        of_mean = np.array(table[f"{name}_p"], dtype=float)
        at = tuple(np.array([each.split(",") for each in table["name"]], dtype=int).T)
        exact[at] = np.maximum(exact[at], of_mean)
        np.testing.assert_allclose(group_map(study, "p", name), exact, atol=1e-6)
    text = report_text(study / "out/group.html")
    assert "The baseline alone: mean R²" in text
    assert "What loudness predicts beyond the baseline: mean R²" in text
    assert "over 5 participants; r is above 0 in" in text


def test_without_responses_it_is_left_out_and_said(study):
    root = study
    shutil.copytree(root / "out", root / "again")
    away = root / "away"
    (root / "bids/derivatives/fmriprep").rename(away)
    try:
        assert concord(root, levels=("group",), out="again") == 0
    finally:
        away.rename(root / "bids/derivatives/fmriprep")
    text = report_text(root / "again/group.html")
    assert "Null over the stimulus – none: responses were not read again." in text
    assert "Noise ceiling from other participants. There is none: responses were not read again." in text
    p = map_of(root / TPL.replace("out/", "again/"), "full", "p")
    assert p[:3].max() == pytest.approx(1 / 32)


def test_people_who_heard_other_stories_have_no_null_over_the_stimulus(tmp_path, study):
    bids, analysis = make_study(tmp_path, ("01", "02"), runs=(1, 2, 3, 4, 5, 6))
    analysis.write_text(analysis.read_text() + INFERENCE)
    for person, runs in (("01", (4, 5, 6)), ("02", (1, 2, 3))):
        for path in [one for run in runs for one in bids.rglob(f"sub-{person}*_run-{run}_*")]:
            path.unlink()
    assert concord(tmp_path) == 0
    out = tmp_path / "out"
    assert "2 participants: there is no p over participants" in report_text(out / "group.html")
    assert np.isfinite(map_of(tmp_path / TPL, "full", "rsquared")).any()
    assert np.isnan(map_of(tmp_path / TPL, "full", "ci025")).all()  # nothing is tested, so nothing is said to be sure
    assert not list(out.glob("tpl-*/*stat-p_*"))
    assert not list((out / "group").glob("*meanResponse*"))
    assert not list(out.rglob("*betweenPeople*"))


@pytest.mark.long
def test_targets_that_most_people_have_are_tested_where_that_is_asked_for(tmp_path):
    """One of six lacks a column of voxels, where the word rate is planted. The group level alone is made again."""
    people, lacked = (*PEOPLE, "06"), np.s_[0, 0]
    bids, analysis = make_study(tmp_path, people)
    for mask in bids.rglob("sub-06*_mask.nii.gz"):
        image = nib.load(mask)
        inside = np.asarray(image.dataobj).copy()
        inside[lacked] = 0
        nib.save(nib.Nifti1Image(inside, image.affine), mask)
    plain = analysis.read_text() + INFERENCE
    found = {}
    out = tmp_path / "out"
    for share, levels in ((0.8, ("participant", "group")), (1.0, ("group",))):
        analysis.write_text(plain + f"group: {{least_share: {share}, tfce: {str(share < 1).lower()}}}\n")
        with quick_runs():
            assert concord(tmp_path, levels=levels) == 0
        stats = ("n", "p", "pfwe", "rsquared", *(["pfweTfce"] if share < 1 else []))
        maps = {stat: map_of(tmp_path / TPL, "full", stat) for stat in stats}
        (table,) = (out / "group").glob("*meanResponse_encoding.tsv")
        found[share] = maps, report_text(out / "group.html"), read_tsv(table)["name"]
        assert ("least_share: 0.8" in (out / "analysis.yaml").read_text()) == (share < 1)
    assert not list(out.rglob("*pfweTfce*"))
    for maps, _, _ in found.values():
        assert (maps["n"][lacked] == 5).all()
        assert np.isfinite(maps["rsquared"][lacked]).all()
    assert np.isnan(found[1.0][0]["p"][lacked]).all()
    assert (found[0.8][0]["p"][lacked] <= 1 / 16).all()
    by_tfce = found[0.8][0]["pfweTfce"]
    np.testing.assert_array_equal(np.isfinite(by_tfce), np.isfinite(found[0.8][0]["pfwe"]))
    assert (by_tfce[lacked] <= 1 / 16).all()
    assert "by TFCE in" in found[0.8][1]
    assert "by TFCE" not in found[1.0][1]
    assert "38 voxels that at least 6 of 6 participants have" in found[1.0][1]
    assert "40 voxels that at least 5 of 6 participants have" in found[0.8][1]
    assert {share: len(names) for share, (*_, names) in found.items()} == {1.0: 38, 0.8: 40}
