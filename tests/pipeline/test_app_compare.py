"""`concord-tools compare`: two analyses of one data set, and what cannot be compared."""

import json
import re
import shutil
from dataclasses import replace

import nibabel
import numpy as np
import pytest
from quick_study import func, main, make_quick_study, quick_runs, stem

from bids_app.cli.concord_tools import main as tools
from bids_app.outputs import read_unit_summary
from bids_app.pipeline.compare.pair import _mended
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


def compare(root, *runs, component="full", to="compared"):
    return tools(["compare", *(str(root / run) for run in runs), "--to", str(root / to), "--component", component])


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


def test_a_component_of_both(study):
    assert compare(study, "both", "length", component="length") == 0
    file = study / f"compared/sub-01/func/{stem('01')}_desc-lengthDifference_statmap.nii.gz"
    assert np.abs(np.asarray(nibabel.load(file).dataobj)[..., 2]).max() < 1e-6  # the same model, by ridge
    page = (study / "compared/compare_length.html").read_text()
    assert "Runs compared: length" in page


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
