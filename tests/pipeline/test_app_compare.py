"""`concord-tools compare`: two analyses of one data set, and what cannot be compared."""

import csv
import json
import re
import shutil
from dataclasses import replace

import nibabel
import numpy as np
import pytest
from quick_study import SPACE, func, main, make_quick_study, quick_runs, stem
from tiny_study import AFFINE, SHAPE

from bids_app.cli.concord_tools import main as tools
from bids_app.outputs import read_unit_summary
from bids_app.pipeline.compare.pair import _heard, _mended, _side, _why_no_p
from bids_app.pipeline.compare.runs import page_name


def edited(text, *changes):
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = make_quick_study(tmp_path_factory.mktemp("compared"), ("01", "02"), (1, 2, 3))
    text = edited((root / "quick.yaml").read_text(), ("delays_s: [2, 4]", "delays_s: [2, 4, 6]"))
    analyses = {
        "both": text,
        "length": edited(text, ("  rate: {kind: word_rate}\n", ""), ("name: quick", "name: length")),
        "cleaned": edited(text, ("high_pass_s: 128", "high_pass_s: 60")),
    }
    for name, analysis in analyses.items():
        (root / f"{name}.yaml").write_text(analysis)
        with quick_runs():
            labels = ["01", "02"] if name in ("both", "length") else ["01"]
            study = [str(root / "bids"), str(root / name), "participant"]
            arguments = [*study, "--analysis", str(root / f"{name}.yaml")]
            assert main([*arguments, "-q", "--save", "blocks", "--participant-label", *labels]) == 0
    return root


def compare(root, *runs, component="full", to="compared", more=()):
    folders = (str(root / run) for run in runs)
    return tools(["compare", *folders, "--to", str(root / to), "--component", component, *more])


def rows_of(path):
    with path.open() as file:
        return {row["region"]: row for row in csv.DictReader(file, delimiter="\t")}


def difference_of(folder, person):
    path = folder / f"sub-{person}/func/{stem(person)}_desc-fullDifference_statmap.nii.gz"
    return np.asarray(nibabel.load(path).dataobj)[..., 2]


def halves(folder, affine=AFFINE):
    """An atlas of a front and a back, with its table."""
    folder.mkdir(exist_ok=True)
    labels = np.full(SHAPE, 2, dtype=np.int16)
    labels[:2] = 1
    nibabel.save(nibabel.Nifti1Image(labels, affine), folder / "tpl-MNI152NLin2009cAsym_atlas-Halves_dseg.nii.gz")
    (folder / "tpl-MNI152NLin2009cAsym_atlas-Halves_dseg.tsv").write_text("index\tname\n1\tfront\n2\tback\n")
    return labels


def rsquared(root, run, component="full"):
    path = root / run / func(root, "01", f"stat-rsquared_desc-{component}_statmap.nii.gz").relative_to(root / "out")
    return np.asarray(nibabel.load(path).dataobj)


def test_the_difference_is_that_of_the_maps(study, capsys):
    assert compare(study, "both", "length") == 0
    assert "2 comparisons" in capsys.readouterr().out
    file = study / f"compared/sub-01/func/{stem('01')}_desc-fullDifference_statmap.nii.gz"
    names = [one["Name"] for one in json.loads(file.with_name(file.name[:-7] + ".json").read_text())["Components"]]
    maps = dict(zip(names, np.moveaxis(np.asarray(nibabel.load(file).dataobj), -1, 0), strict=True))
    assert names == ["first", "second", "difference", "ci025", "ci975", "p", "pfwe", "q"]
    np.testing.assert_allclose(maps["first"], rsquared(study, "both"), atol=1e-6)
    np.testing.assert_allclose(maps["second"], rsquared(study, "length"), atol=1e-6)
    np.testing.assert_allclose(maps["difference"], maps["first"] - maps["second"], atol=1e-6)
    assert (maps["ci025"] <= maps["difference"]).all()
    assert ((maps["p"] > 0) & (maps["p"] <= maps["pfwe"])).all()


def test_the_page_needs_nothing_else_and_says_what_was_compared(study):
    assert compare(study, "both", "length") == 0
    page = (study / "compared/compare.html").read_text()
    assert "both less length" in page
    assert "quick: rate, length; ridge" in page
    assert "fewer than 12, p is unreliable" in page
    for run in ("both", "length"):
        summary = json.loads((study / run / f"logs/{stem('01')}_unit.json").read_text())
        said = page.partition(f"What stands against trusting {run}</h3>")[2].partition("</ul>")[0]
        assert said.count("<li>") == len(summary["warnings"]) > 0
        assert "p is n/a" in said or "p is unreliable" in said
    assert not re.search(r"https?://|<script|<link|src=", page)
    for link in re.findall(r'href="([^"]+)"', page):
        assert (study / "compared" / link).exists()
    mean = np.nanmean(rsquared(study, "both")) - np.nanmean(rsquared(study, "length"))
    assert f"{mean:.3f}".replace("-", "−") in page


def test_regions_are_those_of_concord_and_participants_are_joined(study, capsys):
    labels = halves(study / "atlases")
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[1, :2] = 1
    nibabel.save(nibabel.Nifti1Image(mask, AFFINE), study / f"bids/sub-01_{SPACE}_mask.nii.gz")
    asked = ("--atlas", "Halves", "--atlas-dir", str(study / "atlases"))
    own = ("--localiser", f"lang=sub-{{participant}}_{SPACE}_mask.nii.gz")  # from the data set that was fitted
    assert compare(study, "both", "length", to="regions", more=(*asked, *own)) == 0
    assert "no mask of the localiser 'lang': sub-02" in capsys.readouterr().out
    file = study / f"regions/sub-01/func/{stem('01')}_desc-fullRegionDifference_encoding.tsv"
    found = rows_of(file)
    assert [*found] == ["front", "back", "lang"]
    first, second = rsquared(study, "both"), rsquared(study, "length")
    for name, chosen in (("front", labels == 1), ("back", labels == 2), ("lang", mask == 1)):
        row, means = found[name], [np.nanmean(one[chosen]) for one in (first, second)]
        assert [float(row[stat]) for stat in ("first", "second")] == pytest.approx(means, abs=1e-6)
        assert float(row["difference"]) == pytest.approx(means[0] - means[1], abs=1e-6)
        assert float(row["ci025"]) <= float(row["difference"]) <= float(row["ci975"])
        assert int(row["n"]) == np.isfinite(first[chosen]).sum()
    about = json.loads(file.with_suffix(".json").read_text())
    assert set(about["Atlases"]) == {"Halves", "localiser lang"}
    assert set(found["front"]) <= set(about)

    folder = study / "regions"
    over = rows_of(folder / f"group/task-story_{SPACE}_desc-fullRegionDifference_encoding.tsv")
    each = [
        rows_of(folder / f"sub-{who}/func/{stem(who)}_desc-fullRegionDifference_encoding.tsv") for who in ("01", "02")
    ]
    assert float(over["front"]["mean"]) == pytest.approx(
        np.mean([float(one["front"]["difference"]) for one in each]), abs=1e-6
    )
    assert (over["front"]["n_participants"], over["lang"]["n_participants"]) == ("2", "1")
    assert (over["all targets"]["p"], over["all targets"]["ci025"]) == ("n/a", "n/a")  # of two participants
    name = "tpl-MNI152NLin2009cAsym/tpl-MNI152NLin2009cAsym_task-story_desc-fullDifference_statmap"
    names = [one["Name"] for one in json.loads((folder / f"{name}.json").read_text())["Components"]]
    maps = dict(
        zip(names, np.moveaxis(np.asarray(nibabel.load(folder / f"{name}.nii.gz").dataobj), -1, 0), strict=True)
    )
    single = [difference_of(folder, who) for who in ("01", "02")]
    both = np.isfinite(single).all(axis=0)
    np.testing.assert_allclose(maps["mean"][both], np.mean(single, axis=0)[both], atol=1e-6)
    assert np.isnan(maps["p"]).all()
    page = (folder / "compare.html").read_text()
    assert "3 regions of Halves and localiser" in page
    assert "Fewer than 6: there is no p over participants." in page
    for link in re.findall(r'href="([^"]+)"', page):
        assert (folder / link).exists()


def test_what_regions_cannot_be_laid_is_one_line_or_names_its_unit(study, capsys):
    elsewhere = AFFINE.copy()
    elsewhere[:3, 3] += 500
    halves(study / "elsewhere", elsewhere)
    far = ("--atlas", "Halves", "--atlas-dir", str(study / "elsewhere"))
    assert compare(study, "both", "length", to="nothing", more=far) == 65
    (line,) = capsys.readouterr().err.splitlines()
    assert "has no label at any of" in line
    assert compare(study, "both", "length", to="nothing", more=("--atlas", "Schaefer2018")) == 66
    assert "no atlas 'Schaefer2018' lies in" in capsys.readouterr().err
    assert not (study / "nothing").exists()
    (study / f"bids/sub-02_{SPACE}_damaged.nii.gz").write_bytes(b"no image")
    damaged = ("--localiser", f"lang=sub-{{participant}}_{SPACE}_damaged.nii.gz")
    halves(study / "atlases")
    beside = ("--atlas", "Halves", "--atlas-dir", str(study / "atlases"))
    assert compare(study, "both", "length", to="damaged", more=(*damaged, *beside)) == 1
    assert f"{stem('02')}: no regions of own masks: " in capsys.readouterr().out
    table = study / f"damaged/sub-02/func/{stem('02')}_desc-fullRegionDifference_encoding.tsv"
    assert [*rows_of(table)] == ["front", "back"]  # the atlas is laid all the same
    assert (study / f"damaged/sub-02/func/{stem('02')}_desc-fullDifference_statmap.nii.gz").exists()


def test_a_component_of_both(study):
    assert compare(study, "both", "length", component="length") == 0
    file = study / f"compared/sub-01/func/{stem('01')}_desc-lengthDifference_statmap.nii.gz"
    assert np.abs(np.asarray(nibabel.load(file).dataobj)[..., 2]).max() < 1e-6  # the same model, by ridge
    page = (study / "compared/compare_length.html").read_text()
    assert "Runs compared: length" in page
    runs = [str(study / run) for run in ("both", "length")]
    assert tools(["compare", *runs, "--to", str(study / "several"), "--component", "full", "length"]) == 0
    assert {path.name for path in (study / "several").glob("*.html")} == {"compare.html", "compare_length.html"}
    assert (study / "several/compare_length.html").read_text() == page


def test_two_components_lie_beside_each_other():
    assert (page_name("full"), page_name("uniqueSpeech")) == ("compare.html", "compare_uniqueSpeech.html")


def test_of_blocks_of_two_lengths_the_shorter_alone_are_made_anew(study):
    summary = read_unit_summary(study / "both", stem("01"))
    made = summary.provenance.inference
    longer = replace(summary, provenance=replace(summary.provenance, inference=replace(made, block_s=89.0)))
    for pair, names in (((summary, longer), ("one", "two")), ((longer, summary), ("two", "one"))):
        said = _mended(pair, names)
        assert "fit one alone again, into a new OUT_DIR, with inference.block_s.fmri: 89 and --save blocks" in said
    assert _mended((summary, summary), ("one", "two")) == "fit both to the same responses and folds"


def with_solver(summary, solver):
    analysis = summary.provenance.analysis
    fit = replace(analysis.fit, solver=solver)
    return replace(summary, provenance=replace(summary.provenance, analysis=replace(analysis, fit=fit)))


def test_shared_parts_have_no_p_over_participants_under_plain_ridge(study):
    """Neither have they at the group level: one penalty makes them too large in everybody."""
    plain = read_unit_summary(study / "both", stem("01"))
    banded = with_solver(plain, "banded_ridge")
    for pair in ((plain, plain), (plain, banded), (banded, plain)):
        assert "plain ridge makes them too large" in _why_no_p(pair, "sharedRateLength")
        assert _why_no_p(pair, "uniqueRate") == _why_no_p(pair, "full") == ""
    assert _why_no_p((banded, banded), "sharedRateLength") == ""
    shutil.copytree(study / "both", study / "again")
    assert compare(study, "both", "again", component="sharedRateLength", to="shared") == 0
    said = _why_no_p((plain, plain), "sharedRateLength")
    assert f"{said}." in (study / "shared/compare_sharedRateLength.html").read_text()
    for path in (study / "shared").rglob("*sharedRateLength*Difference_*.json"):
        group = "Participants" in json.loads(path.read_text())
        assert json.loads(path.read_text()).get("Notes", []) == ([said] if group else [])
    assert len([*(study / "shared/group").glob("*.json")]) == 1


def test_what_was_heard_is_told_by_stimuli_and_is_unknown_without_them(study):
    side = _side(study / "both", stem("01"))
    played = {one.label: one for one in side.summary.recordings}
    for (contents, start_s), run, begins_s in zip(_heard(side), side.sums.runs, side.sums.starts_s, strict=True):
        (event,) = played[run].stimuli
        assert (contents, start_s) == ((event.stimulus_id,), begins_s - event.onset_s)
    silent = [replace(one, stimuli=()) for one in side.summary.recordings]
    unknown = replace(side, summary=replace(side.summary, recordings=tuple(silent)))
    assert {contents for contents, _ in _heard(unknown)} == {()}


@pytest.mark.parametrize(
    ("runs", "component", "said", "code"),
    [
        (("both", "cleaned"), "full", "the runs have other responses: they were cleaned otherwise", 65),
        (("both", "length"), "uniqueRate", "has no component 'uniqueRate'", 64),
        (("both", "both"), "full", "compare takes two OUT_DIRs or more, each once", 64),
        (("both", "bids"), "full", "no results of Concord", 66),
    ],
)
def test_what_cannot_be_compared_is_one_line(study, capsys, runs, component, said, code):
    assert compare(study, *runs, component=component, to="nothing") == code
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(said, line)
    assert not (study / "nothing").exists()


def test_sums_that_were_not_saved_say_how_they_are(study, capsys):
    shutil.copytree(study / "cleaned", study / "plain")
    for path in (study / "plain/logs").glob("*_saved.json"):
        path.unlink()
    assert compare(study, "both", "plain", to="nothing") == 66
    assert "run concord there again with --save blocks" in capsys.readouterr().err


def test_blocks_need_inference(study, capsys):
    text = edited((study / "both.yaml").read_text(), ("permutations: 15", "permutations: 0"))
    (study / "untested.yaml").write_text(text)
    arguments = [str(study / "bids"), str(study / "untested"), "participant"]
    arguments += ["--analysis", str(study / "untested.yaml")]
    assert main([*arguments, "--save", "blocks"]) == 64
    assert "asks for no inference" in capsys.readouterr().err


def test_a_unit_that_cannot_be_paired_is_left_out_and_named(study, capsys):
    """Results of 01 of another cleaning beside those of 02: written by hand into one OUT_DIR."""
    mixed = study / "mixed"
    shutil.copytree(study / "both", mixed)
    for folder, pattern in (("logs", "sub-01*.json"), ("sub-01/func", "*")):
        for path in (study / "cleaned" / folder).glob(pattern):
            shutil.copy(path, mixed / folder / path.name)
    assert compare(study, "length", "mixed", to="of-mixed") == 1
    said = capsys.readouterr().out
    assert "left out: cannot be compared: the runs have other responses" in said
    assert "1 comparisons" in said
    assert "Left out: cannot be compared" in (study / "of-mixed/compare.html").read_text()
    assert not (study / "of-mixed/sub-01").exists()
