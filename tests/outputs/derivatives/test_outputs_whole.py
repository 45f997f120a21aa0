"""Everything at once, for all kinds of targets: the BIDS validator passes it, and two runs are byte-identical."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
from synthetic_units import ANALYSIS, HASH, RESOLVED, all_kinds, make_unit, parcel_targets
from written_maps import definition_of, sidecar_of
from written_units import read_units

from bids_app import group, outputs
from bids_app.outputs.files.files import read_tsv

pytestmark = pytest.mark.long
VALIDATOR = shutil.which("bids-validator-deno", path=Path(sys.executable).parent)
PEOPLE = ("01", "02")


def write_everything(out_dir):
    datasets = {"raw": out_dir.parent / "bids", "fmriprep": out_dir.parent / "bids" / "derivatives" / "fmriprep"}
    outputs.prepare(out_dir, outputs.DataSetFacts(RESOLVED, ANALYSIS, datasets, "0.1.0"))
    for number, person in enumerate(PEOPLE):
        for unit in all_kinds(person, number):
            outputs.write_unit(out_dir, unit)
    status = "unit\tparticipant\tstatus\tseconds\tpeak_mb\treason\nx\t01\tdone\t1.0\t5.0\tn/a\n"
    (out_dir / "status.tsv").write_text(status)
    outputs.write_plan(out_dir, {"units": []})
    units, mean = read_units(out_dir, PEOPLE), "task-story_seg-Brennan10mm"
    outputs.write_mean_response(out_dir, make_unit(parcel_targets(), "", mean), np.full(6, 2))
    whose = outputs.Membership(units, missing=("09",), means=(mean,))
    outputs.write_group(out_dir, group.summarise(units), whose, {"AnalysisHash": HASH})
    outputs.write_participant_report(out_dir, "01", None)
    outputs.write_group_report(out_dir)
    return out_dir


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return write_everything(tmp_path_factory.mktemp("first") / "out")


def validate(out_dir):
    done = subprocess.run([VALIDATOR, "--format", "json", str(out_dir)], capture_output=True, text=True, timeout=120)
    issues = json.loads(done.stdout)["issues"]["issues"]
    return done.returncode, [issue for issue in issues if issue["severity"] == "error"]


@pytest.mark.skipif(VALIDATOR is None, reason="bids-validator-deno is not installed")
def test_the_validator_passes_it(whole):
    assert validate(whole) == (0, [])


@pytest.mark.skipif(VALIDATOR is None, reason="bids-validator-deno is not installed")
def test_the_validator_would_see_an_undefined_column(whole, tmp_path):
    broken = shutil.copytree(whole, tmp_path / "out")
    path = next(broken.rglob("*_channels.json"))
    columns = json.loads(path.read_text())
    del columns["full_rsquared"]
    path.write_text(json.dumps(columns))
    code, errors = validate(broken)
    assert code == 16
    assert errors


def test_two_runs_are_byte_identical(whole, tmp_path):
    again = write_everything(tmp_path / "out")
    first, second = (
        {path.relative_to(one): path.read_bytes() for path in one.rglob("*") if path.is_file()}
        for one in (whole, again)
    )
    assert sorted(first) == sorted(second)
    assert [path for path in first if first[path] != second[path]] == []


def test_nothing_half_written_stays(whole):
    assert not [path for path in whole.rglob("*") if path.name.startswith(".") and path.name != ".bidsignore"]
    assert not [
        path for path in whole.rglob("*") if path.is_file() and not path.stat().st_size and path.suffix != ".lock"
    ]


def test_group_files(whole):
    maps = list((whole / "tpl-MNI152NLin2009cAsym").glob("*.nii.gz"))
    assert (
        whole
        / "tpl-MNI152NLin2009cAsym/tpl-MNI152NLin2009cAsym_task-story_res-2_stat-rsquared_desc-full_statmap.nii.gz"
    ) in maps
    (positive,) = (whole / "tpl-fsaverage5").glob("*hemi-L*_stat-nPositive_statmap.func.gii")
    assert len(nibabel.load(positive).darrays) == 20
    assert definition_of(whole / "tpl-MNI152NLin2009cAsym", "full", "sd").startswith("Standard deviation over part")
    for path in [*whole.glob("tpl-*/*.nii.gz"), *whole.glob("tpl-*/*.gii"), *whole.glob("group/*.tsv")]:
        is_map = "_statmap." in path.name
        sidecar = sidecar_of(path) if is_map else json.loads(path.with_suffix(".json").read_text())
        assert not is_map or sidecar["Sources"]
        assert sidecar["Description"]
        for source in sidecar.get("Sources", ()):
            assert (whole / source.removeprefix("bids::")).is_file() or not source.startswith("bids::")
    electrodes = read_tsv(whole / "group/task-pooled_desc-electrodes_encoding.tsv")
    assert electrodes["participant"] == ["01"] * 30 + ["02"] * 30
    own = read_tsv(whole / "sub-02/ieeg/sub-02_task-pooled_desc-partition_channels.tsv")
    assert electrodes["uniqueSpeech_rsquared"][30:] == own["uniqueSpeech_rsquared"]
    people = read_tsv(whole / "group/desc-people_encoding.tsv")
    assert set(people["participant"]) == set(PEOPLE)
    assert len(people["mean"]) == 2 * 4 * (20 + 5 + 4)  # R² of all, r of models and of unique parts


def test_parcel_means_are_those_of_the_people(whole):
    tables = [
        read_tsv(whole / f"sub-{person}/func/sub-{person}_task-story_seg-Brennan10mm_desc-partition_encoding.tsv")
        for person in PEOPLE
    ]
    joined = read_tsv(whole / "group/task-story_seg-Brennan10mm_desc-partition_encoding.tsv")
    one, two = (np.array(table["full_rsquared"][1:], dtype=float) for table in tables)
    np.testing.assert_allclose(np.array(joined["full_rsquared_mean"][1:], dtype=float), (one + two) / 2, rtol=2e-5)
    np.testing.assert_allclose(
        np.array(joined["full_rsquared_sd"][1:], dtype=float),
        np.std([one, two], axis=0, ddof=1),
        rtol=1e-3,
        atol=1e-6,
    )
    assert joined["full_rsquared_n"] == ["0", "2", "2", "2", "2", "2"]
    assert joined["full_rsquared_mean"][0] == "n/a"
